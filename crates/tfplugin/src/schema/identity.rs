//! Resource identity: which attributes tell one object from another.

use std::collections::BTreeMap;

use super::attribute::Attribute;
use crate::value::Value;
use crate::value::types::Type;

/// The identity of a resource: attributes of its state, by name, that do not change while the object lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Version of the stored identity.
    pub version: i64,
    /// Must be said in an import by identity.
    pub required: Vec<&'static str>,
    /// May be left out in an import by identity.
    pub optional: Vec<&'static str>,
}

impl Identity {
    /// An identity of attributes that an import must say.
    pub fn of(required: impl IntoIterator<Item = &'static str>) -> Self {
        Self { version: 0, required: required.into_iter().collect(), optional: Vec::new() }
    }

    /// Adds attributes that an import may leave out.
    #[must_use]
    pub fn optional(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.optional.extend(names);
        self
    }

    /// All its attributes.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.required.iter().chain(&self.optional).copied()
    }

    /// The type of its values, by the attributes of the schema.
    pub(crate) fn object_type(&self, attributes: &BTreeMap<String, Attribute>) -> Type {
        let of = |name: &str| attributes.get(name).map_or(Type::String, Attribute::value_type);
        Type::Object(self.names().map(|name| (name.to_owned(), of(name))).collect())
    }

    /// The identity of an object.
    pub(crate) fn value(&self, object: &Value) -> Value {
        Value::object(self.names().map(|name| (name, object.get(name).cloned().unwrap_or(Value::Null))))
    }

    /// Whether Terraform takes values of this type: flat ones, and lists of them.
    pub(crate) fn takes(of: &Type) -> bool {
        match of {
            Type::Bool | Type::Number | Type::String => true,
            Type::List(element) => matches!(**element, Type::Bool | Type::Number | Type::String),
            _ => false,
        }
    }
}
