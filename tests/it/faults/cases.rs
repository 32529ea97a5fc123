//! The resources of the matrix: a configuration to create each of them, and one to change it to.

use serde_json::{Value as Json, json};

use crate::support::stand_in::Ready;

/// What is there before: run once by a superuser.
pub(super) const SETUP: &str = "
    SET ROLE neondb_owner;
    CREATE TABLE a(id int PRIMARY KEY);
    CREATE TABLE b(id int PRIMARY KEY);
    CREATE PUBLICATION older FOR TABLE a;
    RESET ROLE;
    CREATE ROLE reader LOGIN;
";

/// The database of a publisher for the subscription, and what is in it.
pub(super) const PUBLISHER: (&str, &str) =
    ("publisher", "CREATE TABLE a(id int PRIMARY KEY); CREATE PUBLICATION published FOR TABLE a");

/// Its slot, which is there for the subscription alone: with a slot a server cannot start without logical replication.
pub(super) const PUBLISHER_SLOT: &str = "SELECT pg_create_logical_replication_slot('publisher_slot', 'pgoutput') \
    WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'publisher_slot')";
pub(super) const NO_PUBLISHER_SLOT: &str =
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'publisher_slot'";

/// Where the publisher of a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publisher {
    /// It has none.
    None,
    /// In another database of the same server, with its slot.
    Here,
    /// On a server of its own, without a slot: `CREATE SUBSCRIPTION` would wait for itself where it creates one.
    Elsewhere,
}

/// What the next apply does with an object that exists and is in no state, because the provider was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrecorded {
    /// It finds what it wants and counts it as found before: a destroy leaves it.
    Kept,
    /// It says that the object exists; an import cures it.
    Imported,
}

/// A resource and its configurations.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) type_name: &'static str,
    /// Its import id.
    pub(super) id: fn(&Ready) -> String,
    created: fn(&Ready) -> Json,
    /// What it is changed to in place; none where nothing changes on the server.
    updated: Option<fn(&Ready) -> Json>,
    pub(super) unrecorded: Unrecorded,
    pub(super) publisher: Publisher,
}

impl Case {
    /// The configuration that creates it, on that stand-in and with a publisher at that address.
    pub(super) fn created(&self, ready: &Ready, publisher: &str) -> Json {
        self.connected((self.created)(ready), publisher)
    }

    /// The configuration that it is changed to.
    pub(super) fn updated(&self, ready: &Ready, publisher: &str) -> Option<Json> {
        self.updated.map(|updated| self.connected(updated(ready), publisher))
    }

    /// Whether it has an update.
    pub(super) fn changes(&self) -> bool {
        self.updated.is_some()
    }

    fn connected(&self, mut config: Json, publisher: &str) -> Json {
        if self.publisher != Publisher::None {
            config["connection_wo"] = json!(publisher);
        }
        config
    }
}

