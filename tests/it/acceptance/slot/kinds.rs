//! Slots by plugin, two-phase and failover, on the versions that differ.

use serde_json::json;

use super::{ADDRESS, PUBLICATION, SLOT, applied, both, count, started, with_table};
use crate::support::consumer::Subscription;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// A slot of the plugin that Postgres brings along for tests, in a database of its own choice.
const WITHOUT_PUBLICATION: &str = r#"
resource "neonrep_slot" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "slot_one"
  plugin     = "test_decoding"
  ARGUMENTS
}
"#;

fn properties(stand_in: &StandIn) -> String {
    stand_in.value(
        "SELECT concat_ws(' ', plugin, database, two_phase, to_jsonb(s) ->> 'failover') \
         FROM pg_replication_slots s WHERE slot_name = 'slot_one'",
    )
}

#[test]
fn a_slot_of_another_plugin_names_its_database_itself() {
    let stand_in = started();
    let body = |arguments: &str| WITHOUT_PUBLICATION.replace("ARGUMENTS", arguments);
    let workspace = applied(&stand_in, &body(""));
    assert_eq!(properties(&stand_in), "test_decoding neondb f false");
    let made = workspace.attributes(ADDRESS);
    assert_eq!((&made["status"], &made["branch_id"]), (&json!("ok"), &json!(stand_in.ready.branch_id)));
    assert!(made["publication_id"].is_null() && made["publication_name"].is_null());
    // It decodes.
    stand_in.sql("INSERT INTO a VALUES (1)");
    let changes = "SELECT count(*) FROM pg_logical_slot_get_changes('slot_one', NULL, NULL) WHERE data LIKE '%INSERT%'";
    assert_eq!(stand_in.value(changes), "1");
    // Import needs nothing more than the slot's own id.
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &stand_in.id_of("slot_one")).expect_success();
    workspace.insist_on_empty_plan();
    // A missing one is told, refused and replaced with consent, as any other.
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    workspace.plan().insist_warning("new initial sync");
    workspace.apply_fails().insist_error("-replace");
    workspace.write(&body("allow_recreate = true"));
    workspace.apply();
    // From here to a publication is another slot.
    workspace.write(&both(""));
    let plan = workspace.plan();
    assert!(plan.changes().contains(&"neonrep_slot.this replace".to_owned()), "{}", plan.messages());
    workspace.apply();
    assert_eq!(properties(&stand_in), "pgoutput neondb f false");
    workspace.destroy();
    assert_eq!(count(&stand_in, "slot_one"), "0");
}

#[test]
fn a_slot_of_wal2json_lives_where_the_plugin_may_be_used() {
    for major in [14, 18] {
        let stand_in = with_table(StandIn::start_logical(major));
        let body = WITHOUT_PUBLICATION.replace("ARGUMENTS", "").replace("test_decoding", "wal2json");
        let workspace = applied(&stand_in, &body);
        let made = workspace.attributes(ADDRESS);
        assert_eq!(
            (&made["plugin"], &made["status"], &made["id"]),
            (&json!("wal2json"), &json!("ok"), &json!(stand_in.id_of("slot_one")))
        );
        stand_in.sql("INSERT INTO a VALUES (1)");
        let changes = "SELECT count(*) > 0 FROM pg_logical_slot_get_changes('slot_one', NULL, NULL)";
        assert_eq!(stand_in.value(changes), "t", "it decodes");
        workspace.insist_on_empty_plan();
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &stand_in.id_of("slot_one")).expect_success();
        workspace.insist_on_empty_plan();
        workspace.destroy();
        assert_eq!(count(&stand_in, "slot_one"), "0");
    }
    // Newer minor releases have a list of plugins, and 42501 for all others.
    let stand_in =
        with_table(StandIn::start_with(suite(), &["--logical", "--set", "output_plugin_libraries = 'pgoutput'"]));
    let workspace = Workspace::new(&stand_in);
    workspace.write(&WITHOUT_PUBLICATION.replace("ARGUMENTS", "").replace("test_decoding", "wal2json"));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("plugin"), "{error:?}");
    for part in ["wal2json", "output_plugin_libraries"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(count(&stand_in, "slot_one"), "0");
}

#[test]
fn a_plugin_that_is_not_there_is_named() {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&WITHOUT_PUBLICATION.replace("ARGUMENTS", "").replace("test_decoding", "decoderbufs"));
    // A server lists the plugins that may be used, and may not have one that it lists.
    let error = workspace.apply_fails().error();
    assert!(error.is_on("plugin") && error.text().contains("output_plugin_libraries"), "{error:?}");
    stand_in.sql("ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'decoderbufs'");
    stand_in.sql("SELECT pg_reload_conf()");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("plugin"), "{error:?}");
    for part in ["decoderbufs", "not installed", "Install it"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert!(workspace.addresses().is_empty());
    // A role without REPLICATION is told that it lacks that.
    stand_in.sql("ALTER ROLE neondb_owner NOREPLICATION");
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("REPLICATION") && error.text().contains("connect_as"), "{error:?}");
}

