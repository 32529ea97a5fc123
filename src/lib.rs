//! neonrep.
