//! What the resource decides by itself, without a server.

use std::collections::BTreeMap;

use tfplugin::kinds::erased;
use tfplugin::{Attr, Diagnostic};

use super::model::Scope;
use super::*;
use crate::checks::samples;
use crate::postgres::grant::Entry;
use crate::postgres::privilege::Holdings;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::{Kind, Table};
use crate::postgres::{DatabaseName, TableName};

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

fn schema(name: &str) -> SchemaName {
    SchemaName::parse(name).unwrap()
}

fn relation(oid: u32, name: &str, owner: &str, of_extension: bool) -> Table {
    Table { oid, owner: role(owner), of_extension, ..samples::table(name) }
}

/// Three tables: of the writer, of somebody whom it may act for, of somebody else; and one of an extension.
fn facts() -> Facts {
    let tables = [
        relation(1, "own", "writer", false),
        relation(2, "hers", "alice", false),
        relation(3, "his", "bob", false),
        relation(4, "stats", "cloud_admin", true),
    ];
    Facts {
        tables: tables.into_iter().collect(),
        writer: role("writer"),
        may_act_for: [role("writer"), role("alice"), role("idle")].into(),
        options: BTreeMap::new(),
        schema_owners: [(schema("s"), role("carol")), (schema("public"), role("writer"))].into(),
        database_owner: Some(role("bob")),
    }
}

const ID: &str = "p/br-a/d/r";

fn model() -> Model {
    Model {
        database: known("d"),
        role: known("r"),
        schemas: Attr::Known([schema("public")].into()),
        tables: Attr::Known(BTreeSet::new()),
        privileges: Attr::Known([TablePrivilege::Select].into()),
        future_tables: Attr::Known(true),
        ..nulls::<Grant>().unwrap()
    }
}

fn scope(future_tables: bool, owners: Option<&[&str]>) -> Scope {
    let owners = owners.map(|it| it.iter().map(|it| role(it)).collect::<BTreeSet<_>>());
    Model { future_tables: future_tables.into(), future_table_owners: owners.into(), ..model() }.scope().unwrap()
}

fn select(table: &str) -> Entry {
    Entry::Table(TableName::parse("public", table).unwrap(), TablePrivilege::Select)
}

#[test]
fn model_and_schema_agree() {
    erased::resource(Grant).agrees().unwrap();
}

#[test]
fn something_must_be_named() {
    let table = || Attr::Known([Member { schema: Attr::Null, name: known("t") }].into());
    let none = || Attr::Known(BTreeSet::new());
    for (schemas, tables, refused) in [
        (Attr::Null, Attr::Null, true),
        (none(), Attr::Null, true),
        (none(), Attr::Known(BTreeSet::new()), true),
        (Attr::Known([schema("public")].into()), Attr::Null, false),
        (Attr::Null, table(), false),
        (Attr::Unknown, Attr::Null, false),
        (none(), Attr::Unknown, false),
    ] {
        let config = Model { schemas: schemas.clone(), tables: tables.clone(), ..model() };
        assert_eq!(Grant::validate(&config).has_errors(), refused, "{schemas:?} {tables:?}");
    }
}

#[test]
fn an_import_names_members_and_says_nothing_of_privileges() {
    let imported = Grant::import("p/br-a/d/r/public,sales.orders").unwrap();
    assert_eq!(imported.id, known(ID));
    assert_eq!(imported.schemas, Attr::Known([schema("public")].into()));
    assert_eq!(imported.tables, Attr::Known([Member { schema: known("sales"), name: known("orders") }].into()));
    assert!(imported.is_imported() && imported.future_tables.is_null());
    assert!(Grant::import(ID).is_err());
}

#[test]
fn what_is_read_shows_what_is_missing() {
    let at = Grant::import("p/br-a/d/r/public").unwrap().id.into_known().unwrap().database;
    let mut held = Holdings { connect: [role("bob")].into(), ..Holdings::default() };
    held.usage.insert(schema("public"), [role("writer")].into());
    held.tables
        .insert(TableName::parse("public", "own").unwrap(), [(TablePrivilege::Select, [role("writer")].into())].into());
    let observed = Model { future_tables: false.into(), ..model() }.observed(&at, &facts(), &held);
    let missing = ["SELECT ON TABLE public.hers", "SELECT ON TABLE public.his"].map(str::to_owned);
    assert_eq!((observed.missing, observed.id), (Attr::Known(missing.into()), known(ID)));
    // After an import: whatever the privileges come to, the way to them is needed.
    let imported = Grant::import("p/br-a/d/r/public").unwrap();
    let nothing_held = imported.clone().observed(&at, &facts(), &Holdings::default());
    let missing = ["CONNECT ON DATABASE d", "USAGE ON SCHEMA public"].map(str::to_owned);
    assert_eq!(nothing_held.missing, Attr::Known(missing.into()));
    assert!(imported.observed(&at, &facts(), &held).privileges.is_null());
}

#[test]
fn an_import_finds_what_is_held_on_its_members() {
    let scope = Grant::import("p/br-a/d/r/public,s.t").unwrap().scope().unwrap();
    let of = |held: &Holdings| scope.held(&facts().tables, held);
    let connect = Holdings { connect: [role("bob")].into(), ..Holdings::default() };
    assert!(of(&connect).is_empty(), "CONNECT is no privilege on a member");
    let mut held = connect;
    let table = |schema: &str, name: &str| TableName::parse(schema, name).unwrap();
    for name in [table("public", "own"), table("public", "stats"), table("s", "t"), table("s", "u")] {
        held.tables.insert(name, [(TablePrivilege::Insert, [role("bob")].into())].into());
    }
    let insert = |schema: &str, name: &str| Entry::Table(table(schema, name), TablePrivilege::Insert);
    assert_eq!(of(&held), [insert("public", "own"), insert("s", "t")].into());
}

