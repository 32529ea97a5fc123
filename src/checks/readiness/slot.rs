//! The slot: is it there, is it of the right kind, can it still serve its consumer.

use super::facts::{Facts, Seen};
use super::finding::{Check, Found, found};
use crate::destinations::{Destination, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check { id: "slot_absent", rule: "The slot that the user creates exists.", run: slot_absent },
    Check { id: "slot_unwanted", rule: "No slot exists that the consumer would refuse.", run: slot_unwanted },
    Check { id: "slot_database", rule: "The slot is logical and belongs to this database.", run: slot_database },
    Check { id: "slot_plugin", rule: "The slot uses the plugin that the consumer reads.", run: slot_plugin },
    Check { id: "slot_lost", rule: "The slot still has all changes that its consumer needs.", run: slot_lost },
    Check { id: "slot_active", rule: "No other consumer uses the slot.", run: slot_active },
    Check {
        id: "slot_order",
        rule: "The publication is proved to be older than the slot. Where nothing is proved, the finding is only information.",
        run: slot_order,
    },
    Check { id: "inngest_order", rule: "As `slot_order`, for the names that the wizard uses.", run: slot_order },
];

fn object(facts: &Facts, destination: &Destination) -> String {
    format!("slot {}", facts.asked.slot_name(destination).unwrap_or_default())
}

fn is_own(facts: &Facts, destination: &Destination) -> bool {
    destination.slot.is_own(|option| facts.asked.options.get(option).map(String::as_str))
}

fn slot_absent(facts: &Facts, destination: &Destination) -> Vec<Found> {
    if !matches!(facts.slot, Seen::Absent) || !is_own(facts, destination) {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("There is no such slot, and {} does not create it.", destination.name),
        "Create it with `neonrep_slot`, after the publication.",
    )]
}

fn slot_unwanted(facts: &Facts, destination: &Destination) -> Vec<Found> {
    // In use, it is the consumer's own.
    let exists = facts.the_slot().is_some_and(|it| it.consumer.is_none());
    if !exists || is_own(facts, destination) {
        return Vec::new();
    }
    let way = destination
        .slot
        .own_if
        .map_or_else(String::new, |(option, value)| format!(", or run it with `{option} = {value}`"));
    vec![found(
        object(facts, destination),
        format!("It exists, and {} refuses to start with a slot that it did not create.", destination.name),
        format!("Remove the slot{way}."),
    )]
}

fn slot_database(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(slot) = facts.the_slot() else { return Vec::new() };
    let what = match &slot.database {
        Some(database) if *database == facts.server.database => return Vec::new(),
        Some(database) => format!("It belongs to database `{database}`"),
        None => "It is a physical slot".to_owned(),
    };
    vec![found(
        object(facts, destination),
        format!("{what}, and a name is unique on the whole server."),
        "Use another name for the slot of this database.",
    )]
}

fn slot_plugin(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(plugin) = facts.the_slot().and_then(|it| it.plugin.as_deref()) else { return Vec::new() };
    if plugin == destination.slot.plugin {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("It uses the plugin `{plugin}`, and {} reads `{}`.", destination.name, destination.slot.plugin),
        format!("Recreate it with `plugin = \"{}\"` in `neonrep_slot`.", destination.slot.plugin),
    )]
}

fn slot_lost(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(slot) = facts.the_slot() else { return Vec::new() };
    let why = match (&slot.invalidation_reason, &slot.wal_status) {
        (Some(reason), _) => format!("It was invalidated (`{reason}`)"),
        (None, Some(status)) if status == "lost" => "It is lost".to_owned(),
        _ if !slot.keeps_wal => "It keeps no write-ahead log: it was never finished, or was invalidated".to_owned(),
        _ => return Vec::new(),
    };
    vec![found(
        object(facts, destination),
        format!("{why}. Changes that the consumer still needed are gone."),
        "Recreate the slot (`terraform apply -replace`) and run a new initial sync.",
    )]
}

fn slot_active(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(slot) = facts.the_slot() else { return Vec::new() };
    let Some(consumer) = &slot.consumer else { return Vec::new() };
    // Its own role: the consumer that was asked for.
    if slot.consumer_role.is_some() && slot.consumer_role == facts.asked.role {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("It is in use by {consumer}, and a slot serves one consumer."),
        "Stop that consumer, or create a slot of its own for this one.",
    )]
}

