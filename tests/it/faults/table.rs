//! What goes wrong, where, and what is expected: the whole of the matrix as data.

use Action::{Cut, Kill, Restart};
use At::{Change, Get, Operation, Round, Start};
use Does::{Admin, Elsewhere, Interrupt, KillProvider, Rule, Server};
use Expected::{Fails, Killed, Passes, PassesOrFails};
use When::{After, Before};

/// Before the effect of a step, or after it and before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// The steps that a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A call of the API that changes nothing.
    Get,
    /// A call of the API that changes something.
    Change,
    /// A call of the API that starts operations.
    Operation,
    /// A round of the database.
    Round,
    /// The start of the apply: what is wrong before the provider is asked for anything.
    Start,
}

/// What the stand-in does to a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Cut,
    Kill,
    Restart,
    Hold,
}

/// What a fault does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Does {
    /// A rule of the stand-in's API, without method and path.
    Rule(&'static str),
    /// Something happens to that round.
    Server(Action, When),
    /// A request to an admin route or to the API of the stand-in: method, path, body. `{project}` and `{endpoint}` are filled in.
    Admin(&'static [(&'static str, &'static str, &'static str)]),
    /// Somebody else's operation, on another branch, runs and then fails.
    Elsewhere,
    /// SIGKILL of the provider at that step.
    KillProvider(When),
    /// `StopProvider` at that step, as Ctrl-C sends it.
    Interrupt(When),
}

/// What becomes of the apply. In each case the next apply converges, and what exists is in the state.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Passes,
    /// With an error that contains all of these.
    Fails(&'static [&'static str]),
    /// Either, as the moment has it.
    PassesOrFails(&'static [&'static str]),
    /// There is no answer.
    Killed,
}

/// One kind of fault.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) at: At,
    pub(super) does: Does,
    pub(super) expected: Expected,
    /// It takes half a minute or more: drawn for a sample only where it is asked for by name.
    pub(super) slow: bool,
}

const fn fault(name: &'static str, at: At, does: Does, expected: Expected) -> Fault {
    Fault { name, at, does, expected, slow: false }
}

const fn slow(name: &'static str, at: At, does: Does, expected: Expected) -> Fault {
    Fault { name, at, does, expected, slow: true }
}

