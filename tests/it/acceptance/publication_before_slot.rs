//! The heart: a known id is a fact that is checked, an unknown one is a promise that Terraform keeps in order.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::consumer;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const PUBLICATION: &str = r#"
resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{ name = "playing_with_neon" }]
}
"#;

const SLOT: &str = r#"
resource "neonrep_slot" "this" {
  name           = "slot_one"
  publication_id = PUBLICATION_ID
}
"#;

fn slot(publication_id: &str) -> String {
    SLOT.replace("PUBLICATION_ID", publication_id)
}

fn logical_with_table() -> StandIn {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    stand_in
}

#[test]
fn a_known_id_that_names_nothing_fails_at_plan_on_that_argument() {
    let stand_in = logical_with_table();
    let workspace = Workspace::new(&stand_in);
    let literal = format!("{:?}", stand_in.id_of("not_there"));
    for parallelism in [1, 50] {
        workspace.set_parallelism(parallelism);
        workspace.write(&slot(&literal));
        for _ in 0..2 {
            let error = workspace.plan_fails().error();
            assert!(error.is_on("publication_id"), "{error:?}");
            assert_eq!(error.address, "neonrep_slot.this");
            assert!(error.text().contains("not_there"), "{error:?}");
            assert!(error.text().contains("skip_checks"), "the way past it is not named: {error:?}");
        }
        workspace.apply_fails();
    }
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "0");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn a_literal_is_no_promise_though_the_same_run_would_make_it() {
    let stand_in = logical_with_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&format!("{PUBLICATION}{}", slot(&format!("{:?}", stand_in.id_of("pub_one")))));
    for parallelism in [1, 50] {
        workspace.set_parallelism(parallelism);
        let error = workspace.plan_fails().error();
        assert!(error.is_on("publication_id"), "{error:?}");
    }
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    // The legal neighbour: the reference instead of the literal.
    workspace.write(&format!("{PUBLICATION}{}", slot("neonrep_publication.this.id")));
    workspace.apply();
    // And now that it is there, the literal is a fact.
    workspace.write(&format!("{PUBLICATION}{}", slot(&format!("{:?}", stand_in.id_of("pub_one")))));
    workspace.insist_on_empty_plan();
}

#[test]
fn an_id_of_the_same_run_is_made_first_while_others_write() {
    for parallelism in [1, 50] {
        let stand_in = logical_with_table();
        let workspace = Workspace::new(&stand_in);
        workspace.set_parallelism(parallelism);
        workspace.write(&format!("{}{PUBLICATION}", slot("neonrep_publication.this.id")));
        let done = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                let session = stand_in.session();
                while !done.load(Ordering::SeqCst) {
                    session.run("INSERT INTO playing_with_neon(name, value) VALUES ('during', 1)").expect("an insert");
                }
            });
            let outcome = workspace.apply_once(&[]);
            done.store(true, Ordering::SeqCst);
            outcome
        });
        // One more for certain, now that the slot is there; not beside the others, whose ids may overtake each other.
        stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('after', 2)");
        let made = outcome.position("apply_complete", "neonrep_publication.this").expect("the publication was made");
        let begun = outcome.position("apply_start", "neonrep_slot.this").expect("the slot was made");
        assert!(made < begun);
        // A slot older than its publication would fail here for ever (up to 17), or lose the rows (18).
        let changes = consumer::take(&stand_in, "slot_one", "pub_one").expect("the slot decodes");
        assert!(changes.iter().any(|it| it.values.get(1) == Some(&Some("after".to_owned()))), "{changes:?}");
        let ids: Vec<i64> =
            changes.iter().map(|it| it.values[0].as_deref().unwrap_or_default().parse().expect("an id")).collect();
        let consecutive = ids.windows(2).all(|pair| pair[1] > pair[0]);
        assert!(consecutive, "the order of the source is kept: {ids:?}");
        let last: i64 = stand_in.value("SELECT max(id) FROM playing_with_neon").parse().expect("a number");
        assert_eq!(ids.last(), Some(&last));
        assert_eq!(i64::try_from(ids.len()).expect("few"), last - ids[0] + 1, "no change is missing: {ids:?}");
        workspace.insist_on_empty_plan();
        workspace.destroy();
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "0");
    }
}

#[test]
fn ids_of_a_wrong_form_are_refused_on_that_argument() {
    let stand_in = logical_with_table();
    let workspace = Workspace::new(&stand_in);
    for wrong in ["", "pub_one", "a/b/c", "a/b/c/d/e", "a//c/d"] {
        workspace.write(&slot(&format!("{wrong:?}")));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("publication_id"), "{wrong:?}: {error:?}");
    }
}

#[test]
fn with_the_check_off_the_apply_refuses_and_makes_no_slot() {
    let stand_in = logical_with_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&slot(&format!("{:?}", stand_in.id_of("not_there"))));
    workspace.set_env("NEONREP_PLAN_CHECKS", "off");
    workspace.plan();
    let outcome = workspace.apply_fails();
    outcome.insist_error("not_there");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "0");
    workspace.set_env("NEONREP_PLAN_CHECKS", "warn");
    workspace.plan().insist_warning("not_there");
}

#[test]
fn adding_logical_replication_to_what_exists_replaces_nothing() {
    let stand_in = logical_with_table();
    let workspace = Workspace::new(&stand_in);
    let role = r#"
resource "neonrep_role" "this" {
  project_id = PROJECT
  name       = "reader_one"
}
"#;
    let all = format!("{role}{PUBLICATION}{}", slot("neonrep_publication.this.id"));
    workspace.write(&all.replace("PROJECT", "var.project_id"));
    workspace.apply();
    let enabled = r#"
resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}
"#;
    let referring =
        all.replace("PROJECT", "var.project_id").replace("var.project_id", "neonrep_logical_replication.this.id");
    workspace.write(&format!("{enabled}{referring}"));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this create"]);
    workspace.apply();
}
