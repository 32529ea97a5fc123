//! An emulator of Terraform: which calls it makes of a provider, in which order, and what it makes of the answers, as
//! `docs/resource-instance-change-lifecycle.md` and `internal/terraform/node_resource_abstract_instance.go` of
//! hashicorp/terraform say.
//!
//! A plan is one process of the provider, an apply another. Every answer is held to `core_rules`. What a configuration
//! refers to may be unknown in the plan and known in the apply, and what happens between both is the test's own.

mod json;
mod proposed;
mod walk;

use std::fmt;
use std::sync::Arc;

use tfplugin::server::FrameworkServer;
use tfplugin::server::{PluginServer, ProviderSchema};
use tfplugin::{AttributePath, Schema, Value};

use neonrep::Neonrep;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use super::core_rules;
use super::stand_in::StandIn;
pub(crate) use json::{unknown, write as state_json};
pub(crate) use walk::{Begun, Change, Planned, Walk};

/// A diagnostic.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) is_error: bool,
    pub(crate) path: String,
    pub(crate) summary: String,
    pub(crate) detail: String,
}

/// What a call said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Messages(pub(crate) Vec<Message>);

/// An object of a state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) type_name: String,
    pub(crate) value: Value,
    pub(crate) private: Vec<u8>,
    pub(crate) tainted: bool,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    Create,
    Update,
    Replace,
    Delete,
}

/// A plan of one object, as a plan file holds it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) action: Action,
    pub(crate) prior: Option<Object>,
    pub(crate) planned: Value,
    private: Vec<u8>,
    pub(crate) requires_replace: Vec<AttributePath>,
    pub(crate) messages: Messages,
    type_name: String,
}

/// What an apply left: the object that is in the state now, and what was said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) object: Option<Object>,
    pub(crate) messages: Messages,
}

/// The emulator: the schemas, and how the provider is configured.
pub(crate) struct Core {
    runtime: Arc<Runtime>,
    schemas: Arc<ProviderSchema>,
    pub(crate) provider: Json,
}

impl Core {
    /// For the project of this stand-in.
    pub(crate) fn new(stand_in: &StandIn) -> Self {
        let ready = &stand_in.ready;
        let schemas = FrameworkServer::new(Neonrep).provider_schema();
        let provider = json!({ "api_url": ready.api_url, "api_key": ready.api_key, "sslrootcert": ready.sslrootcert });
        Self { runtime: Arc::clone(&stand_in.runtime), schemas: Arc::new(schemas), provider }
    }

    /// A process of the provider, configured.
    pub(crate) fn walk(&self) -> Walk {
        let walk = self.unconfigured();
        walk.configure(&self.provider).insist_no_error();
        walk
    }

    /// A process of the provider that was not configured yet.
    pub(crate) fn unconfigured(&self) -> Walk {
        Walk::open(&self.runtime, &self.schemas)
    }

    /// The type names of all resources.
    pub(crate) fn types(&self) -> Vec<String> {
        self.schemas.resources.iter().map(|it| it.0.clone()).collect()
    }

    /// The type names of all data sources.
    pub(crate) fn data_types(&self) -> Vec<String> {
        self.schemas.data_sources.iter().map(|it| it.0.clone()).collect()
    }

    /// The schema of a resource or data source.
    pub(crate) fn schema(&self, type_name: &str, is_data: bool) -> &Schema {
        if is_data { data_schema(&self.schemas, type_name) } else { schema(&self.schemas, type_name) }
    }

    /// A configuration of a resource; what is left out is null.
    pub(crate) fn config(&self, type_name: &str, config: &Json) -> Value {
        json::read(schema(&self.schemas, type_name).object_type(), config)
    }

    /// The null of any type.
    fn prior_of(object: Option<&Object>) -> Value {
        object.map_or(Value::Null, |it| it.value.clone())
    }

    /// One plan walk for one object: upgrade, refresh, validate, plan; again for a replacement.
    pub(crate) fn plan(&self, type_name: &str, prior: Option<&Object>, config: &Json) -> Result<Plan, Messages> {
        let config = self.config(type_name, config);
        Self::plan_in(&self.walk(), type_name, prior, &config)
    }

