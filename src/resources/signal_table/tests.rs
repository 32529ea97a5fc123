//! What the resource decides by itself, without a server.

use std::collections::BTreeMap;

use tfplugin::Attr;
use tfplugin::kinds::erased;

use super::apply::{Kept, why_kept};
use super::*;
use crate::postgres::signal_table::{Column, Misfit};
use crate::postgres::table::Kind;

const ID: &str = "shiny-wind-028834/br-aged-salad-637688/neondb/my%2Fschema/a.b";

fn watermarks() -> Found {
    let text = |not_null| Column { of: "text".to_owned(), not_null, has_default: false, generated: false };
    Found {
        oid: 20_001,
        name: TableName::parse("my/schema", "a.b").unwrap(),
        kind: Kind::Table,
        is_permanent: true,
        columns: BTreeMap::from([("slot".to_owned(), text(true)), ("watermark".to_owned(), text(false))]),
        key: vec!["slot".to_owned()],
    }
}

#[test]
fn model_and_schema_agree() {
    erased::resource(SignalTable).agrees().unwrap();
}

#[test]
fn an_import_id_names_a_table() {
    let imported = SignalTable::import(ID).unwrap();
    assert_eq!(imported.table().unwrap().to_string(), "my/schema.a.b");
    assert!(imported.shape.is_null() && imported.table.is_null());
    for wrong in ["", "a/b/c/d", "shiny-wind-028834/br-aged-salad-637688/neondb//t"] {
        assert!(SignalTable::import(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_reference_is_what_was_found() {
    let at = SignalTable::import(ID).unwrap().id.into_known().unwrap().database;
    let observed = SignalTable::import(ID).unwrap().observed(&at, &watermarks(), Some(Shape::EstuaryWatermarks));
    assert_eq!(observed.shape, Attr::Known(Shape::EstuaryWatermarks));
    let table = observed.table.known().unwrap();
    assert_eq!((table.schema.clone(), table.name.clone()), (observed.schema.clone(), observed.name.clone()));
}

#[test]
fn only_what_was_created_here_and_is_unchanged_is_dropped() {
    let shape = Shape::EstuaryWatermarks;
    let known = |oid, ours| Some(Known { oid, ours });
    let changed = Found { key: Vec::new(), ..watermarks() };
    for (found, known, expected) in [
        (watermarks(), known(20_001, true), None),
        (watermarks(), None, None),
        (watermarks(), known(20_001, false), Some("before")),
        (watermarks(), known(20_002, true), Some("recreated")),
        (changed.clone(), known(20_001, true), Some("changed")),
        (changed, known(20_001, false), Some("before")),
    ] {
        let why = why_kept(&found, shape, known).map(|it| match it {
            Kept::ExistedBefore => "before",
            Kept::Recreated => "recreated",
            Kept::Changed(Misfit::Column(..)) => "changed",
            Kept::Changed(other) => panic!("{other}"),
        });
        assert_eq!(why, expected, "{known:?}");
    }
}
