//! The program that Terraform and OpenTofu start.

use std::process::ExitCode;
use std::sync::Arc;

use tfplugin::process::{self, About};
use tfplugin::server::FrameworkServer;

use neonrep::Neonrep;

const ABOUT: About = About {
    name: "neonrep",
    version: env!("CARGO_PKG_VERSION"),
    purpose: "Prepares a Neon (Postgres) project as a source of logical replication.",
    log_crates: &["neonrep"],
    addresses: &["registry.terraform.io/neonrep/neonrep", "registry.opentofu.org/neonrep/neonrep"],
};

fn main() -> ExitCode {
    process::serve(&ABOUT, || Arc::new(FrameworkServer::new(Neonrep)))
}
