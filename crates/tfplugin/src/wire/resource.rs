//! Calls about managed resources.

use std::sync::Arc;

use tonic::Status;

use super::service::ProviderService;
use crate::diagnostic::Diagnostics;
use crate::server::{ApplyRequest, ImportRequest, MoveRequest, PlanRequest, ReadRequest, UpgradeRequest};
use crate::wire::generated::tfplugin6::{
    apply_resource_change, get_resource_identity_schemas, import_resource_state, move_resource_state,
    plan_resource_change, read_resource, upgrade_resource_identity, upgrade_resource_state, validate_resource_config,
};
use crate::wire::rpc::{self, Subject};
use crate::wire::translate::{self, capabilities, diagnostics, dynamic, encoded, identity_data, identity_encoded};

impl ProviderService {
    /// Terraform asks each time, also where no resource has an identity.
    pub(super) async fn get_resource_identity_schemas(
        &self,
        _: get_resource_identity_schemas::Request,
    ) -> Result<get_resource_identity_schemas::Response, Status> {
        let work = async {
            let all = self.provider.provider_schema().resources;
            let identities = all.iter().filter_map(|(name, it)| Some((name.clone(), translate::identity_schema(it)?)));
            get_resource_identity_schemas::Response {
                identity_schemas: identities.collect(),
                ..get_resource_identity_schemas::Response::default()
            }
        };
        self.answer("GetResourceIdentitySchemas", Subject::Provider, work).await
    }

