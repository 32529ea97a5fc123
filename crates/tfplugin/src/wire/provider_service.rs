//! Terraform's calls: each translated, handed to the framework, translated back. No call fails as gRPC; problems are
//! diagnostics, which reach the user with their resource.
//!
//! What is not here answers `Unimplemented`, which is right for kinds that the schema does not have.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use crate::diagnostic::Diagnostic;
use crate::server::{ApplyRequest, MoveRequest, PlanRequest, PluginServer, ReadRequest, UpgradeRequest};
use crate::wire::generated::tfplugin6::provider_server::Provider;
use crate::wire::generated::tfplugin6::{
    self as proto, apply_resource_change, configure_provider, get_functions, get_metadata, get_provider_schema,
    get_resource_identity_schemas, import_resource_state, move_resource_state, plan_resource_change, read_data_source,
    read_resource, stop_provider, upgrade_resource_state, validate_data_resource_config, validate_provider_config,
    validate_resource_config,
};
use crate::wire::rpc::{self, Answer, RequestIds, Subject, UnderWay};
use crate::wire::translate::{self, capabilities, diagnostics, dynamic, encoded};

/// `tfplugin6.Provider` over the framework's server.
pub(crate) struct ProviderService {
    provider: Arc<dyn PluginServer>,
    ids: RequestIds,
    under_way: UnderWay,
}

impl ProviderService {
    /// A service for this provider.
    pub(crate) fn new(provider: Arc<dyn PluginServer>) -> Self {
        Self { provider, ids: RequestIds::new(), under_way: UnderWay::new() }
    }

    /// The changes that have not ended.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.under_way.clone()
    }

    fn span(&self, rpc: &'static str, subject: Subject<'_>) -> tracing::Span {
        rpc::span(rpc, subject, self.provider.address(), &self.ids)
    }

    /// Runs a call that changes nothing. After a panic the answer is empty but for the diagnostic.
    async fn answer<T: Answer + Default>(
        &self,
        rpc: &'static str,
        subject: Subject<'_>,
        work: impl Future<Output = T> + Send,
    ) -> Result<Response<T>, Status> {
        Ok(Response::new(rpc::run(self.span(rpc, subject), work, T::default).await))
    }
}

#[async_trait]
impl Provider for ProviderService {
    async fn get_metadata(
        &self,
        _: Request<get_metadata::Request>,
    ) -> Result<Response<get_metadata::Response>, Status> {
        let work = async {
            let names = self.provider.metadata();
            get_metadata::Response {
                server_capabilities: Some(translate::server_capabilities()),
                resources: names
                    .resources
                    .into_iter()
                    .map(|type_name| get_metadata::ResourceMetadata { type_name })
                    .collect(),
                data_sources: names
                    .data_sources
                    .into_iter()
                    .map(|type_name| get_metadata::DataSourceMetadata { type_name })
                    .collect(),
                ..get_metadata::Response::default()
            }
        };
        self.answer("GetMetadata", Subject::Provider, work).await
    }

    async fn get_provider_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> Result<Response<get_provider_schema::Response>, Status> {
        let work = async {
            let all = self.provider.provider_schema();
            let named =
                |list: Vec<(String, _)>| list.into_iter().map(|(name, it)| (name, translate::schema(&it))).collect();
            get_provider_schema::Response {
                provider: Some(translate::schema(&all.provider)),
                resource_schemas: named(all.resources),
                data_source_schemas: named(all.data_sources),
                server_capabilities: Some(translate::server_capabilities()),
                ..get_provider_schema::Response::default()
            }
        };
        self.answer("GetProviderSchema", Subject::Provider, work).await
    }

    /// No resource has an identity yet. Said, for Terraform asks each time, and OpenTofu logs a failure.
    async fn get_resource_identity_schemas(
        &self,
        _: Request<get_resource_identity_schemas::Request>,
    ) -> Result<Response<get_resource_identity_schemas::Response>, Status> {
        Ok(Response::new(get_resource_identity_schemas::Response::default()))
    }

