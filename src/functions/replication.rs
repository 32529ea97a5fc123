//! The parameters that name the slot and the publication of a consumer.

use tfplugin::{Parameter, Type};

/// `slot_name`
pub(super) fn slot_name() -> Parameter {
    Parameter::new("slot_name", Type::String, "Name of the slot, such as `neonrep_slot.<name>.slot_name`.")
}

/// `publication_name`
pub(super) fn publication_name() -> Parameter {
    Parameter::new(
        "publication_name",
        Type::String,
        "Name of the publication, such as `neonrep_slot.<name>.publication_name`.",
    )
}