#[test]
fn what_does_not_belong_together_is_refused_before_anything_changes() {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    let without = WITHOUT_PUBLICATION.replace("ARGUMENTS", "");
    for (body, path) in [
        (without.replace("test_decoding", "pgoutput"), "publication_id"),
        (without.replace(r#"database   = "neondb""#, ""), "database"),
        (without.replace("project_id = var.project_id", ""), "project_id"),
        (SLOT.replace("ARGUMENTS", r#"plugin = "wal2json""#), "publication_id"),
    ] {
        workspace.write(&format!("{PUBLICATION}{body}"));
        let error = workspace.plan_fails().error();
        assert!(error.summary.contains(&format!("`{path}`")), "{body}: {error:?}");
    }
    // On a slot that exists, too.
    workspace.write(&both(""));
    workspace.apply();
    workspace.write(&format!(
        "{PUBLICATION}{}",
        SLOT.replace("neonrep_publication.this.id", "null").replace("ARGUMENTS", "")
    ));
    let error = workspace.plan_fails().error();
    assert!(error.summary.contains("Missing `publication_id`"), "{error:?}");
    assert_eq!(count(&stand_in, "slot_one"), "1");
    let one =
        SLOT.replace("ARGUMENTS", "").replace("neonrep_publication.this.id", "one(neonrep_publication.this[*].id)");
    workspace.write(&format!("{}{one}", PUBLICATION.replace("project_id", "count = 0\n  project_id")));
    workspace.apply_fails();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1", "dropped behind the slot");
}

#[test]
fn two_phase_replaces_on_14_and_17() {
    for major in [14, 17] {
        let stand_in = with_table(StandIn::start_logical(major));
        let workspace = applied(&stand_in, &both("two_phase = true"));
        assert_eq!(stand_in.value("SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "t");
        workspace.insist_on_empty_plan();
        workspace.write(&both("two_phase = false"));
        let plan = workspace.plan();
        assert_eq!(plan.changes(), ["neonrep_slot.this replace"]);
        plan.insist_warning("new initial sync");
        workspace.apply();
        assert_eq!(stand_in.value("SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "f");
    }
}

#[test]
fn failover_changes_in_place_and_keeps_what_the_consumer_has_not_received() {
    for major in [17, 18] {
        failover_changes_in_place(&with_table(StandIn::start_logical(major)));
    }
}

fn failover_changes_in_place(stand_in: &StandIn) {
    let workspace = applied(stand_in, &both("failover = true"));
    assert_eq!(properties(stand_in), "pgoutput neondb f true");
    let begins = || stand_in.value("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'slot_one'");
    let before = begins();
    for (failover, expected) in [("false", "pgoutput neondb f false"), ("true", "pgoutput neondb f true")] {
        workspace.write(&both(&format!("failover = {failover}")));
        assert_eq!(workspace.plan().changes(), ["neonrep_slot.this update"]);
        workspace.apply();
        assert_eq!((properties(stand_in).as_str(), begins()), (expected, before.clone()));
    }
    // Two-phase beside it; what the server makes of both together is its own business.
    workspace.write(&both(
        r#"failover = false
  timeouts = { update = "5s" }"#,
    ));
    let consumer = Subscription::attach(stand_in, "slot_one", "pub_one", "CREATE TABLE a(id int PRIMARY KEY)");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("failover"), "{error:?}");
    for part in ["in use", &format!("rocess {}", consumer.pid()), "Stop the consumer"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(properties(stand_in), "pgoutput neondb f true");
    consumer.detach();
    workspace.apply();
    assert_eq!(properties(stand_in), "pgoutput neondb f false");
    workspace.destroy();
}

#[test]
fn failover_on_an_older_server_is_refused_at_plan() {
    for major in [14, 16] {
        let stand_in = with_table(StandIn::start_logical(major));
        let workspace = applied(&stand_in, PUBLICATION);
        workspace.write(&both("failover = true"));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("failover") && error.text().contains("Postgres 17 or later"), "{error:?}");
        // The legal neighbour, and from there the same refusal in place.
        workspace.write(&both("failover = false"));
        workspace.apply();
        workspace.write(&both("failover = true"));
        assert!(workspace.plan_fails().error().is_on("failover"));
        workspace.set_env("NEONREP_PLAN_CHECKS", "off");
        let error = workspace.apply_fails().error();
        assert!(error.is_on("failover") && error.text().contains("Nothing was changed"), "{error:?}");
    }
}
