//! Diagnostics of `neonrep_role`.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic, Diagnostics, identity, path};

use super::model::Model;
use crate::handler::{KEPT_FOR_ANOTHER, explain, words};
use crate::neon::{self, Kind};
use crate::postgres::role::{Dependants, ForeignGrant, Tie};
use crate::postgres::role_settings::{self, Settings};
use crate::postgres::{self, DatabaseName, RoleName};
use crate::target::{Error, ObjectId as _, RoleId};

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
    Diagnostic::warning(format!("Role `{name}` was kept"), KEPT_FOR_ANOTHER)
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

/// Privileges that Postgres leaves when Neon releases what the role holds, so that the role cannot be dropped.
pub(super) fn held_from_others(name: &RoleName, held: &BTreeSet<(DatabaseName, ForeignGrant)>) -> Option<Diagnostics> {
    const SHOWN: usize = 10;
    let (_, first) = held.first()?;
    let mut lines: Vec<String> = held
        .iter()
        .take(SHOWN)
        .map(|(database, grant)| format!("- in database `{database}`, as role `{}`: {};", grant.grantor, grant.revoke))
        .collect();
    if held.len() > SHOWN {
        lines.push(format!("- {} more", held.len() - SHOWN));
    }
    let detail = format!(
        "Another role than the owner granted it privileges, for example `{}` on {}. Postgres does not revoke these when the role \
         is dropped, so the drop would fail. Nothing was changed.\n\nLet each grantor revoke its grants, then destroy again:\n{}",
        first.grantor,
        first.object,
        lines.join("\n")
    );
    Some(
        Diagnostic::error(format!("Role `{name}` holds privileges from other grantors"), detail).at(path!(name)).into(),
    )
}

/// What the role owns is not known, because no database can be entered.
pub(super) fn cannot_look(doing: &str, error: &Error) -> Diagnostic {
    let why = explain::target(doing, error);
    let detail = format!(
        "The provider looks for objects that the role owns before it deletes the role, and could not connect to any database of \
         the branch. Nothing was changed. {}\n\nTo delete the role without looking, set `force_destroy = true`, apply, and \
         destroy again: Neon then gives what the role owns to the owner of the database.",
        why.detail
    );
    Diagnostic::error(why.summary, detail).at(path!(force_destroy))
}

