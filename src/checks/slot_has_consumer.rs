//! A slot that this run drops has no consumer: dropping it would wait, while the run has dropped other things already.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::SlotName;
use crate::postgres::slot::Consumer;

pub(crate) const CHECK: Check = Check {
    id: "slot_has_consumer",
    level: Level::Warning,
    rule: "A slot that is destroyed or replaced has no connected consumer.",
};

/// Checks the consumer of a slot that is dropped. `terminate`: the provider disconnects it.
pub(crate) fn check(
    consumer: Option<&Consumer>,
    slot: &SlotName,
    terminate: bool,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let consumer = consumer?;
    let next = if terminate {
        "`terminate_consumer` is set, so the provider disconnects it."
    } else {
        "The apply waits for it to disconnect, and fails when the timeout expires. What Terraform drops before the slot is gone \
         by then, such as the role of the consumer, unless the slot depends on it.\n\nStop the consumer first, or set \
         `terminate_consumer = true` and apply."
    };
    let detail = format!("Slot `{slot}` is used by {consumer}. {next}");
    Some(CHECK.warning(format!("Slot `{slot}` is in use"), detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connected_consumer_is_told() {
        let slot = SlotName::parse("s").unwrap();
        let said = |consumer: Option<&Consumer>, terminate| check(consumer, &slot, terminate, &AttributePath::root());
        assert_eq!(said(None, false), None);
        let consumer = Consumer { pid: 7, user: Some("reader".into()), application: Some("sync".into()), client: None };
        let waits = said(Some(&consumer), false).unwrap().detail;
        assert!(waits.contains("process 7 of role `reader`") && waits.contains("terminate_consumer = true"), "{waits}");
        assert!(said(Some(&consumer), true).unwrap().detail.contains("disconnects it"));
    }
}
