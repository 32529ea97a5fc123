//! What a plan comes to, by values alone: what is known of the publication's id is known of the slot, and what costs the
//! consumer its place is replaced only with consent.

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::messages;
use super::model::{Model, Status};
use crate::target::Database;

pub(super) fn modify(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
    // Values that were unknown when the configuration was validated may be known now.
    if let Some(config) = &plan.config {
        let misplaced = messages::misplaced(config);
        if misplaced.has_errors() {
            return Err(misplaced);
        }
    }
    if let Some(planned) = &mut plan.planned {
        planned.slot_name = planned.name.clone();
        planned.invalidation_reason = Attr::Null;
        match &plan.prior {
            None => create(planned, plan.config.as_ref()),
            Some(prior) => {
                if update(prior, planned)? {
                    plan.requires_replace.push(path!(publication_id));
                }
                if prior.status() != Status::Ok && planned.allow_recreate.is_true() {
                    plan.requires_replace.push(path!(status));
                }
            }
        }
    }
    let removes = plan.planned.is_none() || !plan.requires_replace.is_empty();
    let protected = |it: &&Model| removes && it.deletion_protection.is_true() && !it.status().is_over();
    match plan.prior.as_ref().filter(protected) {
        Some(prior) => Err(messages::is_protected(prior, plan.planned.is_none()).into()),
        None => Ok(()),
    }
}

/// The database and the name of a known publication are known of the slot.
fn create(planned: &mut Model, config: Option<&Model>) {
    match &planned.publication_id {
        Attr::Known(publication) => {
            planned.project_id = publication.database.server.project_id().cloned().into();
            planned.branch_id = publication.database.server.branch_id().cloned().into();
            planned.database = publication.database.name.clone().into();
            planned.publication_name = publication.name.clone().into();
        }
        Attr::Null => {
            planned.publication_name = Attr::Null;
            planned.publication_oid = Attr::Null;
            // Nobody else says it.
            if config.is_some_and(|it| it.project_id.is_null()) {
                planned.project_id = Attr::Null;
            }
        }
        Attr::Unknown => {}
    }
}

/// Whether the slot must be replaced because of its publication.
fn update(prior: &Model, planned: &mut Model) -> Result<bool, Diagnostics> {
    match &planned.publication_id {
        Attr::Known(publication) => {
            planned.publication_name = publication.name.clone().into();
            if planned.publication_id == prior.publication_id {
                return Ok(false);
            }
            planned.publication_oid = Attr::Unknown;
            if is_at(prior, &publication.database) {
                return Ok(false);
            }
            if prior.publication_id.is_null() && prior.plugin == planned.plugin {
                return Err(messages::other_database(prior, publication).into());
            }
            Ok(true)
        }
        Attr::Null => {
            planned.publication_name = Attr::Null;
            planned.publication_oid = Attr::Null;
            Ok(false)
        }
        // This run creates it. The slot stays where it is; whether the new one is there too shows only then.
        Attr::Unknown => {
            planned.publication_name = Attr::Unknown;
            planned.publication_oid = Attr::Unknown;
            Ok(planned.allow_recreate.is_true())
        }
    }
}

/// Whether a slot in the state belongs to that database.
fn is_at(prior: &Model, database: &Database) -> bool {
    prior.project_id.known() == database.server.project_id()
        && prior.branch_id.known() == database.server.branch_id()
        && prior.database.known() == Some(&database.name)
}
