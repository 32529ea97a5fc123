//! `neonrep_connection`: how a consumer connects to a database, on the direct host.

use tfplugin::schema::{Rule, boolean, number, string};
use tfplugin::{Attr, AttributePath, DataSource, Diagnostic, Diagnostics, Schema, identity, path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::context::{Context, Data};
use crate::explain;
use crate::neon::{self, BranchId, Budget, ProjectId};
use crate::postgres::{DatabaseName, RoleName};
use crate::resources::{access, location};
use crate::secret::Secret;
use crate::session::{Error, Location, Place, Session};

/// The data source.
#[derive(Debug)]
pub(crate) struct Connection;

/// Field for field the schema.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<String>,
    branch_id: Attr<String>,
    database: Attr<String>,
    role_id: Attr<String>,
    username: Attr<String>,
    include_password: Attr<bool>,
    host: Attr<String>,
    port: Attr<u32>,
    port_string: Attr<String>,
    sslmode: Attr<String>,
    ssl_root_certificate: Attr<String>,
    password: Attr<String>,
    uri: Attr<String>,
}

/// The password is not shown.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("database", &self.database)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What the role id of a `neonrep_role` says.
#[derive(Debug, PartialEq, Eq)]
struct RoleId {
    project: ProjectId,
    branch: BranchId,
    name: RoleName,
}

/// All that stands in a URI must be escaped but these (RFC 3986).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const SSLMODE: &str = "verify-full";

