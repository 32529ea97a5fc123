//! What the resource decides by itself, without a server.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::kinds::erased;

use super::model::{Drift, Found, role_name};
use super::*;
use crate::postgres::DatabaseName;
use crate::postgres::role::Role as SqlRole;
use crate::postgres::role::{Dependants, ForeignGrant, Tie};
use crate::postgres::role_change::ReplicationBy;
use crate::postgres::role_settings::{SettingName, Settings};
use crate::secret::Secret;

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

fn id(text: &str) -> RoleId {
    text.parse().unwrap()
}

fn role(store: Attr<bool>, rotate: Attr<&str>, password: Attr<&str>) -> Model {
    Model {
        store_password: store,
        rotate_when_changed: rotate.map(|it| BTreeMap::from([("v".to_owned(), it.to_owned().into())])),
        password: password.map(|it| Secret::new(it).into()),
        ..nulls::<Role>().unwrap()
    }
}

#[test]
fn model_and_schema_agree() {
    erased::resource(Role).agrees().unwrap();
}

#[test]
fn debug_does_not_show_the_password() {
    let shown = format!("{:?}", role(Attr::Known(true), Attr::Null, Attr::Known("npg_secret")));
    assert!(shown.contains("***") && !shown.contains("npg_secret"), "{shown}");
}

#[test]
fn the_state_is_what_was_seen() {
    let found = |password: Option<&str>| Found::of_api(true, password.map(Secret::new));
    let at = id("p/br-a/a%2Fb");
    let made = role(Attr::Known(false), Attr::Null, Attr::Unknown).observed(at.clone(), found(Some("secret")));
    assert_eq!(made.id, Attr::Known(at.clone()));
    assert_eq!((made.branch_id, made.adopted, made.password), (known("br-a"), Attr::Known(true), Attr::Null));
    let stored = |before: Attr<&str>, now| {
        role(Attr::Known(true), Attr::Null, before)
            .observed(at.clone(), found(now))
            .password
            .map(|it| it.expose().to_owned())
    };
    assert_eq!(stored(Attr::Unknown, Some("new")), Attr::Known("new".to_owned()));
    assert_eq!(stored(Attr::Known("old"), Some("new")), Attr::Known("new".to_owned()));
    assert_eq!(stored(Attr::Known("old"), None), Attr::Known("old".to_owned()), "what cannot be shown stays");
    assert_eq!(stored(Attr::Unknown, None), Attr::Null);
}

#[test]
fn an_imported_role_was_not_adopted_and_an_adopted_one_stays_adopted() {
    let read = |adopted: Attr<bool>| {
        let state = Model { adopted, ..nulls::<Role>().unwrap() };
        state.observed(id("p/br-a/r"), Found::of_api(false, None)).adopted
    };
    assert_eq!(read(Attr::Null), Attr::Known(false));
    assert_eq!(read(Attr::Known(true)), Attr::Known(true));
}

#[test]
fn a_plan_promises_no_more_than_it_knows() {
    use Attr::{Known, Null, Unknown};
    let (on, off) = (Known(true), Known(false));
    let cases = [
        ("create, not stored", None, role(off, Null, Unknown), Null),
        ("create, stored", None, role(on, Null, Unknown), Unknown),
        ("create, not known whether", None, role(Unknown, Null, Unknown), Unknown),
        ("stays stored", Some(role(on, Null, Known("a"))), role(on, Null, Unknown), Known("a")),
        ("stays stored, not shown", Some(role(on, Null, Null)), role(on, Null, Unknown), Null),
        ("from now on", Some(role(off, Null, Null)), role(on, Null, Unknown), Unknown),
        ("no more", Some(role(on, Null, Known("a"))), role(off, Null, Unknown), Null),
        ("rotated", Some(role(on, Known("1"), Known("a"))), role(on, Known("2"), Unknown), Unknown),
        ("perhaps rotated", Some(role(on, Known("1"), Known("a"))), role(on, Unknown, Unknown), Unknown),
        ("first value", Some(role(on, Null, Known("a"))), role(on, Known("1"), Unknown), Known("a")),
        ("value removed", Some(role(on, Known("1"), Known("a"))), role(on, Null, Unknown), Known("a")),
        ("rotated, not stored", Some(role(off, Known("1"), Null)), role(off, Known("2"), Unknown), Null),
    ];
    for (what, prior, wanted, expected) in cases {
        let planned = wanted.planned_password(prior.as_ref());
        assert_eq!(planned.map(|it| it.expose().to_owned()), expected.map(str::to_owned), "{what}");
    }
}

