//! The data sources, one line each.

mod catalog;
mod connection;
mod publication;
mod publications;
mod readiness;
mod roles;
mod slot;
mod slots;
mod tables;

use tfplugin::ErasedDataSource;
use tfplugin::kinds::erased::data_source;

use crate::handler::Data;

/// All data sources.
pub(crate) fn all() -> Vec<Box<dyn ErasedDataSource<Data>>> {
    vec![
        data_source(connection::Connection),
        data_source(publication::Publication),
        data_source(publications::Publications),
        data_source(readiness::Readiness),
        data_source(roles::Roles),
        data_source(slot::Slot),
        data_source(slots::Slots),
        data_source(tables::Tables),
    ]
}
