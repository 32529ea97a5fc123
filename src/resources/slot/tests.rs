//! What the resource decides by itself, without a server.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::kinds::erased;
use tfplugin::{Attr, AttributePath};

use super::*;
use crate::checks::publication_exists::SLOT_BEFORE_PUBLICATION;
use crate::postgres::RoleName;
use crate::postgres::marks::{Marks, Nonce};
use crate::postgres::publication::GeneratedColumns;
use crate::postgres::publication::Publication;
use crate::postgres::slot::{Kind, Slot as Found};
use model::Properties;

const DATABASE: &str = "shiny-wind-028834/br-aged-salad-637688/neondb";

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

fn publication_id(name: &str) -> Attr<PublicationId> {
    known(&format!("{DATABASE}/{name}"))
}

fn database() -> Database {
    Database::parse("shiny-wind-028834", "br-aged-salad-637688", "neondb").unwrap()
}

fn name() -> SlotName {
    SlotName::parse("s").unwrap()
}

/// A slot as it stands in the state.
fn model() -> Model {
    Model {
        id: known(&format!("{DATABASE}/s")),
        publication_id: publication_id("p"),
        project_id: known("shiny-wind-028834"),
        branch_id: known("br-aged-salad-637688"),
        database: known("neondb"),
        name: known("s"),
        plugin: known(PGOUTPUT),
        two_phase: Attr::Known(false),
        failover: Attr::Known(false),
        allow_recreate: Attr::Known(false),
        deletion_protection: Attr::Known(false),
        terminate_consumer: Attr::Known(false),
        slot_name: known("s"),
        publication_name: known("p"),
        publication_oid: Attr::Known(16_400),
        status: Attr::Known(Status::Ok),
        ..nulls::<Slot>().unwrap()
    }
}

/// What the planner hands over for a new slot.
fn new(publication_id: Attr<PublicationId>) -> Model {
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
    let config =
        planned.clone().map(|it| Model { project_id: Attr::Null, branch_id: Attr::Null, database: Attr::Null, ..it });
    let mut plan = Plan { config, prior, planned, requires_replace: Vec::new() };
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
    for status in [Status::Missing, Status::Lost, Status::PublicationMissing, Status::PublicationRecreated] {
        let prior = Model { status: status.into(), invalidation_reason: known("wal_removed"), ..model() };
        let (planned, replace) = updated(prior.clone(), model()).unwrap();
        assert!(
            replace.is_empty() && planned.status == Attr::Known(Status::Ok) && planned.invalidation_reason.is_null()
        );
        let agreed = Model { allow_recreate: Attr::Known(true), ..model() };
        assert_eq!(updated(prior, agreed).unwrap().1, [path!(status)], "{status:?}");
    }
}

#[test]
fn protection_is_that_of_the_state() {
    let protected = |status: Status| Model { deletion_protection: Attr::Known(true), status: status.into(), ..model() };
    let refused = |prior: Model, planned: Option<Model>| match modified(Some(prior), planned) {
        Ok(_) => false,
        Err(problems) => problems.iter().all(|it| it.path == path!(deletion_protection)),
    };
    assert!(refused(protected(Status::Ok), None));
    assert!(refused(protected(Status::PublicationMissing), None));
    assert!(!refused(protected(Status::Missing), None) && !refused(protected(Status::Lost), None));
    assert!(!refused(model(), None));
    assert!(!refused(protected(Status::Ok), Some(model())), "taking the protection away is no removal");
    let agreed = Model { allow_recreate: Attr::Known(true), ..model() };
    assert!(refused(protected(Status::PublicationRecreated), Some(agreed.clone())));
    assert!(!refused(protected(Status::Missing), Some(agreed)));
    let not_yet = Model { deletion_protection: Attr::Known(true), ..model() };
    assert!(!refused(model(), Some(not_yet)));
}

fn found() -> Found {
    Found {
        name: name(),
        kind: Kind::Logical,
        plugin: Some(PGOUTPUT.to_owned()),
        database: DatabaseName::parse("neondb").ok(),
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
        tables: BTreeMap::new(),
        schemas: BTreeSet::new(),
        all_tables: false,
        publish: BTreeSet::new(),
        via_partition_root: false,
        generated_columns: GeneratedColumns::None,
        marks: Marks::of_lines(comment.unwrap_or_default().lines()),
    }
}

