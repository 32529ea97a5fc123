//! How a handler gets into a database, and what it means when it cannot.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, path};
use tokio::time::Instant;

use crate::checks::Policy;
use crate::context::Context;
use crate::explain;
use crate::neon::{self, Budget, ProjectId};
use crate::postgres::{self, RoleName, Stop, Tx};
use crate::session::{Error, Location, Place, Session};

use super::location::optional;

/// The time of the call, for the layers below.
pub(crate) fn budget(cx: &Context) -> Budget {
    Budget::new(cx.deadline(), cx.cancelled().clone())
}

/// The session with Neon and Postgres.
pub(crate) fn session(cx: &Context) -> &Session {
    &cx.data().session
}

/// Which checks may speak.
pub(crate) fn policy(cx: &Context) -> &Policy {
    &cx.data().policy
}

/// The place that a location comes to; `doing` is what it is needed for.
pub(crate) async fn place(cx: &Context, location: &Location, doing: &str) -> Result<Place, Diagnostics> {
    session(cx).place(location, &budget(cx)).await.map_err(|error| explain::session(doing, &error).into())
}

/// A session to change something, as `connect_as` says.
pub(crate) async fn writer(
    cx: &Context,
    place: &Place,
    connect_as: &Attr<String>,
    doing: &str,
) -> Result<postgres::Session, Diagnostics> {
    let role = optional(connect_as, path!(connect_as), RoleName::parse)?;
    match connect(cx, place, role.as_ref(), doing, Company::Shared).await {
        Ok(session) => Ok(session),
        Err(error) => Err(not_connected(cx, place, role.as_ref(), doing, &error).await),
    }
}

/// The same for work that may wait for others for long: a session of its own when one is free.
pub(crate) async fn patient_writer(
    cx: &Context,
    place: &Place,
    connect_as: &Attr<String>,
    doing: &str,
) -> Result<postgres::Session, Diagnostics> {
    let role = optional(connect_as, path!(connect_as), RoleName::parse)?;
    match connect(cx, place, role.as_ref(), doing, Company::Apart).await {
        Ok(session) => Ok(session),
        Err(error) => Err(not_connected(cx, place, role.as_ref(), doing, &error).await),
    }
}

/// Whether a session is the one that others use in turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// It is: for what is done at once.
    Shared,
    /// One of its own, when one is free.
    Apart,
}

async fn connect(
    cx: &Context,
    place: &Place,
    role: Option<&RoleName>,
    doing: &str,
    company: Company,
) -> Result<postgres::Session, Error> {
    match company {
        Company::Shared => session(cx).connect_to_write(place, role, &budget(cx), doing).await,
        Company::Apart => session(cx).connect_apart(place, role, &budget(cx), doing).await,
    }
}

/// Why there is no session. An answer 404 for a role's password may also mean that what holds the role is not there.
pub(crate) async fn not_connected(
    cx: &Context,
    place: &Place,
    role: Option<&RoleName>,
    doing: &str,
    error: &Error,
) -> Diagnostics {
    let (Some(role), true) = (role, is_not_found(error)) else {
        return explain::session(doing, error).into();
    };
    match session(cx).owner(place, &budget(cx)).await {
        Err(container) => explain::session(doing, &container).into(),
        Ok(owner) => Diagnostic::error(
            format!("Cannot {doing}"),
            format!(
                "The role `{role}` of `connect_as` is not there, or was not made by Neon's API, so that its password is not \
                 known.\n\nName a role that the API knows, or leave `connect_as` out to connect as `{owner}`, the owner of \
                 the database."
            ),
        )
        .at(path!(connect_as))
        .into(),
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Neon(error) if error.kind() == neon::Kind::NotFound)
}

