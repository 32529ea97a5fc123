//! The parameter `options`: settings of the consumer by name, of which each function knows its own.

use std::collections::BTreeMap;

use serde_json::Value;
use tfplugin::{Parameter, Type};

use super::refusal::{Result, refused};

/// Options by name.
pub(crate) type Options = BTreeMap<String, String>;

pub(super) fn parameter() -> Parameter {
    Parameter::new(
        "options",
        Type::Map(Box::new(Type::String)),
        "Settings of the consumer by name. Null for its defaults.",
    )
    .nullable()
}

/// How the text of an option becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Boolean,
    Number,
    /// Words with commas between them.
    List,
    One(&'static [&'static str]),
}

/// The value of each option that was given; one that is not in the table is refused.
pub(super) fn values(options: &Options, known: &[(&'static str, Form)]) -> Result<BTreeMap<&'static str, Value>> {
    let mut values = BTreeMap::new();
    for (name, text) in options {
        let Some((name, form)) = known.iter().find(|(it, _)| it == name) else {
            let names: Vec<String> = known.iter().map(|(it, _)| format!("`{it}`")).collect();
            return refused("options", format!("`{name}` is no option of it. There are {}.", names.join(", ")));
        };
        values.insert(*name, value(name, *form, text)?);
    }
    Ok(values)
}

fn value(name: &str, form: Form, text: &str) -> Result<Value> {
    let wrong = |what: &str| refused("options", format!("`{name}` must be {what}, not `{text}`."));
    match form {
        Form::Text if text.is_empty() => wrong("a text that is not empty"),
        Form::Text => Ok(text.into()),
        Form::Boolean => text.parse::<bool>().map_or_else(|_| wrong("`true` or `false`"), |it| Ok(it.into())),
        Form::Number => text.parse::<u64>().map_or_else(|_| wrong("a whole number"), |it| Ok(it.into())),
        Form::List => {
            let words: Vec<&str> = text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
            if words.is_empty() { wrong("a list of words with commas between them") } else { Ok(words.into()) }
        }
        Form::One(allowed) if allowed.contains(&text) => Ok(text.into()),
        Form::One(allowed) => {
            let names: Vec<String> = allowed.iter().map(|it| format!("`{it}`")).collect();
            wrong(&format!("one of {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_takes_its_texts() {
        for (form, text, expected) in [
            (Form::Text, "a", Some(json!("a"))),
            (Form::Text, "", None),
            (Form::Boolean, "true", Some(json!(true))),
            (Form::Boolean, "yes", None),
            (Form::Number, "300", Some(json!(300))),
            (Form::Number, "-1", None),
            (Form::List, "a, b", Some(json!(["a", "b"]))),
            (Form::List, " , ", None),
            (Form::One(&["x", "y"]), "y", Some(json!("y"))),
            (Form::One(&["x", "y"]), "z", None),
        ] {
            assert_eq!(value("o", form, text).ok(), expected, "{form:?} {text}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused_with_those_that_there_are() {
        let given = Options::from([("b".to_owned(), "1".to_owned())]);
        let refusal = values(&given, &[("a", Form::Text)]).unwrap_err();
        assert_eq!((refusal.parameter, refusal.reason.as_str()), ("options", "`b` is no option of it. There are `a`."));
    }
}
