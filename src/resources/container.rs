//! What becomes of an object when what holds it is gone: its branch, its database, its project.

use crate::context::Context;
use crate::explain;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::neon::Budget;
use crate::session::Error;

/// The time of a call.
pub(crate) fn budget(cx: &Context) -> Budget {
    Budget::new(cx.deadline(), cx.cancelled().clone())
}

/// The answer to a read: an object is gone with the branch or database that held it. What could not be read is an error.
pub(crate) fn read<T>(doing: &str, found: Result<Option<T>, Error>) -> Result<Option<T>, Diagnostics> {
    match found {
        Ok(found) => Ok(found),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(explain::session(doing, &error).into()),
    }
}

/// The answer to a delete that met an error: success, with a warning, when what held the object is gone. A project that
/// answers 404 is taken as gone only if the key works.
pub(crate) async fn deleted(cx: &Context, what: &str, error: &Error) -> Result<(), Diagnostics> {
    let doing = format!("delete {what}");
    let gone = match error {
        Error::Gone { .. } => true,
        Error::ProjectNotFound { .. } => cx.data().session.neon().get_auth(&budget(cx)).await.is_ok(),
        _ => false,
    };
    if !gone {
        return Err(explain::session(&doing, error).into());
    }
    cx.warn(Diagnostic::warning(
        format!("Nothing left to delete of {what}"),
        format!("{}. What it held is gone with it, so it was only dropped from the state.", explain::sentence(&error.to_string())),
    ));
    Ok(())
}