    /// The same in this process.
    pub(crate) fn plan_in(
        walk: &Walk,
        type_name: &str,
        prior: Option<&Object>,
        config: &Value,
    ) -> Result<Plan, Messages> {
        let mut said = Messages::default();
        let prior = match prior {
            Some(prior) => {
                let stored = Self::upgraded(walk, prior)?;
                let (found, messages) = walk.read(&stored);
                said.extend(messages.unless_errors()?);
                found
            }
            None => None,
        };
        said.extend(walk.validate(type_name, config).unless_errors()?);
        let known = prior.clone().filter(|it| !it.tainted);
        let private = known.as_ref().map(|it| it.private.clone()).unwrap_or_default();
        let before = Self::prior_of(known.as_ref());
        let first = walk.plan(type_name, &before, config, &private)?;
        said.extend(first.messages.clone());
        let changes = |path: &AttributePath| at(path, &before) != at(path, &first.value);
        let replaces = known.is_some() && first.requires_replace.iter().any(changes);
        let action = match &known {
            None if prior.is_some() => Action::Replace,
            None => Action::Create,
            Some(_) if replaces => Action::Replace,
            Some(it) if it.value == first.value => Action::Nothing,
            Some(_) => Action::Update,
        };
        let last = if replaces {
            // With no prior state, but with the private state of the first answer.
            walk.plan(type_name, &Value::Null, config, &first.private)?
        } else {
            first
        };
        let Planned { value, private, requires_replace, .. } = last;
        let type_name = type_name.to_owned();
        Ok(Plan { action, prior, planned: value, private, requires_replace, messages: said, type_name })
    }

    /// Every object of a state goes through `UpgradeResourceState`, which changes nothing in one of today.
    fn upgraded(walk: &Walk, object: &Object) -> Result<Object, Messages> {
        let value = walk.upgrade(&object.type_name, 0, &json::write(&object.value))?;
        assert_eq!(value, object.value, "the upgrade of {} changed it", object.type_name);
        Ok(Object { value, ..object.clone() })
    }

    /// The plan to destroy an object, after a refresh.
    pub(crate) fn plan_destroy(&self, object: &Object) -> Result<Option<Plan>, Messages> {
        Self::plan_destroy_in(&self.walk(), object)
    }

    /// The same in this process.
    pub(crate) fn plan_destroy_in(walk: &Walk, object: &Object) -> Result<Option<Plan>, Messages> {
        let (found, messages) = walk.read(&Self::upgraded(walk, object)?);
        messages.unless_errors()?;
        let Some(found) = found else { return Ok(None) };
        let type_name = found.type_name.clone();
        let Planned { value, private, requires_replace, messages } =
            walk.plan(&type_name, &found.value, &Value::Null, &found.private)?;
        let action = Action::Delete;
        Ok(Some(Plan { action, prior: Some(found), planned: value, private, requires_replace, messages, type_name }))
    }

    /// One apply walk: a process of its own, the plan made again with what is known by now, then the change.
    pub(crate) fn apply(&self, plan: &Plan, config: &Json) -> Outcome {
        self.apply_in(&self.walk(), plan, config)
    }

    /// The same in this process.
    pub(crate) fn apply_in(&self, walk: &Walk, plan: &Plan, config: &Json) -> Outcome {
        let keep = |messages| Outcome { object: plan.prior.clone(), messages };
        let config = self.config(&plan.type_name, config);
        match plan.action {
            Action::Nothing => keep(Messages::default()),
            Action::Delete => Self::delete(walk, plan),
            Action::Replace => {
                let deleted = Self::delete(walk, plan);
                if deleted.object.is_some() {
                    return deleted;
                }
                let mut outcome = self.change(walk, plan, None, &config);
                outcome.messages.0.splice(0..0, deleted.messages.0);
                outcome
            }
            Action::Create | Action::Update => self.change(walk, plan, plan.prior.as_ref(), &config),
        }
    }

    fn delete(walk: &Walk, plan: &Plan) -> Outcome {
        let prior = plan.prior.as_ref().expect("an object");
        let change = Change {
            type_name: &plan.type_name,
            prior: &prior.value,
            planned: &Value::Null,
            config: &Value::Null,
            private: &plan.private,
        };
        let done = walk.apply(&change);
        let object = if !done.messages.have_errors() {
            None
        } else if done.value.is_null() {
            Some(prior.clone())
        } else {
            Some(Object { value: done.value, private: done.private, ..prior.clone() })
        };
        Outcome { object, messages: done.messages }
    }

