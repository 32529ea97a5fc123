//! neonrep.

pub mod framework;
pub mod neon;
pub mod secret;