#[test]
fn the_first_trouble_is_the_status() {
    let lost = Found { wal_status: Some("lost".to_owned()), ..found() };
    let continues = behind(2, Some("mine\nneonrep: continues 1"));
    let nonce = Nonce::random().unwrap();
    let marked = || behind(2, Some(&format!("mine\nneonrep: continues 1 {nonce}")));
    let proof = |nonces: &[&Nonce], of_first_version| {
        let nonces = nonces.iter().copied().cloned().collect();
        super::model::Proof { nonces, of_first_version }
    };
    for (publication, proof, status) in [
        (continues.clone(), proof(&[], true), Status::Ok),
        (continues.clone(), proof(&[&nonce], false), Status::PublicationRecreated),
        (marked(), proof(&[&nonce], false), Status::Ok),
        (marked(), proof(&[], true), Status::PublicationRecreated),
        (marked(), proof(&[&Nonce::random().unwrap()], false), Status::PublicationRecreated),
    ] {
        let seen = Seen::of(Some(&found()), Some(&publication), true, Some(1), &proof);
        assert_eq!(seen.status, status, "{publication:?} {proof:?}");
    }
    for (found, publication, named, recorded, status, oid) in [
        (Some(found()), Some(behind(1, None)), true, Some(1), Status::Ok, Some(1)),
        (Some(found()), Some(behind(2, None)), true, Some(1), Status::PublicationRecreated, Some(1)),
        (Some(found()), Some(continues), true, Some(1), Status::PublicationRecreated, Some(1)),
        (Some(found()), Some(behind(2, None)), true, None, Status::Ok, Some(2)),
        (Some(found()), None, true, Some(1), Status::PublicationMissing, Some(1)),
        (Some(found()), None, false, None, Status::Ok, None),
        (Some(lost.clone()), None, true, Some(1), Status::Lost, Some(1)),
        (None, Some(behind(1, None)), true, Some(1), Status::Missing, Some(1)),
    ] {
        let seen = Seen::of(found.as_ref(), publication.as_ref(), named, recorded, &model::Proof::default());
        assert_eq!((seen.status, seen.publication_oid), (status, oid), "{found:?} {named} {recorded:?}");
    }
}

#[test]
fn a_slot_that_cannot_serve_is_told_with_what_to_do() {
    let seen = |status| Seen { status, ..Seen::created_after(None) };
    let said = |status, agreed| messages::warning(&database(), &name(), None, &seen(status), agreed);
    assert_eq!(said(Status::Ok, false), None);
    for status in [Status::Missing, Status::Lost, Status::PublicationMissing, Status::PublicationRecreated] {
        let plain = said(status, false).unwrap().detail;
        assert!(plain.contains("new initial sync") && plain.contains("-replace") && plain.contains("fails"), "{plain}");
        // With consent nothing fails: the next apply recreates the slot.
        let agreed = said(status, true).unwrap().detail;
        assert!(agreed.contains("next apply recreates") && !agreed.contains("fails"), "{agreed}");
        let refused = messages::refusal(&database(), &name(), None, &seen(status)).unwrap().detail;
        assert!(refused.contains("Nothing was changed") && refused.contains("allow_recreate"), "{refused}");
    }
}

#[test]
fn a_state_is_what_was_seen() {
    let properties = Properties { plugin: "wal2json".to_owned(), two_phase: true, failover: true };
    let seen = Seen {
        status: Status::Lost,
        invalidation_reason: Some("wal_removed".to_owned()),
        publication_oid: Some(7),
        properties: Some(properties),
    };
    let expected = Model {
        plugin: known("wal2json"),
        two_phase: Attr::Known(true),
        failover: Attr::Known(true),
        status: Attr::Known(Status::Lost),
        invalidation_reason: known("wal_removed"),
        publication_oid: Attr::Known(7),
        ..model()
    };
    assert_eq!(model().observed(&database(), &name(), seen.clone()), expected);
    let imported = Slot::import(&format!("{DATABASE}/s")).unwrap();
    assert!(imported.observed(&database(), &name(), seen).publication_name.is_null());
}

#[test]
fn an_import_id_names_a_slot_and_may_name_its_publication() {
    let alone = Slot::import(&format!("{DATABASE}/s")).unwrap();
    assert!(alone.publication_id.is_null() && alone.is_imported());
    let whole = Slot::import(&format!("{DATABASE}/s/a%2Fb \"c\"")).unwrap();
    assert_eq!(whole.publication_id, publication_id("a%2Fb \"c\""));
    assert_eq!(whole.publication_id.known().unwrap().name.as_str(), "a/b \"c\"");
    assert_eq!((whole.id, whole.name), (known(&format!("{DATABASE}/s")), known("s")));
    for wrong in [
        "s",
        "a/b/c",
        &format!("{DATABASE}/S"),
        &format!("{DATABASE}/s/"),
        &format!("{DATABASE}/s/p/q"),
        &format!("{DATABASE}/a b"),
    ] {
        let said = Slot::import(wrong).unwrap_err();
        assert!(said.iter().all(|it| it.detail.contains(IMPORT)), "{wrong}: {said:?}");
    }
}