/// A session to remove something: as `connect_as` says, or as the owner, with a warning, when that role is gone.
pub(crate) async fn remover(
    cx: &Context,
    place: &Place,
    connect_as: &Attr<String>,
    doing: &str,
    company: Company,
) -> Result<postgres::Session, Error> {
    let role = connect_as.known().and_then(|name| RoleName::parse(name).ok());
    let found = connect(cx, place, role.as_ref(), doing, company).await;
    match (found, role) {
        (Err(error), Some(role)) if is_not_found(&error) => {
            let session = connect(cx, place, None, doing, company).await?;
            cx.warn(
                Diagnostic::warning(
                    format!("Role `{role}` of `connect_as` is gone"),
                    format!("To {doing}, the provider connected as the owner of the database."),
                )
                .at(path!(connect_as)),
            );
            Ok(session)
        }
        (found, _) => found,
    }
}

/// What a failure to remove something means: nothing, when what held it is gone too.
///
/// `what` names the object, such as ``publication `p` ``. A project that answers 404 may be one that the key does not
/// see: that is success only if the key works at all.
pub(crate) async fn removed_with_its_container(
    cx: &Context,
    what: &str,
    project: &ProjectId,
    error: &Error,
) -> Result<(), Diagnostics> {
    let doing = format!("delete {what}");
    let gone = match error {
        Error::Gone { .. } => format!("{}; the {what} went with it.", explain::sentence(&error.to_string())),
        Error::ProjectNotFound { .. } => {
            if session(cx).neon().get_auth(&budget(cx)).await.is_err() {
                return Err(explain::session(&doing, error).into());
            }
            format!("Project `{project}` is not there any more, or the key may not see it; the key itself works.")
        }
        other => return Err(explain::session(&doing, other).into()),
    };
    cx.warn(Diagnostic::warning(
        format!("Nothing to delete: {what}"),
        format!("{gone} It was dropped from the state."),
    ));
    Ok(())
}

/// The answer to a read: an object is gone with the branch or database that held it. What could not be read is an error.
pub(crate) fn unless_gone<T>(doing: &str, found: Result<Option<T>, Error>) -> Result<Option<T>, Diagnostics> {
    match found {
        Err(error) if error.is_gone() => Ok(None),
        found => found.map_err(|error| explain::session(doing, &error).into()),
    }
}

/// The same for what the API knows beside databases: `looking_at` is a project or what it holds.
pub(crate) fn not_seen(cx: &Context, looking_at: &str, error: &Error) -> Diagnostics {
    let refused = match error {
        Error::Neon(error) => matches!(error.kind(), neon::Kind::Unauthorized | neon::Kind::Forbidden),
        Error::ProjectNotFound { .. } => true,
        _ => false,
    };
    let explained = explain::session(&format!("look at {looking_at} for the plan"), error);
    if refused {
        return explained.into();
    }
    if !cx.data().is_first(&format!("not seen: {looking_at}")) {
        return Diagnostics::none();
    }
    let detail = format!(
        "{}\n\nThe checks that need it were left out; the apply finds out what they could not see.",
        explained.detail
    );
    Diagnostic::warning(explained.summary, detail).at(explained.path).into()
}

/// What it means for a plan's checks that the facts of a place cannot be had: a key that does not work and a project
/// that is not there are errors; all else is one warning per place.
pub(crate) fn not_checked(cx: &Context, at: &Location, error: &Error) -> Diagnostics {
    let doing = "look at what this plan would change";
    let refused = match error {
        Error::Neon(error) => matches!(error.kind(), neon::Kind::Unauthorized | neon::Kind::Forbidden),
        Error::ProjectNotFound { .. } => true,
        _ => false,
    };
    if refused {
        return explain::session(doing, error).into();
    }
    let branch = at.branch.as_ref().map_or("the default branch", |it| it.as_str());
    let place = format!("{}/{branch}/{}", at.project, at.database);
    if !cx.data().is_first(&format!("not checked: {place}")) {
        return Diagnostics::none();
    }
    let explained = explain::session(doing, error);
    Diagnostic::warning(
        format!("Plan-time checks were left out for database `{}`", at.database),
        format!("{}\n\nThe apply finds out what the checks could not see. (Said once for {place}.)", explained.detail),
    )
    .into()
}

