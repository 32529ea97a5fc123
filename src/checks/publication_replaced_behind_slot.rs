//! A publication that this run replaces leaves its slot older than it.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use super::publication_exists::SLOT_BEFORE_PUBLICATION;
use crate::postgres::{PublicationName, SlotName};

pub(crate) const CHECK: Check = Check {
    id: "publication_replaced_behind_slot",
    level: Level::ErrorOrWarning,
    rule: "A run does not replace the publication of an existing slot. An error while the old publication exists, a warning \
           when it is gone already.",
};

/// Checks a `publication_id` that becomes unknown behind an existing slot. `exists`: the publication of the prior id is
/// there, so it is this run that removes it.
pub(crate) fn check(exists: bool, publication: &PublicationName, slot: &SlotName, at: &AttributePath) -> Diagnostic {
    if exists {
        let detail = format!(
            "This run replaces publication `{publication}`, which slot `{slot}` was created after. {SLOT_BEFORE_PUBLICATION}\n\nKeep \
             the publication: most of its arguments change in place, a list of tables and all tables with `allow_replace`. To \
             replace the slot in the same run instead, set `allow_recreate = true` on the slot: its consumer then needs a new \
             initial sync. A plan cannot see `-replace` of the slot."
        );
        CHECK.error(format!("Publication `{publication}` is replaced behind slot `{slot}`"), detail, at.clone())
    } else {
        let detail = format!(
            "This run recreates publication `{publication}`, which slot `{slot}` was created after. {SLOT_BEFORE_PUBLICATION} The apply \
             keeps the slot as it is and fails.\n\nTo replace the slot, set `allow_recreate = true` on it, or apply with \
             `-replace` of the slot. Its consumer then needs a new initial sync."
        );
        CHECK.warning(format!("Publication `{publication}` of slot `{slot}` is gone"), detail, at.clone())
    }
}

/// The same with the user's consent: the slot is replaced along with its publication.
pub(crate) fn agreed(publication: &PublicationName, slot: &SlotName, at: &AttributePath) -> Diagnostic {
    let detail = format!(
        "Publication `{publication}` is recreated, and `allow_recreate` allows recreating slot `{slot}` too. Changes that its consumer \
         has not received are lost: it needs a new initial sync."
    );
    CHECK.warning(format!("Slot `{slot}` is replaced"), detail, at.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Severity;

    #[test]
    fn what_this_run_causes_is_refused_and_what_happened_before_is_told() {
        let publication = PublicationName::parse("p").unwrap();
        let slot = SlotName::parse("s").unwrap();
        let root = AttributePath::root();
        assert_eq!(check(true, &publication, &slot, &root).severity, Severity::Error);
        assert_eq!(check(false, &publication, &slot, &root).severity, Severity::Warning);
        assert_eq!(agreed(&publication, &slot, &root).severity, Severity::Warning);
    }
}
