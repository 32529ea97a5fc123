//! A role whose password nobody can look up: Neon shows it once, when the role is created, and the state does not keep it.

use tfplugin::{AttributePath, Diagnostic, path};

use super::check::{Check, Level};
use crate::postgres::RoleName;

pub(crate) const CHECK: Check = Check {
    id: "password_cannot_be_known",
    level: Level::Error,
    rule: "In a project that does not store passwords, `store_password` is set, or `password_wo` for a role that is created with SQL: \
           Neon shows a new password only once.",
};

/// Speaks of a role whose password the state does not keep. `stores_passwords` is the project's setting, `at` the argument that
/// keeps it.
pub(crate) fn check(role: &RoleName, stores_passwords: bool, at: AttributePath) -> Option<Diagnostic> {
    if stores_passwords {
        return None;
    }
    let remedy = if at == path!(password_wo) {
        "`password_wo`, which you keep elsewhere"
    } else {
        "`store_password = true` to keep it in the state"
    };
    let detail = format!(
        "The project does not store passwords. Neon shows the password of role `{role}` once, when it is set, and nothing keeps \
         it.\n\nSet {remedy}, or enable the storage of passwords in the project."
    );
    Some(CHECK.error("Password cannot be known later", detail, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_project_that_stores_no_passwords_is_refused() {
        let found = |stores| check(&"r".parse().unwrap(), stores, path!(store_password));
        assert_eq!(found(true), None);
        let error = found(false).unwrap();
        assert!(error.detail.contains("`r`") && error.path == path!(store_password), "{error:?}");
        let of_sql = check(&"r".parse().unwrap(), false, path!(password_wo)).unwrap();
        assert!(of_sql.detail.contains("Set `password_wo`") && !of_sql.detail.contains("store_password"), "{of_sql:?}");
    }
}
