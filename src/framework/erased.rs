//! The object-safe twins of the author's traits: decode, call, encode, once for all resources.

use async_trait::async_trait;

use super::context::Context;
use super::data_source::DataSource;
use super::diagnostic::Diagnostics;
use super::resource::{Plan, Resource};
use super::schema::Schema;
use super::value::Value;

/// A [`Resource`] over untyped values, each conforming to the schema's type.
#[async_trait]
pub trait ErasedResource<D>: Send + Sync {
    /// `neonrep_publication`
    fn type_name(&self) -> &'static str;
    /// The resource's schema, made once.
    fn schema(&self) -> &Schema;
    /// [`Resource::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`Resource::modify_plan`]: only attributes that the hook changed are taken over.
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
    /// Whether schema and model agree: an all-null value of the schema decodes into the model and comes back whole.
    fn agrees(&self) -> Result<(), String>;
}

/// A [`DataSource`] over untyped values.
#[async_trait]
pub trait ErasedDataSource<D>: Send + Sync {
    /// `neonrep_connection`
    fn type_name(&self) -> &'static str;
    /// The data source's schema, made once.
    fn schema(&self) -> &Schema;
    /// [`DataSource::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`DataSource::read`]
    async fn read(&self, cx: &Context<D>, config: Value) -> Result<Value, Diagnostics>;
    /// Whether schema and model agree.
    fn agrees(&self) -> Result<(), String>;
}

/// A resource as the provider's list holds it.
pub fn resource<R: Resource>(_resource: R) -> Box<dyn ErasedResource<R::Data>> {
    unreachable!("written by the framework helper")
}

/// A data source as the provider's list holds it.
pub fn data_source<S: DataSource>(_source: S) -> Box<dyn ErasedDataSource<S::Data>> {
    unreachable!("written by the framework helper")
}

#[expect(unused, reason = "seam")]
fn seam(_: Plan<Value>) {}
