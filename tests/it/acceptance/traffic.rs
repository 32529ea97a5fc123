//! Stories: what a refresh of many objects asks of the server. Counts, not times.

use std::time::Duration;

use crate::support::road::Road;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

#[test]
fn a_refresh_of_a_hundred_objects_takes_two_connections_and_twelve_statements_at_most() {
    let stand_in = StandIn::start_with(suite(), &["--logical", "--set", "log_statement = 'all'"]);
    stand_in.sample_table();
    stand_in.sql(&format!(
        "DO $$ BEGIN FOR i IN 0..29 LOOP
           EXECUTE format('CREATE ROLE reader_%s NOLOGIN', i);
           EXECUTE format('CREATE TABLE t_%s (id int PRIMARY KEY)', i);
           EXECUTE format('ALTER TABLE t_%s OWNER TO %I', i, '{}');
         END LOOP; END $$",
        stand_in.ready.owner_role
    ));
    let workspace = Workspace::new(&stand_in);
    workspace.write(
        r#"
resource "neonrep_replica_identity" "many" {
  count      = 25
  project_id = var.project_id
  database   = "neondb"
  table      = "t_${count.index}"
  mode       = "full"
}

resource "neonrep_grant" "many" {
  count      = 30
  project_id = var.project_id
  database   = "neondb"
  role       = "reader_${count.index}"
  tables     = [{ name = "t_${count.index}" }]
  connect_as = "neondb_owner" # whose memberships are asked for once
}

resource "neonrep_publication" "many" {
  count      = 40
  project_id = var.project_id
  database   = "neondb"
  name       = "p_${count.index}"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "many" {
  count          = 5
  publication_id = neonrep_publication.many[count.index].id
  name           = "s_${count.index}"
}
"#,
    );
    workspace.apply();
    let road = Road::build(&stand_in, &workspace, Duration::ZERO);
    assert_eq!(workspace.plan().status, 0, "nothing to do");
    let passed = road.passed();
    assert!(passed.connections <= 2 && passed.statements <= 12, "{passed:?}");
    assert!(passed.connections >= 1 && passed.statements >= 4, "nothing was counted: {passed:?}");
}