/// 423 for 5 s, as while another operation of the project runs.
const LOCKED: Does = Rule(r#"{"times": null, "for_ms": 5000, "action": {"status": 423}}"#);
const TOO_MANY: Does = Rule(r#"{"action": {"status": 429, "headers": {"Retry-After": "1"}}}"#);
const BROKEN: Does = Rule(r#"{"action": {"status": 500, "message": "oops"}}"#);
const BROKEN_AFTER: Does = Rule(r#"{"action": {"status": 500, "message": "oops", "after_effect": true}}"#);
const UNAVAILABLE: Does = Rule(r#"{"times": 2, "action": {"status": 503, "message": "try later"}}"#);
const PAGE: Does = Rule(r#"{"action": {"status": 524, "html": "<html>a timeout occurred</html>"}}"#);
const PAGE_AFTER: Does =
    Rule(r#"{"action": {"status": 524, "html": "<html>a timeout occurred</html>", "after_effect": true}}"#);
const ELSEWHERE: Does = Rule(
    r#"{"times": null, "action": {"status": 307, "message": "moved", "headers": {"Location": "http://127.0.0.1:1/"}}}"#,
);
const RESET_BEFORE: Does = Rule(r#"{"action": {"reset": "before"}}"#);
const RESET_AFTER: Does = Rule(r#"{"action": {"reset": "after"}}"#);
const HELD_BEFORE: &str = r#"{"action": {"hold": "before"}}"#;
const HELD_AFTER: &str = r#"{"action": {"hold": "after"}}"#;

/// The rule that holds a call at that moment.
pub(super) const fn held(when: When) -> &'static str {
    match when {
        Before => HELD_BEFORE,
        After => HELD_AFTER,
    }
}

/// What an interrupted apply says: "interrupted", or "was cancelled" where a call of the API was.
const INTERRUPTED: Expected = PassesOrFails(&["interrupted"]);

pub(super) const FAULTS: &[Fault] = &[
    // --- Calls that read
    fault("423 for 5 s", Get, LOCKED, Passes),
    fault("429", Get, TOO_MANY, Passes),
    fault("500", Get, BROKEN, Passes),
    fault("503", Get, UNAVAILABLE, Passes),
    fault("524 HTML", Get, PAGE, Passes),
    fault("redirect", Get, ELSEWHERE, Fails(&["307"])),
    fault("reset before", Get, RESET_BEFORE, Passes),
    fault("reset after", Get, RESET_AFTER, Passes),
    fault("provider killed before", Get, KillProvider(Before), Killed),
    fault("provider killed after", Get, KillProvider(After), Killed),
    fault("Ctrl-C before", Get, Interrupt(Before), INTERRUPTED),
    fault("Ctrl-C after", Get, Interrupt(After), INTERRUPTED),
    // --- Calls that change something
    fault("423 for 5 s", Change, LOCKED, Passes),
    fault("429", Change, TOO_MANY, Passes),
    fault("500 without the effect", Change, BROKEN, Passes),
    fault("500 after the effect", Change, BROKEN_AFTER, Passes),
    fault("503", Change, UNAVAILABLE, Passes),
    fault("524 HTML without the effect", Change, PAGE, Passes),
    fault("524 HTML after the effect", Change, PAGE_AFTER, Passes),
    fault("redirect", Change, ELSEWHERE, Fails(&["307"])),
    fault("reset before", Change, RESET_BEFORE, Passes),
    fault("reset after", Change, RESET_AFTER, Passes),
    fault("provider killed before", Change, KillProvider(Before), Killed),
    fault("provider killed after", Change, KillProvider(After), Killed),
    fault("Ctrl-C before", Change, Interrupt(Before), INTERRUPTED),
    fault("Ctrl-C after", Change, Interrupt(After), INTERRUPTED),
    // --- Operations that the call starts
    fault(
        "operation failed then finished",
        Operation,
        Rule(r#"{"action": {"operation": "failed_then_finished"}}"#),
        Passes,
    ),
    fault(
        "operation cancelled",
        Operation,
        Rule(r#"{"action": {"operation": "cancelled"}}"#),
        Fails(&["operation", "cancelled"]),
    ),
    fault(
        "operation in error",
        Operation,
        Rule(r#"{"action": {"operation": "error"}}"#),
        Fails(&["operation", "error"]),
    ),
    slow(
        "operation failed",
        Operation,
        Rule(r#"{"action": {"operation": "failed"}}"#),
        Fails(&["operation", "failed"]),
    ),
    // --- Rounds of the database
    fault("cut before", Round, Server(Cut, Before), Passes),
    fault("cut after", Round, Server(Cut, After), Passes),
    fault("server killed before", Round, Server(Kill, Before), Passes),
    fault("server killed after", Round, Server(Kill, After), Passes),
    fault("compute restarting before", Round, Server(Restart, Before), Passes),
    fault("compute restarting after", Round, Server(Restart, After), Passes),
    fault("provider killed before", Round, KillProvider(Before), Killed),
    fault("provider killed after", Round, KillProvider(After), Killed),
    fault("Ctrl-C before", Round, Interrupt(Before), INTERRUPTED),
    fault("Ctrl-C after", Round, Interrupt(After), INTERRUPTED),
    // --- From the start
    fault("somebody else's operation failing", Start, Elsewhere, Passes),
    fault(
        "compute asleep",
        Start,
        Admin(&[("POST", "/api/projects/{project}/endpoints/{endpoint}/suspend", "null")]),
        Passes,
    ),
    fault("connections slow", Start, Admin(&[("PATCH", "/settings", r#"{"connect_delay_ms": 700}"#)]), Passes),
    fault(
        "start-up error through the proxy without SQLSTATE",
        Start,
        Admin(&[(
            "PATCH",
            "/settings",
            r#"{"proxy_errors": "proxy", "refuse_connections": "Couldn't connect to compute node", "refuse_times": 2}"#,
        )]),
        Passes,
    ),
    fault(
        "start-up error of the server without SQLSTATE",
        Start,
        Admin(&[(
            "PATCH",
            "/settings",
            r#"{"proxy_errors": "proxy", "refuse_connections": "the database system is starting up", "refuse_times": 3}"#,
        )]),
        Passes,
    ),
    slow(
        "cache of 30 s",
        Start,
        Admin(&[(
            "PATCH",
            "/settings",
            r#"{"proxy_errors": "proxy", "proxy_error_cache_ms": 30000, "refuse_connections": "Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support.", "refuse_times": 1}"#,
        )]),
        Passes,
    ),
];

/// Where a cell differs from the row of its fault: parts of its name, and what is expected. The first row that fits counts.
pub(super) const EXCEPTIONS: &[(&[&str], Expected)] = &[
    // Checks that cannot look are a warning, and the apply decides.
    (&["/plan/redirect/"], Passes),
    // The setting is enabled; that the compute could not be asked is a warning.
    (&["logical_replication/create/redirect/", "/branches"], Passes),
    (&["logical_replication/create/redirect/", "/connection_uri"], Passes),
    // The list is set. Where it can refuse somebody, it is a warning that nobody could look whether it admits the provider.
    (&["allowed_ips/", "/redirect/", "/branches"], Passes),
    (&["allowed_ips/", "/redirect/", "/connection_uri"], Passes),
];

/// The calls of the API that the provider makes when nothing goes wrong: method, and path with `*` for each id. A call that is not here fails the
/// matrix, and so does a row that no resource calls.
pub(super) const CALLS: &[(&str, &str)] = &[
    ("GET", "/projects/*"),
    ("PATCH", "/projects/*"),
    ("GET", "/projects/*/branches"),
    ("GET", "/projects/*/connection_uri"),
    ("GET", "/projects/*/operations/*"),
    ("GET", "/projects/*/branches/*"),
    ("GET", "/projects/*/branches/*/databases"),
    ("GET", "/projects/*/branches/*/databases/*"),
    ("GET", "/projects/*/branches/*/roles"),
    ("POST", "/projects/*/branches/*/roles"),
    ("GET", "/projects/*/branches/*/roles/*"),
    ("DELETE", "/projects/*/branches/*/roles/*"),
    ("POST", "/projects/*/branches/*/roles/*/reset_password"),
];