#[test]
fn only_another_value_rotates() {
    use Attr::{Known, Null, Unknown};
    let with = |rotate| role(Known(false), rotate, Null);
    for (before, after, expected) in [
        (Null, Null, false),
        (Null, Known("1"), false),
        (Known("1"), Null, false),
        (Known("1"), Known("1"), false),
        (Known("1"), Known("2"), true),
        (Known("1"), Unknown, false),
    ] {
        assert_eq!(with(after).rotates(&with(before)), expected, "{before:?} {after:?}");
    }
}

#[test]
fn reserved_names_are_refused_and_their_neighbours_are_not() {
    let long = "a".repeat(64);
    for wrong in
        ["", "pg_x", "pg_", "neon_superuser", "cloud_admin", "zenith_admin", "public", "none", ".", "..", &long]
    {
        assert!(role_name(wrong).is_err(), "{wrong}");
    }
    let longest = "ä".repeat(31);
    for right in ["pgx", "pg", "PUBLIC", "public_", "neon_superuser2", "...", "a\"b'; --", "mit leer", &longest] {
        assert!(role_name(right).is_ok(), "{right}");
    }
}

#[test]
fn an_import_says_where_and_nothing_else() {
    let imported = Role::import("p/br-a/we%2Fird%25").unwrap();
    assert_eq!((imported.name, imported.id), (known("we/ird%"), Attr::Known(id("p/br-a/we%2Fird%25"))));
    assert!(imported.adopt.is_null() && imported.password.is_null());
    for wrong in ["p/br-a", "p/br-a/", "P/br-a/r", "p/br a/r", "p/br-a/pg_x", "p/br-a/r/s"] {
        assert!(Role::import(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_existing_role_is_named_with_the_ways_to_go_on() {
    let error = messages::exists(&id("p/br-a/r"));
    for part in ["branch `br-a`", "`p/br-a/r`", "adopt = true", "create_before_destroy"] {
        assert!(error.detail.contains(part), "{part}: {}", error.detail);
    }
}

fn tied(database: Option<&str>, tie: Tie, count: u64, first: &[&str]) -> Dependants {
    Dependants {
        database: database.map(|it| DatabaseName::parse(it).unwrap()),
        tie,
        count,
        first: first.iter().map(|it| (*it).to_owned()).collect(),
    }
}

#[test]
fn what_is_owned_is_listed_and_privileges_do_not_prevent_a_delete() {
    let name = "r".parse().unwrap();
    assert_eq!(messages::owns(&name, &[]), None);
    assert_eq!(messages::owns(&name, &[tied(Some("a"), Tie::Privilege, 3, &["table public.t"])]), None);
    let all = [
        tied(None, Tie::Owner, 1, &["database x"]),
        tied(Some("a"), Tie::Owner, 12, &["table public.t", "table public.u"]),
        tied(Some("b"), Tie::Owner, 2, &[]),
    ];
    let errors = messages::owns(&name, &all).unwrap();
    let detail = &errors.iter().next().unwrap().detail;
    for line in [
        "- in the cluster: 1 object: database x\n",
        "- in database `a`: 12 objects: table public.t, table public.u, …\n",
        "- in database `b`: 2 objects\n",
        "force_destroy",
    ] {
        assert!(detail.contains(line), "{detail}");
    }
}

#[test]
fn privileges_and_policies_are_told_after_the_delete() {
    let name = "r".parse().unwrap();
    assert_eq!(messages::lost(&name, &[tied(Some("a"), Tie::Owner, 1, &[])]), []);
    let all = [
        tied(Some("a"), Tie::Privilege, 1, &["table public.t"]),
        tied(Some("a"), Tie::Policy, 1, &["policy p on public.t"]),
    ];
    let warnings = messages::lost(&name, &all);
    let ends: Vec<_> = warnings.iter().map(|it| it.detail.lines().last().unwrap()).collect();
    assert_eq!(
        ends,
        ["- in database `a`: 1 object: table public.t", "- in database `a`: 1 object: policy p on public.t"]
    );
}

#[test]
fn privileges_of_another_grantor_are_named_with_what_revokes_them() {
    let name = "r".parse().unwrap();
    assert_eq!(messages::held_from_others(&name, &[].into()), None);
    let grant = |table: &str| ForeignGrant {
        object: format!("TABLE s.{table}"),
        grantor: "g".parse().unwrap(),
        revoke: format!("REVOKE SELECT ON TABLE s.{table} FROM r"),
    };
    let detail = |tables: &[String]| {
        let all = tables.iter().map(|it| ("d".parse().unwrap(), grant(it))).collect();
        messages::held_from_others(&name, &all).unwrap().iter().next().unwrap().detail.clone()
    };
    let one = detail(&["t".to_owned()]);
    assert!(one.ends_with("\n- in database `d`, as role `g`: REVOKE SELECT ON TABLE s.t FROM r;"), "{one}");
    let many = detail(&(10..22).map(|it| format!("t{it}")).collect::<Vec<_>>());
    assert!(many.ends_with("\n- 2 more"), "{many}");
}

fn of_sql(role: Model) -> Model {
    Model { neon_superuser: Attr::Known(false), ..role }
}

#[test]
fn who_creates_the_role_is_declared_or_decided_by_the_server() {
    let nulls = || nulls::<Role>().unwrap();
    assert!(nulls().is_by_api(false) && !nulls().is_by_api(true));
    assert!(!of_sql(nulls()).is_by_api(false));
    assert!(!Model { neon_superuser: Attr::Known(true), ..nulls() }.is_by_api(true));
}

#[test]
fn arguments_of_the_other_kind_of_role_are_told() {
    use Attr::Known;
    let nulls = || nulls::<Role>().unwrap();
    let group = || BTreeSet::from(["g".parse().unwrap()]);
    for (set, argument) in [
        (Model { database: known("d"), ..nulls() }, "database"),
        (Model { replication: Known(true), ..nulls() }, "replication"),
        (Model { bypass_rls: Known(false), ..nulls() }, "bypass_rls"),
        (Model { member_of: Known(group()), ..nulls() }, "member_of"),
        (Model { password_wo: Known(Secret::new("secret").into()), ..nulls() }, "password_wo"),
        (Model { password_wo_version: Known(1), ..nulls() }, "password_wo_version"),
    ] {
        assert_eq!(set.misplaced(false), Some(argument));
        assert_eq!((of_sql(set.clone()).misplaced(false), set.misplaced(true)), (None, None), "{argument}");
    }
    for (set, argument) in [
        (Model { store_password: Known(true), ..nulls() }, "store_password"),
        (Model { rotate_when_changed: Known(BTreeMap::new()), ..nulls() }, "rotate_when_changed"),
        (Model { force_destroy: Known(true), ..nulls() }, "force_destroy"),
    ] {
        assert_eq!(set.misplaced(false), None, "{argument}");
        assert_eq!((of_sql(set.clone()).misplaced(false), set.misplaced(true)), (Some(argument), Some(argument)));
    }
    let both = Model { neon_superuser: Known(true), ..nulls() };
    assert_eq!((both.misplaced(false), both.misplaced(true)), (None, Some("neon_superuser")));
}

#[test]
fn drift_of_a_role_created_with_sql_is_read_into_the_state() {
    let group = |name: &str| BTreeSet::from([name.parse().unwrap()]);
    let of_user = settings(&[("WORK_MEM", "8MB"), ("search_path", "a,b")]);
    let declared = of_sql(Model {
        member_of: Attr::Known(group("g")),
        settings: Attr::Known(of_user.clone()),
        ..nulls::<Role>().unwrap()
    });
    let seen = SqlRole {
        oid: 1,
        name: "r".parse().unwrap(),
        superuser: false,
        login: true,
        replication: false,
        bypass_rls: true,
        create_role: true,
        create_db: false,
        member_of: vec!["others".parse().unwrap()],
        settings: settings(&[("work_mem", "1MB"), ("of_others.x", "1")]),
    };
    let by = ReplicationBy::Attribute;
    let read = |seen: &SqlRole| {
        let found = Found::of_sql(false, Drift::of(seen, &declared.wanted(), by));
        declared.clone().observed("sql/-/r".parse().unwrap(), found)
    };
    let drifted = read(&seen);
    assert_eq!((drifted.replication, drifted.bypass_rls), (Attr::Known(false), Attr::Null));
    assert_eq!(drifted.member_of, Attr::Known(BTreeSet::new()));
    assert_eq!(drifted.surplus, Attr::Known(["BYPASSRLS", "CREATEROLE"].map(str::to_owned).into()));
    assert_eq!(drifted.settings, Attr::Known(settings(&[("work_mem", "1MB")])));
    assert_eq!((drifted.branch_id, drifted.neon_superuser), (Attr::Null, Attr::Known(false)));
    let as_declared = SqlRole {
        replication: true,
        bypass_rls: false,
        create_role: false,
        member_of: vec!["g".parse().unwrap(), "others".parse().unwrap()],
        settings: settings(&[("work_mem", "8MB"), ("search_path", "a, b"), ("of_others.x", "1")]),
        ..seen
    };
    let same = read(&as_declared);
    assert_eq!((same.replication, same.member_of), (Attr::Null, Attr::Known(group("g"))));
    assert_eq!((same.surplus, same.settings), (Attr::Known(BTreeSet::new()), Attr::Known(of_user)));
}

fn settings(of: &[(&str, &str)]) -> Settings {
    of.iter().map(|(name, value)| (SettingName::parse(name).unwrap(), (*value).to_owned())).collect()
}

#[test]
fn settings_are_checked_in_the_configuration() {
    use tfplugin::Value;
    let check = |of: &[(&str, &str)]| {
        model::check_settings(&Value::Map(
            of.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        ))
    };
    assert_eq!(check(&[("wal_sender_timeout", "60s"), ("search_path", "\"$user\", public")]), Ok(()));
    for wrong in [&[("a b", "")][..], &[("search_path", "a,,b")], &[("TimeZone", "UTC"), ("timezone", "UTC")]] {
        assert!(check(wrong).is_err(), "{wrong:?}");
    }
    assert!(check(&[("TimeZone", "UTC"), ("timezone", "UTC")]).unwrap_err().contains("twice"));
}

#[test]
fn settings_of_a_role_of_the_api_show_only_where_they_were_read() {
    let of_user = settings(&[("work_mem", "8MB")]);
    let declared = Model { settings: Attr::Known(of_user.clone()), ..nulls::<Role>().unwrap() };
    let read = |found: Found| declared.clone().observed(id("p/br-a/r"), found).settings;
    assert_eq!(read(Found::of_api(false, None)), Attr::Known(of_user.clone()));
    let changed = Found::of_api(false, None).with_settings(&of_user, &settings(&[("work_mem", "1MB")]));
    assert_eq!(read(changed), Attr::Known(settings(&[("work_mem", "1MB")])));
    let reset = Found::of_api(false, None).with_settings(&of_user, &Settings::new());
    assert_eq!(read(reset), Attr::Known(Settings::new()));
}

#[test]
fn a_new_version_sets_the_password() {
    use Attr::{Known, Null};
    let with = |version: Attr<i64>| Model { password_wo_version: version, ..nulls::<Role>().unwrap() };
    for (before, after, sets) in [
        (Null, Null, false),
        (Null, Known(1), true),
        (Known(1), Known(1), false),
        (Known(1), Known(2), true),
        (Known(1), Null, false),
    ] {
        assert_eq!(with(after).sets_password(&with(before)), sets, "{before:?} {after:?}");
    }
}

#[test]
fn an_import_of_a_server_reached_directly_has_no_project() {
    let imported = Role::import("sql/-/r").unwrap();
    assert!(imported.project_id.is_null() && imported.branch_id.is_null() && imported.is_imported());
}
