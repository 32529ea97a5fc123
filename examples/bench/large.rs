//! What one grant on one table costs in a database of many tables, beside the same in a database of few.

use std::path::Path;
use std::time::Duration;

use super::plan::{roles, tables};
use super::road::Road;
use super::stand_in::StandIn;
use super::terraform::Workspace;
use super::usage::{Notes, quietly};

const TABLES: [usize; 2] = [10, 5_000];

pub(crate) fn measure(provider: &Path) {
    println!("\nOne grant on one table");
    for count in TABLES {
        let stand_in = StandIn::start_with(17, &["--logical", "--set", "log_statement = 'all'"]);
        tables(&stand_in, count);
        roles(&stand_in, 1);
        let workspace = Workspace::new(&stand_in);
        let notes = Notes::take(&workspace, "terraform-provider-neonrep", provider);
        workspace.write(
            r#"
resource "neonrep_grant" "one" {
  project_id = var.project_id
  database   = "neondb"
  role       = "bench_reader_0"
  tables     = [{ name = "bench_0" }]
}
"#,
        );
        let road = Road::build(&stand_in, &workspace, Duration::ZERO);
        for (step, arguments) in [
            ("apply", vec!["apply", "-auto-approve"]),
            ("plan", vec!["plan", "-detailed-exitcode"]),
            ("destroy", vec!["destroy", "-auto-approve"]),
        ] {
            notes.reset();
            road.reset();
            let run = quietly(&workspace, &arguments);
            let (passed, (processor, peak)) = (road.passed(), notes.used());
            println!(
                "  {count:>5} tables   {step:<8} {:>5.2} s  {:>3} statements  {:>3} round trips  {:>5} KiB received  processor \
                 {processor:.2} s  memory {peak:.1} MiB",
                run.elapsed,
                passed.statements,
                passed.round_trips,
                passed.received / 1024
            );
        }
    }
}
