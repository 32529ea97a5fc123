//! The resources, one line each.

mod grant;
mod publication;
mod replica_identity;

use tfplugin::ErasedResource;
use tfplugin::kinds::erased::resource;

use crate::handler::Data;

/// All resources, in the order in which a guide uses them.
pub(crate) fn all() -> Vec<Box<dyn ErasedResource<Data>>> {
    vec![resource(grant::Grant), resource(replica_identity::ReplicaIdentity), resource(publication::Publication)]
}
