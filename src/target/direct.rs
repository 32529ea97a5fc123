//! The way into a server that the provider's `sql` block names: host, port, user and password are given.

use std::collections::BTreeMap;

use super::error::Error;
use crate::postgres::RoleName;
use crate::secret::Secret;

/// What the `sql` block says.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: RoleName,
    /// `None`: the server asks for none, or the connection fails and says so.
    pub(crate) password: Option<Secret>,
    pub(crate) role_passwords: BTreeMap<String, Secret>,
}

impl Entrance {
    /// The password of a role: the block's own user, or an entry of `role_passwords`.
    pub(super) fn password(&self, role: &RoleName) -> Result<Option<Secret>, Error> {
        if let Some(password) = self.role_passwords.get(role.as_str()) {
            return Ok(Some(password.clone()));
        }
        if *role == self.user {
            return Ok(self.password.clone());
        }
        Err(Error::NoPassword {
            role: role.to_string(),
            why: "neither the `sql` block nor `role_passwords` has it".to_owned(),
        })
    }
}
