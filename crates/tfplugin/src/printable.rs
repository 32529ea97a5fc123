//! Text as it may reach a terminal. Names of tables, comments, and messages of servers come from people who may mean
//! harm: control sequences move the cursor and set titles, bidirectional marks turn what is read around.

use std::fmt::Write as _;

use crate::secrets;

/// The longest detail of a message, in bytes.
pub(crate) const DETAIL_BYTES: usize = 16 * 1024;
/// The longest summary, in bytes. Terraform shows it in one line.
pub(crate) const SUMMARY_BYTES: usize = 512;

/// Text of several lines: without known secrets, control characters and bidirectional marks escaped, cut to about
/// `most` bytes. Line feeds and tabs stay.
pub(crate) fn lines(text: &str, most: usize) -> String {
    escaped(text, most, |it| matches!(it, '\n' | '\t'))
}

/// Text of one line: as [`lines`], with line feeds as spaces.
pub(crate) fn line(text: &str, most: usize) -> String {
    escaped(text, most, |_| false)
}

fn escaped(text: &str, most: usize, stays: impl Fn(char) -> bool) -> String {
    let text = secrets::hidden(text);
    let (kept, cut) = text.split_at(if text.len() <= most { text.len() } else { text.floor_char_boundary(most) });
    let mut shown = String::with_capacity(kept.len());
    for it in kept.chars() {
        if !is_harmful(it) || stays(it) {
            shown.push(it);
        } else if matches!(it, '\n' | '\r' | '\t') {
            shown.push(' ');
        } else {
            shown.extend(it.escape_unicode());
        }
    }
    if !cut.is_empty() {
        let _ = write!(shown, "… ({} more bytes)", cut.len());
    }
    shown
}

/// Whether a character does more than stand there: C0, DEL and C1 controls, line and paragraph separators,
/// bidirectional marks (Unicode Standard Annex 9), and invisible tags.
fn is_harmful(it: char) -> bool {
    it.is_control()
        || matches!(it,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn controls_and_bidirectional_marks_are_escaped() {
        assert_eq!(lines("\u{1b}]0;owned\u{7} \u{9b}31m", 100), r"\u{1b}]0;owned\u{7} \u{9b}31m");
        assert_eq!(lines("a\u{202e}b\u{2066}c\u{200f}", 100), r"a\u{202e}b\u{2066}c\u{200f}");
        assert_eq!(lines("first\nsecond\tü 表 \u{1f600}", 100), "first\nsecond\tü 表 \u{1f600}");
        assert_eq!(lines("over\rwritten", 100), "over written");
        assert_eq!(line("one\nline", 100), "one line");
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(lines("üüü", 3), "ü… (4 more bytes)");
        assert_eq!(lines("üü", 4), "üü");
        let long = "x".repeat(10_000_000);
        assert!(lines(&long, DETAIL_BYTES).len() < DETAIL_BYTES + 100);
    }

    #[test]
    fn a_secret_is_hidden_before_the_cut() {
        secrets::remember("a secret at the cut");
        assert!(!lines("xx a secret at the cut", 12).contains("a secr"));
    }

    proptest! {
        #[test]
        fn nothing_harmful_comes_through(text in any::<String>(), most in 0_usize..100) {
            let shown = line(&text, most);
            prop_assert!(!shown.chars().any(is_harmful));
            prop_assert!(shown.len() <= most * 10 + 40);
        }
    }
}
