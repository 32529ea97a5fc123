//! The object-safe twin of [`Function`].

use crate::kinds::function::{Function, FunctionError, Signature};
use crate::model;
use crate::value::Value;
use crate::value::path::Step;

/// A [`Function`] over untyped values.
pub trait ErasedFunction: Send + Sync {
    /// [`Function::NAME`]
    fn name(&self) -> &'static str;
    /// The signature, made once.
    fn signature(&self) -> &Signature;
    /// Calls it with as many values as it has parameters, and any more that its variadic parameter takes.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
    /// Whether the struct of the arguments has the parameters of the signature.
    fn agrees(&self) -> Result<(), String>;
}

/// A function as the provider's list holds it.
pub fn function<F: Function>(function: F) -> Box<dyn ErasedFunction> {
    Box::new(Erased { _it: function, signature: F::signature() })
}

struct Erased<F> {
    _it: F,
    signature: Signature,
}

impl<F> Erased<F> {
    fn arguments(&self, mut values: Vec<Value>) -> Value {
        let further = values.split_off(values.len().min(self.signature.parameters.len()));
        let named = self.signature.parameters.iter().map(|it| it.name).zip(values);
        let variadic = self.signature.variadic.iter().map(|it| (it.name, Value::List(further.clone())));
        Value::object(named.chain(variadic))
    }

    /// The parameter of a name in the signature.
    fn parameter(&self, name: &str) -> Option<&'static str> {
        self.signature.parameters.iter().chain(&self.signature.variadic).map(|it| it.name).find(|it| *it == name)
    }
}

impl<F: Function> ErasedFunction for Erased<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let arguments = model::from_value(&self.arguments(arguments)).map_err(|error| FunctionError {
            parameter: match error.path.steps().first() {
                Some(Step::Attribute(name)) => self.parameter(name),
                _ => None,
            },
            text: format!("The argument does not fit: {error}."),
        })?;
        let result = model::to_value(&F::call(arguments)?).map_err(|error| error.to_string());
        result.and_then(|it| self.signature.returns.conform(it).map_err(|error| error.to_string())).map_err(|problem| {
            FunctionError::new(format!("Bug in the provider: the result of `{}` does not fit: {problem}.", F::NAME))
        })
    }

    fn agrees(&self) -> Result<(), String> {
        for leaf in [Value::Null, Value::Unknown] {
            let values = self.signature.parameters.iter().map(|_| leaf.clone()).collect();
            model::from_value::<F::Arguments>(&self.arguments(values))
                .map_err(|error| format!("function `{}` does not decode: {error}", F::NAME))?;
        }
        Ok(())
    }
}
