//! neonrep.

pub mod framework;
pub mod neon;
pub mod postgres;
pub mod protocol;
pub mod secret;
