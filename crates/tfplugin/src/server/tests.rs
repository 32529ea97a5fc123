//! The toy provider walked through its whole life, call by call.

mod ephemeral;
mod functions;
mod identity;
mod stored;
mod toy;

use super::{
    ApplyRequest, ClientCapabilities, Encoded, ImportRequest, PlanRequest, PluginServer, ReadRequest, UpgradeRequest,
};
use crate::diagnostic::Diagnostics;
use crate::value::Value;
use toy::{Client, decode, encode, timeouts, told, value};

fn config(name: &str) -> Value {
    value(&[("name", name.into())])
}

fn stored(name: &str, size: i64) -> Value {
    value(&[
        ("name", name.into()),
        ("size", size.into()),
        ("keep", false.into()),
        ("id", format!("id-{name}").into()),
        ("found", Value::string_set::<&str>([])),
    ])
}

fn null() -> Value {
    Value::Null
}

#[test]
fn schemas_and_models_agree_and_the_lists_are_whole() {
    use crate::provider::Provider;
    use crate::schema::Role;
    for resource in toy::Toy::resources() {
        assert_eq!(resource.agrees(), Ok(()));
        assert_eq!(resource.schema().check(Role::Resource), Ok(()));
    }
    for source in toy::Toy::data_sources() {
        assert_eq!(source.agrees(), Ok(()));
        assert_eq!(source.schema().check(Role::DataSource), Ok(()));
    }
    for resource in toy::Toy::ephemeral_resources() {
        assert_eq!(resource.agrees(), Ok(()));
        assert_eq!(resource.schema().check(Role::Ephemeral), Ok(()));
    }
    for function in toy::Toy::functions() {
        assert_eq!(function.agrees(), Ok(()));
    }
    let server = Client::unconfigured().server;
    let metadata = server.metadata();
    assert_eq!((metadata.ephemeral_resources, metadata.functions), (vec!["toy_token".into()], vec!["join".into()]));
    assert_eq!(server.metadata().resources, ["toy_thing"]);
    assert_eq!(server.provider_schema().data_sources[0].0, "toy_size");
    assert_eq!(server.address(), "example.com/toy/toy");
}

#[tokio::test]
async fn a_thing_is_made_changed_and_removed() {
    let client = Client::new().await;
    let made = client.run(&null(), &config("a")).await;
    assert_eq!(made, stored("a", 1));
    assert_eq!(client.size("a"), Some(1));
    let again = client.plan(&made, &config("a")).await;
    assert_eq!(decode(again.planned_state), made);
    assert!(again.diagnostics.is_empty(), "what changes nothing is not checked");
    let bigger = value(&[("name", "a".into()), ("size", 2.into())]);
    let changed = client.run(&made, &bigger).await;
    assert_eq!((&changed, client.size("a")), (&stored("a", 2), Some(2)));
    assert_eq!(client.run(&changed, &null()).await, null());
    assert_eq!(client.size("a"), None);
}

#[tokio::test]
async fn a_plan_says_what_it_does() {
    let client = Client::new().await;
    let plan = client.plan(&null(), &config("a")).await;
    assert_eq!(told(&plan.diagnostics), ["Warning  Checked"]);
    assert_eq!(decode(plan.planned_state).get("id"), Some(&Value::Unknown));
    let replace = client.plan_with(&stored("a", 1), &config("b"), b"{\"made\":true}").await;
    assert_eq!(replace.requires_replace, [crate::path!(name)]);
    assert_eq!(replace.planned_private, b"{\"made\":true}");
    let second = client.plan_with(&null(), &config("b"), &replace.planned_private).await;
    assert_eq!(second.planned_private, replace.planned_private, "Terraform gives it to the deletion of the old object");
    let made = client.apply(&null(), &decode(second.planned_state), b"{\"old\":1}").await;
    assert_eq!(made.private, b"{\"made\":true}", "a new object remembers nothing of the old");
}

