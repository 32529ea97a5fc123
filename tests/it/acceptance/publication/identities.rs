//! What keeps the application's UPDATE from failing: found at plan, and at a refresh once it is broken.

use super::{owner, publication};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::{since, suite};

fn with(major: u16, tables: &str) -> (StandIn, Workspace) {
    let stand_in = StandIn::start_logical(major);
    owner(&stand_in, tables);
    let workspace = Workspace::new(&stand_in);
    (stand_in, workspace)
}

#[test]
fn a_column_list_that_breaks_updates_is_refused_at_plan() {
    let (stand_in, workspace) = with(
        since(15), // row filters and column lists
        "CREATE TABLE a(id int PRIMARY KEY, v int, w int); CREATE TABLE f(id int); ALTER TABLE f REPLICA IDENTITY FULL",
    );
    for (entry, named) in
        [(r#"{ name = "a", columns = ["v"] }"#, "(`id`)"), (r#"{ name = "f", columns = ["id"] }"#, "FULL")]
    {
        workspace.write(&publication(&format!("tables = [{entry}]")));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("tables"), "{error:?}");
        for part in ["fail if it is published like this", named, "tables_have_identity"] {
            assert!(error.text().contains(part), "{part}: {error:?}");
        }
        // The legal neighbour: nothing that needs an identity.
        workspace.write(&publication(&format!("tables = [{entry}]\n  publish = [\"insert\"]")));
        workspace.plan();
    }
    workspace.write(&publication(r#"tables = [{ name = "a", columns = ["id", "v"] }]"#));
    workspace.apply();
    // On the way to an update the same is refused.
    workspace.write(&publication(r#"tables = [{ name = "a", columns = ["v", "w"] }]"#));
    workspace.plan_fails().insist_error("fail if it is published like this");
    owner(&stand_in, "UPDATE a SET v = 1");
}

#[test]
fn generated_columns_of_the_identity_are_refused_at_plan_on_18_alone() {
    const TABLE: &str =
        "CREATE TABLE g(id int, s int GENERATED ALWAYS AS (id * 2) STORED); ALTER TABLE g REPLICA IDENTITY FULL";
    let tables = r#"tables = [{ name = "g" }]"#;
    let (stand_in, workspace) = with(18, TABLE);
    workspace.write(&publication(tables));
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("publish_generated_columns") && error.text().contains("`s`"), "{error:?}");
    workspace.write(&publication(&format!("{tables}\n  publish_generated_columns = \"stored\"")));
    workspace.apply();
    owner(&stand_in, "INSERT INTO g(id) VALUES (1); UPDATE g SET id = 2");
    let (stand_in, workspace) = with(suite().min(17), TABLE);
    workspace.write(&publication(tables));
    workspace.apply();
    owner(&stand_in, "INSERT INTO g(id) VALUES (1); UPDATE g SET id = 2");
}

#[test]
fn a_table_that_lost_its_identity_is_named_by_each_plan() {
    let (stand_in, workspace) = with(
        since(15), // row filters and column lists
        "CREATE TABLE a(id int PRIMARY KEY, v int);
         CREATE TABLE parent(id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE leaf PARTITION OF parent FOR VALUES FROM (0) TO (10)",
    );
    workspace.write(&publication(r#"tables = [{ name = "a", where = "id > 0" }, { name = "parent" }]"#));
    workspace.apply();
    assert!(workspace.plan().warnings().is_empty(), "{}", workspace.plan().messages());
    for (breaks, named) in [
        ("ALTER TABLE a DROP CONSTRAINT a_pkey", "public.a"),
        ("ALTER TABLE leaf REPLICA IDENTITY NOTHING", "public.leaf"),
    ] {
        owner(&stand_in, breaks);
        // Nothing changes, and it is said all the same.
        let plan = workspace.plan();
        assert!(plan.is_empty_plan(), "{:?}", plan.changes());
        plan.insist_warning(named);
        plan.insist_warning("tables_have_identity");
    }
    let error = stand_in.sql_as_owner("INSERT INTO a VALUES (1, 1); UPDATE a SET v = 2").expect_err("it fails");
    assert!(error.to_string().contains("cannot update"), "{error}");
    // A key on other columns: the row filter reads one that is not among them.
    owner(&stand_in, "ALTER TABLE leaf REPLICA IDENTITY DEFAULT; TRUNCATE a; ALTER TABLE a ADD PRIMARY KEY (v)");
    let plan = workspace.plan();
    assert!(plan.is_empty_plan(), "{:?}", plan.changes());
    plan.insist_warning("row filter uses columns");
    owner(&stand_in, "ALTER TABLE a DROP CONSTRAINT a_pkey; ALTER TABLE a ADD PRIMARY KEY (id)");
    assert!(workspace.plan().warnings().is_empty());
    workspace.destroy();
}
