//! Pieces of Markdown that pages share.

/// The first paragraph of Markdown in one line of plain text.
pub(super) fn plain_summary(prose: &str) -> String {
    let paragraph = prose.trim().split("\n\n").next().unwrap_or_default();
    let mut plain = String::new();
    let mut rest = paragraph;
    while let Some(open) = rest.find('[') {
        // A link keeps its text: `[text](address)`.
        let link = rest[open..].find("](").map(|it| open + it).and_then(|middle| {
            let close = rest[middle..].find(')')? + middle;
            Some((middle, close))
        });
        let Some((middle, close)) = link else { break };
        plain.push_str(&rest[..open]);
        plain.push_str(&rest[open + 1..middle]);
        rest = &rest[close + 1..];
    }
    plain.push_str(rest);
    plain.replace(['`', '*'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn fenced(language: &str, code: &str) -> String {
    format!("```{language}\n{}\n```\n", code.trim_end())
}

/// `set of string` → `Set of String`; a bool is a `Boolean` on such pages.
pub(super) fn title_case(name: &str) -> String {
    let word = |word: &str| match word {
        "of" => "of".to_owned(),
        "bool" => "Boolean".to_owned(),
        other => other.chars().take(1).flat_map(char::to_uppercase).chain(other.chars().skip(1)).collect(),
    };
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
