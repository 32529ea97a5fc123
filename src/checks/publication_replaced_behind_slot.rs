//! A publication that this run replaces takes the slot's order with it.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::{PublicationName, SlotName};

/// The rule.
pub const CHECK: Check = Check {
    id: "publication_replaced_behind_slot",
    level: Level::ErrorOrWarning,
    rule: "A run does not replace the publication behind a slot that exists: the slot would be older than the new one. An \
           error while the old publication is still there, a warning when it is gone already.",
};

/// Judges a `publication_id` that becomes unknown behind an existing slot. `still_there`: the publication of the prior
/// id exists, so it is this run that removes it.
pub fn check(still_there: bool, publication: &PublicationName, slot: &SlotName, at: &AttributePath) -> Diagnostic {
    let consequence = format!(
        "Slot `{slot}` is older than a new publication: up to Postgres 17 it would be stuck for ever, on 18 changes would be lost \
         without an error."
    );
    if still_there {
        let detail = format!(
            "This run replaces publication `{publication}`, behind which slot `{slot}` exists. {consequence}\n\nKeep the \
             publication (most of its arguments change in place, a list and all tables with `allow_replace`); or agree that the \
             consumer syncs anew: `allow_recreate = true` on the slot replaces it in the same run. `-replace` of the slot alone is \
             not seen by a plan."
        );
        CHECK.error(format!("Publication `{publication}` is replaced behind slot `{slot}`"), detail, at.clone())
    } else {
        let detail = format!(
            "Publication `{publication}` is gone, and this run makes one anew. {consequence} The apply will refuse to go on with the \
             slot as it is.\n\nThe consumer must sync anew: set `allow_recreate = true` on the slot, or apply with `-replace` \
             of the slot."
        );
        CHECK.warning(format!("Publication `{publication}` behind slot `{slot}` is gone"), detail, at.clone())
    }
}

/// The same with the user's consent: the slot is replaced along with its publication.
pub fn agreed(publication: &PublicationName, slot: &SlotName, at: &AttributePath) -> Diagnostic {
    let detail = format!(
        "The publication `{publication}` is made anew, and `allow_recreate` agrees that slot `{slot}` is too. What its consumer has not \
         received is lost: it must sync anew."
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
