//! What the resource decides by itself, without a server.

use tfplugin::AttributePath;
use tfplugin::kinds::erased;

use super::*;
use crate::postgres::RoleName;
use crate::postgres::publication::{GeneratedColumns, Marks};
use crate::postgres::slot::Kind;

const PLACE: &str = "shiny-wind-028834/br-aged-salad-637688/neondb";

fn known(text: &str) -> Attr<String> {
    Attr::Known(text.to_owned())
}

fn publication_id(name: &str) -> Attr<String> {
    Attr::Known(format!("{PLACE}/{name}"))
}

/// A slot as it stands in the state.
fn model() -> Model {
    let nulls: Model = model::nulls(&Slot::schema()).unwrap();
    Model {
        id: known(&format!("{PLACE}/s")),
        publication_id: publication_id("p"),
        project_id: known("shiny-wind-028834"),
        branch_id: known("br-aged-salad-637688"),
        database: known("neondb"),
        name: known("s"),
        allow_recreate: Attr::Known(false),
        deletion_protection: Attr::Known(false),
        terminate_consumer: Attr::Known(false),
        slot_name: known("s"),
        publication_name: known("p"),
        publication_oid: Attr::Known(16_400),
        status: known("ok"),
        ..nulls
    }
}

/// What the planner hands over for a new slot.
fn new(publication_id: Attr<String>) -> Model {
    Model {
        id: Attr::Unknown,
        publication_id,
        project_id: Attr::Unknown,
        branch_id: Attr::Unknown,
        database: Attr::Unknown,
        slot_name: Attr::Unknown,
        publication_name: Attr::Unknown,
        publication_oid: Attr::Unknown,
        invalidation_reason: Attr::Unknown,
        ..model()
    }
}

fn modified(prior: Option<Model>, planned: Option<Model>) -> Result<(Option<Model>, Vec<AttributePath>), Diagnostics> {
    let mut plan = Plan { config: planned.clone(), prior, planned, requires_replace: Vec::new() };
    Slot::modify_plan(&mut plan)?;
    Ok((plan.planned, plan.requires_replace))
}

fn updated(prior: Model, planned: Model) -> Result<(Model, Vec<AttributePath>), Diagnostics> {
    modified(Some(prior), Some(planned)).map(|(planned, replace)| (planned.unwrap(), replace))
}

#[test]
fn model_and_schema_agree() {
    erased::resource(Slot).agrees().unwrap();
}

#[test]
fn a_known_publication_makes_all_but_id_and_oid_known() {
    let (planned, _) = modified(None, Some(new(publication_id("p")))).unwrap();
    let planned = planned.unwrap();
    assert_eq!(planned, Model { id: Attr::Unknown, publication_oid: Attr::Unknown, ..model() });
}

#[test]
fn an_unknown_publication_leaves_only_the_slots_name_known() {
    let planned = modified(None, Some(new(Attr::Unknown))).unwrap().0.unwrap();
    assert_eq!(planned.slot_name, known("s"));
    assert!(
        planned.project_id.is_unknown()
            && planned.publication_name.is_unknown()
            && planned.invalidation_reason.is_null()
    );
}

#[test]
fn an_id_of_a_wrong_form_is_an_error_on_the_argument() {
    for wrong in [
        "",
        "p",
        "a/b/c",
        "a/b/c/d/e",
        "shiny-wind-028834/br-aged-salad-637688/neondb/",
        "x//d/p",
        &format!("{PLACE}/%zz"),
    ] {
        let problems = modified(None, Some(new(known(wrong)))).unwrap_err();
        assert_eq!(problems.iter().next().unwrap().path, path!(publication_id), "{wrong}");
    }
}

#[test]
fn nothing_changes_where_nothing_changed() {
    assert_eq!(updated(model(), model()).unwrap(), (model(), vec![]));
}

