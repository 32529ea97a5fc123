//! Each guide's example: applied as it stands, checked with SQL, streamed from as its role, and nothing left after destroy.

use std::path::Path;

use serde_json::Value;

use super::databricks_guide::traces;
use crate::support::sql::{column, literal, single};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::walsender;

/// What an example creates.
struct Example {
    /// Its folder below `examples/guides`.
    folder: &'static str,
    role: &'static str,
    publication: &'static str,
    slot: Slot,
    /// `relreplident` of its table: `d` or `f`.
    identity: &'static str,
    via_root: bool,
}

/// Whose slot it is.
enum Slot {
    /// The example creates it.
    Own(&'static str),
    /// The consumer creates one, such as this: the test does it as the consumer would, with the example's role.
    OfTheConsumer(&'static str),
}

use Slot::{OfTheConsumer, Own};

const EXAMPLES: &[Example] = &[
    example("airbyte", "airbyte_replication", "airbyte_publication", Own("airbyte_slot"), "d", false),
    example("bemi", "bemi", "bemi", OfTheConsumer("bemi"), "f", false),
    example("clickpipes", "clickpipes_user", "clickpipes", OfTheConsumer("peerflow_slot_job"), "d", true),
    example("confluent-cloud", "replication_user", "dbz_publication", Own("debezium"), "d", false),
    example("databricks-airbyte", "airbyte_replication", "airbyte_publication", Own("airbyte_slot"), "d", false),
    example("debezium", "debezium", "dbz_publication", Own("debezium"), "d", false),
    example("decodable", "decodable", "dbz_publication", OfTheConsumer("decodable_1"), "f", false),
    example("estuary", "flow_capture", "flow_publication", OfTheConsumer("flow_slot"), "d", true),
    example("fivetran", "fivetran_user", "fivetran_pub", Own("fivetran_pgoutput_slot"), "d", false),
    example("inngest", "inngest", "inngest", Own("inngest_cdc"), "d", false),
    example("materialize", "materialize", "mz_source", OfTheConsumer("materialize_1"), "f", false),
    example("peerdb", "peerdb_user", "peerdb", OfTheConsumer("peerflow_slot_job"), "d", true),
    example("prisma-pulse", "prisma_pulse", "prisma_pulse_publication", Own("prisma_pulse_slot"), "d", false),
    example("sequin", "sequin_user", "sequin_pub", Own("sequin_slot"), "f", true),
    example("snowflake-airbyte", "airbyte_replication", "airbyte_publication", Own("airbyte_slot"), "d", false),
];

const fn example(
    folder: &'static str,
    role: &'static str,
    publication: &'static str,
    slot: Slot,
    identity: &'static str,
    via_root: bool,
) -> Example {
    Example { folder, role, publication, slot, identity, via_root }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides")
}

#[test]
fn each_guide_has_its_row() {
    let entries = std::fs::read_dir(folder()).expect("the guides").flatten();
    let mut there: Vec<String> = entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    there.sort();
    // The Databricks guide has stories of its own, and so have those with a subscription.
    there.retain(|it| it != "databricks-lakeflow" && !super::subscriber_guides::FOLDERS.contains(&it.as_str()));
    assert_eq!(there, EXAMPLES.iter().map(|it| it.folder).collect::<Vec<_>>());
}

#[test]
fn each_guide_works_as_it_stands() {
    std::thread::scope(|scope| {
        // The oldest and the newest; one server for all examples, since each leaves it as it was.
        let running = [14, 18].map(|major| {
            let story = move || {
                let stand_in = StandIn::start(major);
                stand_in.sample_table();
                for it in EXAMPLES {
                    it.works(&stand_in);
                }
            };
            (major, scope.spawn(story))
        });
        let failed: Vec<u16> =
            running.into_iter().filter_map(|(major, it)| it.join().is_err().then_some(major)).collect();
        assert!(failed.is_empty(), "failed on Postgres {failed:?}, see above");
    });
}

impl Example {
    fn works(&self, stand_in: &StandIn) {
        eprintln!("{}", self.folder);
        let before = traces(stand_in);
        let workspace = Workspace::new(stand_in);
        for file in ["main.tf", "readiness.tf"] {
            let text = std::fs::read_to_string(folder().join(self.folder).join(file)).expect("the example");
            workspace.write_file(file, &text);
        }
        workspace.apply();
        self.is_ready(&workspace);
        let outputs = workspace.outputs();
        let password = self.connection(stand_in, &outputs["connection"]["value"]);
        self.objects(stand_in, &outputs);
        self.rendered(&outputs, &password);
        self.streams(stand_in, &password);
        workspace.destroy();
        assert_eq!(traces(stand_in), before, "{}: left after destroy", self.folder);
    }

    /// Checks the report of the example: nothing keeps the consumer from starting.
    fn is_ready(&self, workspace: &Workspace) {
        let state = workspace.state();
        let all = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> = all.iter().filter(|it| it["type"] == "neonrep_readiness").map(|it| &it["values"]).collect();
        let [found] = found[..] else { panic!("{}: no report", self.folder) };
        assert_eq!(found["ready"], true, "{}: {}", self.folder, found["report"]);
        assert_eq!(found["destination"], self.folder.replace('-', "_"));
    }

    /// The table that its consumer writes, and the statement.
    fn written(&self) -> Option<(&'static str, &'static str)> {
        match self.folder {
            "estuary" => Some((
                "flow_watermarks",
                "INSERT INTO flow_watermarks VALUES ('s', '1') ON CONFLICT (slot) DO UPDATE SET watermark = '2'",
            )),
            "debezium" => Some((
                "debezium_signal",
                "INSERT INTO debezium_signal VALUES ('s', 'execute-snapshot', '{}') ON CONFLICT (id) DO UPDATE SET data = '{ }'",
            )),
            _ => None,
        }
    }

    /// Checks what the consumer gets and logs in with it; gives the password.
    fn connection(&self, stand_in: &StandIn, connection: &Value) -> String {
        assert_eq!(connection["host"], stand_in.ready.host.as_str(), "{}", self.folder);
        assert_eq!(connection["port"], stand_in.ready.port, "{}", self.folder);
        assert_eq!(connection["database"], stand_in.ready.database.as_str(), "{}", self.folder);
        assert_eq!(connection["username"], self.role, "{}", self.folder);
        let password = connection["password"].as_str().expect("a password").to_owned();
        let rows = stand_in.sql_as(self.role, &password, "SELECT count(*) FROM playing_with_neon");
        assert_eq!(rows.map(|it| single(&it)), Ok("10".to_owned()), "{}", self.folder);
        password
    }

    /// Checks what is in the database.
    fn objects(&self, stand_in: &StandIn, outputs: &Value) {
        let published = format!(
            "SELECT string_agg(t.tablename || ' ' || p.pubviaroot, ',' ORDER BY t.tablename) FROM pg_publication p \
             JOIN pg_publication_tables t USING (pubname) WHERE p.pubname = {}",
            literal(self.publication)
        );
        let mut expected = format!("playing_with_neon {}", self.via_root);
        if let Some((table, _)) = self.written() {
            expected.insert_str(0, &format!("{table} {},", self.via_root));
        }
        assert_eq!(stand_in.value(&published), expected, "{}", self.folder);
        assert_eq!(outputs["publication_name"]["value"], self.publication, "{}", self.folder);
        let identity = "SELECT relreplident FROM pg_class WHERE oid = 'public.playing_with_neon'::regclass";
        assert_eq!(stand_in.value(identity), self.identity, "{}", self.folder);
        let slots = "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical'";
        let slots = column(&stand_in.sql(slots));
        match self.slot {
            Own(slot) => {
                assert_eq!(slots, [slot], "{}", self.folder);
                assert_eq!(outputs["slot_name"]["value"], slot, "{}", self.folder);
            }
            OfTheConsumer(_) => {
                assert!(slots.is_empty() && outputs["slot_name"].is_null(), "{}: {slots:?}", self.folder);
            }
        }
    }

    /// Checks the text that a consumer without a Terraform provider takes.
    fn rendered(&self, outputs: &Value, password: &str) {
        let output =
            |name: &str| outputs[name]["value"].as_str().unwrap_or_else(|| panic!("no output {name}")).to_owned();
        match self.folder {
            "debezium" => {
                let connector: Value = serde_json::from_str(&output("connector")).expect("JSON");
                assert_eq!(connector["database.password"], password);
                assert_eq!(connector["database.port"], outputs["connection"]["value"]["port"].to_string());
                assert_eq!(connector["publication.name"], self.publication);
                assert_eq!(connector["slot.name"], "debezium");
                assert!(connector.as_object().expect("an object").values().all(Value::is_string), "{connector}");
            }
            "sequin" => {
                let yaml = output("sequin_yaml");
                for line in ["\"databases\":", "\"name\": \"sequin_slot\"", "\"name\": \"sequin_pub\"", password] {
                    assert!(yaml.contains(line), "{line} in {yaml}");
                }
            }
            "estuary" => {
                let config: Value = serde_json::from_str(&output("endpoint_config")).expect("JSON");
                assert_eq!(config["credentials"]["password"], password);
                assert_eq!(config["advanced"]["publicationName"], self.publication);
            }
            "peerdb" => {
                assert!(output("peer").contains(&format!("password = '{password}'")));
                assert!(output("mirror").contains("publication_name = 'peerdb'"));
            }
            _ => {}
        }
    }

    /// Reads changes through the slot as the consumer's role, over TLS.
    fn streams(&self, stand_in: &StandIn, password: &str) {
        let (Own(slot) | OfTheConsumer(slot)) = self.slot;
        let as_consumer = |statements: &str| {
            let done = stand_in.sql_as(self.role, password, statements);
            done.unwrap_or_else(|error| panic!("{}: {statements}: {error}", self.folder))
        };
        if let OfTheConsumer(slot) = self.slot {
            as_consumer(&format!("SELECT pg_create_logical_replication_slot({}, 'pgoutput')", literal(slot)));
        }
        stand_in.sql("UPDATE playing_with_neon SET value = value + 1 WHERE id = 1");
        if let Some((_, write)) = self.written() {
            as_consumer(&format!("{write}; {write}"));
        }
        let seen = as_consumer(&format!(
            "SELECT count(*) > 0 FROM pg_logical_slot_peek_binary_changes({}, NULL, NULL, 'proto_version', '1', \
             'publication_names', {})",
            literal(slot),
            literal(self.publication)
        ));
        assert_eq!(single(&seen), "t", "{}: the role reads the slot", self.folder);
        let expected = if self.folder == "estuary" { 3 } else { 1 };
        let binary = matches!(self.folder, "materialize" | "peerdb" | "clickpipes");
        let walsender = walsender::Consumer { role: self.role, password, slot, publication: self.publication, binary };
        let changes = walsender.take(stand_in, expected);
        let kinds: Vec<_> = changes.iter().map(|it| (it.kind, it.table.as_str())).collect();
        let mut expected = vec![("update", "public.playing_with_neon")];
        let written = self.written().map(|(table, _)| format!("public.{table}"));
        if let Some(table) = &written {
            expected.extend([("insert", table.as_str()), ("update", table.as_str())]);
        }
        assert_eq!(kinds, expected, "{}", self.folder);
        if let OfTheConsumer(slot) = self.slot {
            as_consumer(&format!("SELECT pg_drop_replication_slot({})", literal(slot)));
        }
    }
}
