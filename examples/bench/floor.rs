//! What Terraform itself takes: as many objects without a plugin, of the toy provider, and of a provider that does
//! nothing (`NULL_PROVIDER` is the path of `HashiCorp`'s `terraform-provider-null`).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::cli;
use super::stand_in::StandIn;
use super::state::multiply;
use super::terraform::Workspace;
use super::usage::{Notes, Run, middle, quietly};

/// How many pairs of plans: one over publications and, right after it, one over the other provider's objects.
const PAIRS: u32 = 9;

/// As many `terraform_data`, applied.
pub(crate) fn of_core(count: usize) -> Workspace {
    let workspace = Workspace::bare();
    let configuration = r#"
resource "terraform_data" "many" {
  count = COUNT
  input = "bench_${count.index}"
}
"#;
    workspace.write_file("main.tf", &configuration.replace("COUNT", "1"));
    quietly(&workspace, &["init"]);
    many(&workspace, "terraform_data", configuration, count);
    workspace
}

/// Applies one object, and makes the state of so many of it.
fn many(workspace: &Workspace, type_name: &str, configuration: &str, count: usize) {
    let write = |count: usize| workspace.write_file("main.tf", &configuration.replace("COUNT", &count.to_string()));
    write(1);
    quietly(workspace, &["apply", "-auto-approve"]);
    multiply(workspace, type_name, count);
    write(count);
}

/// As many files of the toy provider, applied.
pub(crate) fn of_toy(count: usize) -> (Workspace, Notes) {
    let program = cli::provider().with_file_name("terraform-provider-toy");
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
    for at in 0..count {
        fs::write(folder.join(format!("bench_{at}")), "").expect("a file");
    }
    let notes = Notes::take(&workspace, "terraform-provider-toy", &program);
    many(&workspace, "toy_note", &configuration.replace("FOLDER", &folder.display().to_string()), count);
    (workspace, notes)
}

/// As many objects of the toy provider that each have as many values as one of ours, of usual length, applied.
pub(crate) fn of_toy_values(count: usize) -> (Workspace, Notes) {
    let program = cli::provider().with_file_name("terraform-provider-toy");
    let workspace = of_plugin("acme/toy", "terraform-provider-toy", &program);
    let configuration = r#"
terraform {
  required_providers {
    toy = { source = "acme/toy" }
  }
}

provider "toy" {
  folder = "."
}

resource "toy_labels" "many" {
  count  = COUNT
  values = { for at in range(VALUES) : "attribute-${at}" => "quiet-snow-86271569/bench_${count.index}" }
}
"#;
    let notes = Notes::take(&workspace, "terraform-provider-toy", &program);
    many(&workspace, "toy_labels", &configuration.replace("VALUES", &VALUES.to_string()), count);
    (workspace, notes)
}

/// How many values a publication has in the state: what Terraform does for an object grows with them.
const VALUES: usize = 20;

/// As many objects of the null provider, applied, each with so many values of usual length.
fn of_null(count: usize, program: &Path, values: usize) -> (Workspace, Notes) {
    let workspace = of_plugin("hashicorp/null", "terraform-provider-null", program);
    let configuration = r#"
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}

resource "null_resource" "many" {
  count    = COUNT
  triggers = { for at in range(VALUES) : "attribute-${at}" => "quiet-snow-86271569/bench_${count.index}" }
}
"#;
    let notes = Notes::take(&workspace, "terraform-provider-null", program);
    many(&workspace, "null_resource", &configuration.replace("VALUES", &values.to_string()), count);
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
    workspace.write(&configuration.replace("COUNT", "1"));
    quietly(&workspace, &["apply", "-auto-approve"]);
    let all = format!(
        "DO $$ BEGIN FOR i IN 1..{} LOOP
           EXECUTE format('CREATE PUBLICATION bench_%s FOR TABLE playing_with_neon', i);
         END LOOP; END $$",
        count.saturating_sub(1)
    );
    stand_in.sql_as_owner(&all).unwrap_or_else(|error| panic!("publications: {error}"));
    multiply(&workspace, "neonrep_publication", count);
    workspace.write(&configuration.replace("COUNT", &count.to_string()));
    quietly(&workspace, &["apply", "-refresh-only", "-auto-approve"]);
    let others = if let Some(program) = std::env::var_os("NULL_PROVIDER") {
        [1, VALUES]
            .map(|values| {
                let (it, notes) = of_null(count, Path::new(&program), values);
                (format!("null_resource with {values} values"), it, notes)
            })
            .into()
    } else {
        let ((note, notes), (values, notes_of_values)) = (of_toy(count), of_toy_values(count));
        vec![
            ("toy_note".to_owned(), note, notes),
            (format!("toy_labels with {VALUES} values"), values, notes_of_values),
        ]
    };
    for (name, other, other_notes) in others {
        notes.reset();
        other_notes.reset();
        let plan = |workspace: &Workspace| quietly(workspace, &["plan", "-detailed-exitcode"]);
        let pairs: Vec<[Run; 2]> = (0..PAIRS).map(|_| [plan(&workspace), plan(&other)]).collect();
        println!("\n{count} publications beside {count} {name}, medians of {PAIRS} pairs of plans");
        let row = |what: &str, value: fn(&Run) -> f64| {
            let [ours, other] = [0, 1].map(|at| middle(pairs.iter().map(|it| value(&it[at]))));
            let ratio = middle(pairs.iter().map(|it| value(&it[0]) / value(&it[1])));
            println!("  {what:<36} {ours:.2} s; the other {other:.2} s, ratio {ratio:.2}");
        };
        row("terraform plan", |it| it.elapsed);
        row("processor time, CLI and provider", |it| it.processor);
        let pairs = f64::from(PAIRS);
        let ((ours, peak), (other, peak_of_other)) = (notes.used(), other_notes.used());
        println!("  {:<36} {:.2} s; the other {:.2} s", "processor time of the provider", ours / pairs, other / pairs);
        println!("  {:<36} {peak:.1} MiB; the other {peak_of_other:.1} MiB", "peak memory of the provider");
    }
}
