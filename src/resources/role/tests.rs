//! What the resource decides by itself, without a server.

use std::collections::BTreeMap;

use tfplugin::kinds::erased;

use super::model::{Found, role_name};
use super::*;
use crate::postgres::DatabaseName;
use crate::postgres::role::{Dependants, ForeignGrant, Tie};
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
    let found = |password: Option<&str>| Found { adopted: true, password: password.map(Secret::new) };
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
        state.observed(id("p/br-a/r"), Found { adopted: false, password: None }).adopted
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
