//! Projects: what we read of one, and the one setting that we turn on.

use serde::Deserialize;
use serde_json::json;

use super::change::{Changed, Pending};
use super::client::Client;
use super::error::Error;
use super::ids::ProjectId;
use super::operations::Operation;
use super::request::{self, Method, Path, Request};
use super::retry::Budget;

/// A project, as far as we use it (`neon.md` A.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, for messages.
    #[serde(default)]
    pub name: String,
    /// Postgres' major version; 14 to 19 are known of.
    #[serde(default)]
    pub pg_version: Option<u32>,
    /// Whether Neon keeps passwords and can show them; absent means yes.
    #[serde(default)]
    pub store_passwords: Option<bool>,
    /// What this key may do; absent when the API does not say.
    #[serde(default)]
    pub effective_project_permission: Option<Permission>,
    #[serde(default)]
    settings: Option<Settings>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Settings {
    #[serde(default)]
    enable_logical_replication: Option<bool>,
}

impl Project {
    /// Whether `wal_level` is set to `logical` for the project's computes; one that has not restarted since may lag behind.
    pub fn logical_replication(&self) -> bool {
        self.settings.as_ref().and_then(|settings| settings.enable_logical_replication) == Some(true)
    }

    /// Whether passwords can be read back.
    pub fn stores_passwords(&self) -> bool {
        self.store_passwords != Some(false)
    }
}

/// What a key may do in a project. The names changed in 2026; both are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Permission {
    /// Reads only.
    Viewer,
    /// Reads and changes.
    Editor,
    /// All.
    Admin,
    /// A value newer than this provider.
    Other(String),
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

#[derive(Deserialize)]
struct Answer {
    project: Project,
    #[serde(default)]
    operations: Vec<Operation>,
}

pub(crate) fn get(project: &ProjectId) -> Request<Project> {
    Request::new(Method::Get, Path::of("projects").id(project), |answer| {
        request::json(answer).map(|answer: Answer| answer.project)
    })
}

/// Exactly that one setting: what is not sent stays as it is, and what the server set itself is never echoed (`neon-2026-09.md` 3).
pub(crate) fn enable_logical_replication(project: &ProjectId) -> Request<Changed<Project>> {
    Request::new(Method::Patch, Path::of("projects").id(project), |answer| {
        request::json(answer).map(|answer: Answer| (answer.project, answer.operations))
    })
    .body(json!({ "project": { "settings": { "enable_logical_replication": true } } }))
}

impl Client {
    /// Reads the project. A 404 may also mean that the key may not see it.
    pub async fn get_project(&self, project: &ProjectId, budget: &Budget) -> Result<Project, Error> {
        self.send(&get(project), budget).await
    }

    /// Turns logical replication on; it cannot be turned off again, and computes restart. Read the project first and leave it alone if it
    /// is on: what the API makes of a repeated call is not known.
    pub async fn enable_logical_replication(
        &self,
        project: &ProjectId,
        budget: &Budget,
    ) -> Result<Pending<Project>, Error> {
        let turn = self.turn(project, budget).await?;
        let took_effect =
            |read: Result<Project, Error>| read.map(|project| Some(project).filter(Project::logical_replication));
        self.change(turn, &enable_logical_replication(project), &get(project), took_effect, budget).await
    }
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
        assert_eq!(Permission::from("ADMIN".to_owned()), Permission::Admin);
        assert_eq!(Permission::from("x".to_owned()), Permission::Other("x".to_owned()));
        assert!(!read(r#"{"id":"p-1","settings":null,"effective_project_permission":null}"#).logical_replication());
    }
}
