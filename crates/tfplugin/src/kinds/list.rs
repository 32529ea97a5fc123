//! The trait a list resource implements: the objects of a resource type that there are, for `terraform query`
//! (Terraform 1.14 and newer).

pub(super) mod erased;

use std::future::Future;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::resource::{Model, Resource};
use crate::schema::Schema;

/// One object that was found.
#[derive(Clone, Debug)]
pub struct Listed<M> {
    /// What a person reads.
    pub display_name: String,
    /// The object as [`Resource::read`] would give it; its identity is taken from here.
    pub object: M,
}

/// A list of objects of a managed resource, whose schema must have an identity.
pub trait List: Send + Sync + 'static {
    /// The resource that is listed: its type is the list's.
    type Resource: Resource;
    /// The typed form of the list's configuration.
    type Model: Model;

    /// Attributes, rules and prose of the list's configuration.
    fn schema() -> Schema;

    /// Rules over one configuration that schema data cannot say. No IO. Unknown means silence.
    fn validate(_config: &Self::Model) -> Diagnostics {
        Diagnostics::none()
    }

    /// The objects, at most `limit` of them. `config` is wholly known and has its defaults.
    fn list(
        &self,
        cx: &Context<<Self::Resource as Resource>::Data>,
        config: Self::Model,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Listed<<Self::Resource as Resource>::Model>>, Diagnostics>> + Send;
}
