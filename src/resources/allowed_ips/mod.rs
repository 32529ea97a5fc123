//! `neonrep_allowed_ips`: entries of a project's IP Allow list. What others have in the list stays.

mod apply;
mod check;
mod messages;
mod model;
mod plan;

use std::net::IpAddr;

use tfplugin::schema::{boolean, set_of, string};
use tfplugin::{Diagnostics, Plan, Resource, Schema, Type, Value, path};

use crate::handler::{Call, Context, Data, import_as, nulls};
use crate::neon::{IpRange, ProjectId};
use model::{Model, OnDestroy};

pub(crate) struct AllowedIps;

impl Resource for AllowedIps {
    const TYPE: &'static str = "neonrep_allowed_ips";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute(
                "project_id",
                string().required().replaces_if_set().parsed_by(ProjectId::parse).doc("ID of the Neon project."),
            )
            .attribute(
                "ips",
                set_of(Type::String).required().each_parsed_by(IpRange::parse).checked_by(not_empty).doc(
                    "Entries to add: IPv4 or IPv6 addresses, CIDR blocks such as `192.0.2.0/24`, or ranges such as \
                     `192.0.2.1-192.0.2.9`. Entries that admit the same addresses count as equal, however they are written.",
                ),
            )
            .attribute(
                "enforce",
                boolean().default(false).doc(
                    "Must be `true` to add entries to an empty list: with the first entry, Neon refuses all other addresses.",
                ),
            )
            .attribute(
                "protected_branches_only",
                boolean().optional().doc(
                    "Whether the list applies to protected branches only, so that all other branches admit every address. A setting \
                     of the whole list. Left as it is if not set.",
                ),
            )
            .attribute(
                "provider_address",
                string().optional().parsed_by(str::parse::<IpAddr>).doc(
                    "Public IP address of the machine that runs Terraform. If set, a change after which the list does not admit it \
                     is refused before it is made.",
                ),
            )
            .attribute(
                "on_destroy",
                string().default(OnDestroy::KeepLast.as_str()).one_of(OnDestroy::ALL.map(OnDestroy::as_str)).doc(
                    "What destroy does if the list would be empty afterwards. `keep_last`: it leaves the entries, with a warning. \
                     `open`: it removes them, and every address may connect.",
                ),
            )
            .attribute("id", string().computed().keeps_prior().doc("ID of the project, known at plan."))
            .attribute(
                "preexisting",
                set_of(Type::String).computed().doc(
                    "Entries of `ips` that were in the list before this resource added them. Destroy leaves them. After an import: \
                     all entries.",
                ),
            )
            .timeouts()
            .import_id("<project_id>")
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        plan::modify(plan);
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let project = plan.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("change IP Allow of project `{project}`"));
        apply::change(&call, &plan, None, project).await
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let project = state.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("read IP Allow of project `{project}`"));
        let found = call.target().project(project, &call.budget()).await.map_err(|error| call.failed(&error))?;
        let list = found.allowed_ips();
        if state.is_imported() {
            let (ranges, others) = list.parsed();
            if ranges.is_empty() {
                return Err(messages::nothing_to_import(project).into());
            }
            if !others.is_empty() {
                cx.warn(messages::not_parsed(project, &others));
            }
        }
        Ok(state.observed(&list))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let project = plan.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("change IP Allow of project `{project}`"));
        apply::change(&call, &plan, Some(&prior), project).await
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let project = state.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("remove entries of IP Allow of project `{project}`"));
        apply::remove(&call, &state, project).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let project: ProjectId = import_as(id, "<project_id>")?;
        Ok(Model { project_id: project.into(), ..nulls::<Self>()? })
    }
}

/// A set that is known, and empty.
fn not_empty(set: &Value) -> Result<(), String> {
    match set {
        Value::Set(items) if items.is_empty() => {
            Err("is empty. Name at least one entry, or remove the resource".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
