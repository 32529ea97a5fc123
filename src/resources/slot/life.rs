//! Making, keeping and dropping a slot. No transaction takes a slot back, so each step says what is left when it fails.

use std::collections::BTreeSet;
use std::time::Duration;

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::reference::Reference;
use super::status::{self, Status};
use super::{Model, PLUGIN, id, key, plan, said_unknown_order};
use crate::context::Context;
use crate::explain;
use crate::postgres::publication::{self, Publication};
use crate::postgres::slot::{self, Identified, NewSlot, Slot};
use crate::postgres::slot_creation::{self, Busy, Failure};
use crate::postgres::{self, Kind, SlotName};
use crate::resources::access::{
    Company, budget, enumerate, patient_writer, place, refused, removed_with_its_container, remover, session, writer,
};
use crate::session::Place;

/// For finding out what is there once the time is over.
const AFTERWARDS: Duration = Duration::from_secs(10);

pub(super) async fn create(cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
    let name = plan.name()?;
    let doing = format!("create slot `{name}`");
    let Some(publication) = plan.publication()? else {
        return Err(Diagnostic::bug("`publication_id` is not known where it is needed.")
            .at(path!(publication_id))
            .into());
    };
    let place = &publication.place;
    let mut connection = patient_writer(cx, place, &plan.connect_as, &doing).await?;
    let fail = |error: &postgres::Error| refused(&doing, error, path!(name));
    let taken = connection.read(async |it| slot::read(&it, &name).await).await.map_err(|error| fail(&error))?;
    if let Some(found) = taken {
        return Err(exists(&found, place).into());
    }
    let before = behind(&mut connection, &publication).await.map_err(|error| fail(&error))?;
    let Some(before) = before else { return Err(no_publication(&publication, &name).into()) };
    let model = filled(plan, &publication, &name, before.oid);

    let new = NewSlot { name: name.clone(), plugin: PLUGIN.to_owned(), two_phase: false, failover: false };
    let made = slot_creation::create(&mut connection, &new, cx.cancelled().cancelled()).await;
    session(cx).wrote(place);
    if let Err(failure) = made {
        if failure.found.is_some() {
            session(cx).natural_keys().remember(key(place, &name));
            cx.checkpoint(&model);
        }
        return Err(not_made(cx, &mut connection, &name, place, &doing, &failure).await.into());
    }
    session(cx).natural_keys().remember(key(place, &name));
    cx.checkpoint(&model);
    connection.allow(AFTERWARDS);
    match behind(&mut connection, &publication).await {
        Ok(Some(after)) if after.oid == before.oid => Ok(model),
        Ok(_) => {
            match slot_creation::drop(&mut connection, &name, Identified { plugin: PLUGIN, database: None }, false)
                .await
            {
                Ok(_) => {
                    cx.forget_checkpoint();
                    Err(changed_meanwhile(&publication, &name, true).into())
                }
                Err(_) => Err(changed_meanwhile(&publication, &name, false).into()),
            }
        }
        // What was made is recorded; the next refresh compares the oids.
        Err(error) => {
            let warning = explain::postgres(
                &format!("look at publication `{}` after slot `{name}`", publication.publication),
                &error,
            );
            cx.warn(Diagnostic { severity: tfplugin::Severity::Warning, ..warning });
            Ok(model)
        }
    }
}

/// The plan with what was unknown in it.
fn filled(plan: Model, publication: &Reference, name: &SlotName, oid: u32) -> Model {
    let place = &publication.place;
    Model {
        id: plan.id.clone().or_found(|| Attr::Known(id(place, name))),
        project_id: plan.project_id.clone().or_found(|| Attr::Known(place.project.to_string())),
        branch_id: plan.branch_id.clone().or_found(|| Attr::Known(place.branch.to_string())),
        database: plan.database.clone().or_found(|| Attr::Known(place.database.to_string())),
        slot_name: plan.slot_name.clone().or_found(|| Attr::Known(name.to_string())),
        publication_name: plan.publication_name.clone().or_found(|| Attr::Known(publication.publication.to_string())),
        publication_oid: plan.publication_oid.or_found(|| Attr::Known(oid)),
        status: plan.status.clone().or_found(|| Attr::Known(Status::Ok.as_str().to_owned())),
        invalidation_reason: plan.invalidation_reason.clone().or_found(|| Attr::Null),
        ..plan
    }
}

async fn behind(connection: &mut postgres::Session, publication: &Reference) -> postgres::Result<Option<Publication>> {
    connection.read(async |it| publication::read(&it, &publication.publication).await).await
}