    /// No functions yet. Said, for OpenTofu asks.
    async fn get_functions(
        &self,
        _: Request<get_functions::Request>,
    ) -> Result<Response<get_functions::Response>, Status> {
        Ok(Response::new(get_functions::Response::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<validate_provider_config::Request>,
    ) -> Result<Response<validate_provider_config::Response>, Status> {
        let request = request.into_inner();
        let work = async {
            let found = self.provider.validate_provider_config(encoded(request.config)).await;
            validate_provider_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateProviderConfig", Subject::Provider, work).await
    }

    async fn validate_resource_config(
        &self,
        request: Request<validate_resource_config::Request>,
    ) -> Result<Response<validate_resource_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            let offered = capabilities(request.client_capabilities);
            let found =
                self.provider.validate_resource_config(request.type_name, encoded(request.config), offered).await;
            validate_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateResourceConfig", Subject::Resource(&name), work).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<validate_data_resource_config::Request>,
    ) -> Result<Response<validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.validate_data_source_config(request.type_name, encoded(request.config)).await;
            validate_data_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateDataResourceConfig", Subject::DataSource(&name), work).await
    }

    async fn configure_provider(
        &self,
        request: Request<configure_provider::Request>,
    ) -> Result<Response<configure_provider::Response>, Status> {
        let request = request.into_inner();
        let work = async {
            let found = self.provider.configure_provider(encoded(request.config), request.terraform_version).await;
            configure_provider::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ConfigureProvider", Subject::Provider, work).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<upgrade_resource_state::Request>,
    ) -> Result<Response<upgrade_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            let raw = request.raw_state.unwrap_or_default();
            let has_flatmap = !raw.flatmap.is_empty();
            let upgrade =
                UpgradeRequest { type_name: request.type_name, version: request.version, json: raw.json, has_flatmap };
            let answer = self.provider.upgrade_resource_state(upgrade).await;
            upgrade_resource_state::Response {
                upgraded_state: answer.state.map(dynamic),
                diagnostics: diagnostics(answer.diagnostics),
            }
        };
        self.answer("UpgradeResourceState", Subject::Resource(&name), work).await
    }

