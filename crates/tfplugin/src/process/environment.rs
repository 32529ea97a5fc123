//! What the parent asks of the process: it is in the environment.

use std::ffi::OsString;

#[expect(
    clippy::disallowed_methods,
    reason = "the rim of the process: what the parent asks of a plugin is in its environment"
)]
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
