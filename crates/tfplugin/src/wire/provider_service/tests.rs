//! A panic in a handler: what Terraform is told of each call.

use super::*;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::server::{
    ClientCapabilities, Encoded, ImportResponse, Metadata, MoveRequest, PlanResponse, ProviderSchema, StateResponse,
};

/// A provider whose every handler has a mistake.
struct Panics;

#[async_trait]
impl PluginServer for Panics {
    fn address(&self) -> &'static str {
        "registry.terraform.io/acme/sample"
    }

    fn metadata(&self) -> Metadata {
        panic!("metadata")
    }

    fn provider_schema(&self) -> ProviderSchema {
        ProviderSchema {
            provider: Schema::new(""),
            resources: vec![("a".into(), Schema::new("A."))],
            data_sources: vec![],
        }
    }

    async fn validate_provider_config(&self, _: Encoded) -> Diagnostics {
        panic!("validate provider")
    }

    async fn validate_resource_config(&self, _: String, _: Encoded, _: ClientCapabilities) -> Diagnostics {
        panic!("validate resource")
    }

    async fn validate_data_source_config(&self, _: String, _: Encoded) -> Diagnostics {
        panic!("validate data source")
    }

    async fn configure_provider(&self, _: Encoded, _: String) -> Diagnostics {
        panic!("configure")
    }

    async fn upgrade_resource_state(&self, _: UpgradeRequest) -> StateResponse {
        panic!("upgrade")
    }

    async fn read_resource(&self, _: ReadRequest) -> StateResponse {
        panic!("read")
    }

    async fn plan_resource_change(&self, _: PlanRequest) -> PlanResponse {
        panic!("plan")
    }

    async fn apply_resource_change(&self, _: ApplyRequest) -> StateResponse {
        panic!("apply")
    }

    async fn import_resource_state(&self, _: String, _: String) -> ImportResponse {
        panic!("import")
    }

    async fn move_resource_state(&self, _: MoveRequest) -> StateResponse {
        panic!("move")
    }

    async fn read_data_source(&self, _: String, _: Encoded) -> StateResponse {
        panic!("read data source")
    }

    fn stop(&self) {
        panic!("stop")
    }
}

fn service() -> ProviderService {
    ProviderService::new(Arc::new(Panics))
}

fn state() -> proto::DynamicValue {
    proto::DynamicValue { msgpack: vec![0x80], json: Vec::new() }
}

fn says(diagnostics: &[proto::Diagnostic], what: &str) -> bool {
    matches!(diagnostics, [one] if one.severity == 1 && one.detail.contains(what))
}

#[tokio::test]
async fn a_panic_in_read_tells_terraform_what_it_knows() {
    let request = read_resource::Request {
        current_state: Some(state()),
        private: b"p".into(),
        ..read_resource::Request::default()
    };
    let answer = service().read_resource(Request::new(request)).await.unwrap().into_inner();
    assert!(says(&answer.diagnostics, "read"), "{:?}", answer.diagnostics);
    assert_eq!((answer.new_state, answer.private), (Some(state()), b"p".to_vec()));
}

#[tokio::test]
async fn a_panic_in_apply_keeps_the_prior_state() {
    let request = apply_resource_change::Request {
        prior_state: Some(state()),
        planned_private: b"p".into(),
        ..apply_resource_change::Request::default()
    };
    let service = service();
    let answer = service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
    assert!(says(&answer.diagnostics, "apply"), "{:?}", answer.diagnostics);
    assert_eq!((answer.new_state, answer.private), (Some(state()), b"p".to_vec()));
    service.under_way().ended().await;
}

#[tokio::test]
async fn a_panic_in_a_call_without_state_is_a_diagnostic() {
    let service = service();
    let answer = service.get_metadata(Request::new(get_metadata::Request {})).await.unwrap().into_inner();
    assert!(says(&answer.diagnostics, "metadata"));
    let answer = service
        .plan_resource_change(Request::new(plan_resource_change::Request::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(says(&answer.diagnostics, "plan") && answer.planned_state.is_none());
    let answer = service.stop_provider(Request::new(stop_provider::Request {})).await.unwrap().into_inner();
    assert_eq!(answer.error, "");
    let answer = service.get_provider_schema(Request::new(get_provider_schema::Request {})).await.unwrap().into_inner();
    assert_eq!(answer.resource_schemas["a"].block.as_ref().map(|it| it.description.as_str()), Some("A."));
}
