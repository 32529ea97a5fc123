//! Plans, states and looks of `neonrep_allowed_ips`, over values.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use tfplugin::kinds::erased;
use tfplugin::{Attr, Plan, Resource as _};
use tokio::time::Instant;

use super::apply::{Look, Looks};
use super::model::{Model, OnDestroy};
use super::*;
use crate::neon::{AllowedIps as List, Budget};

fn ranges(texts: &[&str]) -> BTreeSet<IpRange> {
    texts.iter().map(|it| IpRange::parse(it).unwrap()).collect()
}

fn list(ips: &[&str]) -> List {
    List { ips: ips.iter().map(|&it| it.to_owned()).collect(), protected_branches_only: false }
}

fn model(ips: &[&str], preexisting: Attr<BTreeSet<IpRange>>) -> Model {
    let project: Attr<ProjectId> = ProjectId::parse("p").ok().into();
    Model {
        id: project.clone(),
        project_id: project,
        ips: Attr::Known(ranges(ips)),
        enforce: Attr::Known(false),
        protected_branches_only: Attr::Null,
        provider_address: Attr::Null,
        on_destroy: Attr::Known(OnDestroy::KeepLast),
        preexisting,
        timeouts: Attr::Null,
    }
}

fn before(texts: &[&str]) -> Attr<BTreeSet<IpRange>> {
    Attr::Known(ranges(texts))
}

#[test]
fn model_and_schema_agree() {
    erased::resource(AllowedIps).agrees().unwrap();
}

#[test]
fn an_empty_set_is_refused() {
    assert!(not_empty(&Value::Set(BTreeSet::<Value>::new().into_iter().collect())).is_err());
    assert!(not_empty(&Value::string_set(["192.0.2.1"])).is_ok() && not_empty(&Value::Unknown).is_ok());
}

#[test]
fn a_plan_compares_addresses_and_not_texts() {
    let planned = |prior: Option<Model>, ips: &[&str]| {
        let planned = Some(Model { id: Attr::Unknown, ..model(ips, Attr::Unknown) });
        let mut plan = Plan { config: None, prior, planned, requires_replace: Vec::new() };
        AllowedIps::modify_plan(&mut plan).unwrap();
        plan.planned.unwrap()
    };
    let created = planned(None, &["192.0.2.1"]);
    assert_eq!((created.id, created.preexisting), (ProjectId::parse("p").ok().into(), Attr::Unknown));

    let prior = || Some(model(&["192.0.2.1", "10.0.0.0/24"], before(&["192.0.2.1"])));
    let respelled = planned(prior(), &["192.0.2.1/32", "10.0.0.0-10.0.0.255"]);
    assert_eq!(Some(respelled), prior(), "another spelling changes nothing");
    let shrunk = planned(prior(), &["10.0.0.0/24"]);
    assert_eq!((shrunk.ips, shrunk.preexisting), (before(&["10.0.0.0/24"]), before(&[])));
    let grown = planned(prior(), &["192.0.2.1", "10.0.0.0/24", "10.0.1.1"]);
    assert_eq!(grown.preexisting, Attr::Unknown, "the list is read by the apply");
}

#[test]
fn a_destroy_plan_is_left_as_it_is() {
    let prior = Some(model(&["192.0.2.1"], before(&[])));
    let mut plan = Plan { config: None, prior, planned: None, requires_replace: Vec::new() };
    AllowedIps::modify_plan(&mut plan).unwrap();
    assert!(plan.planned.is_none());
}

#[test]
fn the_state_says_what_was_there_before() {
    let created = model(&["192.0.2.1", "192.0.2.2"], Attr::Unknown).applied(None, &list(&["192.0.2.1/32"]));
    assert_eq!(created.preexisting, before(&["192.0.2.1"]));
    assert_eq!(created.own().unwrap(), ranges(&["192.0.2.2"]));
    // What the state had is ours or not as before; what is new is looked up in the list.
    let now = list(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let updated =
        model(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], Attr::Unknown).applied(Some(&created), &now);
    assert_eq!(updated.preexisting, before(&["192.0.2.1", "192.0.2.3"]));
}

#[test]
fn an_update_removes_only_what_the_resource_added() {
    let prior = model(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], before(&["192.0.2.1"]));
    let edit = model(&["192.0.2.3"], Attr::Unknown).edit(Some(&prior)).unwrap();
    let found = list(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"]);
    assert_eq!(edit.apply(&found).ips, ["192.0.2.1", "192.0.2.3", "198.51.100.1"]);
}

#[test]
fn only_the_first_entry_needs_consent() {
    let project = ProjectId::parse("p").unwrap();
    for (before, after, enforce, refused) in [
        (list(&[]), list(&["192.0.2.1"]), Attr::Known(false), true),
        (list(&[]), list(&["192.0.2.1"]), Attr::Known(true), false),
        (list(&[]), list(&["192.0.2.1"]), Attr::Unknown, false),
        (list(&["192.0.2.2"]), list(&["192.0.2.2", "192.0.2.1"]), Attr::Known(false), false),
        (list(&["192.0.2.2"]), list(&[]), Attr::Known(false), false),
        (list(&[]), list(&[]), Attr::Known(false), false),
    ] {
        let planned = Model { enforce, ..self::model(&["192.0.2.1"], Attr::Unknown) };
        let found = planned.refusal(&project, &before, &after);
        assert_eq!(found.is_some_and(|it| it.detail.contains("`enforce = true`")), refused, "{before:?} {after:?}");
    }
}

