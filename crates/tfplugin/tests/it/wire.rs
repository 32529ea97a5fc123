//! Each kind over gRPC.

use rmpv::Value;
use tfplugin::wire::generated::tfplugin6::{
    self as proto, DynamicValue, apply_resource_change, call_function, close_ephemeral_resource, get_functions,
    get_provider_schema, get_resource_identity_schemas, import_resource_state, invoke_action,
    invoke_action::event::Type, list_resource, move_resource_state, open_ephemeral_resource, plan_action,
    plan_resource_change, read_resource, renew_ephemeral_resource, upgrade_resource_identity, upgrade_resource_state,
    validate_action_config, validate_ephemeral_resource_config,
};

use super::plugin::{Plugin, attribute, decoded, encoded, object};

fn note(name: &str, text: &str, secret: Value) -> DynamicValue {
    object([
        ("name", name.into()),
        ("text", text.into()),
        ("keep", Value::Nil),
        ("secret", secret),
        ("secret_version", Value::Nil),
        ("bytes", Value::Nil),
    ])
}

fn null() -> DynamicValue {
    encoded(&Value::Nil)
}

fn identity(name: &str) -> proto::ResourceIdentityData {
    proto::ResourceIdentityData { identity_data: Some(object([("name", name.into())])) }
}

async fn create(plugin: &mut Plugin, config: DynamicValue) -> apply_resource_change::Response {
    let plan = plan_resource_change::Request {
        type_name: "toy_note".into(),
        prior_state: Some(null()),
        proposed_new_state: Some(config.clone()),
        config: Some(config.clone()),
        ..plan_resource_change::Request::default()
    };
    let plan = plugin.client.plan_resource_change(plan).await.expect("an answer").into_inner();
    assert_eq!(plan.diagnostics, []);
    let planned = plan.planned_state.expect("a plan");
    assert_eq!(attribute(&planned, "secret"), Value::Nil);
    let apply = apply_resource_change::Request {
        type_name: "toy_note".into(),
        prior_state: Some(null()),
        planned_state: Some(planned),
        config: Some(config),
        planned_private: plan.planned_private,
        planned_identity: plan.planned_identity,
        ..apply_resource_change::Request::default()
    };
    plugin.client.apply_resource_change(apply).await.expect("an answer").into_inner()
}

