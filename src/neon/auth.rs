//! Whose API key it is. The cheapest call that proves that a key works, with every kind of key.

use serde::Deserialize;

use super::request::{Method, Path, Request, json, or_default};

/// What the API says about the key (`GET /auth` of Neon's API document).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Auth {
    /// The user or organization.
    #[serde(default, deserialize_with = "or_default")]
    pub account_id: String,
    /// `api_key_user`, or `api_key_org` for keys of an organization, project-scoped ones included.
    #[serde(default, deserialize_with = "or_default")]
    pub auth_method: String,
}

pub(crate) fn get() -> Request<Auth> {
    Request::new(Method::Get, Path::of("auth"), json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request() {
        assert_eq!(format!("{:?}", get()), "GET /auth");
    }
}
