//! The server of a provider: its resources by name, its configuration, and the calls of the protocol.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::messages::{
    ApplyRequest, ClientCapabilities, FunctionRefusal, ImportRequest, ImportResponse, ListRequest, ListedObject,
    Metadata, MoveRequest, OpenResponse, PlanRequest, PlanResponse, ProviderSchema, ReadRequest, RenewResponse,
    StateResponse, UpgradeRequest,
};
use super::plugin_server::PluginServer;
use crate::context::{Context, Progress};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::erased::{
    ErasedAction, ErasedDataSource, ErasedEphemeralResource, ErasedFunction, ErasedList, ErasedResource,
};
use crate::kinds::function::Signature;
use crate::kinds::typed::{self, Origin};
use crate::private::Private;
use crate::provider::{Configured, Provider};
use crate::schema::Schema;
use crate::secrets;
use crate::validate::presence;
use crate::value::Value;
use crate::value::codec::{self, Encoded};

/// Serves a [`Provider`].
pub struct FrameworkServer<P: Provider> {
    provider: P,
    pub(crate) schema: Schema,
    resources: BTreeMap<&'static str, Box<dyn ErasedResource<P::Data>>>,
    data_sources: BTreeMap<&'static str, Box<dyn ErasedDataSource<P::Data>>>,
    ephemeral_resources: BTreeMap<&'static str, Box<dyn ErasedEphemeralResource<P::Data>>>,
    actions: BTreeMap<&'static str, Box<dyn ErasedAction<P::Data>>>,
    lists: BTreeMap<&'static str, Box<dyn ErasedList<P::Data>>>,
    pub(crate) functions: BTreeMap<&'static str, Box<dyn ErasedFunction>>,
    configuration: RwLock<Configuration<P::Data>>,
    running: Mutex<CancellationToken>,
}

/// What `ConfigureProvider` came to.
enum Configuration<D> {
    Missing,
    NotYetKnown { reason: String, told: AtomicBool },
    Ready(Arc<D>),
}

/// Whether handlers can work.
pub(crate) enum Access<D> {
    /// They can.
    Ready(Arc<D>),
    /// Not in this plan: the provider's configuration is known only after apply.
    NotYetKnown {
        /// What is not known.
        reason: String,
    },
    /// They cannot.
    Missing(Diagnostic),
}

impl<P: Provider> FrameworkServer<P> {
    /// Makes the server; the provider is configured by the client.
    pub fn new(provider: P) -> Self {
        Self {
            provider,
            schema: P::schema(),
            resources: P::resources().into_iter().map(|it| (it.type_name(), it)).collect(),
            data_sources: P::data_sources().into_iter().map(|it| (it.type_name(), it)).collect(),
            ephemeral_resources: P::ephemeral_resources().into_iter().map(|it| (it.type_name(), it)).collect(),
            actions: P::actions().into_iter().map(|it| (it.type_name(), it)).collect(),
            lists: P::lists().into_iter().map(|it| (it.type_name(), it)).collect(),
            functions: P::functions().into_iter().map(|it| (it.name(), it)).collect(),
            configuration: RwLock::new(Configuration::Missing),
            running: Mutex::new(CancellationToken::new()),
        }
    }

    pub(crate) fn resource(&self, type_name: &str) -> Result<&dyn ErasedResource<P::Data>, Diagnostic> {
        self.resources.get(type_name).map(|it| &**it).ok_or_else(|| no_such("resource", type_name))
    }

    pub(crate) fn data_source(&self, type_name: &str) -> Result<&dyn ErasedDataSource<P::Data>, Diagnostic> {
        self.data_sources.get(type_name).map(|it| &**it).ok_or_else(|| no_such("data source", type_name))
    }

    pub(crate) fn ephemeral(&self, type_name: &str) -> Result<&dyn ErasedEphemeralResource<P::Data>, Diagnostic> {
        self.ephemeral_resources.get(type_name).map(|it| &**it).ok_or_else(|| no_such("ephemeral resource", type_name))
    }

    pub(crate) fn action(&self, type_name: &str) -> Result<&dyn ErasedAction<P::Data>, Diagnostic> {
        self.actions.get(type_name).map(|it| &**it).ok_or_else(|| no_such("action", type_name))
    }

    pub(crate) fn list_of(&self, type_name: &str) -> Result<&dyn ErasedList<P::Data>, Diagnostic> {
        self.lists.get(type_name).map(|it| &**it).ok_or_else(|| no_such("list resource", type_name))
    }

