//! Attributes: what each holds, and how it behaves in a plan.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::timeouts::parse_duration;
use crate::value::Value;
use crate::value::types::Type;

/// How nested attributes are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object: `x = { … }`.
    Single,
    /// A list of objects: `x = [{ … }]`, in order, duplicates kept.
    List,
    /// A set of objects: `x = [{ … }]`, without order or duplicates.
    Set,
    /// A map of objects by name: `x = { a = { … } }`.
    Map,
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A value of a type.
    Type(Type),
    /// Objects with attributes of their own.
    Nested(Nesting, BTreeMap<String, Attribute>),
}

/// One attribute. Built by [`string`], [`boolean`], … and the methods below.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the wire form of an attribute is a row of flags")]
pub struct Attribute {
    /// What it holds.
    pub kind: Kind,
    /// Must be set.
    pub required: bool,
    /// May be set.
    pub optional: bool,
    /// The provider may set it.
    pub computed: bool,
    /// Hidden in plans and outputs.
    pub sensitive: bool,
    /// Read from configuration only, never stored (Terraform 1.11 and newer).
    pub write_only: bool,
    /// Why it should not be used any more.
    pub deprecated: Option<&'static str>,
    /// What it means: Markdown sentences for the page and the description on the wire.
    pub doc: String,
    /// Planned where configuration says nothing. On a computed-only attribute: the value every plan aims at, so that
    /// another value found by Read shows as an in-place difference.
    pub default: Option<Value>,
    /// Computed once: the prior value is planned again when configuration says nothing, also where it is null.
    pub keeps_prior: bool,
    /// A change replaces the object, if the prior value is not null.
    pub replaces_if_set: bool,
    /// After an import it stays null although it has a default, until the first apply adopts what is configured.
    pub adopted_after_import: bool,
    /// Checked on known, non-null values (of each element for collections of strings, see [`Validator`]).
    pub validators: Vec<Validator>,
}

/// The signature of a check on one value: a sentence on what is wrong.
pub type CheckValue = dyn Fn(&Value) -> Result<(), String> + Send + Sync;

/// A check on the value of one attribute.
#[derive(Clone)]
pub enum Validator {
    /// One of these strings; for a set or list of strings, each member is.
    OneOf(Vec<&'static str>),
    /// A check in code, on the whole value.
    Check(Arc<CheckValue>),
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(values) => f.debug_tuple("OneOf").field(values).finish(),
            Self::Check(_) => f.write_str("Check"),
        }
    }
}

/// The type of objects with these attributes.
pub(super) fn object_type(attributes: &BTreeMap<String, Attribute>) -> Type {
    Type::Object(attributes.iter().map(|(name, attribute)| (name.clone(), attribute.value_type())).collect())
}

fn attribute(kind: Kind) -> Attribute {
    Attribute {
        kind,
        required: false,
        optional: false,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: None,
        doc: String::new(),
        default: None,
        keeps_prior: false,
        replaces_if_set: false,
        adopted_after_import: false,
        validators: Vec::new(),
    }
}

