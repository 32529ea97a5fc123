//! The server and its settings: can it decode, is a slot free, does a session stay.

use super::facts::Facts;
use super::finding::{Check, Found, found};
use crate::destinations::sources::{self, Restart};
use crate::destinations::{Destination, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check { id: "wal_level", rule: "`wal_level` is `logical`.", run: wal_level },
    Check { id: "standby", rule: "The server is a primary, and the endpoint is read-write.", run: standby },
    Check { id: "pg_version", rule: "The vendor lists this version of Postgres.", run: pg_version },
    Check {
        id: "slots_free",
        rule: "As many replication slots are free as the consumer creates, at rest and while it copies.",
        run: slots_free,
    },
    Check {
        id: "wal_senders_free",
        rule: "A walsender is free, and `max_wal_senders` is what the consumer asks for.",
        run: wal_senders_free,
    },
    Check {
        id: "wal_sender_timeout",
        rule: "`wal_sender_timeout`, as it holds for the role, is at least 60 s or off.",
        run: wal_sender_timeout,
    },
    Check {
        id: "idle_slot_timeout",
        rule: "`idle_replication_slot_timeout` (Postgres 18) is off or at least a day.",
        run: idle_slot_timeout,
    },
    Check {
        id: "max_slot_wal",
        rule: "`max_slot_wal_keep_size` has no limit, or one of 200 GB and more.",
        run: max_slot_wal,
    },
    Check {
        id: "long_transaction",
        rule: "No transaction that has written is open for more than a minute, while a slot is still to be created.",
        run: long_transaction,
    },
];

fn wal_level(facts: &Facts, _: &Destination) -> Vec<Found> {
    let level = &facts.server.wal_level;
    if level == "logical" {
        return Vec::new();
    }
    let remedy = if facts.host.on_neon {
        "Add `neonrep_logical_replication` for the project. All its computes restart.".to_owned()
    } else {
        elsewhere(facts)
    };
    vec![found("server", format!("`wal_level` is `{level}`, so nothing can be decoded."), remedy)]
}

/// What makes the server at hand logical, by its platform.
fn elsewhere(facts: &Facts) -> String {
    let marked = |mark: Option<&str>| mark.is_some_and(|mark| facts.server.marks.iter().any(|it| it == mark));
    let platforms: Vec<_> = sources::ALL.iter().filter(|it| marked(it.recognized_by)).collect();
    let of_platforms: Vec<String> = platforms
        .iter()
        .map(|it| {
            let settings: Vec<String> =
                it.parameters.iter().map(|one| format!("`{} = {}`", one.name, one.value)).collect();
            let restart = match it.restart {
                Restart::NotNeeded => "",
                Restart::Instance => " and restart the instance",
                Restart::Writer => " and restart the writer",
            };
            format!("on {}, set {}{restart}", it.name, settings.join(" and "))
        })
        .collect();
    if of_platforms.is_empty() {
        return "Set `wal_level = logical` and restart the server.".to_owned();
    }
    format!("To enable it: {}.", of_platforms.join("; "))
}

fn standby(facts: &Facts, _: &Destination) -> Vec<Found> {
    if !facts.server.standby && !facts.host.read_only_endpoint {
        return Vec::new();
    }
    vec![found(
        format!("host {}", facts.host.name),
        "It is a read replica, and the consumer needs the primary.",
        "Use the host of the read-write endpoint, which `data.neonrep_connection` gives.",
    )]
}

fn pg_version(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let major = facts.server.version / 10_000;
    let too_old = destination.postgres.oldest.is_some_and(|oldest| major < i32::from(oldest));
    let too_new = destination.postgres.newest.is_some_and(|newest| major > i32::from(newest));
    if !too_old && !too_new {
        return Vec::new();
    }
    let end = if too_old { "begin at a later one" } else { "end at an earlier one" };
    vec![found(
        "server",
        format!("It runs Postgres {major}. The versions that {} lists {end}.", destination.name),
        "Ask the vendor, or use a project of a listed version.",
    )]
}

