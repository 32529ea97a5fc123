//! Each error of `neonrep_readiness`, for each destination: provoked on a real server, found with its object and remedy, and gone
//! once the remedy was applied. The page of destinations says which errors there are.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::support::core::{Core, Walk, state_json};
use crate::support::stand_in::StandIn;
use crate::support::versions::since;

use super::until;
use table::{ERRORS, Error};

/// Errors of the whole server, which have a story of their own.
const OF_THE_SERVER: &[&str] = &["wal_level", "wal_senders_free"];

/// Errors that no statement brings about, since they are of a host's name or need a standby: values alone test them.
const OF_VALUES: &[&str] = &["pooled_host", "source_ipv6_only", "source_pooled", "standby"];

/// The errors of each destination, by the page that says so.
fn errors_by_destination() -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../../docs/guides/destinations.md");
    let coded = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    // A row of the second table has the name and the id.
    let ids: BTreeMap<&str, String> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let id = cells.get(2)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((cells[0].trim_start_matches("| "), id.to_owned()))
        })
        .collect();
    let sections = page.split("\n### ").skip(1).map(|section| {
        let (name, lists) = section.split_once('\n').expect("a list");
        let errors = lists.lines().find_map(|line| line.strip_prefix("- error: ")).expect("errors");
        (ids[name].clone(), coded(errors).into_iter().collect())
    });
    sections.collect()
}

/// The mode of a consumer that usually creates its slot.
fn in_which_the_slot_is_ours(destination: &str) -> &'static str {
    match destination {
        "clickpipes" => r#"{"slot": "{s}", "options": {"replication_mode": "cdc_only"}}"#,
        "peerdb" => r#"{"slot": "{s}", "options": {"do_initial_copy": "false"}}"#,
        other => panic!("{other} always creates its slot"),
    }
}

/// A destination on a server, and how it is asked for.
struct Case<'a> {
    stand_in: &'a StandIn,
    walk: &'a Walk,
    id: &'a str,
    publication: &'a str,
    slot: &'a str,
    /// Terraform creates the slot.
    own_slot: bool,
    subscribes: bool,
    whole_identity: bool,
}

impl<'a> Case<'a> {
    fn new(stand_in: &'a StandIn, walk: &'a Walk, id: &'a str, errors: &BTreeSet<String>) -> Self {
        let (publication, slot) = match id {
            "bemi" => ("bemi", "bemi"),
            "inngest" => ("inngest", "inngest_cdc"),
            _ => ("p", "s"),
        };
        let has = |check: &str| errors.contains(check);
        // A slot that may be unwanted is the consumer's, except in the mode that is asked for below.
        let own_slot = (has("slot_absent") && !has("slot_unwanted")) || id == "inngest";
        let (subscribes, whole_identity) = (has("same_branch"), has("identity_full"));
        Self { stand_in, walk, id, publication, slot, own_slot, subscribes, whole_identity }
    }

    /// One statement at a time: a slot is not created in a transaction that has written.
    fn run(&self, statements: &str) {
        let identity = if self.whole_identity { "FULL" } else { "DEFAULT" };
        let text =
            statements.replace("{p}", self.publication).replace("{s}", self.slot).replace("{identity}", identity);
        for statement in text.split("; ").map(str::trim).filter(|it| !it.is_empty() && *it != "ASK") {
            match statement.split_once("> ") {
                Some((database, statement)) if !database.contains(' ') => {
                    drop(self.stand_in.sql_in(database, statement));
                }
                _ if statement == "RESTORE SLOT" => self.restore_slot(),
                _ => drop(self.stand_in.sql(statement)),
            }
        }
    }

    fn restore_slot(&self) {
        self.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical'");
        if self.own_slot {
            self.run("SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')");
        }
    }

    fn prepare(&self) {
        self.run("CREATE PUBLICATION {p} FOR TABLE orders WITH (publish_via_partition_root = true); ALTER TABLE orders REPLICA IDENTITY {identity}");
        if self.id == "estuary" {
            self.run("ALTER PUBLICATION {p} ADD TABLE flow_watermarks");
        }
        self.restore_slot();
    }

    fn clean_up(&self) {
        self.run("DROP PUBLICATION {p}; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical'");
        self.run("ALTER TABLE orders REPLICA IDENTITY DEFAULT");
    }

    /// What the data source answers; `more` is put over what is usually asked.
    fn read(&self, more: &str) -> Json {
        let (project, branch) = (&self.stand_in.ready.project_id, &self.stand_in.ready.branch_id);
        let mut asked = json!({
            "project_id": project,
            "database": if self.subscribes { "target" } else { "neondb" },
            "destination": self.id,
            "publication_id": format!("{project}/{branch}/neondb/{}", self.publication),
            "role": "consumer",
            "tables": [{"name": "orders"}],
            "options": {"create_slot": "false"},
        });
        if self.own_slot {
            asked["slot"] = json!(self.slot);
        }
        let more: Json = serde_json::from_str(&more.replace("{s}", self.slot)).expect("JSON");
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        if asked["slot"].is_null() {
            asked.as_object_mut().expect("an object").remove("slot");
        }
        self.walk.data("neonrep_readiness", &asked).map(|it| state_json(&it)).expect("a read")
    }