fn slot_order(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(slot) = facts.the_slot() else { return Vec::new() };
    if slot.database.as_ref() != Some(&facts.server.database) || slot.publication_proved_older {
        return Vec::new();
    }
    let remedy = "If changes do not arrive, recreate the slot (`terraform apply -replace`) and run a new initial sync.";
    match facts.publication {
        Seen::Absent => vec![found(
            object(facts, destination),
            "It is older than the publication, which does not exist yet. Such a slot gets stuck permanently on Postgres 17 and \
             earlier, and silently skips changes on 18.",
            "Create the publication, then recreate the slot after it.",
        )],
        Seen::There(_) => vec![Found {
            at_most: Severity::Info,
            ..found(
                object(facts, destination),
                "The catalog does not prove that the publication is older than the slot. It may well be.",
                remedy,
            )
        }],
        Seen::NotAsked => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Seen, Slot};
    use super::super::findings;
    use super::super::samples::{ids, ready};
    use crate::destinations::Severity;

    fn with(change: impl FnOnce(&mut Slot)) -> Facts {
        let mut facts = ready();
        let mut slot = facts.the_slot().cloned().unwrap();
        change(&mut slot);
        facts.slot = Seen::There(slot);
        facts
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let none = Vec::<&str>::new();
        for (facts, expected) in [
            (ready(), vec![]),
            (Facts { slot: Seen::Absent, ..ready() }, vec!["slot_absent"]),
            (Facts { slot: Seen::NotAsked, ..ready() }, vec![]),
            (with(|it| it.database = Some("other".into())), vec!["slot_database"]),
            (with(|it| (it.database, it.plugin) = (None, None)), vec!["slot_database"]),
            (with(|it| it.plugin = Some("wal2json".into())), vec!["slot_plugin"]),
            (with(|it| it.wal_status = Some("lost".into())), vec!["slot_lost"]),
            (with(|it| it.wal_status = Some("unreserved".into())), vec![]),
            (with(|it| it.invalidation_reason = Some("wal_removed".into())), vec!["slot_lost"]),
            (with(|it| it.keeps_wal = false), vec!["slot_lost"]),
            (with(|it| it.consumer = Some("process 7".into())), vec!["slot_active"]),
            (with(|it| (it.consumer, it.consumer_role) = (Some("process 7".into()), Some("consumer".into()))), vec![]),
            (
                with(|it| (it.consumer, it.consumer_role) = (Some("process 7".into()), Some("another".into()))),
                vec!["slot_active"],
            ),
            (with(|it| it.publication_proved_older = false), vec!["slot_order"]),
        ] {
            assert_eq!(ids("airbyte", &facts), expected, "{:?}", facts.slot);
        }
        // A consumer that creates its slot does not miss it.
        assert_eq!(
            ids("decodable", &{
                let mut facts = Facts { slot: Seen::Absent, ..ready() };
                facts.relations[0].identity = "f".into();
                facts
            }),
            none
        );
    }

    #[test]
    fn a_mode_of_the_consumer_decides_whose_slot_it_is() {
        let check = |mode: &str, slot: Seen<Slot>| {
            let mut facts = Facts { slot, ..ready() };
            facts.asked.options.insert("replication_mode".into(), mode.into());
            ids("clickpipes", &facts)
        };
        let slot = || ready().slot;
        assert_eq!(check("cdc", slot()), ["slot_unwanted"]);
        assert_eq!(check("cdc", Seen::Absent), Vec::<&str>::new());
        assert_eq!(check("cdc_only", slot()), Vec::<&str>::new());
        assert_eq!(check("cdc_only", Seen::Absent), ["slot_absent"]);
        let running = with(|it| it.consumer = Some("process 7".into())).slot;
        assert_eq!(check("cdc", running), Vec::<&str>::new(), "its own slot, in use");
    }

    #[test]
    fn only_a_proved_order_is_an_error() {
        let severity = |id: &str, facts: &Facts, check: &str| {
            findings(id, facts).unwrap().into_iter().find(|it| it.check == check).map(|it| it.severity)
        };
        let unproved = with(|it| it.publication_proved_older = false);
        let absent = Facts { publication: Seen::Absent, ..unproved.clone() };
        assert_eq!(severity("airbyte", &unproved, "slot_order"), Some(Severity::Info));
        assert_eq!(severity("airbyte", &absent, "slot_order"), Some(Severity::Error));
        assert_eq!(severity("inngest", &unproved, "inngest_order"), Some(Severity::Info));
        assert_eq!(severity("inngest", &absent, "inngest_order"), Some(Severity::Error));
        assert_eq!(severity("inngest", &absent, "publication_absent"), Some(Severity::Warning));
    }
}
