//! Committed artefacts that are made from something else are up to date. `UPDATE=1` rewrites them.

mod proto;
