//! Diagnostics of `neonrep_slot`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tfplugin::schema::timeouts::duration_text;
use tfplugin::{Diagnostic, path};

use super::PLUGIN;
use super::model::{Model, Seen, Status};
use crate::checks::publication_exists::{self, SLOT_BEFORE_PUBLICATION};
use crate::handler::explain;
use crate::handler::words::{enumerate, sentence};
use crate::postgres::slot::{Kind, Slot};
use crate::postgres::slot_creation::{Busy, Failure};
use crate::postgres::{self, PublicationName, SlotName};
use crate::target::{Database, PublicationId, SlotId};

const NEW_SYNC: &str = "Its consumer needs a new initial sync.";

/// How to have a slot recreated although its consumer loses its place.
const CONFIRM: &str = "The provider never recreates a slot on its own. To confirm, run `terraform apply -replace=<address>` with the \
                       address of this resource, or set `allow_recreate = true`. Until then, the apply of this change fails.";

/// What a refresh says. `agreed`: the state has `allow_recreate`.
pub(super) fn warning(
    at: &Database,
    name: &SlotName,
    publication: Option<&PublicationName>,
    seen: &Seen,
    agreed: bool,
) -> Option<Diagnostic> {
    let (summary, loss) = loss(at, name, publication, seen)?;
    let next = if agreed { "`allow_recreate` is set, so the next apply recreates the slot." } else { CONFIRM };
    Some(Diagnostic::warning(summary, format!("{loss}\n\n{next}")))
}

/// What an apply says that would have to recreate the slot.
pub(super) fn refusal(
    at: &Database,
    name: &SlotName,
    publication: Option<&PublicationName>,
    seen: &Seen,
) -> Option<Diagnostic> {
    let (summary, loss) = loss(at, name, publication, seen)?;
    Some(Diagnostic::error(summary, format!("{loss} Nothing was changed.\n\n{CONFIRM}")))
}

/// What the consumer has lost, as a summary and sentences; `None` when the slot can serve it.
fn loss(
    at: &Database,
    name: &SlotName,
    publication: Option<&PublicationName>,
    seen: &Seen,
) -> Option<(String, String)> {
    let publication = publication.map_or("", PublicationName::as_str);
    Some(match seen.status {
        Status::Ok => return None,
        Status::Missing => (
            format!("Slot `{name}` is missing"),
            format!(
                "{} has no such slot, and the changes that its consumer had not received are gone. {NEW_SYNC}",
                sentence(&at.to_string())
            ),
        ),
        Status::Lost => {
            let reason = seen.invalidation_reason.as_ref().map_or_else(String::new, |it| format!(" (`{it}`)"));
            (
                format!("Slot `{name}` is lost"),
                format!(
                    "Postgres invalidated it{reason} and removed changes that its consumer still needed. {NEW_SYNC}"
                ),
            )
        }
        Status::PublicationMissing => (
            format!("Publication `{publication}` of slot `{name}` is missing"),
            format!(
                "It was dropped or renamed outside of Terraform. {SLOT_BEFORE_PUBLICATION} Recreating the publication does not help. {NEW_SYNC}"
            ),
        ),
        Status::PublicationRecreated => (
            format!("Publication `{publication}` of slot `{name}` was recreated"),
            format!(
                "The slot is older than the publication that has this name now. {SLOT_BEFORE_PUBLICATION} {NEW_SYNC}"
            ),
        ),
    })
}

/// An imported slot whose order nothing proves.
pub(super) fn order_unknown(name: &SlotName, publication: &PublicationName) -> Diagnostic {
    let detail = format!(
        "Postgres does not record which of the two was created first. If the consumer receives changes, the order is right. If it \
         reports that publication `{publication}` does not exist, or misses changes on Postgres 18, recreate the slot with \
         `terraform apply -replace=<address>`. From now on the provider watches the publication. This is said once."
    );
    Diagnostic::warning(format!("Slot `{name}` may be older than its publication"), detail)
}

