//! What is said when everything is ready: one JSON line, or `export` lines for a shell.

use serde::Serialize;

/// The line's keys; names and order are promised.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Announcement {
    /// Base of the API, with `/api/v2`.
    pub(crate) api_url: String,
    /// The key that it accepts.
    pub(crate) api_key: String,
    /// Id of the project.
    pub(crate) project_id: String,
    /// Id of its default branch.
    pub(crate) branch_id: String,
    /// Id of that branch's endpoint.
    pub(crate) endpoint_id: String,
    /// Host of Postgres.
    pub(crate) host: String,
    /// Port of Postgres.
    pub(crate) port: u16,
    /// The first database.
    pub(crate) database: String,
    /// The role that owns it.
    pub(crate) owner_role: String,
    /// How a test connects as superuser, past the front.
    pub(crate) superuser_dsn: String,
    /// PEM file of the authority to trust.
    pub(crate) sslrootcert: String,
    /// Base of the admin routes, with their token.
    pub(crate) admin_url: String,
    /// The owner's connection to the first database, for a shell.
    #[serde(skip)]
    pub(crate) database_url: String,
}

impl Announcement {
    /// The JSON line, without its end.
    pub(crate) fn line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The `export` lines, without the last end.
    pub(crate) fn exports(&self) -> String {
        [
            ("NEON_API_URL", &self.api_url),
            ("NEON_API_KEY", &self.api_key),
            ("PGSSLROOTCERT", &self.sslrootcert),
            ("TF_VAR_project_id", &self.project_id),
            ("NEON_STAND_IN_ADMIN_URL", &self.admin_url),
            ("DATABASE_URL", &self.database_url),
        ]
        .map(|(name, value)| format!("export {name}='{}'", value.replace('\'', r"'\''")))
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Announcement {
        Announcement {
            api_url: "http://127.0.0.1:1/api/v2".to_owned(),
            api_key: "it's".to_owned(),
            project_id: "p".to_owned(),
            branch_id: "br-b".to_owned(),
            endpoint_id: "ep-e".to_owned(),
            host: "localhost".to_owned(),
            port: 2,
            database: "neondb".to_owned(),
            owner_role: "neondb_owner".to_owned(),
            superuser_dsn: "postgresql://".to_owned(),
            sslrootcert: "/tmp/ca.pem".to_owned(),
            admin_url: "http://127.0.0.1:1/admin/t".to_owned(),
            database_url: "postgresql://o:p@localhost:2/neondb".to_owned(),
        }
    }

    #[test]
    fn the_line_is_one_line_with_the_promised_keys() {
        let line = announcement().line().expect("JSON");
        assert!(!line.contains('\n'));
        let parsed: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        for key in [
            "api_url",
            "api_key",
            "project_id",
            "branch_id",
            "endpoint_id",
            "host",
            "port",
            "database",
            "owner_role",
            "superuser_dsn",
            "sslrootcert",
        ] {
            assert!(!parsed[key].is_null(), "{key} is missing");
        }
        assert!(parsed["port"].is_u64());
    }

    #[test]
    fn a_shell_reads_the_exports_back() {
        assert_eq!(
            announcement().exports(),
            "export NEON_API_URL='http://127.0.0.1:1/api/v2'\n\
             export NEON_API_KEY='it'\\''s'\n\
             export PGSSLROOTCERT='/tmp/ca.pem'\n\
             export TF_VAR_project_id='p'\n\
             export NEON_STAND_IN_ADMIN_URL='http://127.0.0.1:1/admin/t'\n\
             export DATABASE_URL='postgresql://o:p@localhost:2/neondb'"
        );
    }
}
