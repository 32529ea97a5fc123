//! Ephemeral resources: validate, open, renew, close. Nothing of them reaches plan or state.

use super::messages::{OpenResponse, RenewResponse};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::ephemeral::Opened;
use crate::plan::with_defaults;
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::timeouts::Operation;
use crate::server::host::{FrameworkServer, decode, encode, failure};
use crate::server::read::{Ended, within};
use crate::server::validate::check;
use crate::server::verify;
use crate::validate::presence;
use crate::value::Value;
use crate::value::codec::Encoded;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn validate_ephemeral(&self, type_name: &str, config: &Encoded) -> Diagnostics {
        match self.ephemeral(type_name) {
            Ok(it) => check(it.schema(), config, type_name, true, |config| it.validate(config)),
            Err(problem) => problem.into(),
        }
    }

    pub(crate) async fn open(&self, type_name: &str, config: &Encoded) -> OpenResponse {
        let mut warnings = Diagnostics::none();
        match self.opened(type_name, config, &mut warnings).await {
            Ok(response) => OpenResponse { diagnostics: warnings, ..response },
            Err(problems) => OpenResponse { diagnostics: warnings + problems, ..OpenResponse::default() },
        }
    }

    async fn opened(
        &self,
        type_name: &str,
        config: &Encoded,
        warnings: &mut Diagnostics,
    ) -> Result<OpenResponse, Diagnostics> {
        let resource = self.ephemeral(type_name)?;
        let schema = resource.schema();
        let config = decode(schema, config, type_name, "configuration")?;
        if !config.is_wholly_known() {
            return Err(Diagnostic::error(
                "Configuration is not known yet",
                format!("`{type_name}` was to be opened with values that are known only after apply."),
            )
            .into());
        }
        presence(schema, &config)?;
        let wanted = with_defaults(schema, &config)?;
        let data = self.ready(&format!("Opening `{type_name}`"))?;
        let cx = self.context(data, Operation::Read.timeout(&config), Private::default());
        let opened = within(&cx, resource.open(&cx, wanted.clone())).await;
        warnings.extend(cx.take_warnings());
        let Opened { value, renew_in } = result(opened, &cx, type_name)?;
        let problems = verify::known(schema, type_name, &value) + verify::echoed(schema, type_name, &wanted, &value);
        if problems.has_errors() {
            // What was opened is known to nobody then: it is closed at once.
            let closed = within(&cx, resource.close(&cx)).await;
            let _reported = result(closed, &cx, type_name).map_err(|more| warnings.extend(more));
            return Err(problems);
        }
        let result = encode(schema, &value, type_name)?;
        Ok(OpenResponse {
            result: Some(result),
            private: cx.private().encode(),
            renew_in,
            diagnostics: Diagnostics::none(),
        })
    }

    pub(crate) async fn renew(&self, type_name: &str, private: Vec<u8>) -> RenewResponse {
        let renewing = async {
            let resource = self.ephemeral(type_name)?;
            let data = self.ready(&format!("Renewing `{type_name}`"))?;
            let cx = self.context(data, Operation::Read.timeout(&Value::Null), Private::decode(&private));
            let renewed = within(&cx, resource.renew(&cx)).await;
            let warnings = cx.take_warnings();
            let (renew_in, problems) = match result(renewed, &cx, type_name) {
                Ok(renew_in) => (renew_in, Diagnostics::none()),
                Err(problems) => (None, problems),
            };
            let private = cx.private().encode();
            Ok::<_, Diagnostics>(RenewResponse { private, renew_in, diagnostics: warnings + problems })
        };
        let renewed = renewing.await;
        renewed.unwrap_or_else(|diagnostics| RenewResponse { private, renew_in: None, diagnostics })
    }

    /// Also called after an interruption, so it is not cut short by one.
    pub(crate) async fn close(&self, type_name: &str, private: &[u8]) -> Diagnostics {
        let closing = async {
            let resource = self.ephemeral(type_name)?;
            let data = self.ready(&format!("Closing `{type_name}`"))?;
            let cx = self.context(data, Operation::Read.timeout(&Value::Null), Private::decode(private));
            let closed = tokio::time::timeout_at(cx.deadline(), resource.close(&cx)).await.map_err(|_| Ended::Late);
            let problems = result(closed, &cx, type_name).err().unwrap_or_default();
            Ok::<_, Diagnostics>(cx.take_warnings() + problems)
        };
        closing.await.unwrap_or_else(|problems| problems)
    }
}

fn result<D, T>(
    outcome: Result<Result<T, Diagnostics>, Ended>,
    cx: &Context<D>,
    type_name: &str,
) -> Result<T, Diagnostics> {
    match outcome {
        Ok(done) => done.map_err(|problems| failure(problems, type_name)),
        Err(ended) => Err(ended.explain(cx, type_name, false).into()),
    }
}