#[tokio::test]
async fn the_schema_tells_all_kinds() {
    let mut plugin = Plugin::start().await;
    let schema = plugin.client.get_provider_schema(get_provider_schema::Request {}).await.expect("it").into_inner();
    assert!(schema.resource_schemas.contains_key("toy_note") && schema.data_source_schemas.contains_key("toy_size"));
    assert!(schema.ephemeral_resource_schemas.contains_key("toy_token"));
    let action = schema.action_schemas["toy_truncate"].schema.as_ref().and_then(|it| it.block.as_ref()).expect("it");
    assert!(action.attributes.iter().all(|it| !it.computed), "an action computes nothing: {action:?}");
    assert!(schema.list_resource_schemas.contains_key("toy_note"));
    let join = &schema.functions["join"];
    assert_eq!((join.parameters.len(), join.parameters[0].allow_null_value), (1, true));
    assert_eq!(join.variadic_parameter.as_ref().map(|it| it.name.as_str()), Some("parts"));
    let returns = join.r#return.as_ref().expect("a type");
    assert_eq!(returns.r#type, br#"["object",{"count":"number","text":"string"}]"#);
    let functions = plugin.client.get_functions(get_functions::Request {}).await.expect("it").into_inner();
    assert_eq!(functions.functions["join"], *join);
    let identities = plugin.client.get_resource_identity_schemas(get_resource_identity_schemas::Request {});
    let identities = identities.await.expect("an answer").into_inner().identity_schemas;
    let [name] = &identities["toy_note"].identity_attributes[..] else { panic!("{identities:?}") };
    assert_eq!((name.name.as_str(), name.required_for_import, name.optional_for_import), ("name", true, false));
}

#[tokio::test]
async fn a_write_only_value_arrives_and_is_told_nowhere() {
    let mut plugin = Plugin::start().await;
    let made = create(&mut plugin, note("a", "hello", "a secret that is told".into())).await;
    let state = made.new_state.expect("a state");
    assert_eq!((attribute(&state, "secret"), attribute(&state, "bytes")), (Value::Nil, 5.into()));
    assert_eq!(std::fs::read_to_string(plugin.folder.path().join("a.secret")).expect("it"), "a secret that is told");
    assert_eq!(made.new_identity, Some(identity("a")));
    let [warning] = &made.diagnostics[..] else { panic!("{:?}", made.diagnostics) };
    assert_eq!((warning.summary.as_str(), warning.detail.as_str()), ("Told: (sensitive value)", r"\u{1b}[31mred"));
    let log = plugin.log();
    assert!(log.contains("(sensitive value)") && !log.contains("that is told"), "{log}");
}

#[tokio::test]
async fn an_ephemeral_resource_is_opened_and_closed() {
    let mut plugin = Plugin::start().await;
    let config = || object([("name", "me".into()), ("token", Value::Nil)]);
    let type_name = || "toy_token".to_owned();
    let request = validate_ephemeral_resource_config::Request { type_name: type_name(), config: Some(config()) };
    let valid = plugin.client.validate_ephemeral_resource_config(request).await.expect("an answer").into_inner();
    assert_eq!(valid.diagnostics, []);
    let request = open_ephemeral_resource::Request {
        type_name: type_name(),
        config: Some(config()),
        ..open_ephemeral_resource::Request::default()
    };
    let opened = plugin.client.open_ephemeral_resource(request).await.expect("an answer").into_inner();
    assert_eq!(attribute(&opened.result.expect("a result"), "token"), "token of me".into());
    let until = std::time::SystemTime::try_from(opened.renew_at.expect("a time")).expect("a time");
    let hour = until.duration_since(std::time::SystemTime::now()).expect("in the future");
    assert!((3500..=3600).contains(&hour.as_secs()), "{hour:?}");
    let request = renew_ephemeral_resource::Request { type_name: type_name(), private: opened.private.clone() };
    let renewed = plugin.client.renew_ephemeral_resource(request).await.expect("an answer").into_inner();
    assert!(renewed.diagnostics[0].detail.contains("does not do"), "{:?}", renewed.diagnostics);
    let request = close_ephemeral_resource::Request { type_name: type_name(), private: opened.private };
    let closed = plugin.client.close_ephemeral_resource(request).await.expect("an answer").into_inner();
    assert_eq!(closed.diagnostics, []);
    assert!(plugin.folder.path().join("me.closed").exists());
}

#[tokio::test]
async fn a_function_gives_an_object_or_says_which_argument_is_wrong() {
    let mut plugin = Plugin::start().await;
    let mut call = async |parts: &[&str]| {
        // No bytes at all, as OpenTofu sends a null.
        let arguments = std::iter::once(DynamicValue::default()).chain(parts.iter().map(|it| encoded(&(*it).into())));
        let request = call_function::Request { name: "join".into(), arguments: arguments.collect() };
        plugin.client.call_function(request).await.expect("an answer").into_inner()
    };
    let answer = call(&["a", "b"]).await;
    let result = answer.result.expect("a result");
    assert_eq!((attribute(&result, "text"), attribute(&result, "count")), ("a-b".into(), 2.into()));
    let error = call(&["a", ""]).await.error.expect("an error");
    assert_eq!((error.text.as_str(), error.function_argument), ("The part `` is empty.", Some(1)));
}

#[tokio::test]
async fn an_object_is_imported_by_its_identity_and_keeps_it() {
    let mut plugin = Plugin::start().await;
    std::fs::write(plugin.folder.path().join("found"), "text").expect("a file");
    let request = import_resource_state::Request {
        type_name: "toy_note".into(),
        identity: Some(identity("found")),
        ..import_resource_state::Request::default()
    };
    let answer = plugin.client.import_resource_state(request).await.expect("an answer").into_inner();
    let [imported] = &answer.imported_resources[..] else { panic!("{:?}", answer.diagnostics) };
    assert_eq!(imported.identity, Some(identity("found")));
    let request = read_resource::Request {
        type_name: "toy_note".into(),
        current_state: imported.state.clone(),
        current_identity: imported.identity.clone(),
        ..read_resource::Request::default()
    };
    let read = plugin.client.read_resource(request).await.expect("an answer").into_inner();
    let state = read.new_state.expect("a state");
    assert_eq!((attribute(&state, "text"), attribute(&state, "keep")), ("text".into(), false.into()));
    assert_eq!(read.new_identity, Some(identity("found")));
    let request = upgrade_resource_identity::Request {
        type_name: "toy_note".into(),
        version: 0,
        raw_identity: Some(proto::RawState { json: br#"{"name":"found"}"#.to_vec(), ..proto::RawState::default() }),
    };
    let upgraded = plugin.client.upgrade_resource_identity(request).await.expect("an answer").into_inner();
    assert_eq!(upgraded.upgraded_identity, Some(identity("found")));
}

#[tokio::test]
async fn old_states_and_those_of_others_become_ours() {
    let mut plugin = Plugin::start().await;
    let raw = |json: &str| Some(proto::RawState { json: json.as_bytes().to_vec(), ..proto::RawState::default() });
    let request = upgrade_resource_state::Request {
        type_name: "toy_note".into(),
        version: 0,
        raw_state: raw(r#"{"name":"a","content":"old"}"#),
    };
    let upgraded = plugin.client.upgrade_resource_state(request).await.expect("an answer").into_inner();
    assert_eq!(attribute(&upgraded.upgraded_state.expect("a state"), "text"), "old".into());
    let request = move_resource_state::Request {
        source_provider_address: "registry.terraform.io/hashicorp/local".into(),
        source_type_name: "local_file".into(),
        source_state: raw(r#"{"filename":"./folder/a","content":"x"}"#),
        source_private: b"of another form".to_vec(),
        target_type_name: "toy_note".into(),
        ..move_resource_state::Request::default()
    };
    let moved = plugin.client.move_resource_state(request).await.expect("an answer").into_inner();
    assert_eq!(attribute(&moved.target_state.expect("a state"), "name"), "a".into());
    assert_eq!(moved.target_private, b"");
}

async fn invoke(plugin: &mut Plugin, text: Value) -> (Vec<String>, Vec<proto::Diagnostic>) {
    let config = Some(object([("name", "a".into()), ("text", text)]));
    let request = invoke_action::Request { action_type: "toy_truncate".into(), config, client_capabilities: None };
    let mut events = plugin.client.invoke_action(request).await.expect("a stream").into_inner();
    let (mut progress, mut completed) = (Vec::new(), Vec::new());
    while let Some(event) = events.message().await.expect("an event") {
        match event.r#type.expect("Terraform crashes on an event without a type") {
            Type::Progress(it) => progress.push(it.message),
            Type::Completed(it) => completed.push(it.diagnostics),
        }
    }
    let [diagnostics] = &completed[..] else { panic!("completed {} times", completed.len()) };
    (progress, diagnostics.clone())
}

#[tokio::test]
async fn an_action_tells_its_progress_and_ends_once() {
    let mut plugin = Plugin::start().await;
    let config = || Some(object([("name", "a".into()), ("text", Value::Nil)]));
    let plan =
        || plan_action::Request { action_type: "toy_truncate".into(), config: config(), client_capabilities: None };
    let refused = plugin.client.plan_action(plan()).await.expect("an answer").into_inner();
    assert_eq!(refused.diagnostics[0].summary, "There is no such file");
    let file = plugin.folder.path().join("a");
    std::fs::write(&file, "text").expect("a file");
    assert_eq!(plugin.client.plan_action(plan()).await.expect("an answer").into_inner().diagnostics, []);
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "text", "a plan changes nothing");
    let (progress, diagnostics) = invoke(&mut plugin, Value::Nil).await;
    assert_eq!((progress, diagnostics), (vec![r"half\u{1b}[2J way".to_owned()], vec![]));
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "gone");
    let (_, diagnostics) = invoke(&mut plugin, "panics".into()).await;
    assert!(diagnostics[0].detail.contains("in the middle of an action"), "{diagnostics:?}");
    let request = validate_action_config::Request {
        type_name: "toy_truncate".into(),
        config: Some(object([("name", Value::Nil), ("text", Value::Nil)])),
    };
    let refused = plugin.client.validate_action_config(request).await.expect("an answer").into_inner();
    assert_eq!(refused.diagnostics[0].summary, "Missing required argument");
}

#[tokio::test]
async fn a_list_names_the_objects_that_there_are() {
    let mut plugin = Plugin::start().await;
    for name in ["a1", "a2", "b1"] {
        std::fs::write(plugin.folder.path().join(name), name).expect("a file");
    }
    let mut list = async |config: DynamicValue, include_resource_object: bool, limit: i64| {
        let request = list_resource::Request {
            type_name: "toy_note".into(),
            config: Some(config),
            include_resource_object,
            limit,
        };
        let mut events = plugin.client.list_resource(request).await.expect("a stream").into_inner();
        let mut found = Vec::new();
        while let Some(event) = events.message().await.expect("an event") {
            assert_eq!(event.diagnostic, []);
            found.push(event);
        }
        found
    };
    let found = list(object([("prefix", "a".into())]), true, 100).await;
    assert_eq!(found.iter().map(|it| it.display_name.as_str()).collect::<Vec<_>>(), ["a1", "a2"]);
    assert_eq!(found[1].identity, Some(identity("a2")));
    assert_eq!(attribute(found[1].resource_object.as_ref().expect("an object"), "text"), "a2".into());
    let all = list(null(), false, 2).await;
    assert_eq!((all.len(), all[0].resource_object.is_none()), (2, true), "no more than asked for, without objects");
}

#[tokio::test]
async fn a_null_where_a_value_is_required_changes_nothing() {
    let mut plugin = Plugin::start().await;
    let made = create(&mut plugin, note("a", "hello", Value::Nil)).await;
    let state = made.new_state.expect("a state");
    let Value::Map(mut config) = decoded(&note("", "hello", Value::Nil)) else { panic!("no object") };
    config.retain(|(name, _)| name.as_str() != Some("name"));
    config.push(("name".into(), Value::Nil));
    let config = encoded(&Value::Map(config));
    let request = plan_resource_change::Request {
        type_name: "toy_note".into(),
        prior_state: Some(state),
        proposed_new_state: Some(config.clone()),
        config: Some(config),
        ..plan_resource_change::Request::default()
    };
    let plan = plugin.client.plan_resource_change(request).await.expect("an answer").into_inner();
    assert_eq!((plan.diagnostics[0].summary.as_str(), plan.planned_state), ("Missing required argument", None));
}
