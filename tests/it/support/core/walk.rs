//! One process of the provider, and its calls as typed values. Every answer is held to Terraform's rules on the spot.

use std::sync::Arc;

use serde_json::Value as Json;
use tfplugin::server::{Encoded, ProviderSchema};
use tfplugin::value::codec;
use tfplugin::wire::generated::tfplugin6::attribute_path::step::Selector;
use tfplugin::wire::generated::tfplugin6::diagnostic::Severity;
use tfplugin::wire::generated::tfplugin6::provider_client::ProviderClient;
use tfplugin::wire::generated::tfplugin6::{
    self as proto, ClientCapabilities, Diagnostic, DynamicValue, RawState, apply_resource_change, configure_provider,
    import_resource_state, plan_resource_change, read_data_source, read_resource, stop_provider,
    upgrade_resource_state, validate_data_resource_config, validate_resource_config,
};
use tfplugin::{AttributePath, Schema, Value};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use super::super::core_rules;
use super::super::plugin_client::Plugin;
use super::{Messages, Object, json, proposed};

const TERRAFORM_VERSION: &str = "1.11.4";

/// One process of the provider. It is killed when this goes out of scope.
pub(crate) struct Walk {
    plugin: Plugin,
    client: ProviderClient<Channel>,
    runtime: Arc<Runtime>,
    schemas: Arc<ProviderSchema>,
}

/// The answer to `PlanResourceChange`.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) value: Value,
    pub(crate) private: Vec<u8>,
    pub(crate) requires_replace: Vec<AttributePath>,
    pub(crate) messages: Messages,
}

/// The answer to `ApplyResourceChange`; null with errors is for the caller to read as Terraform does.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) value: Value,
    pub(crate) private: Vec<u8>,
    pub(crate) messages: Messages,
}

/// An apply that was begun: its answer, none if the process was killed meanwhile.
pub(crate) type Begun = JoinHandle<Option<apply_resource_change::Response>>;

/// One change to apply.
pub(crate) struct Change<'a> {
    pub(crate) type_name: &'a str,
    pub(crate) prior: &'a Value,
    pub(crate) planned: &'a Value,
    pub(crate) config: &'a Value,
    pub(crate) private: &'a [u8],
}

/// Panics if there is anything that Terraform would refuse.
fn obey(what: &str, violations: &[String]) {
    assert!(violations.is_empty(), "Terraform would refuse {what}:\n- {}", violations.join("\n- "));
}

impl Walk {
    pub(super) fn open(runtime: &Arc<Runtime>, schemas: &Arc<ProviderSchema>) -> Self {
        // The stand-in's proxy knows a new list of addresses at once.
        let plugin = Plugin::start_with(&[("NEONREP_IP_ALLOW_DELAY", "50ms")]);
        let client = runtime.block_on(plugin.client());
        Self { plugin, client, runtime: Arc::clone(runtime), schemas: Arc::clone(schemas) }
    }

    /// What the process has logged.
    pub(crate) fn stderr(&self) -> String {
        self.plugin.stderr()
    }

    fn schema(&self, type_name: &str) -> &Schema {
        super::schema(&self.schemas, type_name)
    }

    fn encode(&self, type_name: &str, value: &Value) -> DynamicValue {
        encode(self.schema(type_name), value)
    }

    fn decode(&self, type_name: &str, value: Option<DynamicValue>) -> Value {
        decode(self.schema(type_name), value)
    }

    /// `ConfigureProvider`, with the arguments of the provider block.
    pub(crate) fn configure(&self, config: &Json) -> Messages {
        let schema = &self.schemas.provider;
        let request = configure_provider::Request {
            terraform_version: TERRAFORM_VERSION.to_owned(),
            config: Some(encode(schema, &json::read(schema.object_type(), config))),
            client_capabilities: None,
        };
        let answer = self.runtime.block_on(self.client.clone().configure_provider(request)).expect("an answer");
        Messages::of(answer.into_inner().diagnostics)
    }