    pub(crate) fn access(&self) -> Access<P::Data> {
        match &*self.configuration.read().unwrap_or_else(PoisonError::into_inner) {
            Configuration::Ready(data) => Access::Ready(Arc::clone(data)),
            Configuration::NotYetKnown { reason, .. } => Access::NotYetKnown { reason: reason.clone() },
            Configuration::Missing => Access::Missing(Diagnostic::error(
                "Provider is not configured",
                "The provider was asked to work before it was configured, or its configuration failed.",
            )),
        }
    }

    /// The one warning while the provider's configuration is not known.
    pub(crate) fn tell_not_yet_known(&self) -> Diagnostics {
        match &*self.configuration.read().unwrap_or_else(PoisonError::into_inner) {
            Configuration::NotYetKnown { reason, told } if !told.swap(true, Ordering::Relaxed) => Diagnostic::warning(
                "Provider configuration is not known yet",
                format!(
                    "{reason} Until it is known, objects are shown as they were last seen and plans are not checked \
                     against the live system."
                ),
            )
            .into(),
            _ => Diagnostics::none(),
        }
    }

    /// The provider's data, for what cannot wait.
    pub(crate) fn ready(&self, what: &str) -> Result<Arc<P::Data>, Diagnostic> {
        match self.access() {
            Access::Ready(data) => Ok(data),
            Access::Missing(problem) => Err(problem),
            Access::NotYetKnown { reason } => Err(Diagnostic::error(
                "Provider configuration is not known yet",
                format!(
                    "{what} needs a configured provider. {reason} Apply what it depends on first, for example with \
                     `-target`, or write the value itself."
                ),
            )),
        }
    }

    /// A context for one call.
    pub(crate) fn context(&self, data: Arc<P::Data>, timeout: Duration, private: Private) -> Context<P::Data> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).child_token();
        Context::new(data, timeout, running, private)
    }

    async fn configure(&self, config: &Encoded, terraform_version: &str) -> Result<(), Diagnostics> {
        let config = match decode(&self.schema, config, "provider", "configuration")? {
            // A client of its own kind may send nothing for a provider without a block.
            Value::Null => Value::object(self.schema.attributes.keys().map(|name| (name.clone(), Value::Null))),
            config => config,
        };
        presence(&self.schema, &config)?;
        let config = typed::decode("provider", &self.schema, Origin::Configuration, &config)?;
        let configured = match self.provider.configure(config, terraform_version).await? {
            Configured::Ready(data) => Configuration::Ready(Arc::new(data)),
            Configured::NotYetKnown { reason } => Configuration::NotYetKnown { reason, told: AtomicBool::new(false) },
        };
        self.keep(configured);
        Ok(())
    }

    fn keep(&self, configuration: Configuration<P::Data>) {
        *self.configuration.write().unwrap_or_else(PoisonError::into_inner) = configuration;
    }
}

fn names<T>(all: &BTreeMap<&'static str, T>) -> Vec<String> {
    all.keys().map(|name| (*name).to_owned()).collect()
}

fn no_such(what: &str, name: &str) -> Diagnostic {
    Diagnostic::error(format!("Unknown {what} type"), format!("This version of the provider has no {what} `{name}`."))
}

/// Reads a value of a schema.
pub(crate) fn decode(schema: &Schema, value: &Encoded, type_name: &str, what: &str) -> Result<Value, Diagnostic> {
    let decoded = codec::decode(schema.object_type(), value).map_err(|error| {
        Diagnostic::error(
            format!("Unreadable {what}"),
            format!(
                "The {what} of `{type_name}` that Terraform sent does not have the form of its schema: {error}. \
                 Was the state written by another version of the provider?"
            ),
        )
        .at(error.path.clone())
    })?;
    secrets::remember_values(schema, &decoded);
    Ok(decoded)
}

/// Writes a value of a schema.
pub(crate) fn encode(schema: &Schema, value: &Value, type_name: &str) -> Result<Encoded, Diagnostic> {
    secrets::remember_values(schema, value);
    codec::encode(schema.object_type(), value).map_err(|error| {
        Diagnostic::bug(format!("A value of `{type_name}` does not fit its schema: {error}.")).at(error.path.clone())
    })
}

/// Problems of a failed call: an error must be among them, or Terraform would take the failure for success.
pub(crate) fn failure(problems: Diagnostics, type_name: &str) -> Diagnostics {
    if problems.has_errors() {
        return problems;
    }
    problems + Diagnostic::bug(format!("A handler of `{type_name}` failed without saying why.")).into()
}

