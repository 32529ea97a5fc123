//! No file depends on itself by way of others: the imports of each crate form no circle.
//!
//! A facade (`mod.rs` that re-exports) is looked through: naming `crate::target::Database` is naming the file that defines
//! it. Inherent `impl` blocks of a type may be spread over the files beneath the one that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Named, crate_sources};

/// The files of one crate by module path, with the names that each re-exports.
struct Crate {
    files: BTreeMap<Vec<String>, PathBuf>,
    reexports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

impl Crate {
    fn of(sources: &[(PathBuf, Vec<String>, String)]) -> Self {
        let files: BTreeMap<_, _> = sources.iter().map(|(file, module, _)| (module.clone(), file.clone())).collect();
        let mut reexports = BTreeMap::new();
        for (_, module, text) in sources {
            reexports.insert(module.clone(), reexported(module, text));
        }
        Self { files, reexports }
    }

    /// The module whose file defines what a path names.
    fn definition(&self, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let module = (0..=path.len()).rev().map(|n| &path[..n]).find(|it| self.files.contains_key(*it))?.to_vec();
            let item = path.get(module.len());
            match item.and_then(|item| self.reexports.get(&module)?.get(item)) {
                Some(target) if *target != path => {
                    let rest = path[module.len() + 1..].to_vec();
                    path = target.iter().cloned().chain(rest).collect();
                }
                _ => return Some(module),
            }
        }
        None
    }
}

/// `pub use` of a file: name → full path within the crate.
fn reexported(module: &[String], text: &str) -> BTreeMap<String, Vec<String>> {
    fn collect(tree: &syn::UseTree, so_far: &[String], found: &mut BTreeMap<String, Vec<String>>) {
        let longer = |name: String| so_far.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(it) => collect(&it.tree, &longer(it.ident.to_string()), found),
            syn::UseTree::Name(it) => drop(found.insert(it.ident.to_string(), longer(it.ident.to_string()))),
            syn::UseTree::Rename(it) => drop(found.insert(it.rename.to_string(), longer(it.ident.to_string()))),
            syn::UseTree::Group(it) => it.items.iter().for_each(|inner| collect(inner, so_far, found)),
            syn::UseTree::Glob(_) => {}
        }
    }
    let parsed = syn::parse_file(text).expect("Rust");
    let mut found = BTreeMap::new();
    for item in parsed.items {
        if let syn::Item::Use(it) = item
            && !matches!(it.vis, syn::Visibility::Inherited)
        {
            let mut names = BTreeMap::new();
            collect(&it.tree, &[], &mut names);
            for (name, path) in names {
                let full = match path.first().map(String::as_str) {
                    Some("crate") => path[1..].to_vec(),
                    Some("self") => module.iter().chain(&path[1..]).cloned().collect(),
                    Some("super") => {
                        module[..module.len().saturating_sub(1)].iter().chain(&path[1..]).cloned().collect()
                    }
                    _ => module.iter().chain(&path).cloned().collect(),
                };
                found.insert(name, full);
            }
        }
    }
    found
}

/// Files that are reached from themselves, each circle once.
fn circles(arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<String>> {
    let reach = |from: &Vec<String>| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.clone()];
        while let Some(next) = open.pop() {
            for to in arrows.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = arrows.keys().map(|it| (it.clone(), reach(it))).collect();
    let mut found = BTreeSet::new();
    for (file, all) in &reached {
        if all.contains(file) {
            let circle: Vec<String> = reached
                .iter()
                .filter(|(other, back)| all.contains(*other) && back.contains(file))
                .map(|(other, _)| other.join("::"))
                .collect();
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

#[test]
fn no_import_leads_back() {
    let mut wrong = Vec::new();
    for folder in ["src", "crates/tfplugin/src"] {
        let sources = crate_sources(folder);
        assert!(sources.len() > 10, "{folder}: nothing was looked at");
        let all = Crate::of(&sources);
        let mut arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for (file, module, text) in &sources {
            if is_test(file) {
                continue;
            }
            for path in Named::collect(file, module.clone(), text, true) {
                // An inherent `impl` of the type that the module above defines.
                let is_extended = path.last().is_some_and(|it| extends(text, it)) && is_item_above(&path, module);
                if is_extended {
                    continue;
                }
                // The crate's root only lists modules; macros of `#[macro_export]` seem to live there.
                if let Some(to) = all.definition(&path).filter(|to| to != module && !to.is_empty()) {
                    arrows.entry(module.clone()).or_default().insert(to);
                }
            }
        }
        for circle in circles(&arrows) {
            let inside = |it: &Vec<String>| circle.contains(&it.join("::"));
            let within = arrows.iter().filter(|(from, _)| inside(from)).flat_map(|(from, to)| {
                let to = to.iter().filter(|it| inside(it));
                to.map(|to| format!("  {} → {}", from.join("::"), to.join("::"))).collect::<Vec<_>>()
            });
            let within: Vec<String> = within.collect();
            wrong.push(format!("{folder}: {}\n{}", circle.join(" ↔ "), within.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "these files depend on each other:\n{}", wrong.join("\n"));
}

/// Whether the file has an inherent `impl` of a type of that name.
fn extends(text: &str, name: &str) -> bool {
    text.contains(&format!("\nimpl {name} {{"))
}

/// Whether the path names an item of the module that holds this one.
fn is_item_above(path: &[String], module: &[String]) -> bool {
    path.len() == module.len() && path[..path.len() - 1] == module[..module.len() - 1]
}

fn is_test(file: &Path) -> bool {
    file.iter().any(|part| {
        matches!(
            part.to_string_lossy().as_ref(),
            "tests" | "tests.rs" | "on_servers" | "on_servers.rs" | "exchange_tests" | "scripted_server.rs"
        )
    })
}

#[test]
fn a_circle_is_found() {
    let module = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let arrow = |from: &str, to: &[&str]| (module(from), to.iter().map(|it| module(it)).collect());
    let there_and_back =
        BTreeMap::from([arrow("a", &["b"]), arrow("b", &["c"]), arrow("c", &["a"]), arrow("d", &["a"])]);
    assert_eq!(circles(&there_and_back), [["a", "b", "c"]]);
    assert!(circles(&BTreeMap::from([arrow("a", &["b", "c"]), arrow("b", &["c"])])).is_empty());
}
