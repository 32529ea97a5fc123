//! Why bytes are no value of the wanted type.

use crate::value::conform::NotOfType;
use crate::value::path::{AttributePath, Step};
use crate::value::types::{NotAType, Type};

/// Bytes that are no value of the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_root() { String::new() } else { format!("`{path}`: ") })]
pub struct CodecError {
    /// Where in the value.
    pub path: AttributePath,
    message: String,
}

impl CodecError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { path: AttributePath::root(), message: message.into() }
    }

    pub(super) fn inside(mut self, step: Step) -> Self {
        self.path = self.path.inside(step);
        self
    }

    pub(super) fn wanted(wanted: &Type, found: &str) -> Self {
        Self::new(format!("wanted {}, found {found}", wanted.name()))
    }
}

impl From<NotOfType> for CodecError {
    fn from(error: NotOfType) -> Self {
        Self { path: error.path, message: error.message }
    }
}

impl From<NotAType> for CodecError {
    fn from(error: NotAType) -> Self {
        Self::new(error.to_string())
    }
}