#[test]
fn a_publication_that_this_run_makes_changes_in_place_or_with_consent_by_replacement() {
    let unknown = Model { publication_id: Attr::Unknown, ..model() };
    let (planned, replace) = updated(model(), unknown.clone()).unwrap();
    assert!(planned.publication_name.is_unknown() && planned.publication_oid.is_unknown() && replace.is_empty());
    assert_eq!(planned.project_id, model().project_id);
    let (_, replace) = updated(model(), Model { allow_recreate: Attr::Known(true), ..unknown }).unwrap();
    assert_eq!(replace, [path!(publication_id)]);
}

#[test]
fn another_publication_of_the_same_database_changes_in_place() {
    let (planned, replace) = updated(model(), Model { publication_id: publication_id("q"), ..model() }).unwrap();
    assert_eq!((planned.publication_name, planned.publication_oid), (known("q"), Attr::Unknown));
    assert!(replace.is_empty());
}

#[test]
fn a_publication_of_another_database_replaces_unless_it_was_imported_without_one() {
    let elsewhere = known("shiny-wind-028834/br-aged-salad-637688/other/p");
    let planned = Model { publication_id: elsewhere, ..model() };
    assert_eq!(updated(model(), planned.clone()).unwrap().1, [path!(publication_id)]);
    let imported = Model { publication_id: Attr::Null, publication_name: Attr::Null, ..model() };
    updated(imported.clone(), planned).unwrap_err();
    let (adopted, replace) = updated(imported, model()).unwrap();
    assert_eq!((adopted.publication_name, adopted.publication_oid), (known("p"), Attr::Unknown));
    assert!(replace.is_empty());
}

#[test]
fn what_is_not_ok_is_replaced_with_consent_only() {
    for status in ["missing", "lost", "publication_missing", "publication_recreated"] {
        let prior = Model { status: known(status), invalidation_reason: known("wal_removed"), ..model() };
        let (planned, replace) = updated(prior.clone(), model()).unwrap();
        assert!(replace.is_empty() && planned.status == known("ok") && planned.invalidation_reason.is_null());
        let agreed = Model { allow_recreate: Attr::Known(true), ..model() };
        assert_eq!(updated(prior, agreed).unwrap().1, [path!(status)], "{status}");
    }
}

#[test]
fn protection_is_that_of_the_state() {
    let protected = |status: &str| Model { deletion_protection: Attr::Known(true), status: known(status), ..model() };
    let refused = |prior: Model, planned: Option<Model>| match modified(Some(prior), planned) {
        Ok(_) => false,
        Err(problems) => problems.iter().all(|it| it.path == path!(deletion_protection)),
    };
    assert!(refused(protected("ok"), None));
    assert!(refused(protected("publication_missing"), None));
    assert!(!refused(protected("missing"), None) && !refused(protected("lost"), None));
    assert!(!refused(model(), None));
    assert!(!refused(protected("ok"), Some(model())), "taking the protection away is no removal");
    let agreed = Model { allow_recreate: Attr::Known(true), ..model() };
    assert!(refused(protected("publication_recreated"), Some(agreed.clone())));
    assert!(!refused(protected("missing"), Some(agreed)));
    let not_yet = Model { deletion_protection: Attr::Known(true), ..model() };
    assert!(!refused(model(), Some(not_yet)));
}

fn found() -> Found {
    Found {
        name: SlotName::parse("s").unwrap(),
        kind: Kind::Logical,
        plugin: Some(PLUGIN.to_owned()),
        database: crate::postgres::DatabaseName::parse("neondb").ok(),
        database_oid: Some(16_384),
        temporary: false,
        active: false,
        active_pid: None,
        catalog_xmin: None,
        restart_lsn: None,
        confirmed_flush_lsn: Some("0/1".to_owned()),
        wal_status: Some("reserved".to_owned()),
        safe_wal_size: None,
        retained_wal_bytes: None,
        two_phase: false,
        two_phase_at: None,
        conflicting: None,
        invalidation_reason: None,
        inactive_since: None,
        failover: None,
        synced: None,
    }
}

