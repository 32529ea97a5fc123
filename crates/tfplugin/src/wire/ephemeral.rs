//! Calls about ephemeral resources (protocol 6.7).

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use tonic::Status;

use super::service::ProviderService;
use crate::wire::generated::tfplugin6::{
    close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource, validate_ephemeral_resource_config,
};
use crate::wire::rpc::Subject;
use crate::wire::translate::{diagnostics, dynamic, encoded};

/// A moment by the wall clock, as Terraform's timer takes it. None where the clock has no such time.
fn from_now(after: Duration) -> Option<Timestamp> {
    SystemTime::now().checked_add(after).map(Timestamp::from)
}

impl ProviderService {
    pub(super) async fn validate_ephemeral_resource_config(
        &self,
        request: validate_ephemeral_resource_config::Request,
    ) -> Result<validate_ephemeral_resource_config::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.validate_ephemeral_config(request.type_name, encoded(request.config)).await;
            validate_ephemeral_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateEphemeralResourceConfig", Subject::Ephemeral(&name), work).await
    }

    pub(super) async fn open_ephemeral_resource(
        &self,
        request: open_ephemeral_resource::Request,
    ) -> Result<open_ephemeral_resource::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let answer = self.provider.open_ephemeral(request.type_name, encoded(request.config)).await;
            open_ephemeral_resource::Response {
                result: answer.result.map(dynamic),
                renew_at: answer.renew_in.and_then(from_now),
                private: Some(answer.private),
                diagnostics: diagnostics(answer.diagnostics),
                deferred: None,
            }
        };
        self.answer("OpenEphemeralResource", Subject::Ephemeral(&name), work).await
    }

    pub(super) async fn renew_ephemeral_resource(
        &self,
        request: renew_ephemeral_resource::Request,
    ) -> Result<renew_ephemeral_resource::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let answer = self.provider.renew_ephemeral(request.type_name, request.private.unwrap_or_default()).await;
            renew_ephemeral_resource::Response {
                renew_at: answer.renew_in.and_then(from_now),
                private: Some(answer.private),
                diagnostics: diagnostics(answer.diagnostics),
            }
        };
        self.answer("RenewEphemeralResource", Subject::Ephemeral(&name), work).await
    }

    pub(super) async fn close_ephemeral_resource(
        &self,
        request: close_ephemeral_resource::Request,
    ) -> Result<close_ephemeral_resource::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.close_ephemeral(request.type_name, request.private.unwrap_or_default()).await;
            close_ephemeral_resource::Response { diagnostics: diagnostics(found) }
        };
        self.answer("CloseEphemeralResource", Subject::Ephemeral(&name), work).await
    }
}