/// The location that a plan's checks look at; `None` where they are silent: something is unknown, or the branch is fed
/// by something unknown. A branch that configuration leaves out is the default branch already at plan.
pub(crate) fn checked_location(
    project_id: &Attr<String>,
    branch_id: &Attr<String>,
    configured_branch: Option<&Attr<String>>,
    database: &Attr<String>,
) -> Option<Location> {
    if project_id.is_unknown() || database.is_unknown() || configured_branch.is_some_and(Attr::is_unknown) {
        return None;
    }
    super::location::location(project_id, branch_id, database).ok()
}

/// An error of Postgres while doing something, on an attribute.
pub(crate) fn refused(doing: &str, error: &postgres::Error, at: AttributePath) -> Diagnostics {
    explain::postgres(doing, error).at(at).into()
}

/// A transaction whose COMMIT may be lost: it runs again then, for its work reads what is there first and so finds that
/// it is done. `lost` says to the work that what it finds may be its own.
pub(crate) async fn settled<T, W, F>(
    connection: &mut postgres::Session,
    lost: &AtomicBool,
    work: W,
) -> postgres::Result<T>
where
    W: Fn(Tx) -> F,
    F: Future<Output = postgres::Result<T>>,
{
    let work = |tx| {
        let done = work(tx);
        async { Ok(done.await?) }
    };
    loop {
        match connection.transaction(work).await.map_err(Stop::into_error) {
            Err(error) if error.kind() == postgres::Kind::CommitUnknown && Instant::now() < connection.deadline() => {
                tracing::debug!(%error, "looking whether it was done");
                lost.store(true, Ordering::Relaxed);
            }
            done => return done,
        }
    }
}

/// Fails a transaction's next attempt once the user has interrupted the run. A lock may be waited for in many attempts.
pub(crate) fn unless_cancelled(cx: &Context) -> postgres::Result<()> {
    if cx.cancelled().is_cancelled() {
        return Err(postgres::Error::new(postgres::Kind::QueryCancelled, "the run was interrupted"));
    }
    Ok(())
}

/// `a`, `b` and 3 more: names for a sentence.
pub(crate) fn enumerate<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 10;
    let all: BTreeSet<String> = names.into_iter().map(|it| format!("`{it}`")).collect();
    let more = all.len().saturating_sub(SHOWN);
    let shown: Vec<String> = all.into_iter().take(SHOWN).collect();
    match (shown.as_slice(), more) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_enumerated() {
        assert_eq!(enumerate(["a"]), "`a`");
        assert_eq!(enumerate(["b", "a"]), "`a` and `b`");
        assert_eq!(enumerate(["c", "b", "a"]), "`a`, `b` and `c`");
        let many = (0..12).map(|it| format!("{it:02}"));
        assert_eq!(enumerate(many), "`00`, `01`, `02`, `03`, `04`, `05`, `06`, `07`, `08`, `09` and 2 more");
    }

    #[test]
    fn checks_are_silent_about_what_is_unknown() {
        let known = |text: &str| Attr::Known(text.to_owned());
        let (project, database) = (known("shiny-wind-028834"), known("neondb"));
        let at = |branch: Attr<String>, configured: Attr<String>| {
            checked_location(&project, &branch, Some(&configured), &database)
        };
        assert_eq!(at(Attr::Unknown, Attr::Unknown), None);
        let default = at(Attr::Unknown, Attr::Null).unwrap();
        assert_eq!(default.branch, None);
        let named = at(known("br-aged-salad-637688"), Attr::Null).unwrap();
        assert_eq!(named.branch.unwrap().as_str(), "br-aged-salad-637688");
        assert_eq!(checked_location(&Attr::Unknown, &Attr::Null, None, &database), None);
    }
}
