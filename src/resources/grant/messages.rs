//! Diagnostics of `neonrep_grant`: why a privilege cannot be granted or revoked, and who can.

use std::collections::BTreeSet;
use std::fmt::Display;

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::apply::{Facts, Left};
use super::model::{Model, Scope};
use crate::handler::Stop;
use crate::handler::words::{enumerate, sentence};
use crate::postgres::grant::{self, Entry};
use crate::postgres::{Error, Kind, RoleName, SchemaName, TableName};

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

/// The server refused a GRANT; it does not name the owners.
pub(super) fn refused(error: Error, role: &RoleName, entries: &BTreeSet<Entry>, facts: &Facts) -> Stop {
    let foreign: BTreeSet<Entry> = entries.iter().filter(|it| !facts.is_within_reach(it)).cloned().collect();
    if error.kind() != Kind::InsufficientPrivilege || foreign.is_empty() {
        return error.into();
    }
    let answer = format!("{} (SQLSTATE 42501)", sentence(error.message()));
    not_granted(&answer, role, &foreign, facts).into()
}

/// The server took a GRANT and did nothing (SQLSTATE 01007).
pub(super) fn nothing_granted(role: &RoleName, still: &BTreeSet<Entry>, facts: &Facts) -> Diagnostic {
    not_granted("The server granted nothing (SQLSTATE 01007)", role, still, facts)
}

fn not_granted(answer: &str, role: &RoleName, entries: &BTreeSet<Entry>, facts: &Facts) -> Diagnostic {
    let detail = format!(
        "{answer}: `{}` cannot grant these privileges.\n{}\n\nNothing was changed.\n\n{}",
        facts.writer,
        list(entries.iter().map(|it| of_owner(it, facts))),
        advice(role, entries, facts)
    );
    Diagnostic::error("The connecting role cannot grant the privileges", detail).at(path!(connect_as))
}

/// Privileges on tables of a schema that only their owners can grant.
pub(super) fn left_out(role: &RoleName, entries: &BTreeSet<Entry>, facts: &Facts) -> Diagnostic {
    let detail = format!(
        "`{}` cannot grant these privileges, so they stay in `missing`:\n{}\n\n{}",
        facts.writer,
        list(entries.iter().map(|it| of_owner(it, facts))),
        advice(role, entries, facts)
    );
    Diagnostic::warning(format!("Role `{role}` lacks privileges on tables of other owners"), detail).at(path!(schemas))
}

/// `SELECT ON TABLE public.t (owner: alice)`
fn of_owner(entry: &Entry, facts: &Facts) -> String {
    match facts.owner(entry).filter(|_| !facts.is_within_reach(entry)) {
        Some(owner) => format!("{entry} (owner: `{owner}`)"),
        None => entry.to_string(),
    }
}

/// What helps on every version: on 16 and newer neither side can make the one a member of the other without the ADMIN
/// option (manual, GRANT).
fn advice(role: &RoleName, entries: &BTreeSet<Entry>, facts: &Facts) -> String {
    let mut parts = Vec::new();
    let owners: BTreeSet<&RoleName> = entries.iter().filter_map(|it| facts.owner(it)).collect();
    for owner in owners.iter().filter(|it| !facts.may_act_for.contains(**it)) {
        let theirs: BTreeSet<Entry> = entries.iter().filter(|it| facts.owner(it) == Some(owner)).cloned().collect();
        let statements = grant::grant(role, &theirs, &facts.tables);
        let statements = statements.iter().map(|it| cut(&it.to_string()));
        parts.push(format!("Run as `{owner}`, once:\n{}", list(statements)));
    }
    if let Some(owner) = owners.first().filter(|_| owners.len() == 1 && !parts.is_empty()) {
        parts.push(format!(
            "If `{owner}` owns everything that this grant covers, `connect_as = \"{owner}\"` works too."
        ));
    }
    if parts.is_empty() {
        return "Set `connect_as` to a role that can grant them.".to_owned();
    }
    parts.push("What a role has already is not granted again, and stays at destroy.".to_owned());
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
            let privileges = scope.privileges.iter();
            let entries = privileges.map(|privilege| Entry::Future {
                owner: owner.clone(),
                schema: schema.clone(),
                privilege: *privilege,
            });
            grant::grant(role, &entries.collect(), &[].into_iter().collect())
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
    let lines = left.iter().map(|(entry, by)| {
        if by.is_empty() { entry.to_string() } else { format!("{entry}, granted by {}", enumerate(by)) }
    });
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
