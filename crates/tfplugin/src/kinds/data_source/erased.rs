//! The object-safe twin of [`DataSource`]: decode, call, encode, once for all data sources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::data_source::DataSource;
use crate::kinds::typed::{Origin, decode, encode};
use crate::model;
use crate::schema::Schema;
use crate::value::Value;

/// A [`DataSource`] over untyped values.
#[async_trait]
pub trait ErasedDataSource<D>: Send + Sync {
    /// The full type name, `toy_size`
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

/// A data source as the provider's list holds it.
pub fn data_source<S: DataSource>(source: S) -> Box<dyn ErasedDataSource<S::Data>> {
    Box::new(Erased { it: source, schema: S::schema() })
}

struct Erased<S> {
    it: S,
    schema: Schema,
}

#[async_trait]
impl<S: DataSource> ErasedDataSource<S::Data> for Erased<S> {
    fn type_name(&self) -> &'static str {
        S::TYPE
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match decode(S::TYPE, &self.schema, Origin::Configuration, config) {
            Ok(config) => S::validate(&config),
            Err(problems) => problems,
        }
    }

    async fn read(&self, cx: &Context<S::Data>, config: Value) -> Result<Value, Diagnostics> {
        let found = self.it.read(cx, decode(S::TYPE, &self.schema, Origin::Configuration, &config)?).await?;
        encode(S::TYPE, &self.schema, &found)
    }

    fn agrees(&self) -> Result<(), String> {
        model::agrees::<S::Model>(&self.schema).map_err(|problem| format!("data source `{}` {problem}", S::TYPE))
    }
}
