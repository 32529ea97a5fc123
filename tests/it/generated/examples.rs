//! Each example is a configuration that the real CLI accepts as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::terraform::Workspace;

/// For examples that show one thing and leave the frame out.
const FRAME: &str = r#"
terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// All folders below `examples` that hold `.tf` files.
fn configurations() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path()).collect();
        if entries.iter().any(|it| it.extension().is_some_and(|end| end == "tf")) {
            found.push(folder.to_owned());
        }
        entries.iter().filter(|it| it.is_dir()).for_each(|it| walk(it, found));
    }
    let mut found = Vec::new();
    walk(&folder(), &mut found);
    found.sort();
    found
}

#[test]
fn each_example_is_valid() {
    let all = configurations();
    assert!(all.iter().any(|it| it.ends_with("guides/databricks-lakeflow")), "the guide was not found");
    let mut wrong = Vec::new();
    // Modules for other providers are held by a table of their arguments instead: see `consumers`. Calls of our own module are
    // applied: see `acceptance::source_module`.
    for example in all.into_iter().filter(|it| !it.ends_with("consumer") && !it.ends_with("module")) {
        let workspace = Workspace::bare();
        let mut framed = false;
        for file in fs::read_dir(&example).expect("a folder").flatten().map(|it| it.path()) {
            if file.extension().is_some_and(|end| end == "tf") {
                let text = fs::read_to_string(&file).expect("text");
                framed |= text.contains("required_providers");
                workspace.write_file(&file.file_name().expect("a name").to_string_lossy(), &text);
            }
        }
        if !framed {
            workspace.write_file("frame.tf", FRAME);
        }
        let outcome = workspace.run(&["validate", "-no-color"]);
        if outcome.status != 0 {
            wrong.push(format!("{}:\n{}", example.display(), outcome.all()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn examples_are_formatted() {
    let workspace = Workspace::bare();
    let outcome = workspace.run(&["fmt", "-check", "-recursive", "-diff", &folder().display().to_string()]);
    assert_eq!(outcome.status, 0, "`make fmt` puts this right:\n{}", outcome.all());
}

#[test]
fn what_is_imported_is_an_object_of_the_example() {
    for example in configurations() {
        let Ok(by_id) = fs::read_to_string(example.join("import-by-string-id.tf")) else { continue };
        let command = fs::read_to_string(example.join("import.sh")).expect("both forms of import");
        let resource = fs::read_to_string(example.join("resource.tf")).expect("an example");
        let words: Vec<&str> = command.split_whitespace().collect();
        let [_, "import", address, id] = words[..] else { panic!("{}: {command}", example.display()) };
        let (kind, name) = address.split_once('.').expect("an address");
        assert!(example.ends_with(kind), "{}: imports {address}", example.display());
        assert!(resource.contains(&format!("resource \"{kind}\" \"{name}\"")), "{address} is not in the example");
        assert!(by_id.contains(&format!("to = {address}\n")) && by_id.contains(&format!("id = \"{id}\"")), "{by_id}");
    }
}
