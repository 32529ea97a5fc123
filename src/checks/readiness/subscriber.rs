//! The other side of a subscription: its tables, its role, its workers.

use std::collections::BTreeSet;

use super::facts::{Facts, Named, Subscriber, Target};
use super::finding::{Check, Found, found, listed};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "target_table_missing", rule: "The subscriber has every published table.", run: target_table_missing },
    Check {
        id: "target_columns_missing",
        rule: "The subscriber has every published column.",
        run: target_columns_missing,
    },
    Check {
        id: "target_not_empty",
        rule: "The subscriber's tables are empty, or nothing is copied.",
        run: target_not_empty,
    },
    Check { id: "may_subscribe", rule: "The connected role may create subscriptions.", run: may_subscribe },
    Check { id: "same_branch", rule: "The subscriber is another branch, or `create_slot` is false.", run: same_branch },
    Check { id: "workers", rule: "Two more logical replication workers may start on the subscriber.", run: workers },
    Check { id: "sequences", rule: "The publisher has no sequences, whose values are not replicated.", run: sequences },
];

fn object(name: &Named) -> String {
    format!("subscriber's table {}.{}", name.0, name.1)
}

/// Tables that the subscriber needs: those published, and those named.
fn needed(facts: &Facts) -> BTreeSet<Named> {
    let published = facts.published().map(|it| (it.schema.clone(), it.name.clone()));
    published.chain(facts.asked.tables.iter().cloned()).collect()
}

fn target<'a>(subscriber: &'a Subscriber, name: &Named) -> Option<&'a Target> {
    subscriber.tables.iter().find(|it| it.schema == name.0 && it.name == name.1)
}

fn target_table_missing(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(subscriber) = &facts.subscriber else { return Vec::new() };
    let missing = needed(facts).into_iter().filter(|name| target(subscriber, name).is_none());
    missing
        .map(|name| {
            found(
                object(&name),
                "It does not exist there. A subscription creates no tables, and fails without them.",
                "Create it with the same columns, for example with `pg_dump --schema-only`.",
            )
        })
        .collect()
}

fn target_columns_missing(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(subscriber) = &facts.subscriber else { return Vec::new() };
    let tables = facts.published().filter(|it| !it.has_column_list);
    tables
        .filter_map(|it| {
            let name = (it.schema.clone(), it.name.clone());
            let there = target(subscriber, &name)?;
            // Generated columns are computed there, or are not there.
            let sent = it.columns.iter().filter(|column| !it.generated_columns.contains(column));
            let missing: Vec<&str> =
                sent.filter(|column| !there.columns.contains(column)).map(String::as_str).collect();
            let lacks = !missing.is_empty();
            lacks.then(|| {
                found(
                    object(&name),
                    format!("It lacks columns that are published: {}.", listed(missing)),
                    "Add the columns there.",
                )
            })
        })
        .collect()
}

fn target_not_empty(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(subscriber) = &facts.subscriber else { return Vec::new() };
    let copies = facts.asked.options.get("copy_data").is_none_or(|it| it != "false");
    if !copies {
        return Vec::new();
    }
    let needed = needed(facts);
    let filled =
        subscriber.tables.iter().filter(|it| it.has_pages && needed.contains(&(it.schema.clone(), it.name.clone())));
    filled
        .map(|it| {
            found(
                object(&(it.schema.clone(), it.name.clone())),
                "It holds rows, or did. The first copy adds all rows again, and fails on keys that exist.",
                "TRUNCATE it there, or set `copy_data = false` in `neonrep_subscription`.",
            )
        })
        .collect()
}

fn may_subscribe(facts: &Facts, _: &Destination) -> Vec<Found> {
    if facts.subscriber.as_ref().is_none_or(|it| it.may_subscribe) {
        return Vec::new();
    }
    vec![found(
        "subscriber",
        "The connected role may not create a subscription: it needs membership of `pg_create_subscription` and CREATE on the database.",
        "Connect as the database's owner, or as a member of that role (Postgres 16 and later).",
    )]
}

