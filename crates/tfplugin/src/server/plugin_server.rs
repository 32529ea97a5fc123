//! A provider as the wire sees it: every call of the protocol.

use std::sync::Arc;

use async_trait::async_trait;

use super::messages::{
    ApplyRequest, ClientCapabilities, FunctionRefusal, ImportRequest, ImportResponse, ListRequest, ListedObject,
    Metadata, MoveRequest, OpenResponse, PlanRequest, PlanResponse, ProviderSchema, ReadRequest, RenewResponse,
    StateResponse, UpgradeRequest,
};
use crate::context::Progress;
use crate::diagnostic::Diagnostics;
use crate::kinds::function::Signature;
use crate::value::codec::Encoded;

/// A provider, ready to be served. Each call returns its problems as diagnostics; none fails otherwise.
#[async_trait]
pub trait PluginServer: Send + Sync + 'static {
    /// The full source address, `registry.terraform.io/acme/toy`
    fn address(&self) -> &'static str;
    /// `GetMetadata`
    fn metadata(&self) -> Metadata;
    /// `GetProviderSchema`
    fn provider_schema(&self) -> ProviderSchema;
    /// `ValidateProviderConfig`
    async fn validate_provider_config(&self, config: Encoded) -> Diagnostics;
    /// `ValidateResourceConfig`
    async fn validate_resource_config(
        &self,
        type_name: String,
        config: Encoded,
        capabilities: ClientCapabilities,
    ) -> Diagnostics;
    /// `ValidateDataResourceConfig`
    async fn validate_data_source_config(&self, type_name: String, config: Encoded) -> Diagnostics;
    /// `ConfigureProvider`; may come many times.
    async fn configure_provider(&self, config: Encoded, terraform_version: String) -> Diagnostics;
    /// `UpgradeResourceState`; works without configuration.
    async fn upgrade_resource_state(&self, request: UpgradeRequest) -> StateResponse;
    /// `ReadResource`; a null state says that the object is gone.
    async fn read_resource(&self, request: ReadRequest) -> StateResponse;
    /// `PlanResourceChange`
    async fn plan_resource_change(&self, request: PlanRequest) -> PlanResponse;
    /// `ApplyResourceChange`
    async fn apply_resource_change(&self, request: ApplyRequest) -> StateResponse;
    /// `ImportResourceState`
    async fn import_resource_state(&self, request: ImportRequest) -> ImportResponse;
    /// `UpgradeResourceIdentity`; works without configuration.
    async fn upgrade_resource_identity(
        &self,
        type_name: String,
        version: i64,
        json: Vec<u8>,
    ) -> Result<Encoded, Diagnostics>;
    /// `MoveResourceState`; works without configuration.
    async fn move_resource_state(&self, request: MoveRequest) -> StateResponse;
    /// `ReadDataSource`
    async fn read_data_source(&self, type_name: String, config: Encoded) -> StateResponse;
    /// `ValidateEphemeralResourceConfig`
    async fn validate_ephemeral_config(&self, type_name: String, config: Encoded) -> Diagnostics;
    /// `OpenEphemeralResource`
    async fn open_ephemeral(&self, type_name: String, config: Encoded) -> OpenResponse;
    /// `RenewEphemeralResource`
    async fn renew_ephemeral(&self, type_name: String, private: Vec<u8>) -> RenewResponse;
    /// `CloseEphemeralResource`
    async fn close_ephemeral(&self, type_name: String, private: Vec<u8>) -> Diagnostics;
    /// `ValidateActionConfig`
    async fn validate_action_config(&self, type_name: String, config: Encoded) -> Diagnostics;
    /// `PlanAction`
    async fn plan_action(&self, type_name: String, config: Encoded) -> Diagnostics;
    /// `InvokeAction`
    async fn invoke_action(&self, type_name: String, config: Encoded, progress: Arc<Progress>) -> Diagnostics;
    /// `ValidateListResourceConfig`
    async fn validate_list_config(&self, type_name: String, config: Encoded) -> Diagnostics;
    /// `ListResource`: what was found, and messages.
    async fn list_resource(&self, request: ListRequest) -> (Vec<ListedObject>, Diagnostics);
    /// `GetFunctions`: by name, sorted.
    fn functions(&self) -> Vec<(String, Signature)>;
    /// `CallFunction`; works without configuration.
    async fn call_function(&self, name: String, arguments: Vec<Encoded>) -> Result<Encoded, FunctionRefusal>;
    /// `StopProvider`: cancels the context of every call under way; later calls get a fresh one.
    fn stop(&self);
}
