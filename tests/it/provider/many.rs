//! Many tables in one publication or grant: messages stay short, one more table is one change.

use serde_json::{Value as Json, json};

use super::started;
use crate::support::core::{Action, Core};
use crate::support::stand_in::StandIn;

/// Tables `t1` to `t{count}` of the database's owner, few in each transaction: each takes a lock until its end.
fn tables(stand_in: &StandIn, count: u32) {
    let create = format!(
        "DO $$ BEGIN FOR i IN 1..{count} LOOP
             EXECUTE format('CREATE TABLE many.t%s(id int PRIMARY KEY)', i);
             IF i % 250 = 0 THEN COMMIT; END IF;
         END LOOP; END $$"
    );
    stand_in.sql_as_owner("CREATE SCHEMA many").expect("a schema");
    stand_in.sql_as_owner(&create).expect("tables");
}

fn publication(stand_in: &StandIn, tables: impl IntoIterator<Item = u32>) -> Json {
    let tables: Vec<Json> = tables.into_iter().map(|it| json!({"schema": "many", "name": format!("t{it}")})).collect();
    json!({"project_id": stand_in.ready.project_id, "database": "neondb", "name": "p", "tables": tables})
}

#[test]
fn one_missing_table_of_600_is_named_in_a_short_message() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    tables(&stand_in, 599);
    let config = publication(&stand_in, 1..=600);
    let plan = core.plan("neonrep_publication", None, &config).expect("a plan: the table may be created meanwhile");
    plan.messages.insist_warning("many.t600");
    let outcome = core.apply(&plan, &config);
    outcome.messages.insist_error("tables", "Table `many.t600` does not exist");
    for told in plan.messages.0.iter().chain(&outcome.messages.0) {
        assert!(told.to_string().len() < 1_000, "{told}");
    }
    // The server's own words too: it refuses what was there a moment before, and repeats no statement of 600 names.
    let grant = json!({
        "project_id": stand_in.ready.project_id, "database": "neondb", "role": "reader",
        "tables": (1..=600).map(|it| json!({"schema": "many", "name": format!("t{it}")})).collect::<Vec<_>>(),
    });
    stand_in.sql("CREATE ROLE reader");
    let plan = core.plan("neonrep_grant", None, &grant).expect("a plan");
    let outcome = core.apply(&plan, &grant);
    outcome.messages.insist_error("tables", "Table `many.t600` does not exist");
    assert!(outcome.messages.to_string().len() < 2_000, "{}", outcome.messages);
    // One that another role owns.
    stand_in.sql(
        "CREATE ROLE somebody; CREATE TABLE many.t600(id int PRIMARY KEY); ALTER TABLE many.t600 OWNER TO somebody",
    );
    let plan = core.plan("neonrep_publication", None, &config).expect("a plan");
    let outcome = core.apply(&plan, &config);
    outcome.messages.insist_error("connect_as", "- table `many.t600` (owner: `somebody`)");
    assert!(outcome.messages.to_string().len() < 1_500, "{}", outcome.messages);
}

#[test]
fn a_publication_of_1000_tables_and_one_more() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    tables(&stand_in, 1_001);
    let made = core.made("neonrep_publication", None, &publication(&stand_in, 1..=1_000));
    let with_one_more = publication(&stand_in, 1..=1_001);
    let plan = core.plan("neonrep_publication", Some(&made), &with_one_more).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    core.settled(&core.apply(&plan, &with_one_more).done(), &with_one_more);
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication_tables WHERE pubname = 'p'"), "1001");
}
