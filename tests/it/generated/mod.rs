//! Committed artefacts that are made from something else are up to date. `UPDATE=1` rewrites them.

use tfplugin::{Provider, Schema};

use neonrep::Neonrep;

mod consumer_arguments;
mod consumers;
mod docs;
mod examples;
mod module_facts;
mod module_tests;
mod proto;
mod schema;

/// A type's name and its schema.
pub(crate) type Named = (&'static str, Schema);

/// All resources, by name.
pub(crate) fn resources() -> Vec<Named> {
    let mut found: Vec<Named> = Neonrep::resources().iter().map(|it| (it.type_name(), it.schema().clone())).collect();
    found.sort_by_key(|(name, _)| *name);
    found
}

/// All data sources, by name.
pub(crate) fn data_sources() -> Vec<Named> {
    let mut found: Vec<Named> =
        Neonrep::data_sources().iter().map(|it| (it.type_name(), it.schema().clone())).collect();
    found.sort_by_key(|(name, _)| *name);
    found
}

/// All ephemeral resources, by name.
pub(crate) fn ephemeral_resources() -> Vec<Named> {
    let mut found: Vec<Named> =
        Neonrep::ephemeral_resources().iter().map(|it| (it.type_name(), it.schema().clone())).collect();
    found.sort_by_key(|(name, _)| *name);
    found
}
