//! Each run of the CLI is searched for secrets: what it printed, what was logged at TRACE, and the states that it left.
//!
//! A password of the stand-in begins with `npg_`, a key with `napi_`, so those that no test has ever seen are found too. Beside them the
//! values of variables such as `PGPASSWORD` count. A configuration that asks for passwords finds them in its state and its outputs;
//! messages and the provider's own log never hold one.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::outcome::Outcome;

/// By what a configuration asks for secrets that Terraform then stores; the last is a resource of a test that holds the key itself.
const ASKS: [&str; 3] = ["store_password", "include_password", "terraform_data.key"];

/// How the stand-in's secrets begin, and how many letters and digits follow at least.
const PREFIXES: [&str; 2] = ["npg_", "napi_"];
const LENGTH: usize = 12;

/// What is known of a folder's secrets.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    named: RefCell<Vec<Named>>,
    asks: Cell<bool>,
    log_read: Cell<u64>,
}

#[derive(Clone, Debug)]
struct Named {
    text: String,
    /// Terraform writes variables into plans, also sensitive ones.
    is_variable: bool,
}

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Messages and the provider's log: no secret, whatever was asked for.
    Told,
    /// States, outputs and Terraform's own log: what was asked for.
    Data,
    /// A plan or state that the CLI shows as data.
    Shown,
}

impl Watch {
    /// A secret by its text. Short ones are found by accident and say nothing.
    pub(crate) fn name(&self, secret: &str, is_variable: bool) {
        if secret.len() >= 8 {
            self.named.borrow_mut().push(Named { text: secret.to_owned(), is_variable });
        }
    }

    /// A variable of the CLI's environment.
    pub(crate) fn variable(&self, name: &str, value: &str) {
        let of_user = name.strip_prefix("TF_VAR_");
        let lower = name.to_lowercase();
        if ["password", "secret", "api_key", "connection"].iter().any(|it| lower.contains(it)) {
            self.name(value, of_user.is_some());
        }
    }

    /// A file of the configuration.
    pub(crate) fn configured(&self, text: &str) {
        if ASKS.iter().any(|it| text.contains(it)) {
            self.asks.set(true);
        }
    }

    /// Panics if a secret stands where it should not.
    pub(crate) fn look(&self, folder: &Path, outcome: &Outcome) {
        let told: Vec<String> =
            outcome.errors().iter().chain(&outcome.warnings()).map(super::outcome::Message::text).collect();
        self.search("a message", Place::Told, &told.join("\n"));
        self.search("standard error", Place::Told, &outcome.stderr);
        let shows = ["show", "state", "output"].iter().any(|it| outcome.arguments.starts_with(it));
        self.search("standard output", if shows { Place::Shown } else { Place::Data }, &outcome.stdout);
        let log = self.new_log(&folder.join("trace.log"));
        let (ours, of_core): (Vec<&str>, Vec<&str>) =
            log.lines().partition(|it| it.contains("provider.terraform-provider-neonrep"));
        self.search("the provider's log", Place::Told, &ours.join("\n"));
        self.search("the log of Terraform", Place::Data, &of_core.join("\n"));
        for state in ["terraform.tfstate", "terraform.tfstate.backup"] {
            self.search(state, Place::Data, &fs::read_to_string(folder.join(state)).unwrap_or_default());
        }
    }

    fn new_log(&self, path: &Path) -> String {
        let Ok(mut file) = fs::File::open(path) else { return String::new() };
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(self.log_read.get())).and_then(|_| file.read_to_end(&mut bytes));
        read.expect("the log");
        self.log_read.set(self.log_read.get() + bytes.len() as u64);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn search(&self, what: &str, place: Place, text: &str) {
        if place != Place::Told && self.asks.get() {
            return;
        }
        let named = self.named.borrow();
        let mut searched = named.iter().filter(|it| !(it.is_variable && place == Place::Shown));
        let at = of_the_stand_in(text).or_else(|| searched.find_map(|it| text.find(&it.text)));
        if let Some(at) = at {
            let from = text.floor_char_boundary(at.saturating_sub(300));
            panic!("a secret stands in {what}: …{}…", &text[from..at]);
        }
    }
}

/// Where a password or key of the stand-in stands.
fn of_the_stand_in(text: &str) -> Option<usize> {
    let is_one = |at: usize, prefix: &str| {
        let rest = &text.as_bytes()[at + prefix.len()..];
        rest.iter().take(LENGTH).filter(|it| it.is_ascii_alphanumeric()).count() == LENGTH
    };
    PREFIXES.iter().find_map(|prefix| text.match_indices(prefix).map(|it| it.0).find(|at| is_one(*at, prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::terraform::Workspace;

    #[test]
    fn passwords_and_keys_are_recognized_by_their_form() {
        for (text, at) in [
            ("uri: postgresql://a:npg_abcDEF123456@h", Some(20)),
            ("napi_0123456789ab", Some(0)),
            ("npg_x napi_wrong_wrong_wrong npg_", None),
            ("npg_short, then npg_abcdefghijkl", Some(16)),
        ] {
            assert_eq!(of_the_stand_in(text), at, "{text}");
        }
    }

    #[test]
    fn only_what_was_asked_for_may_be_stored_and_nothing_may_be_told() {
        let (place, text) = ([Place::Told, Place::Data, Place::Shown], "x npg_abcdefghijkl");
        let found = |watch: &Watch| {
            place.map(|it| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.search("it", it, text))).is_err()
            })
        };
        let watch = Watch::default();
        assert_eq!(found(&watch), [true, true, true]);
        watch.configured("store_password = true");
        assert_eq!(found(&watch), [true, false, false]);
    }

    #[test]
    #[should_panic(expected = "a secret stands in the provider's log")]
    fn a_run_that_logs_a_secret_fails() {
        let workspace = Workspace::bare();
        let line = "2026-01-01T00:00:00Z [TRACE] provider.terraform-provider-neonrep: it is npg_abcdefghijkl\n";
        std::fs::write(workspace.log(), line).unwrap();
        workspace.run(&["version"]);
    }

    #[test]
    #[should_panic(expected = "a secret stands in terraform.tfstate")]
    fn a_state_that_holds_a_password_of_the_environment_fails() {
        let workspace = Workspace::bare();
        workspace.set_env("TF_VAR_password", "of my own making");
        workspace.write_file("terraform.tfstate", r#"{"password": "of my own making"}"#);
        workspace.run(&["version"]);
    }
}
