//! `docs/` is what the schemas, the prose beside the code and the examples render to.

use std::collections::BTreeMap;
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

/// Guides that are written by hand: one per folder of `examples/guides`.
fn written_guides() -> Vec<String> {
    let folders = fs::read_dir(root().join("examples/guides")).expect("the guides' examples").flatten();
    let mut names: Vec<String> = folders.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
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

/// The guide with what stands between `<!-- facts … -->` or `<!-- text … -->` and `<!-- end -->` rendered from the code.
fn with_parts(guide: &str) -> String {
    let mut lines = guide.lines();
    let mut done = String::new();
    while let Some(line) = lines.next() {
        done.push_str(line);
        done.push('\n');
        let Some(part) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        let rendered = match part.split_once(' ') {
            Some(("facts", id)) => neonrep::guides::facts(id),
            Some(("text", name)) => neonrep::guides::text(name),
            _ => continue,
        };
        lines.by_ref().find(|it| *it == "<!-- end -->").unwrap_or_else(|| panic!("no end after {line}"));
        let rendered = rendered.unwrap_or_else(|| panic!("nothing is called so: {line}"));
        let _ = writeln!(done, "{rendered}<!-- end -->");
    }
    done
}

fn plan_checks() -> String {
    let mut page = String::from(
        "---\npage_title: \"Plan-time checks\"\nsubcategory: \"\"\ndescription: |-\n  What a plan refuses, what it warns of, and \
         the way past each check.\n---\n\n# Plan-time checks\n\nA plan refuses what this run would cause. What has already \
         happened outside, or what another resource of the same\nrun may still cure, is a warning, and the apply decides. A \
         plan that changes nothing never fails.\n\n`plan_checks` in the provider block (or `NEONREP_PLAN_CHECKS`) lets \
         them speak as the table says (`error`), only warn (`warn`), or\nleaves them all out (`off`); `skip_checks` leaves \
         single ones out by their id. Illegal names and \
         `deletion_protection` are no such checks.\n`terraform destroy` makes a full plan first: `terraform destroy \
         -refresh=false` does not.\n\n| id | | rule |\n|---|---|---|\n",
    );
    for check in CHECKS {
        let level = match check.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::ErrorOrWarning => "error, or a warning where the run may cure it",
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
