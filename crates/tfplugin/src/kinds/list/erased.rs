//! The object-safe twin of [`List`].

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::list::{List, Listed};
use crate::kinds::resource::Resource;
use crate::kinds::typed::{Origin, decode, encode};
use crate::model;
use crate::schema::Schema;
use crate::value::Value;

/// A [`List`] over untyped values.
#[async_trait]
pub trait ErasedList<D>: Send + Sync {
    /// The type of the resource that is listed.
    fn type_name(&self) -> &'static str;
    /// The schema of the configuration, made once.
    fn schema(&self) -> &Schema;
    /// [`List::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`List::list`]: objects of the resource's schema.
    async fn list(&self, cx: &Context<D>, config: Value, limit: usize) -> Result<Vec<Listed<Value>>, Diagnostics>;
    /// Whether schema and model agree, and the resource has an identity.
    fn agrees(&self) -> Result<(), String>;
}

/// A list as the provider's list holds it.
pub fn list<L: List>(list: L) -> Box<dyn ErasedList<<L::Resource as Resource>::Data>> {
    Box::new(Erased { it: list, schema: L::schema(), objects: L::Resource::schema() })
}

struct Erased<L> {
    it: L,
    schema: Schema,
    /// The schema of the objects.
    objects: Schema,
}

#[async_trait]
impl<L: List> ErasedList<<L::Resource as Resource>::Data> for Erased<L> {
    fn type_name(&self) -> &'static str {
        L::Resource::TYPE
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match decode(L::Resource::TYPE, &self.schema, Origin::Configuration, config) {
            Ok(config) => L::validate(&config),
            Err(problems) => problems,
        }
    }

    async fn list(
        &self,
        cx: &Context<<L::Resource as Resource>::Data>,
        config: Value,
        limit: usize,
    ) -> Result<Vec<Listed<Value>>, Diagnostics> {
        let what = L::Resource::TYPE;
        let found = self.it.list(cx, decode(what, &self.schema, Origin::Configuration, &config)?, limit).await?;
        let encoded = |it: Listed<_>| {
            Ok(Listed { object: encode(what, &self.objects, &it.object)?, display_name: it.display_name })
        };
        found.into_iter().take(limit).map(encoded).collect()
    }

    fn agrees(&self) -> Result<(), String> {
        let what = format!("list of `{}`", L::Resource::TYPE);
        if self.objects.identity.is_none() {
            return Err(format!("{what}: the resource has no identity"));
        }
        model::agrees::<L::Model>(&self.schema).map_err(|problem| format!("{what} {problem}"))
    }
}
