//! The house as tests: which layer may name which, how long a file may be, what belongs to a resource.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Layer → layers it may name; itself always. Cargo checks the rest: `main` sees only what is `pub`.
const LAYERS: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("destinations", &[]),
    ("guides", &["destinations", "checks"]),
    ("functions", &[]),
    ("neon", &["secret"]),
    ("postgres", &["secret"]),
    ("framework", &[]),
    ("protocol", &["framework"]),
    ("session", &["neon", "postgres", "secret"]),
    ("checks", &["destinations", "framework", "session", "neon", "postgres"]),
    ("explain", &["framework", "session", "neon", "postgres"]),
    ("context", &["session", "checks", "framework", "neon", "postgres", "secret"]),
    ("resources", &["context", "checks", "explain", "session", "framework", "neon", "postgres", "secret"]),
    (
        "data_sources",
        &["context", "checks", "explain", "session", "framework", "neon", "postgres", "secret", "resources"],
    ),
    (
        "provider",
        &[
            "resources",
            "data_sources",
            "context",
            "checks",
            "explain",
            "session",
            "framework",
            "neon",
            "postgres",
            "secret",
        ],
    ),
];

/// Of `framework`, the checks may name only what they speak with.
const CHECKS_MAY_NAME: &[&str] = &["diagnostic", "path"];

/// Longest file, in lines.
const LONGEST: usize = 500;

/// Words that say nothing about what a module holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "impl", "manager", "misc"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, generated ones left out, with their text.
pub(crate) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found.retain(|path| !path.starts_with(root().join("src/protocol/generated")));
    let read = |path: PathBuf| {
        (path.strip_prefix(root()).expect("below the root").to_owned(), fs::read_to_string(&path).expect("text"))
    };
    found.into_iter().map(read).collect()
}

/// `src/neon/client.rs` → `["neon", "client"]`
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").expect("below src").with_extension("");
    let mut path: Vec<String> = inside.iter().map(|it| it.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|it| it == "mod" || it == "lib" || it == "main") {
        path.pop();
    }
    path
}

/// Collects the modules of this crate that a file names, as paths from the crate's root; tests in the file left out.
struct Named {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Named {
    fn of(file: &Path, text: &str) -> BTreeSet<Vec<String>> {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut named = Self { module: module_path(file), found: BTreeSet::new() };
        named.visit_file(&parsed);
        named.found
    }

    fn name(&mut self, segments: &[String]) {
        let supers = segments.iter().take_while(|it| *it == "super").count();
        let resolved = match segments.first().map(String::as_str) {
            Some("crate") => segments[1..].to_vec(),
            Some("super") if supers <= self.module.len() => {
                let above = &self.module[..self.module.len() - supers];
                above.iter().chain(&segments[supers..]).cloned().collect()
            }
            _ => return,
        };
        if !resolved.is_empty() {
            self.found.insert(resolved);
        }
    }

