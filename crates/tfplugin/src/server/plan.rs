//! `PlanResourceChange`: the pure planner, then the resource's check of the plan against the live system.

use super::messages::{PlanRequest, PlanResponse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::erased::ErasedResource;
use crate::kinds::resource::Plan;
use crate::plan::{Action, plan};
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::schema::timeouts::{Operation, duration_text};
use crate::server::host::{Access, FrameworkServer, decode, encode, failure};
use crate::server::identity;
use crate::server::read::{Ended, within};
use crate::validate::presence;
use crate::value::Value;
use crate::value::codec::Encoded;

/// The identity of an object that stays is known, whatever else of it is not.
fn planned_identity(schema: &Schema, plan: &Plan<Value>) -> Result<Option<Encoded>, Diagnostic> {
    let prior = plan.prior.as_ref();
    match (&plan.planned, &schema.identity) {
        (Some(planned), Some(of)) if prior.is_none() || of.value(planned).is_wholly_known() => {
            identity::of(schema, planned)
        }
        _ => prior.map_or(Ok(None), |prior| identity::of(schema, prior)),
    }
}

impl<P: Provider> FrameworkServer<P> {
    pub(super) async fn plan(&self, request: PlanRequest) -> PlanResponse {
        let mut messages = Diagnostics::none();
        match self.planned(request, &mut messages).await {
            Ok(response) => PlanResponse { diagnostics: messages, ..response },
            Err(problems) => PlanResponse { diagnostics: messages + problems, ..PlanResponse::default() },
        }
    }

    async fn planned(&self, request: PlanRequest, messages: &mut Diagnostics) -> Result<PlanResponse, Diagnostics> {
        let type_name = request.type_name.as_str();
        let resource = self.resource(type_name)?;
        let schema = resource.schema();
        let prior = decode(schema, &request.prior_state, type_name, "state")?;
        // Read for its nullness alone: the planner merges configuration and state itself.
        let proposed = decode(schema, &request.proposed_new_state, type_name, "proposed state")?;
        let config = match proposed {
            Value::Null => Value::Null,
            _ => decode(schema, &request.config, type_name, "configuration")?,
        };
        if !config.is_null() {
            presence(schema, &config)?;
        }
        let hook = |plan: &mut Plan<Value>| resource.modify_plan(plan).map_err(|it| failure(it, type_name));
        let mut plan = plan(schema, prior, config, hook)?;
        self.settle_absent(&mut plan);

        // A new object remembers nothing. On a replacement Terraform hands us the private state of the old one, though,
        // and what we answer is what its deletion is given: so it is passed on beside what the check keeps for the new.
        let is_create = plan.prior.is_none();
        let mut own = if is_create { Private::default() } else { Private::of_plan(&request.prior_private, false) };
        self.note_that_it_stays(&plan, &mut own, messages)?;
        if plan.action() != Action::Nothing {
            own = self.check(resource, &plan, own, messages).await?;
        }
        let private = Private::planned(&request.prior_private, is_create, &own);
        let planned_identity = planned_identity(schema, &plan)?;
        let planned_state = encode(schema, plan.planned.as_ref().unwrap_or(&Value::Null), type_name)?;
        Ok(PlanResponse {
            planned_state: Some(planned_state),
            requires_replace: plan.requires_replace,
            planned_private: private,
            planned_identity,
            diagnostics: Diagnostics::none(),
        })
    }

    /// Plans null for what no object has under this configuration of the provider.
    fn settle_absent(&self, plan: &mut Plan<Value>) {
        let (Access::Ready(data), Some(Value::Object(planned))) = (self.access(), &mut plan.planned) else { return };
        for name in P::absent(&data) {
            let is_open = plan.config.as_ref().and_then(|it| it.get(name)).is_none_or(Value::is_null);
            if let Some(value) = planned.get_mut(*name).filter(|it| is_open && it.is_unknown()) {
                *value = Value::Null;
            }
        }
    }

    /// Tells the provider that the plan leaves an object in the state; an error refuses the plan.
    fn note_that_it_stays(
        &self,
        plan: &Plan<Value>,
        private: &mut Private,
        messages: &mut Diagnostics,
    ) -> Result<(), Diagnostics> {
        let (Some(config), Some(_), Access::Ready(data)) = (&plan.config, &plan.prior, self.access()) else {
            return Ok(());
        };
        let said = P::object_stays(&data, config, private);
        if said.has_errors() {
            return Err(said);
        }
        messages.extend(said);
        Ok(())
    }

    /// Asks the resource for its check; an error in it refuses the plan. Gives the private state as the check left it.
    async fn check(
        &self,
        resource: &dyn ErasedResource<P::Data>,
        plan: &Plan<Value>,
        private: Private,
        messages: &mut Diagnostics,
    ) -> Result<Private, Diagnostics> {
        let data = match self.access() {
            Access::Ready(data) => data,
            Access::Missing(problem) => return Err(problem.into()),
            Access::NotYetKnown { .. } => {
                messages.extend(self.tell_not_yet_known());
                return Ok(private);
            }
        };
        let timeout = Operation::Read.timeout(plan.planned.as_ref().or(plan.prior.as_ref()).unwrap_or(&Value::Null));
        let cx = self.context(data, timeout, private);
        let mut checked = within(&cx, resource.check_plan(&cx, plan)).await;
        if cx.cancelled().is_cancelled() {
            // A check that notices the interruption itself reports what it could not look at. Nobody is going to apply this plan.
            checked = Err(Ended::Cancelled);
        } else {
            messages.extend(cx.take_warnings());
        }
        match checked {
            Ok(found) if found.has_errors() => Err(found),
            Ok(found) => {
                messages.extend(found);
                Ok(cx.private())
            }
            Err(Ended::Cancelled) => Err(Diagnostic::error("Interrupted", "The plan was interrupted.").into()),
            // What could not be looked at is not refused.
            Err(Ended::Late) => {
                messages.push(
                    Diagnostic::warning(
                        "Plan is not checked",
                        format!(
                            "The checks of `{}` did not end within {}, so the plan was not compared with the live system.",
                            resource.type_name(),
                            duration_text(timeout)
                        ),
                    )
                    .at(Operation::Read.path()),
                );
                Ok(cx.private())
            }
        }
    }
}
