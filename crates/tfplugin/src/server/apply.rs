//! `ApplyResourceChange`: makes, changes or removes the object, and says what exists whatever happened.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::messages::{ApplyRequest, StateResponse};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::erased::ErasedResource;
use crate::model::fill;
use crate::plan::null_write_only;
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::schema::timeouts::{Operation, duration_text};
use crate::server::host::{FrameworkServer, decode, encode, failure};
use crate::server::{identity, verify};
use crate::value::Value;

/// How long past its deadline a handler may take to cancel its work and find out what exists. Handlers keep their
/// deadline themselves, for only they can say what there is; this guards against one that hangs.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// What is to be done, as Terraform has it.
struct Change {
    /// Null on create.
    prior: Value,
    /// Null on delete.
    planned: Value,
    /// Null on delete.
    config: Value,
}

/// What a call left behind.
struct Outcome {
    state: Value,
    private: Vec<u8>,
    diagnostics: Diagnostics,
}

impl<P: Provider> FrameworkServer<P> {
    pub(crate) async fn apply(&self, request: ApplyRequest) -> StateResponse {
        let prior_with = |diagnostics: Diagnostics| StateResponse {
            state: Some(request.prior_state.clone()),
            private: request.planned_private.clone(),
            identity: None,
            diagnostics,
        };
        let nothing_done = |problem: Diagnostic| prior_with(problem.into());
        let type_name = &request.type_name;
        let resource = match self.resource(type_name) {
            Ok(resource) => resource,
            Err(problem) => return nothing_done(problem),
        };
        let read = |value, what| decode(resource.schema(), value, type_name, what);
        let change = read(&request.prior_state, "state").and_then(|prior| {
            let planned = read(&request.planned_state, "planned state")?;
            Ok(Change { prior, planned, config: read(&request.config, "configuration")? })
        });
        let change = match change {
            Ok(change) => change,
            Err(problem) => return nothing_done(problem),
        };
        let data = match self.ready("Applying a change") {
            Ok(data) => data,
            Err(problem) => return nothing_done(problem),
        };
        let (operation, timed) = match (&change.prior, &change.planned) {
            (Value::Null, Value::Null) => {
                return nothing_done(Diagnostic::bug("An apply with neither state nor plan."));
            }
            (Value::Null, planned) => (Operation::Create, planned),
            (prior, Value::Null) => (Operation::Delete, prior),
            (_, planned) => (Operation::Update, planned),
        };
        let private = Private::of_plan(&request.planned_private, operation == Operation::Create);
        let cx = self.context(data, operation.timeout(timed), private).with_config(change.config.clone()).for_apply();
        let outcome = run(resource, &cx, operation, change).await;
        let schema = resource.schema();
        let encoded = encode(schema, &outcome.state, type_name)
            .and_then(|state| Ok((state, identity::of(schema, &outcome.state)?)));
        match encoded {
            Ok((state, identity)) => StateResponse {
                state: Some(state),
                private: outcome.private,
                identity,
                diagnostics: outcome.diagnostics,
            },
            Err(problem) => prior_with(outcome.diagnostics + problem.into()),
        }
    }
}

async fn run<D: Send + Sync>(
    resource: &dyn ErasedResource<D>,
    cx: &Context<D>,
    operation: Operation,
    change: Change,
) -> Outcome {
    let Change { prior, planned, config } = change;
    let type_name = resource.type_name();
    let result = match operation {
        Operation::Create => guarded(cx, operation, type_name, resource.create(cx, planned.clone())).await,
        Operation::Update => {
            guarded(cx, operation, type_name, resource.update(cx, prior.clone(), planned.clone())).await
        }
        Operation::Delete | Operation::Read => {
            let deleted = guarded(cx, operation, type_name, resource.delete(cx, prior.clone())).await;
            deleted.map(|()| Value::Null)
        }
    };
    let warnings = cx.take_warnings();
    let checkpoint = cx.take_checkpoint();
    let (state, problems) = match result {
        Ok(Value::Null) => (Value::Null, Diagnostics::none()),
        Ok(made) => {
            let schema = resource.schema();
            let made = fill::applied(schema, &config, &planned, made);
            let problems = verify::stored(schema, type_name, &made) + verify::kept(schema, type_name, &planned, &made);
            (storable(schema, made), problems)
        }
        Err(problems) => {
            let problems = failure(problems, type_name);
            match checkpoint.map(|it| resource.schema().object_type().conform(it)) {
                Some(Ok(exists)) => (storable(resource.schema(), exists), problems),
                Some(Err(error)) => {
                    let bug =
                        Diagnostic::bug(format!("A checkpoint of `{type_name}` does not fit its schema: {error}."));
                    (prior, problems + bug.into())
                }
                None => (prior, problems),
            }
        }
    };
    Outcome { state, private: cx.private().encode(), diagnostics: warnings + problems }
}

/// What Terraform accepts in a state, of whatever there is.
fn storable(schema: &Schema, value: Value) -> Value {
    let mut value = value.unknown_as_null();
    null_write_only(&schema.attributes, &mut value);
    value
}

async fn guarded<D, T>(
    cx: &Context<D>,
    operation: Operation,
    type_name: &str,
    call: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    // A panic is caught here, where the checkpoint is: what was made by then must not be orphaned.
    match tokio::time::timeout_at(cx.deadline() + GRACE, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Diagnostic::bug(format!(
            "`{type_name}`: {} panicked. The provider's log has the message.",
            operation.attribute()
        ))
        .into()),
        Err(_) => Err(Diagnostic::error(
            "Timed out",
            format!(
                "`{type_name}`: {} did not end within {} and did not say what it left behind. Look at the object before \
                 the next apply; a longer time can be set as `{}`.",
                operation.attribute(),
                duration_text(cx.timeout()),
                operation.path()
            ),
        )
        .at(operation.path())
        .into()),
    }
}
