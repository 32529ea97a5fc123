//! Why a privilege cannot be given or taken back, and who can: only an object's owner, or a member of that role.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{Diagnostic, Diagnostics, path};

use super::scope::{Facts, Scope};
use super::texts;
use crate::explain;
use crate::postgres::grant::Entry;
use crate::postgres::privilege::{Grantors, Holdings};
use crate::postgres::{Error, Kind, RoleName, SchemaName};

/// Who owns what privileges are given on, beside tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    pub(super) schemas: BTreeMap<SchemaName, RoleName>,
    pub(super) database: Option<RoleName>,
}

impl Owners {
    /// The owner of what an entry is about, if it is there.
    fn of<'a>(&'a self, entry: &'a Entry, facts: &'a Facts) -> Option<&'a RoleName> {
        match entry {
            Entry::Connect(_) => self.database.as_ref(),
            Entry::Usage(schema) => self.schemas.get(schema),
            Entry::Table(table, _) => facts.tables.get(table).map(|it| &it.owner),
            Entry::Future { owner, .. } => Some(owner),
        }
    }

    /// Whether the writer can take an entry back: it acts for the owner, or for one that gave it.
    pub(super) fn may_take(&self, entry: &Entry, held: &Holdings, facts: &Facts) -> bool {
        let none = Grantors::new();
        let grantors = match entry {
            Entry::Connect(_) => &held.connect,
            Entry::Usage(schema) => held.usage.get(schema).unwrap_or(&none),
            Entry::Table(table, privilege) => held.tables.get(table).and_then(|it| it.get(privilege)).unwrap_or(&none),
            Entry::Future { .. } => &none,
        };
        let owner = self.of(entry, facts);
        owner.is_some_and(|it| facts.may_act_for.contains(it)) || !facts.may_act_for.is_disjoint(grantors)
    }
}

/// `SELECT ON TABLE public.t (of alice)` for each entry whose owner the writer may not act for, and these owners.
fn of_others(entries: &BTreeSet<Entry>, facts: &Facts, owners: &Owners) -> (Vec<String>, BTreeSet<RoleName>) {
    let (mut lines, mut who) = (Vec::new(), BTreeSet::new());
    for entry in entries {
        match owners.of(entry, facts).filter(|it| !facts.may_act_for.contains(*it)) {
            Some(owner) => {
                lines.push(format!("- {entry}: only `{owner}`, the owner, can give it"));
                who.insert(owner.clone());
            }
            None => lines.push(format!("- {entry}")),
        }
    }
    (lines, who)
}

/// A role that is not there.
pub(super) fn no_such_role(role: &RoleName) -> Error {
    Error::new(Kind::UndefinedObject, format!("there is no role `{role}`"))
}

/// Grants that the server took and that changed nothing.
pub(super) fn nothing_granted(still: &BTreeSet<Entry>, facts: &Facts, owners: &Owners) -> Error {
    let (lines, who) = of_others(still, facts, owners);
    let advice = match who.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>() {
        who if who.is_empty() => String::new(),
        who => format!("\nConnect as the owner (`connect_as`), or let {} grant the privileges", who.join(" and ")),
    };
    Error::new(
        Kind::InsufficientPrivilege,
        format!("no privileges were granted, for `{}` may not give these:\n{}{advice}", facts.writer, lines.join("\n")),
    )
}

/// The server's refusal, with the owners that it does not name.
pub(super) fn with_owners(error: Error, missing: &BTreeSet<Entry>, facts: &Facts, owners: &Owners) -> Error {
    let tables: BTreeSet<Entry> = missing
        .iter()
        .filter(|it| owners.of(it, facts).is_some_and(|owner| !facts.may_act_for.contains(owner)))
        .cloned()
        .collect();
    if error.kind() != Kind::InsufficientPrivilege || tables.is_empty() {
        return error;
    }
    let (lines, _) = of_others(&tables, facts, owners);
    Error::new(
        Kind::InsufficientPrivilege,
        format!(
            "{} (SQLSTATE {}): `{}` may not give these:\n{}",
            error.message(),
            error.sqlstate().unwrap_or("42501"),
            facts.writer,
            lines.join("\n")
        ),
    )
}

/// Owners that the user named, and for whom nothing can be set.
pub(super) fn future_tables_refused(writer: &RoleName, owners: &BTreeSet<RoleName>) -> Error {
    Error::new(
        Kind::InsufficientPrivilege,
        format!(
            "`{writer}` may not set default privileges for {}, listed in `future_table_owners`: such a role is not there, or \
             `{writer}` is not a member of it",
            names(owners)
        ),
    )
}

/// Owners that were found, and for whom nothing can be set.
pub(super) fn future_tables_left_out(writer: &RoleName, owners: &BTreeSet<RoleName>) -> Diagnostic {
    Diagnostic::warning(
        "Some future tables are not covered",
        format!(
            "`{writer}` may not set default privileges for {}: tables that are made as such a role later will show as `missing`. \
             Set them as that role (`connect_as`), make `{writer}` a member of it, or list the owners that count in \
             `future_table_owners`.",
            names(owners)
        ),
    )
    .at(path!(future_table_owners))
}