    async fn read_resource(
        &self,
        request: Request<read_resource::Request>,
    ) -> Result<Response<read_resource::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        // After a panic Terraform is told what it knows already: a state left out says that the object is gone.
        let known = read_resource::Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            ..read_resource::Response::default()
        };
        let work = async {
            let read = ReadRequest {
                type_name: request.type_name,
                current_state: encoded(request.current_state),
                private: request.private,
            };
            let answer = self.provider.read_resource(read).await;
            read_resource::Response {
                new_state: answer.state.map(dynamic),
                private: answer.private,
                diagnostics: diagnostics(answer.diagnostics),
                ..read_resource::Response::default()
            }
        };
        let span = self.span("ReadResource", Subject::Resource(&name));
        Ok(Response::new(rpc::run(span, work, || known).await))
    }

    async fn plan_resource_change(
        &self,
        request: Request<plan_resource_change::Request>,
    ) -> Result<Response<plan_resource_change::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            let plan = PlanRequest {
                type_name: request.type_name,
                prior_state: encoded(request.prior_state),
                proposed_new_state: encoded(request.proposed_new_state),
                config: encoded(request.config),
                prior_private: request.prior_private,
                capabilities: capabilities(request.client_capabilities),
            };
            let answer = self.provider.plan_resource_change(plan).await;
            plan_resource_change::Response {
                planned_state: answer.planned_state.map(dynamic),
                requires_replace: answer.requires_replace.iter().map(translate::path).collect(),
                planned_private: answer.planned_private,
                diagnostics: diagnostics(answer.diagnostics),
                ..plan_resource_change::Response::default()
            }
        };
        self.answer("PlanResourceChange", Subject::Resource(&name), work).await
    }

    /// Runs to its end even if the request is dropped.
    async fn apply_resource_change(
        &self,
        request: Request<apply_resource_change::Request>,
    ) -> Result<Response<apply_resource_change::Response>, Status> {
        let request = request.into_inner();
        let span = self.span("ApplyResourceChange", Subject::Resource(&request.type_name));
        let prior = apply_resource_change::Response {
            new_state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            ..apply_resource_change::Response::default()
        };
        let provider = Arc::clone(&self.provider);
        let work = async move {
            let apply = ApplyRequest {
                type_name: request.type_name,
                prior_state: encoded(request.prior_state),
                planned_state: encoded(request.planned_state),
                config: encoded(request.config),
                planned_private: request.planned_private,
            };
            let answer = provider.apply_resource_change(apply).await;
            apply_resource_change::Response {
                new_state: answer.state.map(dynamic),
                private: answer.private,
                diagnostics: diagnostics(answer.diagnostics),
                ..apply_resource_change::Response::default()
            }
        };
        match rpc::run_to_the_end(span, &self.under_way, work, || prior).await {
            Some(answer) => Ok(Response::new(answer)),
            None => Err(Status::cancelled("the provider is ending")),
        }
    }

    async fn import_resource_state(
        &self,
        request: Request<import_resource_state::Request>,
    ) -> Result<Response<import_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            if request.id.is_empty() && request.identity.is_some() {
                let refusal = Diagnostic::error(
                    "Import by identity is not possible",
                    format!("`{}` has no resource identity. Import it by `id`.", request.type_name),
                );
                return import_resource_state::Response {
                    diagnostics: vec![translate::diagnostic(&refusal)],
                    ..import_resource_state::Response::default()
                };
            }
            let answer = self.provider.import_resource_state(request.type_name.clone(), request.id).await;
            let imported = answer.state.map(|state| import_resource_state::ImportedResource {
                type_name: request.type_name,
                state: Some(dynamic(state)),
                private: answer.private,
                identity: None,
            });
            import_resource_state::Response {
                imported_resources: imported.into_iter().collect(),
                diagnostics: diagnostics(answer.diagnostics),
                deferred: None,
            }
        };
        self.answer("ImportResourceState", Subject::Resource(&name), work).await
    }

    async fn move_resource_state(
        &self,
        request: Request<move_resource_state::Request>,
    ) -> Result<Response<move_resource_state::Response>, Status> {
        let request = request.into_inner();
        let name = request.target_type_name.clone();
        let work = async {
            let raw = request.source_state.unwrap_or_default();
            let source = MoveRequest {
                provider_address: request.source_provider_address,
                type_name: request.source_type_name,
                schema_version: request.source_schema_version,
                has_flatmap: !raw.flatmap.is_empty(),
                json: raw.json,
                target: request.target_type_name,
            };
            let answer = self.provider.move_resource_state(source).await;
            move_resource_state::Response {
                target_state: answer.state.map(dynamic),
                target_private: answer.private,
                diagnostics: diagnostics(answer.diagnostics),
                ..move_resource_state::Response::default()
            }
        };
        self.answer("MoveResourceState", Subject::Resource(&name), work).await
    }

    async fn read_data_source(
        &self,
        request: Request<read_data_source::Request>,
    ) -> Result<Response<read_data_source::Response>, Status> {
        let request = request.into_inner();
        let name = request.type_name.clone();
        let work = async {
            let answer = self.provider.read_data_source(request.type_name, encoded(request.config)).await;
            read_data_source::Response {
                state: answer.state.map(dynamic),
                diagnostics: diagnostics(answer.diagnostics),
                deferred: None,
            }
        };
        self.answer("ReadDataSource", Subject::DataSource(&name), work).await
    }

    /// Advisory: what waits is told to end, and everything goes on being served.
    async fn stop_provider(
        &self,
        _: Request<proto::stop_provider::Request>,
    ) -> Result<Response<stop_provider::Response>, Status> {
        let work = async {
            self.provider.stop();
            stop_provider::Response::default()
        };
        self.answer("StopProvider", Subject::Provider, work).await
    }
}

#[cfg(test)]
mod tests;
