//! Import ids: parts joined by `/`, each percent-escaped.

use super::diagnostic::Diagnostics;

/// Escapes one part of an id: `%` and `/`, and the characters of `also` (`,` and `.` in a grant's list).
pub fn escape(_part: &str, _also: &[char]) -> String {
    unreachable!("written by the framework helper")
}

/// Undoes [`escape`]: any `%XX` is decoded; a broken escape or bytes that are no UTF-8 are an error.
pub fn unescape(_part: &str) -> Result<String, String> {
    unreachable!("written by the framework helper")
}

/// The id of the given parts: `project/branch/database/name`.
pub fn id(_parts: &[&str]) -> String {
    unreachable!("written by the framework helper")
}

/// The parts of an id of the form `form` (`<project_id>/<branch_id>/<name>`), unescaped; exactly as many as the form
/// has, none empty. The error says the form and an example.
pub fn parts<const N: usize>(_id: &str, _form: &str) -> Result<[String; N], Diagnostics> {
    unreachable!("written by the framework helper")
}
