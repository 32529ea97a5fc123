//! Calls about provider functions (protocol 6.5).

use tonic::Status;

use super::service::ProviderService;
use crate::wire::generated::tfplugin6::{call_function, get_functions};
use crate::wire::rpc::Subject;
use crate::wire::translate::{self, dynamic, encoded};

impl ProviderService {
    pub(super) async fn get_functions(&self, _: get_functions::Request) -> Result<get_functions::Response, Status> {
        let work = async {
            get_functions::Response {
                functions: translate::functions(self.provider.functions()),
                ..get_functions::Response::default()
            }
        };
        self.answer("GetFunctions", Subject::Provider, work).await
    }

    /// A function has no diagnostics: an error is one text, and the number of an argument.
    pub(super) async fn call_function(
        &self,
        request: call_function::Request,
    ) -> Result<call_function::Response, Status> {
        let name = request.name.clone();
        let work = async {
            let arguments = request.arguments.into_iter().map(|it| encoded(Some(it))).collect();
            match self.provider.call_function(request.name, arguments).await {
                Ok(result) => call_function::Response { result: Some(dynamic(result)), error: None },
                Err(refusal) => {
                    call_function::Response { result: None, error: Some(translate::function_error(&refusal)) }
                }
            }
        };
        self.answer("CallFunction", Subject::Function(&name), work).await
    }
}