    /// `ValidateResourceConfig`
    pub(crate) fn validate(&self, type_name: &str, config: &Value) -> Messages {
        let request = validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: Some(self.encode(type_name, config)),
            client_capabilities: Some(capabilities()),
        };
        let answer = self.runtime.block_on(self.client.clone().validate_resource_config(request)).expect("an answer");
        Messages::of(answer.into_inner().diagnostics)
    }

    /// `UpgradeResourceState` of the attributes as a state file holds them.
    pub(crate) fn upgrade(&self, type_name: &str, version: i64, state: &Json) -> Result<Value, Messages> {
        let raw = RawState { json: state.to_string().into_bytes(), ..RawState::default() };
        let request =
            upgrade_resource_state::Request { type_name: type_name.to_owned(), version, raw_state: Some(raw) };
        let answer = self.runtime.block_on(self.client.clone().upgrade_resource_state(request)).expect("an answer");
        let answer = answer.into_inner();
        Messages::of(answer.diagnostics).unless_errors()?;
        let value = self.decode(type_name, answer.upgraded_state);
        obey(
            &format!("the upgraded state of {type_name}"),
            &core_rules::of_present_state(self.schema(type_name), &value),
        );
        Ok(value)
    }

    /// `ReadResource`: the object as it is now, none if it is gone; after an error the prior one, as Terraform keeps it.
    pub(crate) fn read(&self, object: &Object) -> (Option<Object>, Messages) {
        let type_name = &object.type_name;
        let request = read_resource::Request {
            type_name: type_name.clone(),
            current_state: Some(self.encode(type_name, &object.value)),
            private: object.private.clone(),
            client_capabilities: Some(capabilities()),
            ..read_resource::Request::default()
        };
        let answer = self.runtime.block_on(self.client.clone().read_resource(request)).expect("an answer").into_inner();
        assert!(answer.deferred.is_none(), "a deferral that was not allowed");
        let messages = Messages::of(answer.diagnostics);
        if messages.have_errors() {
            return (Some(object.clone()), messages);
        }
        let value = self.decode(type_name, answer.new_state);
        obey(&format!("the answer to reading {type_name}"), &core_rules::of_state(self.schema(type_name), &value));
        let found = (!value.is_null()).then(|| Object { value, private: answer.private, ..object.clone() });
        (found, messages)
    }

    /// `PlanResourceChange`; `prior` is null on create, `config` on destroy.
    pub(crate) fn plan(
        &self,
        type_name: &str,
        prior: &Value,
        config: &Value,
        private: &[u8],
    ) -> Result<Planned, Messages> {
        let schema = self.schema(type_name);
        let request = plan_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: Some(encode(schema, prior)),
            proposed_new_state: Some(encode(schema, &proposed::proposed(schema, prior, config))),
            config: Some(encode(schema, config)),
            prior_private: private.to_vec(),
            client_capabilities: Some(capabilities()),
            ..plan_resource_change::Request::default()
        };
        let answer = self.runtime.block_on(self.client.clone().plan_resource_change(request)).expect("an answer");
        let answer = answer.into_inner();
        assert!(answer.deferred.is_none(), "a deferral that was not allowed");
        assert!(!answer.legacy_type_system);
        let messages = Messages::of(answer.diagnostics).unless_errors()?;
        let value = decode(schema, answer.planned_state);
        let requires_replace: Vec<_> = answer.requires_replace.into_iter().map(path).collect();
        let violations = core_rules::of_plan(schema, prior, config, &value, &requires_replace);
        obey(&format!("the plan of {type_name}"), &violations);
        Ok(Planned { value, private: answer.planned_private, requires_replace, messages })
    }

    /// `ApplyResourceChange`
    pub(crate) fn apply(&self, change: &Change<'_>) -> Applied {
        let answer = self.runtime.block_on(self.client.clone().apply_resource_change(self.request(change)));
        self.applied(change, answer.expect("an answer").into_inner())
    }

    /// Sends `ApplyResourceChange`; the handle can be aborted, which drops the request as a CLI does that gives up.
    pub(crate) fn begin_apply(&self, change: &Change<'_>) -> Begun {
        let (mut client, request) = (self.client.clone(), self.request(change));
        self.runtime
            .spawn(async move { client.apply_resource_change(request).await.ok().map(tonic::Response::into_inner) })
    }

    /// The answer to [`Walk::begin_apply`].
    pub(crate) fn finish_apply(&self, change: &Change<'_>, begun: Begun) -> Applied {
        self.finish_or_lose(change, begun).expect("an answer")
    }

    /// The answer to [`Walk::begin_apply`]; none if the process was killed meanwhile.
    pub(crate) fn finish_or_lose(&self, change: &Change<'_>, begun: Begun) -> Option<Applied> {
        let answer = self.runtime.block_on(begun).expect("a task that ends");
        answer.map(|answer| self.applied(change, answer))
    }

    /// Ends the process by SIGKILL.
    pub(crate) fn kill(&self) {
        self.plugin.signal("KILL");
    }

    fn request(&self, change: &Change<'_>) -> apply_resource_change::Request {
        apply_resource_change::Request {
            type_name: change.type_name.to_owned(),
            prior_state: Some(self.encode(change.type_name, change.prior)),
            planned_state: Some(self.encode(change.type_name, change.planned)),
            config: Some(self.encode(change.type_name, change.config)),
            planned_private: change.private.to_vec(),
            ..apply_resource_change::Request::default()
        }
    }

    fn applied(&self, change: &Change<'_>, answer: apply_resource_change::Response) -> Applied {
        assert!(!answer.legacy_type_system);
        let schema = self.schema(change.type_name);
        let messages = Messages::of(answer.diagnostics);
        let value = decode(schema, answer.new_state);
        let violations = if messages.have_errors() {
            core_rules::of_state(schema, &value)
        } else {
            core_rules::of_apply(schema, change.planned, &value)
        };
        obey(&format!("the result of applying {}; it said {messages:?}", change.type_name), &violations);
        Applied { value, private: answer.private, messages }
    }

    /// `ImportResourceState` by id: the stub that Terraform reads next.
    pub(crate) fn import(&self, type_name: &str, id: &str) -> Result<Object, Messages> {
        let request = import_resource_state::Request {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
            client_capabilities: Some(capabilities()),
            identity: None,
        };
        let answer = self.runtime.block_on(self.client.clone().import_resource_state(request)).expect("an answer");
        let answer = answer.into_inner();
        Messages::of(answer.diagnostics).unless_errors()?;
        let [imported] = <[_; 1]>::try_from(answer.imported_resources).expect("one imported object");
        assert_eq!(imported.type_name, type_name);
        let value = self.decode(type_name, imported.state);
        obey(&format!("the import of {type_name}"), &core_rules::of_present_state(self.schema(type_name), &value));
        Ok(Object { type_name: type_name.to_owned(), value, private: imported.private, tainted: false })
    }

    /// A configuration of a resource; what is left out is null.
    pub(crate) fn config(&self, type_name: &str, config: &Json) -> Value {
        json::read(self.schema(type_name).object_type(), config)
    }

    /// `ValidateDataResourceConfig`
    pub(crate) fn validate_data(&self, type_name: &str, config: &Json) -> Messages {
        let schema = super::data_schema(&self.schemas, type_name);
        let config = Some(encode(schema, &json::read(schema.object_type(), config)));
        let request = validate_data_resource_config::Request { type_name: type_name.to_owned(), config };
        let answer = self.runtime.block_on(self.client.clone().validate_data_resource_config(request));
        Messages::of(answer.expect("an answer").into_inner().diagnostics)
    }

    /// `ValidateDataResourceConfig`, then `ReadDataSource`.
    pub(crate) fn data(&self, type_name: &str, config: &Json) -> Result<Value, Messages> {
        self.validate_data(type_name, config).unless_errors()?;
        let schema = super::data_schema(&self.schemas, type_name);
        let config = json::read(schema.object_type(), config);
        let encoded = Some(encode(schema, &config));
        let mut client = self.client.clone();
        assert!(config.is_wholly_known(), "Terraform puts off a data source whose configuration is not known");
        let request = read_data_source::Request {
            type_name: type_name.to_owned(),
            config: encoded,
            ..read_data_source::Request::default()
        };
        let answer = self.runtime.block_on(client.read_data_source(request)).expect("an answer").into_inner();
        Messages::of(answer.diagnostics).unless_errors()?;
        let value = decode(schema, answer.state);
        obey(&format!("the data of {type_name}"), &core_rules::of_present_state(schema, &value));
        Ok(value)
    }

    /// `StopProvider`: Ctrl-C.
    pub(crate) fn stop(&self) {
        let answer = self.runtime.block_on(self.client.clone().stop_provider(stop_provider::Request {}));
        assert_eq!(answer.expect("an answer").into_inner().error, "");
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        let said = self.plugin.stderr();
        assert!(std::thread::panicking() || !said.contains("panic: "), "{said}");
    }
}

