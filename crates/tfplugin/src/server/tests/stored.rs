//! States that were stored by older versions, or by other providers.

use super::config;
use super::toy::{Client, decode, told, value};
use crate::diagnostic::Diagnostics;
use crate::server::{MoveRequest, PluginServer, StateResponse, UpgradeRequest};

async fn upgrade(version: i64, json: &str, has_flatmap: bool) -> StateResponse {
    let server = Client::unconfigured().server;
    let request =
        UpgradeRequest { type_name: "toy_thing".into(), version, json: json.as_bytes().to_vec(), has_flatmap };
    server.upgrade_resource_state(request).await
}

#[tokio::test]
async fn a_stored_state_is_filled_and_trimmed() {
    let response = upgrade(1, r#"{"name":"a","size":2,"gone":[1]}"#, false).await;
    assert_eq!(decode(response.state), value(&[("name", "a".into()), ("size", 2.into())]));
    for (version, json, flatmap, summary) in [
        (2, "{}", false, "Error  State has a newer version"),
        (1, "", true, "Error  State is too old"),
        (1, "{", false, "Error  Unreadable state"),
        (0, "[]", false, "Error  Unreadable state"),
        (1, r#"{"name":[]}"#, false, "Error name Unreadable state"),
    ] {
        let response = upgrade(version, json, flatmap).await;
        assert_eq!((told(&response.diagnostics), response.state), (vec![summary.into()], None));
    }
}

#[tokio::test]
async fn a_state_of_an_older_version_is_upgraded() {
    let response = upgrade(0, r#"{"title":"a","size":2,"colour":"red"}"#, false).await;
    assert_eq!(decode(response.state), value(&[("name", "a".into()), ("size", 2.into())]));
    for json in [r#"{"name":"a","forgotten":1}"#, r#"{"title":{}}"#] {
        let response = upgrade(0, json, false).await;
        let [told] = &told(&response.diagnostics)[..] else { panic!("{:?}", response.diagnostics) };
        assert!(told.contains("Bug in the provider") && response.state.is_none(), "{told}");
    }
}

#[tokio::test]
async fn a_state_of_another_provider_becomes_ours() {
    let server = Client::unconfigured().server;
    let moved = async |address: &str, target: &str, json: &str| {
        let request = MoveRequest {
            provider_address: format!("registry.example.com/{address}"),
            type_name: "box_item".into(),
            schema_version: 3,
            json: json.as_bytes().to_vec(),
            has_flatmap: false,
            target: target.into(),
        };
        server.move_resource_state(request).await
    };
    let response = moved("other/box", "toy_thing", r#"{"label":"a"}"#).await;
    assert_eq!((decode(response.state), response.diagnostics), (config("a"), Diagnostics::none()));
    for (address, target, json, summary) in [
        ("else/box", "toy_thing", "{}", "Error  Resource cannot be moved to this type"),
        ("other/box", "toy_thing", "{}", "Error  No label"),
        ("other/box", "toy_thing", "[]", "Error  Unreadable state"),
        ("other/box", "toy_none", "{}", "Error  Unknown resource type"),
    ] {
        let response = moved(address, target, json).await;
        assert_eq!((told(&response.diagnostics), response.state), (vec![summary.into()], None));
    }
}
