//! The trait a provider function implements (Terraform 1.8, OpenTofu 1.7 and newer).

pub(super) mod erased;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::value::types::Type;

/// A parameter of a function. Terraform calls a function only with arguments that are known, and with null only where
/// the parameter allows it.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name, as documentation and messages have it.
    pub name: &'static str,
    /// The type that Terraform converts the argument to, or refuses it.
    pub of: Type,
    /// Whether null may be passed.
    pub nullable: bool,
    /// What the parameter means: Markdown sentences for the page and for editors.
    pub doc: &'static str,
}

impl Parameter {
    /// A parameter that cannot be null.
    pub fn new(name: &'static str, of: Type, doc: &'static str) -> Self {
        Self { name, of, nullable: false, doc }
    }

    /// Null may be passed.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

/// What a function takes and gives.
#[derive(Clone, Debug)]
pub struct Signature {
    /// What the function computes, in one sentence (`Function.summary` of protocol 6.5).
    pub summary: &'static str,
    /// Markdown of its page, the description that Terraform shows.
    pub prose: &'static str,
    /// The positional parameters, in the order of the call.
    pub parameters: Vec<Parameter>,
    /// Takes all further arguments, each of its type.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub returns: Type,
}

impl Signature {
    /// A function without parameters.
    pub fn new(summary: &'static str, prose: &'static str, returns: Type) -> Self {
        Self { summary, prose, parameters: Vec::new(), variadic: None, returns }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes all further arguments by one parameter.
    #[must_use]
    pub fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }
}

/// Why a function gives no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong, as the person who wrote the call reads it.
    pub text: String,
    /// The parameter whose argument is wrong.
    pub parameter: Option<&'static str>,
}

impl FunctionError {
    /// An error about the call as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), parameter: None }
    }

    /// The same error on the argument of a parameter.
    #[must_use]
    pub fn at(mut self, parameter: &'static str) -> Self {
        self.parameter = Some(parameter);
        self
    }
}

/// A provider function: pure, since Terraform compares the results of plan and apply. It is called without a configured
/// provider and does no IO.
pub trait Function: Send + Sync + 'static {
    /// The name, without the provider: `provider::toy::parse` is `parse`.
    const NAME: &'static str;
    /// A serde struct with a field for each parameter by its name, each an [`Attr`](crate::Attr); that of a variadic
    /// parameter is a `Vec`.
    type Arguments: DeserializeOwned;
    /// What serializes into [`Signature::returns`].
    type Result: Serialize;

    /// Parameters, result and prose.
    fn signature() -> Signature;

    /// Computes the result. Errors end the evaluation of the expression.
    fn call(arguments: Self::Arguments) -> Result<Self::Result, FunctionError>;
}
