//! One real Postgres server: its build, its files, its process, and the SQL that Neon's control plane runs on it.

pub(crate) mod admin;
pub(crate) mod archive;
pub(crate) mod cluster;
mod copy;
pub(crate) mod dump;
mod fork;
pub(crate) mod history;
pub(crate) mod passing;
pub(crate) mod process;
pub(crate) mod roles;
pub(crate) mod tls;
mod trusted;
pub(crate) mod user;
