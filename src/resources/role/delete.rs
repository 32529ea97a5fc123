//! The end of a role: what it owns stands in the way, unless Neon is to give that to others.

use tfplugin::{Diagnostic, Diagnostics, path};

use super::{Place, absent};
use crate::context::Context;
use crate::explain;
use crate::neon::{Budget, Kind};
use crate::postgres::role::{self, Dependants, Tie};
use crate::resources::access;
use crate::session::{self, Error, Session};

/// Deletes a role by the API.
pub(super) async fn remove(cx: &Context, place: &Place, adopted: bool, force: bool) -> Result<(), Diagnostics> {
    let session = &cx.data().session;
    let budget = access::budget(cx);
    let what = format!("role `{}`", place.name);
    if adopted {
        cx.warn(forgotten(place, "It was there before and was taken over, so it was only dropped from the state."));
        return Ok(());
    }
    if session.natural_keys().holds(&place.key()) {
        cx.warn(forgotten(
            place,
            "The same role was made or taken over anew in this run (`create_before_destroy`), so it was only dropped from the \
             state of the old one.",
        ));
        return Ok(());
    }
    match dependants(session, place, &budget).await {
        Ok(found) => {
            if !force && let Some(error) = owns(place, &found) {
                return Err(error.into());
            }
            if let Some(warning) = loses(place, &found) {
                cx.warn(warning);
            }
        }
        // No way in: the API decides.
        Err(error) => tracing::info!(role = %place.name, %error, "cannot see what the role owns before it is deleted"),
    }
    let deleted = match session.neon().delete_role(&place.project, &place.branch, place.name.as_str(), &budget).await {
        Ok(Some(pending)) => pending.wait(&budget).await.map_err(Error::from),
        Ok(None) => Ok(()),
        Err(error) if error.is_not_found() => match absent(session, place, error, &budget).await {
            // The branch answers, so it is the role that is not there.
            Error::Neon(error) if error.is_not_found() => Ok(()),
            other => Err(other),
        },
        Err(error) => Err(error.into()),
    };
    match deleted {
        Ok(()) => Ok(()),
        Err(Error::Neon(error)) if matches!(error.kind(), Kind::Rejected | Kind::Conflict) => {
            let detail = format!(
                "{}.\n\nNeon does not delete a role that owns a database: give the database to another role first.",
                explain::sentence(&error.to_string())
            );
            Err(Diagnostic::error(format!("Cannot delete {what}"), detail).at(path!(name)).into())
        }
        Err(error) => access::removed_with_its_container(cx, &what, &place.project, &error).await,
    }
}

/// What is tied to the role in all databases, seen from the branch's first one.
async fn dependants(session: &Session, place: &Place, budget: &Budget) -> Result<Vec<Dependants>, Error> {
    let databases = session.neon().list_databases(&place.project, &place.branch, budget).await?;
    let Some(first) = databases.into_iter().next() else { return Ok(Vec::new()) };
    let within = session::Place {
        project: place.project.clone(),
        branch: place.branch.clone(),
        database: session::database_name(&first.name)?,
    };
    let mut connection = session.connect(&within, budget, "looking for what a role owns").await?;
    let name = &place.name;
    Ok(connection.read(|it| async move { role::dependants(&it, name).await }).await?)
}

fn forgotten(place: &Place, why: &str) -> Diagnostic {
    Diagnostic::warning(format!("Role `{}` was not dropped", place.name), why)
}

/// One line per database: how many objects, and the first of them.
fn lines(found: &[Dependants], tie: Tie) -> Vec<String> {
    let of_tie = found.iter().filter(|it| it.tie == tie && it.count > 0);
    of_tie
        .map(|it| {
            let at = match &it.database {
                Some(database) => format!("in database `{database}`"),
                None => "in the cluster".to_owned(),
            };
            let objects = if it.count == 1 { "object" } else { "objects" };
            let more = if usize::try_from(it.count).is_ok_and(|count| count > it.first.len()) { ", …" } else { "" };
            if it.first.is_empty() {
                format!("- {at}: {} {objects}", it.count)
            } else {
                format!("- {at}: {} {objects}: {}{more}", it.count, it.first.join(", "))
            }
        })
        .collect()
}

/// The error for a role that owns something.
fn owns(place: &Place, found: &[Dependants]) -> Option<Diagnostic> {
    let lines = lines(found, Tie::Owner);
    if lines.is_empty() {
        return None;
    }
    Some(
        Diagnostic::error(
            format!("Role `{}` owns objects", place.name),
            format!(
                "It was not deleted, for it owns:\n{}\n\nDrop them or give them to another role. With `force_destroy = true`, applied \
                 before the destroy, Neon gives them to the owner of the database they are in; a database itself must be given \
                 to another role first.",
                lines.join("\n")
            ),
        )
        .at(path!(force_destroy)),
    )
}

/// The warning for privileges that go with a role.
fn loses(place: &Place, found: &[Dependants]) -> Option<Diagnostic> {
    let lines = lines(found, Tie::Privilege);
    (!lines.is_empty()).then(|| {
        Diagnostic::warning(
            format!("Privileges went with role `{}`", place.name),
            format!("Objects that named the role in their privileges, and do not any more:\n{}", lines.join("\n")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neon::{BranchId, ProjectId};
    use crate::postgres::{DatabaseName, RoleName};

    fn place() -> Place {
        Place {
            project: ProjectId::parse("p").unwrap(),
            branch: BranchId::parse("br-a").unwrap(),
            name: RoleName::parse("r").unwrap(),
        }
    }

    fn found(database: Option<&str>, tie: Tie, count: u64, first: &[&str]) -> Dependants {
        Dependants {
            database: database.map(|it| DatabaseName::parse(it).unwrap()),
            tie,
            count,
            first: first.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn what_is_owned_is_listed_and_privileges_are_not_in_the_way() {
        assert_eq!(owns(&place(), &[]), None);
        assert_eq!(owns(&place(), &[found(Some("a"), Tie::Privilege, 3, &["table public.t"])]), None);
        let all = [
            found(None, Tie::Owner, 1, &["database x"]),
            found(Some("a"), Tie::Owner, 12, &["table public.t", "table public.u"]),
            found(Some("b"), Tie::Owner, 2, &[]),
        ];
        let error = owns(&place(), &all).unwrap();
        for line in [
            "- in the cluster: 1 object: database x\n",
            "- in database `a`: 12 objects: table public.t, table public.u, …\n",
            "- in database `b`: 2 objects\n",
        ] {
            assert!(error.detail.contains(line), "{}", error.detail);
        }
        assert!(error.detail.contains("force_destroy"));
    }

    #[test]
    fn privileges_are_a_warning() {
        assert_eq!(loses(&place(), &[found(Some("a"), Tie::Owner, 1, &[])]), None);
        let warning = loses(&place(), &[found(Some("a"), Tie::Privilege, 1, &["table public.t"])]).unwrap();
        assert!(warning.detail.ends_with("- in database `a`: 1 object: table public.t"), "{}", warning.detail);
    }
}
