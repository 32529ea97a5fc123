//! API keys: a user's, an organization's, and those for one project.

use serde::{Deserialize, Serialize};

use crate::names;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyKind {
    /// A user's key.
    Personal,
    /// An organization's key: `/users/me` and `/regions` answer 404.
    Organization,
    /// A key for one project only: it sees no other, and listing projects answers 403.
    Project,
}

/// A key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Its number.
    pub(crate) id: i64,
    /// What the client sends.
    pub(crate) secret: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: KeyKind,
    /// The one project that it is for.
    pub(crate) project: Option<String>,
    /// When it was made.
    pub(crate) created_at: String,
}

impl Key {
    /// A new key.
    pub(crate) fn new(name: &str, kind: KeyKind, project: Option<String>) -> Self {
        Self {
            id: names::number(),
            secret: names::api_key(),
            name: name.to_owned(),
            kind,
            project,
            created_at: names::now(),
        }
    }

    /// Whether it may see that project.
    pub(crate) fn sees(&self, project: &str) -> bool {
        self.kind != KeyKind::Project || self.project.as_deref().is_none_or(|its| its == project)
    }
}
