//! A function with a nullable and a variadic parameter that gives an object.

use serde::{Deserialize, Serialize};

use super::toy::Client;
use crate::kinds::function::{Function, FunctionError, Parameter, Signature};
use crate::model::attr::Attr;
use crate::server::{Encoded, FunctionRefusal, PluginServer};
use crate::value::types::Type;
use crate::value::{Value, codec};

pub(super) struct Join;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    separator: Attr<String>,
    port: Attr<u16>,
    parts: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Joined {
    text: String,
    port: Option<u16>,
}

impl Function for Join {
    const NAME: &'static str = "join";
    type Arguments = Arguments;
    type Result = Joined;

    fn signature() -> Signature {
        let returns = Type::Object([("text".to_owned(), Type::String), ("port".to_owned(), Type::Number)].into());
        Signature::new("Joins parts.", "Joins parts by a separator.", returns)
            .parameter(Parameter::new("separator", Type::String, "Stands between the parts."))
            .parameter(Parameter::new("port", Type::Number, "Passed through.").nullable())
            .variadic(Parameter::new("parts", Type::String, "The parts."))
    }

    fn call(arguments: Arguments) -> Result<Joined, FunctionError> {
        let separator = arguments.separator.into_known().unwrap_or_default();
        if separator.is_empty() {
            return Err(FunctionError::new("The separator is empty.").at("separator"));
        }
        if arguments.parts.is_empty() {
            return Err(FunctionError::new("There are no parts."));
        }
        Ok(Joined { text: arguments.parts.join(&separator), port: arguments.port.into_known() })
    }
}

fn text(it: &str) -> (Type, Value) {
    (Type::String, it.into())
}

fn port(it: Value) -> (Type, Value) {
    (Type::Number, it)
}

async fn call(name: &str, arguments: &[(Type, Value)]) -> Result<Value, FunctionRefusal> {
    let server = Client::unconfigured().server;
    let arguments = arguments.iter().map(|(of, it)| codec::encode(of, it).unwrap()).collect();
    let result = server.call_function(name.into(), arguments).await?;
    Ok(codec::decode(&Join::signature().returns, &result).unwrap())
}

#[tokio::test]
async fn an_object_comes_back() {
    let joined = |port: Value| Value::object([("text", "a-b".into()), ("port", port)]);
    let (a, b) = (text("a"), text("b"));
    let call = async |it: Value| call("join", &[text("-"), port(it), a.clone(), b.clone()]).await;
    assert_eq!(call(5432.into()).await, Ok(joined(5432.into())));
    assert_eq!(call(Value::Null).await, Ok(joined(Value::Null)));
    assert_eq!(call(Value::Unknown).await, Ok(Value::Unknown));
}

/// OpenTofu sends no bytes at all for a null that is allowed.
#[tokio::test]
async fn an_empty_argument_is_null() {
    let arguments = [text("-"), text("a")].map(|(of, it)| codec::encode(&of, &it).unwrap());
    let [separator, part] = arguments;
    let server = Client::unconfigured().server;
    let result = server.call_function("join".into(), vec![separator, Encoded::default(), part]).await.unwrap();
    let result = codec::decode(&Join::signature().returns, &result).unwrap();
    assert_eq!(result.get("port"), Some(&Value::Null));
}

#[tokio::test]
async fn errors_name_the_argument() {
    let null = (Type::String, Value::Null);
    for (arguments, argument, wanted) in [
        (vec![text(""), port(Value::Null), text("a")], Some(0), "separator is empty"),
        (vec![text("-"), port(Value::Null)], None, "no parts"),
        (vec![text("-"), port(70_000.into()), text("a")], Some(1), "70000"),
        (vec![text("-"), port(1.into()), text("a"), null.clone()], Some(3), "`parts` cannot be null"),
        (vec![null, port(1.into()), text("a")], Some(0), "`separator` cannot be null"),
        (vec![text("-")], None, "takes 2 arguments"),
    ] {
        let error = call("join", &arguments).await.unwrap_err();
        assert_eq!(error.argument, argument, "{error:?}");
        assert!(error.text.contains(wanted), "{error:?}");
    }
    assert!(call("none", &[]).await.unwrap_err().text.contains("no function `none`"));
}
