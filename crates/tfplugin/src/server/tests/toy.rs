//! A provider of things that live in memory, and a client that speaks to its server as Terraform does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::identity as import;
use crate::kinds::data_source::DataSource;
use crate::kinds::erased::{self, ErasedDataSource, ErasedEphemeralResource, ErasedFunction, ErasedResource};
use crate::kinds::resource::{MovedFrom, Plan, Resource, StoredState};
use crate::model::attr::Attr;
use crate::path;
use crate::provider::{Configured, Provider};
use crate::schema::timeouts::Timeouts;
use crate::schema::{Identity, Schema, boolean, number, set_of, set_of_objects, string};
use crate::server::{
    ApplyRequest, ClientCapabilities, Encoded, FrameworkServer, ImportRequest, ImportResponse, PlanRequest,
    PlanResponse, PluginServer, ReadRequest, StateResponse,
};
use crate::value::Value;
use crate::value::codec;
use crate::value::types::Type;

/// What the toy manages: things by name, with their size.
pub(crate) type World = Arc<Mutex<BTreeMap<String, i64>>>;

pub(crate) struct Toy(pub(crate) World);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    key: Attr<String>,
}

impl Provider for Toy {
    const ADDRESS: &'static str = "example.com/toy/toy";
    type Config = Config;
    type Data = World;

    fn schema() -> Schema {
        Schema::new("Toys.").attribute("key", string().optional().one_of(["good", "slow"]).doc("The key."))
    }

    fn validate(config: &Config) -> Diagnostics {
        if config.key == Attr::Known("slow".into()) {
            Diagnostic::warning("Slow key", "").at(path!(key)).into()
        } else {
            Diagnostics::none()
        }
    }

    async fn configure(&self, config: Config, version: &str) -> Result<Configured<World>, Diagnostics> {
        match config.key {
            Attr::Unknown => Ok(Configured::NotYetKnown { reason: "`key` is known after apply.".into() }),
            Attr::Null => Err(Diagnostic::error("No key", version).at(path!(key)).into()),
            Attr::Known(_) => Ok(Configured::Ready(Arc::clone(&self.0))),
        }
    }

    fn resources() -> Vec<Box<dyn ErasedResource<World>>> {
        vec![erased::resource(Thing)]
    }

    fn ephemeral_resources() -> Vec<Box<dyn ErasedEphemeralResource<World>>> {
        vec![erased::ephemeral_resource(super::ephemeral::Token)]
    }

    fn functions() -> Vec<Box<dyn ErasedFunction>> {
        vec![erased::function(super::functions::Join)]
    }

    fn data_sources() -> Vec<Box<dyn ErasedDataSource<World>>> {
        vec![erased::data_source(Size)]
    }
}

struct Thing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: Attr<String>,
    size: Attr<i64>,
    owner: Attr<String>,
    keep: Attr<bool>,
    secret: Attr<String>,
    id: Attr<String>,
    found: Attr<BTreeSet<String>>,
    parts: Attr<BTreeSet<Part>>,
    timeouts: Attr<Timeouts>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: Attr<String>,
}

impl Resource for Thing {
    const TYPE: &'static str = "toy_thing";
    type Model = Model;
    type Data = World;

    fn schema() -> Schema {
        Schema::new("A thing.")
            .attribute("name", string().required().replaces_if_set().doc("Its name."))
            .attribute("size", number().default(1).doc("Its size."))
            .attribute("owner", string().optional().replaces_if_set().doc("Its owner."))
            .attribute("keep", boolean().default(false).doc("Whether a delete leaves it where it is."))
            .attribute("secret", string().optional().write_only().doc("What only the thing may know."))
            .attribute("id", string().computed().keeps_prior().doc("Its id."))
            .attribute(
                "found",
                set_of(Type::String).computed().default(Value::string_set::<&str>([])).doc("What should not be there."),
            )
            .attribute(
                "parts",
                set_of_objects([("name", string().required().doc("Name of the part."))]).optional().doc("Its parts."),
            )
            .timeouts()
            .version(1)
            .import_id("<name>")
            .identity(Identity::of(["name"]).optional(["owner"]))
    }

    /// Version 0 had `title` in place of `name`, and a `colour`. A state without a title is left as it is.
    fn upgrade(_version: i64, mut state: StoredState) -> Result<StoredState, Diagnostics> {
        if let Some(title) = state.remove("title") {
            state.remove("colour");
            state.insert("name".into(), title);
        }
        Ok(state)
    }

    fn moved_from(source: MovedFrom) -> Option<Result<Model, Diagnostics>> {
        if !source.provider_address.ends_with("/other/box") || source.type_name != "box_item" {
            return None;
        }
        let moved = match source.state.get("label").and_then(serde_json::Value::as_str) {
            Some(label) => Self::nulls().map(|nulls| Model { name: Attr::Known(label.to_owned()), ..nulls }),
            None => Err(Diagnostic::error("No label", "").into()),
        };
        Some(moved)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        match &plan.planned {
            Some(planned) if planned.size == Attr::Known(-1) => {
                Err(Diagnostic::error("Negative", "").at(path!(size)).into())
            }
            _ => Ok(()),
        }
    }

