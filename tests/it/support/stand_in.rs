//! One stand-in per test: started, asked, told to fail, and ended.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_postgres::Config;

use super::cli;
use super::sql::{self, Rows, Session, SqlError};

/// How many stand-ins run at once: each is a program and a Postgres server with a dozen processes.
const AT_ONCE: usize = 4;

/// The line that the stand-in prints when it is ready.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Ready {
    pub(crate) api_url: String,
    pub(crate) api_key: String,
    pub(crate) project_id: String,
    pub(crate) branch_id: String,
    pub(crate) endpoint_id: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) owner_role: String,
    pub(crate) superuser_dsn: String,
    pub(crate) sslrootcert: String,
    pub(crate) admin_url: String,
}

/// A running stand-in. Dropped, it has ended with all that it started.
pub(crate) struct StandIn {
    pub(crate) ready: Ready,
    pub(crate) runtime: Arc<Runtime>,
    http: reqwest::Client,
    child: Child,
    _permit: Permit,
}

impl StandIn {
    /// Starts one over this major version of Postgres, logical replication off.
    pub(crate) fn start(postgres: u16) -> Self {
        Self::start_with(postgres, &[])
    }

    /// Starts one with logical replication on.
    pub(crate) fn start_logical(postgres: u16) -> Self {
        Self::start_with(postgres, &["--logical"])
    }

    /// Starts one with more arguments.
    pub(crate) fn start_with(postgres: u16, arguments: &[&str]) -> Self {
        let permit = Permit::take();
        let mut command = Command::new(cli::stand_in());
        command.args(["--postgres", &postgres.to_string()]).args(arguments);
        // A group of its own: Ctrl-C at the terminal reaches the CLI under test, which may still need its servers.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // Its standard input is ours: when we die without a word, it closes.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the stand-in starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its standard output");
        let mut stderr = child.stderr.take().expect("its standard error");
        // Read to the end, or the pipe fills and it stops.
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        BufReader::new(stdout).read_line(&mut line).expect("a line from the stand-in");
        let Ok(ready) = serde_json::from_str::<Ready>(&line) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the stand-in for Postgres {postgres} did not start: {line}{}", said.join().unwrap_or_default());
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime"));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("a client");
        let it = Self { ready, runtime, http, child, _permit: permit };
        it.settings(&json!({ "journal_answers": true }));
        it
    }

    // --- SQL

    /// Superuser on the project's database; panics with the server's words.
    pub(crate) fn sql(&self, statements: &str) -> Rows {
        self.sql_in(&self.ready.database, statements)
    }

    /// Superuser on that database.
    pub(crate) fn sql_in(&self, database: &str, statements: &str) -> Rows {
        let found = self.session_in(database).and_then(|session| session.run(statements));
        found.unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// The one value that a superuser reads on the project's database.
    pub(crate) fn value(&self, query: &str) -> String {
        sql::single(&self.sql(query))
    }

    /// The one value that a superuser reads on that database.
    pub(crate) fn value_in(&self, database: &str, query: &str) -> String {
        sql::single(&self.sql_in(database, query))
    }

    /// A superuser's session that stays open.
    pub(crate) fn session(&self) -> Session {
        self.session_in(&self.ready.database).unwrap_or_else(|error| panic!("connecting: {error}"))
    }

    /// A superuser's session on that database; a server that is just starting is waited for.
    pub(crate) fn session_in(&self, database: &str) -> Result<Session, SqlError> {
        let config = self.superuser(database);
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match Session::open(&self.runtime, &config) {
                // 57P03: it is starting up; no state: nobody listens yet.
                Err(error) if matches!(error.state.as_str(), "57P03" | "") && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                outcome => return outcome,
            }
        }
    }

    /// How a superuser connects to that database.
    pub(crate) fn superuser(&self, database: &str) -> Config {
        let mut config: Config = self.ready.superuser_dsn.parse().expect("superuser_dsn");
        config.dbname(database);
        config
    }

    /// The superuser's connection as libpq reads it: for a subscription.
    pub(crate) fn superuser_conninfo(&self, database: &str) -> String {
        let config = self.superuser(database);
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
        let port = config.get_ports().first().copied().unwrap_or(self.ready.port);
        let user = config.get_user().unwrap_or_default();
        format!("host=127.0.0.1 port={port} dbname={database} user={user} password={password} sslmode=disable")
    }

    /// How a role reaches the project's database through the front, as libpq reads it.
    pub(crate) fn conninfo(&self, role: &str, password: &str) -> String {
        let Ready { host, port, database, .. } = &self.ready;
        format!("host={host} port={port} dbname={database} user={role} password={password} sslmode=require")
    }

    /// One role's statements on the project's database: TLS, verified, the direct host.
    pub(crate) fn sql_as(&self, role: &str, password: &str, statements: &str) -> Result<Rows, SqlError> {
        let mut config = Config::new();
        config.host(&self.ready.host).port(self.ready.port).dbname(&self.ready.database).user(role).password(password);
        Session::open_verified(&self.runtime, &config, &self.ready.sslrootcert)?.run(statements)
    }