pub(super) async fn update(cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
    let name = plan.name()?;
    let doing = format!("change slot `{name}`");
    let place = place(cx, &prior.location()?, &doing).await?;
    let Some(publication) = plan.publication()? else {
        return Err(Diagnostic::bug("`publication_id` is not known where it is needed.")
            .at(path!(publication_id))
            .into());
    };
    // Should the slot have to be refused, what concerns only the provider is agreed all the same: without that a protected
    // slot whose publication is gone could never be dropped.
    cx.checkpoint(&Model {
        allow_recreate: plan.allow_recreate,
        deletion_protection: plan.deletion_protection,
        terminate_consumer: plan.terminate_consumer,
        connect_as: plan.connect_as.clone(),
        timeouts: plan.timeouts.clone(),
        ..prior.clone()
    });
    if publication.place != place {
        let detail = format!(
            "Slot `{name}` is one of {place}, and its publication is now one of {}. A slot sends changes of its own database only.\n\n\
             Replace the slot: `terraform apply -replace=…` with its address.",
            publication.place
        );
        return Err(Diagnostic::error("Publication of another database", detail).at(path!(publication_id)).into());
    }
    let mut connection = writer(cx, &place, &plan.connect_as, &doing).await?;
    let fail = |error: &postgres::Error| Diagnostics::from(explain::postgres(&doing, error));
    let found = connection.read(async |it| slot::read(&it, &name).await).await.map_err(|error| fail(&error))?;
    let found = found.filter(|it| it.is(&place.database, PLUGIN));
    let behind = behind(&mut connection, &publication).await.map_err(|error| fail(&error))?;
    let same = prior.publication_id == plan.publication_id;
    let recorded = prior.publication_oid.known().copied().filter(|_| same);
    let status = status::of(found.as_ref(), same, behind.as_ref(), recorded);
    if let Some(refusal) = status::refusal(status, &name, Some(&publication), found.as_ref()) {
        return Err(refusal.into());
    }
    let Some(behind) = behind else { return Err(no_publication(&publication, &name).into()) };
    if !same && !prior.publication_id.is_null() {
        let proved = connection
            .read(async |it| slot::is_publication_proved_older(&it, behind.oid, &name).await)
            .await
            .map_err(|error| fail(&error))?;
        if !proved {
            return Err(not_proved(&publication, &name).into());
        }
    }
    drop(connection);
    if prior.publication_id.is_null() {
        said_unknown_order(cx, &place, &name, &behind).await;
    }
    Ok(filled(plan, &publication, &name, behind.oid))
}

pub(super) async fn delete(cx: &Context, state: Model) -> Result<(), Diagnostics> {
    let name = state.name()?;
    let location = state.location()?;
    let what = format!("slot `{name}`");
    let doing = format!("delete {what}");
    let place = place(cx, &location, &doing).await?;
    if session(cx).natural_keys().holds(&key(&place, &name)) {
        cx.warn(Diagnostic::warning(
            format!("Slot `{name}` was kept"),
            "Another resource of this run has made it under the same name (`create_before_destroy`): both mean one slot. The old \
             one was dropped from the state only.",
        ));
        return Ok(());
    }
    let mut connection = match remover(cx, &place, &state.connect_as, &doing, Company::Apart).await {
        Ok(connection) => connection,
        Err(error) => return removed_with_its_container(cx, &what, &location.project, &error).await,
    };
    let found = connection.read(async |it| slot::read(&it, &name).await).await;
    match found.map_err(|error| explain::postgres(&doing, &error))? {
        None => return Ok(()),
        Some(found) if !found.is(&place.database, PLUGIN) => {
            let other = status::not_ours(&found, &place);
            cx.warn(Diagnostic::warning(other.summary, format!("{} It was left alone.", other.detail)));
            return Ok(());
        }
        Some(found) if state.deletion_protection.is_true() && !found.is_lost() => {
            return Err(plan::is_protected(&state, true).into());
        }
        Some(_) => {}
    }
    let terminate = state.terminate_consumer.is_true();
    let dropped = budget(cx)
        .run(slot_creation::drop(&mut connection, &name, Identified { plugin: PLUGIN, database: None }, terminate))
        .await;
    session(cx).wrote(&place);
    match dropped {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(busy)) => Err(in_use(&name, &doing, &busy, terminate).into()),
        Err(_) => {
            let detail = "The run was interrupted, or the time was over, while a consumer still used the slot. Nothing was changed.";
            Err(Diagnostic::error(format!("Cannot {doing}"), detail).into())
        }
    }
}

// --- Messages

fn exists(found: &Slot, place: &Place) -> Diagnostic {
    let name = &found.name;
    let how = if found.is(&place.database, PLUGIN) {
        format!("To manage it from here, import it by the id `{}/<publication>`.", id(place, name))
    } else {
        status::not_ours(found, place).detail
    };
    let detail = format!(
        "There is a slot of this name on branch `{}`; names are unique in the whole branch. Nothing was changed.\n\n{how}\n\nIf this \
         resource replaces one of the same name with `create_before_destroy`, the old slot is still there: give the new one another \
         name. If nobody uses the slot any more, drop it.",
        place.branch
    );
    Diagnostic::error(format!("Slot `{name}` already exists"), detail).at(path!(name))
}

fn no_publication(publication: &Reference, name: &SlotName) -> Diagnostic {
    let detail = format!(
        "There is no publication `{}` in {}. It must exist before slot `{name}`: else the slot is stuck for ever up to Postgres 17, and on \
         18 changes are lost without an error. Nothing was changed.\n\nReference the publication, `publication_id = \
         neonrep_publication.x.id`, so that it is made first.",
        publication.publication, publication.place
    );
    Diagnostic::error(format!("Publication `{}` does not exist", publication.publication), detail)
        .at(path!(publication_id))
}

