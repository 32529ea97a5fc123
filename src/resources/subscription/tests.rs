//! What the resource decides by itself, without a server.

use std::collections::BTreeSet;

use tfplugin::kinds::erased;
use tfplugin::{Attr, path};

use super::model::OnDestroy;
use super::*;
use crate::checks::supported_by_server;
use crate::postgres::subscription::{Options, Subscription as Found};
use crate::postgres::{Kind, ServerVersion, connection::Notice};
use crate::secret::{Secret, StoredSecret};
use crate::target::Database;

const ID: &str = "shiny-wind-028834/br-aged-salad-637688/neondb/sub";

fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
    Attr::Known(text.parse().unwrap())
}

fn connection(text: &str) -> Attr<StoredSecret> {
    Attr::Known(Secret::new(text).into())
}

fn model() -> Model {
    let publications: BTreeSet<PublicationName> = [PublicationName::parse("p").unwrap()].into();
    Model {
        publications: publications.into(),
        enabled: true.into(),
        copy_data: true.into(),
        ..Subscription::import(ID).unwrap()
    }
}

fn found(slot: Option<&str>) -> Found {
    Found {
        name: SubscriptionName::parse("sub").unwrap(),
        database_oid: 5,
        enabled: true,
        publications: [PublicationName::parse("p").unwrap()].into(),
        slot_name: slot.map(|it| SlotName::parse(it).unwrap()),
        two_phase: false,
        options: Options {
            binary: false,
            streaming: Some(Streaming::On),
            disable_on_error: false,
            origin: Some(Origin::Any),
            failover: false,
        },
    }
}

fn at() -> Database {
    ID.parse::<SubscriptionId>().unwrap().database
}

#[test]
fn model_and_schema_agree() {
    erased::resource(Subscription).agrees().unwrap();
}

#[test]
fn a_connection_string_is_checked_without_being_shown() {
    for (text, wrong) in [
        (connection("postgresql://u:hunter2@ep-a.eu.neon.tech/neondb"), None),
        (connection("host=a.example user=u password=hunter2"), None),
        (Attr::Unknown, None),
        (Attr::Null, None),
        (connection("postgresql://u:hunter2@ep-a-pooler.eu.neon.tech/neondb"), Some("Pooled host in `connection_wo`")),
        (connection("postgresql://u:hun@ter2@a/d"), Some("`connection_wo` is not a connection string")),
        (connection("hunter2"), Some("`connection_wo` is not a connection string")),
    ] {
        let said = Subscription::validate(&Model { connection_wo: text, ..model() });
        assert_eq!(said.iter().next().map(|it| it.summary.as_str()), wrong);
        for it in &said {
            assert!(it.path == path!(connection_wo) && !it.detail.contains("ter2"), "{}", it.detail);
        }
    }
}