/// The matrix has a row for every resource of the provider.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "logical_replication",
        type_name: "neonrep_logical_replication",
        id: |ready| ready.project_id.clone(),
        created: |ready| json!({ "project_id": ready.project_id }),
        updated: None,
        unrecorded: Unrecorded::Kept,
        publisher: Publisher::None,
    },
    Case {
        name: "role",
        type_name: "neonrep_role",
        id: |ready| format!("{}/{}/r", ready.project_id, ready.branch_id),
        created: |ready| json!({ "project_id": ready.project_id, "name": "r", "rotate_when_changed": { "day": "one" } }),
        updated: Some(
            |ready| json!({ "project_id": ready.project_id, "name": "r", "rotate_when_changed": { "day": "two" } }),
        ),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::None,
    },
    Case {
        name: "sql_role",
        type_name: "neonrep_role",
        id: |ready| format!("{}/{}/r", ready.project_id, ready.branch_id),
        created: |ready| json!({ "project_id": ready.project_id, "name": "r", "neon_superuser": false }),
        updated: Some(
            |ready| json!({ "project_id": ready.project_id, "name": "r", "neon_superuser": false, "replication": false }),
        ),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::None,
    },
    Case {
        name: "grant",
        type_name: "neonrep_grant",
        id: |ready| format!("{}/{}/neondb/reader/public", ready.project_id, ready.branch_id),
        created: |ready| located(ready, json!({ "role": "reader", "schemas": ["public"] })),
        updated: Some(|ready| {
            located(ready, json!({ "role": "reader", "schemas": ["public"], "privileges": ["SELECT", "INSERT"] }))
        }),
        unrecorded: Unrecorded::Kept,
        publisher: Publisher::None,
    },
    Case {
        name: "replica_identity",
        type_name: "neonrep_replica_identity",
        id: |ready| format!("{}/{}/neondb/public/a", ready.project_id, ready.branch_id),
        created: |ready| located(ready, json!({ "table": "a", "mode": "full" })),
        updated: Some(|ready| located(ready, json!({ "table": "a", "mode": "index", "index_name": "a_pkey" }))),
        unrecorded: Unrecorded::Kept,
        publisher: Publisher::None,
    },
    Case {
        name: "publication",
        type_name: "neonrep_publication",
        id: |ready| format!("{}/{}/neondb/p", ready.project_id, ready.branch_id),
        created: |ready| located(ready, json!({ "name": "p", "tables": [{ "name": "a" }] })),
        updated: Some(|ready| {
            let tables = json!([{ "name": "a", "columns": ["id"] }, { "name": "b", "where": "id > 1" }]);
            located(ready, json!({ "name": "p", "tables": tables, "publish": ["insert", "delete"] }))
        }),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::None,
    },
    Case {
        name: "slot",
        type_name: "neonrep_slot",
        id: |ready| format!("{}/{}/neondb/s", ready.project_id, ready.branch_id),
        created: |ready| json!({ "publication_id": older(ready), "name": "s" }),
        updated: Some(|ready| json!({ "publication_id": older(ready), "name": "s", "failover": true })),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::None,
    },
    Case {
        name: "signal_table",
        type_name: "neonrep_signal_table",
        id: |ready| format!("{}/{}/neondb/public/beats", ready.project_id, ready.branch_id),
        created: |ready| located(ready, json!({ "name": "beats", "shape": "heartbeat" })),
        updated: None,
        unrecorded: Unrecorded::Kept,
        publisher: Publisher::None,
    },
    Case {
        name: "subscription",
        type_name: "neonrep_subscription",
        id: |ready| format!("{}/{}/neondb/sub", ready.project_id, ready.branch_id),
        created: |ready| subscription(ready, json!({})),
        updated: Some(|ready| subscription(ready, json!({ "binary": true, "disable_on_error": true }))),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::Here,
    },
    Case {
        name: "slot_of_subscription",
        type_name: "neonrep_subscription",
        id: |ready| format!("{}/{}/neondb/sub", ready.project_id, ready.branch_id),
        created: |ready| subscription(ready, json!({ "create_slot": true })),
        updated: Some(|ready| subscription(ready, json!({ "create_slot": true, "disable_on_error": true }))),
        unrecorded: Unrecorded::Imported,
        publisher: Publisher::Elsewhere,
    },
    Case {
        name: "allowed_ips",
        type_name: "neonrep_allowed_ips",
        id: |ready| ready.project_id.clone(),
        created: |ready| allowed(ready, &json!(["127.0.0.0/8", "::1"])),
        updated: Some(|ready| allowed(ready, &json!(["127.0.0.0/8", "::1", "192.0.2.1"]))),
        unrecorded: Unrecorded::Kept,
        publisher: Publisher::None,
    },
];

/// Its connection is filled in where the publisher is known.
fn subscription(ready: &Ready, mut more: Json) -> Json {
    let members = more.as_object_mut().expect("an object");
    members.insert("name".to_owned(), json!("sub"));
    members.insert("publications".to_owned(), json!(["published"]));
    members.insert("connection_wo_version".to_owned(), json!(1));
    members.entry("create_slot").or_insert(json!(false));
    members.insert("slot_name".to_owned(), json!("publisher_slot"));
    members.insert("copy_data".to_owned(), json!(false));
    located(ready, more)
}

fn allowed(ready: &Ready, ips: &Json) -> Json {
    json!({ "project_id": ready.project_id, "ips": ips, "enforce": true, "on_destroy": "open" })
}

fn located(ready: &Ready, mut more: Json) -> Json {
    let members = more.as_object_mut().expect("an object");
    members.insert("project_id".to_owned(), json!(ready.project_id));
    members.insert("database".to_owned(), json!("neondb"));
    more
}

fn older(ready: &Ready) -> String {
    format!("{}/{}/neondb/older", ready.project_id, ready.branch_id)
}