#[async_trait]
impl<P: Provider> PluginServer for FrameworkServer<P> {
    fn address(&self) -> &'static str {
        P::ADDRESS
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            resources: names(&self.resources),
            data_sources: names(&self.data_sources),
            ephemeral_resources: names(&self.ephemeral_resources),
            actions: names(&self.actions),
            lists: names(&self.lists),
            functions: names(&self.functions),
        }
    }

    fn provider_schema(&self) -> ProviderSchema {
        let named = |name: &str, schema: &Schema| (name.to_owned(), schema.clone());
        ProviderSchema {
            provider: self.schema.clone(),
            resources: self.resources.iter().map(|(name, it)| named(name, it.schema())).collect(),
            data_sources: self.data_sources.iter().map(|(name, it)| named(name, it.schema())).collect(),
            ephemeral_resources: self.ephemeral_resources.iter().map(|(name, it)| named(name, it.schema())).collect(),
            actions: self.actions.iter().map(|(name, it)| named(name, it.schema())).collect(),
            lists: self.lists.iter().map(|(name, it)| named(name, it.schema())).collect(),
        }
    }

    async fn validate_provider_config(&self, config: Encoded) -> Diagnostics {
        self.validate_provider(&config)
    }

    async fn validate_resource_config(
        &self,
        type_name: String,
        config: Encoded,
        capabilities: ClientCapabilities,
    ) -> Diagnostics {
        self.validate_resource(&type_name, &config, capabilities)
    }

    async fn validate_data_source_config(&self, type_name: String, config: Encoded) -> Diagnostics {
        self.validate_data_source(&type_name, &config)
    }

    async fn configure_provider(&self, config: Encoded, terraform_version: String) -> Diagnostics {
        match self.configure(&config, &terraform_version).await {
            Ok(()) => Diagnostics::none(),
            Err(problems) => {
                self.keep(Configuration::Missing);
                failure(problems, "provider")
            }
        }
    }

    async fn upgrade_resource_state(&self, request: UpgradeRequest) -> StateResponse {
        self.upgrade(&request)
    }

    async fn read_resource(&self, request: ReadRequest) -> StateResponse {
        self.read(request).await
    }

    async fn plan_resource_change(&self, request: PlanRequest) -> PlanResponse {
        self.plan(request).await
    }

    async fn apply_resource_change(&self, request: ApplyRequest) -> StateResponse {
        self.apply(request).await
    }

    async fn import_resource_state(&self, request: ImportRequest) -> ImportResponse {
        self.import(&request)
    }

    async fn upgrade_resource_identity(
        &self,
        type_name: String,
        version: i64,
        json: Vec<u8>,
    ) -> Result<Encoded, Diagnostics> {
        self.upgrade_identity(&type_name, version, &json)
    }

    async fn validate_ephemeral_config(&self, type_name: String, config: Encoded) -> Diagnostics {
        self.validate_ephemeral(&type_name, &config)
    }

    async fn open_ephemeral(&self, type_name: String, config: Encoded) -> OpenResponse {
        self.open(&type_name, &config).await
    }

    async fn renew_ephemeral(&self, type_name: String, private: Vec<u8>) -> RenewResponse {
        self.renew(&type_name, private).await
    }

    async fn close_ephemeral(&self, type_name: String, private: Vec<u8>) -> Diagnostics {
        self.close(&type_name, &private).await
    }

    async fn validate_action_config(&self, type_name: String, config: Encoded) -> Diagnostics {
        self.validate_action(&type_name, &config)
    }

    async fn plan_action(&self, type_name: String, config: Encoded) -> Diagnostics {
        FrameworkServer::plan_action(self, &type_name, &config).await
    }

    async fn invoke_action(&self, type_name: String, config: Encoded, progress: Arc<Progress>) -> Diagnostics {
        self.invoke(&type_name, &config, progress).await
    }

    async fn validate_list_config(&self, type_name: String, config: Encoded) -> Diagnostics {
        self.validate_list(&type_name, &config)
    }

    async fn list_resource(&self, request: ListRequest) -> (Vec<ListedObject>, Diagnostics) {
        self.list(&request).await
    }

    fn functions(&self) -> Vec<(String, Signature)> {
        self.functions.iter().map(|(name, it)| ((*name).to_owned(), it.signature().clone())).collect()
    }

    async fn call_function(&self, name: String, arguments: Vec<Encoded>) -> Result<Encoded, FunctionRefusal> {
        self.call(&name, &arguments)
    }

    async fn move_resource_state(&self, request: MoveRequest) -> StateResponse {
        self.move_state(request)
    }

    async fn read_data_source(&self, type_name: String, config: Encoded) -> StateResponse {
        self.read_data(&type_name, &config).await
    }

    fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *running).cancel();
    }
}