#[test]
fn a_name_that_is_none_of_a_slot_needs_a_slot_name() {
    let said = |name: &str, slot: Attr<SlotName>| {
        let config = Model { name: known(name), slot_name: slot, ..model() };
        Subscription::validate(&config).iter().map(|it| it.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(said("sub", Attr::Null), Vec::<String>::new());
    assert_eq!(said("My Sub", Attr::Null), ["slot_name"]);
    assert_eq!(said("My Sub", known("s")), Vec::<String>::new());
    assert_eq!(said("My Sub", Attr::Unknown), Vec::<String>::new());
}

#[test]
fn a_connection_string_is_needed_to_create_and_to_set_it_again() {
    let version = |it: i64| Attr::Known(it);
    let planned = |prior: Option<Attr<i64>>, version: Attr<i64>, text: Attr<StoredSecret>| {
        let planned = Model { connection_wo_version: version, ..model() };
        let mut plan = Plan {
            config: Some(Model { connection_wo: text, ..planned.clone() }),
            prior: prior.map(|it| Model { connection_wo_version: it, ..model() }),
            planned: Some(planned),
            requires_replace: Vec::new(),
        };
        Subscription::modify_plan(&mut plan).map(|()| plan.planned.unwrap().publisher_slot)
    };
    let there = || connection("host=a user=u password=hunter2");
    assert_eq!(planned(None, version(1), there()), Ok(known("sub")));
    assert_eq!(planned(None, version(1), Attr::Unknown), Ok(known("sub")));
    assert!(planned(None, version(1), Attr::Null).is_err());
    // As an import leaves it, and as it is while nothing changes.
    assert!(planned(Some(Attr::Null), Attr::Null, Attr::Null).is_ok());
    assert!(planned(Some(version(1)), version(1), Attr::Null).is_ok());
    assert!(planned(Some(version(1)), version(2), Attr::Null).is_err());
    assert!(planned(Some(version(1)), version(2), there()).is_ok());
}

#[test]
fn the_slot_goes_with_the_subscription_that_created_it() {
    let drops = |create_slot: Attr<bool>, on_destroy| Model { create_slot, on_destroy, ..model() }.drops_slot();
    assert!(drops(Attr::Null, Attr::Null) && drops(true.into(), Attr::Null));
    assert!(!drops(false.into(), Attr::Null));
    assert!(drops(false.into(), Attr::Known(OnDestroy::DropSlot)));
    assert!(!drops(true.into(), Attr::Known(OnDestroy::KeepSlot)));
}

#[test]
fn arguments_of_later_versions_are_refused() {
    let all = Model {
        streaming: Attr::Known(Streaming::Parallel),
        origin: Attr::Known(Origin::None),
        two_phase: true.into(),
        disable_on_error: true.into(),
        failover: true.into(),
        ..model()
    };
    let refused = |model: &Model, major: u32| {
        let refused = model.unsupported(ServerVersion::from_num(major * 10_000), supported_by_server::check);
        refused.iter().map(|it| it.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(refused(&all, 14), ["two_phase", "disable_on_error", "streaming", "origin", "failover"]);
    assert_eq!(refused(&all, 15), ["streaming", "origin", "failover"]);
    assert_eq!(refused(&all, 16), ["failover"]);
    assert_eq!(refused(&all, 17), Vec::<String>::new());
    let plain = Model { streaming: Attr::Known(Streaming::On), two_phase: false.into(), ..model() };
    assert_eq!(refused(&plain, 14), Vec::<String>::new());
}

#[test]
fn the_state_has_what_the_server_has_and_no_connection_string() {
    let state = |before: Model, slot| before.observed(&at(), &found(slot));
    let seen = state(Model { connection_wo: connection("host=a password=hunter2"), ..model() }, Some("sub"));
    assert_eq!((&seen.connection_wo, &seen.slot_name), (&Attr::Null, &Attr::Null));
    assert_eq!((&seen.publisher_slot, &seen.streaming), (&known("sub"), &Attr::Known(Streaming::On)));
    // A slot that was changed outside shows in `publisher_slot`, and in `slot_name` where that is set.
    assert_eq!(state(model(), Some("other")).slot_name, Attr::Null);
    assert_eq!(state(Model { slot_name: known("mine"), ..model() }, Some("other")).slot_name, known("other"));
    assert_eq!(state(model(), None).publisher_slot, Attr::Null);
    // An import has no say in it.
    let imported = || Subscription::import(ID).unwrap();
    assert_eq!(state(imported(), Some("other")).slot_name, known("other"));
    assert_eq!(state(imported(), Some("sub")).slot_name, Attr::Null);
}

#[test]
fn a_publication_that_the_publisher_does_not_have_is_told() {
    let name = SubscriptionName::parse("sub").unwrap();
    let notice = |severity: &str, sqlstate: &str| Notice {
        severity: severity.to_owned(),
        sqlstate: sqlstate.to_owned(),
        message: "publication \"p\" does not exist on the publisher".to_owned(),
    };
    let told = messages::of_publisher(&name, &[notice("WARNING", "42704"), notice("NOTICE", "00000")]);
    assert_eq!(told.len(), 1);
    assert!(told[0].detail.contains("Publication \"p\" does not exist"), "{}", told[0].detail);
}

#[test]
fn a_slot_that_is_left_is_named_with_the_reason() {
    let (name, slot) = (SubscriptionName::parse("sub").unwrap(), SlotName::parse("s").unwrap());
    let error = crate::postgres::Error::new(Kind::Publisher, "could not connect to publisher");
    let said = messages::slot_left(&name, &slot, Some(&error));
    assert!(
        said.detail.contains("Could not connect to publisher") && said.detail.contains("pg_drop_replication_slot('s')")
    );
    assert!(messages::slot_left(&name, &slot, None).detail.contains("`on_destroy`"));
}

#[test]
fn an_interruption_is_no_matter_of_the_connection_string() {
    let (name, slot) = (SubscriptionName::parse("sub").unwrap(), SlotName::parse("s").unwrap());
    let interrupted = messages::took_too_long(&name, Some(&slot), None);
    assert!(interrupted.summary.contains("interrupted") && interrupted.path == tfplugin::AttributePath::root());
    let late = messages::took_too_long(&name, None, Some(std::time::Duration::from_secs(4)));
    assert!(late.summary.contains("within 4s") && late.path == path!(connection_wo));
}