fn slots_free(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let server = &facts.server;
    let free = server.max_slots - server.used_slots;
    let own_exists = facts.the_slot().is_some();
    let needed =
        i32::from(destination.slot.while_copying) + if own_exists { 0 } else { i32::from(destination.slot.count) };
    if free >= needed {
        return Vec::new();
    }
    vec![found(
        "server",
        format!(
            "{} of {} replication slots are in use, and {} needs {needed} more.",
            server.used_slots, server.max_slots, destination.name
        ),
        "Drop slots that nobody uses: `SELECT slot_name FROM pg_replication_slots WHERE NOT active`.",
    )]
}

fn wal_senders_free(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let server = &facts.server;
    // PeerDB asks for two in all, whatever is in use.
    let asks_for_two = matches!(destination.id, "clickpipes" | "peerdb");
    if asks_for_two && server.max_wal_senders < 2 {
        return vec![found(
            "server",
            format!("`max_wal_senders` is {}, and {} needs 2.", server.max_wal_senders, destination.name),
            "Raise `max_wal_senders`.",
        )];
    }
    let connected = facts.the_slot().is_some_and(|it| it.consumer.is_some());
    if connected || server.max_wal_senders > server.used_wal_senders {
        return Vec::new();
    }
    vec![found(
        "server",
        format!("All {} walsenders are in use.", server.max_wal_senders),
        "Stop a consumer that is not needed, or raise `max_wal_senders`.",
    )]
}

/// Below this, a consumer that is busy for a while loses its connection.
const SHORT_TIMEOUT: i64 = 60_000;

fn wal_sender_timeout(facts: &Facts, _: &Destination) -> Vec<Found> {
    let timeout = facts.server.wal_sender_timeout;
    if timeout == 0 || timeout >= SHORT_TIMEOUT {
        return Vec::new();
    }
    let role = facts.asked.role.as_deref().unwrap_or("<role>");
    vec![found(
        format!("role {role}"),
        format!(
            "`wal_sender_timeout` is {} s: a consumer that does not answer for so long is disconnected.",
            timeout / 1000
        ),
        format!(
            "If it disconnects, run as this role: `ALTER ROLE \"{}\" SET wal_sender_timeout = '60s'`.",
            role.replace('"', "\"\"")
        ),
    )]
}

fn idle_slot_timeout(facts: &Facts, _: &Destination) -> Vec<Found> {
    const DAY: i64 = 24 * 3600;
    let timeout = facts.server.idle_slot_timeout.unwrap_or_default();
    if timeout == 0 || timeout >= DAY {
        return Vec::new();
    }
    vec![found(
        "server",
        format!("`idle_replication_slot_timeout` is {timeout} s: a slot that is not read for so long is invalidated."),
        "Set it to 0, or let the consumer sync more often than that.",
    )]
}

/// What `ClickHouse` advises, in megabytes.
const ADVISED_SLOT_WAL: i64 = 200 * 1024;

fn max_slot_wal(facts: &Facts, _: &Destination) -> Vec<Found> {
    let limit = facts.server.max_slot_wal;
    if !(0..ADVISED_SLOT_WAL).contains(&limit) {
        return Vec::new();
    }
    vec![found(
        "server",
        format!("`max_slot_wal_keep_size` is {limit} MB: a slot that falls further behind is lost."),
        "Watch the lag of the slot. Neon sets this limit itself; elsewhere, raise it.",
    )]
}

