//! What a plan without changes over many objects of all kinds costs, beside as many `terraform_data`, which need no
//! plugin, as many files of the toy provider, and as many of its objects with as many values as ours.

use std::path::Path;
use std::time::Duration;

use super::apply::ROUND_TRIPS;
use super::floor;
use super::road::Road;
use super::stand_in::StandIn;
use super::state::multiply;
use super::terraform::Workspace;
use super::usage::{Notes, Run, middle, quietly};

/// Slots hold back what the server may remove, so servers have few.
const SLOTS: usize = 40;

/// How many objects of each kind.
struct Shares {
    publications: usize,
    grants: usize,
    identities: usize,
    slots: usize,
}

impl Shares {
    fn of(count: usize) -> Self {
        let (grants, identities) = (count * 3 / 10, count * 3 / 10);
        let slots = SLOTS.min(count / 10);
        Self { publications: count - grants - identities - slots, grants, identities, slots }
    }

    fn configuration(&self) -> String {
        r#"
resource "neonrep_replica_identity" "many" {
  count      = IDENTITIES
  project_id = var.project_id
  database   = "neondb"
  table      = "bench_${count.index}"
  mode       = "full"
}

resource "neonrep_grant" "many" {
  count      = GRANTS
  project_id = var.project_id
  database   = "neondb"
  role       = "bench_reader_${count.index}"
  privileges = ["SELECT"]
  tables     = [{ name = "bench_${count.index}" }]
}

resource "neonrep_publication" "many" {
  count      = PUBLICATIONS
  project_id = var.project_id
  database   = "neondb"
  name       = "bench_${count.index}"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "many" {
  count          = SLOTS
  publication_id = neonrep_publication.many[count.index].id
  name           = "bench_${count.index}"
}
"#
        .replace("IDENTITIES", &self.identities.to_string())
        .replace("GRANTS", &self.grants.to_string())
        .replace("PUBLICATIONS", &self.publications.to_string())
        .replace("SLOTS", &self.slots.to_string())
    }
}

impl Shares {
    /// All of them, in the database and in the state: a few by an apply, and the others like them.
    fn make(&self, stand_in: &StandIn, workspace: &Workspace) {
        let few = Self { publications: self.slots.max(1), grants: 1, identities: 1, slots: self.slots };
        workspace.write(&few.configuration());
        quietly(workspace, &["apply", "-auto-approve"]);
        for (what, from, to, statement) in [
            (
                "neonrep_publication",
                few.publications,
                self.publications,
                "CREATE PUBLICATION bench_%1$s FOR TABLE playing_with_neon",
            ),
            (
                "neonrep_grant",
                few.grants,
                self.grants,
                "GRANT CONNECT ON DATABASE neondb TO bench_reader_%1$s; GRANT USAGE ON SCHEMA public TO bench_reader_%1$s; \
                 GRANT SELECT ON TABLE bench_%1$s TO bench_reader_%1$s",
            ),
            (
                "neonrep_replica_identity",
                few.identities,
                self.identities,
                "ALTER TABLE bench_%1$s REPLICA IDENTITY FULL",
            ),
        ] {
            let all = format!(
                "DO $$ BEGIN FOR i IN {from}..{} LOOP EXECUTE format('{statement}', i); END LOOP; END $$",
                to.saturating_sub(1)
            );
            stand_in.sql_as_owner(&all).unwrap_or_else(|error| panic!("{what}: {error}"));
            multiply(workspace, what, to);
        }
        workspace.write(&self.configuration());
        quietly(workspace, &["apply", "-refresh-only", "-auto-approve"]);
    }
}

pub(crate) fn measure(provider: &Path, count: usize) {
    let settings = ["log_statement = 'all'", "max_replication_slots = 50", "max_wal_senders = 50"];
    let mut arguments = vec!["--logical"];
    arguments.extend(settings.iter().flat_map(|it| ["--set", it]));
    let stand_in = StandIn::start_with(17, &arguments);
    stand_in.sample_table();
    let shares = Shares::of(count);
    tables(&stand_in, shares.grants.max(shares.identities));
    roles(&stand_in, shares.grants);

    let workspace = Workspace::new(&stand_in);
    let notes = Notes::take(&workspace, "terraform-provider-neonrep", provider);
    shares.make(&stand_in, &workspace);
    println!(
        "\n{count} objects in one database: {} publications, {} grants, {} replica identities, {} slots",
        shares.publications, shares.grants, shares.identities, shares.slots
    );
    let plain = floor::of_core(count);
    let (toy, toy_notes) = floor::of_toy(count);
    let (values, _) = floor::of_toy_values(count);
    for round_trip in ROUND_TRIPS {
        plans(
            &stand_in,
            round_trip,
            (&workspace, &notes),
            [&plain, &values],
            (&toy, &toy_notes),
            if count > 1_000 { 3 } else { 5 },
        );
    }
}

/// Tables `bench_0` and so on, of the database's owner.
pub(crate) fn tables(stand_in: &StandIn, count: usize) {
    let owner = &stand_in.ready.owner_role;
    for first in (0..count).step_by(500) {
        let last = count.min(first + 500) - 1;
        stand_in.sql(&format!(
            "DO $$ BEGIN FOR i IN {first}..{last} LOOP
               EXECUTE format('CREATE TABLE bench_%s (id int PRIMARY KEY, name text)', i);
               EXECUTE format('ALTER TABLE bench_%s OWNER TO %I', i, '{owner}');
             END LOOP; END $$"
        ));
    }
}

/// Roles `bench_reader_0` and so on.
pub(crate) fn roles(stand_in: &StandIn, count: usize) {
    stand_in.sql(&format!(
        "DO $$ BEGIN FOR i IN 1..{count} LOOP EXECUTE format('CREATE ROLE bench_reader_%s NOLOGIN', i - 1); END LOOP; END $$"
    ));
}

fn plans(
    stand_in: &StandIn,
    round_trip: Duration,
    (workspace, notes): (&Workspace, &Notes),
    [plain, values]: [&Workspace; 2],
    (toy, toy_notes): (&Workspace, &Notes),
    repeats: u32,
) {
    let road = Road::build(stand_in, workspace, round_trip);
    notes.reset();
    toy_notes.reset();
    let plan = |workspace: &Workspace| quietly(workspace, &["plan", "-detailed-exitcode"]);
    // One after the other, so that a slow minute of the machine falls on all.
    let runs: Vec<[Run; 4]> = (0..repeats).map(|_| [plan(workspace), plan(plain), plan(toy), plan(values)]).collect();
    let passed = road.passed();
    let of = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX)) / f64::from(repeats);
    let row = |name: &str, value: String| println!("    {name:<44} {value}");
    println!("  round trip + {} ms", round_trip.as_millis());
    row("connections to Postgres per plan", format!("{:.0}", of(passed.connections)));
    row("statements per plan", format!("{:.0}", of(passed.statements)));
    row("round trips to Postgres per plan", format!("{:.0}", of(passed.round_trips)));
    row("received from Postgres per plan", format!("{:.0} KiB", of(passed.received) / 1024.0));
    row("calls of the API per plan", format!("{:.0}", of(passed.calls)));
    let ((processor, peak), (of_toy, peak_of_toy)) = (notes.used(), toy_notes.used());
    row("peak memory of the provider", format!("{peak:.1} MiB (toy {peak_of_toy:.1} MiB)"));
    let (processor, of_toy) = (processor / f64::from(repeats), of_toy / f64::from(repeats));
    row("processor time of the provider", format!("{processor:.2} s (toy {of_toy:.2} s)"));
    let columns = |value: fn(&Run) -> f64| {
        let [ours, plain, toy, values] = [0, 1, 2, 3].map(|at| middle(runs.iter().map(|it| value(&it[at]))));
        let ratio = |at: usize| middle(runs.iter().map(|it| value(&it[0]) / value(&it[at])));
        format!(
            "{ours:.2} s; terraform_data {plain:.2} s, ratio {:.2}; toy {toy:.2} s, ratio {:.2}; toy with as many values {values:.2} s, \
             ratio {:.2}",
            ratio(1),
            ratio(2),
            ratio(3)
        )
    };
    row("processor time, CLI and provider", columns(|it| it.processor));
    row("terraform plan", columns(|it| it.elapsed));
}
