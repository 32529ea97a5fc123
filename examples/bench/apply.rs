//! What applies and destroys of many objects of one database cost, near and far, with several sessions and with one.

use std::time::Duration;

use super::road::{Passed, Road};
use super::stand_in::StandIn;
use super::terraform::Workspace;
use super::{quietly, timed};

/// What a round trip to Postgres and to the API takes beyond loopback: nothing, and as far as another region.
const ROUND_TRIPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];

/// `max_connections`: its default, and 1, which the ratio compares with.
const CONNECTIONS: [u32; 2] = [4, 1];

/// Applies and destroys of 100 and 300 publications, and of 50 grants over 50 tables.
pub(crate) fn measure(stand_in: &StandIn) {
    const GRANTS: usize = 50;
    for at in 0..GRANTS {
        let table = format!("CREATE TABLE bench_{at} (id int PRIMARY KEY)");
        stand_in.sql(&format!("{table}; ALTER TABLE bench_{at} OWNER TO \"{}\"", stand_in.ready.owner_role));
        stand_in.sql(&format!("CREATE ROLE bench_reader_{at} NOLOGIN"));
    }
    for round_trip in ROUND_TRIPS {
        for size in [100, 300] {
            compare(stand_in, round_trip, &format!("{size} publications"), &publications(size));
        }
        compare(stand_in, round_trip, &format!("{GRANTS} grants over {GRANTS} tables"), &grants(GRANTS));
    }
}

fn publications(size: usize) -> String {
    format!(
        "resource \"neonrep_publication\" \"many\" {{\n  count      = {size}\n  project_id = var.project_id\n  \
         database   = \"neondb\"\n  name       = \"bench_${{count.index}}\"\n  tables     = [{{ name = \"playing_with_neon\" }}]\n}}\n"
    )
}

fn grants(size: usize) -> String {
    format!(
        "resource \"neonrep_grant\" \"many\" {{\n  count      = {size}\n  project_id = var.project_id\n  \
         database   = \"neondb\"\n  role       = \"bench_reader_${{count.index}}\"\n  privileges = [\"SELECT\"]\n  \
         tables     = [{{ name = \"bench_${{count.index}}\" }}]\n}}\n"
    )
}

fn compare(stand_in: &StandIn, round_trip: Duration, what: &str, configuration: &str) {
    println!("\n{what}, round trip + {} ms", round_trip.as_millis());
    let [several, single] = CONNECTIONS.map(|it| run(stand_in, round_trip, it, configuration));
    for (step, (several, single)) in ["apply", "destroy"].into_iter().zip(several.into_iter().zip(single)) {
        for (connections, it) in [(CONNECTIONS[0], &several), (CONNECTIONS[1], &single)] {
            println!(
                "  {step:<8} max_connections = {connections}   {:>6.2} s  {:>5.0} statements  {:>5.0} round trips  \
                 {:>2.0} connections  {:>3.0} calls of the API",
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
    [["apply", "-auto-approve"], ["destroy", "-auto-approve"]].map(|step| {
        road.reset();
        let took = timed(|| quietly(&workspace, &step)).elapsed;
        (took, road.passed())
    })
}
