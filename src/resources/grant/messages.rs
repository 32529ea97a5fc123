//! Diagnostics of `neonrep_grant`: why a privilege cannot be granted or revoked, and who can.

use std::collections::BTreeSet;
use std::fmt::Display;

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::model::{Left, Model, Scope};
use crate::handler::Stop;
use crate::handler::words::{enumerate, sentence};
use crate::postgres::acl::{self, Found, Key, Name, Object, Right, Rights};
use crate::postgres::{Error, Kind, RoleName, SchemaName, ServerVersion, TableName};

/// Entries and statements that a message lists before it only counts.
const SHOWN: usize = 10;

/// At least one of `schemas` and `tables` names something.
pub(super) fn nothing_to_grant_on(config: &Model) -> Diagnostics {
    let is_empty = |len: Option<usize>, is_unknown: bool| !is_unknown && len.unwrap_or_default() == 0;
    let schemas = is_empty(config.schemas.known().map(BTreeSet::len), config.schemas.is_unknown());
    let tables = is_empty(config.tables.known().map(BTreeSet::len), config.tables.is_unknown());
    if !schemas || !tables {
        return Diagnostics::none();
    }
    let detail = "At least one of `schemas` and `tables` is required. To revoke all privileges, remove the resource.";
    Diagnostic::error("Neither `schemas` nor `tables` is set", detail).into()
}

/// The plan read this grant after it had planned the destroy of another one that shares privileges with it.
pub(super) fn revoked_by_another(role: &RoleName) -> Diagnostic {
    let detail = "Another grant of the role, which this run destroys, declares some of the same privileges. They are revoked with \
                  it. The next plan shows them here as `missing`, and its apply grants them again.";
    Diagnostic::warning(format!("Privileges of role `{role}` are shared with another grant"), detail)
}

pub(super) fn missing_role(role: &RoleName) -> Diagnostic {
    let detail = "It is not on the server. Nothing was changed.\n\nIf this configuration creates the role, set `role` to its \
                  `name`, such as `neonrep_role.<name>.name`: Terraform then creates it first. Otherwise create it first.";
    Diagnostic::error(format!("Role `{role}` does not exist"), detail).at(path!(role))
}

pub(super) fn missing_schemas(missing: &BTreeSet<&SchemaName>) -> Diagnostic {
    Diagnostic::error(absent("Schema", "schemas", missing), absent_detail("schemas", missing)).at(path!(schemas))
}

pub(super) fn missing_tables(missing: &BTreeSet<&TableName>) -> Diagnostic {
    Diagnostic::error(absent("Table", "tables", missing), absent_detail("tables", missing)).at(path!(tables))
}

fn absent<T: Display + Ord>(one: &str, many: &str, missing: &BTreeSet<T>) -> String {
    match missing.first() {
        Some(it) if missing.len() == 1 => format!("{one} `{it}` does not exist"),
        _ => format!("{} {many} do not exist", missing.len()),
    }
}

fn absent_detail<T: Display>(argument: &str, missing: &BTreeSet<T>) -> String {
    format!(
        "Not found in the database: {}. Names are case-sensitive. Nothing was changed.\n\nCreate them first, or remove them from \
         `{argument}`.",
        enumerate(missing)
    )
}

pub(super) fn no_maintain(version: ServerVersion) -> Diagnostic {
    let detail = "The privilege `MAINTAIN` requires Postgres 17 or later. Remove it from `privileges`.";
    Diagnostic::error(format!("Not supported by Postgres {}", version.major()), detail).at(path!(privileges))
}

/// `future_tables` speaks of schemas.
pub(super) fn future_tables_without_schemas(config: &Model) -> Diagnostics {
    let no_schemas = match &config.schemas {
        Attr::Null => true,
        Attr::Known(schemas) => schemas.is_empty(),
        Attr::Unknown => false,
    };
    if !no_schemas || !config.future_tables.is_true() {
        return Diagnostics::none();
    }
    let detail = "Default privileges are set for whole schemas. Set `schemas`, or remove `future_tables`.";
    Diagnostic::error("`future_tables` without `schemas`", detail).at(path!(future_tables)).into()
}

