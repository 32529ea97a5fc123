//! Which members of a body Neon's API documents (`OpenAPI` document in npm's `@neondatabase/api-client`, request schemas):
//! what a client sends beyond them is a mistake that Neon would refuse or pass over, and the journal names it.

use serde_json::Value;

/// `settings` of a project; `**` stands for whatever is below.
const PROJECT_SETTINGS: &[&str] = &[
    "quota.active_time_seconds",
    "quota.compute_time_seconds",
    "quota.written_data_bytes",
    "quota.data_transfer_bytes",
    "quota.logical_size_bytes",
    "allowed_ips.ips.**",
    "allowed_ips.protected_branches_only",
    "enable_logical_replication",
    "maintenance_window.weekdays.**",
    "maintenance_window.start_time",
    "maintenance_window.end_time",
    "block_public_connections",
    "block_vpc_connections",
    "audit_log_level",
    "hipaa",
    "preload_libraries.**",
];

const ENDPOINT_SETTINGS: &[&str] = &["pg_settings.**", "pgbouncer_settings.**", "preload_libraries.**"];

const DEFAULT_ENDPOINT: &[&str] = &[
    "pg_settings.**",
    "pgbouncer_settings.**",
    "autoscaling_limit_min_cu",
    "autoscaling_limit_max_cu",
    "suspend_timeout_seconds",
];

/// Members of `endpoint` that create and update share.
const ENDPOINT: &[&str] = &[
    "branch_id",
    "autoscaling_limit_min_cu",
    "autoscaling_limit_max_cu",
    "provisioner",
    "pooler_enabled",
    "pooler_mode",
    "disabled",
    "passwordless_access",
    "suspend_timeout_seconds",
    "name",
];

/// Method, path with `*` for a segment, and the members: a prefix and those below it.
type Call = (&'static str, &'static str, &'static [(&'static str, &'static [&'static str])]);

const CALLS: &[Call] = &[
    (
        "POST",
        "/projects",
        &[
            (
                "project",
                &[
                    "name",
                    "branch.name",
                    "branch.role_name",
                    "branch.database_name",
                    "branch.annotations.**",
                    "autoscaling_limit_min_cu",
                    "autoscaling_limit_max_cu",
                    "provisioner",
                    "region_id",
                    "pg_version",
                    "store_passwords",
                    "history_retention_seconds",
                    "org_id",
                ],
            ),
            ("project.settings", PROJECT_SETTINGS),
            ("project.default_endpoint_settings", DEFAULT_ENDPOINT),
        ],
    ),
    (
        "PATCH",
        "/projects/*",
        &[
            ("project", &["name", "history_retention_seconds"]),
            ("project.settings", PROJECT_SETTINGS),
            ("project.default_endpoint_settings", DEFAULT_ENDPOINT),
        ],
    ),
    (
        "POST",
        "/projects/*/branches",
        &[
            (
                "branch",
                &[
                    "parent_id",
                    "name",
                    "parent_lsn",
                    "parent_timestamp",
                    "protected",
                    "archived",
                    "init_source",
                    "expires_at",
                ],
            ),
            (
                "endpoints.[]",
                &[
                    "type",
                    "autoscaling_limit_min_cu",
                    "autoscaling_limit_max_cu",
                    "provisioner",
                    "suspend_timeout_seconds",
                    "name",
                    "settings.**",
                ],
            ),
            ("annotation_value", &["**"]),
        ],
    ),
    ("PATCH", "/projects/*/branches/*", &[("branch", &["name", "protected", "expires_at"])]),
    (
        "POST",
        "/projects/*/branches/*/restore",
        &[("", &["source_branch_id", "source_lsn", "source_timestamp", "preserve_under_name"])],
    ),
    ("PATCH", "/projects/*/snapshots/*", &[("snapshot", &["name"])]),
    ("POST", "/projects/*/snapshots/*/restore", &[("", &["name", "target_branch_id", "finalize_restore"])]),
    ("POST", "/projects/*/branches/*/finalize_restore", &[("", &["name"])]),
    (
        "PUT",
        "/projects/*/branches/*/backup_schedule",
        &[("schedule.[]", &["frequency", "hour", "day", "month", "retention_seconds"])],
    ),
    (
        "POST",
        "/projects/*/endpoints",
        &[("endpoint", ENDPOINT), ("endpoint", &["type", "region_id"]), ("endpoint.settings", ENDPOINT_SETTINGS)],
    ),
    ("PATCH", "/projects/*/endpoints/*", &[("endpoint", ENDPOINT), ("endpoint.settings", ENDPOINT_SETTINGS)]),
    ("POST", "/projects/*/branches/*/databases", &[("database", &["name", "owner_name"])]),
    ("PATCH", "/projects/*/branches/*/databases/*", &[("database", &["name", "owner_name"])]),
    ("POST", "/projects/*/branches/*/roles", &[("role", &["name", "no_login"])]),
    ("POST", "/api_keys", &[("", &["key_name"])]),
    ("POST", "/organizations/*/api_keys", &[("", &["key_name", "project_id"])]),
];

