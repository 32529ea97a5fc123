//! The object-safe twin of [`EphemeralResource`].

use std::time::Duration;

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::ephemeral::{EphemeralResource, Opened};
use crate::kinds::typed::{Origin, decode, encode};
use crate::model;
use crate::schema::Schema;
use crate::value::Value;

/// An [`EphemeralResource`] over untyped values.
#[async_trait]
pub trait ErasedEphemeralResource<D>: Send + Sync {
    /// [`EphemeralResource::TYPE`]
    fn type_name(&self) -> &'static str;
    /// The schema, made once.
    fn schema(&self) -> &Schema;
    /// [`EphemeralResource::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`EphemeralResource::open`]
    async fn open(&self, cx: &Context<D>, config: Value) -> Result<Opened<Value>, Diagnostics>;
    /// [`EphemeralResource::renew`]
    async fn renew(&self, cx: &Context<D>) -> Result<Option<Duration>, Diagnostics>;
    /// [`EphemeralResource::close`]
    async fn close(&self, cx: &Context<D>) -> Result<(), Diagnostics>;
    /// Whether schema and model agree.
    fn agrees(&self) -> Result<(), String>;
}

/// An ephemeral resource as the provider's list holds it.
pub fn ephemeral_resource<E: EphemeralResource>(resource: E) -> Box<dyn ErasedEphemeralResource<E::Data>> {
    Box::new(Erased { it: resource, schema: E::schema() })
}

struct Erased<E> {
    it: E,
    schema: Schema,
}

#[async_trait]
impl<E: EphemeralResource> ErasedEphemeralResource<E::Data> for Erased<E> {
    fn type_name(&self) -> &'static str {
        E::TYPE
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match decode(E::TYPE, &self.schema, Origin::Configuration, config) {
            Ok(config) => E::validate(&config),
            Err(problems) => problems,
        }
    }

    async fn open(&self, cx: &Context<E::Data>, config: Value) -> Result<Opened<Value>, Diagnostics> {
        let config = decode(E::TYPE, &self.schema, Origin::Configuration, &config)?;
        let opened = self.it.open(cx, config).await?;
        Ok(Opened { value: encode(E::TYPE, &self.schema, &opened.value)?, renew_in: opened.renew_in })
    }

    async fn renew(&self, cx: &Context<E::Data>) -> Result<Option<Duration>, Diagnostics> {
        self.it.renew(cx).await
    }

    async fn close(&self, cx: &Context<E::Data>) -> Result<(), Diagnostics> {
        self.it.close(cx).await
    }

    fn agrees(&self) -> Result<(), String> {
        model::agrees::<E::Model>(&self.schema).map_err(|problem| format!("ephemeral resource `{}` {problem}", E::TYPE))
    }
}
