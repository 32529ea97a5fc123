//! An ephemeral token: opened, renewed, closed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::toy::{Client, World, told};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::ephemeral::{EphemeralResource, Opened};
use crate::model::attr::Attr;
use crate::path;
use crate::schema::{Schema, string};
use crate::server::{OpenResponse, PluginServer};
use crate::value::{Value, codec};

pub(super) struct Token;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    name: Attr<String>,
    kind: Attr<String>,
    token: Attr<String>,
}

impl EphemeralResource for Token {
    const TYPE: &'static str = "toy_token";
    type Model = Model;
    type Data = World;

    fn schema() -> Schema {
        Schema::new("A token.")
            .attribute("name", string().required().doc("Who may use it."))
            .attribute("kind", string().default("short").one_of(["short", "long"]).doc("How long it lives."))
            .attribute("token", string().computed().sensitive().doc("The token."))
    }

    async fn open(&self, cx: &Context<World>, config: Model) -> Result<Opened<Model>, Diagnostics> {
        let name = config.name.need(path!(name))?.clone();
        cx.data().lock().unwrap().insert(name.clone(), 0);
        cx.set_private("name", &name);
        let value = match name.as_str() {
            "fails" => return Err(Diagnostic::error("Refused", "").into()),
            "renames" => Model { name: Attr::Known("other".into()), token: Attr::Known("t".into()), ..config },
            _ => Model { token: Attr::Known(format!("token of {name}")), ..config },
        };
        Ok(Opened { value, renew_in: Some(Duration::from_mins(1)) })
    }

    async fn renew(&self, cx: &Context<World>) -> Result<Option<Duration>, Diagnostics> {
        let name: String = cx.private().get("name").unwrap_or_default();
        let mut world = cx.data().lock().unwrap();
        let count = world.get_mut(&name).ok_or_else(|| Diagnostic::error("Gone", ""))?;
        *count += 1;
        Ok((*count < 2).then_some(Duration::from_mins(1)))
    }

    async fn close(&self, cx: &Context<World>) -> Result<(), Diagnostics> {
        let name: String = cx.private().get("name").unwrap_or_default();
        cx.data().lock().unwrap().remove(&name);
        Ok(())
    }
}

async fn open(client: &Client, name: Value) -> OpenResponse {
    let config = Value::object([("name", name), ("kind", Value::Null), ("token", Value::Null)]);
    let config = codec::encode(Token::schema().object_type(), &config).unwrap();
    client.server.open_ephemeral("toy_token".into(), config).await
}

#[tokio::test]
async fn a_token_is_opened_renewed_and_closed() {
    let client = Client::new().await;
    let opened = open(&client, "a".into()).await;
    assert_eq!((opened.diagnostics, opened.renew_in), (Diagnostics::none(), Some(Duration::from_mins(1))));
    let result = codec::decode(Token::schema().object_type(), &opened.result.unwrap()).unwrap();
    let wanted = [("name", "a".into()), ("kind", "short".into()), ("token", Value::from("token of a"))];
    assert_eq!(result, Value::object(wanted));
    let renewed = client.server.renew_ephemeral("toy_token".into(), opened.private.clone()).await;
    assert_eq!((renewed.private, renewed.renew_in), (opened.private.clone(), Some(Duration::from_mins(1))));
    assert_eq!(client.server.renew_ephemeral("toy_token".into(), opened.private.clone()).await.renew_in, None);
    assert_eq!(client.size("a"), Some(2));
    client.server.stop();
    for _again in 0..2 {
        assert!(client.server.close_ephemeral("toy_token".into(), opened.private.clone()).await.is_empty());
    }
    assert_eq!(client.size("a"), None);
    let late = client.server.renew_ephemeral("toy_token".into(), opened.private.clone()).await;
    assert_eq!((told(&late.diagnostics), late.private), (vec!["Error  Gone".into()], opened.private));
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let client = Client::new().await;
    for (name, error) in [
        (Value::from("fails"), "Error  Refused"),
        (Value::from("renames"), "Error name Bug in the provider"),
        (Value::Unknown, "Error  Configuration is not known yet"),
        (Value::Null, "Error name Missing required argument"),
    ] {
        let opened = open(&client, name).await;
        assert_eq!((told(&opened.diagnostics), opened.result), (vec![error.into()], None));
    }
    assert_eq!(client.size("renames"), None, "closed again, for Terraform has nothing to close");
    let unconfigured = open(&Client::unconfigured(), "a".into()).await;
    assert_eq!(told(&unconfigured.diagnostics), ["Error  Provider is not configured"]);
    let none = client.server.close_ephemeral("toy_none".into(), Vec::new()).await;
    assert_eq!(told(&none), ["Error  Unknown ephemeral resource type"]);
}

#[tokio::test]
async fn its_configuration_is_validated() {
    let client = Client::unconfigured();
    let validate = async |kind: Value, token: Value| {
        let config = Value::object([("name", Value::Unknown), ("kind", kind), ("token", token)]);
        let config = codec::encode(Token::schema().object_type(), &config).unwrap();
        told(&client.server.validate_ephemeral_config("toy_token".into(), config).await)
    };
    assert_eq!(validate("long".into(), Value::Null).await, Vec::<String>::new());
    assert_eq!(validate("odd".into(), Value::Null).await, ["Error kind Invalid value"]);
    assert_eq!(validate(Value::Null, "mine".into()).await, ["Error token Read-only attribute is set"]);
}