fn behind(oid: u32, comment: Option<&str>) -> Publication {
    Publication {
        name: PublicationName::parse("p").unwrap(),
        oid,
        owner: RoleName::parse("o").unwrap(),
        tables: std::collections::BTreeMap::new(),
        schemas: std::collections::BTreeSet::new(),
        all_tables: false,
        publish: std::collections::BTreeSet::new(),
        via_partition_root: false,
        generated_columns: GeneratedColumns::None,
        marks: Marks::of_lines(comment.unwrap_or_default().lines()),
    }
}

#[test]
fn the_first_trouble_is_the_status() {
    let lost = Found { wal_status: Some("lost".to_owned()), ..found() };
    let continues = behind(2, Some("mine\nneonrep: continues 1"));
    for (found, named, behind, recorded, expected) in [
        (Some(found()), true, Some(behind(1, None)), Some(1), Status::Ok),
        (Some(found()), true, Some(behind(2, None)), Some(1), Status::PublicationRecreated),
        (Some(found()), true, Some(continues), Some(1), Status::Ok),
        (Some(found()), true, Some(behind(2, None)), None, Status::Ok),
        (Some(found()), true, None, Some(1), Status::PublicationMissing),
        (Some(found()), false, None, None, Status::Ok),
        (Some(lost.clone()), true, None, Some(1), Status::Lost),
        (None, true, None, Some(1), Status::Missing),
    ] {
        assert_eq!(
            status::of(found.as_ref(), named, behind.as_ref(), recorded),
            expected,
            "{found:?} {named} {recorded:?}"
        );
    }
    for status in [Status::Missing, Status::Lost, Status::PublicationMissing, Status::PublicationRecreated] {
        let name = SlotName::parse("s").unwrap();
        let warning = status::warning(status, &name, None, None).unwrap();
        assert!(warning.detail.contains("sync anew") && warning.detail.contains("-replace"), "{}", warning.detail);
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
}

#[test]
fn a_publication_that_continues_the_recorded_one_takes_its_place() {
    let place = location::place("shiny-wind-028834", "br-aged-salad-637688", "neondb").unwrap();
    let name = SlotName::parse("s").unwrap();
    let publication = model().publication().unwrap();
    let read = |behind: &Publication, status| {
        model().observed(&place, &name, Some(&found()), publication.as_ref(), Some(behind), status)
    };
    assert_eq!(read(&behind(16_400, None), Status::Ok), model());
    let continued = read(&behind(16_500, Some("neonrep: continues 16400")), Status::Ok);
    assert_eq!(continued.publication_oid, Attr::Known(16_500));
    let another = read(&behind(16_500, None), Status::PublicationRecreated);
    assert_eq!((another.publication_oid, another.status), (Attr::Known(16_400), known("publication_recreated")));
}

#[test]
fn an_import_id_names_a_slot_and_may_name_its_publication() {
    let alone = Slot::import(&format!("{PLACE}/s")).unwrap();
    assert!(alone.publication_id.is_null() && alone.status.is_null());
    let whole = Slot::import(&format!("{PLACE}/s/a%2Fb \"c\"")).unwrap();
    assert_eq!(whole.publication_id, known(&format!("{PLACE}/a%2Fb \"c\"")));
    assert_eq!(whole.publication().unwrap().unwrap().publication.as_str(), "a/b \"c\"");
    assert_eq!((whole.id, whole.name), (known(&format!("{PLACE}/s")), known("s")));
    for wrong in [
        "s",
        "a/b/c",
        &format!("{PLACE}/S"),
        &format!("{PLACE}/s/"),
        &format!("{PLACE}/s/p/q"),
        &format!("{PLACE}/a b"),
    ] {
        assert!(Slot::import(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_slot_that_is_something_else_is_named() {
    let place = location::place("shiny-wind-028834", "br-aged-salad-637688", "neondb").unwrap();
    let says = |found: &Found| status::not_ours(found, &place).detail;
    assert!(says(&Found { kind: Kind::Physical, plugin: None, database: None, ..found() }).contains("a physical slot"));
    assert!(says(&Found { plugin: Some("wal2json".to_owned()), ..found() }).contains("plugin `wal2json`"));
    let other = crate::postgres::DatabaseName::parse("other").ok();
    assert!(says(&Found { database: other, ..found() }).contains("database `other`"));
}
