//! What one role holds in the scope of one grant, entry by entry, and the statements that change it.
//!
//! An entry of an ACL is a privilege, who gave it and whether it may be passed on. Only entries of the role itself count: not those of
//! PUBLIC, nor those that it has as a member of others. Objects are known by oid, so that a rename does not change what was granted.

mod change;
mod holding;
mod read;
mod right;

pub(crate) use change::{Difference, grant, lost_columns, revoke};
pub(crate) use holding::{Found, Scope};
#[cfg(test)]
pub(crate) use holding::{Grantee, Holding, TableHolding};
pub(crate) use read::read;
pub(crate) use right::{Key, Name, Object, Right, Rights, describe};
