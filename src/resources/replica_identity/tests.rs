//! What the resource decides by itself, without a server.

use tfplugin::kinds::erased;
use tfplugin::path;

use super::model::Original;
use super::*;
use crate::checks::samples;
use crate::postgres::TableName;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::Table;

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

const ID: &str = "shiny-wind-028834/br-aged-salad-637688/neondb/my%2Fschema/a.b";

fn found(identity: Mode) -> Table {
    Table {
        name: TableName::parse("my/schema", "a.b").unwrap(),
        identity,
        identity_index_valid: true,
        ..samples::table("a")
    }
}

#[test]
fn model_and_schema_agree() {
    erased::resource(ReplicaIdentity).agrees().unwrap();
}

#[test]
fn an_index_is_named_with_mode_index_and_only_then() {
    let mode = Attr::Known;
    let index = || known::<IndexName>("i");
    for (mode, index, wrong) in [
        (mode(ModeWord::Index), Attr::Null, true),
        (mode(ModeWord::Index), index(), false),
        (mode(ModeWord::Index), Attr::Unknown, false),
        (mode(ModeWord::Full), index(), true),
        (mode(ModeWord::Full), Attr::Null, false),
        (Attr::Unknown, index(), false),
        (Attr::Unknown, Attr::Null, false),
    ] {
        let config = Model { mode, index_name: index.clone(), ..nulls::<ReplicaIdentity>().unwrap() };
        let said = ReplicaIdentity::validate(&config);
        assert_eq!(said.has_errors(), wrong, "{mode:?} {index:?}");
        assert!(said.iter().all(|it| it.path == path!(index_name)));
    }
}

#[test]
fn an_import_id_names_a_table() {
    let imported = ReplicaIdentity::import(ID).unwrap();
    assert_eq!(imported.table().unwrap().to_string(), "my/schema.a.b");
    assert_eq!(imported.id, known(ID));
    assert!(imported.original.is_null() && imported.mode.is_null());
    for wrong in ["", "a/b/c/d", "p/br/neondb/public/", "shiny-wind-028834/br-aged-salad-637688/neondb//t"] {
        assert!(ReplicaIdentity::import(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_read_is_what_the_server_has() {
    let at = ReplicaIdentity::import(ID).unwrap().id.into_known().unwrap().database;
    for (identity, word, index) in [
        (Mode::Default, ModeWord::Default, Attr::Null),
        (Mode::Full, ModeWord::Full, Attr::Null),
        (Mode::Nothing, ModeWord::Nothing, Attr::Null),
        (Mode::Index(IndexName::parse("i").ok()), ModeWord::Index, known("i")),
        (Mode::Index(None), ModeWord::Index, Attr::Null),
    ] {
        let observed = ReplicaIdentity::import(ID).unwrap().observed(&at, &found(identity.clone()));
        let expected = Model { mode: word.into(), index_name: index, ..ReplicaIdentity::import(ID).unwrap() };
        assert_eq!(observed, expected);
        assert_eq!(observed.mode().unwrap(), identity, "words and back");
    }
}

#[test]
fn what_was_there_before_is_known_only_where_it_was_recorded() {
    let with = |original: Attr<Original>| Model { original, ..nulls::<ReplicaIdentity>().unwrap() };
    for mode in [Mode::Default, Mode::Index(IndexName::parse("i").ok())] {
        assert_eq!(with(Attr::Known((&mode).into())).original(), Some(mode));
    }
    assert_eq!(with(Attr::Null).original(), None);
    // An update of an imported one: it stays unknown to us, and is null in the state.
    let at = ReplicaIdentity::import(ID).unwrap().id.into_known().unwrap().database;
    assert!(with(Attr::Unknown).observed(&at, &found(Mode::Full)).original.is_null());
}