fn changed_meanwhile(publication: &Reference, name: &SlotName, dropped: bool) -> Diagnostic {
    let left = if dropped {
        "The new slot was dropped again."
    } else {
        "The new slot could not be dropped: it is in the state, tainted, and the next apply replaces it."
    };
    let detail = format!(
        "While slot `{name}` was made, somebody dropped or replaced publication `{}`, so that the slot is older than it. {left}\n\n\
         Apply again.",
        publication.publication
    );
    Diagnostic::error(format!("Publication `{}` changed meanwhile", publication.publication), detail)
        .at(path!(publication_id))
}

fn not_proved(publication: &Reference, name: &SlotName) -> Diagnostic {
    let detail = format!(
        "Nothing proves that publication `{}` is older than slot `{name}`. If it is not, the slot is stuck for ever up to Postgres 17, and \
         on 18 changes are lost without an error. Nothing was changed.\n\nReplace the slot, whose consumer then syncs anew: `terraform \
         apply -replace=…` with its address.",
        publication.publication
    );
    Diagnostic::error(format!("Slot `{name}` may be older than its new publication"), detail).at(path!(publication_id))
}

async fn not_made(
    cx: &Context,
    connection: &mut postgres::Session,
    name: &SlotName,
    place: &Place,
    doing: &str,
    failure: &Failure,
) -> Diagnostic {
    let error = &failure.error;
    match error.kind() {
        Kind::AlreadyExists => {
            let found = connection.read(async |it| slot::read(&it, name).await).await.ok().flatten();
            if let Some(found) = found {
                return exists(&found, place);
            }
        }
        Kind::NoFreeSlot => {
            let slots = connection.read(async |it| slot::read_all(&it).await).await.unwrap_or_default();
            let idle: BTreeSet<SlotName> = slots.into_values().filter(|it| !it.active).map(|it| it.name).collect();
            let idle =
                if idle.is_empty() { String::new() } else { format!(" Without a consumer now: {}.", enumerate(idle)) };
            let detail =
                format!("{}.{idle}\n\nDrop one that nobody uses any more.", explain::sentence(error.message()));
            return Diagnostic::error("All replication slots of the branch are in use", detail).at(path!(name));
        }
        Kind::NotInState => {
            let detail = format!(
                "{}.\n\nEnable logical replication first: `neonrep_logical_replication`, whose `id` the publication takes as its \
                 `project_id`.",
                explain::sentence(error.message())
            );
            return Diagnostic::error("Logical replication is off", detail);
        }
        Kind::QueryCancelled | Kind::Timeout => return took_too_long(cx, name, failure),
        _ => {}
    }
    explain::postgres(doing, error)
}

fn took_too_long(cx: &Context, name: &SlotName, failure: &Failure) -> Diagnostic {
    let why = if cx.cancelled().is_cancelled() {
        "The run was interrupted".to_owned()
    } else {
        format!("The time for it, {} s, is over", cx.timeout().as_secs())
    };
    let left = if failure.found.is_some() {
        "The slot was made all the same. It is in the state, tainted: the next apply replaces it."
    } else {
        "No slot was made, and none will appear later."
    };
    let blockers: Vec<String> = failure.blockers.iter().map(|it| format!("- {it}")).collect();
    let blockers = if blockers.is_empty() {
        String::new()
    } else {
        format!(
            "\n\nA new slot waits for every transaction that has written and is still open, in whatever database:\n{}\n\nEnd them, or \
             raise `timeouts`.",
            blockers.join("\n")
        )
    };
    Diagnostic::error(format!("Cannot create slot `{name}`"), format!("{why}. {left}{blockers}"))
}

fn in_use(name: &SlotName, doing: &str, busy: &Busy, terminate: bool) -> Diagnostic {
    let consumer = busy.consumer.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
    match busy.error.kind() {
        Kind::ObjectInUse | Kind::Timeout if !terminate => {
            let detail = format!(
                "It is used by {consumer}. The provider waited for it to leave until the time was over. Nothing was changed.\n\n\
                 Stop the consumer, or apply `terminate_consumer = true` before the destroy: the provider then ends its connection."
            );
            Diagnostic::error(format!("Slot `{name}` is in use"), detail)
        }
        Kind::ObjectInUse | Kind::Timeout => {
            let detail = format!(
                "It is used by {consumer}. The provider ended its connection again and again until the time was over, and it came \
                 back. Nothing was changed.\n\nStop the consumer."
            );
            Diagnostic::error(format!("Slot `{name}` is in use"), detail)
        }
        Kind::InsufficientPrivilege => {
            let detail = format!(
                "It is used by {consumer}, and the connecting role may not end that: {}. Nothing was changed.\n\nOnly that role, its \
                 members and members of `pg_signal_backend` may. Stop the consumer, or name such a role in `connect_as`.",
                busy.error.message()
            );
            Diagnostic::error(format!("Slot `{name}` is in use"), detail)
        }
        _ => explain::postgres(doing, &busy.error),
    }
}
