//! Calls that Terraform does not make, or makes rarely: the answer is a diagnostic, never a gRPC error.

use tfplugin::wire::generated::tfplugin6::{
    self as proto, Diagnostic, DynamicValue, apply_resource_change, configure_provider, diagnostic::Severity,
    get_functions, get_metadata, get_provider_schema, get_resource_identity_schemas, import_resource_state,
    move_resource_state, plan_resource_change, read_data_source, read_resource, upgrade_resource_state,
    validate_data_resource_config, validate_provider_config, validate_resource_config,
};

use crate::support::plugin_client::Plugin;

const UNKNOWN: &str = "neonrep_no_such_thing";

fn is_one_error(diagnostics: &[Diagnostic]) {
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert_eq!(diagnostics[0].severity(), Severity::Error);
    assert!(!diagnostics[0].summary.is_empty());
}

fn value(msgpack: &[u8]) -> DynamicValue {
    DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() }
}

#[tokio::test]
async fn an_unknown_type_is_a_diagnostic_everywhere() {
    let plugin = Plugin::start();
    let mut client = plugin.client().await;
    let name = || UNKNOWN.to_owned();
    let null = || Some(value(&[0xc0]));

    let request = validate_resource_config::Request { type_name: name(), config: null(), client_capabilities: None };
    is_one_error(&client.validate_resource_config(request).await.expect("an answer").into_inner().diagnostics);
    let request = validate_data_resource_config::Request { type_name: name(), config: null() };
    is_one_error(&client.validate_data_resource_config(request).await.expect("an answer").into_inner().diagnostics);
    let request = upgrade_resource_state::Request {
        type_name: name(),
        version: 0,
        raw_state: Some(proto::RawState { json: b"{}".to_vec(), ..proto::RawState::default() }),
    };
    is_one_error(&client.upgrade_resource_state(request).await.expect("an answer").into_inner().diagnostics);
    let request =
        read_resource::Request { type_name: name(), current_state: null(), ..read_resource::Request::default() };
    is_one_error(&client.read_resource(request).await.expect("an answer").into_inner().diagnostics);
    let request =
        plan_resource_change::Request { type_name: name(), config: null(), ..plan_resource_change::Request::default() };
    is_one_error(&client.plan_resource_change(request).await.expect("an answer").into_inner().diagnostics);
    let request = apply_resource_change::Request {
        type_name: name(),
        config: null(),
        ..apply_resource_change::Request::default()
    };
    is_one_error(&client.apply_resource_change(request).await.expect("an answer").into_inner().diagnostics);
    let request = import_resource_state::Request {
        type_name: name(),
        id: "x".into(),
        ..import_resource_state::Request::default()
    };
    is_one_error(&client.import_resource_state(request).await.expect("an answer").into_inner().diagnostics);
    let request =
        read_data_source::Request { type_name: name(), config: null(), ..read_data_source::Request::default() };
    is_one_error(&client.read_data_source(request).await.expect("an answer").into_inner().diagnostics);
}

#[tokio::test]
async fn a_move_is_refused_with_a_way_out() {
    let plugin = Plugin::start();
    let request = move_resource_state::Request {
        source_type_name: "postgresql_publication".into(),
        target_type_name: "neonrep_publication".into(),
        ..move_resource_state::Request::default()
    };
    let answer = plugin.client().await.move_resource_state(request).await.expect("an answer").into_inner();
    is_one_error(&answer.diagnostics);
    assert!(answer.diagnostics[0].detail.contains("import"), "{:?}", answer.diagnostics);
    assert_eq!(answer.target_state, None);
}

#[tokio::test]
async fn an_import_by_identity_says_that_there_is_none() {
    let plugin = Plugin::start();
    let request = import_resource_state::Request {
        type_name: "neonrep_publication".into(),
        identity: Some(proto::ResourceIdentityData::default()),
        ..import_resource_state::Request::default()
    };
    let answer = plugin.client().await.import_resource_state(request).await.expect("an answer").into_inner();
    is_one_error(&answer.diagnostics);
    assert!(answer.imported_resources.is_empty());
}

