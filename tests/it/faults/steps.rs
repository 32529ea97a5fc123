//! The steps of a change, as a run in which nothing goes wrong shows them.

use std::fmt;

use serde_json::Value as Json;

use super::table::{At, CALLS};
use crate::support::stand_in::StandIn;

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// The plan to create it.
    Plan,
    Create,
    Refresh,
    Update,
    Delete,
}

/// A moment at which something can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Start,
    /// The n-th call of this kind.
    Call {
        method: String,
        path: String,
        nth: u32,
        /// Whether it starts operations.
        starts: bool,
    },
    /// The n-th round of the database.
    Round {
        at: usize,
        text: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => write!(f, "start"),
            Self::Call { method, path, nth, .. } => write!(f, "{nth}. {method} {path}"),
            Self::Round { at, text } => write!(f, "{at}. {text}"),
        }
    }
}

impl Step {
    /// Whether a fault for that kind of step can meet this one.
    pub(super) fn is(&self, at: At) -> bool {
        match self {
            Self::Start => at == At::Start,
            Self::Round { .. } => at == At::Round,
            Self::Call { method, starts, .. } => match at {
                At::Get => method == "GET",
                At::Change => method != "GET",
                At::Operation => *starts,
                At::Round | At::Start => false,
            },
        }
    }
}

/// The steps since requests and rounds were last forgotten.
pub(super) fn of(stand_in: &StandIn) -> Vec<Step> {
    let mut steps = vec![Step::Start];
    for request in stand_in.requests() {
        let (method, path) = pattern(&request);
        let same = |it: &&Step| matches!(it, Step::Call { method: m, path: p, .. } if *m == method && *p == path);
        let nth = steps.iter().filter(same).count() + 1;
        // How often an operation is looked at is a matter of time.
        if nth == 1 || !path.contains("/operations") {
            let starts = method != "GET" && request["answer"]["operations"].as_array().is_some_and(|it| !it.is_empty());
            steps.push(Step::Call { method, path, nth: u32::try_from(nth).expect("a small number"), starts });
        }
    }
    let rounds = stand_in.admin("GET", "/rounds", None);
    for (before, text) in rounds["rounds"].as_array().into_iter().flatten().enumerate() {
        let text = text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        steps.push(Step::Round { at: before + 1, text: text.chars().take(60).collect() });
    }
    steps
}

/// Method and path of a request, as the table has them.
fn pattern(request: &Json) -> (String, String) {
    let (method, path) = (request["method"].as_str().expect("a method"), request["path"].as_str().expect("a path"));
    let segments: Vec<_> = path.split('/').collect();
    let fits = |pattern: &str| {
        let wanted: Vec<_> = pattern.split('/').collect();
        wanted.len() == segments.len() && wanted.iter().zip(&segments).all(|(a, b)| *a == "*" || a == b)
    };
    let found = CALLS.iter().find(|(known, pattern)| *known == method && fits(pattern));
    let (method, path) = found.unwrap_or_else(|| panic!("{method} {path} is not in the table of calls"));
    ((*method).to_owned(), (*path).to_owned())
}
