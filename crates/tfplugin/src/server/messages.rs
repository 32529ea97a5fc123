//! What the calls of the protocol are asked and what they answer.

use std::time::Duration;

use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::codec::Encoded;
use crate::value::path::AttributePath;

/// What Terraform offers. Fields of protocol 6.6 and newer; false when an older Terraform does not send them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientCapabilities {
    /// Whether a change may be deferred to a later run (protocol 6.6).
    pub deferral_allowed: bool,
    /// Whether write-only arguments may be set (protocol 6.8, Terraform 1.11).
    pub write_only_attributes_allowed: bool,
}

/// Names of what the provider has (protocol 6.4).
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Type names of managed resources.
    pub resources: Vec<String>,
    /// Type names of data sources.
    pub data_sources: Vec<String>,
    /// Type names of ephemeral resources (protocol 6.8).
    pub ephemeral_resources: Vec<String>,
    /// Type names of actions (protocol 6.10).
    pub actions: Vec<String>,
    /// Type names of the resources that can be listed.
    pub lists: Vec<String>,
    /// Names without the provider.
    pub functions: Vec<String>,
}

/// The answer to `GetProviderSchema`.
#[derive(Clone, Debug)]
pub struct ProviderSchema {
    /// The schema of the `provider` block.
    pub provider: Schema,
    /// By type name, sorted.
    pub resources: Vec<(String, Schema)>,
    /// By type name, sorted.
    pub data_sources: Vec<(String, Schema)>,
    /// By type name, sorted.
    pub ephemeral_resources: Vec<(String, Schema)>,
    /// By type name, sorted.
    pub actions: Vec<(String, Schema)>,
    /// By the type name of the resource, sorted: what configures the list.
    pub lists: Vec<(String, Schema)>,
}

/// `UpgradeResourceState`
#[derive(Clone, Debug)]
pub struct UpgradeRequest {
    /// The resource type, such as `toy_thing`.
    pub type_name: String,
    /// Schema version that wrote the state.
    pub version: i64,
    /// The state file's attributes as JSON.
    pub json: Vec<u8>,
    /// State of Terraform before 0.12, which is refused.
    pub has_flatmap: bool,
}

/// `MoveResourceState`
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// The full address of the provider that the object comes from.
    pub provider_address: String,
    /// The resource type that it had there.
    pub type_name: String,
    /// The version of the schema that wrote the state.
    pub schema_version: i64,
    /// Its attributes as JSON.
    pub json: Vec<u8>,
    /// State of Terraform before 0.12, which is refused.
    pub has_flatmap: bool,
    /// The resource type that it is to have.
    pub target: String,
}

/// A state, or why there is none.
#[derive(Clone, Debug, Default)]
pub struct StateResponse {
    /// Absent only together with an error.
    pub state: Option<Encoded>,
    /// Private state; echoed where a call does not change it.
    pub private: Vec<u8>,
    /// The object's identity, where its schema has one.
    pub identity: Option<Encoded>,
    /// Warnings and errors for the terminal.
    pub diagnostics: Diagnostics,
}

/// `ReadResource`
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The resource type, such as `toy_thing`.
    pub type_name: String,
    /// The state as Terraform has it.
    pub current_state: Encoded,
    /// Private state: bytes of the provider that Terraform stores and hands back.
    pub private: Vec<u8>,
    /// The identity as Terraform has it.
    pub current_identity: Option<Encoded>,
}

/// `PlanResourceChange`
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The resource type, such as `toy_thing`.
    pub type_name: String,
    /// Null on create, and when the object is tainted.
    pub prior_state: Encoded,
    /// Terraform's merge of configuration and prior state; null on destroy.
    pub proposed_new_state: Encoded,
    /// What the user wrote; null on destroy.
    pub config: Encoded,
    /// Private state of the prior object.
    pub prior_private: Vec<u8>,
    /// What the client offers.
    pub capabilities: ClientCapabilities,
}

/// The answer to `PlanResourceChange`.
#[derive(Clone, Debug, Default)]
pub struct PlanResponse {
    /// Absent only together with an error.
    pub planned_state: Option<Encoded>,
    /// Sorted, without duplicates.
    pub requires_replace: Vec<AttributePath>,
    /// Private state that Terraform hands to the apply.
    pub planned_private: Vec<u8>,
    /// The object's identity, where its schema has one; partly unknown for an object that is to be created.
    pub planned_identity: Option<Encoded>,
    /// Warnings and errors for the terminal.
    pub diagnostics: Diagnostics,
}

/// `ApplyResourceChange`
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// The resource type, such as `toy_thing`.
    pub type_name: String,
    /// Null on create.
    pub prior_state: Encoded,
    /// Null on destroy.
    pub planned_state: Encoded,
    /// Null on destroy.
    pub config: Encoded,
    /// Private state that the plan gave.
    pub planned_private: Vec<u8>,
}

/// `ImportResourceState`: by id, or by identity.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The resource type, such as `toy_thing`.
    pub type_name: String,
    /// Empty for an import by identity.
    pub id: String,
    /// What tells the object from others.
    pub identity: Option<Encoded>,
}

/// One imported object.
#[derive(Clone, Debug, Default)]
pub struct ImportResponse {
    /// Absent only together with an error.
    pub state: Option<Encoded>,
    /// Private state of the object.
    pub private: Vec<u8>,
    /// The object's identity, where its schema has one.
    pub identity: Option<Encoded>,
    /// Warnings and errors for the terminal.
    pub diagnostics: Diagnostics,
}

/// The answer to `OpenEphemeralResource`.
#[derive(Clone, Debug, Default)]
pub struct OpenResponse {
    /// Absent only together with an error.
    pub result: Option<Encoded>,
    /// Handed to renew and close.
    pub private: Vec<u8>,
    /// After how long to renew.
    pub renew_in: Option<Duration>,
    /// Warnings and errors for the terminal.
    pub diagnostics: Diagnostics,
}

/// The answer to `RenewEphemeralResource`.
#[derive(Clone, Debug, Default)]
pub struct RenewResponse {
    /// Handed to the next renew.
    pub private: Vec<u8>,
    /// After how long to renew again.
    pub renew_in: Option<Duration>,
    /// Warnings and errors for the terminal.
    pub diagnostics: Diagnostics,
}

/// `ListResource`
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The type of the resource.
    pub type_name: String,
    /// Null where the block is left out.
    pub config: Encoded,
    /// Whether the objects are wanted, or their identities alone.
    pub include_object: bool,
    /// The most objects that are wanted.
    pub limit: i64,
}

/// One object of a list.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// What tells it from others.
    pub identity: Encoded,
    /// What a person reads.
    pub display_name: String,
    /// The object, if it was asked for.
    pub object: Option<Encoded>,
}

/// Why a function gives no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRefusal {
    /// What is wrong, as the person who wrote the call reads it.
    pub text: String,
    /// The argument that is wrong, counted from 0; further arguments of a variadic parameter count on.
    pub argument: Option<usize>,
}