#[test]
fn future_tables_are_those_of_owners_within_reach() {
    let names = |roles: BTreeSet<RoleName>| roles.into_iter().map(String::from).collect::<Vec<_>>();
    for (scope, covered, out) in [
        (scope(true, None), vec!["alice", "writer"], vec!["bob"]),
        (scope(false, None), vec![], vec![]),
        (scope(false, Some(&["alice"])), vec![], vec![]),
        (scope(true, Some(&["alice", "bob"])), vec!["alice", "bob"], vec!["bob"]),
        (scope(true, Some(&["idle"])), vec!["idle"], vec![]),
    ] {
        assert_eq!(names(scope.wanted(&facts()).future_owners), covered, "{scope:?}");
        assert_eq!(names(scope.out_of_reach(&facts())), out, "{scope:?}");
    }
}

#[test]
fn a_scope_covers_what_it_says_whoever_granted_it() {
    let future = |owner: &str, name: &str| Entry::Future {
        owner: role(owner),
        schema: schema(name),
        privilege: TablePrivilege::Select,
    };
    let insert = Entry::Table(TableName::parse("public", "own").unwrap(), TablePrivilege::Insert);
    let (all, listed) = (scope(true, None), scope(true, Some(&["alice"])));
    for (scope, entry, covered) in [
        (&all, select("own"), true),
        (&all, insert, false),
        (&all, select("dropped"), true),
        (&all, select("stats"), false),
        (&all, Entry::Usage(schema("public")), true),
        (&all, Entry::Usage(schema("other")), false),
        (&all, Entry::Connect(DatabaseName::parse("d").unwrap()), true),
        (&all, future("somebody", "public"), true),
        (&all, future("somebody", "other"), false),
        (&listed, future("alice", "public"), true),
        (&listed, future("bob", "public"), false),
        (&scope(false, None), future("alice", "public"), false),
    ] {
        assert_eq!(scope.covers(&entry, &facts().tables), covered, "{entry}");
    }
}

#[test]
fn who_acts_for_the_owner_or_the_grantor_can_revoke() {
    let usage = Entry::Usage(schema("s"));
    for (owner, grantor, may) in
        [("writer", "bob", true), ("alice", "bob", true), ("bob", "alice", true), ("bob", "bob", false)]
    {
        let facts = Facts { schema_owners: [(schema("s"), role(owner))].into(), ..facts() };
        let mut held = Holdings::default();
        held.usage.insert(schema("s"), [role(grantor)].into());
        assert_eq!(facts.may_revoke(&usage, &held), may, "{owner} {grantor}");
    }
}

fn said(diagnostic: &Diagnostic) -> String {
    format!("{}|{}|{}", diagnostic.path, diagnostic.summary, diagnostic.detail)
}

#[test]
fn a_grant_that_does_nothing_says_what_each_owner_can_run() {
    let entries = [Entry::Usage(schema("s")), Entry::Connect(DatabaseName::parse("d").unwrap())].into();
    let text = said(&messages::nothing_granted(&role("r"), &entries, &facts()));
    for part in [
        "connect_as|",
        "`writer`",
        "USAGE ON SCHEMA s (owner: `carol`)",
        "CONNECT ON DATABASE d (owner: `bob`)",
        "Run as `bob`, once:\n- GRANT CONNECT ON DATABASE \"d\" TO \"r\";",
        "Run as `carol`, once:\n- GRANT USAGE ON SCHEMA \"s\" TO \"r\";",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("connect_as ="), "no single role can grant both: {text}");
    // One owner, whom the grant can connect as.
    let text = said(&messages::left_out(&role("r"), &[select("his")].into(), &facts()));
    for part in ["schemas|", "SELECT ON TABLE public.his (owner: `bob`)", "connect_as = \"bob\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_list_of_many_entries_is_cut_with_a_count() {
    let many: BTreeSet<Entry> = (0..600).map(|it| select(&format!("t{it:03}"))).collect();
    let text = said(&messages::nothing_granted(&role("r"), &many, &facts()));
    assert!(text.contains("- and 590 more") && text.lines().count() < 40, "{text}");
}

#[test]
fn a_refusal_of_the_server_gets_the_owners_only_where_they_explain_it() {
    use crate::handler::Stop;
    use crate::postgres::{Error, Kind};
    let told = |kind, entry: Entry| match messages::refused(
        Error::new(kind, "permission denied"),
        &role("r"),
        &[entry].into(),
        &facts(),
    ) {
        Stop::Refused(said) => said.iter().next().map(|it| it.detail.clone()),
        Stop::Server(_) => None,
    };
    let named = told(Kind::InsufficientPrivilege, Entry::Usage(schema("s"))).unwrap();
    assert!(named.starts_with("Permission denied (SQLSTATE 42501)") && named.contains("`carol`"), "{named}");
    assert_eq!(told(Kind::InsufficientPrivilege, Entry::Usage(schema("public"))), None);
    assert_eq!(told(Kind::Other, Entry::Usage(schema("s"))), None);
}
