//! The resources, one line each; and where they are.

pub mod location;

use crate::context::Data;
use crate::framework::erased::ErasedResource;

/// All resources, in the order in which a guide uses them.
pub fn all() -> Vec<Box<dyn ErasedResource<Data>>> {
    vec![]
}
