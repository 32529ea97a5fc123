//! Import ids: parts joined by `/`, each percent-escaped.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Escapes one part of an id: `%` and `/`, and the characters of `also` (`,` and `.` in a grant's list).
pub fn escape(part: &str, also: &[char]) -> String {
    let mut escaped = String::with_capacity(part.len());
    for it in part.chars() {
        if it == '%' || it == '/' || also.contains(&it) {
            let mut bytes = [0; 4];
            for byte in it.encode_utf8(&mut bytes).bytes() {
                escaped.push('%');
                escaped.extend(
                    [byte >> 4, byte & 15]
                        .iter()
                        .filter_map(|digit| char::from_digit(u32::from(*digit), 16))
                        .map(|digit| digit.to_ascii_uppercase()),
                );
            }
        } else {
            escaped.push(it);
        }
    }
    escaped
}

/// Undoes [`escape`]: any `%XX` is decoded; a broken escape or bytes that are no UTF-8 are an error.
pub fn unescape(part: &str) -> Result<String, String> {
    let broken = part.match_indices('%').any(|(position, _)| {
        let digits = part.as_bytes().get(position + 1..position + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Err(format!(
            "`{part}` has a `%` that is not followed by two hexadecimal digits; a `%` itself is written `%25`"
        ));
    }
    percent_decode_str(part)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| format!("`{part}` does not decode to valid UTF-8"))
}

/// The id of the given parts: `project/branch/database/name`.
pub fn id(parts: &[&str]) -> String {
    parts.iter().map(|part| escape(part, &[])).collect::<Vec<_>>().join("/")
}

/// The parts of an id, unescaped, none empty, however many there are: for ids with optional parts. The sentence says
/// what is wrong.
pub fn split(id: &str) -> Result<Vec<String>, String> {
    id.split('/')
        .map(|part| match unescape(part) {
            Ok(text) if text.is_empty() => Err(format!("`{id}` has an empty part")),
            other => other,
        })
        .collect()
}

/// The parts of an id of the form `form` (`<project_id>/<branch_id>/<name>`), unescaped; exactly as many as the form
/// has, none empty. The error says the form and an example.
pub fn parts<const N: usize>(id: &str, form: &str) -> Result<[String; N], Diagnostics> {
    let found = split(id).map_err(|problem| bad_id(&problem, form))?;
    let count = found.len();
    <[String; N]>::try_from(found).map_err(|_| {
        bad_id(&format!("`{id}` has {count} {}, not {N}", if count == 1 { "part" } else { "parts" }), form)
    })
}

/// The error for an id of the wrong form.
pub fn bad_id(problem: &str, form: &str) -> Diagnostics {
    let mut example = form.to_owned();
    for (part, sample) in EXAMPLES {
        example = example.replace(part, sample);
    }
    let example = example.replace(['<', '>', '[', ']'], "");
    Diagnostic::error(
        "Import id has the wrong form",
        format!(
            "{problem}. The id is `{form}`, for example `{example}`. Within a part, `/` is written `%2F` and `%` is written `%25`."
        ),
    )
    .into()
}

/// Parts that say little by their own name.
const EXAMPLES: &[(&str, &str)] = &[
    ("<project_id>", "shiny-wind-028834"),
    ("<project>", "shiny-wind-028834"),
    ("<branch_id>", "br-aged-salad-637688"),
    ("<branch>", "br-aged-salad-637688"),
    ("<database>", "neondb"),
    ("<schema>", "public"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "<project_id>/<branch_id>/<name>";

    #[test]
    fn an_id_is_escaped_parts() {
        assert_eq!(id(&["p", "a/b", "100%", "ü.,"]), "p/a%2Fb/100%25/ü.,");
        assert_eq!(escape("a.b,c", &[',', '.']), "a%2Eb%2Cc");
        assert_eq!(escape("ü", &['ü']), "%C3%BC");
    }

    #[test]
    fn parts_are_unescaped() {
        assert_eq!(parts(" p/br%2F1/%C3%BC", FORM), Ok([" p".to_owned(), "br/1".into(), "ü".into()]));
    }

    #[test]
    fn a_wrong_form_says_the_form_and_an_example() {
        let message = |id: &str| match parts::<3>(id, FORM) {
            Ok(parts) => panic!("{parts:?}"),
            Err(error) => error.iter().next().unwrap().detail.clone(),
        };
        assert_eq!(
            message("a/b"),
            "`a/b` has 2 parts, not 3. The id is `<project_id>/<branch_id>/<name>`, for example \
             `shiny-wind-028834/br-aged-salad-637688/name`. Within a part, `/` is written `%2F` and `%` is written `%25`."
        );
        assert!(message("").starts_with("`` has an empty part."));
        assert!(message("a//c").starts_with("`a//c` has an empty part."));
        assert!(message("a/b/c/d").starts_with("`a/b/c/d` has 4 parts"));
        assert!(message("a/b%2/c").starts_with("`b%2` has a `%`"));
        assert!(message("a/%zz/c").starts_with("`%zz` has a `%`"));
        assert!(message("a/%FF/c").contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn any_part_survives(a in ".+", b in ".+") {
            prop_assert_eq!(parts::<2>(&id(&[&a, &b]), "<a>/<b>").unwrap(), [a, b]);
        }

        #[test]
        fn unescape_never_panics(text in "[%0-9a-fü/]*") {
            let _ = unescape(&text);
        }
    }
}
