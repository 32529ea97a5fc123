//! Why a value and a model do not fit together.

use crate::value::path::{AttributePath, Step};

/// A value and a model that do not fit together: a mistake in the provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_root() { String::new() } else { format!("`{path}`: ") })]
pub struct Mismatch {
    /// Where in the value, as far as a path can tell.
    pub path: AttributePath,
    message: String,
}

impl Mismatch {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { path: AttributePath::root(), message: message.into() }
    }

    pub(super) fn inside(mut self, step: Step) -> Self {
        self.path = self.path.inside(step);
        self
    }
}

impl serde::ser::Error for Mismatch {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for Mismatch {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}
