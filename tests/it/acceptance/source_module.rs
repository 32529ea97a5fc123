//! `examples/modules/source`: a module that creates all that a destination needs, by the provider's own facts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// Copies the module to a folder of the workspace.
fn copy_module(workspace: &Workspace, to: &str) {
    for folder in ["", "tests/"] {
        fs::create_dir_all(workspace.path().join(to).join(folder)).expect("a folder");
        let files = fs::read_dir(example("modules/source").join(folder)).expect("the module").flatten();
        for file in files.map(|it| it.path()).filter(|it| it.is_file()) {
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            workspace.write_file(&format!("{to}/{folder}{name}"), &fs::read_to_string(&file).expect("text"));
        }
    }
}

/// A workspace whose configuration calls the module as `./modules/source`.
fn calling(stand_in: &StandIn, body: &str) -> Workspace {
    let workspace = Workspace::new(stand_in);
    copy_module(&workspace, "modules/source");
    workspace.write(body);
    workspace.run(&["get", "-no-color"]).expect_success();
    workspace
}

#[test]
fn it_passes_its_own_tests_against_real_servers() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    stand_in.sql_as_owner("CREATE TABLE events(at timestamptz, what text)").expect("a table");
    let workspace = Workspace::new(&stand_in);
    copy_module(&workspace, ".");
    let outcome = workspace.run(&["test", "-no-color"]).expect_success();
    assert!(outcome.says("7 passed, 0 failed"), "{}", outcome.all());
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0", "a test destroys what it has created");
}

/// The guides that use the module: each is applied as it stands, and is ready.
#[test]
fn guides_use_it_as_they_stand() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    for (guide, slot, written) in [
        ("airbyte", Some("airbyte_slot"), Some("airbyte_heartbeat")),
        ("clickpipes", Some("clickpipes_slot"), None),
        ("estuary", None, Some("flow_watermarks")),
    ] {
        let main = fs::read_to_string(example(&format!("guides/{guide}/module/main.tf"))).expect("the example");
        let workspace = Workspace::new(&stand_in);
        copy_module(&workspace, "modules/source");
        workspace.write_file("main.tf", &main.replace("../../../modules", "./modules"));
        workspace.run(&["get", "-no-color"]).expect_success();
        workspace.apply();
        let names = workspace.outputs()["names"]["value"].clone();
        assert_eq!(names["slot"].as_str(), slot, "{guide}");
        let published = stand_in.value(&format!(
            "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = '{}'",
            names["publication"].as_str().expect("a name")
        ));
        let expected: Vec<&str> = written.into_iter().chain(["playing_with_neon"]).collect();
        assert_eq!(published, expected.join(","), "{guide}");
        let checks = workspace.state()["checks"].clone();
        let failed = checks.as_array().expect("checks").iter().any(|it| it["status"] == "fail");
        assert!(!failed, "{guide}: {checks:#}");
        workspace.destroy();
    }
}

/// What the module creates for each destination, with all of them in one project.
#[test]
fn each_destination_is_ready_after_one_apply() {
    let all = neonrep::guides::module_destinations();
    // Ten slots are all that a server has, and Neon's own takes one.
    for (major, ids) in [14, 18].into_iter().zip(all.chunks(all.len().div_ceil(2))) {
        let stand_in = StandIn::start_logical(major);
        for id in ids {
            stand_in
                .sql_as_owner(&format!(
                    "CREATE TABLE {id}_keyed(id int PRIMARY KEY); CREATE TABLE {id}_keyless(id int)"
                ))
                .expect("tables");
        }
        let list: Vec<String> = ids.iter().map(|it| format!("{it:?}")).collect();
        let workspace = calling(
            &stand_in,
            &format!(
                r#"
module "source" {{
  source   = "./modules/source"
  for_each = toset([{}])

  project_id  = var.project_id
  destination = each.key
  name        = each.key
  tables      = [{{ name = "${{each.key}}_keyed" }}, {{ name = "${{each.key}}_keyless" }}]
}}

output "sources" {{
  value = {{ for id, it in module.source : id => {{
    ready       = it.readiness.ready
    report      = it.readiness.report
    publication = it.publication_name
    slot        = it.slot_name
  }} }}
}}
"#,
                list.join(", ")
            ),
        );
        workspace.apply_once(&[]);
        let sources = workspace.outputs()["sources"]["value"].clone();
        for id in ids {
            let source = &sources[id];
            assert_eq!(source["ready"], true, "Postgres {major}, {id}: {}", source["report"]);
            let published = stand_in.value(&format!(
                "SELECT count(*) FROM pg_publication_tables WHERE pubname = '{}' AND tablename LIKE '{id}\\_key%'",
                source["publication"].as_str().expect("a name")
            ));
            assert_eq!(published, "2", "{id}");
            let identity = |table: &str| {
                stand_in.value(&format!("SELECT relreplident FROM pg_class WHERE oid = '{id}_{table}'::regclass"))
            };
            assert_eq!(identity("keyless"), "f", "{id}");
            let whole = ["decodable", "materialize"].contains(id);
            assert_eq!(identity("keyed"), if whole { "f" } else { "d" }, "{id}");
        }
        workspace.insist_on_empty_plan();
        workspace.destroy();
        for left in ["pg_publication", "pg_replication_slots WHERE slot_type = 'logical'"] {
            assert_eq!(stand_in.value(&format!("SELECT count(*) FROM {left}")), "0", "{left}");
        }
    }
}