#[tokio::test]
async fn schema_metadata_and_the_empty_answers_that_clients_ask_for() {
    let plugin = Plugin::start();
    let mut client = plugin.client().await;
    let schema = client.get_provider_schema(get_provider_schema::Request {}).await.expect("an answer").into_inner();
    let capabilities = schema.server_capabilities.expect("capabilities");
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional && capabilities.move_resource_state);
    assert!(schema.provider.and_then(|it| it.block).is_some());

    let metadata = client.get_metadata(get_metadata::Request {}).await.expect("an answer").into_inner();
    assert_eq!(metadata.server_capabilities, Some(capabilities));
    let named: Vec<_> = metadata.resources.iter().map(|it| &it.type_name).collect();
    assert_eq!(named, schema.resource_schemas.keys().collect::<Vec<_>>());
    let named: Vec<_> = metadata.data_sources.iter().map(|it| &it.type_name).collect();
    assert_eq!(named, schema.data_source_schemas.keys().collect::<Vec<_>>());

    let identities = client
        .get_resource_identity_schemas(get_resource_identity_schemas::Request {})
        .await
        .expect("an answer")
        .into_inner();
    assert!(identities.identity_schemas.is_empty() && identities.diagnostics.is_empty());
    let functions = client.get_functions(get_functions::Request {}).await.expect("an answer").into_inner();
    assert!(functions.functions.contains_key("parse_id") && functions.diagnostics.is_empty());
}

/// Bytes that are no value of any schema, as a broken client or a fuzzer would send them.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("truncated map", vec![0x83, 0xa2, b'i', b'd', 0xc0]),
        ("truncated string", vec![0x81, 0xa2, b'i', b'd', 0xd9, 0xff, b'x']),
        ("a list", vec![0x91, 0xc0]),
        ("a length far beyond the end", vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
        ("a map of four billion", vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("deeper than any stack", vec![0x91; 1 << 20]),
        ("a string that is no UTF-8", vec![0x81, 0xa2, b'i', b'd', 0xa2, 0xff, 0xfe]),
        ("attributes that are missing", vec![0x80]),
        ("an attribute too many", vec![0x81, 0xa7, b'n', b'o', b't', b'h', b'i', b'n', b'g', 0xc0]),
    ]
}

fn has_error(what: &str, diagnostics: &[Diagnostic]) {
    assert!(diagnostics.iter().any(|it| it.severity() == Severity::Error), "{what}: {diagnostics:?}");
}

