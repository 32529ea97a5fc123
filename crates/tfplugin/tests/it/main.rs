//! The wire and the real CLI, with a toy provider: what no test of values can see.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their environment and are clients of the servers they watch"
)]

mod cli;
mod plugin;
mod wire;