#[tokio::test]
async fn a_refused_plan_has_no_state() {
    let client = Client::new().await;
    let refused = client.plan(&null(), &config("refused")).await;
    assert_eq!((told(&refused.diagnostics), refused.planned_state), (vec!["Error name Refused".into()], None));
    let negative = value(&[("name", "a".into()), ("size", (-1).into())]);
    let refused = client.plan(&null(), &negative).await;
    assert_eq!((told(&refused.diagnostics), refused.planned_state), (vec!["Error size Negative".into()], None));
}

#[tokio::test(start_paused = true)]
async fn checks_that_hang_are_a_warning() {
    let client = Client::new().await;
    let plan = client.plan(&null(), &config("hangs")).await;
    assert_eq!(told(&plan.diagnostics), ["Warning timeouts.read Plan is not checked"]);
    assert!(plan.planned_state.is_some());
}

async fn create(client: &Client, config: Value) -> (Value, Vec<String>, Vec<u8>) {
    let plan = client.plan(&null(), &config).await;
    let response = client.apply(&null(), &decode(plan.planned_state), &plan.planned_private).await;
    (decode(response.state), told(&response.diagnostics), response.private)
}

#[tokio::test]
async fn a_create_that_fails_half_way_keeps_its_checkpoint() {
    let client = Client::new().await;
    let (state, told, private) = create(&client, config("breaks")).await;
    let half = value(&[
        ("name", "breaks".into()),
        ("size", 1.into()),
        ("keep", false.into()),
        ("found", Value::string_set::<&str>([])),
    ]);
    assert_eq!(state, half, "what was unknown is null");
    assert_eq!(told, ["Warning  Made", "Error  Broke"]);
    assert_eq!(private, br#"{"made":true}"#);
    let (state, told, _) = create(&client, config("never")).await;
    assert_eq!((state, told), (null(), vec!["Warning  Made".into(), "Error  Never began".into()]));
    let (_, told, _) = create(&client, config("silent")).await;
    assert_eq!(told, ["Warning  Made", "Error  Bug in the provider"]);
}

#[tokio::test]
async fn a_create_that_panics_half_way_keeps_its_checkpoint() {
    let client = Client::new().await;
    let (state, told, private) = create(&client, config("panics")).await;
    assert_eq!(state.get("id"), Some(&"id-panics".into()));
    assert_eq!(told, ["Warning  Made", "Error  Bug in the provider"]);
    assert_eq!(private, br#"{"made":true}"#);
}

#[tokio::test]
async fn a_handler_may_return_what_it_observed() {
    let client = Client::new().await;
    let wanted =
        value(&[("name", "observed".into()), ("owner", "me".into()), ("keep", true.into()), timeouts("read", "1m")]);
    let made = client.run(&null(), &wanted).await;
    for name in ["owner", "keep", "timeouts"] {
        assert_eq!(made.get(name), wanted.get(name), "only the provider knows `{name}`");
    }
    assert_eq!(made.get("found"), Some(&Value::string_set::<&str>([])), "the next read shows the difference");
    assert_eq!(made.get("id"), Some(&"id-observed".into()));
    assert_eq!(client.run(&made, &null()).await, null());
    assert_eq!(client.size("observed"), Some(1), "`keep` came into the state");
}

#[tokio::test]
async fn what_core_would_refuse_is_told_as_a_bug_and_kept() {
    let client = Client::new().await;
    let (state, told, _) = create(&client, config("wrong")).await;
    assert_eq!(state.get("size"), Some(&99.into()));
    assert_eq!(told, ["Warning  Made", "Error size Bug in the provider"]);
    let (state, told, _) = create(&client, config("unknown")).await;
    assert_eq!(state.get("id"), Some(&null()));
    assert_eq!(told, ["Warning  Made", "Error id Bug in the provider"]);
}

#[tokio::test]
async fn a_failed_update_keeps_the_prior_state_or_its_checkpoint() {
    let client = Client::new().await;
    for (size, kept) in [(7, 6), (8, 1)] {
        let response = client.apply(&stored("a", 1), &stored("a", size), b"{\"x\":1}").await;
        assert_eq!(decode(response.state), stored("a", kept));
        assert_eq!(told(&response.diagnostics), ["Error  Broke"]);
        assert_eq!(response.private, b"{\"x\":1}");
    }
}

#[tokio::test]
async fn a_failed_delete_keeps_the_prior_state() {
    let client = Client::new().await;
    let response = client.apply(&stored("stays", 1), &null(), b"{\"x\":1}").await;
    assert_eq!(decode(response.state), stored("stays", 1));
    assert_eq!(told(&response.diagnostics), ["Error  Busy"]);
}

#[tokio::test]
async fn drift_shows_and_is_planned_back() {
    let client = Client::new().await;
    client.set("a", 12);
    let response = client.read(&stored("a", 10)).await;
    assert_eq!(response.private, br#"{"made":true}"#);
    let found = decode(response.state);
    assert_eq!(found.get("found"), Some(&Value::string_set(["excess"])));
    let wanted = value(&[("name", "a".into()), ("size", 10.into())]);
    let plan = client.plan(&found, &wanted).await;
    assert_eq!(decode(plan.planned_state), stored("a", 10));
    assert_eq!(plan.requires_replace, []);
}

#[tokio::test]
async fn what_is_gone_reads_null_and_what_is_unreadable_keeps_its_state() {
    let client = Client::new().await;
    assert_eq!(decode(client.read(&stored("a", 1)).await.state), null());
    assert_eq!(decode(client.read(&null()).await.state), null());
    let response = client.read(&stored("unreadable", 1)).await;
    assert_eq!(decode(response.state), stored("unreadable", 1));
    assert_eq!(response.private, br#"{"made":true}"#);
    assert_eq!(told(&response.diagnostics), ["Error  Unreadable"]);
}

#[tokio::test]
async fn an_import_is_filled_by_read_and_adopts_in_place() {
    let client = Client::new().await;
    client.set("a", 3);
    let imported = client.import("a").await;
    let named = decode(imported.state);
    assert_eq!(named, config("a"));
    let found = decode(client.read(&named).await.state);
    assert_eq!(found, stored("a", 3));
    let wanted = value(&[("name", "a".into()), ("size", 3.into()), ("owner", "me".into()), timeouts("read", "1m")]);
    let plan = client.plan(&found, &wanted).await;
    assert_eq!(plan.requires_replace, [], "an owner that was null is adopted");
    let adopted = client.run(&found, &wanted).await;
    assert_eq!(decode(client.plan(&adopted, &wanted).await.planned_state), adopted);
    let bad = client.import("a/b").await;
    assert_eq!((told(&bad.diagnostics), bad.state), (vec!["Error  Import id has the wrong form".into()], None));
}

#[tokio::test]
async fn an_unknown_provider_configuration_shows_what_was_and_says_so_once() {
    let client = Client::unconfigured();
    assert!(client.configure(Value::Unknown).await.is_empty());
    let warning = ["Warning  Provider configuration is not known yet"];
    for told_now in [&warning[..], &[]] {
        let response = client.read(&stored("a", 1)).await;
        assert_eq!(decode(response.state), stored("a", 1));
        assert_eq!(told(&response.diagnostics), told_now);
    }
    let plan = client.plan(&null(), &config("refused")).await;
    assert!(plan.planned_state.is_some() && plan.diagnostics.is_empty(), "checks are skipped");
    let error = ["Error  Provider configuration is not known yet"];
    let response = client.apply(&stored("a", 1), &null(), b"").await;
    assert_eq!((decode(response.state), told(&response.diagnostics)), (stored("a", 1), error.map(String::from).into()));
    assert_eq!(told(&client.data(&[("name", "a".into())]).await.diagnostics), error);
    let imported = client.import("a").await;
    assert_eq!(told(&imported.diagnostics), error);
    assert!(client.configure(Value::Unknown).await.is_empty());
    assert_eq!(told(&client.read(&stored("a", 1)).await.diagnostics), warning, "once for each configuration");
}

#[tokio::test]
async fn without_configuration_only_what_needs_none_works() {
    let client = Client::unconfigured();
    let missing = "Error  Provider is not configured";
    let response = client.read(&stored("a", 1)).await;
    assert_eq!((decode(response.state), told(&response.diagnostics)), (stored("a", 1), vec![missing.into()]));
    assert_eq!(told(&client.plan(&null(), &config("a")).await.diagnostics), [missing]);
    assert_eq!(told(&client.configure(null()).await), ["Error key No key"]);
    let nothing = client.server.configure_provider(Encoded::default(), "1.11.4".into()).await;
    assert_eq!(told(&nothing), ["Error key No key"]);
    assert_eq!(told(&client.data(&[("name", "a".into())]).await.diagnostics), [missing]);
}

#[tokio::test]
async fn stop_ends_what_waits_and_later_calls_work() {
    let client = Client::new().await;
    let server = std::sync::Arc::clone(&client.server);
    let planned = decode(client.plan(&null(), &config("waits")).await.planned_state);
    let nothing = null();
    let (response, ()) = tokio::join!(client.apply(&nothing, &planned, b""), async {
        while client.size("waits").is_none() {
            tokio::task::yield_now().await;
        }
        server.stop();
    });
    assert_eq!(decode(response.state), stored("waits", 1));
    assert_eq!(told(&response.diagnostics), ["Warning  Made", "Error  Cancelled"]);
    assert_eq!(client.run(&null(), &config("a")).await, stored("a", 1));
    let hangs = stored("hangs", 1);
    let (response, ()) = tokio::join!(client.read(&hangs), async { client.server.stop() });
    assert_eq!((decode(response.state), told(&response.diagnostics)), (hangs, vec!["Error  Interrupted".into()]));
}

#[tokio::test(start_paused = true)]
async fn deadlines_come_from_the_objects_timeouts() {
    let client = Client::new().await;
    let slow = value(&[("name", "hangs".into()), timeouts("read", "3s")]);
    let began = tokio::time::Instant::now();
    let response = client.read(&slow).await;
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(
        (decode(response.state), told(&response.diagnostics)),
        (slow, vec!["Error timeouts.read Reading timed out".into()])
    );
    assert!(response.diagnostics.iter().all(|it| it.detail.contains("within 3s")));

    let began = tokio::time::Instant::now();
    let planned =
        value(&[("name", "hangs".into()), ("size", 1.into()), ("id", Value::Unknown), timeouts("create", "5s")]);
    let response = client.apply(&null(), &planned, b"").await;
    assert_eq!(began.elapsed().as_secs(), 35, "the deadline and the time to find out what exists");
    assert_eq!(decode(response.state).get("id"), Some(&"id-hangs".into()));
    assert_eq!(told(&response.diagnostics), ["Warning  Made", "Error timeouts.create Timed out"]);

    let began = tokio::time::Instant::now();
    let response = client.data(&[("name", "hangs".into())]).await;
    assert_eq!(
        (began.elapsed().as_secs(), told(&response.diagnostics)),
        (120, vec!["Error  Reading timed out".into()])
    );
}

#[tokio::test]
async fn data_sources_have_defaults_and_echo_configuration() {
    let client = Client::new().await;
    client.set("a", 4);
    let found = Client::decode_data(client.data(&[("name", "a".into())]).await.state);
    assert_eq!(found, Value::object([("name", "a".into()), ("unit", "metre".into()), ("size", Value::from(4))]));
    let renamed = client.data(&[("name", "renames".into())]).await;
    assert_eq!((told(&renamed.diagnostics), renamed.state), (vec!["Error name Bug in the provider".into()], None));
    let unknown = client.data(&[("name", Value::Unknown)]).await;
    assert_eq!(told(&unknown.diagnostics), ["Error  Configuration is not known yet"]);
}

/// A write-only value is in the configuration alone: neither plan nor state nor result have it.
#[tokio::test]
async fn a_handler_reads_write_only_values_from_the_configuration() {
    let client = Client::new().await;
    let wanted = value(&[("name", "a".into()), ("secret", "hunter22".into())]);
    let plan = client.plan(&null(), &wanted).await;
    let planned = decode(plan.planned_state);
    assert_eq!(planned.get("secret"), Some(&null()));
    let made = client.apply_config(&null(), &planned, &wanted, &plan.planned_private).await;
    assert_eq!(made.private, br#"{"made":true,"secret_length":8}"#);
    assert_eq!(decode(made.state), stored("a", 1));
}

#[tokio::test]
async fn what_the_check_of_a_plan_keeps_reaches_its_apply() {
    let client = Client::new().await;
    let plan = client.plan_with(&null(), &config("noted"), br#"{"of":"the old"}"#).await;
    let made = client.apply(&null(), &decode(plan.planned_state), &plan.planned_private).await;
    assert_eq!(made.private, br#"{"made":true,"noted":"create"}"#);
    let destroy = client.plan_with(&stored("noted", 1), &null(), &made.private).await;
    let gone = client.apply(&stored("noted", 1), &null(), &destroy.planned_private).await;
    assert_eq!(told(&gone.diagnostics), ["Warning  Noted: other"], "written by the check of the destroy");
    // A deposed object is destroyed with what its creation kept.
    let deposed = client.apply(&stored("noted", 1), &null(), &made.private).await;
    assert_eq!(told(&deposed.diagnostics), ["Warning  Noted: create"]);
}

#[tokio::test]
async fn configuration_is_validated_by_schema_then_hook() {
    let client = Client::new().await;
    let type_of = crate::value::types::Type::Object([("key".to_owned(), crate::value::types::Type::String)].into());
    let encoded = |key: &str| crate::value::codec::encode(&type_of, &Value::object([("key", key.into())])).unwrap();
    let provider = async |key: &str| told(&client.server.validate_provider_config(encoded(key)).await);
    assert_eq!(provider("good").await, Vec::<String>::new());
    assert_eq!(provider("slow").await, ["Warning key Slow key"]);
    assert_eq!(provider("bad").await, ["Error key Invalid value"]);
    let late = value(&[("name", "a".into()), timeouts("create", "soon")]);
    let thing =
        client.server.validate_resource_config("toy_thing".into(), encode(&late), ClientCapabilities::default());
    assert_eq!(told(&thing.await), ["Error timeouts.create Invalid value"]);
}

fn with_part(name: Value) -> Value {
    let parts = Value::Set([Value::object([("name", name)])].into_iter().collect());
    value(&[("name", "a".into()), ("parts", parts)])
}

/// Terraform checks only that the argument is written: `name = one(other[*].name)` may be null.
#[tokio::test]
async fn a_required_argument_that_is_null_is_refused_before_anything_is_changed() {
    let client = Client::new().await;
    client.set("a", 1);
    for (config, path) in [(value(&[("size", 1.into())]), "name"), (with_part(null()), "parts")] {
        let error = [format!("Error {path} Missing required argument")];
        let validated =
            client.server.validate_resource_config("toy_thing".into(), encode(&config), ClientCapabilities::default());
        assert_eq!(told(&validated.await), error);
        for prior in [null(), stored("a", 1)] {
            let plan = client.plan(&prior, &config).await;
            assert_eq!((told(&plan.diagnostics), plan.planned_state), (error.to_vec(), None));
        }
    }
    assert!(!client.plan(&null(), &with_part(Value::Unknown)).await.diagnostics.has_errors());
    assert_eq!(told(&client.data(&[]).await.diagnostics), ["Error name Missing required argument"]);
}

#[tokio::test]
async fn a_read_only_attribute_that_is_set_is_refused() {
    let client = Client::new().await;
    let config = value(&[("name", "a".into()), ("id", "mine".into())]);
    let error = ["Error id Read-only attribute is set"];
    let validated =
        client.server.validate_resource_config("toy_thing".into(), encode(&config), ClientCapabilities::default());
    assert_eq!(told(&validated.await), error);
    assert_eq!(told(&client.plan(&null(), &config).await.diagnostics), error);
    let sized = [("name", "a".into()), ("size", 3.into())];
    assert_eq!(told(&client.data(&sized).await.diagnostics), ["Error size Read-only attribute is set"]);
}

#[tokio::test]
async fn a_damaged_state_is_told_as_what_it_is_and_kept() {
    let client = Client::new().await;
    let too_big = value(&[("name", "a".into()), ("size", Value::Number("1e30".parse().unwrap()))]);
    let nameless = value(&[("size", 1.into())]);
    for (state, error) in [(too_big, "Error size Stored state is damaged"), (nameless, "Error name Value is missing")] {
        let read = client.read(&state).await;
        assert_eq!((told(&read.diagnostics), decode(read.state)), (vec![error.into()], state.clone()));
        let deleted = client.apply(&state, &null(), b"").await;
        assert_eq!((told(&deleted.diagnostics), decode(deleted.state)), (vec![error.into()], state));
    }
}

#[tokio::test]
async fn unknown_types_and_broken_bytes_are_errors_that_keep_the_state() {
    let client = Client::new().await;
    let broken = Encoded { msgpack: vec![0x91, 0xc0], json: Vec::new() };
    let server = &client.server;
    for (name, summary) in [("toy_none", "Unknown resource type"), ("toy_thing", "Unreadable state")] {
        let type_name = || name.to_owned();
        let check = |diagnostics: &Diagnostics| assert!(told(diagnostics)[0].contains(summary), "{diagnostics:?}");
        let read = ReadRequest {
            type_name: type_name(),
            current_state: broken.clone(),
            private: b"p".to_vec(),
            current_identity: None,
        };
        let response = server.read_resource(read).await;
        check(&response.diagnostics);
        assert_eq!((response.state, response.private), (Some(broken.clone()), b"p".to_vec()));
        let plan = PlanRequest {
            type_name: type_name(),
            prior_state: broken.clone(),
            proposed_new_state: broken.clone(),
            config: broken.clone(),
            prior_private: Vec::new(),
            capabilities: ClientCapabilities::default(),
        };
        check(&server.plan_resource_change(plan).await.diagnostics);
        let apply = ApplyRequest {
            type_name: type_name(),
            prior_state: broken.clone(),
            planned_state: broken.clone(),
            config: broken.clone(),
            planned_private: b"p".to_vec(),
        };
        let response = server.apply_resource_change(apply).await;
        check(&response.diagnostics);
        assert_eq!((response.state, response.private), (Some(broken.clone()), b"p".to_vec()));
    }
    let unknown = server.read_data_source("toy_none".into(), broken.clone()).await;
    assert!(told(&unknown.diagnostics)[0].contains("Unknown data source type"));
    let upgrade = UpgradeRequest { type_name: "toy_none".into(), version: 0, json: Vec::new(), has_flatmap: false };
    assert!(server.upgrade_resource_state(upgrade).await.diagnostics.has_errors());
    let import = ImportRequest { type_name: "toy_none".into(), id: "x".into(), identity: None };
    assert!(server.import_resource_state(import).await.diagnostics.has_errors());
    assert!(server.validate_data_source_config("toy_none".into(), broken).await.has_errors());
}
