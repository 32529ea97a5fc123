//! Whose key this is: the cheapest call that proves that a key works.

use serde::Deserialize;

use super::client::Client;
use super::error::Error;
use super::request::{Method, Path, Request, json};
use super::retry::Budget;

/// What the API says of the key; works with every kind of key (`neon-2026-09.md` 1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Auth {
    /// The user or organization.
    #[serde(default)]
    pub account_id: String,
    /// `api_key_user`, `api_key_org` (project-scoped keys too), …
    #[serde(default)]
    pub auth_method: String,
}

pub(crate) fn get() -> Request<Auth> {
    Request::new(Method::Get, Path::of("auth"), json)
}

impl Client {
    /// `Unauthorized` if the key does not work.
    pub async fn get_auth(&self, budget: &Budget) -> Result<Auth, Error> {
        self.send(&get(), budget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request() {
        assert_eq!(format!("{:?}", get()), "GET /auth");
    }
}
