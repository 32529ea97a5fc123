//! Debezium, as the embedded engine runs it: a real consumer of a slot, in a Java process of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long Java and Debezium may take to start and to hand on what is there.
const PATIENCE: Duration = Duration::from_mins(3);

/// Settings of the connector, by its own names.
pub(crate) type Settings = BTreeMap<String, String>;

/// One change event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// `r` of the snapshot, `c`, `u`, `d`.
    pub(crate) op: String,
    /// `schema.table`
    pub(crate) table: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// A running consumer. Dropped, it has ended.
pub(crate) struct Debezium {
    child: Child,
    events: Arc<Mutex<Vec<Event>>>,
    said: Arc<Mutex<String>>,
    seen: usize,
}

impl Debezium {
    /// Starts with these settings. `folder` keeps how far it came, so that a second start goes on there.
    pub(crate) fn start(folder: &Path, settings: &Settings) -> Self {
        let mut all = settings.clone();
        let offsets = folder.join("debezium.offsets");
        for (name, value) in [
            ("name", "neonrep"),
            ("offset.storage", "org.apache.kafka.connect.storage.FileOffsetBackingStore"),
            ("offset.storage.file.filename", &offsets.display().to_string()),
            ("offset.flush.interval.ms", "0"),
            ("converter.schemas.enable", "false"),
        ] {
            all.insert(name.to_owned(), value.to_owned());
        }
        let file = folder.join("debezium.properties");
        fs::write(&file, properties(&all)).expect("a file of properties");
        let mut command = Command::new("java");
        command.arg("-cp").arg(classpath()).arg(sources().join("Consumer.java")).arg(&file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`java` is missing: install a JDK (17 or newer) and put it on the PATH");
        let (events, said) = (Arc::<Mutex<Vec<Event>>>::default(), Arc::<Mutex<String>>::default());
        let stdout = child.stdout.take().expect("its standard output");
        let heard = Arc::clone(&events);
        std::thread::spawn(move || {
            for event in BufReader::new(stdout).lines().map_while(Result::ok).filter_map(|line| read(&line)) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
        let mut stderr = child.stderr.take().expect("its standard error");
        let log = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(n @ 1..) = stderr.read(&mut bytes) {
                log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child, events, said, seen: 0 }
    }

    /// The next `n` events. Panics with what it said when they do not come.
    pub(crate) fn next(&mut self, n: usize) -> Vec<Event> {
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if events.len() >= self.seen + n {
                let next = events[self.seen..self.seen + n].to_vec();
                self.seen += n;
                return next;
            }
            let ended = !matches!(self.child.try_wait(), Ok(None));
            assert!(
                !ended && Instant::now() < until,
                "{n} events were expected, {:?} came:\n{}",
                &events[self.seen..],
                self.said.lock().unwrap_or_else(PoisonError::into_inner)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as an operator would: it confirms what it has handed on.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Debezium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A change event of a table; what else there is (messages, heartbeats) is passed over.
fn read(line: &str) -> Option<Event> {
    let (_, value) = line.split_once('\t')?;
    let value: Value = serde_json::from_str(value).ok()?;
    let op = value["op"].as_str().filter(|it| matches!(*it, "r" | "c" | "u" | "d"))?.to_owned();
    let source = |name: &str| value["source"][name].as_str().unwrap_or_default().to_owned();
    let table = format!("{}.{}", source("schema"), source("table"));
    Some(Event { op, table, before: value["before"].clone(), after: value["after"].clone() })
}

/// A file of properties, in which backslashes and line ends are escaped.
fn properties(settings: &Settings) -> String {
    let mut text = String::new();
    for (name, value) in settings {
        let value = value.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debezium")
}

/// The jars, which Maven fetches once.
fn classpath() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let done = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(sources().join("pom.xml"))
            .arg("dependency:build-classpath")
            .arg(format!("-Dmdep.outputFile={}", file.path().display()))
            .output()
            .expect("`mvn` is missing: install Maven, which fetches Debezium for this test");
        assert!(done.status.success(), "Maven: {}", String::from_utf8_lossy(&done.stdout));
        fs::read_to_string(file.path()).expect("the list of jars").trim().to_owned()
    })
}
