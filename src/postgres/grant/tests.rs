//! Grants as values: what is missing, what is taken back, in which statements.

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

fn sql_of(statements: &[Statement]) -> String {
    statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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

#[test]
fn statements_go_by_oid_and_back_in_reverse() {
    let entries = wanted().entries(&tables());
    insta::assert_snapshot!(sql_of(&grant(&wanted().role, &entries, &tables())), @r#"
        GRANT CONNECT ON DATABASE "d" TO "r""1"
        GRANT USAGE ON SCHEMA "public" TO "r""1"
        GRANT SELECT ON TABLE "public"."b", "public"."a", "public"."health_check" TO "r""1"
        ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "public" GRANT SELECT ON TABLES TO "r""1"
        "#);
    insta::assert_snapshot!(sql_of(&revoke(&wanted().role, &entries, &tables())), @r#"
        ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "public" REVOKE SELECT ON TABLES FROM "r""1"
        REVOKE SELECT ON TABLE "public"."b", "public"."a", "public"."health_check" FROM "r""1"
        REVOKE USAGE ON SCHEMA "public" FROM "r""1"
        REVOKE CONNECT ON DATABASE "d" FROM "r""1"
        "#);
    assert_eq!(grant(&wanted().role, &BTreeSet::new(), &tables()), []);
}

#[test]
fn all_is_taken_back_but_what_was_there() {
    let held = all_held(&wanted());
    assert_eq!(wanted().to_take_back(&tables(), &held, &BTreeSet::new()), wanted().entries(&tables()));
    let before = [Entry::Table(table("a"), TablePrivilege::Select)].into();
    insta::assert_snapshot!(shown(&wanted().to_take_back(&tables(), &held, &before)), @r"
        SELECT ON TABLE public.b
        SELECT ON TABLE public.health_check
        SELECT ON FUTURE TABLES OF app IN SCHEMA public
        ");
}

#[test]
fn usage_and_connect_stay_while_something_is_held_beneath() {
    let mut held = all_held(&wanted());
    held.others.insert(Some(schema("public")), 1);
    let taken = shown(&wanted().to_take_back(&tables(), &held, &BTreeSet::new()));
    assert!(!taken.contains("USAGE") && !taken.contains("CONNECT"), "{taken}");

    // Another grant of the role, in another schema.
    let mut held = all_held(&wanted());
    held.usage.insert(schema("other"), [role("app")].into());
    let taken = shown(&wanted().to_take_back(&tables(), &held, &BTreeSet::new()));
    assert!(taken.contains("USAGE ON SCHEMA public") && !taken.contains("CONNECT"), "{taken}");

    // Another privilege on one of the tables.
    let mut held = all_held(&wanted());
    held.tables.entry(table("a")).or_default().insert(TablePrivilege::Insert, [role("app")].into());
    let taken = shown(&wanted().to_take_back(&tables(), &held, &BTreeSet::new()));
    assert!(taken.contains("SELECT ON TABLE public.a") && !taken.contains("USAGE"), "{taken}");
}

#[test]
fn defaults_of_neon_itself_are_left_alone() {
    let mut held = all_held(&wanted());
    held.future.insert((role("cloud_admin"), Some(schema("public"))), [TablePrivilege::Select].into());
    let taken = shown(&wanted().to_take_back(&tables(), &held, &BTreeSet::new()));
    assert!(!taken.contains("cloud_admin"), "{taken}");
}