fn capabilities() -> ClientCapabilities {
    ClientCapabilities { deferral_allowed: false, write_only_attributes_allowed: true, ..ClientCapabilities::default() }
}

fn encode(schema: &Schema, value: &Value) -> DynamicValue {
    let encoded = codec::encode(schema.object_type(), value).expect("a value of the schema");
    DynamicValue { msgpack: encoded.msgpack, json: encoded.json }
}

fn decode(schema: &Schema, value: Option<DynamicValue>) -> Value {
    let value = value.unwrap_or_default();
    let encoded = Encoded { msgpack: value.msgpack, json: value.json };
    codec::decode(schema.object_type(), &encoded).unwrap_or_else(|error| panic!("Terraform cannot read it: {error}"))
}

fn path(path: proto::AttributePath) -> AttributePath {
    path.steps.into_iter().fold(AttributePath::root(), |path, step| match step.selector.expect("a step") {
        Selector::AttributeName(name) => path.attribute(name),
        Selector::ElementKeyString(key) => path.key(key),
        Selector::ElementKeyInt(index) => path.index(index),
    })
}

impl Messages {
    fn of(diagnostics: Vec<Diagnostic>) -> Self {
        let told = diagnostics.into_iter().map(|it| super::Message {
            is_error: match it.severity() {
                Severity::Error => true,
                Severity::Warning => false,
                Severity::Invalid => panic!("a diagnostic without severity: {}", it.summary),
            },
            path: it.attribute.map(path).unwrap_or_default().to_string(),
            summary: it.summary,
            detail: it.detail,
        });
        Self(told.collect())
    }
}
