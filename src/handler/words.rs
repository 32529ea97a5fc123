//! Sentences of messages: names in a row, a capital at the start.

use std::collections::BTreeSet;

/// `a`, `b` and 3 more: names for a sentence.
pub(crate) fn enumerate<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 10;
    let all: BTreeSet<String> = names.into_iter().map(|it| format!("`{it}`")).collect();
    let more = all.len().saturating_sub(SHOWN);
    let shown: Vec<String> = all.into_iter().take(SHOWN).collect();
    match (shown.as_slice(), more) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The text with a capital at its start and without a period at its end.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end().trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_enumerated() {
        assert_eq!(enumerate(["a"]), "`a`");
        assert_eq!(enumerate(["b", "a"]), "`a` and `b`");
        assert_eq!(enumerate(["c", "b", "a"]), "`a`, `b` and `c`");
        let many = (0..12).map(|it| format!("{it:02}"));
        assert_eq!(enumerate(many), "`00`, `01`, `02`, `03`, `04`, `05`, `06`, `07`, `08`, `09` and 2 more");
    }

    #[test]
    fn a_sentence_has_a_capital_and_no_period() {
        for (text, expected) in [("it is. ", "It is"), ("über", "Über"), ("", ""), ("`x` is", "`x` is")] {
            assert_eq!(sentence(text), expected);
        }
    }
}
