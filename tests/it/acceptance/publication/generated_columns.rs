//! Stored generated columns: published from Postgres 18 on, if asked for.

use super::{ADDRESS, owner, publication, with_tables};
use crate::support::consumer;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const TABLES: &str = r#"tables = [{ name = "prices" }]"#;

fn with_prices(major: u16) -> StandIn {
    let stand_in = with_tables(major);
    owner(
        &stand_in,
        "CREATE TABLE prices (id int PRIMARY KEY, net int, gross int GENERATED ALWAYS AS (net * 2) STORED)",
    );
    stand_in
}

fn with(generated: &str) -> String {
    publication(&format!("{TABLES}\n  publish_generated_columns = {generated}"))
}

fn published(stand_in: &StandIn) -> String {
    stand_in.value("SELECT pubgencols FROM pg_publication WHERE pubname = 'pub_one'")
}

/// How many columns the consumer receives of a new row.
fn columns_received(stand_in: &StandIn, id: i32) -> usize {
    stand_in.sql(&format!("INSERT INTO prices VALUES ({id}, 3)"));
    let changes = consumer::take(stand_in, "of_test", "pub_one").expect("changes");
    changes.last().expect("a change").values.len()
}

#[test]
fn generated_columns_are_published_on_request_and_change_in_place() {
    let stand_in = with_prices(18);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(TABLES));
    workspace.apply();
    stand_in.sql("SELECT pg_create_logical_replication_slot('of_test', 'pgoutput')");
    assert_eq!((published(&stand_in).as_str(), columns_received(&stand_in, 1)), ("n", 2));

    workspace.write(&with(r#""stored""#));
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    assert_eq!((published(&stand_in).as_str(), columns_received(&stand_in, 2)), ("s", 3));

    // A change outside shows and is set right.
    owner(&stand_in, "ALTER PUBLICATION pub_one SET (publish_generated_columns = none)");
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    assert_eq!(published(&stand_in), "s");

    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &stand_in.id_of("pub_one")).expect_success();
    workspace.insist_on_empty_plan();
    workspace.write(&with(r#""none""#));
    workspace.apply();
    assert_eq!((published(&stand_in).as_str(), columns_received(&stand_in, 3)), ("n", 2));
    workspace.destroy();
}

#[test]
fn before_18_generated_columns_are_refused_at_plan() {
    let stand_in = with_prices(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&with(r#""stored""#));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("publish_generated_columns") && error.text().contains("Postgres 18"), "{error:?}");
    workspace.write(&publication(TABLES));
    workspace.apply();
}
