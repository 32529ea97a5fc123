//! `ReadResource` and `ReadDataSource`. What could not be read keeps its state.

use std::future::Future;

use super::messages::{ReadRequest, StateResponse};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::fill;
use crate::plan::with_defaults;
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::timeouts::{Operation, duration_text};
use crate::server::host::{Access, FrameworkServer, decode, encode, failure};
use crate::server::{identity, verify};
use crate::validate::presence;
use crate::value::Value;
use crate::value::codec::Encoded;
use crate::value::path::AttributePath;

/// Why a reading call ended without a result.
pub(crate) enum Ended {
    /// Its deadline passed.
    Late,
    /// The user interrupted the run.
    Cancelled,
}

impl Ended {
    pub(crate) fn explain<D>(&self, cx: &Context<D>, type_name: &str, has_timeouts: bool) -> Diagnostic {
        match self {
            Self::Cancelled => Diagnostic::error("Interrupted", format!("Reading `{type_name}` was interrupted.")),
            Self::Late => {
                let path = if has_timeouts { Operation::Read.path() } else { AttributePath::root() };
                let longer = if has_timeouts { " A longer time can be set as `timeouts.read`." } else { "" };
                let took = duration_text(cx.timeout());
                Diagnostic::error(
                    "Reading timed out",
                    format!("`{type_name}` could not be read within {took}.{longer}"),
                )
                .at(path)
            }
        }
    }
}

/// Runs a call that changes nothing, and so may be dropped, until its deadline or the user's interruption.
pub(crate) async fn within<D, T>(cx: &Context<D>, call: impl Future<Output = T>) -> Result<T, Ended> {
    tokio::select! {
        biased;
        done = call => Ok(done),
        () = cx.cancelled().cancelled() => Err(Ended::Cancelled),
        () = tokio::time::sleep_until(cx.deadline()) => Err(Ended::Late),
    }
}

impl<P: Provider> FrameworkServer<P> {
    pub(crate) async fn read(&self, request: ReadRequest) -> StateResponse {
        let kept = |diagnostics: Diagnostics| StateResponse {
            state: Some(request.current_state.clone()),
            private: request.private.clone(),
            identity: request.current_identity.clone(),
            diagnostics,
        };
        let type_name = &request.type_name;
        let resource = match self.resource(type_name) {
            Ok(resource) => resource,
            Err(problem) => return kept(problem.into()),
        };
        let schema = resource.schema();
        let prior = match decode(schema, &request.current_state, type_name, "state") {
            Ok(Value::Null) => return kept(Diagnostics::none()),
            Ok(prior) => prior,
            Err(problem) => return kept(problem.into()),
        };
        let data = match self.access() {
            Access::Ready(data) => data,
            Access::NotYetKnown { .. } => return kept(self.tell_not_yet_known()),
            Access::Missing(problem) => return kept(problem.into()),
        };
        let cx = self.context(data, Operation::Read.timeout(&prior), Private::decode(&request.private));
        let found = within(&cx, resource.read(&cx, prior.clone())).await;
        let warnings = cx.take_warnings();
        let has_timeouts = schema.attributes.contains_key("timeouts");
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(problems)) => return kept(warnings + failure(problems, type_name)),
            Err(ended) => return kept(warnings + ended.explain(&cx, type_name, has_timeouts).into()),
        };
        let found = found.map_or(Value::Null, |it| fill::read(schema, &prior, it));
        let problems = verify::stored(schema, type_name, &found);
        if problems.has_errors() {
            return kept(warnings + problems);
        }
        let encoded = encode(schema, &found, type_name).and_then(|state| Ok((state, identity::of(schema, &found)?)));
        match encoded {
            Ok((state, identity)) => {
                StateResponse { state: Some(state), private: cx.private().encode(), identity, diagnostics: warnings }
            }
            Err(problem) => kept(warnings + problem.into()),
        }
    }

    pub(crate) async fn read_data(&self, type_name: &str, config: &Encoded) -> StateResponse {
        let mut warnings = Diagnostics::none();
        match self.data_found(type_name, config, &mut warnings).await {
            Ok(state) => StateResponse { state: Some(state), diagnostics: warnings, ..StateResponse::default() },
            Err(problems) => StateResponse { diagnostics: warnings + problems, ..StateResponse::default() },
        }
    }

    async fn data_found(
        &self,
        type_name: &str,
        config: &Encoded,
        warnings: &mut Diagnostics,
    ) -> Result<Encoded, Diagnostics> {
        let source = self.data_source(type_name)?;
        let schema = source.schema();
        let config = decode(schema, config, type_name, "configuration")?;
        if !config.is_wholly_known() {
            return Err(Diagnostic::error(
                "Configuration is not known yet",
                format!("`{type_name}` was to be read with values that are known only after apply."),
            )
            .into());
        }
        presence(schema, &config)?;
        let wanted = with_defaults(schema, &config)?;
        let data = self.ready(&format!("Reading `{type_name}`"))?;
        let cx = self.context(data, Operation::Read.timeout(&config), Private::default());
        let found = within(&cx, source.read(&cx, wanted.clone())).await;
        warnings.extend(cx.take_warnings());
        let has_timeouts = schema.attributes.contains_key("timeouts");
        let found = match found {
            Ok(found) => found.map_err(|problems| failure(problems, type_name))?,
            Err(ended) => return Err(ended.explain(&cx, type_name, has_timeouts).into()),
        };
        let problems = verify::stored(schema, type_name, &found) + verify::echoed(schema, type_name, &wanted, &found);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(encode(schema, &found, type_name)?)
    }
}
