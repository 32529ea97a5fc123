//! What handlers of resources and data sources share: the way into a database, transactions, attributes, messages.
//!
//! A handler begins with a [`Call`], which knows what is being attempted, and asks it for a [`Db`]: reads answer `None`
//! when the object or its container is gone, and [`transaction`] settles a lost COMMIT and rolls a refusal back.

pub(crate) mod attributes;
mod call;
pub(crate) mod connection;
mod context;
mod db;
pub(crate) mod explain;
mod instances;
pub(crate) mod ownership;
mod remedies;
mod renamed;
mod transaction;
mod unseen;
pub(crate) mod words;

pub(crate) use attributes::Located;
pub(crate) use call::{Call, import, import_as, nulls};
pub(crate) use context::Context;
pub use context::Data;
pub(crate) use db::{Db, removed_with_its_container};
pub(crate) use instances::{KEPT_FOR_ANOTHER, object_stays, two_addresses};
pub(crate) use transaction::{Attempt, Stop};
