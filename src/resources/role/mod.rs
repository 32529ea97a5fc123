//! `neonrep_role`: a role made by Neon's API, for a consumer to log in with.
//!
//! The API keeps the password and shows it on request; the state holds it only where the user asked for that.

mod name;
mod password;
mod removal;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, map_of, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, Type, identity, model, path};

use super::{access, location};
use crate::checks::{branch_protected, password_cannot_be_known};
use crate::context::{Context, Data};
use crate::explain;
use crate::neon::{self, BranchId, Budget, ProjectId, RoleCreation};
use crate::postgres::RoleName;
use crate::session::{Error, NaturalKey, Session};

/// The resource.
#[derive(Debug)]
pub(crate) struct Role;

/// Field for field the schema.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<String>,
    branch_id: Attr<String>,
    name: Attr<String>,
    adopt: Attr<bool>,
    store_password: Attr<bool>,
    rotate_when_changed: Attr<BTreeMap<String, Attr<String>>>,
    force_destroy: Attr<bool>,
    id: Attr<String>,
    adopted: Attr<bool>,
    password: Attr<String>,
    timeouts: Attr<Timeouts>,
}

/// The password is not shown.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where a role is, once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    project: ProjectId,
    branch: BranchId,
    name: RoleName,
}

const IMPORT_ID: &str = "<project_id>/<branch_id>/<name>";

impl Resource for Role {
    const TYPE: &'static str = "neonrep_role";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("role.md"))
            .attribute("project_id", location::project_id())
            .attribute("branch_id", location::branch_id())
            .attribute(
                "name",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(name::parse)
                    .doc("Name of the role, unique in the branch. Names that Postgres or Neon reserve are refused."),
            )
            .attribute(
                "adopt",
                boolean().default(false).doc(
                    "Take over a role of that name that is there already, instead of failing. What was taken over is never dropped.",
                ),
            )
            .attribute(
                "store_password",
                boolean().default(false).doc("Keep the password in the state, and so in plan files."),
            )
            .attribute(
                "rotate_when_changed",
                map_of(Type::String).optional().doc(
                    "Any values, such as a date: when they change from some to others, the role gets a new password and its \
                     open connections drop.",
                ),
            )
            .attribute(
                "force_destroy",
                boolean().default(false).doc(
                    "On destroy, let Neon give what the role owns to the owner of the database it is in, instead of failing.",
                ),
            )
            .attribute(
                "id",
                string().computed().keeps_prior().doc("`project_id/branch_id/name`, known when the role exists."),
            )
            .attribute(
                "adopted",
                boolean().computed().keeps_prior().doc("Whether the role was there before and was taken over."),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("The password, with `store_password = true`; else null."),
            )
            .timeouts()
            .import_id(IMPORT_ID)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let prior = plan.prior.as_ref().filter(|_| !plan.replaces());
        if let Some(planned) = &mut plan.planned {
            planned.password = password::planned(prior, planned);
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        let Some(planned) = &plan.planned else { return Diagnostics::none() };
        let mut said = Diagnostics::none();
        let prior = plan.prior.as_ref().filter(|_| !plan.replaces());
        if let Some(prior) = prior
            && password::rotates(prior, planned)
        {
            said.push(password::rotation_warning(planned));
        }
        let drops_the_only_copy = |prior: &Model| prior.store_password.is_true() && !planned.store_password.is_true();
        if prior.is_none_or(drops_the_only_copy) {
            // A branch that is fed by something unknown is not looked at.
            let branch_known = plan.config.as_ref().is_some_and(|it| !it.branch_id.is_unknown());
            said.extend(check_facts(cx, planned, prior.is_none() && branch_known).await);
        }
        said
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let project = location::known(&plan.project_id, path!(project_id), ProjectId::parse)?;
        let branch = location::optional(&plan.branch_id, path!(branch_id), BranchId::parse)?;
        let name = location::known(&plan.name, path!(name), name::parse)?;
        let doing = format!("create role `{name}`");
        let branch = session.branch(&project, branch.as_ref(), &budget).await;
        let branch = branch.map_err(|it| explain::session(&doing, &it))?;
        let place = Place { project, branch, name };

        let creation = session.neon().create_role(&place.project, &place.branch, place.name.as_str(), &budget).await;
        let creation = match creation {
            Ok(creation) => creation,
            Err(error) => return Err(explain::session(&doing, &absent(session, &place, error, &budget).await).into()),
        };
        let (role, adopted) = match creation {
            RoleCreation::Existed(role) if plan.adopt.is_true() => (role, true),
            RoleCreation::Existed(_) => return Err(exists(&place).into()),
            RoleCreation::Made(pending) => {
                session.natural_keys().remember(place.key());
                cx.checkpoint(&password::with_answer(plan.made(&place, false), pending.value().password.as_ref()));
                (pending.wait(&budget).await.map_err(|it| explain::neon(&doing, &it))?, false)
            }
        };
        if adopted && role.protected == Some(true) {
            return Err(Diagnostic::error(
                "Role is one of Neon's own",
                format!("Role `{}` is protected by Neon: it cannot be taken over.", place.name),
            )
            .at(path!(name))
            .into());
        }
        session.natural_keys().remember(place.key());
        Ok(password::filled(cx, plan.made(&place, adopted), &place, role.password.as_ref(), &budget).await)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let place = state.place()?;
        let doing = format!("read role `{}`", place.name);
        let shared = session.neon().shared();
        let found = match shared.role(&place.project, &place.branch, place.name.as_str(), &budget).await {
            Ok(found) => Ok(found),
            Err(error) => match absent(session, &place, error, &budget).await {
                error if error.is_gone() => Ok(None),
                error => Err(error),
            },
        };
        if access::unless_gone(&doing, found)?.is_none() {
            return Ok(None);
        }
        let state = Model {
            id: place.id().into(),
            adopt: state.adopt.or_default(false),
            store_password: state.store_password.or_default(false),
            force_destroy: state.force_destroy.or_default(false),
            adopted: state.adopted.or_default(false),
            ..state
        };
        password::read(session, state, &place, &budget).await.map(Some)
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let place = plan.place()?;
        if !password::rotates(&prior, &plan) {
            return Ok(password::filled(cx, plan, &place, None, &budget).await);
        }
        let doing = format!("give role `{}` a new password", place.name);
        let reset = session.neon().reset_password(&place.project, &place.branch, place.name.as_str(), &budget).await;
        let pending = match reset {
            Ok(pending) => pending,
            Err(error) => return Err(explain::session(&doing, &absent(session, &place, error, &budget).await).into()),
        };
        cx.checkpoint(&password::with_answer(plan.clone(), pending.value().password.as_ref()));
        let role = pending.wait(&budget).await.map_err(|it| explain::neon(&doing, &it))?;
        cx.warn(password::rotated_warning(place.name.as_str()));
        Ok(password::filled(cx, plan, &place, role.password.as_ref(), &budget).await)
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let place = state.place()?;
        removal::remove(cx, &place, state.adopted.is_true(), state.force_destroy.is_true()).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let [project, branch, name] = identity::parts::<3>(id, IMPORT_ID)?;
        let bad = |wrong: String| identity::bad_id(&explain::sentence(&wrong), IMPORT_ID);
        ProjectId::parse(&project).map_err(|wrong| bad(wrong.to_string()))?;
        BranchId::parse(&branch).map_err(|wrong| bad(wrong.to_string()))?;
        name::parse(&name).map_err(bad)?;
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        let id = identity::id(&[&project, &branch, &name]).into();
        Ok(Model { project_id: project.into(), branch_id: branch.into(), name: name.into(), id, ..nulls })
    }
}

