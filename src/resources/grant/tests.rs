//! What the resource decides by itself, without a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use tfplugin::kinds::erased;
use tfplugin::{Attr, Diagnostic};

use super::model::Scope;
use super::*;
use crate::checks::samples;
use crate::postgres::acl::{self, Found, Grantee, Holding, Rights, TableHolding};
use crate::postgres::membership::Membership;
use crate::postgres::privilege::Holdings;
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
        tables: Arc::new(tables.into_iter().collect()),
        writer: role("writer"),
        may_act_for: Arc::new([role("writer"), role("alice"), role("idle")].into()),
    }
}

fn holding(oid: u32, owner: &str) -> Holding {
    Holding { oid, owner: role(owner), entries: BTreeSet::new() }
}

/// What a transaction reads: a table of the writer and one of somebody else, in a schema of a third.
fn found() -> Found {
    let table = |oid, owner| TableHolding {
        table: holding(oid, owner),
        kind: Kind::Table,
        of_extension: false,
        columns: BTreeMap::new(),
        grant_options: BTreeSet::new(),
    };
    let name = |name: &str| TableName::parse("public", name).unwrap();
    Found {
        grantee: Grantee { oid: 100, name: role("r"), predefined: false },
        membership: Membership::of(role("writer")),
        database: holding(5, "bob"),
        database_name: DatabaseName::parse("d").unwrap(),
        schemas: [(schema("public"), holding(2_200, "carol"))].into(),
        tables: [(name("own"), table(20_001, "writer")), (name("his"), table(20_002, "bob"))].into(),
        future: BTreeMap::new(),
        owners: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
    }
}

fn rights(found: &Found, schemas: &[&str], tables: &[&str]) -> Rights {
    let scope = acl::Scope {
        role: role("r"),
        schemas: schemas.iter().map(|it| schema(it)).collect(),
        tables: tables.iter().map(|it| TableName::parse("public", it).unwrap()).collect(),
        oids: BTreeSet::new(),
    };
    found.wanted(&scope, &[TablePrivilege::Select].into(), &BTreeSet::new())
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
        mode: GrantMode::Additive.into(),
        ..nulls::<Grant>().unwrap()
    }
}

