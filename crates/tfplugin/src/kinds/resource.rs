//! The trait a managed resource implements, and its plan.

pub(super) mod erased;

use std::fmt::Debug;
use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model;
use crate::schema::Schema;
use crate::value::path::AttributePath;

/// A plain serde struct, field for field the attributes of the schema, each an [`Attr`](crate::model::attr::Attr).
pub trait Model: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static> Model for T {}

/// What Terraform plans to do with one object.
#[derive(Clone, Debug)]
pub struct Plan<M> {
    /// What the user wrote; `None` when the object is to be destroyed. Defaults are not in it.
    pub config: Option<M>,
    /// What the state holds; `None` when the object is to be made (also after a replacement was decided).
    pub prior: Option<M>,
    /// What the state shall hold; `None` when the object is to be destroyed.
    pub planned: Option<M>,
    /// The attributes whose change replaces the object; Terraform ignores those that did not change.
    pub requires_replace: Vec<AttributePath>,
}

impl<M> Plan<M> {
    /// Prior and planned value, when the plan is an update (or changes nothing).
    pub fn update(&self) -> Option<(&M, &M)> {
        self.prior.as_ref().zip(self.planned.as_ref())
    }

    /// The planned value, when the object is to be made.
    pub fn create(&self) -> Option<&M> {
        if self.prior.is_none() { self.planned.as_ref() } else { None }
    }

    /// The prior value, when the object is to be destroyed.
    pub fn destroy(&self) -> Option<&M> {
        if self.planned.is_none() { self.prior.as_ref() } else { None }
    }

    /// Whether the planner found that the object must be replaced.
    pub fn replaces(&self) -> bool {
        self.prior.is_some() && !self.requires_replace.is_empty()
    }
}

/// A stored state as the state file has it: attributes by name, in the form of the schema version that wrote them.
pub type StoredState = serde_json::Map<String, serde_json::Value>;

/// An object that a `moved` block brings from another resource type or another provider.
#[derive(Clone, Debug)]
pub struct MovedFrom {
    /// The full source address of its provider: `registry.terraform.io/cyrilgdn/postgresql`, under OpenTofu
    /// `registry.opentofu.org/…`.
    pub provider_address: String,
    /// The resource type that it had there: `postgresql_publication`.
    pub type_name: String,
    /// The version of the schema that wrote `state`.
    pub schema_version: i64,
    /// Its attributes as that provider stored them.
    pub state: StoredState,
}

/// A managed resource. Handlers take values and return values; the framework decodes, encodes, keeps time, saves the
/// checkpoint of a failed call and checks what Terraform would refuse.
///
/// Calls come from a Terraform that has `-parallelism` of them under way. [`Plan`]ning is called twice for a change
/// (at plan and again within apply) and must come to the same values, so [`modify_plan`](Self::modify_plan) sees
/// values only, and [`check_plan`](Self::check_plan), which may read the live system, can only
/// give messages.
pub trait Resource: Send + Sync + 'static {
    /// The full type name, `toy_thing`
    const TYPE: &'static str;
    /// The typed form of its values.
    type Model: Model + PartialEq;
    /// What the provider's configuration makes.
    type Data: Send + Sync + 'static;

    /// Attributes, rules and prose.
    fn schema() -> Schema;

    /// Rules over one configuration that schema data cannot say. No IO. Unknown means silence.
    fn validate(_config: &Self::Model) -> Diagnostics {
        Diagnostics::none()
    }

    /// Adjusts the plan after the planner: computed attributes that follow from others, replacement that depends on
    /// several values. Pure, for Terraform plans twice and compares. Also called for destroys.
    fn modify_plan(_plan: &mut Plan<Self::Model>) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// Checks the plan against the live system. Not called when nothing changes, nor while the provider's
    /// configuration is unknown. Cannot change the plan.
    fn check_plan(
        &self,
        _cx: &Context<Self::Data>,
        _plan: &Plan<Self::Model>,
    ) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::none() }
    }

    /// Makes the object, and returns it as it is observed: what is unknown in `plan` is filled in. The framework keeps
    /// what was planned of computed attributes, and of arguments that are returned null; an argument that comes out
    /// otherwise than planned is an error.
    fn create(
        &self,
        cx: &Context<Self::Data>,
        plan: Self::Model,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;

    /// The object as it is; `None` when it is gone and its container was read. What could not be read is an error.
    /// After an import all attributes but those set by [`import`](Self::import) are null, and are filled here; optional
    /// arguments that stay null get their defaults from the framework.
    fn read(
        &self,
        cx: &Context<Self::Data>,
        state: Self::Model,
    ) -> impl Future<Output = Result<Option<Self::Model>, Diagnostics>> + Send;

    /// Changes the object in place, and returns it as [`create`](Self::create) does.
    fn update(
        &self,
        _cx: &Context<Self::Data>,
        _prior: Self::Model,
        _plan: Self::Model,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send {
        async { Err(Diagnostic::bug(format!("`{}` was asked to change in place.", Self::TYPE)).into()) }
    }

    /// Removes the object. Absent is success.
    fn delete(
        &self,
        cx: &Context<Self::Data>,
        state: Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;

    /// A model whose every attribute is null: what an import starts from.
    fn nulls() -> Result<Self::Model, Diagnostics> {
        model::nulls(&Self::schema()).map_err(|error| Diagnostic::bug(error).into())
    }

    /// The model that an import id names, other attributes null: parse with [`identity::parts`](crate::identity::parts)
    /// and start from [`nulls`](Self::nulls).
    fn import(id: &str) -> Result<Self::Model, Diagnostics>;

    /// The model that an identity names: the attributes of [`Schema::identity`](crate::schema::Schema::identity) are
    /// set in `named`, all others null. For identities that leave out what the resource can find by itself.
    fn import_identity(named: Self::Model) -> Result<Self::Model, Diagnostics> {
        Ok(named)
    }

    /// Brings a state that an older schema `version` stored into the form of the current one, in one step. What is
    /// missing in the answer is null; what the schema does not have is an error, so an attribute that was removed is
    /// dropped here. Called without a configured provider. No IO.
    ///
    /// Needed as soon as [`Schema::version`] is raised. An attribute that is only added needs neither: the framework
    /// fills it with null.
    fn upgrade(version: i64, _state: StoredState) -> Result<StoredState, Diagnostics> {
        Err(Diagnostic::error(
            "State has an older version",
            format!(
                "The state of `{}` has schema version {version}, which this version of the provider cannot upgrade. Remove \
                 the object with `terraform state rm` and import it again.",
                Self::TYPE
            ),
        )
        .into())
    }

    /// What a `moved` block from another type or provider makes of an object: the model that names it, as
    /// [`import`](Self::import) does, and what else the source says. None for a source that is not known.
    /// Terraform reads the object next. No IO.
    fn moved_from(_source: MovedFrom) -> Option<Result<Self::Model, Diagnostics>> {
        None
    }
}
