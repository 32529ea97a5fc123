//! `CallFunction`: pure, without a configured provider.

use super::messages::FunctionRefusal;
use crate::kinds::function::Parameter;
use crate::provider::Provider;
use crate::server::host::FrameworkServer;
use crate::value::Value;
use crate::value::codec::{self, Encoded};

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn call(&self, name: &str, arguments: &[Encoded]) -> Result<Encoded, FunctionRefusal> {
        let refuse = |text: String, argument| FunctionRefusal { text, argument };
        let Some(function) = self.functions.get(name) else {
            return Err(refuse(format!("This version of the provider has no function `{name}`."), None));
        };
        let signature = function.signature();
        let wanted = signature.parameters.len();
        if arguments.len() < wanted || (arguments.len() > wanted && signature.variadic.is_none()) {
            return Err(refuse(format!("`{name}` takes {wanted} arguments, not {}.", arguments.len()), None));
        }
        // The variadic parameter takes all that is left.
        let parameters =
            signature.parameters.iter().chain(std::iter::repeat_with(|| signature.variadic.as_ref()).flatten());
        let mut values = Vec::with_capacity(arguments.len());
        for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
            let value = argument_value(parameter, argument).map_err(|text| refuse(text, Some(index)))?;
            values.push(value);
        }
        // Terraform does not send what is unknown; what another client sends so has a result that is unknown.
        let result = if values.iter().all(Value::is_wholly_known) {
            function.call(values).map_err(|error| {
                let names = signature.parameters.iter().chain(&signature.variadic).map(|it| it.name);
                let argument = error.parameter.and_then(|wrong| names.into_iter().position(|name| name == wrong));
                refuse(error.text, argument)
            })?
        } else {
            Value::Unknown
        };
        codec::encode(&signature.returns, &result).map_err(|error| {
            refuse(format!("Bug in the provider: the result of `{name}` does not fit: {error}."), None)
        })
    }
}

fn argument_value(parameter: &Parameter, argument: &Encoded) -> Result<Value, String> {
    let value =
        codec::decode(&parameter.of, argument).map_err(|error| format!("The argument cannot be read: {error}."))?;
    if value.is_null() && !parameter.nullable {
        return Err(format!("`{}` cannot be null.", parameter.name));
    }
    Ok(value)
}
