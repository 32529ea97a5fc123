//! Calls about the provider as a whole: what it has, its configuration, its end.

use tonic::Status;

use super::service::ProviderService;
use crate::wire::generated::tfplugin6::{
    ActionSchema, configure_provider, get_metadata, get_provider_schema, stop_provider, validate_provider_config,
};
use crate::wire::rpc::Subject;
use crate::wire::translate::{self, diagnostics, encoded};

impl ProviderService {
    pub(super) async fn get_metadata(&self, _: get_metadata::Request) -> Result<get_metadata::Response, Status> {
        let work = async {
            let names = self.provider.metadata();
            get_metadata::Response {
                server_capabilities: Some(translate::server_capabilities()),
                resources: names
                    .resources
                    .into_iter()
                    .map(|type_name| get_metadata::ResourceMetadata { type_name })
                    .collect(),
                ephemeral_resources: names
                    .ephemeral_resources
                    .into_iter()
                    .map(|type_name| get_metadata::EphemeralMetadata { type_name })
                    .collect(),
                actions: names
                    .actions
                    .into_iter()
                    .map(|type_name| get_metadata::ActionMetadata { type_name })
                    .collect(),
                list_resources: names
                    .lists
                    .into_iter()
                    .map(|type_name| get_metadata::ListResourceMetadata { type_name })
                    .collect(),
                functions: names.functions.into_iter().map(|name| get_metadata::FunctionMetadata { name }).collect(),
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

    pub(super) async fn get_provider_schema(
        &self,
        _: get_provider_schema::Request,
    ) -> Result<get_provider_schema::Response, Status> {
        let work = async {
            let all = self.provider.provider_schema();
            let named =
                |list: Vec<(String, _)>| list.into_iter().map(|(name, it)| (name, translate::schema(&it))).collect();
            get_provider_schema::Response {
                provider: Some(translate::schema(&all.provider)),
                resource_schemas: named(all.resources),
                data_source_schemas: named(all.data_sources),
                action_schemas: all
                    .actions
                    .iter()
                    .map(|(name, it)| (name.clone(), ActionSchema { schema: Some(translate::config_schema(it)) }))
                    .collect(),
                list_resource_schemas: all
                    .lists
                    .iter()
                    .map(|(name, it)| (name.clone(), translate::config_schema(it)))
                    .collect(),
                ephemeral_resource_schemas: named(all.ephemeral_resources),
                functions: translate::functions(self.provider.functions()),
                server_capabilities: Some(translate::server_capabilities()),
                ..get_provider_schema::Response::default()
            }
        };
        self.answer("GetProviderSchema", Subject::Provider, work).await
    }

    pub(super) async fn validate_provider_config(
        &self,
        request: validate_provider_config::Request,
    ) -> Result<validate_provider_config::Response, Status> {
        let work = async {
            let found = self.provider.validate_provider_config(encoded(request.config)).await;
            validate_provider_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateProviderConfig", Subject::Provider, work).await
    }

    pub(super) async fn configure_provider(
        &self,
        request: configure_provider::Request,
    ) -> Result<configure_provider::Response, Status> {
        let work = async {
            let found = self.provider.configure_provider(encoded(request.config), request.terraform_version).await;
            configure_provider::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ConfigureProvider", Subject::Provider, work).await
    }

    pub(super) async fn stop_provider(&self, _: stop_provider::Request) -> Result<stop_provider::Response, Status> {
        let work = async {
            self.provider.stop();
            stop_provider::Response::default()
        };
        self.answer("StopProvider", Subject::Provider, work).await
    }
}
