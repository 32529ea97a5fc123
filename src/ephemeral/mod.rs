//! The ephemeral resources, one line each.

mod connection;
mod role_password;

use tfplugin::ErasedEphemeralResource;
use tfplugin::kinds::erased::ephemeral_resource;

use crate::handler::Data;

/// All ephemeral resources.
pub(crate) fn all() -> Vec<Box<dyn ErasedEphemeralResource<Data>>> {
    vec![ephemeral_resource(connection::Connection), ephemeral_resource(role_password::RolePassword)]
}
