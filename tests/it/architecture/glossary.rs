//! The words that a person reads: pages, descriptions, diagnostics, comments.

use std::collections::BTreeMap;
use std::fs;

use super::{root, sources};

/// Words that the project does not use, and what it says instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("for ever", "permanently"),
    ("anew", "again"),
    ("take back", "revoke"),
    ("takes back", "revokes"),
    ("taken back", "revoked"),
    ("give back", "restore"),
    ("gives back", "restores"),
    ("given back", "restored"),
    ("take over", "adopt"),
    ("takes over", "adopts"),
    ("taken over", "adopted"),
    ("made again", "recreated"),
    ("make again", "recreate"),
    ("is not well", "is unavailable"),
    ("not reached", "unreachable"),
    ("the world", "the live database"),
    ("on that,", "there,"),
    ("None is legal", "May be empty"),
    ("Another one means", "A changed value means"),
];

/// Words that only pages and messages avoid: code has other uses for them.
const FORBIDDEN_TO_USERS: &[(&str, &str)] = &[
    (" judge", "check"),
    ("sync anew", "run a new initial sync"),
    (" core ", "Terraform"),
    (" core'", "Terraform"),
    (": else ", "otherwise"),
];

/// Where a word of a list stands in a text, as whole words.
fn found(text: &str, words: &[(&str, &str)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let folded = line.to_lowercase();
        for (word, instead) in words {
            let word = word.to_lowercase();
            let hit = folded.match_indices(&word).any(|(at, _)| {
                let before = folded[..at].chars().next_back();
                let after = folded[at + word.len()..].chars().next();
                let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                let begins_inside = word.starts_with(char::is_alphanumeric) && inside(before);
                let ends_inside = word.ends_with(char::is_alphanumeric) && inside(after);
                !begins_inside && !ends_inside
            });
            if hit {
                found.push((number + 1, format!("says `{}`: write `{instead}`", word.trim())));
            }
        }
    }
    found
}

/// Files that a user reads as they are.
pub(super) fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![root().join("docs"), root().join("examples"), root().join("src"), root().join("crates")];
    for file in [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "tests/stand-in/README.md",
        "tests/it/README.md",
    ] {
        if let Ok(text) = fs::read_to_string(root().join(file)) {
            pages.insert(file.to_owned(), text);
        }
    }
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()) {
            if path.is_dir() {
                if !path.join("CACHEDIR.TAG").is_file() {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| it == "md" || it == "tf") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                pages.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    pages
}

#[test]
fn pages_keep_to_the_glossary() {
    let mut wrong = Vec::new();
    let pages = pages();
    assert!(pages.len() > 20, "nothing was looked at");
    for (name, text) in pages {
        let all: Vec<_> = FORBIDDEN.iter().chain(FORBIDDEN_TO_USERS).copied().collect();
        wrong.extend(found(&text, &all).into_iter().map(|(line, what)| format!("{name}:{line} {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn code_and_its_messages_keep_to_the_glossary() {
    let mut wrong = Vec::new();
    for (file, text) in ["src", "crates"].into_iter().flat_map(sources) {
        let hits = found(&text, FORBIDDEN);
        wrong.extend(hits.into_iter().map(|(line, what)| format!("{}:{line} {what}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whole_words_are_found() {
    let lines = |text: &str| found(text, &[("anew", "again"), (" core ", "Terraform")]).len();
    assert_eq!(lines("It is made anew."), 1);
    assert_eq!(lines("Anew, it is made."), 1);
    assert_eq!(lines("a canew and an anewx"), 0);
    assert_eq!(lines("what core plans"), 1);
    assert_eq!(lines("two cores"), 0);
}