/// `PUBLIC` is a word of the grammar, and no name of a role (manual, GRANT).
pub(super) fn every_role(config: &Model) -> Diagnostics {
    if config.role.known().is_none_or(|it| it.as_str() != "public") {
        return Diagnostics::none();
    }
    let detail =
        "`PUBLIC` stands for every role, including those created later. This resource grants to one role. Name it.";
    Diagnostic::error("`public` is not a role", detail).at(path!(role)).into()
}

/// The server refused a GRANT; it does not name the owners.
pub(super) fn refused(error: Error, rights: &Rights, found: &Found) -> Stop {
    let foreign: Rights =
        rights.iter().filter(|(_, name)| is_foreign(name, found)).map(|(k, n)| (*k, n.clone())).collect();
    if error.kind() != Kind::InsufficientPrivilege || foreign.is_empty() {
        return error.into();
    }
    let answer = format!("{} (SQLSTATE 42501)", sentence(error.message()));
    not_granted(&answer, &foreign, found).into()
}

/// The server took a GRANT and did nothing (SQLSTATE 01007).
pub(super) fn nothing_granted(still: &Rights, found: &Found) -> Diagnostic {
    not_granted("The server granted nothing (SQLSTATE 01007)", still, found)
}

fn not_granted(answer: &str, rights: &Rights, found: &Found) -> Diagnostic {
    let detail = format!(
        "{answer}: `{}` cannot grant these privileges.\n{}\n\nNothing was changed.\n\n{}",
        found.membership.role,
        list(rights.iter().map(|(key, name)| of_owner(key, name, found))),
        advice(rights, found)
    );
    Diagnostic::error("The connecting role cannot grant the privileges", detail).at(path!(connect_as))
}

/// Privileges on tables of a schema that only their owners can grant.
pub(super) fn left_out(rights: &Rights, found: &Found) -> Diagnostic {
    let detail = format!(
        "`{}` cannot grant these privileges, so they stay in `missing`:\n{}\n\n{}",
        found.membership.role,
        list(rights.iter().map(|(key, name)| of_owner(key, name, found))),
        advice(rights, found)
    );
    let summary = format!("Role `{}` lacks privileges on tables of other owners", found.grantee.name);
    Diagnostic::warning(summary, detail).at(path!(schemas))
}

fn owner<'a>(name: &'a Name, found: &'a Found) -> Option<&'a RoleName> {
    match name {
        Name::Database(_) => Some(&found.database.owner),
        Name::Schema(schema) => found.schemas.get(schema).map(|it| &it.owner),
        Name::Table(table) => found.tables.get(table).map(|it| &it.table.owner),
        Name::Future { owner, .. } => Some(owner),
    }
}

fn is_foreign(name: &Name, found: &Found) -> bool {
    owner(name, found).is_some_and(|it| !found.membership.acts_for(it))
}

/// `SELECT ON TABLE public.t (owner: alice)`
fn of_owner(key: &Key, name: &Name, found: &Found) -> String {
    let described = acl::describe(key, name);
    match owner(name, found).filter(|_| is_foreign(name, found)) {
        Some(owner) => format!("{described} (owner: `{owner}`)"),
        None => described,
    }
}

/// What helps on every version: on 16 and newer neither side can make the one a member of the other without the ADMIN
/// option (manual, GRANT).
fn advice(rights: &Rights, found: &Found) -> String {
    let owners: BTreeSet<&RoleName> = rights.values().filter_map(|it| owner(it, found)).collect();
    let mut parts = Vec::new();
    for it in owners.iter().filter(|it| !found.membership.acts_for(it)) {
        let theirs = rights.iter().filter(|(_, name)| owner(name, found) == Some(it));
        let theirs: Rights = theirs.map(|(key, name)| (*key, name.clone())).collect();
        let statements = acl::grant(&found.grantee.name, &theirs);
        parts.push(format!("Run as `{it}`, once:\n{}", list(statements.iter().map(|it| cut(&it.to_string())))));
    }
    if parts.is_empty() {
        return "Set `connect_as` to a role that can grant them.".to_owned();
    }
    if let Some(owner) = owners.first().filter(|_| owners.len() == 1) {
        parts.push(format!(
            "If `{owner}` owns everything that this grant covers, `connect_as = \"{owner}\"` works too."
        ));
    }
    parts.push("What the role has already is not granted again, and stays at destroy.".to_owned());
    parts.join("\n\n")
}

