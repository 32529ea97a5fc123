//! neonrep.

pub mod framework;
