//! `docs/` is what the schemas, the prose beside the code and the examples render to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tfplugin::Provider;
use tfplugin::docs::{FunctionPage, Page, function_page, page};
use tfplugin::schema::{Role, Schema};

use neonrep::Neonrep;
use neonrep::{CHECKS, Level};

use super::{data_sources, ephemeral_resources, resources};

/// Largest page that the Registry shows, in bytes.
const LARGEST: usize = 500_000;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn render(role: Role, name: &str, schema: &Schema, folder: &str, file: &str) -> String {
    let folder = format!("examples/{folder}");
    page(&Page {
        role,
        name,
        provider: "neonrep",
        schema,
        subcategory: "",
        example: &text(&format!("{folder}/{file}")),
        import_block: &text(&format!("{folder}/import-by-string-id.tf")),
        import_command: &text(&format!("{folder}/import.sh")),
    })
}

/// Every page by its path below `docs`; made once, before one of the tests writes them.
static PAGES: LazyLock<BTreeMap<String, String>> = LazyLock::new(pages);

fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let index = render(Role::Provider, "neonrep", &Neonrep::schema(), "provider", "provider.tf");
    pages.insert("index.md".to_owned(), index);
    for (name, schema) in resources() {
        let short = name.trim_start_matches("neonrep_");
        let page = render(Role::Resource, name, &schema, &format!("resources/{name}"), "resource.tf");
        pages.insert(format!("resources/{short}.md"), page);
    }
    for (name, schema) in data_sources() {
        let short = name.trim_start_matches("neonrep_");
        let page = render(Role::DataSource, name, &schema, &format!("data-sources/{name}"), "data-source.tf");
        pages.insert(format!("data-sources/{short}.md"), page);
    }
    for (name, schema) in ephemeral_resources() {
        let short = name.trim_start_matches("neonrep_");
        let folder = format!("ephemeral-resources/{name}");
        let page = render(Role::Ephemeral, name, &schema, &folder, "ephemeral-resource.tf");
        pages.insert(format!("ephemeral-resources/{short}.md"), page);
    }
    for function in Neonrep::functions() {
        let name = function.name();
        let page = function_page(&FunctionPage {
            name,
            provider: "neonrep",
            signature: function.signature(),
            subcategory: "",
            example: &text(&format!("examples/functions/{name}/function.tf")),
        });
        pages.insert(format!("functions/{name}.md"), page);
    }
    pages.insert("guides/plan-checks.md".to_owned(), plan_checks());
    pages.insert("guides/destinations.md".to_owned(), neonrep::guides::destinations());
    for guide in written_guides() {
        let path = format!("guides/{guide}.md");
        let with_files = with_examples(&text(&format!("docs/{path}")));
        pages.insert(path, with_parts(&with_files));
    }
    pages
}

/// Pages below `docs/guides` that are rendered as a whole.
const RENDERED_GUIDES: &[&str] = &["destinations", "plan-checks"];

/// Guides that are written by hand: all others, with a folder of `examples/guides` or without.
fn written_guides() -> BTreeSet<String> {
    let pages = names_in("docs/guides").into_iter();
    let pages = pages.filter_map(|it| it.strip_suffix(".md").map(str::to_owned));
    pages.filter(|it| !RENDERED_GUIDES.contains(&it.as_str())).collect()
}

fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}")).flatten();
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}

/// The guide with each block that follows `<!-- examples/… -->` replaced by that file.
fn with_examples(guide: &str) -> String {
    let mut lines = guide.lines();
    let mut done = String::new();
    while let Some(line) = lines.next() {
        done.push_str(line);
        done.push('\n');
        let Some(path) = line.strip_prefix("<!-- examples/").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let fence = lines.next().expect("a block after the file's name");
        assert!(fence.starts_with("```"), "after {line} comes {fence}");
        lines.by_ref().find(|it| *it == "```").expect("the end of the block");
        let file = text(&format!("examples/{path}"));
        assert!(!file.is_empty(), "examples/{path} is not there");
        let _ = write!(done, "{fence}\n{}\n```\n", file.trim_end());
    }
    done
}

/// The guide with what stands between `<!-- facts … -->`, `<!-- source … -->` or `<!-- text … -->` and `<!-- end -->` rendered from the code.
fn with_parts(guide: &str) -> String {
    let mut lines = guide.lines();
    let mut done = String::new();
    while let Some(line) = lines.next() {
        done.push_str(line);
        done.push('\n');
        let Some(part) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let rendered = match part.split_once(' ') {
            Some(("facts", id)) => neonrep::guides::facts(id),
            Some(("source", id)) => neonrep::guides::source_facts(id),
            Some(("text", name)) => neonrep::guides::text(name),
            _ => continue,
        };
        lines.by_ref().find(|it| *it == "<!-- end -->").unwrap_or_else(|| panic!("no end after {line}"));
        let rendered = rendered.unwrap_or_else(|| panic!("nothing is called so: {line}"));
        let _ = writeln!(done, "{rendered}<!-- end -->");
    }
    done
}

/// The page on plan-time checks, up to its table.
const PLAN_CHECKS: &str = r#"---
page_title: "Plan-time checks"
subcategory: ""
description: |-
  What a plan refuses, what it warns of, and how to skip a check.