/// A statement that names many tables.
fn cut(statement: &str) -> String {
    const LONGEST: usize = 300;
    match statement.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &statement[..end]),
        None => format!("{statement};"),
    }
}

fn list<T: Display>(lines: impl Iterator<Item = T>) -> String {
    let lines: Vec<String> = lines.map(|it| format!("- {it}")).collect();
    let more = lines.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = lines.into_iter().take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("- and {more} more"));
    }
    shown.join("\n")
}

/// Owners that the user named, and for whom nothing can be set.
pub(super) fn future_tables_refused(writer: &RoleName, owners: &BTreeSet<RoleName>) -> Diagnostic {
    let detail = format!(
        "`future_table_owners` names {}. `{writer}` cannot set default privileges for a role that does not exist, or whose \
         privileges it does not have. Nothing was changed.\n\nRemove it from `future_table_owners`, or set `connect_as` to it.",
        enumerate(owners)
    );
    Diagnostic::error("Cannot set default privileges for some owners", detail).at(path!(future_table_owners))
}

/// Owners that were found, and for whom nothing can be set.
pub(super) fn future_tables_left_out(scope: &Scope, writer: &RoleName, owners: &BTreeSet<RoleName>) -> Diagnostic {
    let role = &scope.role;
    let statements = scope.schemas.iter().flat_map(|schema| {
        let of_owner = |owner: &RoleName| {
            let name = Name::Future { owner: owner.clone(), schema: schema.clone() };
            // The statements are by name: the oids do not matter.
            let object = Object::Future { owner: 0, schema: 0 };
            let rights = scope.privileges.iter().map(|it| (Key { object, right: Right::Table(*it) }, name.clone()));
            acl::grant(role, &rights.collect())
        };
        owners.iter().flat_map(of_owner).map(|it| cut(&it.to_string())).collect::<Vec<_>>()
    });
    let detail = format!(
        "`{writer}` cannot set default privileges for {}. Tables that such a role creates later show as `missing`.\n\nRun as that \
         role, once:\n{}\n\nOr list the roles that matter in `future_table_owners`.",
        enumerate(owners),
        list(statements)
    );
    Diagnostic::warning("Some future tables are not covered", detail).at(path!(future_table_owners))
}

/// Privileges that stay, because the connecting role cannot revoke them.
pub(super) fn kept(role: &RoleName, left: &Left) -> Diagnostic {
    let lines =
        left.iter().map(
            |(entry, by)| {
                if by.is_empty() { entry.clone() } else { format!("{entry}, granted by {}", enumerate(by)) }
            },
        );
    let detail = format!(
        "The connecting role cannot revoke them. Only the roles that granted them, or the owners, can:\n{}\n\nThey were only \
         removed from the state.",
        list(lines)
    );
    Diagnostic::warning(format!("Role `{role}` keeps some privileges"), detail)
}

pub(super) fn kept_after_import(role: &RoleName) -> Diagnostic {
    let detail = "The grant was imported and not applied since, so which privileges it stands for is not known. It was only \
                  removed from the state.";
    Diagnostic::warning(format!("Role `{role}` keeps its privileges"), detail)
}

/// The OIDs that the private state holds are of another database.
pub(super) fn restored(role: &RoleName) -> Diagnostic {
    let detail = "The database is not the one that the privileges were granted in. It was recreated, for example from a dump, so \
                  which privileges the role had before the grant is not known. Nothing was changed.\n\nApply the grant once, \
                  which records what the role has now, or remove it from the state with `terraform state rm`.";
    Diagnostic::error(format!("Cannot tell which privileges of `{role}` to revoke"), detail)
}
