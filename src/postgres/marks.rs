//! Marks in the COMMENT of a publication: the one place on the server where something of ours can be kept with it.

use std::collections::BTreeSet;

/// What we write into a publication's COMMENT, on lines of their own below the user's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The user's text.
    pub text: String,
    /// Oids of the publications that this one continues: `neonrep: continues 16390, 16401`.
    pub continues: BTreeSet<u32>,
    /// It was there before and taken over, so it is never dropped: `neonrep: adopted`.
    pub adopted: bool,
}

impl Marks {
    const CONTINUES: &'static str = "neonrep: continues ";
    const ADOPTED: &'static str = "neonrep: adopted";

    /// Tells marks and text apart; a line that only looks like a mark is text.
    pub fn parse(comment: &str) -> Self {
        let mut marks = Self::default();
        let mut text = Vec::new();
        for line in comment.split('\n') {
            let oids: Option<Vec<u32>> = line
                .strip_prefix(Self::CONTINUES)
                .and_then(|list| list.split(',').map(|oid| oid.trim().parse().ok()).collect());
            match oids {
                Some(oids) => marks.continues.extend(oids),
                None if line == Self::ADOPTED => marks.adopted = true,
                None => text.push(line),
            }
        }
        marks.text = text.join("\n");
        marks
    }

    /// The comment; `None` if there is nothing to say.
    pub fn render(&self) -> Option<String> {
        let mut lines = Vec::new();
        if !self.text.is_empty() {
            lines.push(self.text.clone());
        }
        if self.adopted {
            lines.push(Self::ADOPTED.to_owned());
        }
        if !self.continues.is_empty() {
            let oids: Vec<_> = self.continues.iter().map(u32::to_string).collect();
            lines.push(format!("{}{}", Self::CONTINUES, oids.join(", ")));
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_and_text_is_left_alone() {
        for comment in ["", "text", "two\nlines", "neonrep: adopted", "text\nneonrep: adopted\nneonrep: continues 1, 2"]
        {
            assert_eq!(Marks::parse(comment).render().unwrap_or_default(), comment);
        }
        let marks = Marks::parse("a\nneonrep: continues 5,7\nb\nneonrep: continues 6");
        assert_eq!(marks, Marks { text: "a\nb".into(), continues: [5, 6, 7].into(), adopted: false });
        let no_mark = "neonrep: continues the good work\nneonrep: adopted by me";
        assert_eq!(Marks::parse(no_mark).text, no_mark);
        assert_eq!(Marks::default().render(), None);
    }
}
