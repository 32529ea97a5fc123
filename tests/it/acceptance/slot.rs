//! `neonrep_slot`: its life and its name.

mod elsewhere;
mod kinds;
mod status;
mod waiting;

use crate::support::on_every_postgres;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ADDRESS: &str = "neonrep_slot.this";
const REPLACE: &str = "-replace=neonrep_slot.this";

const PUBLICATION: &str = r#"
resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{ name = "a" }]
}
"#;

const SLOT: &str = r#"
resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "slot_one"
  ARGUMENTS
}
"#;

/// The slot with more arguments.
fn slot(arguments: &str) -> String {
    SLOT.replace("ARGUMENTS", arguments)
}

/// A publication and its slot.
fn both(arguments: &str) -> String {
    format!("{PUBLICATION}{}", slot(arguments))
}

fn with_table(stand_in: StandIn) -> StandIn {
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY)").expect("a table");
    stand_in
}

fn started() -> StandIn {
    with_table(StandIn::start_logical(suite()))
}

fn applied(stand_in: &StandIn, body: &str) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.write(body);
    workspace.apply();
    workspace
}

/// How many slots of that name there are.
fn count(stand_in: &StandIn, name: &str) -> String {
    stand_in.value(&format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}'"))
}

#[test]
fn its_life_on_every_postgres() {
    on_every_postgres(|stand_in| {
        stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY)").expect("a table");
        stand_in.settings(&serde_json::json!({"enable_logical_replication": true}));
        stand_in.postgres("restart");
        let workspace = applied(stand_in, &both(""));
        let made = workspace.attributes(ADDRESS);
        assert_eq!(made["id"], stand_in.id_of("slot_one"));
        assert_eq!((&made["slot_name"], &made["publication_name"]), (&"slot_one".into(), &"pub_one".into()));
        assert_eq!((&made["status"], &made["database"]), (&"ok".into(), &"neondb".into()));
        assert_eq!(made["publication_oid"].to_string(), stand_in.value("SELECT oid FROM pg_publication"));
        let figures = "SELECT plugin || ' ' || slot_type || ' ' || database FROM pg_replication_slots WHERE slot_name = 'slot_one'";
        assert_eq!(stand_in.value(figures), "pgoutput logical neondb");

        // What concerns the provider only changes in place.
        workspace.write(&both("deletion_protection = true\n  terminate_consumer = true"));
        assert_eq!(workspace.plan().changes(), ["neonrep_slot.this update"]);
        workspace.apply();
        workspace.try_destroy(&[]).expect_failure().insist_error("deletion_protection");
        workspace.apply_fails_with(&[REPLACE]).insist_error("deletion_protection");
        assert_eq!(count(stand_in, "slot_one"), "1");
        workspace.write(&both(""));
        workspace.apply();

        // Import with the publication is complete; without it the first apply takes it over in place.
        let (alone, whole) = (stand_in.id_of("slot_one"), stand_in.id_of("slot_one/pub_one"));
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &whole).expect_success();
        workspace.insist_on_empty_plan();
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &alone).expect_success();
        assert_eq!(workspace.plan().changes(), ["neonrep_slot.this update"]);
        workspace.apply();
        assert_eq!(workspace.attributes(ADDRESS)["publication_oid"], made["publication_oid"]);

        workspace.destroy();
        assert_eq!(count(stand_in, "slot_one"), "0");
    });
}

#[test]
fn names_that_slots_do_not_take() {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    let long = "s".repeat(64);
    for (name, says) in
        [("Slot", "lower case"), ("a-b", "lower case"), ("", "empty"), (long.as_str(), "63"), ("ü", "lower case")]
    {
        workspace.write(&both("").replace("slot_one", name));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("name") && error.text().contains(says), "{name}: {error:?}");
    }
    let longest = "s".repeat(63);
    workspace.write(&both("").replace("slot_one", &longest));
    workspace.apply();
    assert_eq!(count(&stand_in, &longest), "1");
}

#[test]
fn a_name_that_is_taken() {
    let stand_in = started();
    stand_in.sql("SELECT pg_create_logical_replication_slot('slot_one', 'test_decoding')");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&both(""));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("name"), "{error:?}");
    for part in ["already exists", "test_decoding", "create_before_destroy"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(count(&stand_in, "slot_one"), "1");
    let refused = workspace.import(ADDRESS, &stand_in.id_of("slot_one/pub_one"));
    assert!(refused.status != 0 && refused.says("test_decoding"), "{}", refused.all());
    // Two resources of one name: one is made, the other says so.
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    workspace.write(&format!("{}{}", both(""), slot("").replace("\"this\"", "\"other\"")));
    workspace.apply_fails().insist_error("already exists");
    assert_eq!(count(&stand_in, "slot_one"), "1");
    // Somebody else's slot of the name is left alone by a destroy.
    workspace.write(&both(""));
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one'); SELECT pg_create_logical_replication_slot('slot_one', 'test_decoding')");
    workspace.plan().insist_warning("missing");
    workspace.destroy().insist_warning("left alone");
    assert_eq!(count(&stand_in, "slot_one"), "1");
}

#[test]
fn create_before_destroy_meets_its_own_name() {
    let stand_in = started();
    let body = |name: &str| both("lifecycle { create_before_destroy = true }").replace("slot_one", name);
    let workspace = applied(&stand_in, &body("slot_one"));
    workspace.apply_fails_with(&[REPLACE]).insist_error("create_before_destroy");
    assert_eq!(count(&stand_in, "slot_one"), "1");
    workspace.write(&body("slot_two"));
    workspace.apply();
    assert_eq!((count(&stand_in, "slot_one").as_str(), count(&stand_in, "slot_two").as_str()), ("0", "1"));
}

#[test]
fn slots_and_replication_that_run_out_are_warned_of() {
    let stand_in = with_table(StandIn::start_with(suite(), &["--logical", "--set", "max_replication_slots = 2"]));
    let workspace = applied(&stand_in, PUBLICATION);
    workspace.write(&both(""));
    // Neon's own slot takes the other place.
    stand_in.sql("SELECT pg_create_physical_replication_slot('one')");
    workspace.plan().insist_warning("slots_nearly_used_up");
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("in use"), "{error:?}");
    stand_in.sql("SELECT pg_drop_replication_slot('one')");
    workspace.apply();

    let off = with_table(StandIn::start(suite()));
    let workspace = applied(&off, PUBLICATION);
    workspace.write(&both(""));
    workspace.plan().insist_warning("logical_replication_on");
    workspace.apply_fails().insist_error("Logical replication is off");
}
