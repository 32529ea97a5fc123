//! The data sources, one line each.

use crate::context::Data;
use crate::framework::erased::ErasedDataSource;

/// All data sources.
pub fn all() -> Vec<Box<dyn ErasedDataSource<Data>>> {
    vec![]
}
