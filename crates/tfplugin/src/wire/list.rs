//! Calls about list resources (protocol 6.10 of Terraform 1.14).

use futures_util::stream;
use tonic::Status;

use super::events::Events;
use super::service::ProviderService;
use crate::printable;
use crate::server::ListRequest;
use crate::wire::generated::tfplugin6::{Diagnostic, list_resource, validate_list_resource_config};
use crate::wire::rpc::{self, Answer, Subject};
use crate::wire::translate::{self, diagnostics, dynamic, encoded, identity_data};

/// All events of a list: messages come first, in one event of their own.
#[derive(Default)]
struct Listing {
    diagnostics: Vec<Diagnostic>,
    found: Vec<list_resource::Event>,
}

impl Answer for Listing {
    fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn panicked(&mut self, text: &str) {
        self.diagnostics.push(translate::panicked(text));
    }
}

impl ProviderService {
    pub(super) async fn validate_list_resource_config(
        &self,
        request: validate_list_resource_config::Request,
    ) -> Result<validate_list_resource_config::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.validate_list_config(request.type_name, encoded(request.config)).await;
            validate_list_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateListResourceConfig", Subject::List(&name), work).await
    }

    pub(super) async fn list_resource(&self, request: list_resource::Request) -> Events<list_resource::Event> {
        let span = self.span("ListResource", Subject::List(&request.type_name));
        let work = async {
            let request = ListRequest {
                type_name: request.type_name.clone(),
                config: encoded(request.config),
                include_object: request.include_resource_object,
                limit: request.limit,
            };
            let (found, problems) = self.provider.list_resource(request).await;
            let events = found.into_iter().map(|it| list_resource::Event {
                identity: Some(identity_data(it.identity)),
                display_name: printable::line(&it.display_name, printable::SUMMARY_BYTES),
                resource_object: it.object.map(dynamic),
                diagnostic: Vec::new(),
            });
            Listing { diagnostics: diagnostics(problems), found: events.collect() }
        };
        let Listing { diagnostics, found } = rpc::run(span, work, Listing::default).await;
        let told = (!diagnostics.is_empty())
            .then(|| list_resource::Event { diagnostic: diagnostics, ..list_resource::Event::default() });
        Box::pin(stream::iter(told.into_iter().chain(found).map(Ok)))
    }
}
