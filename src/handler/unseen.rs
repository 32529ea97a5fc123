//! What a plan says when it cannot look: a key that does not work and a project that is not there are errors, everything
//! else is one warning per place, and unknown input is silence.

use tfplugin::{Diagnostic, Diagnostics};

use super::attributes::Located;
use super::call::Call;
use super::explain;
use crate::neon;
use crate::target::{DatabaseLocation, Error};

/// What a plan's checks could not look at.
pub(crate) struct Unseen<'a> {
    call: &'a Call<'a>,
    what: String,
}

impl<'a> Call<'a> {
    /// The location that a plan's checks look at; `None` where they are silent: something is unknown, or the branch is
    /// set from something unknown. A branch that the configuration leaves out is the default branch already at plan.
    /// Error: an argument that the provider's configuration does not allow, or one that it needs.
    pub(crate) fn checked_location(
        &self,
        planned: &impl Located,
        configured: Option<&impl Located>,
    ) -> Result<Option<DatabaseLocation>, Diagnostics> {
        if planned.project_id().is_unknown() || planned.database().is_unknown() {
            return Ok(None);
        }
        let location = planned.location(self.target().is_direct())?;
        if configured.is_some_and(|it| it.branch_id().is_unknown()) {
            return Ok(None);
        }
        Ok(Some(location))
    }

    /// For saying that `what`, such as a database, could not be looked at.
    pub(crate) fn unseen(&'a self, what: impl ToString) -> Unseen<'a> {
        Unseen { call: self, what: what.to_string() }
    }
}

impl Unseen<'_> {
    /// The message for an error that kept the checks from their facts.
    pub(crate) fn told(&self, error: &Error) -> Diagnostics {
        let explained = explain::target(&format!("check {}", self.what), error);
        if is_refused(error) {
            return explained.into();
        }
        if !self.call.cx().data().is_first(&format!("not checked: {}", self.what)) {
            return Diagnostics::none();
        }
        let detail = format!(
            "{}\n\nThe apply finds what the checks could not see. This is said once for {}.",
            explained.detail, self.what
        );
        Diagnostic::warning(format!("Plan-time checks skipped for {}", self.what), detail).at(explained.path).into()
    }
}

/// Errors that the apply is certain to meet too.
fn is_refused(error: &Error) -> bool {
    match error {
        Error::Neon(error) => matches!(error.kind(), neon::Kind::Unauthorized | neon::Kind::Forbidden),
        Error::ProjectNotFound { .. } | Error::NotNeon | Error::NotDirect => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_apply_meets_too_is_an_error() {
        let refused = |kind| is_refused(&Error::Neon(neon::Error::new(kind, "no")));
        assert!(refused(neon::Kind::Unauthorized) && refused(neon::Kind::Forbidden));
        assert!(!refused(neon::Kind::Unavailable) && !refused(neon::Kind::NotFound));
        assert!(is_refused(&Error::NotNeon));
    }
}
