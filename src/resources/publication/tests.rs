//! What the resource decides by itself, without a server.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::Severity;
use tfplugin::kinds::erased;

use super::*;
use crate::postgres::marks::{Marks, Nonce};
use crate::postgres::publication::{GeneratedColumns, Member, Publication as Found};
use crate::postgres::{RoleName, TableName};

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

fn entry(name: &str) -> Entry {
    Entry {
        schema: known("public"),
        name: known(name),
        columns: Attr::Null,
        filter: Attr::Null,
        replica_identity_id: Attr::Null,
    }
}

fn model() -> Model {
    Model {
        id: known("shiny-wind-028834/br-aged-salad-637688/neondb/p"),
        project_id: known("shiny-wind-028834"),
        branch_id: known("br-aged-salad-637688"),
        database: known("neondb"),
        name: known("p"),
        tables: Attr::Known([entry("t")].into()),
        schemas: Attr::Known(BTreeSet::new()),
        all_tables: Attr::Known(false),
        publish: Attr::Known(Operation::ALL.into()),
        publish_via_partition_root: Attr::Known(false),
        manage_tables: Attr::Known(ManageTables::Exact),
        adopt: Attr::Known(false),
        allow_replace: Attr::Known(false),
        force_destroy: Attr::Known(false),
        oid: Attr::Known(16_400),
        owner: known("o"),
        adopted: Attr::Known(false),
        ..nulls::<Publication>().unwrap()
    }
}

#[test]
fn model_and_schema_agree() {
    erased::resource(Publication).agrees().unwrap();
}

#[test]
fn tables_schemas_or_everything_says_what_to_publish() {
    let tables = |entries: Vec<Entry>| Attr::Known(entries.into_iter().collect::<BTreeSet<_>>());
    for (tables, all_tables, wrong) in [
        (tables(vec![entry("t")]), Attr::Null, false),
        (tables(vec![entry("t")]), Attr::Known(false), false),
        (tables(vec![entry("t")]), Attr::Known(true), true),
        (tables(vec![]), Attr::Known(true), false),
        (tables(vec![]), Attr::Null, true),
        (Attr::Null, Attr::Known(true), false),
        (Attr::Null, Attr::Known(false), true),
        (Attr::Null, Attr::Null, true),
        (Attr::Null, Attr::Unknown, false),
        (Attr::Unknown, Attr::Null, false),
        (Attr::Unknown, Attr::Known(true), false),
    ] {
        let config = Model { tables: tables.clone(), all_tables, ..model() };
        assert_eq!(Publication::validate(&config).has_errors(), wrong, "{tables:?} {all_tables:?}");
    }
}

#[test]
fn schemas_say_what_to_publish_too_but_not_beside_column_lists() {
    let with = |schemas: &[&str], columns: Attr<BTreeSet<crate::postgres::ColumnName>>, tables: bool| {
        let entries = if tables { [Entry { columns, ..entry("t") }].into() } else { BTreeSet::new() };
        let config = Model {
            tables: if tables { Attr::Known(entries) } else { Attr::Null },
            schemas: Attr::Known(schemas.iter().map(|it| crate::postgres::SchemaName::parse(it).unwrap()).collect()),
            all_tables: Attr::Null,
            ..model()
        };
        Publication::validate(&config).has_errors()
    };
    let columns = || Attr::Known([crate::postgres::ColumnName::parse("id").unwrap()].into());
    assert!(!with(&["s"], Attr::Null, false));
    assert!(!with(&["s"], Attr::Null, true));
    assert!(!with(&[], columns(), true));
    assert!(with(&["s"], columns(), true));
    assert!(with(&[], Attr::Null, false));
}

fn planned(prior: Model, planned: Model) -> Result<Model, Diagnostics> {
    let config = Some(planned.clone());
    let mut plan = Plan { config, prior: Some(prior), planned: Some(planned), requires_replace: Vec::new() };
    Publication::modify_plan(&mut plan)?;
    assert!(plan.requires_replace.is_empty());
    Ok(plan.planned.unwrap())
}

#[test]
fn only_a_replacement_makes_the_oid_unknown() {
    let all = || Model { tables: Attr::Known(BTreeSet::new()), all_tables: Attr::Known(true), ..model() };
    let agreed = Model { allow_replace: Attr::Known(true), ..all() };
    let after = planned(model(), agreed.clone()).unwrap();
    assert!(after.oid.is_unknown() && after.owner.is_unknown() && after.id == model().id);
    assert_eq!(planned(agreed.clone(), agreed.clone()).unwrap(), agreed);
    assert_eq!(planned(model(), all()).unwrap(), all());
}

#[test]
fn a_turn_is_refused_unless_it_came_about_outside() {
    let all = Model { all_tables: Attr::Known(true), ..model() };
    let agreed = Model { allow_replace: Attr::Known(true), ..all.clone() };
    assert_eq!(messages::turn(&all, false, &model()).severity, Severity::Error);
    assert_eq!(messages::turn(&all, true, &model()).severity, Severity::Warning);
    assert_eq!(messages::turn(&agreed, false, &model()).severity, Severity::Warning);
}