    async fn check_plan(&self, cx: &Context<World>, plan: &Plan<Model>) -> Diagnostics {
        assert!(!cx.applies());
        let name = plan.planned.as_ref().or(plan.prior.as_ref()).and_then(|it| it.name.known()).cloned();
        match name.as_deref() {
            Some("refused") => Diagnostic::error("Refused", "").at(path!(name)).into(),
            Some("hangs") => std::future::pending().await,
            Some("noted") => {
                cx.set_private("noted", &plan.action_name());
                Diagnostics::none()
            }
            Some(_) => {
                cx.warn(Diagnostic::warning("Checked", ""));
                Diagnostics::none()
            }
            None => Diagnostics::none(),
        }
    }

    async fn create(&self, cx: &Context<World>, plan: Model) -> Result<Model, Diagnostics> {
        assert!(cx.applies());
        let name = plan.name.need(path!(name))?.clone();
        cx.data().lock().unwrap().insert(name.clone(), *plan.size.need(path!(size))?);
        let made = Model { id: Attr::Known(format!("id-{name}")), ..plan.clone() };
        cx.set_private("made", &true);
        if let Some(secret) = cx.config::<Model>()?.secret.known() {
            cx.set_private("secret_length", &secret.len());
        }
        cx.warn(Diagnostic::warning("Made", ""));
        match name.as_str() {
            "breaks" => {
                cx.checkpoint(&plan);
                Err(Diagnostic::error("Broke", "").into())
            }
            "never" => Err(Diagnostic::error("Never began", "").into()),
            "silent" => Err(Diagnostics::none()),
            "waits" => {
                cx.checkpoint(&made);
                cx.cancelled().cancelled().await;
                Err(Diagnostic::error("Cancelled", "").into())
            }
            "hangs" => {
                cx.checkpoint(&made);
                std::future::pending().await
            }
            "panics" => {
                cx.checkpoint(&made);
                panic!("in the middle of a create")
            }
            // As the server has it: without what only the provider knows, and with something that should not be there.
            "observed" => Ok(Model {
                owner: Attr::Null,
                keep: Attr::Null,
                found: Attr::Known(["excess".to_owned()].into()),
                timeouts: Attr::Null,
                ..made
            }),
            "wrong" => Ok(Model { size: Attr::Known(99), ..made }),
            "unknown" => Ok(plan),
            _ => Ok(made),
        }
    }

    async fn read(&self, cx: &Context<World>, state: Model) -> Result<Option<Model>, Diagnostics> {
        assert!(!cx.applies());
        let name = state.name.need(path!(name))?.clone();
        if name == "hangs" {
            std::future::pending::<()>().await;
        }
        if name == "unreadable" {
            return Err(Diagnostic::error("Unreadable", "").into());
        }
        let found = cx.data().lock().unwrap().get(&name).copied();
        Ok(found.map(|size| Model {
            id: Attr::Known(format!("id-{name}")),
            size: Attr::Known(size.min(10)),
            found: Attr::Known(if size > 10 { ["excess".to_owned()].into() } else { [].into() }),
            ..state
        }))
    }

    async fn update(&self, cx: &Context<World>, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let size = *plan.size.need(path!(size))?;
        if size == 7 {
            cx.checkpoint(&Model { size: Attr::Known(6), ..prior });
        }
        if size == 7 || size == 8 {
            return Err(Diagnostic::error("Broke", "").into());
        }
        cx.data().lock().unwrap().insert(name, size);
        Ok(plan)
    }

    async fn delete(&self, cx: &Context<World>, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?.clone();
        if let Some(noted) = cx.private().get::<String>("noted") {
            cx.warn(Diagnostic::warning(format!("Noted: {noted}"), ""));
        }
        if name == "stays" {
            return Err(Diagnostic::error("Busy", "").into());
        }
        if !state.keep.is_true() {
            cx.data().lock().unwrap().remove(&name);
        }
        Ok(())
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let [name] = import::parts(id, "<name>")?;
        Ok(Model { name: Attr::Known(name), ..Self::nulls()? })
    }
}

impl Plan<Model> {
    fn action_name(&self) -> &'static str {
        if self.create().is_some() { "create" } else { "other" }
    }
}

struct Size;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeModel {
    name: Attr<String>,
    unit: Attr<String>,
    size: Attr<i64>,
}

impl DataSource for Size {
    const TYPE: &'static str = "toy_size";
    type Model = SizeModel;
    type Data = World;

    fn schema() -> Schema {
        Schema::new("The size of a thing.")
            .attribute("name", string().required().doc("Its name."))
            .attribute("unit", string().default("metre").doc("The unit."))
            .attribute("size", number().computed().doc("Its size."))
    }

