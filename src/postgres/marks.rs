//! Marks in the COMMENT of a publication: the one place on the server where something of ours can be kept with it.
//!
//! Whoever owns the publication can write them too. So a mark carries a nonce that the writer also keeps for itself: only a mark whose
//! nonce is known proves anything. Marks of the first version had none.

use std::collections::BTreeSet;
use std::fmt;

use rustls::crypto::aws_lc_rs;
use serde::{Deserialize, Serialize};

use super::error::{Error, Kind, Result};

/// A number that nobody can guess, as 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Nonce(String);

impl Nonce {
    const DIGITS: usize = 32;

    /// A new one. Error: `Other`, if the system has no random numbers.
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0_u8; Self::DIGITS / 2];
        aws_lc_rs::default_provider()
            .secure_random
            .fill(&mut bytes)
            .map_err(|_| Error::new(Kind::Other, "the system has no random numbers"))?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    /// From its digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (text.len() == Self::DIGITS && text.chars().all(is_digit)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "not a nonce".to_owned())
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

/// What we write into a publication's COMMENT, on lines of their own below the user's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Oids of the publications that this one continues: `neonrep: continues 16390 <nonce>`; `neonrep: continues 16390, 16401` before.
    pub(crate) continues: BTreeSet<(u32, Option<Nonce>)>,
    /// It existed before and was adopted, so it is never dropped: `neonrep: adopted <nonce>`; `neonrep: adopted` before.
    pub(crate) adopted: BTreeSet<Option<Nonce>>,
}

impl Marks {
    /// How each mark begins.
    pub(super) const PREFIX: &'static str = "neonrep: ";

    /// Marks of these lines; what is no mark is left out.
    pub(crate) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut marks = Self::default();
        for line in lines {
            marks.read(line);
        }
        marks
    }

    /// Whether it is marked as adopted, by whomever.
    #[cfg(test)]
    pub(crate) fn is_adopted(&self) -> bool {
        !self.adopted.is_empty()
    }

    /// Whether there are marks of the first version, which have no nonce.
    pub(crate) fn has_some_without_nonce(&self) -> bool {
        self.adopted.contains(&None) || self.continues.iter().any(|(_, nonce)| nonce.is_none())
    }

    /// Whether one of the marks has that nonce.
    pub(crate) fn has(&self, nonce: &Nonce) -> bool {
        self.is_adopted_by(nonce) || self.continues.iter().any(|(_, it)| it.as_ref() == Some(nonce))
    }

    /// Whether somebody who has none of these nonces, but one all the same, has marked it as adopted.
    pub(crate) fn is_adopted_by_another(&self, than: Option<&Nonce>) -> bool {
        self.adopted.iter().flatten().any(|it| Some(it) != than)
    }

    /// Whether it is marked as adopted by the owner of that nonce.
    pub(crate) fn is_adopted_by(&self, nonce: &Nonce) -> bool {
        self.adopted.contains(&Some(nonce.clone()))
    }

    /// Whether it is marked to continue the publication of that oid, by whomever.
    pub(crate) fn continues(&self, oid: u32) -> bool {
        self.continues.iter().any(|(continued, _)| *continued == oid)
    }

    /// Whether the owner of one of these nonces has marked it to continue the publication of that oid. An oid that is continued by a
    /// publication which is itself continued has a mark of its own.
    pub(crate) fn is_proved_to_continue<'a>(&self, oid: u32, nonces: impl IntoIterator<Item = &'a Nonce>) -> bool {
        nonces.into_iter().any(|nonce| self.continues.contains(&(oid, Some(nonce.clone()))))
    }

    /// Takes the line if it is a mark.
    fn read(&mut self, line: &str) -> bool {
        let Some(mark) = line.strip_prefix(Self::PREFIX) else { return false };
        if mark == "adopted" {
            self.adopted.insert(None);
            return true;
        }
        if let Some(nonce) = mark.strip_prefix("adopted ").and_then(Nonce::parse) {
            self.adopted.insert(Some(nonce));
            return true;
        }
        let Some(list) = mark.strip_prefix("continues ") else { return false };
        if let Some((oid, nonce)) = list.split_once(' ')
            && let (Ok(oid), Some(nonce)) = (oid.parse(), Nonce::parse(nonce))
        {
            self.continues.insert((oid, Some(nonce)));
            return true;
        }
        let oids: Option<Vec<u32>> = list.split(',').map(|oid| oid.trim().parse().ok()).collect();
        self.continues.extend(oids.iter().flatten().map(|oid| (*oid, None)));
        oids.is_some()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for nonce in &self.adopted {
            lines.push(format!("{}adopted{}", Self::PREFIX, blank_and(nonce.as_ref())));
        }
        let old: Vec<_> =
            self.continues.iter().filter(|(_, nonce)| nonce.is_none()).map(|(oid, _)| oid.to_string()).collect();
        if !old.is_empty() {
            lines.push(format!("{}continues {}", Self::PREFIX, old.join(", ")));
        }
        for (oid, nonce) in self.continues.iter().filter(|(_, nonce)| nonce.is_some()) {
            lines.push(format!("{}continues {oid}{}", Self::PREFIX, blank_and(nonce.as_ref())));
        }
        lines
    }
}

