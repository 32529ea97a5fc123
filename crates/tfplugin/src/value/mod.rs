//! Terraform's values: a dynamic tree in which any part may be null or not yet known.

pub(crate) mod agreement;
pub mod codec;
pub mod conform;
pub mod number;
pub mod path;
pub mod types;

use std::collections::BTreeMap;

use crate::value::number::Number;
use crate::value::types::Type;

/// A value as Terraform holds it. Sensitivity is not part of a value: the schema declares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Set to nothing, or not set.
    Null,
    /// Known only after apply. Refinements are dropped: the protocol lets a provider ignore them.
    Unknown,
    /// `bool`
    Bool(bool),
    /// `number`, exact.
    Number(Number),
    /// `string`
    String(String),
    /// `list` and `tuple`, in order.
    List(Vec<Value>),
    /// `set`, without order: see [`SetValue`].
    Set(SetValue),
    /// `map`
    Map(BTreeMap<String, Value>),
    /// `object`; also the whole of a resource.
    Object(BTreeMap<String, Value>),
    /// A value of a `dynamic` attribute with the type it brought along.
    Dynamic(Box<(Type, Value)>),
}

/// The members of a set, sorted, so that equal sets are equal. Known members are there once; members with unknown
/// parts are kept apart, for they may turn out different.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetValue(Vec<Value>);

impl SetValue {
    /// The members, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.iter()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a member equals `value`.
    pub fn contains(&self, value: &Value) -> bool {
        self.0.binary_search(value).is_ok()
    }
}

impl FromIterator<Value> for SetValue {
    fn from_iter<I: IntoIterator<Item = Value>>(members: I) -> Self {
        let mut members: Vec<Value> = members.into_iter().collect();
        members.sort();
        members.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self(members)
    }
}

impl<'a> IntoIterator for &'a SetValue {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for SetValue {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Value {
    /// A set of strings.
    pub fn string_set<S: Into<String>>(members: impl IntoIterator<Item = S>) -> Self {
        Self::Set(members.into_iter().map(|member| Self::String(member.into())).collect())
    }

    /// An object of the given attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the value itself, not a part of it, is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether the value and all its parts are known. Null counts as known.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::List(items) => items.iter().all(Self::is_wholly_known),
            Self::Set(items) => items.iter().all(Self::is_wholly_known),
            Self::Map(items) | Self::Object(items) => items.values().all(Self::is_wholly_known),
            Self::Dynamic(inner) => inner.1.is_wholly_known(),
        }
    }

    /// The value with all its unknown parts set to null: what may be stored of a half-made object.
    #[must_use]
    pub fn unknown_as_null(self) -> Self {
        match self {
            Self::Unknown => Self::Null,
            Self::List(items) => Self::List(items.into_iter().map(Self::unknown_as_null).collect()),
            Self::Set(items) => Self::Set(items.into_iter().map(Self::unknown_as_null).collect()),
            Self::Map(items) => Self::Map(items.into_iter().map(|(key, it)| (key, it.unknown_as_null())).collect()),
            Self::Object(items) => {
                Self::Object(items.into_iter().map(|(name, it)| (name, it.unknown_as_null())).collect())
            }
            Self::Dynamic(inner) => Self::Dynamic(Box::new((inner.0, inner.1.unknown_as_null()))),
            known => known,
        }
    }

    /// What kind of value this is, in a word, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown => "unknown",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
            Self::Object(_) => "object",
            Self::Dynamic(_) => "dynamic value",
        }
    }

    /// The attributes of an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Object(attributes) => Some(attributes),
            _ => None,
        }
    }

    /// The attribute of an object, or nothing when this is no object or has no such attribute.
    pub fn get(&self, attribute: &str) -> Option<&Value> {
        match self {
            Self::Object(attributes) | Self::Map(attributes) => attributes.get(attribute),
            _ => None,
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(it) => Some(*it),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}