    pub(super) async fn validate_resource_config(
        &self,
        request: validate_resource_config::Request,
    ) -> Result<validate_resource_config::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let offered = capabilities(request.client_capabilities);
            let found =
                self.provider.validate_resource_config(request.type_name, encoded(request.config), offered).await;
            validate_resource_config::Response { diagnostics: diagnostics(found) }
        };
        self.answer("ValidateResourceConfig", Subject::Resource(&name), work).await
    }

    pub(super) async fn upgrade_resource_state(
        &self,
        request: upgrade_resource_state::Request,
    ) -> Result<upgrade_resource_state::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let raw = request.raw_state.unwrap_or_default();
            let has_flatmap = !raw.flatmap.is_empty();
            let upgrade =
                UpgradeRequest { type_name: request.type_name, version: request.version, json: raw.json, has_flatmap };
            let answer = self.provider.upgrade_resource_state(upgrade).await;
            upgrade_resource_state::Response {
                upgraded_state: answer.state.map(dynamic),
                diagnostics: diagnostics(answer.diagnostics),
            }
        };
        self.answer("UpgradeResourceState", Subject::Resource(&name), work).await
    }

    pub(super) async fn upgrade_resource_identity(
        &self,
        request: upgrade_resource_identity::Request,
    ) -> Result<upgrade_resource_identity::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let json = request.raw_identity.unwrap_or_default().json;
            let upgraded = self.provider.upgrade_resource_identity(request.type_name, request.version, json).await;
            let (identity, problems) = match upgraded {
                Ok(identity) => (Some(identity_data(identity)), Diagnostics::none()),
                Err(problems) => (None, problems),
            };
            upgrade_resource_identity::Response { upgraded_identity: identity, diagnostics: diagnostics(problems) }
        };
        self.answer("UpgradeResourceIdentity", Subject::Resource(&name), work).await
    }

    pub(super) async fn read_resource(
        &self,
        request: read_resource::Request,
    ) -> Result<read_resource::Response, Status> {
        let name = request.type_name.clone();
        // After a panic Terraform is told what it knows already: a state left out says that the object is gone.
        let known = read_resource::Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            new_identity: request.current_identity.clone(),
            ..read_resource::Response::default()
        };
        let work = async {
            let read = ReadRequest {
                type_name: request.type_name,
                current_state: encoded(request.current_state),
                private: request.private,
                current_identity: request.current_identity.map(identity_encoded),
            };
            let answer = self.provider.read_resource(read).await;
            read_resource::Response {
                new_state: answer.state.map(dynamic),
                private: answer.private,
                diagnostics: diagnostics(answer.diagnostics),
                new_identity: answer.identity.map(identity_data),
                ..read_resource::Response::default()
            }
        };
        let span = self.span("ReadResource", Subject::Resource(&name));
        Ok(rpc::run(span, work, || known).await)
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: plan_resource_change::Request,
    ) -> Result<plan_resource_change::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            let plan = PlanRequest {
                type_name: request.type_name,
                prior_state: encoded(request.prior_state),
                proposed_new_state: encoded(request.proposed_new_state),
                config: encoded(request.config),
                prior_private: request.prior_private,
                capabilities: capabilities(request.client_capabilities),
            };
            let answer = self.provider.plan_resource_change(plan).await;
            plan_resource_change::Response {
                planned_state: answer.planned_state.map(dynamic),
                requires_replace: answer.requires_replace.iter().map(translate::path).collect(),
                planned_private: answer.planned_private,
                planned_identity: answer.planned_identity.map(identity_data),
                diagnostics: diagnostics(answer.diagnostics),
                ..plan_resource_change::Response::default()
            }
        };
        self.answer("PlanResourceChange", Subject::Resource(&name), work).await
    }

    pub(super) async fn apply_resource_change(
        &self,
        request: apply_resource_change::Request,
    ) -> Result<apply_resource_change::Response, Status> {
        let span = self.span("ApplyResourceChange", Subject::Resource(&request.type_name));
        let prior = apply_resource_change::Response {
            new_state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            ..apply_resource_change::Response::default()
        };
        let provider = Arc::clone(&self.provider);
        let work = async move {
            let apply = ApplyRequest {
                type_name: request.type_name,
                prior_state: encoded(request.prior_state),
                planned_state: encoded(request.planned_state),
                config: encoded(request.config),
                planned_private: request.planned_private,
            };
            let answer = provider.apply_resource_change(apply).await;
            apply_resource_change::Response {
                new_state: answer.state.map(dynamic),
                private: answer.private,
                new_identity: answer.identity.map(identity_data),
                diagnostics: diagnostics(answer.diagnostics),
                ..apply_resource_change::Response::default()
            }
        };
        match rpc::run_to_the_end(span, &self.under_way, work, || prior).await {
            Some(answer) => Ok(answer),
            None => Err(Status::cancelled("the provider is ending")),
        }
    }

    pub(super) async fn import_resource_state(
        &self,
        request: import_resource_state::Request,
    ) -> Result<import_resource_state::Response, Status> {
        let name = request.type_name.clone();
        let work = async {
            // Terraform gives one of the two.
            let identity = request.identity.filter(|_| request.id.is_empty()).map(identity_encoded);
            let import = ImportRequest { type_name: request.type_name.clone(), id: request.id, identity };
            let answer = self.provider.import_resource_state(import).await;
            let imported = answer.state.map(|state| import_resource_state::ImportedResource {
                type_name: request.type_name,
                state: Some(dynamic(state)),
                private: answer.private,
                identity: answer.identity.map(identity_data),
            });
            import_resource_state::Response {
                imported_resources: imported.into_iter().collect(),
                diagnostics: diagnostics(answer.diagnostics),
                deferred: None,
            }
        };
        self.answer("ImportResourceState", Subject::Resource(&name), work).await
    }

    pub(super) async fn move_resource_state(
        &self,
        request: move_resource_state::Request,
    ) -> Result<move_resource_state::Response, Status> {
        let name = request.target_type_name.clone();
        let work = async {
            let raw = request.source_state.unwrap_or_default();
            let source = MoveRequest {
                provider_address: request.source_provider_address,
                type_name: request.source_type_name,
                schema_version: request.source_schema_version,
                has_flatmap: !raw.flatmap.is_empty(),
                json: raw.json,
                target: request.target_type_name,
            };
            let answer = self.provider.move_resource_state(source).await;
            move_resource_state::Response {
                target_state: answer.state.map(dynamic),
                target_private: answer.private,
                diagnostics: diagnostics(answer.diagnostics),
                ..move_resource_state::Response::default()
            }
        };
        self.answer("MoveResourceState", Subject::Resource(&name), work).await
    }
}
