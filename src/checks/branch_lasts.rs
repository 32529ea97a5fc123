//! A branch that expires takes its slots along, and one that is archived answers late.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::neon::{Branch, BranchState};

pub(crate) const CHECK: Check = Check {
    id: "branch_lasts",
    level: Level::Warning,
    rule: "The branch of a new publication or slot neither expires nor is archived: Neon deletes an expired branch with all that is \
           in it, and an archived one takes longer to start.",
};

/// Speaks of the branch on which something is created.
pub(crate) fn check(branch: &Branch, at: AttributePath) -> Option<Diagnostic> {
    let name = format!("`{}` ({})", branch.name, branch.id);
    if let Some(time) = &branch.expires_at {
        let detail = format!(
            "Neon deletes branch {name} at {time}, with its publications and slots. Its consumers need a new initial sync from another \
             branch then.\n\nRemove the expiration of the branch, or use a branch without one."
        );
        return Some(CHECK.warning("Branch expires", detail, at));
    }
    if branch.current_state == BranchState::Archived {
        let detail = format!(
            "Branch {name} is archived. Its first connection restores it from archive storage, which takes longer than the start of a \
             suspended compute. A branch with a connected consumer is not archived again.\n\nIf connecting fails with a timeout, raise \
             `connect_timeout` in the provider block."
        );
        return Some(CHECK.warning("Branch is archived", detail, at));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tfplugin::path;

    #[test]
    fn only_a_branch_that_goes_or_sleeps_deep_is_told() {
        for (more, says) in [
            (json!({}), None),
            (json!({ "current_state": "ready", "expires_at": null }), None),
            (json!({ "expires_at": "2031-01-01T00:00:00Z" }), Some("at 2031-01-01T00:00:00Z")),
            (json!({ "current_state": "archived" }), Some("`connect_timeout`")),
        ] {
            let mut branch = json!({ "id": "br-a", "name": "main" });
            branch.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let found = check(&serde_json::from_value(branch).unwrap(), path!(branch_id)).map(|it| it.detail);
            match says {
                None => assert_eq!(found, None, "{more}"),
                Some(says) => {
                    assert!(found.is_some_and(|it| it.contains(says) && it.contains("`main` (br-a)")), "{more}")
                }
            }
        }
    }
}