    /// The owner's statements on the project's database.
    pub(crate) fn sql_as_owner(&self, statements: &str) -> Result<Rows, SqlError> {
        let owner = self.ready.owner_role.clone();
        let password = self.password_of(&owner);
        self.sql_as(&owner, &password, statements)
    }

    /// The table that the Databricks guide makes, with its rows, owned by the database's owner.
    pub(crate) fn sample_table(&self) {
        self.sql_as_owner(
            "CREATE TABLE IF NOT EXISTS playing_with_neon(id SERIAL PRIMARY KEY, name TEXT NOT NULL, value REAL);
             INSERT INTO playing_with_neon(name, value)
             SELECT LEFT(md5(i::TEXT), 10), random() FROM generate_series(1, 10) s(i);",
        )
        .unwrap_or_else(|error| panic!("the sample table: {error}"));
    }

    // --- The API and the admin routes

    /// A call of the API with its key: status and body.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send(method, &format!("{}{path}", self.ready.api_url), body)
    }

    /// The password of a role of the default branch, by the API.
    pub(crate) fn password_of(&self, role: &str) -> String {
        let (project, branch) = (&self.ready.project_id, &self.ready.branch_id);
        let path = format!("/projects/{project}/branches/{branch}/roles/{role}/reveal_password");
        let (status, answer) = self.api("GET", &path, None);
        assert_eq!(status, 200, "password of {role}: {answer}");
        answer["password"].as_str().expect("a password").to_owned()
    }

    /// Adds a rule: the next matching requests fail as it says.
    pub(crate) fn fault(&self, rule: &Value) {
        self.admin("POST", "/faults", Some(rule));
    }

    /// Takes all rules away.
    pub(crate) fn no_faults(&self) {
        self.admin("DELETE", "/faults", None);
    }

    /// All requests that the API has seen.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let answer = self.admin("GET", "/requests", None);
        let list = answer.as_array().or_else(|| answer["requests"].as_array());
        list.cloned().unwrap_or_else(|| panic!("not a journal: {answer}"))
    }

    /// Forgets the requests so far.
    pub(crate) fn forget_requests(&self) {
        self.record();
        self.admin("DELETE", "/requests", None);
    }

    /// How often a request of this method whose path contains this was seen.
    pub(crate) fn count_requests(&self, method: &str, path: &str) -> usize {
        let matches = |it: &&Value| it["method"] == method && it["path"].as_str().is_some_and(|at| at.contains(path));
        self.requests().iter().filter(matches).count()
    }

    /// Changes settings of the project or of the stand-in.
    pub(crate) fn settings(&self, changes: &Value) {
        self.admin("PATCH", "/settings", Some(changes));
    }

    /// `restart`, `stop` or `start` of the Postgres server.
    pub(crate) fn postgres(&self, what: &str) {
        self.admin("POST", &format!("/postgres/{what}"), None);
    }

    /// Any admin route; panics unless it succeeds.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.send(method, &format!("{}{path}", self.ready.admin_url), body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn send(&self, method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
        self.try_to_send(method, url, body).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn try_to_send(&self, method: &str, url: &str, body: Option<&Value>) -> reqwest::Result<(u16, Value)> {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url).bearer_auth(&self.ready.api_key);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            let body = serde_json::from_str(&text);
            Ok((status, body.unwrap_or(if text.is_empty() { json!(null) } else { json!(text) })))
        })
    }

    /// Keeps the requests and answers so far, for the test that holds them against Neon's `OpenAPI` document.
    fn record(&self) {
        let Some(folder) = recordings() else { return };
        let Ok((200, journal)) = self.try_to_send("GET", &format!("{}/requests", self.ready.admin_url), None) else {
            return; // a test has ended it
        };
        let lines: Vec<String> = journal["requests"].as_array().into_iter().flatten().map(Value::to_string).collect();
        let lines = lines.join("\n");
        let name = format!("{}-{}.jsonl", std::process::id(), self.child.id());
        let file = OpenOptions::new().create(true).append(true).open(folder.join(name));
        file.and_then(|mut it| it.write_all(lines.as_bytes())).expect("a file of the recordings");
    }

    /// What a user's shell would export for this stand-in.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NEON_API_URL", self.ready.api_url.clone()),
            ("NEON_API_KEY", self.ready.api_key.clone()),
            ("PGSSLROOTCERT", self.ready.sslrootcert.clone()),
            ("TF_VAR_project_id", self.ready.project_id.clone()),
        ]
    }

    /// The id of an object of the project's database: `project/branch/database/name`.
    pub(crate) fn id_of(&self, name: &str) -> String {
        format!("{}/{}/{}/{name}", self.ready.project_id, self.ready.branch_id, self.ready.database)
    }
}

/// Where stories leave their requests and answers.
pub(crate) fn recordings() -> Option<PathBuf> {
    let folder = super::cli::scratch()?.join("exchanges");
    fs::create_dir_all(&folder).expect("a folder");
    Some(folder)
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.record();
        }
        drop(self.child.stdin.take());
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// The right to run one stand-in.
struct Permit;

impl Permit {
    fn take() -> Self {
        let mut running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= AT_ONCE {
            running = RUNNING.1.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_one();
    }
}
