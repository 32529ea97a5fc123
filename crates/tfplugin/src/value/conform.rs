//! A value brought into the form of a type, or where it does not fit.

use crate::value::path::{AttributePath, Step};
use crate::value::types::Type;
use crate::value::{SetValue, Value};

/// A value that does not have the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", place(path))]
pub struct NotOfType {
    /// Where in the value.
    pub path: AttributePath,
    /// What is wrong there.
    pub message: String,
}

impl NotOfType {
    fn inside(mut self, outer: Step) -> Self {
        self.path = self.path.inside(outer);
        self
    }
}

fn place(path: &AttributePath) -> String {
    if path.is_root() { String::new() } else { format!("`{path}`: ") }
}

impl Type {
    /// The value in the form of this type: sequences become sets where the type says so, maps become objects.
    /// An object has exactly the attributes of its type.
    pub fn conform(&self, value: Value) -> Result<Value, NotOfType> {
        let refuse = |message: String| NotOfType { path: AttributePath::root(), message };
        match (self, value) {
            (_, value @ (Value::Null | Value::Unknown))
            | (Self::Bool, value @ Value::Bool(_))
            | (Self::Number, value @ Value::Number(_))
            | (Self::String, value @ Value::String(_)) => Ok(value),
            (Self::List(element), Value::List(items)) => items
                .into_iter()
                .zip(0..)
                .map(|(item, index)| element.conform(item).map_err(|error| error.inside(Step::Index(index))))
                .collect::<Result<_, _>>()
                .map(Value::List),
            (Self::Set(element), value @ (Value::List(_) | Value::Set(_))) => {
                let items = match value {
                    Value::List(items) => items,
                    Value::Set(items) => items.into_iter().collect(),
                    _ => Vec::new(),
                };
                items.into_iter().map(|item| element.conform(item)).collect::<Result<SetValue, _>>().map(Value::Set)
            }
            (Self::Map(element), Value::Map(items) | Value::Object(items)) => items
                .into_iter()
                .map(|(key, item)| match element.conform(item) {
                    Ok(item) => Ok((key, item)),
                    Err(error) => Err(error.inside(Step::Key(key))),
                })
                .collect::<Result<_, _>>()
                .map(Value::Map),
            (Self::Object(attributes), Value::Object(mut items) | Value::Map(mut items)) => {
                if let Some(name) = attributes.keys().find(|name| !items.contains_key(*name)) {
                    return Err(refuse(format!("attribute `{name}` is missing")));
                }
                for (name, item) in &mut items {
                    let of = attributes.get(name).ok_or_else(|| refuse(format!("there is no attribute `{name}`")))?;
                    let inside = |error: NotOfType| error.inside(Step::Attribute(name.clone()));
                    *item = of.conform(std::mem::replace(item, Value::Null)).map_err(inside)?;
                }
                Ok(Value::Object(items))
            }
            (Self::Tuple(elements), Value::List(items)) if elements.len() == items.len() => elements
                .iter()
                .zip(items)
                .zip(0..)
                .map(|((element, item), index)| element.conform(item).map_err(|error| error.inside(Step::Index(index))))
                .collect::<Result<_, _>>()
                .map(Value::List),
            (Self::Dynamic, Value::Dynamic(inner)) => {
                let (inner_type, inner_value) = *inner;
                let inner_value = inner_type.conform(inner_value)?;
                Ok(Value::Dynamic(Box::new((inner_type, inner_value))))
            }
            (wanted, value) => Err(refuse(format!("wanted {}, found {}", wanted.name(), value.kind_name()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, of: Type) -> Type {
        Type::Object([(name.to_owned(), of)].into())
    }

    #[test]
    fn sequences_become_sets_at_any_depth() {
        let wanted = with("s", Type::Set(Box::new(Type::Set(Box::new(Type::String)))));
        let list = |items: Vec<Value>| Value::List(items);
        let value = Value::object([("s", list(vec![list(vec!["b".into(), "a".into(), "b".into()])]))]);
        let inner = Value::string_set(["a", "b"]);
        assert_eq!(wanted.conform(value), Ok(Value::object([("s", Value::Set([inner].into_iter().collect()))])));
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let wanted = with("a", with("b", Type::List(Box::new(Type::Number))));
        let message = |value: Value| wanted.conform(value).unwrap_err().to_string();
        let b = |value: Value| Value::object([("a", Value::object([("b", value)]))]);
        assert_eq!(message(b(Value::List(vec!["x".into()]))), "`a.b[0]`: wanted number, found string");
        assert_eq!(message(Value::object([("a", Value::object::<&str>([]))])), "`a`: attribute `b` is missing");
        let extra = Value::object([("a", Value::Null), ("c", Value::Null)]);
        assert_eq!(message(extra), "there is no attribute `c`");
        assert_eq!(message(Value::Bool(true)), "wanted object, found bool");
    }
}