fn long_transaction(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let will_be_created = facts.the_slot().is_none();
    if !will_be_created {
        return Vec::new();
    }
    let waits = match destination.id {
        "debezium" | "confluent_cloud" | "bemi" => "gives up after six tries of 90 seconds",
        _ => "waits",
    };
    let one = |transaction: &String| Found {
        at_most: Severity::Warning,
        ..found(
            transaction.clone(),
            format!("It has written and is open for more than a minute. Whoever creates a slot {waits} until it ends."),
            "End the transaction before the consumer starts.",
        )
    };
    facts.server.long_transactions.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::Seen;
    use super::super::samples::{ids, ready};
    use super::*;

    fn with(destination: &str, change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
        let mut facts = ready();
        facts.relations[0].identity = "f".into();
        change(&mut facts);
        ids(destination, &facts)
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        for (id, expected) in [
            (with("fivetran", |it| it.server.wal_level = "replica".into()), vec!["wal_level"]),
            (with("fivetran", |it| it.server.standby = true), vec!["standby"]),
            (with("fivetran", |it| it.host.read_only_endpoint = true), vec!["standby"]),
            (with("fivetran", |it| it.server.version = 180_001), vec!["pg_version"]),
            (with("fivetran", |it| it.server.version = 170_009), vec![]),
            (with("airbyte", |it| it.server.version = 180_001), vec![]),
            (with("fivetran", |it| it.server.used_slots = 10), vec![]),
            (with("materialize", |it| (it.slot, it.server.used_slots) = (Seen::NotAsked, 9)), vec!["slots_free"]),
            (with("materialize", |it| (it.slot, it.server.used_slots) = (Seen::NotAsked, 8)), vec![]),
            (
                with("clickpipes", |it| (it.slot, it.server.max_wal_senders) = (Seen::NotAsked, 1)),
                vec!["wal_senders_free"],
            ),
            (with("clickpipes", |it| (it.slot, it.server.max_wal_senders) = (Seen::NotAsked, 2)), vec![]),
            (with("neon_subscriber", |it| it.server.used_wal_senders = 10), vec!["wal_senders_free"]),
            (with("neon_subscriber", |it| it.server.used_wal_senders = 9), vec![]),
            (with("fivetran", |it| it.server.wal_sender_timeout = 10_000), vec!["wal_sender_timeout"]),
            (with("fivetran", |it| it.server.wal_sender_timeout = 60_000), vec![]),
            (with("fivetran", |it| it.server.wal_sender_timeout = 0), vec![]),
            (with("fivetran", |it| it.server.idle_slot_timeout = Some(3600)), vec!["idle_slot_timeout"]),
            (with("fivetran", |it| it.server.idle_slot_timeout = Some(86_400)), vec![]),
            (with("fivetran", |it| it.server.idle_slot_timeout = Some(0)), vec![]),
            (with("clickpipes", |it| (it.slot, it.server.max_slot_wal) = (Seen::NotAsked, 1024)), vec!["max_slot_wal"]),
            (with("clickpipes", |it| (it.slot, it.server.max_slot_wal) = (Seen::NotAsked, 204_800)), vec![]),
            (
                with("estuary", |it| {
                    (it.slot, it.server.long_transactions) = (Seen::NotAsked, vec!["process 7".into()]);
                }),
                vec!["long_transaction"],
            ),
            (with("estuary", |it| it.server.long_transactions = vec!["process 7".into()]), vec![]),
        ] {
            assert_eq!(id, expected);
        }
    }

    #[test]
    fn the_remedy_is_that_of_the_platform() {
        let remedy = |on_neon: bool, marks: &[&str]| {
            let mut facts = ready();
            facts.host.on_neon = on_neon;
            facts.server.marks = marks.iter().map(|it| (*it).to_owned()).collect();
            facts.server.wal_level = "replica".into();
            wal_level(&facts, crate::destinations::find("neon_subscriber").unwrap()).remove(0).remedy
        };
        assert!(remedy(true, &[]).contains("neonrep_logical_replication"));
        assert!(remedy(false, &[]).contains("`wal_level = logical`"));
        assert!(remedy(false, &["rdsadmin"]).contains("`rds.logical_replication = 1`"));
        assert!(remedy(false, &["alloydbsuperuser"]).contains("`alloydb.enable_pglogical = on`"));
    }
}
