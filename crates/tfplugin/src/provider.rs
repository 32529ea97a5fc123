//! The trait a provider implements, and the list of what it has.

use std::future::Future;

use crate::diagnostic::Diagnostics;
use crate::kinds::erased::{
    ErasedAction, ErasedDataSource, ErasedEphemeralResource, ErasedFunction, ErasedList, ErasedResource,
};
use crate::kinds::resource::Model;
use crate::private::Private;
use crate::schema::Schema;
use crate::value::Value;

/// What `ConfigureProvider` came to.
pub enum Configured<D> {
    /// Resources can work.
    Ready(D),
    /// The configuration has values that are known only after apply: legal while planning. Read returns the prior
    /// state with one warning, plan checks are skipped, and all else fails with `reason`.
    NotYetKnown {
        /// Which argument is not known, as a sentence.
        reason: String,
    },
}

/// A provider: its schema, its configuration, its resources and data sources.
pub trait Provider: Send + Sync + 'static {
    /// The full source address, `registry.terraform.io/acme/toy`
    const ADDRESS: &'static str;
    /// The typed form of the provider block.
    type Config: Model;
    /// What handlers get.
    type Data: Send + Sync + 'static;

    /// Attributes and prose.
    fn schema() -> Schema;

    /// Rules over the provider block that schema data cannot say. No IO. Unknown means silence.
    fn validate(_config: &Self::Config) -> Diagnostics {
        Diagnostics::none()
    }

    /// Makes the data that handlers get. May be called many times in one process, with other values each time.
    /// `terraform_version` is for the user agent.
    fn configure(
        &self,
        config: Self::Config,
        terraform_version: &str,
    ) -> impl Future<Output = Result<Configured<Self::Data>, Diagnostics>> + Send;

    /// Notes that a plan leaves an object in the state, changed or not. `config` is what the user wrote of it, `private` what it
    /// remembers. An error refuses the plan. No IO.
    ///
    /// Terraform keeps the private state of an object that changes, and hands that of one to be replaced to its deletion.
    fn object_stays(_data: &Self::Data, _config: &Value, _private: &mut Private) -> Diagnostics {
        Diagnostics::none()
    }

    /// Top-level attributes that no object has under this configuration of the provider. A plan shows null where it would
    /// otherwise show `(known after apply)` and the configuration sets nothing.
    fn absent(_data: &Self::Data) -> &'static [&'static str] {
        &[]
    }

    /// All resources, by `erased::resource(Publication)`.
    fn resources() -> Vec<Box<dyn ErasedResource<Self::Data>>>;

    /// All ephemeral resources, by `erased::ephemeral_resource(Token)`.
    fn ephemeral_resources() -> Vec<Box<dyn ErasedEphemeralResource<Self::Data>>> {
        Vec::new()
    }

    /// All actions, by `erased::action(Reset)`.
    fn actions() -> Vec<Box<dyn ErasedAction<Self::Data>>> {
        Vec::new()
    }

    /// All lists, by `erased::list(Things)`.
    fn lists() -> Vec<Box<dyn ErasedList<Self::Data>>> {
        Vec::new()
    }

    /// All functions, by `erased::function(ParseId)`.
    fn functions() -> Vec<Box<dyn ErasedFunction>> {
        Vec::new()
    }

    /// All data sources, by `erased::data_source(Connection)`.
    fn data_sources() -> Vec<Box<dyn ErasedDataSource<Self::Data>>>;
}
