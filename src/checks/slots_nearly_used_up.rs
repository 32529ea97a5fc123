//! A new slot needs a free place: Neon has ten, of which it uses one itself.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::slot::Capacity;

pub(crate) const CHECK: Check = Check {
    id: "slots_nearly_used_up",
    level: Level::Warning,
    rule: "After a new slot, at least one of the server's replication slots is still free.",
};

/// Checks how many slots are in use before a new one.
pub(crate) fn check(capacity: Capacity, at: &AttributePath) -> Option<Diagnostic> {
    let free = capacity.max.saturating_sub(capacity.used);
    let (summary, advice) = match free {
        0 => ("All replication slots are in use", "A new one can be created only if this run removes another."),
        1 => ("Replication slots are nearly used up", "The new one takes the last place."),
        _ => return None,
    };
    let detail = format!(
        "{} of {} replication slots of the server are in use, including physical ones. {advice}\n\nA slot that nobody reads also keeps \
         write-ahead log: `SELECT slot_name, database, active FROM pg_replication_slots` lists them.",
        capacity.used, capacity.max
    );
    Some(CHECK.warning(summary, detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_is_warned_of() {
        for (used, warned) in [(1, false), (8, false), (9, true), (10, true), (11, true)] {
            let found = check(Capacity { used, max: 10 }, &AttributePath::root());
            assert_eq!(found.is_some(), warned, "{used}");
        }
    }
}
