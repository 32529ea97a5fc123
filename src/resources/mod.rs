//! The resources, one line each.

mod allowed_ips;
mod grant;
mod logical_replication;
mod publication;
mod replica_identity;
mod role;
mod signal_table;
mod slot;
mod subscription;

use tfplugin::ErasedResource;
use tfplugin::kinds::erased::resource;

use crate::handler::Data;

/// All resources, in the order in which a guide uses them.
pub(crate) fn all() -> Vec<Box<dyn ErasedResource<Data>>> {
    vec![
        resource(logical_replication::LogicalReplication),
        resource(role::Role),
        resource(grant::Grant),
        resource(replica_identity::ReplicaIdentity),
        resource(signal_table::SignalTable),
        resource(publication::Publication),
        resource(slot::Slot),
        resource(subscription::Subscription),
        resource(allowed_ips::AllowedIps),
    ]
}