/// Privileges that stay, for they are not ours to take.
pub(super) fn not_taken_back(role: &RoleName, left: &BTreeSet<Entry>) -> Diagnostic {
    let lines: Vec<String> = texts(left).into_iter().map(|it| format!("- {it}")).collect();
    Diagnostic::warning(
        format!("Role `{role}` keeps some privileges"),
        format!(
            "They were given by others, and only those, or the owners, can take them back:\n{}\n\nDropping the role takes them \
             away too.",
            lines.join("\n")
        ),
    )
}

fn names(roles: &BTreeSet<RoleName>) -> String {
    roles.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

/// Each way in which Postgres can refuse, and which argument to look at.
pub(super) fn explain(doing: &str, scope: &Scope, error: &Error) -> Diagnostics {
    let plain = explain::postgres(doing, error);
    let (at, advice) = match (error.kind(), error.sqlstate()) {
        (Kind::UndefinedObject, None) => (
            path!(role),
            Some("The role must be there first: take `role` from `neonrep_role.x.name`, which also keeps the order."),
        ),
        (Kind::UndefinedTable, _) => (path!(tables), Some("Each table must be there when the privileges are given.")),
        (Kind::UndefinedSchema, _) if scope.schemas.is_empty() => (path!(tables), None),
        (Kind::UndefinedSchema, _) => {
            (path!(schemas), Some("Each schema must be there when the privileges are given."))
        }
        (Kind::NotUnderstood, _) => (path!(privileges), None),
        (Kind::InsufficientPrivilege, _) => (path!(connect_as), None),
        _ => return plain.into(),
    };
    let detail = advice.map_or_else(|| plain.detail.clone(), |advice| format!("{}\n\n{advice}", plain.detail));
    Diagnostic { detail, ..plain }.at(at).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::DatabaseName;

    fn role(name: &str) -> RoleName {
        RoleName::parse(name).unwrap()
    }

    fn facts() -> Facts {
        Facts {
            tables: [].into_iter().collect(),
            writer: role("writer"),
            may_act_for: [role("writer"), role("alice")].into(),
        }
    }

    fn owners(of_schema: &str) -> Owners {
        Owners { schemas: [(SchemaName::parse("s").unwrap(), role(of_schema))].into(), database: Some(role("bob")) }
    }

    fn usage() -> Entry {
        Entry::Usage(SchemaName::parse("s").unwrap())
    }

    #[test]
    fn who_acts_for_the_owner_or_the_grantor_can_take_back() {
        let given_by = |grantor: &str| {
            let mut held = Holdings::default();
            held.usage.insert(SchemaName::parse("s").unwrap(), [role(grantor)].into());
            held
        };
        for (owner, grantor, may) in
            [("writer", "bob", true), ("alice", "bob", true), ("bob", "alice", true), ("bob", "bob", false)]
        {
            assert_eq!(owners(owner).may_take(&usage(), &given_by(grantor), &facts()), may, "{owner} {grantor}");
        }
    }

    #[test]
    fn a_grant_for_nothing_names_the_owners() {
        let connect = Entry::Connect(DatabaseName::parse("d").unwrap());
        let error = nothing_granted(&[usage(), connect].into(), &facts(), &owners("carol"));
        assert_eq!(error.kind(), Kind::InsufficientPrivilege);
        for part in
            ["`writer`", "USAGE ON SCHEMA s: only `carol`", "CONNECT ON DATABASE d: only `bob`", "`bob` and `carol`"]
        {
            assert!(error.message().contains(part), "{part}: {}", error.message());
        }
        // Nobody is known who could.
        let error = nothing_granted(&[usage()].into(), &facts(), &owners("alice"));
        assert!(!error.message().contains("connect_as"), "{}", error.message());
    }

    #[test]
    fn a_refusal_of_the_server_gets_the_owners_only_where_they_explain_it() {
        let refused = || Error::new(Kind::InsufficientPrivilege, "permission denied for schema s");
        let named = with_owners(refused(), &[usage()].into(), &facts(), &owners("carol"));
        assert!(named.message().starts_with("permission denied for schema s") && named.message().contains("`carol`"));
        assert_eq!(with_owners(refused(), &[usage()].into(), &facts(), &owners("alice")), refused());
        let other = Error::new(Kind::Other, "x");
        assert_eq!(with_owners(other.clone(), &[usage()].into(), &facts(), &owners("carol")), other);
    }

    #[test]
    fn each_refusal_points_at_its_argument() {
        let scope = |schemas: &[&str]| Scope {
            role: role("r"),
            database: DatabaseName::parse("d").unwrap(),
            schemas: schemas.iter().map(|it| SchemaName::parse(it).unwrap()).collect(),
            tables: BTreeSet::new(),
            privileges: BTreeSet::new(),
            future: super::super::scope::Future::None,
        };
        for (kind, schemas, path) in [
            (Kind::UndefinedObject, &["s"][..], "role"),
            (Kind::UndefinedTable, &["s"], "tables"),
            (Kind::UndefinedSchema, &["s"], "schemas"),
            (Kind::UndefinedSchema, &[], "tables"),
            (Kind::NotUnderstood, &["s"], "privileges"),
            (Kind::InsufficientPrivilege, &["s"], "connect_as"),
            (Kind::ConnectionLost, &["s"], ""),
        ] {
            let said = explain("grant", &scope(schemas), &Error::new(kind, "m"));
            assert_eq!(said.iter().map(|it| it.path.to_string()).collect::<Vec<_>>(), [path], "{kind:?}");
        }
    }
}