#[test]
fn the_address_of_the_provider_stays_inside() {
    let project = ProjectId::parse("p").unwrap();
    for (after, address, refused) in [
        (list(&["192.0.2.0/24"]), "192.0.2.9", false),
        (list(&[]), "192.0.2.9", false),
        (list(&["192.0.2.0/24"]), "198.51.100.1", true),
        (list(&["192.0.2.0/24"]), "2001:db8::1", true),
    ] {
        let address = Attr::Known(address.parse().unwrap());
        let planned = Model { provider_address: address, ..model(&["192.0.2.1"], Attr::Unknown) };
        let found = planned.refusal(&project, &list(&["192.0.2.9"]), &after);
        assert_eq!(found.is_some_and(|it| it.detail.contains("`provider_address`")), refused, "{after:?}");
    }
}

#[test]
fn a_read_shows_which_entries_are_missing() {
    let state = model(&["192.0.2.1", "10.0.0.0/24"], before(&["192.0.2.1"]));
    let whole = state.clone().observed(&list(&["10.0.0.0-10.0.0.255", "192.0.2.1", "198.51.100.1"])).unwrap();
    assert_eq!(whole, state, "with its own spelling, and without the entries of others");
    let part = state.clone().observed(&list(&["10.0.0.0/24"])).unwrap();
    assert_eq!((part.ips, part.preexisting), (before(&["10.0.0.0/24"]), before(&[])));
    assert!(state.clone().observed(&list(&["198.51.100.1"])).is_none(), "gone");
    assert!(state.clone().observed(&list(&[])).is_none());
    let flagged = Model { protected_branches_only: Attr::Known(true), ..state };
    let read = flagged.observed(&list(&["192.0.2.1"])).unwrap();
    assert_eq!(read.protected_branches_only, Attr::Known(false), "a setting that was changed outside");
}

#[test]
fn an_import_takes_the_whole_list_and_destroy_leaves_it() {
    let imported = AllowedIps::import("shiny-wind-028834").unwrap();
    assert!(imported.is_imported() && AllowedIps::import("a/b").is_err());
    let read = imported.observed(&list(&["192.0.2.1", "not parsed", "10.0.0.0/24"])).unwrap();
    assert_eq!(read.ips, before(&["192.0.2.1", "10.0.0.0/24"]));
    assert!(read.own().unwrap().is_empty() && read.protected_branches_only.is_null());
}

/// The looks that a script answers, and when they were made, in seconds.
async fn looked(narrower: bool, script: &[Look], limit: Duration) -> (Look, Vec<u64>) {
    let (begun, at) = (Instant::now(), Mutex::new(Vec::new()));
    let looks = Looks { narrower, delay: Duration::from_secs(25) };
    let last = looks
        .take(&Budget::lasting(limit), || async {
            let mut at = at.lock().unwrap();
            at.push(begun.elapsed().as_secs());
            script[(at.len() - 1).min(script.len() - 1)].clone()
        })
        .await;
    (last, at.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn after_a_change_that_can_refuse_it_looks_again() {
    use Look::Admitted;
    let (refused, unseen) = (Look::Refused("no".to_owned()), Look::Unseen("why".to_owned()));
    let long = Duration::from_mins(10);
    for (narrower, script, last, at) in [
        // The proxy goes by the old list at first.
        (true, vec![Admitted], Admitted, vec![0, 25]),
        (true, vec![Admitted, refused.clone(), Admitted], Admitted, vec![0, 25, 30]),
        (true, vec![refused.clone(), refused.clone(), refused.clone(), Admitted], Admitted, vec![0, 25, 30, 35]),
        (true, vec![refused.clone()], refused.clone(), vec![0, 25, 30, 35, 40, 45, 50, 55, 60]),
        (true, vec![Admitted, refused.clone()], refused.clone(), vec![0, 25, 30, 35, 40, 45, 50, 55, 60]),
        (true, vec![unseen.clone()], unseen.clone(), vec![0]),
        (true, vec![Admitted, unseen.clone()], unseen.clone(), vec![0, 25]),
        // A list that grew refuses nobody new.
        (false, vec![Admitted], Admitted, vec![0]),
        (false, vec![refused.clone(), Admitted], Admitted, vec![0, 25]),
        (false, vec![refused.clone()], refused.clone(), vec![0, 25, 30, 35, 40, 45, 50, 55, 60]),
    ] {
        assert_eq!(looked(narrower, &script, long).await, (last, at), "{narrower} {script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_only_if_there_was_time_to_look_again() {
    let (last, at) = looked(true, &[Look::Refused("no".to_owned())], Duration::from_secs(10)).await;
    assert!(matches!(last, Look::Unseen(_)), "{last:?}");
    assert_eq!(at, [0]);
}