impl Place {
    fn id(&self) -> String {
        identity::id(&[self.project.as_str(), self.branch.as_str(), self.name.as_str()])
    }

    fn key(&self) -> NaturalKey {
        NaturalKey::new("role", [self.project.as_str(), self.branch.as_str(), self.name.as_str()])
    }
}

impl Model {
    /// Where an object that exists is.
    fn place(&self) -> Result<Place, Diagnostics> {
        Ok(Place {
            project: location::known(&self.project_id, path!(project_id), ProjectId::parse)?,
            branch: location::known(&self.branch_id, path!(branch_id), BranchId::parse)?,
            name: location::known(&self.name, path!(name), name::parse)?,
        })
    }

    /// The planned value with what is known once the role is there, but the password.
    fn made(&self, place: &Place, adopted: bool) -> Self {
        Self {
            branch_id: self.branch_id.clone().or_found(|| place.branch.to_string().into()),
            id: self.id.clone().or_found(|| place.id().into()),
            adopted: self.adopted.or_found(|| adopted.into()),
            ..self.clone()
        }
    }
}

/// What the API's 404 means: a branch that is gone is told apart from a role that is, and from a project that is.
async fn absent(session: &Session, place: &Place, error: neon::Error, budget: &Budget) -> Error {
    if !error.is_not_found() {
        return error.into();
    }
    match session.branch_is_gone(&place.project, &place.branch, budget).await {
        Ok(true) => Error::branch_gone(&place.project, &place.branch),
        Ok(false) => error.into(),
        Err(other) => other,
    }
}

