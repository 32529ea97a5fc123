//! What a test may turn while the stand-in runs: `PATCH /admin/settings`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::front::refusal::ProxyErrors;
use crate::postgres::admin::Dropped;
use crate::world::KeyKind;

/// The settings, with their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Knobs {
    /// How long an operation takes by itself, in milliseconds.
    pub(crate) operation_ms: u64,
    /// Instead of the time: how often an operation must have been seen unfinished before it finishes.
    pub(crate) operation_polls: Option<u32>,
    /// Whom the end of a role's operation sends away.
    pub(crate) dropped_connections: Dropped,
    /// The project's `effective_project_permission`; VIEWER may not change anything.
    pub(crate) permission: Option<String>,
    /// The kind of the API key.
    pub(crate) key_kind: KeyKind,
    /// Refuse all connections inside TLS with this text and SQLSTATE XX000, as Neon's proxy does.
    pub(crate) refuse_connections: Option<String>,
    /// Another SQLSTATE for that.
    pub(crate) refuse_sqlstate: Option<String>,
    /// How many connections are refused so; null means all.
    pub(crate) refuse_times: Option<u32>,
    /// What becomes of errors before the login is over.
    pub(crate) proxy_errors: ProxyErrors,
    /// After how long without work a compute is suspended by itself, in milliseconds.
    pub(crate) idle_suspend_ms: Option<u64>,
    /// After how long without a consumer a slot is dropped, in milliseconds.
    pub(crate) slot_reaper_ms: Option<u64>,
    /// Requests a minute, beyond which the API answers 429.
    pub(crate) requests_per_minute: Option<usize>,
    /// Requests a second on one route.
    pub(crate) requests_per_second: Option<usize>,
    /// `Retry-After` of these answers, in seconds.
    pub(crate) retry_after: Option<u32>,
    /// How long the proxy keeps errors of the control plane, in milliseconds.
    pub(crate) proxy_error_cache_ms: u64,
    /// How long it keeps secrets of roles and lists of addresses.
    pub(crate) proxy_role_cache_ms: u64,
    /// How many projects the plan has.
    pub(crate) projects_limit: usize,
    /// How many branches a project may have.
    pub(crate) branches_limit: usize,
    /// Whether the plan has IP Allow.
    pub(crate) ip_allow: bool,
    /// How long each new connection is held before the server sees it, in milliseconds: a cold start.
    pub(crate) connect_delay_ms: u64,
    /// How much WAL is kept as the past of a branch, in megabytes; beyond that its past begins again.
    pub(crate) history_mb: u64,
    /// Whether the journal keeps the bodies of answers. There are passwords in them.
    pub(crate) journal_answers: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            operation_ms: 120,
            operation_polls: None,
            dropped_connections: Dropped::Clients,
            permission: Some("ADMIN".to_owned()),
            key_kind: KeyKind::Personal,
            refuse_connections: None,
            refuse_sqlstate: None,
            refuse_times: None,
            proxy_errors: ProxyErrors::Postgres,
            idle_suspend_ms: None,
            slot_reaper_ms: None,
            requests_per_minute: None,
            requests_per_second: None,
            retry_after: None,
            proxy_error_cache_ms: 0,
            proxy_role_cache_ms: 0,
            projects_limit: 100,
            branches_limit: 500,
            ip_allow: true,
            connect_delay_ms: 0,
            history_mb: 1024,
            journal_answers: false,
        }
    }
}

impl Knobs {
    /// The settings with the sent keys replaced; the error names an unknown key or a wrong value.
    pub(crate) fn patched(&self, sent: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut all = serde_json::to_value(self)?;
        if let Value::Object(all) = &mut all {
            all.extend(sent);
        }
        serde_json::from_value(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(sent: Value) -> Result<Knobs, serde_json::Error> {
        let Value::Object(sent) = sent else {
            panic!("an object");
        };
        Knobs::default().patched(sent)
    }

    #[test]
    fn only_sent_keys_change() {
        let patched = patch(json!({"operation_ms": 5, "operation_polls": 3})).expect("legal");
        assert_eq!(patched, Knobs { operation_ms: 5, operation_polls: Some(3), ..Knobs::default() });
    }

    #[test]
    fn unknown_keys_and_values_are_refused() {
        assert!(patch(json!({"operation_s": 5})).is_err());
        assert!(patch(json!({"dropped_connections": "some"})).is_err());
    }
}
