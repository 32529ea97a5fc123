//! Enabling logical replication restarts computes, cannot be undone, and lets a consumer keep the compute awake.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::neon::ProjectId;

pub(crate) const CHECK: Check = Check {
    id: "logical_replication_is_one_way",
    level: Level::Warning,
    rule: "Enabling logical replication restarts the project's computes and cannot be undone. Where it is already enabled, it \
           is adopted.",
};

/// Speaks on every creation: `enabled` is what the project's setting says now.
pub(crate) fn check(project: &ProjectId, enabled: bool, at: AttributePath) -> Diagnostic {
    const AWAKE: &str = "A connected consumer keeps the compute awake, so it no longer scales to zero.";
    let (summary, detail) = if enabled {
        (
            "Logical replication is already enabled",
            format!(
                "Project `{project}` has logical replication enabled, and it is adopted. If a compute still runs with `wal_level = \
                 replica`, that compute is restarted, which closes its connections. {AWAKE}"
            ),
        )
    } else {
        (
            "Logical replication cannot be disabled",
            format!(
                "Enabling it for project `{project}` restarts all computes of the project, which closes their connections, and \
                 cannot be undone. {AWAKE}"
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
        for (enabled, says, not) in [(false, "cannot be undone", "adopted"), (true, "adopted", "restarts all")] {
            let warning = check(&project, enabled, path!(project_id));
            assert_eq!(warning.severity, Severity::Warning);
            assert!(warning.detail.contains(says) && !warning.detail.contains(not), "{}", warning.detail);
            assert!(warning.detail.contains("awake") && warning.detail.contains(CHECK.id), "{}", warning.detail);
        }
    }
}
