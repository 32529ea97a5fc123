//! The program that Terraform and OpenTofu start.

use std::process::ExitCode;
use std::sync::Arc;

use neonrep::framework::diagnostic::{Diagnostic, Diagnostics};
use neonrep::framework::schema::Schema;
use neonrep::framework::server::{
    ApplyRequest, ClientCapabilities, Encoded, ImportResponse, Metadata, PlanRequest, PlanResponse, PluginServer,
    ProviderSchema, ReadRequest, StateResponse, UpgradeRequest,
};
use neonrep::protocol::{self, About};

const ABOUT: About = About {
    name: "neonrep",
    version: env!("CARGO_PKG_VERSION"),
    purpose: "Prepares a Neon (Postgres) project as a source of logical replication.",
    addresses: &["registry.terraform.io/neonrep/neonrep", "registry.opentofu.org/neonrep/neonrep"],
};

fn main() -> ExitCode {
    protocol::serve(&ABOUT, || Arc::new(Nothing))
}

/// Stands where the provider will be.
struct Nothing;

fn unknown(type_name: &str) -> Diagnostics {
    Diagnostic::error("Unknown type", format!("This provider has no `{type_name}`.")).into()
}

#[tonic::async_trait]
impl PluginServer for Nothing {
    fn address(&self) -> &'static str {
        ABOUT.addresses[0]
    }

    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    fn provider_schema(&self) -> ProviderSchema {
        ProviderSchema { provider: Schema::new(""), resources: vec![], data_sources: vec![] }
    }

    async fn validate_provider_config(&self, _config: Encoded) -> Diagnostics {
        Diagnostics::none()
    }

    async fn validate_resource_config(&self, type_name: String, _: Encoded, _: ClientCapabilities) -> Diagnostics {
        unknown(&type_name)
    }

    async fn validate_data_source_config(&self, type_name: String, _: Encoded) -> Diagnostics {
        unknown(&type_name)
    }

    async fn configure_provider(&self, _: Encoded, _: String) -> Diagnostics {
        Diagnostics::none()
    }

    async fn upgrade_resource_state(&self, request: UpgradeRequest) -> StateResponse {
        StateResponse { diagnostics: unknown(&request.type_name), ..StateResponse::default() }
    }

    async fn read_resource(&self, request: ReadRequest) -> StateResponse {
        StateResponse { diagnostics: unknown(&request.type_name), ..StateResponse::default() }
    }

    async fn plan_resource_change(&self, request: PlanRequest) -> PlanResponse {
        PlanResponse { diagnostics: unknown(&request.type_name), ..PlanResponse::default() }
    }

    async fn apply_resource_change(&self, request: ApplyRequest) -> StateResponse {
        StateResponse { diagnostics: unknown(&request.type_name), ..StateResponse::default() }
    }

    async fn import_resource_state(&self, type_name: String, _: String) -> ImportResponse {
        ImportResponse { diagnostics: unknown(&type_name), ..ImportResponse::default() }
    }

    async fn read_data_source(&self, type_name: String, _: Encoded) -> StateResponse {
        StateResponse { diagnostics: unknown(&type_name), ..StateResponse::default() }
    }

    fn stop(&self) {}
}