    /// Creates or updates: `prior` is none for the second half of a replacement.
    fn change(&self, walk: &Walk, plan: &Plan, prior: Option<&Object>, config: &Value) -> Outcome {
        let type_name = &plan.type_name;
        let before = Self::prior_of(prior);
        let private = prior.map(|it| it.private.clone()).unwrap_or_default();
        let last = match walk.plan(type_name, &before, config, &private) {
            Ok(last) => last,
            Err(messages) => return Outcome { object: prior.cloned(), messages },
        };
        let replaces = last.requires_replace.iter().any(|path| at(path, &before) != at(path, &last.value));
        assert!(prior.is_none() || !replaces, "planned as an update, and now as a replacement");
        let violations =
            core_rules::of_final_plan(schema(&self.schemas, type_name), &before, &plan.planned, &last.value);
        assert!(
            violations.is_empty(),
            "Terraform would refuse the final plan of {type_name}:\n{}",
            violations.join("\n")
        );
        let told = last.messages;
        if prior.is_some_and(|it| it.value == last.value) {
            return Outcome { object: prior.cloned(), messages: told };
        }
        let change = Change { type_name, prior: &before, planned: &last.value, config, private: &last.private };
        let done = walk.apply(&change);
        Self::outcome(type_name, prior, done)
    }

    /// What Terraform stores of the answer to a create or update.
    pub(crate) fn outcome(type_name: &str, prior: Option<&Object>, done: walk::Applied) -> Outcome {
        let failed = done.messages.have_errors();
        let object = match prior {
            Some(prior) if failed && done.value.is_null() => Some(prior.clone()),
            None if failed && done.value.is_null() => None,
            _ => Some(Object {
                type_name: type_name.to_owned(),
                value: done.value,
                private: done.private,
                tainted: failed && prior.is_none(),
            }),
        };
        Outcome { object, messages: done.messages }
    }

    // --- Whole stories

    /// Plans and applies, and insists that the next plan is empty. `config` is what is known at plan, `known` in the end.
    pub(crate) fn made_from(&self, type_name: &str, prior: Option<&Object>, config: &Json, known: &Json) -> Object {
        let plan =
            self.plan(type_name, prior, config).unwrap_or_else(|said| panic!("{type_name} is refused: {said:?}"));
        let outcome = self.apply(&plan, known);
        outcome.messages.insist_no_error();
        self.settled(&outcome.object.expect("an object"), known)
    }

    /// The object made or changed so that it is as configured.
    pub(crate) fn made(&self, type_name: &str, prior: Option<&Object>, config: &Json) -> Object {
        self.made_from(type_name, prior, config, config)
    }

    /// Insists that nothing is left to do, with a refresh and without.
    pub(crate) fn settled(&self, object: &Object, config: &Json) -> Object {
        let type_name = &object.type_name;
        let walk = self.walk();
        let wanted = self.config(type_name, config);
        let unread = walk.plan(type_name, &object.value, &wanted, &object.private).expect("a plan");
        assert_eq!(unread.value, object.value, "the plan of {type_name} after its apply, without a refresh");
        let plan = Self::plan_in(&walk, type_name, Some(object), &wanted).expect("a plan");
        let prior = plan.prior.unwrap_or_else(|| panic!("{type_name} is gone after its apply"));
        assert_eq!(plan.planned, prior.value, "the plan of {type_name} after its apply");
        assert_eq!(prior.value, object.value, "the refresh of {type_name} after its apply changed it");
        assert_eq!(plan.action, Action::Nothing);
        prior
    }

    /// Imports, reads, plans: at most something in place; applies that, and the plan is empty.
    pub(crate) fn imported(&self, type_name: &str, id: &str, config: &Json) -> Object {
        let walk = self.walk();
        let stub = walk.import(type_name, id).unwrap_or_else(|said| panic!("import of {id}: {said:?}"));
        let (found, messages) = walk.read(&stub);
        messages.insist_no_error();
        let found = found.unwrap_or_else(|| panic!("{id} is not found"));
        let plan = self.plan(type_name, Some(&found), config).expect("a plan after the import");
        assert!(matches!(plan.action, Action::Nothing | Action::Update), "{:?} after the import", plan.action);
        let outcome = self.apply(&plan, config);
        outcome.messages.insist_no_error();
        self.settled(&outcome.object.expect("an object"), config)
    }

    /// Destroys, and insists that it worked. What was said.
    pub(crate) fn destroyed(&self, object: &Object) -> Messages {
        let plan = self.plan_destroy(object).expect("a plan to destroy").expect("an object to destroy");
        let outcome = self.apply(&plan, &json!({}));
        outcome.messages.insist_no_error();
        assert_eq!(outcome.object, None);
        outcome.messages
    }

