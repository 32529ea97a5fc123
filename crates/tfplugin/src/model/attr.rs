//! `Attr`: one attribute of a typed model, which may be null or not yet known.

use serde::de::{EnumAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::path::AttributePath;

/// The name under which the model bridge recognises an [`Attr`]; not for other serializers.
pub(crate) const NAME: &str = "$framework::Attr";
/// The three states, as variants of that name.
const VARIANTS: &[&str] = &["Null", "Unknown", "Known"];

/// A typed attribute. It has no default: a model whose field has no attribute in the schema, or the reverse, does
/// not decode, which is what keeps schema and model in agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attr<T> {
    /// Null: the configuration leaves it out, or the object has none.
    Null,
    /// Known after apply.
    Unknown,
    /// A value that is known now.
    Known(T),
}

impl<T> Attr<T> {
    /// The value, if it is known and not null.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// The value, if it is known and not null.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown => None,
        }
    }

    /// The value that a handler cannot do without. In an apply, and in what Read gets, required arguments are known
    /// and not null: an error says what is wrong with the state, or that the provider has a mistake.
    pub fn need(&self, at: AttributePath) -> Result<&T, Diagnostics> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Null => Err(Diagnostic::error(
                "Value is missing",
                format!(
                    "`{at}` is null, and the provider cannot tell which object is meant without it. If it is null in the \
                     stored state, the state is damaged: restore an earlier state, or remove the object with \
                     `terraform state rm` and import it again."
                ),
            )
            .at(at)
            .into()),
            Self::Unknown => {
                Err(Diagnostic::bug(format!("`{at}` is not known yet where it is needed.")).at(at).into())
            }
        }
    }

    /// Whether the attribute is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the attribute is known after apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The same state over another type.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Known(value) => Attr::Known(f(value)),
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
        }
    }

    /// This value if the plan fixed it (known or null), else what the server said: Terraform requires that what was
    /// known in the plan comes back unchanged.
    #[must_use]
    pub fn or_found(self, found: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Unknown => found(),
            planned => planned,
        }
    }
}

impl<T> Attr<T> {
    /// This value, or the default where it is null: for what an import does not say.
    #[must_use]
    pub fn or_default(self, default: impl Into<T>) -> Self {
        match self {
            Self::Null => Self::Known(default.into()),
            said => said,
        }
    }
}

impl Attr<bool> {
    /// True only when known to be true.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Known(true))
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl<T: Serialize> Serialize for Attr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit_variant(NAME, 0, VARIANTS[0]),
            Self::Unknown => serializer.serialize_unit_variant(NAME, 1, VARIANTS[1]),
            Self::Known(value) => serializer.serialize_newtype_variant(NAME, 2, VARIANTS[2], value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Attr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct States<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for States<T> {
            type Value = Attr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Attr<T>, A::Error> {
                let (state, content) = data.variant::<u32>()?;
                match state {
                    0 => content.unit_variant().map(|()| Attr::Null),
                    1 => content.unit_variant().map(|()| Attr::Unknown),
                    _ => content.newtype_variant().map(Attr::Known),
                }
            }
        }

        deserializer.deserialize_enum(NAME, VARIANTS, States(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[test]
    fn a_needed_value_is_there_or_its_absence_is_explained() {
        assert_eq!(Attr::Known(3).need(path!(oid)), Ok(&3));
        let summary = |it: Attr<u32>| {
            let problems = it.need(path!(oid)).unwrap_err();
            let told = problems.iter().next().unwrap().clone();
            assert_eq!(told.path, path!(oid));
            told.summary
        };
        assert_eq!(summary(Attr::Null), "Value is missing");
        assert_eq!(summary(Attr::Unknown), "Bug in the provider");
    }
}