#[test]
fn an_identity_of_another_table_is_refused() {
    let with = |id: &str| {
        let entry = Entry { replica_identity_id: known(id), ..entry("t") };
        planned(model(), Model { tables: Attr::Known([entry].into()), ..model() })
    };
    with("shiny-wind-028834/br-aged-salad-637688/neondb/public/t").unwrap();
    with("shiny-wind-028834/br-aged-salad-637688/neondb/public/u").unwrap_err();
    with("elsewhere-1/br-aged-salad-637688/neondb/public/t").unwrap_err();
}

#[test]
fn a_table_is_new_where_its_updates_were_not_published_before() {
    let is_new = |prior: Option<&Model>, words: &[Operation]| {
        let planned = Model { publish: Attr::Known(words.iter().copied().collect()), ..model() };
        check::published(&[entry("t")].into(), prior, &planned)[0].is_new
    };
    let inserts = Model { publish: Attr::Known([Operation::Insert].into()), ..model() };
    let others = Model { tables: Attr::Known([entry("u")].into()), ..model() };
    assert!(is_new(None, &Operation::ALL));
    assert!(!is_new(Some(&model()), &Operation::ALL));
    assert!(is_new(Some(&inserts), &Operation::ALL));
    assert!(is_new(Some(&others), &Operation::ALL));
    assert!(!is_new(Some(&inserts), &[Operation::Insert]));
    let listed =
        Entry { columns: Attr::Known([crate::postgres::ColumnName::parse("id").unwrap()].into()), ..entry("t") };
    let listed = Model { tables: Attr::Known([listed].into()), ..model() };
    assert!(is_new(Some(&listed), &Operation::ALL), "another column list");
    let via_root = Model { publish_via_partition_root: Attr::Known(true), ..model() };
    assert!(is_new(Some(&via_root), &Operation::ALL));
}

#[test]
fn an_import_id_names_a_publication() {
    let id = "shiny-wind-028834/br-aged-salad-637688/neondb/a \"b\".c%2Fd%25";
    let imported = Publication::import(id).unwrap();
    assert_eq!(imported.name, known("a \"b\".c/d%"));
    assert_eq!(imported.id, known(id));
    assert!(imported.tables.is_null() && imported.adopt.is_null());
    let too_long = format!("shiny-wind-028834/br-aged-salad-637688/neondb/{}", "x".repeat(64));
    for wrong in ["p", "a/b/c", "shiny-wind-028834/br-aged-salad-637688/neondb/", &too_long, "a/b/c/d/e"] {
        assert!(Publication::import(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_read_after_an_import_is_what_the_server_has() {
    let imported = Publication::import(&model().id.known().unwrap().to_string()).unwrap();
    let found = Found {
        name: PublicationName::parse("p").unwrap(),
        oid: 16_400,
        owner: RoleName::parse("o").unwrap(),
        tables: [(TableName::parse("public", "t").unwrap(), member())].into(),
        schemas: BTreeSet::new(),
        all_tables: false,
        publish: Operation::ALL.into(),
        via_partition_root: false,
        generated_columns: GeneratedColumns::None,
        marks: Marks::default(),
    };
    let at = model().id.known().unwrap().database.clone();
    let defaults = Model {
        manage_tables: Attr::Null,
        adopt: Attr::Null,
        allow_replace: Attr::Null,
        force_destroy: Attr::Null,
        ..model()
    };
    assert_eq!(imported.observed(&at, &found, &BTreeMap::new(), None), defaults, "the framework fills the defaults");
    let nonce = Nonce::random().unwrap();
    for (mark, is_ours) in [("neonrep: adopted", false), (format!("neonrep: adopted {nonce}").as_str(), true)] {
        let marked = Found { marks: Marks::of_lines([mark]), ..found.clone() };
        let imported = Publication::import(&model().id.known().unwrap().to_string()).unwrap();
        let adopted = imported.clone().observed(&at, &marked, &BTreeMap::new(), Some(&nonce)).adopted;
        assert_eq!(adopted, Attr::Known(is_ours), "{mark}");
        assert_eq!(imported.observed(&at, &marked, &BTreeMap::new(), None).adopted, Attr::Known(false), "{mark}");
    }
}

fn member() -> Member {
    Member { relid: 1, columns: None, filter: None }
}

/// The server does not record which publication a slot is for: only what is known is said, and no command that drops one.
#[test]
fn idle_slots_are_named_and_none_is_said_to_be_broken() {
    let idle = ["orders", "audit"].map(|it| it.parse().unwrap());
    let warning = messages::slots_may_be_stuck(&"p".parse().unwrap(), &BTreeSet::from(idle));
    assert_eq!(
        (warning.severity, warning.summary.as_str(), warning.detail.as_str()),
        (
            Severity::Warning,
            "Slots may be left without publication `p`",
            "These slots of the database use `pgoutput` and have no consumer: `audit` and `orders`. A slot whose consumer asks for \
             `p` cannot continue, and keeps write-ahead log. Drop such a slot when its consumer is gone."
        )
    );
}
