//! The resources, one line each; and where they are.

pub(crate) mod container;
pub mod location;
pub mod logical_replication;
pub mod role;
mod access;
mod publication;
mod replica_identity;

use crate::context::Data;
use crate::framework::erased::{ErasedResource, resource};

/// All resources, in the order in which a guide uses them.
pub fn all() -> Vec<Box<dyn ErasedResource<Data>>> {
    vec![
        resource(logical_replication::LogicalReplication),
        resource(role::Role),
        resource(replica_identity::ReplicaIdentity),
        resource(publication::Publication),
    ]
}
