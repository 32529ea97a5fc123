//! The object-safe twin of [`Action`].

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::action::Action;
use crate::kinds::typed::{Origin, decode};
use crate::model;
use crate::schema::Schema;
use crate::value::Value;

/// An [`Action`] over untyped values.
#[async_trait]
pub trait ErasedAction<D>: Send + Sync {
    /// [`Action::TYPE`]
    fn type_name(&self) -> &'static str;
    /// The schema, made once.
    fn schema(&self) -> &Schema;
    /// [`Action::validate`]
    fn validate(&self, config: &Value) -> Diagnostics;
    /// [`Action::check`]
    async fn check(&self, cx: &Context<D>, config: Value) -> Diagnostics;
    /// [`Action::invoke`]
    async fn invoke(&self, cx: &Context<D>, config: Value) -> Result<(), Diagnostics>;
    /// Whether schema and model agree.
    fn agrees(&self) -> Result<(), String>;
}

/// An action as the provider's list holds it.
pub fn action<A: Action>(action: A) -> Box<dyn ErasedAction<A::Data>> {
    Box::new(Erased { it: action, schema: A::schema() })
}

struct Erased<A> {
    it: A,
    schema: Schema,
}

#[async_trait]
impl<A: Action> ErasedAction<A::Data> for Erased<A> {
    fn type_name(&self) -> &'static str {
        A::TYPE
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match decode(A::TYPE, &self.schema, Origin::Configuration, config) {
            Ok(config) => A::validate(&config),
            Err(problems) => problems,
        }
    }

    async fn check(&self, cx: &Context<A::Data>, config: Value) -> Diagnostics {
        match decode(A::TYPE, &self.schema, Origin::Configuration, &config) {
            Ok(config) => self.it.check(cx, config).await,
            Err(problems) => problems,
        }
    }

    async fn invoke(&self, cx: &Context<A::Data>, config: Value) -> Result<(), Diagnostics> {
        self.it.invoke(cx, decode(A::TYPE, &self.schema, Origin::Configuration, &config)?).await
    }

    fn agrees(&self) -> Result<(), String> {
        model::agrees::<A::Model>(&self.schema).map_err(|problem| format!("action `{}` {problem}", A::TYPE))
    }
}