fn blank_and(nonce: Option<&Nonce>) -> String {
    nonce.map_or_else(String::new, |it| format!(" {it}"))
}

/// A comment: the user's text, and below it our marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comment {
    /// The user's text.
    pub(crate) text: String,
    pub(crate) marks: Marks,
}

impl Comment {
    /// Tells marks and text apart; a line that only looks like a mark is text.
    pub(crate) fn parse(comment: &str) -> Self {
        let mut marks = Marks::default();
        let text: Vec<&str> = comment.split('\n').filter(|line| !marks.read(line)).collect();
        Self { text: text.join("\n"), marks }
    }

    /// The whole comment; `None` if it is empty.
    pub(crate) fn render(&self) -> Option<String> {
        let mut lines = Vec::new();
        if !self.text.is_empty() {
            lines.push(self.text.clone());
        }
        lines.extend(self.marks.lines());
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The same with a new nonce in all marks that have the known one, and in those of the first version where they count.
    /// Marks of others stay.
    #[must_use]
    pub(crate) fn renewed(mut self, known: Option<&Nonce>, of_first_version: bool, new: &Nonce) -> Self {
        let renewed = |nonce: Option<Nonce>| match nonce {
            None if of_first_version => Some(new.clone()),
            Some(nonce) if Some(&nonce) == known => Some(new.clone()),
            other => other,
        };
        self.marks.adopted = self.marks.adopted.into_iter().map(renewed).collect();
        self.marks.continues = self.marks.continues.into_iter().map(|(oid, nonce)| (oid, renewed(nonce))).collect();
        self
    }

    /// The same with one more mark of adoption.
    #[must_use]
    pub(crate) fn adopted(mut self, nonce: Option<Nonce>) -> Self {
        self.marks.adopted.insert(nonce);
        self
    }

    /// The same for a publication that now continues the one of that oid.
    #[must_use]
    pub(crate) fn continuing(mut self, oid: u32, nonce: Option<Nonce>) -> Self {
        self.marks.continues.insert((oid, nonce));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef";

    fn nonce() -> Nonce {
        Nonce::parse(A).unwrap()
    }

    #[test]
    fn marks_survive_and_text_is_left_alone() {
        for comment in [
            "",
            "text",
            "two\nlines",
            "neonrep: adopted",
            "text\nneonrep: adopted\nneonrep: continues 1, 2",
            &format!("text\nneonrep: adopted\nneonrep: adopted {A}\nneonrep: continues 1\nneonrep: continues 7 {A}"),
        ] {
            assert_eq!(Comment::parse(comment).render().unwrap_or_default(), comment);
        }
        let read = Comment::parse("a\nneonrep: continues 5,7\nb\nneonrep: continues 6");
        assert_eq!(read.text, "a\nb");
        assert_eq!(read.marks.continues, [(5, None), (6, None), (7, None)].into());
        let no_mark = "neonrep: continues the good work\nneonrep: adopted by me\nneonrep: continues 5 abc";
        assert_eq!(Comment::parse(no_mark), Comment { text: no_mark.to_owned(), marks: Marks::default() });
        assert_eq!(Comment::default().render(), None);
    }

    #[test]
    fn a_mark_proves_something_by_its_nonce_alone() {
        let comment = Comment::default().continuing(5, None).adopted(None);
        assert!(comment.marks.adopted.contains(&None) && comment.marks.continues(5));
        assert!(!comment.marks.is_adopted_by(&nonce()) && !comment.marks.is_proved_to_continue(5, [&nonce()]));
        let comment = comment.continuing(5, Some(nonce())).adopted(Some(nonce()));
        assert!(comment.marks.is_adopted_by(&nonce()) && comment.marks.is_proved_to_continue(5, [&nonce()]));
        assert!(!comment.marks.is_proved_to_continue(6, [&nonce()]));
    }

    #[test]
    fn marks_are_renewed_with_what_proves_them() {
        let new = Nonce::parse(&"f".repeat(32)).unwrap();
        let comment = || Comment::default().continuing(5, None).continuing(6, Some(nonce())).adopted(Some(nonce()));
        let renewed = comment().renewed(Some(&nonce()), false, &new).marks;
        assert!(renewed.is_adopted_by(&new) && renewed.has(&new) && !renewed.has(&nonce()));
        assert!(renewed.is_proved_to_continue(6, [&new]) && !renewed.is_proved_to_continue(5, [&new]));
        assert!(renewed.continues(5) && renewed.has_some_without_nonce());
        let of_first_version = comment().renewed(Some(&nonce()), true, &new).marks;
        assert!(of_first_version.is_proved_to_continue(5, [&new]) && !of_first_version.has_some_without_nonce());
        let of_others = comment().renewed(None, false, &new).marks;
        assert!(of_others.is_adopted_by_another(None) && !of_others.is_adopted_by_another(Some(&nonce())));
        assert_eq!(of_others, comment().marks);
    }

    #[test]
    fn nonces_differ() {
        let (one, other) = (Nonce::random().unwrap(), Nonce::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(Nonce::parse(&one.to_string()), Some(one));
        for wrong in ["", "abc", &A.to_uppercase(), &format!("{A}0")] {
            assert_eq!(Nonce::parse(wrong), None, "{wrong}");
        }
    }
}
