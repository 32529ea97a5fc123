//! Links between the pages of the repository lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use super::{glossary, root};

/// Targets of `[text](target)` that are files of the repository, with the fragment.
fn targets(text: &str) -> Vec<&str> {
    let starts = text.match_indices("](").map(|(at, found)| at + found.len());
    let targets = starts.filter_map(|at| text[at..].split_once(')').map(|(target, _)| target));
    targets.filter(|it| !it.contains("://") && !it.contains([' ', '\n', '`'])).collect()
}

/// The fragments that the headings of a page have on GitHub and in the Registry.
fn headings(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|it| it.starts_with('#')).map(|it| it.trim_start_matches('#').trim());
    let slug = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|it| it.is_alphanumeric() || "-_".contains(*it)).collect()
    };
    headings.map(slug).collect()
}

fn has(page: &str, fragment: &str) -> bool {
    headings(page).contains(fragment) || page.contains(&format!("<a id=\"{fragment}\">"))
}

#[test]
fn links_lead_somewhere() {
    // Prose beside the code is rendered below `docs`, and its links are looked at there.
    let mut pages = glossary::pages();
    pages.retain(|name, _| !name.starts_with("src/"));
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, text) in pages.iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|it| it == "md")) {
        for target in targets(text) {
            seen += 1;
            let (file, fragment) = target.split_once('#').map_or((target, ""), |(file, fragment)| (file, fragment));
            let path = if file.is_empty() {
                root().join(name)
            } else {
                root().join(name).parent().expect("a folder").join(file)
            };
            if !path.exists() {
                wrong.push(format!("{name}: `{target}` is not there"));
            } else if !fragment.is_empty() && !has(&std::fs::read_to_string(&path).unwrap_or_default(), fragment) {
                wrong.push(format!("{name}: `{target}` has no such heading"));
            }
        }
    }
    assert!(seen > 20, "only {seen} links were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_and_headings_are_found() {
    assert_eq!(targets("a [b](c.md#d) [e](https://f) `x](y z)`"), ["c.md#d"]);
    assert_eq!(headings("# A b\ntext\n## C: `d`?\n"), ["a-b".to_owned(), "c-d".to_owned()].into());
}
