//! Grants as values: what is missing.

use super::*;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::{Kind, Table};

fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

fn schema(name: &str) -> SchemaName {
    SchemaName::parse(name).unwrap()
}

fn table(name: &str) -> TableName {
    TableName::parse("public", name).unwrap()
}

fn found(oid: u32, name: &str, owner: &str, of_extension: bool) -> Table {
    Table {
        oid,
        name: table(name),
        kind: Kind::Table,
        owner: role(owner),
        is_permanent: true,
        has_primary_key: true,
        identity: Mode::Default,
        key_columns: BTreeSet::new(),
        identity_index_valid: false,
        identity_index_columns: BTreeSet::new(),
        generated: std::collections::BTreeMap::new(),
        inherited_by: BTreeSet::new(),
        partition_of: None,
        row_security: false,
        of_extension,
    }
}

fn tables() -> Tables {
    let all = [
        found(20_002, "a", "app", false),
        found(20_001, "b", "app", false),
        found(20_003, "pg_stat_statements", "cloud_admin", true),
        found(20_004, "health_check", "cloud_admin", false),
    ];
    all.into_iter().collect()
}

fn wanted() -> Wanted {
    Wanted {
        role: role("r\"1"),
        database: DatabaseName::parse("d").unwrap(),
        schemas: [schema("public")].into(),
        tables: BTreeSet::new(),
        privileges: [TablePrivilege::Select].into(),
        future_owners: [role("app")].into(),
    }
}

/// As if all that is wanted had been granted.
fn all_held(wanted: &Wanted) -> Holdings {
    let by: BTreeSet<_> = [role("app")].into();
    let mut held = Holdings::default();
    for entry in wanted.entries(&tables()) {
        match entry {
            Entry::Connect(_) => held.connect = by.clone(),
            Entry::Usage(schema) => drop(held.usage.insert(schema, by.clone())),
            Entry::Create(schema) => panic!("CREATE in `{schema}` is never wanted"),
            Entry::Table(table, privilege) => drop(held.tables.entry(table).or_default().insert(privilege, by.clone())),
            Entry::Future { owner, schema, privilege } => {
                held.future.entry((owner, Some(schema))).or_default().insert(privilege);
            }
        }
    }
    held
}

fn shown(entries: &BTreeSet<Entry>) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn members_of_extensions_are_outside_of_schemas() {
    insta::assert_snapshot!(shown(&wanted().missing(&tables(), &Holdings::default())), @r"
        CONNECT ON DATABASE d
        USAGE ON SCHEMA public
        SELECT ON TABLE public.a
        SELECT ON TABLE public.b
        SELECT ON TABLE public.health_check
        SELECT ON FUTURE TABLES OF app IN SCHEMA public
        ");
    let named = Wanted { tables: [table("pg_stat_statements")].into(), ..wanted() };
    assert!(shown(&named.missing(&tables(), &Holdings::default())).contains("pg_stat_statements"));
}

#[test]
fn neons_own_role_is_no_future_owner() {
    assert_eq!(wanted().found_owners(&tables()), [role("app")].into());
}

#[test]
fn what_is_held_is_not_missing() {
    let mut held = all_held(&wanted());
    assert_eq!(wanted().missing(&tables(), &held), BTreeSet::new());
    held.tables.remove(&table("b"));
    assert_eq!(shown(&wanted().missing(&tables(), &held)), "SELECT ON TABLE public.b");
    // A default for all schemas covers each.
    let of_schema = held.future.remove(&(role("app"), Some(schema("public")))).unwrap();
    held.future.insert((role("app"), None), of_schema);
    assert_eq!(shown(&wanted().missing(&tables(), &held)), "SELECT ON TABLE public.b");
}
