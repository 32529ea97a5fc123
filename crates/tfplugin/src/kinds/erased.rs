//! The object-safe twins of the author's traits, and how a provider's lists are made of them:
//! `vec![erased::resource(Publication), erased::resource(Slot)]`.

pub use super::action::erased::{ErasedAction, action};
pub use super::data_source::erased::{ErasedDataSource, data_source};
pub use super::ephemeral::erased::{ErasedEphemeralResource, ephemeral_resource};
pub use super::function::erased::{ErasedFunction, function};
pub use super::list::erased::{ErasedList, list};
pub use super::resource::erased::{ErasedResource, resource};