    fn use_tree(&mut self, tree: &syn::UseTree, so_far: &[String]) {
        let longer = |name: String| so_far.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(it) => self.use_tree(&it.tree, &longer(it.ident.to_string())),
            syn::UseTree::Name(it) => self.name(&longer(it.ident.to_string())),
            syn::UseTree::Rename(it) => self.name(&longer(it.ident.to_string())),
            syn::UseTree::Glob(_) => self.name(so_far),
            syn::UseTree::Group(it) => it.items.iter().for_each(|inner| self.use_tree(inner, so_far)),
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.name(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let for_tests = item.attrs.iter().any(|it| it.path().is_ident("cfg"));
        if !for_tests {
            self.module.push(item.ident.to_string());
            syn::visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        // Arguments of macros are only tokens: their text, in which `crate :: a :: b` stands with blanks or without.
        let text = mac.tokens.to_string().replace(' ', "");
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let segments: Vec<String> = rest[..end].split("::").map(str::to_owned).collect();
            self.name(&segments);
        }
        syn::visit::visit_macro(self, mac);
    }
}

#[test]
fn layers_name_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let module = module_path(&file);
        let Some(layer) = module.first() else { continue };
        let Some(may) = allowed.get(layer.as_str()) else {
            wrong.push(format!("{}: `{layer}` is no layer of the table", file.display()));
            continue;
        };
        for named in Named::of(&file, &text) {
            let other = named[0].as_str();
            if other == layer || !allowed.contains_key(other) {
                continue; // a macro of the crate's root, or the layer itself
            }
            if !may.contains(&other) {
                wrong.push(format!("{}: names `{}`", file.display(), named.join("::")));
            }
            let second = named.get(1).map_or("", String::as_str);
            if layer == "checks" && other == "framework" && !CHECKS_MAY_NAME.contains(&second) {
                wrong.push(format!("{}: of the framework a check names diagnostics and paths only", file.display()));
            }
            if layer == "checks" && other == "session" && module.get(1).is_none_or(|it| it != "facts") {
                wrong.push(format!("{}: only the facts may ask the session", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn resources_do_not_name_one_another() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let module = module_path(&file);
        let (Some(layer), Some(unit)) = (module.first(), module.get(1)) else { continue };
        if layer != "resources" && layer != "data_sources" {
            continue;
        }
        for named in Named::of(&file, &text) {
            let Some(other) = named.get(1).filter(|other| named[0] == *layer && *other != unit) else { continue };
            if root().join(format!("src/{layer}/{other}.md")).is_file() {
                wrong.push(format!("{}: names `{}`; what two share is below them", file.display(), named.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for (file, text) in ["src", "tests", "examples"].into_iter().flat_map(sources) {
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST}", file.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: the first line does not say what the file is", file.display()));
        }
        for part in file.with_extension("").iter().map(|it| it.to_string_lossy()) {
            if EMPTY_NAMES.contains(&part.as_ref()) {
                wrong.push(format!("{}: `{part}` says nothing", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names of the Markdown files in a folder, without ending.
pub(crate) fn prose(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let markdown = entries.map(|it| it.path()).filter(|it| it.extension().is_some_and(|end| end == "md"));
    markdown.filter_map(|it| Some(it.file_stem()?.to_string_lossy().into_owned())).collect()
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
    for name in &resources {
        if !root().join(format!("src/resources/{name}/mod.rs")).is_file() {
            want(format!("src/resources/{name}.rs"));
        }
        want(format!("examples/resources/neonrep_{name}/resource.tf"));
        want(format!("examples/resources/neonrep_{name}/import.sh"));
        want(format!("examples/resources/neonrep_{name}/import-by-string-id.tf"));
        want(format!("docs/resources/{name}.md"));
        want(format!("tests/it/acceptance/{name}.rs"));
    }
    for name in &prose("src/data_sources") {
        if !root().join(format!("src/data_sources/{name}/mod.rs")).is_file() {
            want(format!("src/data_sources/{name}.rs"));
        }
        want(format!("examples/data-sources/neonrep_{name}/data-source.tf"));
        want(format!("docs/data-sources/{name}.md"));
    }
    assert!(missing.is_empty(), "missing: {}", missing.join(", "));
}

#[test]
fn each_check_is_in_the_table_and_has_a_caller() {
    /// Files of `src/checks` that are not checks.
    const FRAME: &[&str] = &["mod", "facts"];
    let all = sources("src");
    let files = all.iter().filter(|(file, _)| file.parent() == Some(Path::new("src/checks")));
    let stems = files.filter_map(|(file, _)| Some(file.file_stem()?.to_string_lossy().into_owned()));
    let checks: Vec<String> = stems.filter(|it| !FRAME.contains(&it.as_str())).collect();
    assert!(!checks.is_empty(), "no checks found: nothing was looked at");
    let outside = all.iter().filter(|(file, _)| !file.starts_with("src/checks") || file.ends_with("facts.rs"));
    let named_outside: Vec<_> = outside.map(|(file, text)| Named::of(file, text)).collect();
    let mut wrong = Vec::new();
    for check in checks {
        if !neonrep::checks::ALL.iter().any(|row| row.id == check) {
            wrong.push(format!("`{check}` has no row of that id in checks::ALL"));
        }
        let names_it =
            |named: &BTreeSet<Vec<String>>| named.iter().any(|it| it.len() > 1 && it[0] == "checks" && it[1] == check);
        if !named_outside.iter().any(names_it) {
            wrong.push(format!("`{check}` has no caller"));
        }
    }
    for row in neonrep::checks::ALL {
        if !root().join(format!("src/checks/{}.rs", row.id)).is_file() {
            wrong.push(format!("`{}` has no file of its own", row.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_found_in_uses_paths_and_macros() {
    let text = "use crate::neon::{client::Client, ids};\nuse super::sql;\nfn f() { crate::session::open(); \
                println!(\"{}\", crate::checks::x()); }\n#[cfg(test)] mod tests { use crate::protocol; }";
    let found: Vec<String> =
        Named::of(Path::new("src/postgres/slot.rs"), text).iter().map(|it| it.join("::")).collect();
    assert_eq!(found, ["checks::x", "neon::client::Client", "neon::ids", "postgres::sql", "session::open"]);
}
