//! How long a file may be, what its first line says, what it may be called.

use super::sources;

/// Longest file, in lines.
const LONGEST: usize = 500;

/// Words that say nothing about what a module holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "impl", "manager", "misc"];

/// Documents that a reader of the repository does not have: a comment names a public source instead.
const PRIVATE_DOCUMENTS: &[&str] = &[
    concat!("neon", ".md"),
    concat!("protocol", ".md"),
    concat!("design", ".md"),
    concat!("peers", ".md"),
    concat!("house", ".md"),
    concat!("answers", ".md"),
    concat!("interface", ".md"),
];

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for (file, text) in ["src", "crates", "tests", "examples"].into_iter().flat_map(sources) {
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST}", file.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: the first line does not say what the file is", file.display()));
        }
        for word in PRIVATE_DOCUMENTS {
            if text.contains(word) {
                wrong.push(format!("{}: points to `{word}`, which is not in the repository", file.display()));
            }
        }
        for part in file.with_extension("").iter().map(|it| it.to_string_lossy()) {
            if EMPTY_NAMES.contains(&part.as_ref()) {
                wrong.push(format!("{}: `{part}` says nothing", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