fn named(attributes: impl IntoIterator<Item = (&'static str, Attribute)>) -> BTreeMap<String, Attribute> {
    attributes.into_iter().map(|(name, attribute)| (name.to_owned(), attribute)).collect()
}

/// An attribute of type `string`, neither required nor optional yet.
pub fn string() -> Attribute {
    attribute(Kind::Type(Type::String))
}

/// An attribute of type `bool`, likewise.
pub fn boolean() -> Attribute {
    attribute(Kind::Type(Type::Bool))
}

/// An attribute of type `number`: a decimal of up to 512 bits, likewise.
pub fn number() -> Attribute {
    attribute(Kind::Type(Type::Number))
}

/// A set of values of one type.
pub fn set_of(element: Type) -> Attribute {
    attribute(Kind::Type(Type::Set(Box::new(element))))
}

/// A list of values of one type.
pub fn list_of(element: Type) -> Attribute {
    attribute(Kind::Type(Type::List(Box::new(element))))
}

/// A map of values of one type.
pub fn map_of(element: Type) -> Attribute {
    attribute(Kind::Type(Type::Map(Box::new(element))))
}

/// One value of an object type, for what is only read: attributes of its own, as [`single`] has them, make
/// `-generate-config-out` of some Terraform versions crash where they are computed.
pub fn object_of(attributes: impl IntoIterator<Item = (&'static str, Type)>) -> Attribute {
    let attributes = attributes.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
    attribute(Kind::Type(Type::Object(attributes)))
}

/// One object with attributes of its own.
pub fn single(attributes: impl IntoIterator<Item = (&'static str, Attribute)>) -> Attribute {
    attribute(Kind::Nested(Nesting::Single, named(attributes)))
}

/// A set of objects with attributes of their own.
pub fn set_of_objects(attributes: impl IntoIterator<Item = (&'static str, Attribute)>) -> Attribute {
    attribute(Kind::Nested(Nesting::Set, named(attributes)))
}

impl Attribute {
    /// Must be set.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// May be set.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Set by the provider; with [`optional`](Self::optional), unless configuration sets it.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Planned where configuration says nothing. Makes the attribute optional, unless it was made computed before.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.optional |= !self.computed;
        self.computed = true;
        self.default = Some(value.into());
        self
    }

    /// Computed once, then kept over updates. A null is kept too: what has no value on this server does not get one by an update,
    /// and a value that an import did not know is filled by the read after it.
    #[must_use]
    pub fn keeps_prior(mut self) -> Self {
        self.keeps_prior = true;
        self
    }

    /// A change replaces the object, if the prior value is not null.
    #[must_use]
    pub fn replaces_if_set(mut self) -> Self {
        self.replaces_if_set = true;
        self
    }

    /// After an import it stays null although it has a default: the server cannot tell what it would be, and the first
    /// apply adopts what is configured.
    #[must_use]
    pub fn adopted_after_import(mut self) -> Self {
        self.adopted_after_import = true;
        self
    }

    /// Hidden in plans and outputs.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Read from configuration only and never stored; needs Terraform or OpenTofu 1.11.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Still works, but should not be used any more; the sentence says what to use.
    #[must_use]
    pub fn deprecated(mut self, sentence: &'static str) -> Self {
        self.deprecated = Some(sentence);
        self
    }

    /// Markdown sentences on meaning, form and effect. Default, allowed values and replacement are rendered from the
    /// behaviour and not repeated here.
    #[must_use]
    pub fn doc(mut self, sentences: impl Into<String>) -> Self {
        self.doc = sentences.into();
        self
    }

    /// Adds the sentence on a default that the planner does not apply.
    #[must_use]
    pub(super) fn doc_default(mut self, value: &str) -> Self {
        self.doc = format!("{} Defaults to `{value}`.", self.doc);
        self
    }

    /// One of these strings; for a set or list of strings, each member.
    #[must_use]
    pub fn one_of(mut self, values: impl IntoIterator<Item = &'static str>) -> Self {
        self.validators.push(Validator::OneOf(values.into_iter().collect()));
        self
    }

    /// A string that `parse` accepts: its error is what the user reads.
    #[must_use]
    pub fn parsed_by<T, E: fmt::Display>(self, parse: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static) -> Self {
        self.checked_by(move |value| match value.as_str() {
            Some(text) => parse(text).map(drop).map_err(|error| error.to_string()),
            None => Ok(()),
        })
    }

    /// A set or list of strings, each of which `parse` accepts.
    #[must_use]
    pub fn each_parsed_by<T, E: fmt::Display>(
        self,
        parse: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.checked_by(move |value| {
            let members: Vec<&Value> = match value {
                Value::List(items) => items.iter().collect(),
                Value::Set(items) => items.iter().collect(),
                _ => Vec::new(),
            };
            for text in members.into_iter().filter_map(Value::as_str) {
                parse(text).map(drop).map_err(|error| error.to_string())?;
            }
            Ok(())
        })
    }

    /// A check in code on the whole value; called with known, non-null values only (parts of it may be unknown).
    #[must_use]
    pub fn checked_by(mut self, check: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.validators.push(Validator::Check(Arc::new(check)));
        self
    }

    /// A whole number within a range.
    #[must_use]
    pub fn whole(self, range: std::ops::RangeInclusive<i64>) -> Self {
        self.checked_by(move |value| match value {
            Value::Number(number) if number.to_i64().is_some_and(|n| range.contains(&n)) => Ok(()),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        })
    }

    /// A positive Go duration.
    #[must_use]
    pub fn duration(self) -> Self {
        self.parsed_by(parse_duration)
    }

    /// The type of the attribute's values.
    pub fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Type(it) => it.clone(),
            Kind::Nested(nesting, attributes) => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::List(Box::new(object)),
                    Nesting::Set => Type::Set(Box::new(object)),
                    Nesting::Map => Type::Map(Box::new(object)),
                }
            }
        }
    }
}
