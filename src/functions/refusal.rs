//! Why a function gives no value, and what its arguments and types are made of.

use tfplugin::{Attr, FunctionError, Type};

/// Why a function gives no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The parameter that is wrong.
    pub(crate) parameter: &'static str,
    /// What is wrong with it, and what to do.
    pub(crate) reason: String,
}

/// What a function gives.
pub(crate) type Result<T> = std::result::Result<T, Refused>;

pub(super) fn refused<T>(parameter: &'static str, reason: impl Into<String>) -> Result<T> {
    Err(Refused { parameter, reason: reason.into() })
}

/// A name that is not empty.
pub(super) fn named<'a>(parameter: &'static str, name: &'a str) -> Result<&'a str> {
    if name.is_empty() { refused(parameter, "It must not be empty.") } else { Ok(name) }
}

impl From<Refused> for FunctionError {
    fn from(refused: Refused) -> Self {
        Self::new(refused.reason).at(refused.parameter)
    }
}

/// The argument of a parameter that is needed. Terraform passes null only where the signature allows it.
pub(super) fn given<T>(parameter: &'static str, argument: Attr<T>) -> Result<T> {
    argument.into_known().ok_or_else(|| Refused { parameter, reason: format!("`{parameter}` cannot be null.") })
}

/// An object type.
pub(super) fn object(attributes: &[(&str, Type)]) -> Type {
    Type::Object(attributes.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect())
}
