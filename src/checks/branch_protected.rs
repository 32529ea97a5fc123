//! Roles of a protected branch get other passwords on its child branches.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::neon::Branch;
use crate::postgres::RoleName;

pub(crate) const CHECK: Check = Check {
    id: "branch_protected",
    level: Level::Warning,
    rule: "The branch of a new role is not protected: child branches of a protected branch give its roles new passwords.",
};

/// Speaks when a role is created on a protected branch.
pub(crate) fn check(role: &RoleName, branch: &Branch, at: AttributePath) -> Option<Diagnostic> {
    branch.protected.then(|| {
        let detail = format!(
            "Role `{role}` is created on the protected branch `{}` ({}). Each child branch of it gives the role a new password. A \
             consumer of a child branch needs the password of that branch.",
            branch.name, branch.id
        );
        CHECK.warning("Branch is protected", detail, at)
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
        let found = |protected| check(&"r".parse().unwrap(), &branch(protected), path!(branch_id));
        assert!(found(false).is_none());
        let warning = found(true).unwrap();
        assert!(warning.detail.contains("`main` (br-a)"), "{}", warning.detail);
    }
}