    async fn read(&self, cx: &Context<World>, config: SizeModel) -> Result<SizeModel, Diagnostics> {
        let name = config.name.need(path!(name))?.clone();
        let size = cx.data().lock().unwrap().get(&name).copied();
        match name.as_str() {
            "hangs" => std::future::pending().await,
            "renames" => Ok(SizeModel { name: Attr::Known("other".into()), ..config }),
            _ => Ok(SizeModel { size: size.into(), ..config }),
        }
    }
}

/// A client of the toy's server.
pub(crate) struct Client {
    pub(crate) server: Arc<FrameworkServer<Toy>>,
    pub(crate) world: World,
}

pub(crate) fn thing() -> Type {
    Thing::schema().object_type().clone()
}

impl Client {
    pub(crate) fn unconfigured() -> Self {
        let world = World::default();
        Self { server: Arc::new(FrameworkServer::new(Toy(Arc::clone(&world)))), world }
    }

    pub(crate) async fn new() -> Self {
        let client = Self::unconfigured();
        assert_eq!(client.configure("good".into()).await, Diagnostics::none());
        client
    }

    pub(crate) async fn configure(&self, key: Value) -> Diagnostics {
        let config = codec::encode(Toy::schema().object_type(), &Value::object([("key", key)])).unwrap();
        self.server.configure_provider(config, "1.11.4".into()).await
    }

    pub(crate) fn set(&self, name: &str, size: i64) {
        self.world.lock().unwrap().insert(name.into(), size);
    }

    pub(crate) fn size(&self, name: &str) -> Option<i64> {
        self.world.lock().unwrap().get(name).copied()
    }

    pub(crate) async fn plan_with(&self, prior: &Value, config: &Value, private: &[u8]) -> PlanResponse {
        let request = PlanRequest {
            type_name: "toy_thing".into(),
            prior_state: encode(prior),
            proposed_new_state: encode(config),
            config: encode(config),
            prior_private: private.to_vec(),
            capabilities: ClientCapabilities::default(),
        };
        self.server.plan_resource_change(request).await
    }

    pub(crate) async fn plan(&self, prior: &Value, config: &Value) -> PlanResponse {
        self.plan_with(prior, config, b"").await
    }

    pub(crate) async fn apply(&self, prior: &Value, planned: &Value, private: &[u8]) -> StateResponse {
        self.apply_config(prior, planned, planned, private).await
    }

    pub(crate) async fn apply_config(
        &self,
        prior: &Value,
        planned: &Value,
        config: &Value,
        private: &[u8],
    ) -> StateResponse {
        let request = ApplyRequest {
            type_name: "toy_thing".into(),
            prior_state: encode(prior),
            planned_state: encode(planned),
            config: encode(config),
            planned_private: private.to_vec(),
        };
        self.server.apply_resource_change(request).await
    }

    /// Plan and apply, both without errors; the new state.
    pub(crate) async fn run(&self, prior: &Value, config: &Value) -> Value {
        let plan = self.plan(prior, config).await;
        assert!(!plan.diagnostics.has_errors(), "{:?}", plan.diagnostics);
        let response = self.apply(prior, &decode(plan.planned_state), &plan.planned_private).await;
        assert!(!response.diagnostics.has_errors(), "{:?}", response.diagnostics);
        decode(response.state)
    }

    pub(crate) async fn read(&self, state: &Value) -> StateResponse {
        let request = ReadRequest {
            type_name: "toy_thing".into(),
            current_state: encode(state),
            private: br#"{"made":true}"#.to_vec(),
            current_identity: None,
        };
        self.server.read_resource(request).await
    }

    pub(crate) async fn import(&self, id: &str) -> ImportResponse {
        let request = ImportRequest { type_name: "toy_thing".into(), id: id.into(), identity: None };
        self.server.import_resource_state(request).await
    }

    pub(crate) async fn data(&self, items: &[(&str, Value)]) -> StateResponse {
        let of = Size::schema().object_type().clone();
        let mut all: BTreeMap<String, Value> =
            Size::schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
        all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let config = codec::encode(&of, &Value::Object(all)).unwrap();
        self.server.read_data_source("toy_size".into(), config).await
    }

    pub(crate) fn decode_data(state: Option<Encoded>) -> Value {
        codec::decode(Size::schema().object_type(), &state.unwrap()).unwrap()
    }
}

pub(crate) fn encode(value: &Value) -> Encoded {
    codec::encode(&thing(), value).unwrap()
}

#[track_caller]
pub(crate) fn decode(state: Option<Encoded>) -> Value {
    codec::decode(&thing(), &state.expect("a state")).unwrap()
}

/// A thing's value; what is not given is null.
pub(crate) fn value(items: &[(&str, Value)]) -> Value {
    let mut all: BTreeMap<String, Value> =
        Thing::schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
    all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(all)
}

pub(crate) fn timeouts(operation: &str, text: &str) -> (&'static str, Value) {
    let all = ["create", "read", "update", "delete"];
    ("timeouts", Value::object(all.map(|it| (it, if it == operation { text.into() } else { Value::Null }))))
}

/// Severity, path and summary of each message.
pub(crate) fn told(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().map(|it| format!("{:?} {} {}", it.severity, it.path, it.summary)).collect()
}
