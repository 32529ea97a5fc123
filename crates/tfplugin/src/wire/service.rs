//! Terraform's calls, each handed to the file of its kind. No call fails as gRPC; problems are diagnostics, which reach
//! the user with their resource.
//!
//! What is not here answers `Unimplemented`, which is right for kinds that the schema does not have.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use crate::server::PluginServer;
use crate::wire::events::Events;
use crate::wire::generated::tfplugin6 as proto;
use crate::wire::generated::tfplugin6::provider_server::Provider;
use crate::wire::rpc::{self, Answer, RequestIds, Subject, UnderWay};

/// `tfplugin6.Provider` over the framework's server.
pub(crate) struct ProviderService {
    pub(super) provider: Arc<dyn PluginServer>,
    ids: RequestIds,
    pub(super) under_way: UnderWay,
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

    pub(super) fn span(&self, rpc: &'static str, subject: Subject<'_>) -> tracing::Span {
        rpc::span(rpc, subject, self.provider.address(), &self.ids)
    }

    /// Runs a call that changes nothing. After a panic the answer is empty but for the message.
    pub(super) async fn answer<T: Answer + Default>(
        &self,
        rpc: &'static str,
        subject: Subject<'_>,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, Status> {
        Ok(rpc::run(self.span(rpc, subject), work, T::default).await)
    }
}

/// The calls that are answered: each is a method of its own name in the file of its kind.
macro_rules! answered {
    ($($call:ident),* $(,)?) => {
        #[async_trait]
        impl Provider for ProviderService {
            $(async fn $call(
                &self,
                request: Request<proto::$call::Request>,
            ) -> Result<Response<proto::$call::Response>, Status> {
                ProviderService::$call(self, request.into_inner()).await.map(Response::new)
            })*

            async fn invoke_action(
                &self,
                request: Request<proto::invoke_action::Request>,
            ) -> Result<Response<Events<proto::invoke_action::Event>>, Status> {
                Ok(Response::new(ProviderService::invoke_action(self, request.into_inner())))
            }

            async fn list_resource(
                &self,
                request: Request<proto::list_resource::Request>,
            ) -> Result<Response<Events<proto::list_resource::Event>>, Status> {
                Ok(Response::new(ProviderService::list_resource(self, request.into_inner()).await))
            }
        }
    };
}

answered!(
    get_metadata,
    get_provider_schema,
    validate_provider_config,
    configure_provider,
    stop_provider,
    get_resource_identity_schemas,
    validate_resource_config,
    upgrade_resource_state,
    upgrade_resource_identity,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    move_resource_state,
    validate_data_resource_config,
    read_data_source,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    get_functions,
    call_function,
    validate_action_config,
    plan_action,
    validate_list_resource_config,
);

#[cfg(test)]
mod tests;