#[tokio::test]
async fn nonsense_is_a_diagnostic_in_every_call_of_every_type() {
    let mut plugin = Plugin::start();
    let mut client = plugin.client().await;
    let schema = client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema").into_inner();
    for (what, bytes) in nonsense() {
        let request = validate_provider_config::Request { config: Some(value(&bytes)) };
        let answer = client.validate_provider_config(request).await.expect(what).into_inner();
        has_error(what, &answer.diagnostics);
        let request =
            configure_provider::Request { config: Some(value(&bytes)), ..configure_provider::Request::default() };
        has_error(what, &client.configure_provider(request).await.expect(what).into_inner().diagnostics);

        for type_name in schema.resource_schemas.keys().cloned() {
            let what = &format!("{type_name}: {what}");
            let bad = || Some(value(&bytes));
            let request = validate_resource_config::Request {
                type_name: type_name.clone(),
                config: bad(),
                client_capabilities: None,
            };
            has_error(what, &client.validate_resource_config(request).await.expect(what).into_inner().diagnostics);
            let request = read_resource::Request {
                type_name: type_name.clone(),
                current_state: bad(),
                ..read_resource::Request::default()
            };
            let answer = client.read_resource(request).await.expect(what).into_inner();
            has_error(what, &answer.diagnostics);
            let request = plan_resource_change::Request {
                type_name: type_name.clone(),
                prior_state: bad(),
                proposed_new_state: bad(),
                config: bad(),
                ..plan_resource_change::Request::default()
            };
            has_error(what, &client.plan_resource_change(request).await.expect(what).into_inner().diagnostics);
            let request = apply_resource_change::Request {
                type_name: type_name.clone(),
                prior_state: bad(),
                planned_state: bad(),
                config: bad(),
                ..apply_resource_change::Request::default()
            };
            has_error(what, &client.apply_resource_change(request).await.expect(what).into_inner().diagnostics);
            let request = upgrade_resource_state::Request {
                type_name,
                version: 0,
                raw_state: Some(proto::RawState { json: bytes.clone(), ..proto::RawState::default() }),
            };
            has_error(what, &client.upgrade_resource_state(request).await.expect(what).into_inner().diagnostics);
        }
        for type_name in schema.data_source_schemas.keys().cloned() {
            let what = &format!("{type_name}: {what}");
            let request =
                validate_data_resource_config::Request { type_name: type_name.clone(), config: Some(value(&bytes)) };
            has_error(what, &client.validate_data_resource_config(request).await.expect(what).into_inner().diagnostics);
            let request = read_data_source::Request {
                type_name,
                config: Some(value(&bytes)),
                ..read_data_source::Request::default()
            };
            has_error(what, &client.read_data_source(request).await.expect(what).into_inner().diagnostics);
        }
    }
    assert!(plugin.shut_down().await.success());
    assert!(!plugin.stderr().contains("panic"), "{}", plugin.stderr());
}

#[tokio::test]
async fn a_huge_state_gets_through() {
    let plugin = Plugin::start();
    let request = read_resource::Request {
        type_name: UNKNOWN.to_owned(),
        current_state: Some(value(&vec![0xc0; 48 << 20])),
        ..read_resource::Request::default()
    };
    is_one_error(&plugin.client().await.read_resource(request).await.expect("an answer").into_inner().diagnostics);
}

#[tokio::test]
async fn log_lines_are_hclogs_and_hold_no_values() {
    let mut plugin = Plugin::start_with(&[("TF_LOG", "TRACE")]);
    let secret = b"correct horse battery staple";
    let request = read_resource::Request {
        type_name: UNKNOWN.to_owned(),
        current_state: Some(value(secret)),
        private: secret.to_vec(),
        ..read_resource::Request::default()
    };
    plugin.client().await.read_resource(request).await.expect("an answer");
    assert!(plugin.shut_down().await.success());

    let text = plugin.stderr();
    assert!(!text.contains("horse"), "{text}");
    let lines: Vec<serde_json::Value> = text.lines().map(|it| serde_json::from_str(it).expect(it)).collect();
    for line in &lines {
        for key in ["@level", "@message", "@module", "@timestamp"] {
            assert!(line[key].is_string(), "{line}");
        }
        let time = line["@timestamp"].as_str().expect("text");
        assert!(time.len() == "2026-01-02T03:04:05.678901Z".len() && time.ends_with('Z'), "{time}");
    }
    let answered = lines.iter().find(|it| it["@message"] == "call answered").expect("a line on the answer");
    assert_eq!(answered["tf_rpc"], "ReadResource");
    assert_eq!(answered["tf_resource_type"], UNKNOWN);
    assert_eq!(answered["diagnostic_error_count"], 1);
    assert!(answered["tf_req_duration_ms"].is_u64() && answered["tf_req_id"].is_string());
    assert!(lines.iter().any(|it| it["@level"] == "error" && it["diagnostic_severity"] == "ERROR"));
}

#[tokio::test]
async fn quiet_by_default() {
    let mut plugin = Plugin::start();
    plugin.client().await.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
    assert!(plugin.shut_down().await.success());
    assert_eq!(plugin.stderr(), "");
}