/// Privileges and row security policies that were removed with the role.
pub(super) fn lost(name: &RoleName, found: &[Dependants]) -> Vec<Diagnostic> {
    [
        (
            Tie::Privilege,
            format!("Privileges were removed with role `{name}`"),
            "The role held privileges, default privileges included, on:",
        ),
        (
            Tie::Policy,
            format!("Row security policies no longer name role `{name}`"),
            "A policy that applied to this role alone was dropped with it, others no longer apply to it:",
        ),
    ]
    .into_iter()
    .filter_map(|(tie, summary, detail)| {
        let lines = lines(found, tie);
        (!lines.is_empty()).then(|| Diagnostic::warning(summary, format!("{detail}\n{}", lines.join("\n"))))
    })
    .collect()
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

/// An argument that is for the other kind of role.
pub(super) fn only_for(argument: &str, by_api: bool, is_direct: bool) -> Diagnostic {
    let detail = match (by_api, is_direct) {
        (true, _) => {
            "The Neon API creates this role and sets its attributes and its password itself. Remove the argument, or set \
             `neon_superuser = false` to create the role with SQL."
        }
        (false, true) => {
            "With the provider's `sql` block a role is created with SQL. Neon alone has `neon_superuser`, stores passwords and \
             gives away what a role owns. Remove the argument."
        }
        (false, false) => {
            "This role is created with SQL (`neon_superuser = false`). Set its password with `password_wo` and \
             `password_wo_version`. What it owns is not given to another role. Remove the argument."
        }
    };
    let kind = if by_api { "created by the Neon API" } else { "created with SQL" };
    Diagnostic::error(format!("`{argument}` is not for a role that is {kind}"), detail)
        .at(AttributePath::root().attribute(argument))
}

/// A new version of a password that is not given.
pub(super) fn no_password_given() -> Diagnostic {
    let detail = "`password_wo_version` has another value, so the apply would set a new password. Set `password_wo` too: only Neon keeps a \
         generated one.";
    Diagnostic::error("Missing `password_wo`", detail).at(path!(password_wo_version))
}

/// A role that was there at plan.
pub(super) fn gone(id: &RoleId) -> Diagnostic {
    let detail = format!("The role was dropped since the plan was made, on {}. Plan again to create it.", id.server);
    Diagnostic::error(format!("Role `{}` does not exist", id.name), detail).at(path!(name))
}

/// The connecting role lacks a privilege (42501): who has it.
pub(super) fn may_not(doing: &str, error: &postgres::Error, is_direct: bool) -> Diagnostic {
    let who = if is_direct {
        "Creating and altering roles requires a superuser, or CREATEROLE and ADMIN on the role, and each attribute that is \
         given: up to Postgres 15 only a superuser gives REPLICATION and BYPASSRLS. Use a `sql` block with such a user."
    } else {
        "On Neon, a role with REPLICATION can be created with SQL on Postgres 16 and later. The role that created it can alter and \
         drop it: the owner of `database`. On older versions, use `neon_superuser = true`."
    };
    let answered = words::sentence(error.message());
    let detail = error.detail().map(|it| format!("\n{it}")).unwrap_or_default();
    let statement = error.statement().map(|it| format!("\n\nThe statement: {it}")).unwrap_or_default();
    Diagnostic::error(format!("Cannot {doing}"), format!("{answered}. (SQLSTATE 42501){detail}{statement}\n\n{who}"))
        .at(path!(name))
}

/// The role may not change a setting of its own (42501).
pub(super) fn may_not_set(doing: &str, error: &postgres::Error) -> Diagnostic {
    let answered = words::sentence(error.message());
    let statement = error.statement().map(|it| format!("\n\nThe statement: {it}")).unwrap_or_default();
    let detail = format!(
        "{answered}. (SQLSTATE 42501){statement}\n\nThe Neon API created the role, so the provider sets its settings as the role itself, \
         and only a superuser may change this one. Remove it from `settings`."
    );
    Diagnostic::error(format!("Cannot {doing}"), detail).at(path!(settings))
}

/// Settings that Postgres stored under another name than the declared one.
pub(super) fn not_stored(name: &RoleName, wanted: &Settings, held: &Settings) -> Option<Diagnostic> {
    let seen = role_settings::seen(wanted, held);
    let lost: Vec<String> =
        wanted.iter().filter(|it| seen.get(it.0) != Some(it.1)).map(|it| format!("`{}`", it.0)).collect();
    (!lost.is_empty()).then(|| {
        let detail = format!(
            "Postgres stored {} of role `{name}` under another name or with another value: the name may be an older one of a setting that was \
             renamed. No setting was changed. Use the name that `pg_settings` has.",
            lost.join(", ")
        );
        Diagnostic::error("Setting has another name", detail).at(path!(settings))
    })
}

/// Something still names the role (2BP01), after all that could be revoked was revoked.
pub(super) fn still_needed(doing: &str, error: &postgres::Error) -> Diagnostic {
    let detail = format!(
        "{}.\n{}\n\nThe connecting role could not revoke this: another role granted it, or a row security policy names the role. \
         Let the grantor revoke it, or drop the policy, then destroy again.",
        words::sentence(error.message()),
        error.detail().unwrap_or_default()
    );
    Diagnostic::error(format!("Cannot {doing}"), detail).at(path!(name))
}

/// The same as [`owns`] for a role that was created with SQL.
pub(super) fn owns_by_sql(name: &RoleName, found: &[Dependants]) -> Option<Diagnostics> {
    let lines = lines(found, Tie::Owner);
    (!lines.is_empty()).then(|| {
        let detail = format!(
            "It was not dropped, because it owns:\n{}\n\nDrop these objects, or give them to another role (`REASSIGN OWNED`).",
            lines.join("\n")
        );
        Diagnostic::error(format!("Role `{name}` owns objects"), detail).at(path!(name)).into()
    })
}

/// Memberships that the connecting role cannot revoke.
pub(super) fn granted_by_others(name: &RoleName, kept: &[(RoleName, RoleName)]) -> Diagnostic {
    let lines: Vec<String> =
        kept.iter().map(|(group, grantor)| format!("- membership of `{group}`, granted by `{grantor}`")).collect();
    let detail = format!(
        "Role `{name}` still has:\n{}\n\nPostgres revokes a membership only as the role that granted it. Nothing was changed. Let \
         the grantor or a superuser revoke it, then apply again.",
        lines.join("\n")
    );
    Diagnostic::error(format!("Role `{name}` has more than is declared"), detail).at(path!(name))
}
