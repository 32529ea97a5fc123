//! What Terraform itself takes: as many objects without a plugin, of the toy provider, and of a provider that does
//! nothing (`NULL_PROVIDER` is the path of HashiCorp's `terraform-provider-null`).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::cli;
use super::stand_in::StandIn;
use super::terraform::Workspace;
use super::usage::{Notes, Run, middle, quietly};

/// How many pairs of plans: one over publications and, right after it, one over the other provider's objects.
const PAIRS: usize = 9;

/// As many `terraform_data`, applied.
pub(crate) fn of_core(count: usize) -> Workspace {
    let workspace = Workspace::bare();
    let configuration = r#"
resource "terraform_data" "many" {
  count = COUNT
  input = "bench_${count.index}"
}
"#;
    workspace.write_file("main.tf", &configuration.replace("COUNT", &count.to_string()));
    quietly(&workspace, &["init"]);
    quietly(&workspace, &["apply", "-auto-approve"]);
    workspace
}

/// As many files of the toy provider, applied.
pub(crate) fn of_toy(count: usize) -> (Workspace, Notes) {
    let program = cli::stand_in().with_file_name("terraform-provider-toy");
    let workspace = of_plugin("acme/toy", "terraform-provider-toy", &program);
    let folder = workspace.path().join("notes");
    fs::create_dir(&folder).expect("a folder");
    let configuration = r#"
terraform {
  required_providers {
    toy = { source = "acme/toy" }
  }
}

provider "toy" {
  folder = "FOLDER"
}

resource "toy_note" "many" {
  count = COUNT
  name  = "bench_${count.index}"
}
"#;
    let configuration = configuration.replace("FOLDER", &folder.display().to_string());
    workspace.write_file("main.tf", &configuration.replace("COUNT", &count.to_string()));
    let notes = Notes::take(&workspace, "terraform-provider-toy", &program);
    quietly(&workspace, &["apply", "-auto-approve"]);
    (workspace, notes)
}

/// As many objects of the null provider, applied.
fn of_null(count: usize, program: &Path) -> (Workspace, Notes) {
    let workspace = of_plugin("hashicorp/null", "terraform-provider-null", program);
    let configuration = r#"
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}

resource "null_resource" "many" {
  count    = COUNT
  triggers = { name = "bench_${count.index}" }
}
"#;
    workspace.write_file("main.tf", &configuration.replace("COUNT", &count.to_string()));
    let notes = Notes::take(&workspace, "terraform-provider-null", program);
    quietly(&workspace, &["apply", "-auto-approve"]);
    (workspace, notes)
}

/// A folder in which the CLI finds that provider.
fn of_plugin(address: &str, name: &str, program: &Path) -> Workspace {
    let workspace = Workspace::bare();
    let plugins = workspace.path().join(".plugins");
    symlink(program, plugins.join(name)).expect("a link to the provider");
    let rc = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"{address}\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
        plugins.display()
    );
    workspace.write_file(".cli.rc", &rc);
    workspace
}

/// Plans over publications beside plans over the objects of a provider that does nothing.
pub(crate) fn measure(provider: &Path, count: usize) {
    let stand_in = StandIn::start_logical(17);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    let notes = Notes::take(&workspace, "terraform-provider-neonrep", provider);
    let configuration = r#"
resource "neonrep_publication" "many" {
  count      = COUNT
  project_id = var.project_id
  database   = "neondb"
  name       = "bench_${count.index}"
  tables     = [{ name = "playing_with_neon" }]
}
"#;
    workspace.write(&configuration.replace("COUNT", &count.to_string()));
    quietly(&workspace, &["apply", "-auto-approve"]);
    let (name, (other, other_notes)) = match std::env::var_os("NULL_PROVIDER") {
        Some(program) => ("null_resource", of_null(count, Path::new(&program))),
        None => ("toy_note", of_toy(count)),
    };
    notes.reset();
    other_notes.reset();
    let plan = |workspace: &Workspace| quietly(workspace, &["plan", "-detailed-exitcode"]);
    let pairs: Vec<[Run; 2]> = (0..PAIRS).map(|_| [plan(&workspace), plan(&other)]).collect();
    println!("\n{count} publications beside {count} {name}, medians of {PAIRS} pairs of plans");
    let row = |what: &str, value: fn(&Run) -> f64| {
        let [ours, other] = [0, 1].map(|at| middle(pairs.iter().map(|it| value(&it[at]))));
        let ratio = middle(pairs.iter().map(|it| value(&it[0]) / value(&it[1])));
        println!("  {what:<36} {ours:.2} s; {name} {other:.2} s, ratio {ratio:.2}");
    };
    row("terraform plan", |it| it.elapsed);
    row("processor time, CLI and provider", |it| it.processor);
    let pairs = PAIRS as f64;
    let ((ours, peak), (other, peak_of_other)) = (notes.used(), other_notes.used());
    println!("  {:<36} {:.2} s; {name} {:.2} s", "processor time of the provider", ours / pairs, other / pairs);
    println!("  {:<36} {peak:.1} MiB; {name} {peak_of_other:.1} MiB", "peak memory of the provider");
}
