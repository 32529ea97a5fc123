//! The data sources, one line each.

mod connection;
mod readiness;

use tfplugin::ErasedDataSource;
use tfplugin::kinds::erased::data_source;

use crate::handler::Data;

/// All data sources.
pub(crate) fn all() -> Vec<Box<dyn ErasedDataSource<Data>>> {
    vec![data_source(connection::Connection), data_source(readiness::Readiness)]
}
