//! The trait a data source implements.

pub(super) mod erased;

use std::future::Future;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::resource::Model;
use crate::schema::Schema;

/// A data source: reads, never changes.
pub trait DataSource: Send + Sync + 'static {
    /// The full type name, `toy_size`
    const TYPE: &'static str;
    /// The typed form of its values.
    type Model: Model;
    /// What the provider's configuration makes.
    type Data: Send + Sync + 'static;

    /// Attributes, rules and prose.
    fn schema() -> Schema;

    /// Rules over one configuration that schema data cannot say. No IO. Unknown means silence.
    fn validate(_config: &Self::Model) -> Diagnostics {
        Diagnostics::none()
    }

    /// The whole value. `config` is wholly known and has its defaults; configured values are returned unchanged.
    fn read(
        &self,
        cx: &Context<Self::Data>,
        config: Self::Model,
    ) -> impl Future<Output = Result<Self::Model, Diagnostics>> + Send;
}
