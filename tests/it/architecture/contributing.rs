//! `CONTRIBUTING.md` tells the truth: each path that its lists name exists, and they name all the parts that a thing has.

use std::collections::BTreeSet;
use std::fs;

use super::parts::{self, OF_A_RESOURCE};
use super::{prose, root, sources};

fn text() -> String {
    fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md")
}

/// The text below a heading, up to the next of its level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section `{heading}`"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Numbered steps, each on one line or with lines that go on below it. What is in fences is not a step.
fn steps(section: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let mut in_code = false;
    for line in section.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
        } else if line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok()) {
            steps.push(line.to_owned());
        } else if let (true, Some(step)) = (line.starts_with("   "), steps.last_mut()) {
            step.push(' ');
            step.push_str(line.trim());
        }
    }
    steps
}

/// Texts between backticks.
fn coded(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn is_path(text: &str) -> bool {
    let folders = ["src/", "tests/", "examples/", "docs/", "crates/", ".ci/"];
    folders.iter().any(|it| text.starts_with(it)) || ["CHANGELOG.md", "Cargo.toml", "GNUmakefile"].contains(&text)
}

/// Pairs of a name and the file that holds it, written as "`name` in `path`".
fn names_in_files(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    let windows = parts.windows(4).enumerate();
    windows.filter(|(at, it)| at % 2 == 0 && it[2] == " in " && is_path(it[3])).map(|(_, it)| (it[1], it[3])).collect()
}

fn stems(folder: &str, without: &[&str]) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).expect("a folder").flatten().map(|it| it.path());
    let files = files.filter(|it| it.extension().is_some_and(|end| end == "rs"));
    let names = files.filter_map(|it| Some(it.file_stem()?.to_string_lossy().into_owned()));
    names.filter(|it| !without.contains(&it.as_str())).collect()
}

/// Headings, and what `<x>` may stand for below each.
fn lists() -> Vec<(&'static str, BTreeSet<String>)> {
    let guides = fs::read_dir(root().join("examples/guides")).expect("a folder").flatten();
    let guides = guides.map(|it| it.file_name().to_string_lossy().replace('-', "_"));
    let sources = stems("src/destinations/sources", &["mod", "facts"]);
    // Those in which Neon is one of both sides only are named after both.
    let guides = guides.filter(|it| !sources.contains(it) && !it.starts_with("neon_to_"));
    let checks = neonrep::CHECKS.iter().map(|it| it.id.to_owned()).collect();
    vec![
        ("Add a resource", prose("src/resources")),
        ("Add a data source", prose("src/data_sources")),
        ("Add an attribute", prose("src/resources")),
        ("Add a check", checks),
        ("Add a destination", guides.collect()),
        ("Add a source", sources.clone()),
        ("Add a provider function", stems("src/functions", &["mod", "connection", "options"])),
    ]
}

