//! A role whose password nobody can look up: Neon shows it once, when the role is made, and the state does not keep it.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};

/// The rule.
pub const CHECK: Check = Check {
    id: "password_cannot_be_known",
    level: Level::Error,
    rule: "In a project that does not store passwords, a role's password is shown once: it goes into the state or is lost.",
};

/// `stores_passwords` is the project's setting, `store_password` the role's argument.
pub fn check(role: &str, stores_passwords: bool, store_password: bool, at: AttributePath) -> Option<Diagnostic> {
    if stores_passwords || store_password {
        return None;
    }
    Some(CHECK.error(
        "Password could not be known",
        format!(
            "The project does not store passwords: that of role `{role}` is shown once, and without `store_password = true` \
             nothing keeps it.\n\nSet `store_password = true`, which puts it into the state, or switch the storing of passwords \
             on for the project."
        ),
        at,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::path;

    #[test]
    fn only_a_password_that_nobody_keeps_is_refused() {
        for (project_stores, state_stores, refused) in
            [(false, false, true), (false, true, false), (true, false, false), (true, true, false)]
        {
            let found = check("r", project_stores, state_stores, path!(store_password));
            assert_eq!(found.is_some(), refused, "{project_stores} {state_stores}");
        }
    }
}
