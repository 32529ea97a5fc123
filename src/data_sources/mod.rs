//! The data sources, one line each.

mod connection;

use crate::context::Data;
use crate::framework::erased::{ErasedDataSource, data_source};

/// All data sources.
pub fn all() -> Vec<Box<dyn ErasedDataSource<Data>>> {
    vec![data_source(connection::Connection)]
}
