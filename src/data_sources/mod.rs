//! The data sources, one line each.

use tfplugin::ErasedDataSource;

use crate::handler::Data;

/// All data sources.
pub(crate) fn all() -> Vec<Box<dyn ErasedDataSource<Data>>> {
    vec![]
}
