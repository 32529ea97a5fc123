//! The trait an action implements: something that is done once, on request, and has no state (Terraform 1.14 and newer).

pub(super) mod erased;

use std::future::Future;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::kinds::resource::Model;
use crate::schema::Schema;

/// An action: the `action` block, invoked by `-invoke` or by a resource's `action_trigger`.
pub trait Action: Send + Sync + 'static {
    /// The type's full name, `toy_reset`.
    const TYPE: &'static str;
    /// The typed form of its configuration. An action computes nothing.
    type Model: Model;
    /// What the provider's configuration makes.
    type Data: Send + Sync + 'static;

    /// Attributes, rules and prose.
    fn schema() -> Schema;

    /// Rules over one configuration that schema data cannot say. No IO. Unknown means silence.
    fn validate(_config: &Self::Model) -> Diagnostics {
        Diagnostics::none()
    }

    /// Checks at plan whether it could be done. Changes nothing. `config` may have unknown values. Not called while the
    /// provider's configuration is unknown.
    fn check(&self, _cx: &Context<Self::Data>, _config: Self::Model) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::none() }
    }

    /// Does it. `config` is wholly known and has its defaults. [`Context::progress`] tells how far it is.
    fn invoke(
        &self,
        cx: &Context<Self::Data>,
        config: Self::Model,
    ) -> impl Future<Output = Result<(), Diagnostics>> + Send;
}