impl DataSource for Connection {
    const TYPE: &'static str = "neonrep_connection";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("connection.md"))
            .attribute("project_id", string().required().parsed_by(ProjectId::parse).doc("Id of the Neon project."))
            .attribute(
                "branch_id",
                string()
                    .optional()
                    .computed()
                    .parsed_by(BranchId::parse)
                    .doc("Id of the branch. Without it, the branch of `role_id`, or else the project's default branch."),
            )
            .attribute("database", string().required().parsed_by(DatabaseName::parse).doc("Name of the database."))
            .attribute(
                "role_id",
                string().optional().parsed_by(RoleId::parse).doc("Id of the `neonrep_role` to connect as."),
            )
            .attribute(
                "username",
                string()
                    .optional()
                    .computed()
                    .parsed_by(RoleName::parse)
                    .doc("Name of the role to connect as, where it is not a `neonrep_role`."),
            )
            .attribute(
                "include_password",
                boolean().default(false).doc("Read the password, which puts it into the state and plan files."),
            )
            .attribute("host", string().computed().doc("Host name of the direct endpoint."))
            .attribute("port", number().computed().doc("Port."))
            .attribute("port_string", string().computed().doc("Port, for consumers that want a string."))
            .attribute("sslmode", string().computed().doc("libpq's `sslmode` to use: `verify-full`."))
            .attribute(
                "ssl_root_certificate",
                string().computed().doc(
                    "PEM text of the certificates to trust, if the provider's `sslrootcert` names a file; null where the \
                     system's roots do.",
                ),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("The role's password, with `include_password = true`; else null."),
            )
            .attribute(
                "uri",
                string()
                    .computed()
                    .sensitive()
                    .doc("All of it as a connection URI, with `include_password = true`; else null."),
            )
            .rule(Rule::ExactlyOneOf(vec!["role_id", "username"]))
    }

    fn validate(config: &Model) -> Diagnostics {
        let Some(role) = config.role_id.known().and_then(|id| RoleId::parse(id).ok()) else {
            return Diagnostics::none();
        };
        let differs = |what: &str, of_role: &str, said: &Attr<String>, at: AttributePath| {
            said.known().filter(|said| *said != of_role).map(|said| {
                Diagnostic::error(
                    format!("Role belongs to another {what}"),
                    format!("`role_id` names a role of {what} `{of_role}`, and `{at}` is `{said}`."),
                )
                .at(at)
            })
        };
        [
            differs("project", role.project.as_str(), &config.project_id, path!(project_id)),
            differs("branch", role.branch.as_str(), &config.branch_id, path!(branch_id)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        // Ids that were unknown at validation are known by now.
        let wrong = Self::validate(&config);
        if wrong.has_errors() {
            return Err(wrong);
        }
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let role_id = location::optional(&config.role_id, path!(role_id), RoleId::parse)?;
        let role = match &role_id {
            Some(id) => id.name.clone(),
            None => location::known(&config.username, path!(username), RoleName::parse)?,
        };
        let mut wanted: Location = location::location(&config.project_id, &config.branch_id, &config.database)?;
        wanted.branch = wanted.branch.or(role_id.map(|id| id.branch));

        let doing = format!("read how to connect to database `{}`", wanted.database);
        let failed = |error: Error| Diagnostics::from(explain::session(&doing, &error));
        let place = session.place(&wanted, &budget).await.map_err(failed)?;
        let (host, port) = session.host(&place, &budget).await.map_err(failed)?;
        let password = if config.include_password.is_true() {
            Some(password(session, &place, &role, &config, &budget).await?)
        } else {
            None
        };
        let uri = password.as_ref().map(|it| uri(&role, it, &host, port, &place.database));
        Ok(Model {
            branch_id: place.branch.to_string().into(),
            username: role.to_string().into(),
            host: host.into(),
            port: u32::from(port).into(),
            port_string: port.to_string().into(),
            sslmode: SSLMODE.to_owned().into(),
            ssl_root_certificate: session.root_certificates().map(str::to_owned).into(),
            password: password.map(|it| it.expose().to_owned()).into(),
            uri: uri.map(|it| it.expose().to_owned()).into(),
            ..config
        })
    }
}

impl RoleId {
    fn parse(id: &str) -> Result<Self, String> {
        let parts = identity::split(id)?;
        let [project, branch, name] = parts.as_slice() else {
            return Err(format!(
                "`{id}` is not the id of a `neonrep_role`, which is `<project_id>/<branch_id>/<name>`"
            ));
        };
        Ok(Self {
            project: ProjectId::parse(project).map_err(|wrong| wrong.to_string())?,
            branch: BranchId::parse(branch).map_err(|wrong| wrong.to_string())?,
            name: RoleName::parse(name).map_err(|wrong| wrong.to_string())?,
        })
    }
}

/// The password that Neon keeps, as it is now.
async fn password(
    session: &Session,
    place: &Place,
    role: &RoleName,
    config: &Model,
    budget: &Budget,
) -> Result<Secret, Diagnostics> {
    let revealed = session.neon().reveal_password(&place.project, &place.branch, role.as_str(), budget).await;
    let at = if config.role_id.is_null() { path!(username) } else { path!(role_id) };
    revealed.map_err(|error| match error.kind() {
        neon::Kind::NotFound => Diagnostic::error(
            format!("Role `{role}` has no password to read"),
            format!(
                "{}.\n\nThe role is not there, or may not log in. Name the `id` of a `neonrep_role` in `role_id`, so that the \
                 password is read after the role was made, or leave `include_password` out.",
                explain::sentence(&error.to_string())
            ),
        )
        .at(at)
        .into(),
        neon::Kind::PasswordsNotStored => Diagnostic::error(
            format!("Password of role `{role}` cannot be read"),
            format!(
                "Project `{}` does not store passwords. Leave `include_password` out and take the password from where it was \
                 kept when it was made, such as `neonrep_role` with `store_password = true`.",
                place.project
            ),
        )
        .at(path!(include_password))
        .into(),
        _ => explain::neon(&format!("read the password of role `{role}`"), &error).into(),
    })
}

fn uri(role: &RoleName, password: &Secret, host: &str, port: u16, database: &DatabaseName) -> Secret {
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    let host = neon::host_in_uri(host);
    Secret::new(format!(
        "postgresql://{}:{}@{host}:{port}/{}?sslmode={SSLMODE}",
        escaped(role.as_str()),
        escaped(password.expose()),
        escaped(database.as_str())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::model;

    fn config(role_id: &str, branch: Attr<&str>) -> Model {
        let nulls: Model = model::nulls(&Connection::schema()).unwrap();
        Model {
            project_id: "p".to_owned().into(),
            branch_id: branch.map(str::to_owned),
            role_id: role_id.to_owned().into(),
            ..nulls
        }
    }

    #[test]
    fn model_and_schema_agree() {
        assert_eq!(tfplugin::kinds::erased::data_source(Connection).agrees(), Ok(()));
    }

    #[test]
    fn a_role_of_another_project_or_branch_is_refused() {
        for (role, branch, paths) in [
            ("p/br-a/r", Attr::Null, vec![]),
            ("p/br-a/r", Attr::Unknown, vec![]),
            ("p/br-a/r", Attr::Known("br-a"), vec![]),
            ("p/br-a/r", Attr::Known("br-b"), vec!["branch_id"]),
            ("q/br-a/r", Attr::Null, vec!["project_id"]),
            ("q/br-a/r", Attr::Known("br-b"), vec!["project_id", "branch_id"]),
        ] {
            let found: Vec<String> =
                Connection::validate(&config(role, branch)).iter().map(|it| it.path.to_string()).collect();
            assert_eq!(found, paths, "{role} {branch:?}");
        }
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for wrong in ["", "r", "p/br-a", "p/br-a/r/s", "P/br-a/r", "p/br-a/"] {
            assert!(RoleId::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(RoleId::parse("p/br-a/a%2Fb").unwrap().name.as_str(), "a/b");
    }

    #[test]
    fn a_uri_escapes_what_it_is_made_of() {
        let role = RoleName::parse("a@b").unwrap();
        let database = DatabaseName::parse("d/1?").unwrap();
        let uri = uri(&role, &Secret::new("p:w@/%"), "ep-x.neon.tech", 5432, &database);
        assert_eq!(uri.expose(), "postgresql://a%40b:p%3Aw%40%2F%25@ep-x.neon.tech:5432/d%2F1%3F?sslmode=verify-full");
        let local = super::uri(&role, &Secret::new("p"), "::1", 5432, &database);
        assert_eq!(local.expose(), "postgresql://a%40b:p@[::1]:5432/d%2F1%3F?sslmode=verify-full");
    }
}
