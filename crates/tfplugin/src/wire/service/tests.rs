//! A panic in a handler: what Terraform is told of each call.

use super::*;
use crate::context::Progress;
use crate::diagnostic::Diagnostics;
use crate::kinds::function::Signature;
use crate::schema::Schema;
use crate::server::{
    ApplyRequest, ClientCapabilities, Encoded, FunctionRefusal, ImportRequest, ImportResponse, ListRequest,
    ListedObject, Metadata, MoveRequest, OpenResponse, PlanRequest, PlanResponse, ProviderSchema, ReadRequest,
    RenewResponse, StateResponse, UpgradeRequest,
};
use crate::wire::generated::tfplugin6::{
    apply_resource_change, call_function, get_metadata, get_provider_schema, plan_resource_change, read_resource,
    stop_provider,
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
            ephemeral_resources: vec![],
            actions: vec![],
            lists: vec![],
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

    async fn import_resource_state(&self, _: ImportRequest) -> ImportResponse {
        panic!("import")
    }

    async fn upgrade_resource_identity(&self, _: String, _: i64, _: Vec<u8>) -> Result<Encoded, Diagnostics> {
        panic!("upgrade identity")
    }

    async fn validate_ephemeral_config(&self, _: String, _: Encoded) -> Diagnostics {
        panic!("validate ephemeral")
    }

    async fn open_ephemeral(&self, _: String, _: Encoded) -> OpenResponse {
        panic!("open")
    }

    async fn renew_ephemeral(&self, _: String, _: Vec<u8>) -> RenewResponse {
        panic!("renew")
    }

    async fn close_ephemeral(&self, _: String, _: Vec<u8>) -> Diagnostics {
        panic!("close")
    }

    async fn validate_action_config(&self, _: String, _: Encoded) -> Diagnostics {
        panic!("validate action")
    }

    async fn plan_action(&self, _: String, _: Encoded) -> Diagnostics {
        panic!("plan action")
    }

    async fn invoke_action(&self, _: String, _: Encoded, _: Arc<Progress>) -> Diagnostics {
        panic!("invoke")
    }

    async fn validate_list_config(&self, _: String, _: Encoded) -> Diagnostics {
        panic!("validate list")
    }

    async fn list_resource(&self, _: ListRequest) -> (Vec<ListedObject>, Diagnostics) {
        panic!("list")
    }

    fn functions(&self) -> Vec<(String, Signature)> {
        Vec::new()
    }

    async fn call_function(&self, _: String, _: Vec<Encoded>) -> Result<Encoded, FunctionRefusal> {
        panic!("call")
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
    let answer = service().read_resource(request).await.unwrap();
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
    let answer = service.apply_resource_change(request).await.unwrap();
    assert!(says(&answer.diagnostics, "apply"), "{:?}", answer.diagnostics);
    assert_eq!((answer.new_state, answer.private), (Some(state()), b"p".to_vec()));
    service.under_way().ended().await;
}

#[tokio::test]
async fn a_panic_in_a_call_without_state_is_a_diagnostic() {
    let service = service();
    let answer = service.get_metadata(get_metadata::Request {}).await.unwrap();
    assert!(says(&answer.diagnostics, "metadata"));
    let answer = service.plan_resource_change(plan_resource_change::Request::default()).await.unwrap();
    assert!(says(&answer.diagnostics, "plan") && answer.planned_state.is_none());
    let answer = service.stop_provider(stop_provider::Request {}).await.unwrap();
    assert_eq!(answer.error, "");
    let answer = service.get_provider_schema(get_provider_schema::Request {}).await.unwrap();
    assert_eq!(answer.resource_schemas["a"].block.as_ref().map(|it| it.description.as_str()), Some("A."));
    let answer = service.call_function(call_function::Request::default()).await.unwrap();
    assert!(answer.error.is_some_and(|it| it.text.contains("call")) && answer.result.is_none());
}