---

# Plan-time checks

A plan fails if this run would cause harm. It only warns if the harm was done outside of Terraform, or if another resource of the same
run may still prevent it. The apply then decides.

A check never fails a plan that changes nothing. Such a plan can still fail for another reason: the refresh reads every object, so an
unreachable server, a wrong API key or a deleted project is an error, and the state is kept.

## Skip a check

- `plan_checks = "warn"` in the provider block, or `NEONREP_PLAN_CHECKS=warn`, turns every error of a check into a warning. `off` skips all checks.
- `skip_checks = ["<id>"]` in the provider block skips single checks.
- `terraform destroy` makes a full plan first, which can fail. `terraform destroy -refresh=false` skips that plan.

Invalid names and `deletion_protection` are not checks. They always apply.

## Checks

A check speaks when its rule does not hold.

| id | the plan then | rule |
|---|---|---|
"#;

fn plan_checks() -> String {
    let mut page = PLAN_CHECKS.to_owned();
    for check in CHECKS {
        let level = match check.level {
            Level::Error => "fails",
            Level::Warning => "warns",
            Level::ErrorOrWarning => "fails, or warns if the run may cure it",
        };
        let _ = writeln!(page, "| `{}` | {level} | {} |", check.id, check.rule);
    }
    page
}

/// Every file below `docs`, by its path.
fn committed() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()) {
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let docs = root().join("docs");
    let mut found = Vec::new();
    walk(&docs, &mut found);
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&docs).expect("below docs").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("text"))
    };
    found.into_iter().map(named).collect()
}

#[test]
fn docs_are_current() {
    let pages = &*PAGES;
    if std::env::var_os("UPDATE").is_some() {
        for (path, page) in pages {
            let path = root().join("docs").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, page).expect("a page");
        }
    }
    let committed = committed();
    let mut drift = Vec::new();
    for (path, page) in pages {
        match committed.get(path) {
            None => drift.push(format!("docs/{path} is missing")),
            Some(old) if old != page => {
                let first = old.lines().zip(page.lines()).position(|(old, new)| old != new);
                drift.push(format!(
                    "docs/{path} is old from line {}",
                    first.map_or_else(|| "?".to_owned(), |at| (at + 1).to_string())
                ));
            }
            Some(_) => {}
        }
    }
    drift.extend(
        committed.keys().filter(|path| !pages.contains_key(*path)).map(|path| format!("docs/{path} is nobody's page")),
    );
    assert!(drift.is_empty(), "`make generate` puts this right:\n{}", drift.join("\n"));
}

#[test]
fn pages_are_what_the_registry_takes() {
    for (path, page) in &*PAGES {
        assert!(page.len() < LARGEST, "{path}: {} bytes", page.len());
        let matter = page.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map(|(matter, _)| matter);
        let matter = matter.unwrap_or_else(|| panic!("{path}: no front matter"));
        assert!(matter.contains("page_title: \"") && matter.contains("description: |-\n  "), "{path}: {matter}");
        assert!(path == "index.md" || matter.contains("subcategory:"), "{path}: no subcategory");
        assert!(!matter.contains("layout:") && !matter.contains("sidebar_current:"), "{path}: an old layout");
        let of_a_type = ["resources/", "data-sources/", "ephemeral-resources/"].iter().any(|it| path.starts_with(it));
        if of_a_type || path == "index.md" {
            assert!(page.contains("## Example Usage") && page.contains("## Schema"), "{path}");
        }
        if path.starts_with("functions/") {
            assert!(page.contains("## Example Usage") && page.contains("## Signature"), "{path}");
        }
        if path.starts_with("resources/") {
            assert!(page.contains("## Import") && page.contains("terraform import neonrep_"), "{path}");
        }
    }
}

#[test]
fn each_example_of_a_guide_is_on_its_page() {
    let missing: Vec<String> = names_in("examples/guides")
        .into_iter()
        .filter(|it| {
            let page = PAGES.get(&format!("guides/{it}.md"));
            !page.is_some_and(|page| page.contains(&format!("<!-- examples/guides/{it}/main.tf -->")))
        })
        .collect();
    assert!(missing.is_empty(), "no page shows the example of {}", missing.join(", "));
}

#[test]
fn parts_are_rendered_between_their_marks() {
    let guide = "a\n<!-- text ip-allow -->\nold\n<!-- end -->\nb\n";
    let done = with_parts(guide);
    assert!(done.starts_with("a\n<!-- text ip-allow -->\nIf "), "{done}");
    assert!(done.ends_with("\n<!-- end -->\nb\n") && !done.contains("old"), "{done}");
    assert_eq!(with_parts(&done), done);
}

#[test]
fn a_block_after_a_files_name_is_that_file() {
    let guide = "a\n<!-- examples/provider/provider.tf -->\n```terraform\nold\n```\nb\n";
    let done = with_examples(guide);
    assert!(done.starts_with("a\n<!-- examples/provider/provider.tf -->\n```terraform\nterraform {"), "{done}");
    assert!(done.ends_with("}\n```\nb\n") || done.ends_with("{}\n```\nb\n"), "{done}");
    assert_eq!(with_examples(&done), done);
}
