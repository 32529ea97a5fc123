//! Roles of a protected branch get other passwords on its child branches.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::neon::Branch;

/// The rule.
pub const CHECK: Check = Check {
    id: "branch_protected",
    level: Level::Warning,
    rule: "Child branches of a protected branch give its roles passwords of their own.",
};

/// Speaks when a role is made on a protected branch.
pub fn check(role: &str, branch: &Branch, at: AttributePath) -> Option<Diagnostic> {
    branch.protected.then(|| {
        CHECK.warning(
            "Branch is protected",
            format!(
                "Role `{role}` is made on the protected branch `{}` ({}). Child branches that are made of it give the role \
                 another password: a consumer of a child branch needs the one of that branch.",
                branch.name, branch.id
            ),
            at,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::path;

    #[test]
    fn only_a_protected_branch_warns() {
        let branch = |protected: bool| -> Branch {
            serde_json::from_value(serde_json::json!({ "id": "br-a", "name": "main", "protected": protected })).unwrap()
        };
        assert!(check("r", &branch(false), path!(branch_id)).is_none());
        let warning = check("r", &branch(true), path!(branch_id)).unwrap();
        assert!(warning.detail.contains("`main` (br-a)"), "{}", warning.detail);
    }
}
