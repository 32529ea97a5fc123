//! The object-safe twin of [`Resource`]: decode, call, encode, once for all resources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::{Model, MovedFrom, Plan, Resource, StoredState};
use crate::kinds::typed::{Origin, decode, encode};
use crate::model;
use crate::schema::Schema;
use crate::value::Value;

/// A [`Resource`] over untyped values, each conforming to the schema's type.
#[async_trait]
pub trait ErasedResource<D>: Send + Sync {
    /// The full type name, `toy_thing`
    fn type_name(&self) -> &'static str;
    /// The resource's schema, made once.
    fn schema(&self) -> &Schema;
    /// [`Resource::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`Resource::modify_plan`]: only attributes that the hook changed are adopted.
    fn modify_plan(&self, plan: &mut Plan<Value>) -> Result<(), Diagnostics>;
    /// [`Resource::check_plan`]
    async fn check_plan(&self, cx: &Context<D>, plan: &Plan<Value>) -> Diagnostics;
    /// [`Resource::create`]
    async fn create(&self, cx: &Context<D>, plan: Value) -> Result<Value, Diagnostics>;
    /// [`Resource::read`]
    async fn read(&self, cx: &Context<D>, state: Value) -> Result<Option<Value>, Diagnostics>;
    /// [`Resource::update`]
    async fn update(&self, cx: &Context<D>, prior: Value, plan: Value) -> Result<Value, Diagnostics>;
    /// [`Resource::delete`]
    async fn delete(&self, cx: &Context<D>, state: Value) -> Result<(), Diagnostics>;
    /// [`Resource::import`]
    fn import(&self, id: &str) -> Result<Value, Diagnostics>;
    /// [`Resource::import_identity`]
    fn import_identity(&self, named: Value) -> Result<Value, Diagnostics>;
    /// [`Resource::upgrade`]
    fn upgrade(&self, version: i64, state: StoredState) -> Result<StoredState, Diagnostics>;
    /// [`Resource::moved_from`]
    fn moved_from(&self, source: MovedFrom) -> Option<Result<Value, Diagnostics>>;
    /// Whether schema and model agree: an all-null value of the schema decodes into the model and comes back whole.
    fn agrees(&self) -> Result<(), String>;
}

/// A resource as the provider's list holds it.
pub fn resource<R: Resource>(resource: R) -> Box<dyn ErasedResource<R::Data>> {
    Box::new(Erased { it: resource, schema: R::schema() })
}

struct Erased<R> {
    it: R,
    schema: Schema,
}

fn decode_plan<M: Model>(what: &str, schema: &Schema, plan: &Plan<Value>) -> Result<Plan<M>, Diagnostics> {
    let part = |origin, value: &Option<Value>| value.as_ref().map(|it| decode(what, schema, origin, it)).transpose();
    Ok(Plan {
        config: part(Origin::Configuration, &plan.config)?,
        prior: part(Origin::State, &plan.prior)?,
        planned: part(Origin::Plan, &plan.planned)?,
        requires_replace: plan.requires_replace.clone(),
    })
}

impl<R: Resource> Erased<R> {
    fn stored(&self, state: &Value) -> Result<R::Model, Diagnostics> {
        decode(R::TYPE, &self.schema, Origin::State, state)
    }

    fn planned(&self, plan: &Value) -> Result<R::Model, Diagnostics> {
        decode(R::TYPE, &self.schema, Origin::Plan, plan)
    }
}

#[async_trait]
impl<R: Resource> ErasedResource<R::Data> for Erased<R> {
    fn type_name(&self) -> &'static str {
        R::TYPE
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match decode(R::TYPE, &self.schema, Origin::Configuration, config) {
            Ok(config) => R::validate(&config),
            Err(problems) => problems,
        }
    }

    fn modify_plan(&self, plan: &mut Plan<Value>) -> Result<(), Diagnostics> {
        let mut typed: Plan<R::Model> = decode_plan(R::TYPE, &self.schema, plan)?;
        let before = typed.planned.clone();
        R::modify_plan(&mut typed)?;
        plan.requires_replace = typed.requires_replace;
        if typed.planned == before {
            return Ok(());
        }
        match (&mut plan.planned, before, typed.planned) {
            (Some(Value::Object(planned)), Some(before), Some(after)) => {
                let before = encode(R::TYPE, &self.schema, &before)?;
                let Value::Object(after) = encode(R::TYPE, &self.schema, &after)? else { return Ok(()) };
                for (name, value) in after {
                    // The model sees less than the value (a set with an unknown member is unknown to it).
                    if before.get(&name) != Some(&value) {
                        planned.insert(name, value);
                    }
                }
                Ok(())
            }
            _ => {
                Err(Diagnostic::bug(format!("The plan of `{}` made an object of a destroy, or the reverse.", R::TYPE))
                    .into())
            }
        }
    }

    async fn check_plan(&self, cx: &Context<R::Data>, plan: &Plan<Value>) -> Diagnostics {
        match decode_plan(R::TYPE, &self.schema, plan) {
            Ok(plan) => self.it.check_plan(cx, &plan).await,
            Err(problems) => problems,
        }
    }

    async fn create(&self, cx: &Context<R::Data>, plan: Value) -> Result<Value, Diagnostics> {
        let made = self.it.create(cx, self.planned(&plan)?).await?;
        encode(R::TYPE, &self.schema, &made)
    }

    async fn read(&self, cx: &Context<R::Data>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let found = self.it.read(cx, self.stored(&state)?).await?;
        found.map(|it| encode(R::TYPE, &self.schema, &it)).transpose()
    }

    async fn update(&self, cx: &Context<R::Data>, prior: Value, plan: Value) -> Result<Value, Diagnostics> {
        let changed = self.it.update(cx, self.stored(&prior)?, self.planned(&plan)?).await?;
        encode(R::TYPE, &self.schema, &changed)
    }

    async fn delete(&self, cx: &Context<R::Data>, state: Value) -> Result<(), Diagnostics> {
        self.it.delete(cx, self.stored(&state)?).await
    }

    fn import(&self, id: &str) -> Result<Value, Diagnostics> {
        encode(R::TYPE, &self.schema, &R::import(id)?)
    }

    fn import_identity(&self, named: Value) -> Result<Value, Diagnostics> {
        let named = decode(R::TYPE, &self.schema, Origin::Configuration, &named)?;
        encode(R::TYPE, &self.schema, &R::import_identity(named)?)
    }

    fn upgrade(&self, version: i64, state: StoredState) -> Result<StoredState, Diagnostics> {
        R::upgrade(version, state)
    }

    fn moved_from(&self, source: MovedFrom) -> Option<Result<Value, Diagnostics>> {
        R::moved_from(source).map(|moved| encode(R::TYPE, &self.schema, &moved?))
    }

    fn agrees(&self) -> Result<(), String> {
        model::agrees::<R::Model>(&self.schema).map_err(|problem| format!("`{}` {problem}", R::TYPE))
    }
}