pub(super) fn exists(at: &Database, found: &Slot) -> Diagnostic {
    let name = &found.name;
    let how = if found.is(&at.name, PLUGIN) {
        let id = SlotId { database: at.clone(), name: name.clone() };
        format!("To manage it here, import it with the ID `{id}/<publication>`.")
    } else {
        what_it_is(at, found)
    };
    let detail = format!(
        "A slot with this name exists on {}. Slot names are unique across all of its databases. Nothing was changed.\n\n{how}\n\nIf \
         this resource replaces one of the same name with `create_before_destroy`, the old slot still exists: use another name \
         for the new one. If nobody uses the slot any more, drop it.",
        at.server
    );
    Diagnostic::error(format!("Slot `{name}` already exists"), detail).at(path!(name))
}

/// A slot of that name that this resource cannot manage.
pub(super) fn not_ours(at: &Database, found: &Slot) -> Diagnostic {
    Diagnostic::error(format!("Slot `{}` cannot be managed here", found.name), what_it_is(at, found)).at(path!(name))
}

pub(super) fn left_alone(at: &Database, found: &Slot) -> Diagnostic {
    let detail = format!("{} It was left alone, and only removed from the state.", what_it_is(at, found));
    Diagnostic::warning(format!("Slot `{}` was left alone", found.name), detail)
}

fn what_it_is(at: &Database, found: &Slot) -> String {
    let what = match (found.kind, &found.database, &found.plugin) {
        (Kind::Physical, ..) => "a physical slot".to_owned(),
        _ if found.temporary => "a temporary slot".to_owned(),
        (_, Some(database), _) if *database != at.name => format!("a slot of database `{database}`"),
        (_, _, Some(plugin)) => format!("a slot with the plugin `{plugin}`"),
        _ => "another slot".to_owned(),
    };
    format!("`{}` is {what}. This resource manages logical slots of {at} with the plugin `{PLUGIN}`.", found.name)
}

pub(super) fn no_publication(publication: &PublicationId) -> Diagnostic {
    let detail = publication_exists::detail(&publication.name, &publication.database.to_string());
    Diagnostic::error(publication_exists::summary(&publication.name), format!("{detail} Nothing was changed."))
        .at(path!(publication_id))
}

pub(super) fn other_database(prior: &Model, publication: &PublicationId) -> Diagnostic {
    let name = prior.name.known().map_or("", SlotName::as_str);
    let database = prior.database.known().map_or("", |it| it.as_str());
    let detail = format!(
        "Slot `{name}` belongs to database `{database}`, and `publication_id` names a publication of {}. A slot only sends changes of \
         its own database.\n\nName a publication of the same database, or replace the slot with `terraform apply \
         -replace=<address>`.",
        publication.database
    );
    Diagnostic::error("Publication of another database", detail).at(path!(publication_id))
}

pub(super) fn changed_meanwhile(publication: &PublicationName, name: &SlotName, dropped: bool) -> Diagnostic {
    let left = if dropped {
        "The new slot was dropped."
    } else {
        "The new slot could not be dropped. It is in the state as tainted, and the next apply replaces it."
    };
    let detail = format!(
        "While slot `{name}` was being created, publication `{publication}` was dropped or recreated outside of Terraform. \
         {SLOT_BEFORE_PUBLICATION} {left}\n\nApply again."
    );
    Diagnostic::error(format!("Publication `{publication}` was recreated meanwhile"), detail).at(path!(publication_id))
}

pub(super) fn not_proved(publication: &PublicationName, name: &SlotName) -> Diagnostic {
    let detail = format!(
        "The catalog does not prove that publication `{publication}` was created before slot `{name}`. {SLOT_BEFORE_PUBLICATION} \
         Nothing was changed.\n\nTo replace the slot, run `terraform apply -replace=<address>` with the address of this resource. \
         Its consumer then needs a new initial sync."
    );
    Diagnostic::error(format!("Slot `{name}` may be older than its new publication"), detail).at(path!(publication_id))
}

pub(super) fn no_free_slot(error: &postgres::Error, slots: &BTreeMap<SlotName, Slot>) -> Diagnostic {
    let idle: BTreeSet<&SlotName> = slots.values().filter(|it| !it.active).map(|it| &it.name).collect();
    let idle = if idle.is_empty() { String::new() } else { format!(" Without a consumer now: {}.", enumerate(idle)) };
    let detail = format!("{}.{idle}\n\nDrop a slot that nobody uses any more.", sentence(error.message()));
    Diagnostic::error("All replication slots are in use", detail).at(path!(name))
}

