//! What a plan comes to: what is known of the publication's id is known of the slot, and what costs the consumer its place
//! is replaced only with consent.

use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, path};

use super::Model;
use super::reference::Reference;
use super::status::Status;

pub(super) fn modify(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
    let prior = plan.prior.clone();
    if let Some(planned) = &mut plan.planned {
        planned.slot_name = planned.name.clone();
        planned.invalidation_reason = Attr::Null;
        let publication = planned.publication()?;
        match &prior {
            None => create(planned, publication.as_ref()),
            Some(prior) => {
                if update(prior, planned, publication.as_ref())? {
                    plan.requires_replace.push(path!(publication_id));
                }
                if prior.status() != Status::Ok && planned.allow_recreate.is_true() {
                    plan.requires_replace.push(path!(status));
                }
            }
        }
    }
    let removes = plan.planned.is_none() || !plan.requires_replace.is_empty();
    match prior.filter(|it| removes && it.deletion_protection.is_true() && !it.status().is_over()) {
        Some(protected) => Err(is_protected(&protected, plan.planned.is_none()).into()),
        None => Ok(()),
    }
}

/// The place and name of a known publication are the slot's; else all stays unknown.
fn create(planned: &mut Model, publication: Option<&Reference>) {
    let Some(publication) = publication else { return };
    planned.project_id = Attr::Known(publication.place.project.to_string());
    planned.branch_id = Attr::Known(publication.place.branch.to_string());
    planned.database = Attr::Known(publication.place.database.to_string());
    planned.publication_name = Attr::Known(publication.publication.to_string());
}

/// Whether the slot must be replaced for its publication's sake.
fn update(prior: &Model, planned: &mut Model, publication: Option<&Reference>) -> Result<bool, Diagnostics> {
    let Some(publication) = publication else {
        // Made by this run. The slot stays where it is; whether the new one is there too shows only then.
        planned.publication_name = Attr::Unknown;
        planned.publication_oid = Attr::Unknown;
        return Ok(planned.allow_recreate.is_true());
    };
    planned.publication_name = Attr::Known(publication.publication.to_string());
    if planned.publication_id == prior.publication_id {
        return Ok(false);
    }
    planned.publication_oid = Attr::Unknown;
    if publication.is_at(&prior.project_id, &prior.branch_id, &prior.database) {
        return Ok(false);
    }
    if prior.publication_id.is_null() {
        let detail = format!(
            "Slot `{}` is one of database `{}`, and `publication_id` names a publication of {}. A slot sends changes of its own \
             database only.",
            prior.name.known().map_or("", String::as_str),
            prior.database.known().map_or("", String::as_str),
            publication.place
        );
        return Err(Diagnostic::error("Publication of another database", detail).at(path!(publication_id)).into());
    }
    Ok(true)
}

pub(super) fn is_protected(state: &Model, is_destroy: bool) -> Diagnostic {
    let name = state.name.known().map_or("", String::as_str);
    let what = if is_destroy { "destroy" } else { "replace" };
    let detail = format!(
        "`deletion_protection` is set in the state: dropping the slot would cost its consumer all that it has not received.\n\n\
         If that is meant, set `deletion_protection = false`, apply that, and {what} it then."
    );
    Diagnostic::error(format!("Slot `{name}` is protected"), detail).at(path!(deletion_protection))
}
