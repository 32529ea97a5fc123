//! Facts for the tables of cases: a database that is ready for most destinations.

use super::facts::{Asked, Facts, Host, Publication, Relation, Role, Seen, Server, Slot};
use super::findings;

/// A table of `public` with a primary key, published and readable.
pub(super) fn table(name: &str) -> Relation {
    Relation {
        schema: "public".into(),
        name: name.into(),
        kind: "r".into(),
        permanent: true,
        published: true,
        identity: "d".into(),
        has_primary_key: true,
        usage: true,
        select: true,
        ..Relation::default()
    }
}

/// Nothing to find, for Airbyte and those like it.
pub(super) fn ready() -> Facts {
    let option = |name: &str| (name.to_owned(), "SELECT pg_logical_emit_message(true, 'heartbeat', '')".to_owned());
    let mut options =
        std::collections::BTreeMap::from(["heartbeat_action_query", "heartbeat.action.query"].map(option));
    options.insert("read_only_capture".into(), "true".into());
    Facts {
        asked: Asked {
            publication: Some("publication".into()),
            role: Some("consumer".into()),
            slot: Some("slot".into()),
            tables: Vec::new(),
            options,
        },
        host: Host { name: "ep-cool-darkness-123456.us-east-2.aws.neon.tech".into(), on_neon: true, ..Host::default() },
        server: Server {
            wal_level: "logical".into(),
            version: 170_004,
            database: "neondb".into(),
            max_slots: 10,
            used_slots: 2,
            max_wal_senders: 10,
            used_wal_senders: 1,
            max_slot_wal: -1,
            max_workers: 4,
            ..Server::default()
        },
        role: Seen::There(Role {
            login: true,
            replication: true,
            bypass_rls: true,
            reads_all: true,
            ..Role::default()
        }),
        publication: Seen::There(Publication {
            owner: "consumer".into(),
            insert: true,
            update: true,
            delete: true,
            ..Publication::default()
        }),
        relations: vec![table("orders")],
        slot: Seen::There(Slot {
            plugin: Some("pgoutput".into()),
            database: Some("neondb".into()),
            wal_status: Some("reserved".into()),
            keeps_wal: true,
            publication_proved_older: true,
            ..Slot::default()
        }),
        subscriber: None,
        same_branch: false,
    }
}

/// Ids of what a destination finds.
pub(super) fn ids(destination: &str, facts: &Facts) -> Vec<&'static str> {
    findings(destination, facts).expect("a destination").iter().map(|it| it.check).collect()
}