#[test]
fn paths_and_names_of_the_lists_exist() {
    let text = text();
    let mut wrong = Vec::new();
    for (heading, samples) in lists() {
        assert!(!samples.is_empty(), "{heading}: nothing to try the list with");
        let steps = steps(section(&text, heading));
        assert!(steps.len() > 3, "{heading}: {steps:?}");
        for step in &steps {
            let is_optional = step.split_once(". ").is_some_and(|(_, rest)| rest.starts_with("If "));
            for path in coded(step).into_iter().filter(|it| is_path(it)) {
                let at = |sample: &String| path.replace("<x-y>", &sample.replace('_', "-")).replace("<x>", sample);
                let mut found = samples.iter().map(|it| root().join(at(it)).exists());
                let holds = if is_optional { found.any(|it| it) } else { found.all(|it| it) };
                if !holds {
                    wrong.push(format!("{heading}: `{path}` is not there"));
                }
            }
            for (name, path) in names_in_files(step) {
                let file = fs::read_to_string(root().join(path)).unwrap_or_default();
                if !file.contains(name) {
                    wrong.push(format!("{heading}: `{path}` does not hold `{name}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lists_name_all_parts() {
    let text = text();
    let named = |heading: &str| -> BTreeSet<String> {
        let steps = steps(section(&text, heading)).join("\n");
        coded(&steps).into_iter().filter(|it| is_path(it)).map(str::to_owned).collect()
    };
    let of_a_resource = named("Add a resource");
    for part in parts::of_a_resource("<x>") {
        assert!(of_a_resource.contains(&part), "no step names {part}");
    }
    let in_the_folder: BTreeSet<&str> =
        of_a_resource.iter().filter_map(|it| it.strip_prefix("src/resources/<x>/")).collect();
    assert_eq!(in_the_folder, OF_A_RESOURCE.iter().copied().collect());
    let of_a_data_source = named("Add a data source");
    for part in parts::of_a_data_source("<x>") {
        assert!(of_a_data_source.contains(&part), "no step names {part}");
    }
    for heading in ["Add a resource", "Add a data source", "Add a check", "Add a destination"] {
        assert!(named(heading).contains("CHANGELOG.md"), "{heading}: the CHANGELOG is forgotten");
    }
}

/// Code of the worked example is Rust, and what it takes from this crate is there.
#[test]
fn the_worked_example_uses_what_exists() {
    let text = text();
    let blocks: Vec<&str> =
        text.split("\n```rust\n").skip(1).map(|it| it.split_once("\n```").expect("the end of a block").0).collect();
    assert!(blocks.len() > 1, "there is no worked example");
    let mut missing = Vec::new();
    for block in blocks {
        let file = syn::parse_file(block).unwrap_or_else(|error| panic!("{error}:\n{block}"));
        let uses = file.items.iter().filter_map(|it| if let syn::Item::Use(it) = it { Some(&it.tree) } else { None });
        for path in uses.flat_map(|it| leaves(it, &[])) {
            let (Some("crate"), Some(layer), Some(name)) = (path.first().map(String::as_str), path.get(1), path.last())
            else {
                continue;
            };
            let in_tree = ["src", "tests/it"].into_iter().any(|folder| {
                sources(folder).iter().any(|(file, text)| {
                    let in_layer = file.strip_prefix(folder).is_ok_and(|it| it.starts_with(layer));
                    (in_layer || layer == name) && text.contains(name.as_str())
                })
            });
            if !in_tree && !is_made(&text, name) {
                missing.push(path.join("::"));
            }
        }
    }
    assert!(missing.is_empty(), "not in the code: {}", missing.join(", "));
}

/// Whether the example itself defines this.
fn is_made(example: &str, name: &str) -> bool {
    ["struct", "enum", "fn", "mod"].iter().any(|it| example.contains(&format!("{it} {name}")))
        || example.contains(&format!("    {name} {{"))
        || example.contains(&format!("src/postgres/{name}.rs"))
}

fn leaves(tree: &syn::UseTree, above: &[String]) -> Vec<Vec<String>> {
    let with = |name: &syn::Ident| [above, &[name.to_string()]].concat();
    match tree {
        syn::UseTree::Path(it) => leaves(&it.tree, &with(&it.ident)),
        syn::UseTree::Name(it) if it.ident == "self" => vec![above.to_vec()],
        syn::UseTree::Name(it) => vec![with(&it.ident)],
        syn::UseTree::Rename(it) => vec![with(&it.ident)],
        syn::UseTree::Glob(_) => Vec::new(),
        syn::UseTree::Group(it) => it.items.iter().flat_map(|it| leaves(it, above)).collect(),
    }
}

#[test]
fn steps_and_names_are_told_apart() {
    let text = "\n## A\nWords.\n\n1. `ALL` in `src/a.rs`\n   goes on.\n2. `b`.\n```text\n3. none\n```\n\n## B\n";
    assert_eq!(steps(section(text, "A")), ["1. `ALL` in `src/a.rs` goes on.", "2. `b`."]);
    assert_eq!(names_in_files("1. `ALL` in `src/a.rs` and `b` in `c`"), [("ALL", "src/a.rs")]);
}
