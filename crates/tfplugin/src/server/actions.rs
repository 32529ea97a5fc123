//! Actions: validate, plan, invoke. They have no state.

use std::sync::Arc;

use crate::context::Progress;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::with_defaults;
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::timeouts::{Operation, duration_text};
use crate::server::apply::GRACE;
use crate::server::host::{Access, FrameworkServer, decode, failure};
use crate::server::read::within;
use crate::server::validate::check;
use crate::validate::presence;
use crate::value::codec::Encoded;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn validate_action(&self, type_name: &str, config: &Encoded) -> Diagnostics {
        match self.action(type_name) {
            Ok(it) => check(it.schema(), config, type_name, true, |config| it.validate(config)),
            Err(problem) => problem.into(),
        }
    }

    pub(crate) async fn plan_action(&self, type_name: &str, config: &Encoded) -> Diagnostics {
        let planning = async {
            let action = self.action(type_name)?;
            let config = decode(action.schema(), config, type_name, "configuration")?;
            presence(action.schema(), &config)?;
            let config = with_defaults(action.schema(), &config)?;
            let data = match self.access() {
                Access::Ready(data) => data,
                Access::NotYetKnown { .. } => return Ok(self.tell_not_yet_known()),
                Access::Missing(problem) => return Err(problem.into()),
            };
            let cx = self.context(data, Operation::Read.timeout(&config), Private::default());
            let checked = within(&cx, action.check(&cx, config)).await;
            let problems = checked.unwrap_or_else(|ended| ended.explain(&cx, type_name, false).into());
            Ok::<_, Diagnostics>(cx.take_warnings() + problems)
        };
        planning.await.unwrap_or_else(|problems| problems)
    }

    pub(crate) async fn invoke(&self, type_name: &str, config: &Encoded, progress: Arc<Progress>) -> Diagnostics {
        let invoking = async {
            let action = self.action(type_name)?;
            let config = decode(action.schema(), config, type_name, "configuration")?;
            presence(action.schema(), &config)?;
            let config = with_defaults(action.schema(), &config)?;
            let data = self.ready(&format!("Invoking `{type_name}`"))?;
            let timeout = Operation::Update.timeout(&config);
            let cx = self.context(data, timeout, Private::default()).with_progress(progress);
            let done = tokio::time::timeout_at(cx.deadline() + GRACE, action.invoke(&cx, config)).await;
            let problems = match done {
                Ok(Ok(())) => Diagnostics::none(),
                Ok(Err(problems)) => failure(problems, type_name),
                Err(_) => Diagnostic::error(
                    "Timed out",
                    format!("`{type_name}` did not end within {}.", duration_text(timeout)),
                )
                .into(),
            };
            Ok::<_, Diagnostics>(cx.take_warnings() + problems)
        };
        invoking.await.unwrap_or_else(|problems| problems)
    }
}
