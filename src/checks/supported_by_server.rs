//! An argument needs a version of Postgres: the server has it.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::ServerVersion;

pub(crate) const CHECK: Check = Check {
    id: "supported_by_server",
    level: Level::Error,
    rule: "The server's version of Postgres supports each argument that is set.",
};

/// Checks an argument that needs at least that major version.
pub(crate) fn check(version: ServerVersion, argument: &str, needed: u32, at: &AttributePath) -> Option<Diagnostic> {
    let summary = summary(version);
    (version.major() < needed).then(|| CHECK.error(summary, detail(argument, needed), at.clone()))
}

/// The same for an apply.
pub(crate) fn refusal(version: ServerVersion, argument: &str, needed: u32, at: &AttributePath) -> Option<Diagnostic> {
    let detail = format!("{} Nothing was changed.", detail(argument, needed));
    (version.major() < needed).then(|| Diagnostic::error(summary(version), detail).at(at.clone()))
}

fn summary(version: ServerVersion) -> String {
    format!("Not supported by Postgres {}", version.major())
}

fn detail(argument: &str, needed: u32) -> String {
    format!("`{argument}` requires Postgres {needed} or later.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_refused() {
        for (major, refused) in [(14, true), (16, true), (17, false), (18, false)] {
            let version = ServerVersion::from_num(major * 10_000 + 5);
            let at = AttributePath::root();
            assert_eq!(check(version, "failover", 17, &at).is_some(), refused, "{major}");
            assert_eq!(refusal(version, "failover", 17, &at).is_some(), refused, "{major}");
        }
        let said = check(ServerVersion::from_num(140_024), "failover", 17, &AttributePath::root()).unwrap();
        assert_eq!(said.summary, "Not supported by Postgres 14");
        assert!(said.detail.starts_with("`failover` requires Postgres 17 or later."), "{}", said.detail);
    }
}
