//! Debezium streams from what the guides of its family create: as the role of the example, over TLS, on its publication and slot.

use std::path::Path;

use crate::support::debezium::{Debezium, Event, Settings};
use crate::support::sql::literal;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// A guide whose consumer is built on Debezium, and the settings in which that consumer differs from a plain connector.
struct Consumer {
    folder: &'static str,
    slot: &'static str,
    /// Whether the consumer creates the slot, and the example none.
    creates_slot: bool,
    /// Whether the table has a full identity, so that updates tell the old row.
    full: bool,
    settings: &'static [(&'static str, &'static str)],
}

const CONSUMERS: &[Consumer] = &[
    Consumer { folder: "debezium", slot: "debezium", creates_slot: false, full: false, settings: &[] },
    Consumer {
        folder: "confluent-cloud",
        slot: "debezium",
        creates_slot: false,
        full: false,
        settings: &[("decimal.handling.mode", "string"), ("tombstones.on.delete", "true")],
    },
    Consumer {
        folder: "airbyte",
        slot: "airbyte_slot",
        creates_slot: false,
        full: false,
        settings: &[
            ("include.unknown.datatypes", "true"),
            ("slot.drop.on.stop", "false"),
            ("heartbeat.interval.ms", "10000"),
        ],
    },
    Consumer { folder: "decodable", slot: "decodable_1", creates_slot: true, full: true, settings: &[] },
    Consumer {
        folder: "bemi",
        slot: "bemi",
        creates_slot: true,
        full: true,
        settings: &[("message.prefix.include.list", "_bemi")],
    },
];

#[test]
fn debezium_consumes_what_its_guides_create() {
    let stand_in = StandIn::start(18);
    stand_in.sample_table();
    for it in CONSUMERS {
        eprintln!("{}", it.folder);
        it.consumes(&stand_in);
    }
}

#[test]
fn debezium_goes_on_after_a_restart_and_sees_a_table_that_was_added() {
    let stand_in = StandIn::start(14);
    stand_in.sample_table();
    stand_in.sql_as_owner("CREATE TABLE added(id int PRIMARY KEY, name text)").expect("a table");
    let workspace = Workspace::new(&stand_in);
    let main = main_of("debezium");
    workspace.write_file("main.tf", &main);
    workspace.apply();
    let settings = CONSUMERS[0].settings(&stand_in, &workspace);
    let mut debezium = Debezium::start(workspace.path(), &settings);
    assert_eq!(ops(&debezium.next(10)), ["r"; 10]);
    debezium.stop();
    // What happens while nobody consumes is kept by the slot.
    stand_in.sql("INSERT INTO playing_with_neon VALUES (11, 'while away', 1)");
    let added =
        main.replace(r#"[{ name = "playing_with_neon" }]"#, r#"[{ name = "added" }, { name = "playing_with_neon" }]"#);
    assert_ne!(added, main);
    workspace.write_file("main.tf", &added);
    workspace.apply();
    let mut debezium = Debezium::start(workspace.path(), &settings);
    let event = debezium.next(1).remove(0);
    assert_eq!((event.op.as_str(), &event.after["name"]), ("c", &"while away".into()), "{event:?}");
    stand_in.sql("INSERT INTO added VALUES (1, 'new table')");
    let event = debezium.next(1).remove(0);
    assert_eq!((event.op.as_str(), event.table.as_str()), ("c", "public.added"), "{event:?}");
    debezium.stop();
    workspace.destroy();
}

impl Consumer {
    fn consumes(&self, stand_in: &StandIn) {
        let workspace = Workspace::new(stand_in);
        workspace.write_file("main.tf", &main_of(self.folder));
        workspace.apply();
        let mut debezium = Debezium::start(workspace.path(), &self.settings(stand_in, &workspace));
        let rows = debezium.next(10);
        assert_eq!(ops(&rows), ["r"; 10], "{}: the snapshot", self.folder);
        stand_in.sql("INSERT INTO playing_with_neon VALUES (100, 'inserted', 1)");
        stand_in.sql("UPDATE playing_with_neon SET value = 2 WHERE id = 100");
        stand_in.sql("DELETE FROM playing_with_neon WHERE id = 100");
        let events = debezium.next(3);
        assert_eq!(ops(&events), ["c", "u", "d"], "{}", self.folder);
        assert_eq!(events[0].after["name"], "inserted", "{}", self.folder);
        assert_eq!(events[1].after["value"], 2.0, "{}", self.folder);
        assert_eq!(events[1].before["name"] == "inserted", self.full, "{}: the old row", self.folder);
        assert_eq!(events[2].before["id"], 100, "{}", self.folder);
        debezium.stop();
        if self.creates_slot {
            stand_in.sql(&format!("SELECT pg_drop_replication_slot({})", literal(self.slot)));
        }
        workspace.destroy();
    }

    /// Settings of a connector for what the example hands to its consumer.
    fn settings(&self, stand_in: &StandIn, workspace: &Workspace) -> Settings {
        let outputs = workspace.outputs();
        let connection = &outputs["connection"]["value"];
        let text = |name: &str| connection[name].as_str().map_or_else(|| connection[name].to_string(), str::to_owned);
        let own = self.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        [
            ("connector.class", "io.debezium.connector.postgresql.PostgresConnector".to_owned()),
            ("plugin.name", "pgoutput".to_owned()),
            ("database.hostname", text("host")),
            ("database.port", text("port")),
            ("database.dbname", text("database")),
            ("database.user", text("username")),
            ("database.password", text("password")),
            ("database.sslmode", "verify-full".to_owned()),
            ("database.sslrootcert", stand_in.ready.sslrootcert.clone()),
            ("topic.prefix", "neon".to_owned()),
            ("slot.name", self.slot.to_owned()),
            ("publication.name", outputs["publication_name"]["value"].as_str().expect("a name").to_owned()),
            ("publication.autocreate.mode", "disabled".to_owned()),
            ("snapshot.mode", "initial".to_owned()),
            ("status.update.interval.ms", "1000".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .chain(own)
        .collect()
    }
}

fn ops(events: &[Event]) -> Vec<&str> {
    events.iter().map(|it| it.op.as_str()).collect()
}

fn main_of(folder: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides").join(folder).join("main.tf");
    std::fs::read_to_string(file).expect("the example")
}
