//! What tests stand on: the stand-in, the real CLI, SQL of their own, consumers.
#![allow(dead_code, reason = "the demo shares these files and uses a part of them; some wait for their first story")]

pub(crate) mod cli;
pub(crate) mod consumer;
pub(crate) mod core;
pub(crate) mod core_rules;
pub(crate) mod debezium;
pub(crate) mod neon_cli;
pub(crate) mod npm;
pub(crate) mod outcome;
pub(crate) mod plugin_client;
pub(crate) mod relay;
pub(crate) mod road;
pub(crate) mod second_project;
pub(crate) mod secrets;
pub(crate) mod sql;
pub(crate) mod stand_in;
pub(crate) mod terraform;
pub(crate) mod versions;
pub(crate) mod walsender;

pub(crate) use versions::{on_every_logical_postgres, on_every_postgres};