/// What the world says of a role to be made, or of one whose password is about to leave the state.
async fn check_facts(cx: &Context, planned: &Model, looks_at_branch: bool) -> Diagnostics {
    let (session, policy) = (&cx.data().session, &cx.data().policy);
    let budget = access::budget(cx);
    let (Attr::Known(name), Attr::Known(store_password)) = (&planned.name, planned.store_password) else {
        return Diagnostics::none();
    };
    let project = match location::optional(&planned.project_id, path!(project_id), ProjectId::parse) {
        Ok(Some(project)) => project,
        Ok(None) => return Diagnostics::none(),
        Err(problems) => return problems,
    };
    let mut said = Diagnostics::none();
    let shared = session.neon().shared();
    if policy.asks(&password_cannot_be_known::CHECK) && !store_password {
        match shared.project(&project, &budget).await {
            Ok(found) => said.extend(policy.judge(
                &password_cannot_be_known::CHECK,
                password_cannot_be_known::check(name, found.stores_passwords(), store_password, path!(store_password)),
            )),
            Err(error) => {
                let error = if error.is_not_found() {
                    Error::ProjectNotFound { project: project.clone(), source: error }
                } else {
                    error.into()
                };
                return access::not_seen(cx, &format!("project `{project}`"), &error);
            }
        }
    }
    if looks_at_branch && policy.asks(&branch_protected::CHECK) {
        let branch = match location::optional(&planned.branch_id, path!(branch_id), BranchId::parse) {
            Ok(branch) => planned_branch(session, &project, branch.as_ref(), &budget).await,
            Err(problems) => return problems,
        };
        match branch {
            Ok(branch) => {
                let found = branch_protected::check(name, &branch, path!(branch_id));
                said.extend(policy.judge(&branch_protected::CHECK, found));
            }
            Err(error) => said.extend(access::not_seen(cx, &format!("the branch in project `{project}`"), &error)),
        }
    }
    said
}

/// The branch that a plan names, or the default one where configuration says nothing.
async fn planned_branch(
    session: &Session,
    project: &ProjectId,
    branch: Option<&BranchId>,
    budget: &Budget,
) -> Result<Arc<neon::Branch>, Error> {
    let shared = session.neon().shared();
    let found = match branch {
        Some(branch) => shared.branch(project, branch, budget).await,
        None => shared.default_branch(project, budget).await,
    };
    match (found, branch) {
        (Err(error), Some(branch)) if error.is_not_found() => {
            let gone = session.branch_is_gone(project, branch, budget).await?;
            Err(if gone { Error::branch_gone(project, branch) } else { error.into() })
        }
        (Err(error), None) if error.is_not_found() => {
            Err(Error::ProjectNotFound { project: project.clone(), source: error })
        }
        (found, _) => Ok(found?),
    }
}

fn exists(place: &Place) -> Diagnostic {
    Diagnostic::error(
        format!("Role `{}` already exists", place.name),
        format!(
            "Branch `{}` of project `{}` has a role of that name, which this run has not made.\n\nTo manage it here, import it \
             with the id `{}`, or set `adopt = true`, which takes it over and never drops it. Otherwise choose another name; with \
             `create_before_destroy` the new role needs a name of its own.",
            place.branch,
            place.project,
            place.id()
        ),
    )
    .at(path!(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let nulls: Model = model::nulls(&Role::schema()).unwrap();
        Model { project_id: "p".to_owned().into(), name: "r".to_owned().into(), ..nulls }
    }

    #[test]
    fn model_and_schema_agree() {
        assert_eq!(tfplugin::kinds::erased::resource(Role).agrees(), Ok(()));
    }

    #[test]
    fn debug_does_not_show_the_password() {
        let shown = format!("{:?}", Model { password: "npg_secret".to_owned().into(), ..model() });
        assert!(!shown.contains("npg_secret"), "{shown}");
    }

    #[test]
    fn what_is_known_in_the_plan_is_not_touched() {
        let place = Place {
            project: ProjectId::parse("p").unwrap(),
            branch: BranchId::parse("br-a").unwrap(),
            name: RoleName::parse("a/b").unwrap(),
        };
        let made =
            Model { branch_id: Attr::Unknown, id: Attr::Unknown, adopted: Attr::Unknown, ..model() }.made(&place, true);
        assert_eq!(made.id, Attr::Known("p/br-a/a%2Fb".to_owned()));
        assert_eq!((made.branch_id, made.adopted), (Attr::Known("br-a".to_owned()), Attr::Known(true)));
        let kept = Model { branch_id: "br-b".to_owned().into(), adopted: true.into(), ..model() }.made(&place, false);
        assert_eq!((kept.branch_id, kept.adopted), (Attr::Known("br-b".to_owned()), Attr::Known(true)));
    }

    #[test]
    fn an_import_says_where_and_nothing_else() {
        let imported = Role::import("p/br-a/we%2Fird%25").unwrap();
        assert_eq!(imported.name, Attr::Known("we/ird%".to_owned()));
        assert_eq!(imported.place().unwrap().id(), "p/br-a/we%2Fird%25");
        assert!(imported.adopt.is_null() && imported.password.is_null());
        for wrong in ["p/br-a", "p/br-a/", "P/br-a/r", "p/br a/r", "p/br-a/pg_x", "p/br-a/r/s"] {
            assert!(Role::import(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_existing_role_is_named_with_the_ways_to_go_on() {
        let place = Role::import("p/br-a/r").unwrap().place().unwrap();
        let error = exists(&place);
        assert!(error.detail.contains("`p/br-a/r`") && error.detail.contains("adopt = true"), "{}", error.detail);
    }
}