fn scope(future_tables: bool, owners: Option<&[&str]>) -> Scope {
    let owners = owners.map(|it| it.iter().map(|it| role(it)).collect::<BTreeSet<_>>());
    Model { future_tables: future_tables.into(), future_table_owners: owners.into(), ..model() }.scope().unwrap()
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
        let config = Model { schemas: schemas.clone(), tables: tables.clone(), future_tables: Attr::Null, ..model() };
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
fn what_is_read_shows_what_is_missing_and_what_is_too_much() {
    let by = |grantor: &str| BTreeSet::from([role(grantor)]);
    let mut held = Holdings { connect: by("bob"), ..Holdings::default() };
    held.usage.insert(schema("public"), by("writer"));
    let mut grant = |table: &str, privilege, grantor: &str| {
        let table = TableName::parse("public", table).unwrap();
        held.tables.entry(table).or_default().insert(privilege, by(grantor));
    };
    grant("own", TablePrivilege::Select, "writer");
    grant("own", TablePrivilege::Insert, "writer");
    grant("hers", TablePrivilege::Insert, "bob");
    held.create.insert(schema("public"), by("writer"));
    held.create.insert(schema("elsewhere"), by("writer"));
    let future = (role("alice"), Some(schema("public")));
    held.future.insert(future, [TablePrivilege::Select, TablePrivilege::Delete].into());
    let model = Model { future_tables: false.into(), ..model() };
    let texts = |entries: BTreeSet<Entry>| entries.iter().map(ToString::to_string).collect::<Vec<_>>();
    let additive = model.scope().unwrap();
    assert_eq!(texts(additive.missing(&facts(), &held)), ["SELECT ON TABLE public.hers", "SELECT ON TABLE public.his"]);
    assert!(additive.surplus(&facts(), &held).is_empty());
    // What another granted, and nobody here can revoke, is no surplus: no apply could cure it.
    let authoritative = Model { mode: GrantMode::Authoritative.into(), ..model.clone() }.scope().unwrap();
    let surplus = [
        "CREATE ON SCHEMA public",
        "INSERT ON TABLE public.own",
        "SELECT ON FUTURE TABLES OF alice IN SCHEMA public",
        "DELETE ON FUTURE TABLES OF alice IN SCHEMA public",
    ];
    assert_eq!(texts(authoritative.surplus(&facts(), &held)), surplus);
    for grantor in ["bob", "r"] {
        let create = [(schema("public"), by(grantor))].into();
        let held = Holdings { create, ..held.clone() };
        assert_eq!(texts(authoritative.surplus(&facts(), &held)), surplus[1..], "CREATE by {grantor}");
    }
    // After an import: whatever the privileges come to, the way to them is needed.
    let imported = Grant::import("p/br-a/d/r/public").unwrap().scope().unwrap();
    let missing = ["CONNECT ON DATABASE d", "USAGE ON SCHEMA public"];
    assert_eq!(texts(imported.missing(&facts(), &Holdings::default())), missing);
}

#[test]
fn future_tables_are_planned_by_the_schemas() {
    let planned = |schemas: Attr<BTreeSet<SchemaName>>, config: Attr<bool>| {
        let config = Model { schemas, future_tables: config, ..model() };
        let planned = Some(Model { future_tables: Attr::Unknown, ..config.clone() });
        let planned = if config.future_tables.is_null() { planned } else { Some(config.clone()) };
        let mut plan = Plan { config: Some(config), prior: None, planned, requires_replace: Vec::new() };
        Grant::modify_plan(&mut plan).unwrap();
        plan.planned.unwrap().future_tables
    };
    let some = || Attr::Known([schema("public")].into());
    assert_eq!(planned(some(), Attr::Null), Attr::Known(true));
    assert_eq!(planned(some(), Attr::Known(false)), Attr::Known(false));
    assert_eq!(planned(Attr::Known(BTreeSet::new()), Attr::Null), Attr::Null);
    assert_eq!(planned(Attr::Unknown, Attr::Null), Attr::Unknown);
}

#[test]
fn future_tables_are_refused_where_no_schema_is_named() {
    let refused = |schemas: Attr<BTreeSet<SchemaName>>, future_tables: Attr<bool>| {
        let tables = Attr::Known([Member { schema: Attr::Null, name: known("t") }].into());
        Grant::validate(&Model { schemas, tables, future_tables, ..model() }).has_errors()
    };
    assert!(refused(Attr::Null, Attr::Known(true)));
    assert!(!refused(Attr::Null, Attr::Known(false)) && !refused(Attr::Null, Attr::Null));
    assert!(!refused(Attr::Unknown, Attr::Known(true)));
    assert!(!refused(Attr::Known([schema("public")].into()), Attr::Known(true)));
}

#[test]
fn every_role_is_no_role() {
    let refused = |name: &str| Grant::validate(&Model { role: known(name), ..model() }).has_errors();
    assert!(refused("public") && !refused("Public") && !refused("r"));
}

#[test]
fn states_of_the_first_version_lose_future_tables_where_no_schema_is_named() {
    let upgraded = |schemas: Json, future_tables: bool| {
        let state = serde_json::json!({ "schemas": schemas, "future_tables": future_tables, "role": "r", "gone": 1 });
        let Json::Object(state) = state else { panic!("an object") };
        Json::Object(Grant::upgrade(0, state).unwrap())
    };
    let none = Json::Array(Vec::new());
    assert_eq!(upgraded(none.clone(), true)["future_tables"], Json::Null);
    assert_eq!(upgraded(none.clone(), false)["future_tables"], Json::Bool(false));
    assert_eq!(upgraded(serde_json::json!(["public"]), true)["future_tables"], Json::Bool(true));
    assert_eq!((&upgraded(none.clone(), true)["role"], upgraded(none, true).get("gone")), (&Json::from("r"), None));
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
    for (scope, covered) in [
        (scope(true, None), vec!["alice", "writer"]),
        (scope(false, None), vec![]),
        (scope(false, Some(&["alice"])), vec![]),
        (scope(true, Some(&["alice", "bob"])), vec!["alice", "bob"]),
        (scope(true, Some(&["idle"])), vec!["idle"]),
    ] {
        assert_eq!(names(scope.wanted_by(&facts()).future_owners), covered, "{scope:?}");
    }
    for (scope, out) in [
        (scope(true, None), vec!["bob"]),
        (scope(false, None), vec![]),
        (scope(true, Some(&["writer", "carol"])), vec!["carol"]),
    ] {
        assert_eq!(names(scope.out_of_reach(&found(), &role("writer"))), out, "{scope:?}");
    }
}

fn said(diagnostic: &Diagnostic) -> String {
    format!("{}|{}|{}", diagnostic.path, diagnostic.summary, diagnostic.detail)
}

#[test]
fn a_grant_that_does_nothing_says_what_each_owner_can_run() {
    let text = said(&messages::nothing_granted(&rights(&found(), &["public"], &["own"]), &found()));
    for part in [
        "connect_as|",
        "`writer`",
        "USAGE ON SCHEMA public (owner: `carol`)",
        "CONNECT ON DATABASE d (owner: `bob`)",
        "Run as `bob`, once:\n- GRANT CONNECT ON DATABASE \"d\" TO \"r\";",
        "Run as `carol`, once:\n- GRANT USAGE ON SCHEMA \"public\" TO \"r\";",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("connect_as ="), "no single role can grant both: {text}");
    // One owner, whom the grant can connect as.
    let mut his = rights(&found(), &[], &["his"]);
    his.retain(|_, name| matches!(name, acl::Name::Table(_)));
    let text = said(&messages::left_out(&his, &found()));
    for part in ["schemas|", "SELECT ON TABLE public.his (owner: `bob`)", "connect_as = \"bob\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_list_of_many_privileges_is_cut_with_a_count() {
    let mut found = found();
    for at in 0..600 {
        let mut table = found.tables.values().next().unwrap().clone();
        table.table = holding(30_000 + at, "bob");
        found.tables.insert(TableName::parse("public", &format!("t{at:03}")).unwrap(), table);
    }
    let text = said(&messages::nothing_granted(&rights(&found, &["public"], &[]), &found));
    assert!(text.contains(" more") && text.lines().count() < 40, "{text}");
}

#[test]
fn a_refusal_of_the_server_gets_the_owners_only_where_they_explain_it() {
    use crate::handler::Stop;
    use crate::postgres::{Error, Kind};
    let told = |kind, only_usage: bool| {
        let mut rights = rights(&found(), &[], &["own"]);
        rights.retain(|_, name| match name {
            acl::Name::Schema(_) => only_usage,
            acl::Name::Table(_) => !only_usage,
            _ => false,
        });
        match messages::refused(Error::new(kind, "permission denied"), &rights, &found()) {
            Stop::Refused(said) => said.iter().next().map(|it| it.detail.clone()),
            Stop::Server(_) => None,
        }
    };
    let named = told(Kind::InsufficientPrivilege, true).unwrap();
    assert!(named.starts_with("Permission denied (SQLSTATE 42501)") && named.contains("`carol`"), "{named}");
    assert_eq!(told(Kind::InsufficientPrivilege, false), None);
    assert_eq!(told(Kind::Other, true), None);
}

#[test]
fn grants_that_share_privileges_are_told_from_one_grant_at_two_addresses() {
    const SELECT: &[TablePrivilege] = &[TablePrivilege::Select];
    const INSERT: &[TablePrivilege] = &[TablePrivilege::Insert];
    let scope = |schemas: &[&str], tables: &[&str], privileges: &[TablePrivilege]| Scope {
        role: role("r"),
        database: DatabaseName::parse("d").unwrap(),
        schemas: schemas.iter().map(|it| schema(it)).collect(),
        tables: tables.iter().map(|it| TableName::parse("public", it).unwrap()).collect(),
        privileges: privileges.iter().copied().collect(),
        future: super::model::Future::OwnersFound,
        is_authoritative: false,
    };
    let all = scope(&["public"], &[], SELECT);
    for (other, shares, is_same) in [
        (scope(&["public"], &[], SELECT), true, true),
        (scope(&["public"], &[], INSERT), false, false),
        (scope(&[], &["t"], SELECT), true, false),
        (scope(&["public", "s"], &[], SELECT), true, false),
        (scope(&["s"], &[], SELECT), false, false),
    ] {
        assert_eq!((all.shares_with(&other), other.shares_with(&all)), (shares, shares), "{other:?}");
        assert_eq!(all.is_the_same_as(&other), is_same, "{other:?}");
    }
}

#[test]
fn a_table_that_was_created_again_under_its_name_is_no_longer_the_one_to_grant_on() {
    use crate::postgres::acl::{Key, Name, Object, Right};

    let right = |oid, name| {
        let key = Key { object: Object::Table(oid), right: Right::Table(TablePrivilege::parse("SELECT").unwrap()) };
        (key, Name::Table(TableName::parse("public", name).unwrap()))
    };
    let usage = (Key { object: Object::Schema(9), right: Right::Usage }, Name::Schema(schema("public")));
    let mut rights: Rights = [right(1, "kept"), right(2, "gone"), right(3, "again"), usage.clone()].into();
    let now = |name: &TableName| match name.name() {
        "kept" => Some(1),
        "again" => Some(4),
        _ => None,
    };
    super::apply::keep_those_there(&mut rights, now);
    assert_eq!(rights, Rights::from([right(1, "kept"), usage]));
    // Nor is it missed when nothing was granted on it.
    let (found, name) = (found(), Name::Table(TableName::parse("public", "own").unwrap()));
    let oid = found.tables.values().map(|it| it.table.oid).min().unwrap();
    let of = |oid| Key { object: Object::Table(oid), right: Right::Table(TablePrivilege::Select) };
    let there: Vec<bool> = [oid, 999].iter().map(|oid| super::apply::exists(&found, &of(*oid), &name)).collect();
    assert_eq!(there, [true, false]);
}