    /// Lives one error; what is wrong with it, if something is.
    fn live(&self, error: &Error) -> Option<String> {
        let asks_only = error.provoke == "ASK";
        self.run(error.provoke);
        let broken = self.read(error.asked);
        self.run(error.cure);
        let cured = self.read(if asks_only { "{}" } else { error.asked });
        self.run(error.after);
        let object = error.object.replace("{p}", self.publication).replace("{s}", self.slot);
        let found = of_check(&broken, error.check);
        let right = found.iter().any(|it| {
            it["severity"] == "error"
                && it["object"] == object.as_str()
                && it["remedy"].as_str().is_some_and(|it| it.contains(error.remedy))
        });
        let id = self.id;
        if !right || broken["ready"] == true {
            return Some(format!("{id}, {}: not found on {object}: {:#}", error.check, broken["findings"]));
        }
        if cured["ready"] != true {
            return Some(format!("{id}, {}: not cured: {:#}", error.check, errors_of(&cured)));
        }
        None
    }
}

fn of_check<'a>(found: &'a Json, check: &str) -> Vec<&'a Json> {
    found["findings"].as_array().expect("findings").iter().filter(|it| it["check"] == check).collect()
}

fn errors_of(found: &Json) -> Json {
    found["findings"].as_array().expect("findings").iter().filter(|it| it["severity"] == "error").cloned().collect()
}

fn prepared() -> StandIn {
    // Column lists came with it.
    let stand_in = StandIn::start(since(15));
    stand_in.sql(
        "CREATE ROLE consumer LOGIN REPLICATION; CREATE TABLE orders(id int PRIMARY KEY, note text);
         CREATE TABLE flow_watermarks(slot text PRIMARY KEY, watermark text); GRANT USAGE ON SCHEMA public TO consumer;
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO consumer;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO consumer; GRANT INSERT, UPDATE ON flow_watermarks TO consumer",
    );
    let owner = stand_in.ready.owner_role.clone();
    stand_in.sql(&format!("CREATE DATABASE target OWNER {owner}"));
    stand_in.sql_in(
        "target",
        &format!("CREATE TABLE orders(id int PRIMARY KEY, note text); ALTER TABLE orders OWNER TO {owner}"),
    );
    stand_in
}

#[test]
fn each_error_of_each_destination_is_provoked_found_and_cured() {
    let all = errors_by_destination();
    assert_eq!(all.len(), 18, "{:?}", all.keys());
    let stand_in = prepared();
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let of_the_server = |check: &str, when: &str, expected: bool| {
        for (id, errors) in &all {
            let case = Case::new(&stand_in, &walk, id, errors);
            let found = case.read(r#"{"slot": null, "publication_id": null, "database": "neondb", "tables": []}"#);
            let found = of_check(&found, check);
            assert_eq!(!found.is_empty(), expected && errors.contains(check), "{id}: {check} {when}");
            let right = |it: &&Json| it["severity"] == "error" && it["object"] == "server";
            assert!(found.iter().all(right), "{id}: {found:?}");
        }
    };

    // Of the whole server, for all destinations at once.
    of_the_server("wal_level", "while logical replication is off", true);
    let body = json!({"project": {"settings": {"enable_logical_replication": true}}});
    let (status, answer) = stand_in.api("PATCH", &format!("/projects/{}", stand_in.ready.project_id), Some(&body));
    assert_eq!(status, 200, "{answer}");
    until(&stand_in, "SHOW wal_level", "logical");
    of_the_server("wal_level", "after it was enabled", false);
    let senders = |value: &str| {
        stand_in.sql(&format!("ALTER SYSTEM SET max_wal_senders = {value}"));
        stand_in.postgres("restart");
        until(&stand_in, "SHOW max_wal_senders", value);
    };
    senders("0");
    of_the_server("wal_senders_free", "with none", true);
    senders("10");
    of_the_server("wal_senders_free", "with ten", false);

    let mut wrong = Vec::new();
    for (id, errors) in &all {
        let case = Case::new(&stand_in, &walk, id, errors);
        case.prepare();
        let ready = case.read("{}");
        assert_eq!(ready["ready"], true, "{id}: {:#}", errors_of(&ready));
        for check in errors {
            let check = check.as_str();
            if OF_THE_SERVER.contains(&check) || OF_VALUES.contains(&check) {
                continue;
            }
            let error = ERRORS.iter().find(|it| it.check == check).unwrap_or_else(|| panic!("{check} is not provoked"));
            // An absent or lost slot matters only if the user creates it.
            let in_that_mode =
                check.starts_with("slot_") && errors.contains("slot_unwanted") && check != "slot_unwanted";
            if in_that_mode {
                case.run("SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')");
                let error = Error { asked: in_which_the_slot_is_ours(id), ..*error };
                wrong.extend(case.live(&error));
                case.restore_slot();
            } else {
                wrong.extend(case.live(error));
            }
        }
        case.clean_up();
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
