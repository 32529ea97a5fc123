//! Enabling logical replication restarts computes, cannot be undone, and makes the compute stay awake for a consumer.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::neon::ProjectId;

/// The rule.
pub const CHECK: Check = Check {
    id: "logical_replication_is_one_way",
    level: Level::Warning,
    rule: "Enabling logical replication restarts the project's computes and cannot be undone; where it is on already, it is \
           taken over.",
};

/// Speaks on every creation: `on` is what the project's setting says now.
pub fn check(project: &ProjectId, on: bool, at: AttributePath) -> Diagnostic {
    const AWAKE: &str = "A connected consumer keeps the compute awake, so that it does not scale to zero any more.";
    let (summary, detail) = if on {
        (
            "Logical replication is on already",
            format!(
                "Project `{project}` has logical replication on: it is taken over as it is. If a compute still runs with \
                 `wal_level = replica`, that one is restarted, which drops its connections. {AWAKE}"
            ),
        )
    } else {
        (
            "Logical replication cannot be turned off again",
            format!(
                "Enabling it for project `{project}` restarts all its computes, which drops their connections, and cannot be \
                 undone. {AWAKE}"
            ),
        )
    };
    CHECK.warning(summary, detail, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Severity;
    use tfplugin::path;

    #[test]
    fn both_cases_warn_and_say_what_happens() {
        let project = ProjectId::parse("p").unwrap();
        for (on, says, not) in [(false, "cannot be undone", "taken over"), (true, "taken over", "restarts all")] {
            let warning = check(&project, on, path!(project_id));
            assert_eq!(warning.severity, Severity::Warning);
            assert!(warning.detail.contains(says) && !warning.detail.contains(not), "{}", warning.detail);
            assert!(warning.detail.contains("awake") && warning.detail.contains(CHECK.id), "{}", warning.detail);
        }
    }
}
