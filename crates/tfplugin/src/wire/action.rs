//! Calls about actions (protocol 6.10 of Terraform 1.14).

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::mpsc;
use tonic::Status;

use super::events::Events;
use super::service::ProviderService;
use crate::printable;
use crate::wire::generated::tfplugin6::Diagnostic;
use crate::wire::generated::tfplugin6::invoke_action::event::{Completed, Progress, Type};
use crate::wire::generated::tfplugin6::{invoke_action, plan_action, validate_action_config};
use crate::wire::rpc::{self, Answer, Subject};
use crate::wire::translate::{self, diagnostics, encoded};

impl Answer for Completed {
    fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn panicked(&mut self, text: &str) {
        self.diagnostics.push(translate::panicked(text));
    }
}

impl ProviderService {
    pub(super) async fn validate_action_config(
        &self,
        request: validate_action_config::Request,
    ) -> Result<validate_action_config::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let found = self.provider.validate_action_config(request.type_name, encoded(request.config)).await;
            validate_action_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateActionConfig", Subject::Action(&name), work).await
    }

    pub(super) async fn plan_action(&self, request: plan_action::Request) -> Result<plan_action::Response, Status> {
        let name = request.action_type.clone();
        let work = async {
            let found = self.provider.plan_action(request.action_type, encoded(request.config)).await;
            plan_action::Response { diagnostics: diagnostics(found), deferred: None }
        };
        self.answer("PlanAction", Subject::Action(&name), work).await
    }

    /// Progress as it comes, then the end, once: Terraform crashes on an event that is neither. The action runs to its
    /// end even if the request is dropped.
    pub(super) fn invoke_action(&self, request: invoke_action::Request) -> Events<invoke_action::Event> {
        let span = self.span("InvokeAction", Subject::Action(&request.action_type));
        let (tell, events) = mpsc::unbounded_channel();
        let progress = tell.clone();
        let progress = Arc::new(move |text: &str| {
            let message = printable::line(text, printable::DETAIL_BYTES);
            // Nobody reads any more if the request was dropped.
            let _unread = progress.send(Type::Progress(Progress { message }));
        });
        let (provider, under_way) = (Arc::clone(&self.provider), self.under_way.clone());
        let work = async move {
            let found = provider.invoke_action(request.action_type, encoded(request.config), progress).await;
            Completed { diagnostics: diagnostics(found) }
        };
        tokio::spawn(async move {
            if let Some(completed) = rpc::run_to_the_end(span, &under_way, work, Completed::default).await {
                let _unread = tell.send(Type::Completed(completed));
            }
        });
        Box::pin(stream::unfold(Some(events), |events| async move {
            let mut events = events?;
            let event = events.recv().await?;
            // What a task of the handler says after the end is not heard.
            let rest = matches!(event, Type::Progress(_)).then_some(events);
            Some((Ok(invoke_action::Event { r#type: Some(event) }), rest))
        }))
    }
}
