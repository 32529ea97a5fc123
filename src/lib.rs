//! neonrep.

pub mod checks;
pub mod context;
pub mod data_sources;
pub mod explain;
pub mod framework;
pub mod neon;
pub mod postgres;
pub mod protocol;
pub mod provider;
pub mod resources;
pub mod secret;
pub mod session;
