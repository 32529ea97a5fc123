//! The checks of `neonrep_readiness`: whether a consumer can start, as a pure function over facts.
//!
//! A check finds what is wrong; the table of `destinations` says which checks apply to a destination and what a finding
//! weighs there. Only `read` asks a server, and nothing is changed.

mod facts;
mod finding;
mod heartbeat;
mod host;
mod identity;
mod publication;
mod read;
mod relations;
mod role;
mod server;
mod slot;
mod source;
mod subscriber;

use std::fmt::Write as _;

use crate::destinations;
pub(crate) use crate::destinations::Severity;
pub(crate) use facts::{Asked, Facts, Host};
use finding::Check;
pub(crate) use finding::Finding;
pub(crate) use read::{read, read_subscriber};

/// All checks, by family.
const ALL: &[&[Check]] = &[
    server::CHECKS,
    host::CHECKS,
    role::CHECKS,
    publication::CHECKS,
    relations::CHECKS,
    identity::CHECKS,
    slot::CHECKS,
    heartbeat::CHECKS,
    subscriber::CHECKS,
    source::CHECKS,
];

/// Ids and rules of all checks, by family.
pub(crate) fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied().flatten().map(|it| (it.id, it.rule))
}

/// Ids of the destinations, sorted.
pub(crate) fn destinations() -> Vec<&'static str> {
    destinations::ALL.iter().map(|it| it.id).collect()
}

/// Whether a destination is a server that subscribes, of which facts are read too.
pub(crate) fn subscribes(destination: &str) -> bool {
    let found = destinations::find(destination);
    found.is_some_and(|it| it.checks().iter().any(|applies| applies.check == "target_table_missing"))
}

/// What a destination would stumble over, sorted by weight, check and object; `None` if no destination has this id.
pub(crate) fn findings(destination: &str, facts: &Facts) -> Option<Vec<Finding>> {
    let destination = destinations::find(destination)?;
    let mut all = Vec::new();
    for applies in destination.checks() {
        let Some(check) = ALL.iter().copied().flatten().find(|it| it.id == applies.check) else { continue };
        for one in (check.run)(facts, destination) {
            all.push(Finding {
                severity: applies.severity.max(one.at_most),
                check: check.id,
                object: one.object,
                reason: one.reason,
                remedy: one.remedy,
            });
        }
    }
    all.sort();
    Some(all)
}

/// Whether the consumer can start: nothing that weighs as an error was found.
pub(crate) fn is_ready(findings: &[Finding]) -> bool {
    findings.iter().all(|it| it.severity != Severity::Error)
}

/// The findings as Markdown, for a comment or the summary of a run, with a final newline.
pub(crate) fn report(destination: &str, findings: &[Finding]) -> String {
    let name = destinations::find(destination).map_or(destination, |it| it.name);
    let state = if is_ready(findings) { "ready" } else { "not ready" };
    let mut text = format!("### {name}: {state}\n\n");
    if findings.is_empty() {
        text.push_str("No findings.\n");
        return text;
    }
    text.push_str("| | check | object | reason | remedy |\n|---|---|---|---|---|\n");
    for it in findings {
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {} | {} |",
            it.severity.word(),
            it.check,
            cell(&it.object),
            cell(&it.reason),
            cell(&it.remedy)
        );
    }
    text
}

/// A text that stays in its cell, whatever the names in it.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod on_servers;