/// Paths of the members that Neon does not document for this call; none where the call is not in the table.
pub(crate) fn unknown(method: &str, path: &str, body: &Value) -> Vec<String> {
    let call = CALLS.iter().find(|(its_method, pattern, _)| *its_method == method && fits(pattern, path));
    let mut unknown = Vec::new();
    if let Some((_, _, known)) = call {
        walk(body, "", known, &mut unknown);
    }
    unknown
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(wanted, found)| *wanted == "*" || wanted == found)
}

fn walk(value: &Value, at: &str, known: &[(&str, &[&str])], unknown: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                match knows(known, &place) {
                    Known::Open => {}
                    Known::Yes => walk(member, &place, known, unknown),
                    Known::No => unknown.push(place),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                walk(element, &format!("{at}.[]"), known, unknown);
            }
        }
        _ => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    No,
    Yes,
    /// Known, and so is whatever is below.
    Open,
}

fn knows(known: &[(&str, &[&str])], place: &str) -> Known {
    let whole =
        |prefix: &str, below: &str| if prefix.is_empty() { below.to_owned() } else { format!("{prefix}.{below}") };
    let all = known.iter().flat_map(|(prefix, below)| below.iter().map(move |below| whole(prefix, below)));
    all.map(|path| match path.strip_suffix(".**") {
        Some(open) if open == place => Known::Open,
        _ if path == place || path.starts_with(&format!("{place}.")) => Known::Yes,
        _ => Known::No,
    })
    .max()
    .unwrap_or(Known::No)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_neon_documents_is_known() {
        let settings = json!({"allowed_ips": {"ips": ["10.0.0.1"], "protected_branches_only": false}});
        let body = json!({"project": {"name": "x", "settings": settings}});
        assert_eq!(unknown("PATCH", "/projects/p", &body), Vec::<String>::new());
        let body =
            json!({"branch": {"parent_id": "br"}, "endpoints": [{"type": "read_write"}], "annotation_value": {"a": 1}});
        assert_eq!(unknown("POST", "/projects/p/branches", &body), Vec::<String>::new());
        let body = json!({"endpoint": {"settings": {"pg_settings": {"work_mem": "4MB"}}, "disabled": true}});
        assert_eq!(unknown("PATCH", "/projects/p/endpoints/e", &body), Vec::<String>::new());
    }

    #[test]
    fn what_it_does_not_is_named_with_its_place() {
        let body = json!({"project": {"nam": "x", "settings": {"logical": true, "quota": {"days": 1}}}, "x": 1});
        let found = unknown("PATCH", "/projects/p", &body);
        assert_eq!(found, ["project.nam", "project.settings.logical", "project.settings.quota.days", "x"]);
        let body = json!({"endpoints": [{"type": "read_write"}, {"kind": 1}]});
        assert_eq!(unknown("POST", "/projects/p/branches", &body), ["endpoints.[].kind"]);
        assert_eq!(unknown("POST", "/api_keys", &json!({"name": "x"})), ["name"]);
    }

    #[test]
    fn a_call_without_a_table_has_nothing_to_say() {
        assert!(unknown("POST", "/projects/p/other", &json!({"x": 1})).is_empty());
        assert!(unknown("GET", "/projects", &Value::Null).is_empty());
    }
}
