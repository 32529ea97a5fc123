//! What belongs to a resource, to a data source, to an ephemeral resource, to a function and to a check.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use neonrep::Neonrep;
use tfplugin::Provider;

use super::{Named, prose, root, sources};

/// The files of a resource's folder: a newcomer finds "create" in the same place in each. `private.rs` holds what is
/// stored in private state: the next versions of the provider read it, as they read the schema.
pub(super) const OF_A_RESOURCE: &[&str] =
    &["mod.rs", "page.md", "model.rs", "plan.rs", "apply.rs", "check.rs", "messages.rs", "private.rs", "tests.rs"];

/// What each resource has.
pub(super) fn of_a_resource(name: &str) -> [String; 7] {
    [
        format!("src/resources/{name}/mod.rs"),
        format!("src/resources/{name}/page.md"),
        format!("examples/resources/neonrep_{name}/resource.tf"),
        format!("examples/resources/neonrep_{name}/import.sh"),
        format!("examples/resources/neonrep_{name}/import-by-string-id.tf"),
        format!("docs/resources/{name}.md"),
        format!("tests/it/acceptance/{name}.rs"),
    ]
}

/// What each data source has.
pub(super) fn of_a_data_source(name: &str) -> [String; 4] {
    [
        format!("src/data_sources/{name}/mod.rs"),
        format!("src/data_sources/{name}/page.md"),
        format!("examples/data-sources/neonrep_{name}/data-source.tf"),
        format!("docs/data-sources/{name}.md"),
    ]
}

#[test]
fn resources_have_one_shape() {
    let mut wrong = Vec::new();
    for name in prose("src/resources") {
        // A role is created by the Neon API or with SQL: two ways to apply that share no step.
        let more: &[&str] = if name == "role" { &["apply_sql.rs"] } else { &[] };
        for entry in fs::read_dir(root().join(format!("src/resources/{name}"))).expect("a folder").flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if !OF_A_RESOURCE.contains(&file.as_str()) && !more.contains(&file.as_str()) {
                wrong.push(format!("src/resources/{name}/{file} is none of {}", OF_A_RESOURCE.join(", ")));
            }
        }
    }
    for entry in fs::read_dir(root().join("src/resources")).expect("a folder").flatten() {
        if entry.path().is_file() && entry.file_name() != "mod.rs" {
            wrong.push(format!("{} is in no resource's folder", entry.path().display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_resource_has_all_its_parts() {
    let mut missing = Vec::new();
    let mut want = |path: String| {
        if !root().join(&path).is_file() {
            missing.push(path);
        }
    };
    let resources = prose("src/resources");
    assert!(!resources.is_empty(), "no resource has prose: nothing was looked at");
    resources.iter().flat_map(|it| of_a_resource(it)).for_each(&mut want);
    prose("src/data_sources").iter().flat_map(|it| of_a_data_source(it)).for_each(&mut want);
    for name in &prose("src/ephemeral") {
        want(format!("src/ephemeral/{name}/mod.rs"));
        want(format!("examples/ephemeral-resources/neonrep_{name}/ephemeral-resource.tf"));
        want(format!("docs/ephemeral-resources/{name}.md"));
    }
    for function in Neonrep::functions() {
        let name = function.name();
        want(format!("src/functions/{name}.rs"));
        want(format!("examples/functions/{name}/function.tf"));
        want(format!("docs/functions/{name}.md"));
    }
    assert!(missing.is_empty(), "missing: {}", missing.join(", "));
}

#[test]
fn each_check_is_in_the_table_and_has_a_caller() {
    /// Files of `src/checks` that are not checks.
    const FRAME: &[&str] = &["mod", "check", "policy"];
    let all = sources("src");
    let files = all.iter().filter(|(file, _)| file.parent() == Some(Path::new("src/checks")));
    let stems = files.filter_map(|(file, _)| Some(file.file_stem()?.to_string_lossy().into_owned()));
    let checks: Vec<String> = stems.filter(|it| !FRAME.contains(&it.as_str())).collect();
    assert!(!checks.is_empty(), "no checks found: nothing was looked at");
    let outside = all.iter().filter(|(file, _)| !file.starts_with("src/checks") || file.ends_with("facts.rs"));
    let named_outside: Vec<_> = outside.map(|(file, text)| Named::of(file, text)).collect();
    let mut wrong = Vec::new();
    for check in checks {
        if !neonrep::CHECKS.iter().any(|row| row.id == check) {
            wrong.push(format!("`{check}` has no row of that id in CHECKS"));
        }
        let names_it =
            |named: &BTreeSet<Vec<String>>| named.iter().any(|it| it.len() > 1 && it[0] == "checks" && it[1] == check);
        if !named_outside.iter().any(names_it) {
            wrong.push(format!("`{check}` has no caller"));
        }
    }
    for row in neonrep::CHECKS {
        if !root().join(format!("src/checks/{}.rs", row.id)).is_file() {
            wrong.push(format!("`{}` has no file of its own", row.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
