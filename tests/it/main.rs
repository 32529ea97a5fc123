//! All tests that need more than values, in one binary: the wire, catalogs of real servers, the real CLI, the generated
//! files, the architecture.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their environment and are clients of the servers they watch"
)]

mod acceptance;
mod architecture;
mod contract;
mod faults;
mod generated;
mod provider;
mod publication_order;
mod support;
mod wire;