    /// Refreshes.
    pub(crate) fn refreshed(&self, object: &Object) -> (Option<Object>, Messages) {
        let walk = self.walk();
        walk.read(object)
    }
}

/// The value at a path; null where there is nothing.
fn at(path: &AttributePath, value: &Value) -> Value {
    use tfplugin::value::path::Step;
    path.steps().iter().fold(value.clone(), |value, step| match (step, value) {
        (Step::Attribute(name) | Step::Key(name), Value::Object(items) | Value::Map(items)) => {
            items.get(name).cloned().unwrap_or(Value::Null)
        }
        (Step::Index(index), Value::List(items)) => {
            usize::try_from(*index).ok().and_then(|it| items.get(it).cloned()).unwrap_or(Value::Null)
        }
        (_, Value::Unknown) => Value::Unknown,
        _ => Value::Null,
    })
}

fn schema<'a>(schemas: &'a ProviderSchema, type_name: &str) -> &'a Schema {
    &schemas.resources.iter().find(|it| it.0 == type_name).unwrap_or_else(|| panic!("no resource {type_name}")).1
}

fn data_schema<'a>(schemas: &'a ProviderSchema, type_name: &str) -> &'a Schema {
    let found = schemas.data_sources.iter().find(|it| it.0 == type_name);
    &found.unwrap_or_else(|| panic!("no data source {type_name}")).1
}

impl Object {
    /// An attribute as JSON.
    pub(crate) fn get(&self, attribute: &str) -> Json {
        json::write(self.value.get(attribute).unwrap_or_else(|| panic!("no attribute `{attribute}`")))
    }

    /// An attribute's text.
    pub(crate) fn text(&self, attribute: &str) -> String {
        self.get(attribute).as_str().unwrap_or_else(|| panic!("`{attribute}` is no text: {self:?}")).to_owned()
    }
}

impl Plan {
    /// A planned attribute as JSON.
    pub(crate) fn get(&self, attribute: &str) -> Json {
        json::write(self.planned.get(attribute).unwrap_or_else(|| panic!("no attribute `{attribute}`")))
    }

    /// Which of these attributes are planned as unknown.
    pub(crate) fn unknown(&self) -> Vec<&str> {
        let planned = self.planned.as_object().expect("an object");
        planned.iter().filter(|it| it.1.is_unknown()).map(|it| it.0.as_str()).collect()
    }
}

impl Messages {
    pub(crate) fn have_errors(&self) -> bool {
        self.0.iter().any(|it| it.is_error)
    }

    fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Itself, or itself as the error.
    pub(crate) fn unless_errors(self) -> Result<Self, Self> {
        if self.have_errors() { Err(self) } else { Ok(self) }
    }

    pub(crate) fn insist_no_error(&self) {
        assert!(!self.have_errors(), "{self}");
    }

    /// Insists on one and only one error, which contains this, on that attribute.
    pub(crate) fn insist_error(&self, path: &str, text: &str) {
        let errors: Vec<_> = self.0.iter().filter(|it| it.is_error).collect();
        assert_eq!(errors.len(), 1, "wanted an error with {text:?}, not: {self}");
        assert!(errors[0].to_string().contains(text), "wanted {text:?} in: {self}");
        assert_eq!(errors[0].path, path, "{self}");
    }

    /// Insists on an error that contains this, and nothing beside it.
    pub(crate) fn insist_only_error(&self, text: &str) {
        assert_eq!(self.0.len(), 1, "wanted an error with {text:?} alone, not: {self}");
        self.insist_any_error(text);
    }

    /// Insists on an error that contains this, among others perhaps.
    pub(crate) fn insist_any_error(&self, text: &str) {
        let found = self.0.iter().any(|it| it.is_error && it.to_string().contains(text));
        assert!(found, "wanted an error with {text:?}, not: {self}");
    }

    /// Insists on a warning that contains this.
    pub(crate) fn insist_warning(&self, text: &str) {
        let found = self.0.iter().any(|it| !it.is_error && it.to_string().contains(text));
        assert!(found, "wanted a warning with {text:?}, not: {self}");
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_error { "error" } else { "warning" };
        write!(f, "{word} at {:?}: {}: {}", self.path, self.summary, self.detail)
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}

impl Outcome {
    /// The object of a change without error.
    pub(crate) fn done(self) -> Object {
        self.messages.insist_no_error();
        self.object.expect("an object")
    }
}
