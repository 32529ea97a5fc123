//! The identity of a thing through its life: it is the thing's name.

use super::toy::{Client, decode, told, value};
use super::{config, null, stored};
use crate::server::{Encoded, ImportRequest, PluginServer};
use crate::value::types::Type;
use crate::value::{Value, codec};

fn identity_type() -> Type {
    Type::Object([("name".to_owned(), Type::String), ("owner".to_owned(), Type::String)].into())
}

fn identity(name: Value) -> Value {
    Value::object([("name", name), ("owner", Value::Null)])
}

#[track_caller]
fn decoded(identity: Option<Encoded>) -> Value {
    codec::decode(&identity_type(), &identity.expect("an identity")).unwrap()
}

#[tokio::test]
async fn each_call_with_a_state_has_its_identity() {
    let client = Client::new().await;
    let plan = client.plan(&null(), &config("a")).await;
    assert_eq!(decoded(plan.planned_identity), identity("a".into()));
    let unknown = client.plan(&null(), &value(&[("name", Value::Unknown)])).await;
    assert_eq!(decoded(unknown.planned_identity).get("name"), Some(&Value::Unknown));
    let made = client.apply(&null(), &decode(plan.planned_state), &plan.planned_private).await;
    assert_eq!(decoded(made.identity), identity("a".into()));
    assert_eq!(decoded(client.read(&stored("a", 1)).await.identity), identity("a".into()));
    let replaced = client.plan(&stored("a", 1), &value(&[("name", Value::Unknown)])).await;
    assert_eq!(decoded(replaced.planned_identity), identity("a".into()), "an object that is there has a known one");
    let destroy = client.plan(&stored("a", 1), &null()).await;
    assert_eq!(decoded(destroy.planned_identity), identity("a".into()));
    let gone = client.apply(&stored("a", 1), &null(), b"").await;
    assert_eq!((told(&gone.diagnostics), gone.identity), (vec![], None));
}

#[tokio::test]
async fn an_import_by_identity_names_the_same_object() {
    let client = Client::new().await;
    let import = async |id: &str, identity: Option<Value>| {
        let identity = identity.map(|it| codec::encode(&identity_type(), &it).unwrap());
        client
            .server
            .import_resource_state(ImportRequest { type_name: "toy_thing".into(), id: id.into(), identity })
            .await
    };
    for answer in [import("", Some(identity("a".into()))).await, import("a", None).await] {
        assert_eq!(told(&answer.diagnostics), Vec::<String>::new());
        assert_eq!((decode(answer.state), decoded(answer.identity)), (config("a"), identity("a".into())));
    }
    let nameless = import("", Some(identity(Value::Null))).await;
    assert_eq!((told(&nameless.diagnostics), nameless.state), (vec!["Error  Identity is not complete".into()], None));
}

#[tokio::test]
async fn a_stored_identity_is_upgraded_by_name() {
    let server = Client::unconfigured().server;
    let upgrade = async |type_name: &str, version: i64, json: &str| {
        server.upgrade_resource_identity(type_name.into(), version, json.as_bytes().to_vec()).await
    };
    let upgraded = upgrade("toy_thing", 0, r#"{"name":"a","gone":1}"#).await;
    assert_eq!(decoded(upgraded.ok()), identity("a".into()));
    for (type_name, version, json) in [("toy_thing", 1, "{}"), ("toy_thing", 0, "["), ("toy_none", 0, "{}")] {
        assert!(upgrade(type_name, version, json).await.unwrap_err().has_errors());
    }
}
