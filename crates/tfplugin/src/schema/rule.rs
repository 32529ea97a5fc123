//! Rules between attributes.

/// A rule between top-level attributes of one configuration.
#[derive(Clone, Debug)]
pub enum Rule {
    /// One and only one is set.
    ExactlyOneOf(Vec<&'static str>),
    /// At least one is set.
    AtLeastOneOf(Vec<&'static str>),
    /// Not both are set.
    Conflicts(&'static str, &'static str),
    /// The second must be set when the first is.
    Requires(&'static str, &'static str),
}