pub(super) fn is_off(error: &postgres::Error) -> Diagnostic {
    let detail = format!(
        "{}.\n\nEnable logical replication first, on Neon with `neonrep_logical_replication`. If the publication takes its \
         `project_id` from the `id` of that resource, Terraform keeps the order.",
        sentence(error.message())
    );
    Diagnostic::error("Logical replication is off", detail)
}

/// `waited`: the timeout that expired; `None` when the run was interrupted.
pub(super) fn took_too_long(name: &SlotName, waited: Option<Duration>, failure: &Failure) -> Diagnostic {
    let why = match waited {
        None => "The run was interrupted.".to_owned(),
        Some(waited) => format!("The slot could not be created within {}.", duration_text(waited)),
    };
    let left = if failure.found.is_some() {
        "The slot exists nevertheless. It is in the state as tainted, and the next apply replaces it."
    } else {
        "No slot was created, and none appears later."
    };
    let blockers: Vec<String> = failure.blockers.iter().map(|it| format!("- {it}")).collect();
    let blockers = if blockers.is_empty() {
        String::new()
    } else {
        format!(
            "\n\nCreating a slot waits for every open transaction that has written data, in any database:\n{}\n\nEnd these \
             transactions, or raise `timeouts`.",
            blockers.join("\n")
        )
    };
    Diagnostic::error(format!("Cannot create slot `{name}`"), format!("{why} {left}{blockers}"))
}

pub(super) fn in_use(doing: &str, name: &SlotName, busy: &Busy, terminate: bool, waited: Duration) -> Diagnostic {
    let consumer = busy.consumer.as_ref().map_or_else(|| "a consumer".to_owned(), ToString::to_string);
    let waited = duration_text(waited);
    let detail = match busy.error.kind() {
        postgres::Kind::ObjectInUse | postgres::Kind::Timeout if !terminate => format!(
            "It is used by {consumer}, which did not disconnect within {waited}. Nothing was changed.\n\nStop the consumer, or set \
             `terminate_consumer = true`, apply, and destroy again."
        ),
        postgres::Kind::ObjectInUse | postgres::Kind::Timeout => format!(
            "It is used by {consumer}. The provider disconnected it, and it connected again until {waited} had passed. Nothing was \
             changed.\n\nStop the consumer."
        ),
        postgres::Kind::InsufficientPrivilege => format!(
            "It is used by {consumer}, and the connecting role may not disconnect it: {}. Nothing was changed.\n\nThat role itself, \
             its members and members of `pg_signal_backend` may. Stop the consumer, or set `connect_as` to such a role.",
            busy.error.message()
        ),
        _ => return explain::postgres(doing, &busy.error),
    };
    Diagnostic::error(format!("Slot `{name}` is in use"), detail)
}

pub(super) fn interrupted(doing: &str) -> Diagnostic {
    let detail =
        "The run was interrupted, or its time was over, while a consumer still used the slot. Nothing was changed.";
    Diagnostic::error(format!("Cannot {doing}"), detail)
}

pub(super) fn is_protected(state: &Model, is_destroy: bool) -> Diagnostic {
    let name = state.name.known().map_or("", SlotName::as_str);
    let what = if is_destroy { "destroy" } else { "replace" };
    let detail = format!(
        "`deletion_protection` is set in the state. Dropping the slot would lose all changes that its consumer has not received \
         yet.\n\nTo {what} it nevertheless, set `deletion_protection = false`, apply, and {what} it then."
    );
    Diagnostic::error(format!("Slot `{name}` is protected"), detail).at(path!(deletion_protection))
}

pub(super) fn kept_for_another(name: &SlotName) -> Diagnostic {
    Diagnostic::warning(
        format!("Slot `{name}` was kept"),
        "Another resource of this run has created it under the same name (`create_before_destroy`). The old one was only removed \
         from the state.",
    )
}
