//! The parameter `connection`: the object of `data.neonrep_connection`.

use serde::Deserialize;
use tfplugin::{Parameter, Type};

use super::refusal::{Refused, Result, object, refused};

/// What a consumer connects with.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// The direct host.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) username: String,
    /// Its password; `None` if the data source was not asked for it.
    pub(crate) password: Option<String>,
}

/// The parameter. Terraform drops the other attributes of an object that is passed.
pub(super) fn parameter() -> Parameter {
    let of = object(&[
        ("host", Type::String),
        ("port", Type::Number),
        ("database", Type::String),
        ("username", Type::String),
        ("password", Type::String),
    ]);
    Parameter::new(
        "connection",
        of,
        "A `neonrep_connection`, as data source or ephemeral resource, or an object with these attributes.",
    )
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password: values are printed in errors and logs.
        write!(f, "{}@{}:{}/{}", self.username, self.host, self.port, self.database)
    }
}

impl Connection {
    /// Checks that a consumer can replicate through it.
    pub(super) fn direct(&self) -> Result<&Self> {
        let first = self.host.split('.').next().unwrap_or_default();
        if first.ends_with("-pooler") {
            return refused(
                "connection",
                format!(
                    "`{}` is a pooler, which does not pass replication on. Use the host of `data.neonrep_connection`.",
                    self.host
                ),
            );
        }
        Ok(self)
    }

    /// The password; refused where there is none.
    pub(super) fn password(&self) -> Result<&str> {
        self.password.as_deref().ok_or_else(|| Refused {
            parameter: "connection",
            reason: "Its `password` is null. Set `include_password = true` in `data.neonrep_connection`.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::connection;
    use super::*;

    #[test]
    fn a_password_is_needed_and_never_printed() {
        assert_eq!(connection().password(), Ok("AbC123dEf"));
        let without = Connection { password: None, ..connection() };
        assert!(without.password().unwrap_err().reason.contains("include_password"));
        assert!(!format!("{:?}", connection()).contains("AbC123dEf"));
    }

    #[test]
    fn a_pooler_is_refused() {
        assert!(connection().direct().is_ok());
        let pooled =
            Connection { host: "ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech".into(), ..connection() };
        assert!(pooled.direct().unwrap_err().reason.contains("pooler"));
    }
}
