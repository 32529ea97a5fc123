//! Diagnostics of `neonrep_role`.

use tfplugin::{Diagnostic, Diagnostics, identity, path};

use super::model::Model;
use crate::handler::{explain, words};
use crate::neon::{self, Kind};
use crate::postgres::RoleName;
use crate::postgres::role::{Dependants, Tie};
use crate::target::{ObjectId as _, RoleId};

pub(super) fn bad_import(wrong: &str) -> Diagnostics {
    identity::bad_id(&words::sentence(wrong), RoleId::FORM)
}

pub(super) fn exists(id: &RoleId) -> Diagnostic {
    let detail = format!(
        "A role with this name exists on {server}. Nothing was changed.\n\nTo manage it here, import it with the ID `{id}` (form \
         `{form}`), or set `adopt = true`: the role is then managed here, and never dropped.\n\nIf this resource replaces one of \
         the same name with `create_before_destroy`, the old role still exists: use another name for the new one.",
        server = id.server,
        form = RoleId::FORM
    );
    Diagnostic::error(format!("Role `{}` already exists", id.name), detail).at(path!(name))
}

pub(super) fn is_neons_own(id: &RoleId) -> Diagnostic {
    let detail = "Neon created this role for itself and protects it, so it cannot be adopted. Use another name.";
    Diagnostic::error(format!("Role `{}` belongs to Neon", id.name), detail).at(path!(name))
}

/// A rotation is planned.
pub(super) fn rotates(planned: &Model) -> Diagnostic {
    let name = planned.name.known().map_or("", RoleName::as_str);
    Diagnostic::warning(
        format!("Password of role `{name}` will change"),
        "`rotate_when_changed` has another value. Neon sets a new password, which closes the role's open connections. The \
         consumer stops until it has the new password.",
    )
    .at(path!(rotate_when_changed))
}

/// A rotation was done.
pub(super) fn rotated(name: &RoleName) -> Diagnostic {
    Diagnostic::warning(
        format!("Role `{name}` has a new password"),
        "Its open connections were closed. Give the new password to the consumer: `data.neonrep_connection` with \
         `include_password = true` reads it.",
    )
    .at(path!(rotate_when_changed))
}

/// The password that should go into the state cannot be read; the change itself is done.
pub(super) fn password_not_read(name: &RoleName, error: &neon::Error) -> Diagnostic {
    if error.kind() == Kind::PasswordsNotStored {
        let detail = "The project does not store passwords, so the Neon API shows a password only when it is set. To set a new \
                      one, change `rotate_when_changed`.";
        return Diagnostic::warning(format!("Password of role `{name}` is not known"), detail).at(path!(password));
    }
    let why = explain::neon(&format!("read the password of role `{name}`"), error);
    let detail = format!("{}\n\nThe role itself is as planned. The next plan reads the password again.", why.detail);
    Diagnostic::warning(why.summary, detail).at(path!(password))
}

pub(super) fn kept_adopted(name: &RoleName) -> Diagnostic {
    let detail = "It was adopted, so it is not dropped. It was only removed from the state.";
    Diagnostic::warning(format!("Role `{name}` was kept"), detail)
}

pub(super) fn kept_for_another(name: &RoleName) -> Diagnostic {
    let detail = "Another resource of this run has created or adopted the same role (`create_before_destroy`). The old one was \
                  only removed from the state.";
    Diagnostic::warning(format!("Role `{name}` was kept"), detail)
}

/// The API refuses to delete the role.
pub(super) fn owns_database(doing: &str, error: &neon::Error) -> Diagnostic {
    let detail = format!(
        "{}.\n\nNeon does not delete a role that owns a database. Give the database to another role first.",
        words::sentence(&error.to_string())
    );
    Diagnostic::error(format!("Cannot {doing}"), detail).at(path!(name))
}

/// The role owns something, which would change hands.
pub(super) fn owns(name: &RoleName, found: &[Dependants]) -> Option<Diagnostics> {
    let lines = lines(found, Tie::Owner);
    (!lines.is_empty()).then(|| {
        let detail = format!(
            "It was not deleted, because it owns:\n{}\n\nDrop these objects, or give them to another role. With `force_destroy = \
             true`, applied before the destroy, Neon gives them to the owner of their database. Neon does not delete a role that \
             owns a database.",
            lines.join("\n")
        );
        Diagnostic::error(format!("Role `{name}` owns objects"), detail).at(path!(force_destroy)).into()
    })
}

/// Privileges that end with the role.
pub(super) fn loses(name: &RoleName, found: &[Dependants]) -> Option<Diagnostic> {
    let lines = lines(found, Tie::Privilege);
    (!lines.is_empty()).then(|| {
        Diagnostic::warning(
            format!("Privileges were removed with role `{name}`"),
            format!("The role held privileges on:\n{}", lines.join("\n")),
        )
    })
}

/// One line per database: how many objects, and the first of them.
fn lines(found: &[Dependants], tie: Tie) -> Vec<String> {
    let of_tie = found.iter().filter(|it| it.tie == tie && it.count > 0);
    of_tie
        .map(|it| {
            let at = match &it.database {
                Some(database) => format!("in database `{database}`"),
                None => "in the cluster".to_owned(),
            };
            let objects = if it.count == 1 { "object" } else { "objects" };
            let more = if usize::try_from(it.count).is_ok_and(|count| count > it.first.len()) { ", …" } else { "" };
            if it.first.is_empty() {
                format!("- {at}: {} {objects}", it.count)
            } else {
                format!("- {at}: {} {objects}: {}{more}", it.count, it.first.join(", "))
            }
        })
        .collect()
}