#[test]
fn a_slot_that_is_something_else_is_named() {
    let says = |found: &Found| messages::not_ours(&database(), found).detail;
    assert!(says(&Found { kind: Kind::Physical, plugin: None, database: None, ..found() }).contains("a physical slot"));
    assert!(says(&Found { plugin: Some("wal2json".to_owned()), ..found() }).contains("plugin `wal2json`"));
    let other = DatabaseName::parse("other").ok();
    assert!(says(&Found { database: other, ..found() }).contains("database `other`"));
}

#[test]
fn the_page_gives_the_reason_for_the_order() {
    assert!(include_str!("page.md").contains(SLOT_BEFORE_PUBLICATION));
}

/// A configuration with these values alone.
fn config(set: impl FnOnce(&mut Model)) -> Model {
    let mut config = Model { name: known("s"), ..nulls::<Slot>().unwrap() };
    set(&mut config);
    config
}

#[test]
fn a_slot_takes_its_database_from_its_publication_or_names_it_where_there_is_none() {
    let wrong = |set: &dyn Fn(&mut Model)| -> Vec<String> {
        Slot::validate(&config(set)).iter().map(|it| it.path.to_string()).collect()
    };
    let none = Vec::<String>::new();
    assert_eq!(wrong(&|_| ()), ["publication_id"]);
    assert_eq!(wrong(&|it| it.publication_id = publication_id("p")), none);
    assert_eq!(wrong(&|it| it.publication_id = Attr::Unknown), none);
    assert_eq!(wrong(&|it| it.plugin = known(PGOUTPUT)), ["publication_id"]);
    // Unknown values are checked once they are known.
    assert_eq!(wrong(&|it| it.plugin = Attr::Unknown), none);
    let located = |it: &mut Model, publication_id: Attr<PublicationId>, project: &str, database: &str| {
        it.publication_id = publication_id;
        (it.project_id, it.branch_id, it.database) = (known(project), Attr::Unknown, known(database));
    };
    assert_eq!(wrong(&|it| located(it, publication_id("p"), "p", "d")), ["project_id", "database"]);
    // Generated configuration repeats what the publication says.
    assert_eq!(wrong(&|it| located(it, publication_id("p"), "shiny-wind-028834", "neondb")), none);
    assert_eq!(wrong(&|it| located(it, Attr::Unknown, "p", "d")), none);
    assert_eq!(wrong(&|it| it.plugin = known("wal2json")), ["database"]);
    let alone = |it: &mut Model| (it.plugin, it.database) = (known("wal2json"), known("d"));
    assert_eq!(wrong(&alone), none);
    let both = |it: &mut Model| {
        alone(it);
        it.publication_id = publication_id("p");
    };
    assert_eq!(wrong(&both), ["publication_id"]);
    let perhaps = |it: &mut Model| {
        alone(it);
        it.publication_id = Attr::Unknown;
    };
    assert_eq!(wrong(&perhaps), none);
}

#[test]
fn what_was_unknown_at_validate_is_checked_at_plan() {
    let planned = new(Attr::Null);
    let mut plan = Plan {
        config: Some(config(|_| ())),
        prior: Some(model()),
        planned: Some(planned),
        requires_replace: Vec::new(),
    };
    let problems = Slot::modify_plan(&mut plan).unwrap_err();
    assert!(problems.iter().all(|it| it.path == path!(publication_id)), "{problems:?}");
}

#[test]
fn a_slot_without_a_publication_knows_that_it_has_none() {
    let planned = Model { plugin: known("wal2json"), database: known("neondb"), ..new(Attr::Null) };
    let mut plan = Plan { config: None, prior: None, planned: Some(planned), requires_replace: Vec::new() };
    Slot::modify_plan(&mut plan).unwrap();
    let planned = plan.planned.unwrap();
    assert!(planned.publication_name.is_null() && planned.publication_oid.is_null());
    assert_eq!((planned.slot_name, planned.database), (known("s"), known("neondb")));
}

#[test]
fn a_slot_follows_its_database_to_another_name() {
    let renamed = Database { name: DatabaseName::parse("renamed").unwrap(), ..database() };
    let moved = model().moved(&renamed);
    assert_eq!(moved.database, known("renamed"));
    assert_eq!(moved.publication_id, known("shiny-wind-028834/br-aged-salad-637688/renamed/p"));
    let seen = Seen::of(Some(&found()), Some(&behind(16_400, None)), true, Some(16_400), &model::Proof::default());
    let observed = moved.observed(&renamed, &name(), seen);
    assert_eq!(observed.id, known("shiny-wind-028834/br-aged-salad-637688/renamed/s"));
    assert_eq!(observed.status, Attr::Known(Status::Ok));
}

#[test]
fn a_plugin_is_named_as_the_server_can_keep_it() {
    assert!(plugin_name("wal2json").is_ok() && plugin_name(&"p".repeat(63)).is_ok());
    assert!(plugin_name("").is_err() && plugin_name(&"p".repeat(64)).is_err());
}
