//! Calls about data sources.

use tonic::Status;

use super::service::ProviderService;
use crate::wire::generated::tfplugin6::{read_data_source, validate_data_resource_config};
use crate::wire::rpc::Subject;
use crate::wire::translate::{diagnostics, dynamic, encoded};

impl ProviderService {
    pub(super) async fn validate_data_resource_config(
        &self,
        request: validate_data_resource_config::Request,
    ) -> Result<validate_data_resource_config::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.validate_data_source_config(request.type_name, encoded(request.config)).await;
            validate_data_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateDataResourceConfig", Subject::DataSource(&name), work).await
    }

    pub(super) async fn read_data_source(
        &self,
        request: read_data_source::Request,
    ) -> Result<read_data_source::Response, Status> {
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
}
