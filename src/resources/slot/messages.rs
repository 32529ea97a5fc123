//! Diagnostics of `neonrep_slot`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tfplugin::schema::timeouts::duration_text;
use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::model::{Model, PGOUTPUT, Seen, Status};
use crate::checks::publication_exists::{self, SLOT_BEFORE_PUBLICATION};
use crate::handler::words::{enumerate, sentence};
use crate::handler::{Call, KEPT_FOR_ANOTHER, explain};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::slot::{Consumer, Kind, Slot};
use crate::postgres::slot_creation::{Busy, Failure};
use crate::postgres::{self, DatabaseName, PublicationName, SlotName};
use crate::target::{Database, Error, PublicationId, SlotId};

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

/// The comment of the publication says that it continues the former one, and nothing proves that.
pub(super) fn unproved_mark(name: &SlotName, publication: &PublicationName) -> Diagnostic {
    let detail = format!(
        "The comment of publication `{publication}` has a mark that it continues the publication that slot `{name}` was created after. \
         Whoever owns the publication can write that, and only the state of its own resource proves it: reference \
         `neonrep_publication.<name>.id` of the same configuration.\n\nIf another configuration replaced the publication with \
         `allow_replace`, the slot has lost nothing: remove it from the state with `terraform state rm`, and import it again."
    );
    Diagnostic::warning(format!("Mark of publication `{publication}` is not proved"), detail)
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

pub(super) fn exists(at: &Database, found: &Slot, plugin: &str) -> Diagnostic {
    let name = &found.name;
    let how = if found.is(&at.name, plugin) {
        let id = SlotId { database: at.clone(), name: name.clone() };
        let publication = if plugin == PGOUTPUT { "/<publication>" } else { "" };
        format!("To manage it here, import it with the ID `{id}{publication}`.")
    } else {
        what_it_is(at, found, plugin)
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
    let detail = what_it_is(at, found, PGOUTPUT);
    Diagnostic::error(format!("Slot `{}` cannot be managed here", found.name), detail).at(path!(name))
}

pub(super) fn left_alone(at: &Database, found: &Slot, plugin: &str) -> Diagnostic {
    let detail = format!("{} It was left alone, and only removed from the state.", what_it_is(at, found, plugin));
    Diagnostic::warning(format!("Slot `{}` was left alone", found.name), detail)
}

fn what_it_is(at: &Database, found: &Slot, wanted: &str) -> String {
    let what = match (found.kind, &found.database, &found.plugin) {
        (Kind::Physical, ..) => "a physical slot".to_owned(),
        _ if found.temporary => "a temporary slot".to_owned(),
        (_, Some(database), _) if *database != at.name => format!("a slot of database `{database}`"),
        (_, _, Some(plugin)) => format!("a slot with the plugin `{plugin}`"),
        _ => "another slot".to_owned(),
    };
    format!("`{}` is {what}. This resource manages a logical slot of {at} with the plugin `{wanted}`.", found.name)
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
    Diagnostic::warning(format!("Slot `{name}` was kept"), KEPT_FOR_ANOTHER)
}

/// The database of a slot comes from its publication, and is named where there is none.
pub(super) fn misplaced(config: &Model) -> Diagnostics {
    let by_publication = match &config.plugin {
        Attr::Unknown => return Diagnostics::none(),
        Attr::Null => true,
        Attr::Known(plugin) => plugin == PGOUTPUT,
    };
    let plugin = config.plugin.known().map_or(PGOUTPUT, String::as_str);
    if !by_publication {
        // What is unknown yet may turn out null, and is checked then.
        if config.publication_id.known().is_some() || config.publication_id.is_unknown() && config.database.is_null() {
            let detail = format!(
                "The plugin `{plugin}` does not use publications. Remove `publication_id`, and name the database of the slot with \
                 `database`, on Neon with `project_id` too."
            );
            return Diagnostic::error("`publication_id` is only for `pgoutput`", detail)
                .at(path!(publication_id))
                .into();
        }
        if config.database.is_null() {
            let detail =
                format!("A slot with the plugin `{plugin}` has no publication, so it names its database itself.");
            return Diagnostic::error("Missing `database`", detail).at(path!(database)).into();
        }
        return Diagnostics::none();
    }
    if config.publication_id.is_null() {
        let detail = format!(
            "A slot with the plugin `pgoutput` needs a publication. {SLOT_BEFORE_PUBLICATION}\n\nSet `publication_id = \
             neonrep_publication.<name>.id`, or the ID of another publication of the form `{}`.",
            <PublicationId as crate::target::ObjectId>::FORM
        );
        return Diagnostic::error("Missing `publication_id`", detail).at(path!(publication_id)).into();
    }
    let Attr::Known(publication) = &config.publication_id else { return Diagnostics::none() };
    let [project, branch, database] = publication.database.parts();
    [
        ("project_id", config.project_id.known().map(ProjectId::as_str), project, path!(project_id)),
        ("branch_id", config.branch_id.known().map(BranchId::as_str), branch, path!(branch_id)),
        ("database", config.database.known().map(DatabaseName::as_str), database, path!(database)),
    ]
    .into_iter()
    .filter(|(_, set, of_publication, _)| set.is_some_and(|it| it != *of_publication))
    .map(|(name, set, of_publication, at)| {
        let detail = format!(
            "`{name}` is `{}`, but the publication has `{of_publication}`. A slot with the plugin `pgoutput` belongs to the database of \
             its publication. Remove `{name}`.",
            set.unwrap_or_default()
        );
        Diagnostic::error(format!("`{name}` differs from the publication"), detail).at(at)
    })
    .collect()
}

/// A replacement for the slot's own sake.
pub(super) fn replaced(name: &SlotName) -> Diagnostic {
    let detail = format!("Changes that its consumer has not received yet are lost. {NEW_SYNC}");
    Diagnostic::warning(format!("Slot `{name}` is replaced"), detail)
}

/// What a plan says that would replace the slot because the configuration has the old name.
pub(super) fn database_renamed(name: &SlotName, old: &DatabaseName, at: &Database) -> Diagnostic {
    let detail = format!(
        "Slot `{name}` belongs to {at}, which was named `{old}` before. The configuration still has the old name, so this run would \
         replace the slot, and its consumer would need a new initial sync.\n\nIn the configuration of the publication, change the \
         database to `{}`. To destroy the slot, run `terraform destroy -refresh=false`.",
        at.name
    );
    Diagnostic::error(format!("Database `{old}` was renamed"), detail)
}

/// The slot's database is gone, and a slot of the name is in another one.
pub(super) fn in_another(name: &SlotName, gone: &Database, found: &Slot) -> Diagnostic {
    let other = found.database.as_ref().map_or("", DatabaseName::as_str);
    let detail = format!(
        "{} does not exist, and a slot `{name}` exists in database `{other}` of the same server. The database may have been \
         renamed. The state was kept.\n\nIf it was, remove the slot from the state with `terraform state rm`, and import it with \
         its new database.",
        sentence(&gone.to_string())
    );
    Diagnostic::error(format!("Slot `{name}` is in another database"), detail)
}

/// The slot's database is gone, and the server cannot be looked at through another one.
pub(super) fn unseen(call: &Call<'_>, name: &SlotName, gone: &Database, error: &Error) -> Diagnostic {
    let why = explain::target(call.doing(), error).detail;
    let detail = format!(
        "{} does not exist. It may have been renamed, and slot `{name}` with it, but no other database of the server can be \
         entered. The state was kept.\n\n{why}",
        sentence(&gone.to_string())
    );
    Diagnostic::error(format!("Slot `{name}` cannot be found"), detail)
}

pub(super) fn gone(name: &SlotName) -> Diagnostic {
    let detail = "Its database existed under this name when the plan was made. Nothing was changed.\n\nPlan again.";
    Diagnostic::error(format!("The database of slot `{name}` is gone"), detail)
}

/// 58P01 and 42704: the server has no such output plugin.
pub(super) fn no_plugin(plugin: &str, error: &postgres::Error) -> Diagnostic {
    let detail = format!(
        "{}. The server cannot load the output plugin `{plugin}`. No slot was created.\n\nInstall it on the server, or use another \
         plugin: `pgoutput` comes with Postgres, and Neon also has `wal2json`.",
        sentence(error.message())
    );
    Diagnostic::error(format!("Plugin `{plugin}` is not installed"), detail).at(path!(plugin))
}

/// 42501 although the connecting role has REPLICATION.
pub(super) fn may_not_use_plugin(plugin: &str, error: &postgres::Error) -> Diagnostic {
    let mut answered = format!("{}.", sentence(error.message()));
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        answered = format!("{answered}\n{more}");
    }
    let detail = format!(
        "{answered}\n\nNo slot was created. Recent minor versions of Postgres only load the plugins that the parameter \
         `output_plugin_libraries` lists. Ask the administrator of the server to add `{plugin}`, or use a plugin that it lists, \
         such as `pgoutput`."
    );
    Diagnostic::error(format!("Plugin `{plugin}` may not be used"), detail).at(path!(plugin))
}

/// 42501: the connecting role lacks REPLICATION.
pub(super) fn may_not_replicate(name: &SlotName, error: &postgres::Error) -> Diagnostic {
    let detail = format!(
        "{}. Only a role with the attribute REPLICATION creates slots, or a superuser. Members of such a role do not have the \
         attribute.\n\nSet `connect_as` to a role with REPLICATION. On Neon, roles created through the API have it.",
        sentence(error.message())
    );
    Diagnostic::error(format!("Cannot create slot `{name}`"), detail).at(path!(connect_as))
}

pub(super) fn failover_not_changed(
    call: &Call<'_>,
    name: &SlotName,
    consumer: Option<&Consumer>,
    error: &postgres::Error,
) -> Diagnostic {
    let (Some(consumer), true) = (
        consumer,
        matches!(error.kind(), postgres::Kind::ObjectInUse | postgres::Kind::QueryCancelled | postgres::Kind::Timeout),
    ) else {
        return explain::postgres(call.doing(), error).at(path!(failover));
    };
    let detail = format!(
        "Postgres changes `failover` only while no consumer is connected. {} did not disconnect within {}. `failover` was not \
         changed.\n\nStop the consumer, apply, and start it again.",
        sentence(&consumer.to_string()),
        duration_text(call.cx().timeout())
    );
    Diagnostic::error(format!("Slot `{name}` is in use"), detail).at(path!(failover))
}
