//! The architecture as tests: which layer may name which, how long a file may be, what belongs to a resource.

mod circles;
mod contributing;
mod files;
mod glossary;
mod layers;
mod links;
mod parts;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, generated ones left out, with their text.
pub(crate) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.join("CACHEDIR.TAG").is_file() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found.retain(|path| !path.starts_with(root().join("crates/tfplugin/src/wire/generated")));
    let read = |path: PathBuf| {
        (path.strip_prefix(root()).expect("below the root").to_owned(), fs::read_to_string(&path).expect("text"))
    };
    found.into_iter().map(read).collect()
}

/// The files of a crate, with the module that each is.
fn crate_sources(folder: &str) -> Vec<(PathBuf, Vec<String>, String)> {
    let found = sources(folder).into_iter();
    found.map(|(file, text)| (file.clone(), module_below(folder, &file), text)).collect()
}

/// `src/neon/client.rs` → `["neon", "client"]`
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    module_below("src", file)
}

fn module_below(folder: &str, file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(folder).expect("below the folder").with_extension("");
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
    /// Also paths that begin with a module below the file's own.
    with_own: bool,
}

impl Named {
    fn of(file: &Path, text: &str) -> BTreeSet<Vec<String>> {
        Self::collect(file, module_path(file), text, false)
    }

    fn collect(file: &Path, module: Vec<String>, text: &str, with_own: bool) -> BTreeSet<Vec<String>> {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut named = Self { module, found: BTreeSet::new(), with_own };
        named.visit_file(&parsed);
        named.found
    }

    fn name(&mut self, segments: &[String]) {
        let supers = segments.iter().take_while(|it| *it == "super").count();
        let resolved = match segments.first().map(String::as_str) {
            Some("crate") => segments[1..].to_vec(),
            // `pub(super)` is a path too.
            Some("super") if supers == segments.len() => return,
            Some("super") if supers <= self.module.len() => {
                let above = &self.module[..self.module.len() - supers];
                above.iter().chain(&segments[supers..]).cloned().collect()
            }
            Some("self") => self.module.iter().chain(&segments[1..]).cloned().collect(),
            Some(_) if self.with_own && segments.len() > 1 => self.module.iter().chain(segments).cloned().collect(),
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
        // What a definition of a macro names is named where the macro is used.
        if mac.path.is_ident("macro_rules") {
            return;
        }
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

/// Names of what has a page: the folders of `folder` that hold a `page.md`.
pub(crate) fn prose(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let with_page = entries.map(|it| it.path()).filter(|it| it.join("page.md").is_file());
    with_page.filter_map(|it| Some(it.file_name()?.to_string_lossy().into_owned())).collect()
}

#[test]
fn names_are_found_in_uses_paths_and_macros() {
    let text = "use crate::neon::{client::Client, ids};\nuse super::sql;\nfn f() { crate::target::open(); \
                println!(\"{}\", crate::checks::x()); }\n#[cfg(test)] mod tests { use tfplugin::process; }";
    let found: Vec<String> =
        Named::of(Path::new("src/postgres/slot.rs"), text).iter().map(|it| it.join("::")).collect();
    assert_eq!(found, ["checks::x", "neon::client::Client", "neon::ids", "postgres::sql", "target::open"]);
}
