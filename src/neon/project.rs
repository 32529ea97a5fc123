//! Projects: what is read of one, and the two settings that are changed.

use serde::Deserialize;
use serde_json::json;

use super::allowed_ips::AllowedIps;
use super::ids::ProjectId;
use super::operation::{Changed, Operation};
use super::request::{self, Method, Path, Request, or_default};

/// A project (`Project` of Neon's API document), without the fields that are not used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Project {
    /// Stays when the project is renamed.
    pub id: ProjectId,
    /// For messages.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Postgres's major version.
    #[serde(default)]
    pub pg_version: Option<u32>,
    /// Whether Neon stores passwords and can show them. Absent means yes.
    #[serde(default)]
    pub store_passwords: Option<bool>,
    /// What this key may do; `None` is unknown.
    #[serde(default)]
    pub effective_project_permission: Option<Permission>,
    #[serde(default)]
    settings: Option<ProjectSettings>,
}

/// `ProjectSettingsData` of Neon's document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ProjectSettings {
    #[serde(default)]
    enable_logical_replication: Option<bool>,
    #[serde(default)]
    allowed_ips: Option<AllowedIps>,
}

impl Project {
    /// Whether `wal_level` is set to `logical` for the computes of the project. A compute that has not restarted since then
    /// still has the old value.
    pub(crate) fn logical_replication(&self) -> bool {
        self.settings.as_ref().and_then(|settings| settings.enable_logical_replication) == Some(true)
    }

    /// The addresses that may connect; everyone where the API names none.
    pub(crate) fn allowed_ips(&self) -> AllowedIps {
        self.settings.as_ref().and_then(|it| it.allowed_ips.clone()).unwrap_or_default()
    }

    /// Whether passwords can be read back.
    pub(crate) fn stores_passwords(&self) -> bool {
        self.store_passwords != Some(false)
    }
}

/// What a key may do in a project. The names changed in 2026, and both are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum Permission {
    /// Reads only.
    Viewer,
    /// Reads and changes.
    Editor,
    /// Everything, members included.
    Admin,
    /// A value that this provider does not know.
    Other(String),
}

impl Permission {
    /// Whether changes are worth an attempt. An unknown value is no reason to refuse.
    pub(crate) fn may_change(&self) -> bool {
        *self != Self::Viewer
    }
}

impl From<String> for Permission {
    fn from(text: String) -> Self {
        match text.as_str() {
            "VIEWER" | "CAN_VIEW" => Self::Viewer,
            "EDITOR" | "CAN_EDIT" => Self::Editor,
            "ADMIN" | "CAN_MANAGE" => Self::Admin,
            _ => Self::Other(text),
        }
    }
}

/// What enabling logical replication causes: every active compute is suspended, and starts again when it is needed.
pub(crate) const ENABLING: &[&str] = &["suspend_compute", "apply_config", "start_compute"];

#[derive(Deserialize)]
struct Answer {
    project: Project,
    #[serde(default, deserialize_with = "or_default")]
    operations: Vec<Operation>,
}

pub(crate) fn get(project: &ProjectId) -> Request<Project> {
    Request::new(Method::Get, Path::of("projects").id(project), |answer| {
        request::json(answer).map(|answer: Answer| answer.project)
    })
}

/// Sends one setting. What is not sent stays as it is, and a plan may refuse settings that the server chose itself when they are
/// sent back.
fn change(project: &ProjectId, settings: &serde_json::Value) -> Request<Changed<Project>> {
    Request::new(Method::Patch, Path::of("projects").id(project), |answer| {
        request::json(answer).map(|answer: Answer| (answer.project, answer.operations))
    })
    .body(json!({ "project": { "settings": settings } }))
}

pub(crate) fn enable_logical_replication(project: &ProjectId) -> Request<Changed<Project>> {
    change(project, &json!({ "enable_logical_replication": true }))
}

/// What a new list of addresses causes.
pub(crate) const ALLOWING: &[&str] = &["apply_config"];

/// The API replaces the list as a whole, so both fields are sent. It is computed from the list that was read, and out of date as soon
/// as somebody else changes that: it is sent once, and a repetition starts with a read.
pub(crate) fn allow_ips(project: &ProjectId, allowed: &AllowedIps) -> Request<Changed<Project>> {
    change(project, &json!({ "allowed_ips": allowed })).once()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ProjectId {
        ProjectId::parse("p-1").expect("legal")
    }

    #[test]
    fn requests() {
        assert_eq!(format!("{:?}", get(&id())), "GET /projects/p-1");
        assert_eq!(
            format!("{:?}", enable_logical_replication(&id())),
            r#"PATCH /projects/p-1 {"project":{"settings":{"enable_logical_replication":true}}}"#
        );
    }

    #[test]
    fn both_fields_of_ip_allow_are_sent() {
        let allowed = AllowedIps { ips: vec!["192.0.2.0/24".to_owned()], protected_branches_only: false };
        let request = allow_ips(&id(), &allowed);
        assert_eq!(
            format!("{request:?}"),
            r#"PATCH /projects/p-1 {"project":{"settings":{"allowed_ips":{"ips":["192.0.2.0/24"],"protected_branches_only":false}}}}"#
        );
        assert!(request.once && !get(&id()).once);
    }

    #[test]
    fn a_project_is_read_leniently() {
        let read = |text: &str| serde_json::from_str::<Project>(text).expect("a project");
        let bare = read(r#"{"id":"p-1"}"#);
        assert!(bare.stores_passwords() && !bare.logical_replication());
        let full = read(
            r#"{"id":"p-1","name":"n","pg_version":19,"store_passwords":false,"effective_project_permission":"CAN_EDIT",
                "settings":{"enable_logical_replication":true,"quota":{}},"new_field":1}"#,
        );
        assert!(!full.stores_passwords() && full.logical_replication());
        assert_eq!(full.effective_project_permission, Some(Permission::Editor));
        for (text, permission, may_change) in [
            ("VIEWER", Permission::Viewer, false),
            ("CAN_VIEW", Permission::Viewer, false),
            ("EDITOR", Permission::Editor, true),
            ("ADMIN", Permission::Admin, true),
            ("CAN_MANAGE", Permission::Admin, true),
            ("x", Permission::Other("x".to_owned()), true),
        ] {
            assert_eq!(Permission::from(text.to_owned()), permission);
            assert_eq!(permission.may_change(), may_change, "{text}");
        }
        let listed =
            read(r#"{"id":"p-1","settings":{"allowed_ips":{"ips":["a","b"],"protected_branches_only":true}}}"#);
        assert_eq!(listed.allowed_ips().ips, ["a", "b"]);
        assert!(listed.allowed_ips().protected_branches_only);
        for open in [
            r#"{"id":"p-1"}"#,
            r#"{"id":"p-1","settings":{"allowed_ips":null}}"#,
            r#"{"id":"p-1","settings":{"allowed_ips":{"ips":null}}}"#,
        ] {
            assert_eq!(read(open).allowed_ips(), AllowedIps::default(), "{open}");
        }
        assert!(!read(r#"{"id":"p-1","settings":null,"effective_project_permission":null}"#).logical_replication());
    }
}