fn same_branch(facts: &Facts, _: &Destination) -> Vec<Found> {
    let creates_slot = facts.asked.options.get("create_slot").is_none_or(|it| it != "false");
    if !facts.same_branch || !creates_slot {
        return Vec::new();
    }
    vec![found(
        "subscriber",
        "It is the branch that publishes. Creating the slot waits for the transaction that creates the subscription, so both hang.",
        "Create the slot with `neonrep_slot`, and set `create_slot = false` and `slot_name` in `neonrep_subscription`.",
    )]
}

fn workers(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(subscriber) = &facts.subscriber else { return Vec::new() };
    // The one that applies, and one that copies a table.
    if i64::from(subscriber.max_workers) >= subscriber.subscriptions + 2 {
        return Vec::new();
    }
    vec![found(
        "subscriber",
        format!(
            "`max_logical_replication_workers` is {}, and {} subscriptions run already.",
            subscriber.max_workers, subscriber.subscriptions
        ),
        "Drop a subscription, or raise the setting.",
    )]
}

fn sequences(facts: &Facts, _: &Destination) -> Vec<Found> {
    let count = facts.server.sequences;
    if count == 0 {
        return Vec::new();
    }
    vec![found(
        "server",
        format!("It has {count} sequences, whose values are not replicated."),
        "Before you switch the application over, set them there with `setval`.",
    )]
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Relation, Seen, Subscriber, Target};
    use super::super::samples::{ids, ready, table};

    fn target(columns: &[&str]) -> Target {
        let columns = columns.iter().map(|it| (*it).to_owned()).collect();
        Target { schema: "public".into(), name: "orders".into(), columns, has_pages: false }
    }

    fn with(change: impl FnOnce(&mut Subscriber)) -> Facts {
        let mut subscriber = Subscriber {
            version: 170_000,
            may_subscribe: true,
            max_workers: 4,
            subscriptions: 0,
            tables: vec![target(&["id", "note"])],
        };
        change(&mut subscriber);
        let relation = Relation { columns: vec!["id".into(), "note".into()], ..table("orders") };
        Facts { subscriber: Some(subscriber), relations: vec![relation], slot: Seen::NotAsked, ..ready() }
    }

    fn option(mut facts: Facts, name: &str, value: &str) -> Facts {
        facts.asked.options.insert(name.to_owned(), value.to_owned());
        facts
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let filled = || with(|it| it.tables[0].has_pages = true);
        let same = || Facts { same_branch: true, ..with(|_| ()) };
        for (facts, expected) in [
            (with(|_| ()), vec![]),
            (with(|it| it.tables.clear()), vec!["target_table_missing"]),
            (with(|it| it.tables[0] = target(&["id"])), vec!["target_columns_missing"]),
            (with(|it| it.tables[0] = target(&["id", "note", "more"])), vec![]),
            (filled(), vec!["target_not_empty"]),
            (option(filled(), "copy_data", "false"), vec![]),
            (with(|it| it.may_subscribe = false), vec!["may_subscribe"]),
            (same(), vec!["same_branch"]),
            (option(same(), "create_slot", "false"), vec![]),
            (with(|it| it.subscriptions = 3), vec!["workers"]),
            (with(|it| it.subscriptions = 2), vec![]),
        ] {
            for id in ["postgres_subscriber", "neon_subscriber"] {
                assert_eq!(ids(id, &facts), expected, "{id}: {facts:?}");
            }
        }
    }

    #[test]
    fn what_is_not_sent_need_not_be_there() {
        let mut generated = with(|it| it.tables[0] = target(&["id"]));
        generated.relations[0].generated_columns = vec!["note".into()];
        assert_eq!(ids("neon_subscriber", &generated), Vec::<&str>::new());
        let mut listed = with(|it| it.tables[0] = target(&["id"]));
        listed.relations[0].has_column_list = true;
        assert_eq!(ids("neon_subscriber", &listed), Vec::<&str>::new());
        let mut sequences = with(|_| ());
        sequences.server.sequences = 2;
        assert_eq!(ids("neon_subscriber", &sequences), ["sequences"]);
    }
}
