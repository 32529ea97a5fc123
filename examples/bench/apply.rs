//! What applies and destroys of many objects of one database cost, near and far, with several sessions and with one.

use std::time::Duration;

use super::road::{Passed, Road};
use super::stand_in::StandIn;
use super::terraform::Workspace;
use super::usage::quietly;

/// What a round trip to Postgres and to the API takes beyond loopback: nothing, and as far as another region.
pub(crate) const ROUND_TRIPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];

/// `max_connections`: its default, and 1, which the ratio compares with.
const CONNECTIONS: [u32; 2] = [4, 1];

/// How many objects Terraform works on at once: its default, so that all that waits is ours.
const PARALLELISM: &str = "-parallelism=10";

const GRANTS: usize = 50;

/// Applies and destroys of 100 and 300 publications, and of 50 grants over 50 tables.
pub(crate) fn measure() {
    let stand_in = StandIn::start_with(17, &["--logical", "--set", "log_statement = 'all'"]);
    stand_in.sample_table();
    for at in 0..GRANTS {
        let table = format!("CREATE TABLE bench_{at} (id int PRIMARY KEY)");
        stand_in.sql(&format!("{table}; ALTER TABLE bench_{at} OWNER TO \"{}\"", stand_in.ready.owner_role));
        stand_in.sql(&format!("CREATE ROLE bench_reader_{at} NOLOGIN"));
    }
    for round_trip in ROUND_TRIPS {
        for size in [100, 300] {
            compare(&stand_in, round_trip, &format!("{size} publications"), &publications(size));
        }
        compare(&stand_in, round_trip, &format!("{GRANTS} grants over {GRANTS} tables"), &grants(GRANTS));
    }
}

fn publications(size: usize) -> String {
    r#"
resource "neonrep_publication" "many" {
  count      = SIZE
  project_id = var.project_id
  database   = "neondb"
  name       = "bench_${count.index}"
  tables     = [{ name = "playing_with_neon" }]
}
"#
    .replace("SIZE", &size.to_string())
}

fn grants(size: usize) -> String {
    r#"
resource "neonrep_grant" "many" {
  count      = SIZE
  project_id = var.project_id
  database   = "neondb"
  role       = "bench_reader_${count.index}"
  privileges = ["SELECT"]
  tables     = [{ name = "bench_${count.index}" }]
}
"#
    .replace("SIZE", &size.to_string())
}

fn compare(stand_in: &StandIn, round_trip: Duration, what: &str, configuration: &str) {
    println!("\n{what}, round trip + {} ms, {PARALLELISM}", round_trip.as_millis());
    let [several, single] = CONNECTIONS.map(|it| run(stand_in, round_trip, it, configuration));
    for (step, (several, single)) in ["apply", "destroy"].into_iter().zip(several.into_iter().zip(single)) {
        for (connections, it) in [(CONNECTIONS[0], &several), (CONNECTIONS[1], &single)] {
            println!(
                "  {step:<8} max_connections = {connections}   {:>6.2} s  {:>5} statements  {:>5} round trips  {:>2} \
                 connections  {:>3} calls of the API",
                it.0, it.1.statements, it.1.round_trips, it.1.connections, it.1.calls
            );
        }
        println!("  {step:<8} ratio to one connection {:>6.2}", several.0 / single.0);
    }
}

/// Seconds of an apply and of a destroy, and what passed.
fn run(stand_in: &StandIn, round_trip: Duration, connections: u32, configuration: &str) -> [(f64, Passed); 2] {
    let workspace = Workspace::new(stand_in);
    let road = Road::build(stand_in, &workspace, round_trip);
    workspace.write_with_provider(&format!(
        "provider \"neonrep\" {{\n  max_connections = {connections}\n}}\n\nvariable \"project_id\" {{ type = string }}\n\n{configuration}"
    ));
    ["apply", "destroy"].map(|step| {
        road.reset();
        let took = quietly(&workspace, &[step, "-auto-approve", PARALLELISM]).elapsed;
        (took, road.passed())
    })
}
