//! The process around a provider: how Terraform and OpenTofu start it, trust it, talk to it and end it.
//!
//! [`handshake`] reads what the parent asks and writes the one line it waits for; [`listener`] and [`tls`] let this
//! parent in, at an [`address`], and nobody else; [`plugin_services`] are go-plugin's own calls, [`provider_service`]
//! is Terraform's, each call run by [`rpc`] and [`translate`]d to the framework; [`logging`] writes the lines that
//! Terraform reads on stderr.
//! The contract is plugin protocol 6.11 over go-plugin's core protocol 1, as `proto/` has it.

mod about;
mod address;
mod arguments;
mod environment;
mod handshake;
mod listener;
mod logging;
mod plugin_services;
mod serving;
mod tls;
#[cfg(unix)]
mod unix_socket;

pub use about::About;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::server::PluginServer;
use handshake::Ask;

/// The whole life of the process: answers `--version` and the like, or serves the provider that `make` makes until the
/// parent ends it. `make` is called only where there is something to serve.
pub fn serve(about: &About, make: impl FnOnce() -> Arc<dyn PluginServer>) -> ExitCode {
    match handshake::ask(about, std::env::args_os().skip(1), environment::variable) {
        Ask::Tell(text) => {
            // Nobody is left to tell if stdout is closed.
            drop(writeln!(io::stdout(), "{text}"));
            ExitCode::SUCCESS
        }
        Ask::Refuse(text) => fail(&text),
        Ask::Serve(launch) => finish(serving::for_parent(about, &launch, make)),
        Ask::Debug(place) => finish(serving::for_debugger(about, &place, make)),
    }
}

fn finish(outcome: Result<(), serving::Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(text: &str) -> ExitCode {
    drop(writeln!(io::stderr(), "{text}"));
    ExitCode::FAILURE
}
