//! The trait an ephemeral resource implements: a value that Terraform uses in a run and never stores
//! (Terraform 1.10, OpenTofu 1.11 and newer).

pub(super) mod erased;

use std::future::Future;
use std::time::Duration;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::Model;
use crate::schema::Schema;

/// What opening came to.
#[derive(Clone, Debug)]
pub struct Opened<M> {
    /// The whole value: configured attributes unchanged, computed ones filled in.
    pub value: M,
    /// After how long [`EphemeralResource::renew`] is called. Terraform calls at that very moment, so leave a margin.
    pub renew_in: Option<Duration>,
}

impl<M> From<M> for Opened<M> {
    fn from(value: M) -> Self {
        Self { value, renew_in: None }
    }
}

/// An ephemeral resource. Terraform opens it in the plan and again in the apply, and closes it when the run needs it no
/// longer, also after an interruption. It is not opened while its configuration is unknown.
pub trait EphemeralResource: Send + Sync + 'static {
    /// The type's full name, `toy_token`.
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

    /// Makes the value. `config` is wholly known and has its defaults. What [`renew`](Self::renew) and
    /// [`close`](Self::close) need to know is kept by [`Context::set_private`].
    fn open(
        &self,
        cx: &Context<Self::Data>,
        config: Self::Model,
    ) -> impl Future<Output = Result<Opened<Self::Model>, Diagnostics>> + Send;

    /// Keeps the value usable. Answers after how long it is to be called again.
    fn renew(&self, _cx: &Context<Self::Data>) -> impl Future<Output = Result<Option<Duration>, Diagnostics>> + Send {
        async { Err(Diagnostic::bug(format!("`{}` was asked to renew, which it does not do.", Self::TYPE)).into()) }
    }

    /// Ends the value's use. Quick, and harmless when called twice. It finds the private state as
    /// [`open`](Self::open) left it.
    fn close(&self, _cx: &Context<Self::Data>) -> impl Future<Output = Result<(), Diagnostics>> + Send {
        async { Ok(()) }
    }
}
