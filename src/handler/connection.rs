//! How a consumer connects to a database, on the direct host: what the data source and the ephemeral resource share.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tfplugin::schema::{Rule, boolean, number, string};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Schema, path};

use super::context::Context;
use super::{Call, attributes, explain, words};
use crate::neon::{self, BranchId, ProjectId};
use crate::postgres::{DatabaseName, RoleName};
use crate::secret::{Secret, StoredSecret};
use crate::target::{Error, RoleId, Server, SslMode};

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    role_id: Attr<RoleId>,
    username: Attr<RoleName>,
    include_password: Attr<bool>,
    host: Attr<String>,
    port: Attr<u16>,
    port_string: Attr<String>,
    sslmode: Attr<String>,
    ssl_root_certificate: Attr<String>,
    password: Attr<StoredSecret>,
    uri: Attr<StoredSecret>,
}

attributes::located!(Model);

/// Everything in a URI is escaped except these characters (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Model {
    /// The schema, with the prose of its page and what is said of `include_password`.
    pub(crate) fn schema(prose: &'static str, password_by_default: bool, of_password: &'static str) -> Schema {
        Schema::new(prose)
            .attribute(
                "project_id",
                string()
                    .optional()
                    .parsed_by(ProjectId::parse)
                    .doc("ID of the Neon project. Must not be set with the provider's `sql` block."),
            )
            .attribute(
                "branch_id",
                string().optional().computed().parsed_by(attributes::branch).doc(
                    "ID of the branch. Defaults to the branch of `role_id`, then to the default branch of the project.",
                ),
            )
            .attribute("database", string().required().parsed_by(DatabaseName::parse).doc("Name of the database."))
            .attribute(
                "role_id",
                string()
                    .optional()
                    .parsed_by(str::parse::<RoleId>)
                    .doc("ID of the `neonrep_role` to connect as, such as `neonrep_role.<name>.id`."),
            )
            .attribute(
                "username",
                string()
                    .optional()
                    .computed()
                    .parsed_by(RoleName::parse)
                    .doc("Name of the role to connect as, if it is not a `neonrep_role`."),
            )
            .attribute(
                "include_password",
                boolean().default(password_by_default).doc(of_password),
            )
            .attribute("host", string().computed().doc("Direct host of the endpoint."))
            .attribute("port", number().computed().doc("Port."))
            .attribute("port_string", string().computed().doc("Port as a string."))
            .attribute("sslmode", string().computed().doc(
                "Recommended `sslmode` of libpq: `verify-full`, or that of the provider's `sql` block.",
            ))
            .attribute(
                "ssl_root_certificate",
                string().computed().doc(
                    "PEM text of the root certificates, if the provider's `sslrootcert` names a file. Null otherwise: then the \
                     roots of the system apply.",
                ),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("Password of the role. Null unless `include_password = true`."),
            )
            .attribute(
                "uri",
                string().computed().sensitive().doc(
                    "Connection URI in the form that Neon gives, with `sslmode=require` and `channel_binding=require`. Null unless \
                     `include_password = true`.",
                ),
            )
            .rule(Rule::ExactlyOneOf(vec!["role_id", "username"]))
    }

    /// Refuses arguments that contradict the id of the role.
    pub(crate) fn validate(&self) -> Diagnostics {
        let Attr::Known(role) = &self.role_id else { return Diagnostics::none() };
        let [project, branch] = role.server.parts();
        [
            differs("project", project, &self.project_id, path!(project_id)),
            differs("branch", branch, &self.branch_id, path!(branch_id)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The same with all that follows from the arguments.
    pub(crate) async fn read(self, cx: &Context) -> Result<Self, Diagnostics> {
        // Ids that were unknown at validation are known by now.
        let wrong = self.validate();
        if wrong.has_errors() {
            return Err(wrong);
        }
        let database = self.database.need(path!(database))?;
        let call = Call::new(cx, format!("read how to connect to database `{database}`"));
        let db = call.database(&self.on_branch_of_role()).await?;
        let (host, port) = call.target().host(db.at(), &call.budget()).await.map_err(|error| call.failed(&error))?;
        let role = self.role()?.clone();
        let password =
            if self.include_password.is_true() { self.password(&call, &db.at().server, &role).await? } else { None };
        let roots = call.target().root_certificates_file();
        let login = (&role, &db.at().name, call.target().sslmode());
        let uri = password.as_ref().map(|password| uri(login, password, &host, port, roots));
        Ok(Self {
            branch_id: db.at().server.branch_id().cloned().into(),
            username: role.into(),
            host: host.into(),
            port: port.into(),
            port_string: port.to_string().into(),
            sslmode: call.target().sslmode().as_str().to_owned().into(),
            ssl_root_certificate: call.target().root_certificates().map(str::to_owned).into(),
            password: password.map(StoredSecret::from).into(),
            uri: uri.map(StoredSecret::from).into(),
            ..self
        })
    }
    /// The role to connect as.
    fn role(&self) -> Result<&RoleName, Diagnostics> {
        match &self.role_id {
            Attr::Known(id) => Ok(&id.name),
            _ => self.username.need(path!(username)),
        }
    }

    async fn password(&self, call: &Call<'_>, server: &Server, role: &RoleName) -> Result<Option<Secret>, Diagnostics> {
        let advice = Advice {
            absent: (
                if self.role_id.is_null() { path!(username) } else { path!(role_id) },
                "If this configuration creates it, set `role_id = neonrep_role.<name>.id`, so that the password is read after the \
                 role was created. Otherwise remove `include_password`.",
            ),
            not_stored: (
                path!(include_password),
                "Add the password to the provider's `role_passwords`, or remove `include_password` and take the password from \
                 where it was stored when it was set, such as a `neonrep_role` with `store_password = true`.",
            ),
        };
        password(call, server, role, advice).await
    }

    /// The same with the branch of the role where none is named.
    fn on_branch_of_role(&self) -> Self {
        let branch = self.branch_id.known().or_else(|| self.role_id.known()?.server.branch_id());
        Self { branch_id: branch.cloned().into(), ..self.clone() }
    }
}

/// An argument that contradicts the id of the role.
fn differs<T: AsRef<str>>(what: &str, of_role: &str, said: &Attr<T>, at: AttributePath) -> Option<Diagnostic> {
    let said = said.known().map(AsRef::as_ref).filter(|said| *said != of_role)?;
    let detail = format!("`role_id` names a role of {what} `{of_role}`, and `{at}` is `{said}`.");
    Some(Diagnostic::error(format!("Role belongs to another {what}"), detail).at(at))
}

/// How to go on where there is no password to read, for the attribute that asked for it.
pub(crate) struct Advice {
    /// The attribute that names the role, and what to do about a role that is not there.
    pub(crate) absent: (AttributePath, &'static str),
    /// The attribute to change where the project stores no passwords, and how.
    pub(crate) not_stored: (AttributePath, &'static str),
}

/// The password that is valid now; none on a server that asks for none.
pub(crate) async fn password(
    call: &Call<'_>,
    server: &Server,
    role: &RoleName,
    advice: Advice,
) -> Result<Option<Secret>, Diagnostics> {
    let found = call.target().password(server, role, &call.budget()).await;
    found.map_err(|error| match &error {
        Error::Neon(answer) if answer.kind() == neon::Kind::NotFound => no_password(role, answer, advice.absent).into(),
        Error::Neon(answer) if answer.kind() == neon::Kind::PasswordsNotStored => {
            not_stored(role, server.project_id(), advice.not_stored).into()
        }
        Error::Neon(answer) => explain::neon(&format!("read the password of role `{role}`"), answer).into(),
        _ => call.failed(&error),
    })
}

fn no_password(role: &RoleName, answer: &neon::Error, (at, advice): (AttributePath, &str)) -> Diagnostic {
    let detail =
        format!("{}.\n\nThe role does not exist, or may not log in. {advice}", words::sentence(&answer.to_string()));
    Diagnostic::error(format!("Role `{role}` has no password to read"), detail).at(at)
}

fn not_stored(role: &RoleName, project: Option<&ProjectId>, (at, advice): (AttributePath, &str)) -> Diagnostic {
    let project = project.map_or("", ProjectId::as_str);
    let detail = format!("Project `{project}` does not store passwords.\n\n{advice}");
    Diagnostic::error(format!("Password of role `{role}` cannot be read"), detail).at(at)
}

/// In Neon's own form, which libpq accepts on any system: `verify-full` needs a file of root certificates, which libpq
/// does not look for elsewhere before version 16 (manual, 32.19.1).
fn uri(
    (role, database, sslmode): (&RoleName, &DatabaseName, SslMode),
    password: &Secret,
    host: &str,
    port: u16,
    roots: Option<&str>,
) -> Secret {
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    let host = neon::host_in_uri(host);
    let roots = roots.map(|file| format!("&sslrootcert={}", escaped(file))).unwrap_or_default();
    let tls = match sslmode {
        SslMode::Disable => "sslmode=disable".to_owned(),
        SslMode::VerifyFull | SslMode::Require => format!("sslmode=require&channel_binding=require{roots}"),
    };
    Secret::new(format!(
        "postgresql://{}:{}@{host}:{port}/{}?{tls}",
        escaped(role.as_str()),
        escaped(password.expose()),
        escaped(database.as_str())
    ))
}

#[cfg(test)]
mod tests {
    use tfplugin::model;

    use super::*;

    fn config(role_id: &str, branch: Attr<&str>) -> Model {
        let nulls: Model = model::nulls(&Model::schema("", false, "")).unwrap();
        Model {
            project_id: ProjectId::parse("p").unwrap().into(),
            branch_id: branch.map(|it| it.parse().unwrap()),
            role_id: role_id.parse::<RoleId>().unwrap().into(),
            ..nulls
        }
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
            let found: Vec<String> = config(role, branch).validate().iter().map(|it| it.path.to_string()).collect();
            assert_eq!(found, paths, "{role} {branch:?}");
        }
    }

    #[test]
    fn the_branch_of_the_role_is_used_where_none_is_named() {
        let at =
            |branch| config("p/br-a/a%2Fb", branch).on_branch_of_role().branch_id.into_known().unwrap().to_string();
        assert_eq!(at(Attr::Null), "br-a");
        assert_eq!(at(Attr::Known("br-a")), "br-a");
        assert_eq!(config("p/br-a/a%2Fb", Attr::Null).role().unwrap().as_str(), "a/b");
    }

    #[test]
    fn a_uri_escapes_what_it_is_made_of_and_has_the_form_that_neon_gives() {
        let role = RoleName::parse("a@b").unwrap();
        let database = DatabaseName::parse("d/1?").unwrap();
        let of = |host, roots| uri((&role, &database, SslMode::VerifyFull), &Secret::new("p:w@/%"), host, 5432, roots);
        assert_eq!(
            of("ep-x.neon.tech", None).expose(),
            "postgresql://a%40b:p%3Aw%40%2F%25@ep-x.neon.tech:5432/d%2F1%3F?sslmode=require&channel_binding=require"
        );
        assert!(of("ep-x.neon.tech", Some("/my roots.pem")).expose().ends_with("&sslrootcert=%2Fmy%20roots.pem"));
        assert!(of("::1", None).expose().contains("@[::1]:5432/"));
        let plain = uri((&role, &database, SslMode::Disable), &Secret::new("p"), "localhost", 5432, None);
        assert!(plain.expose().ends_with("?sslmode=disable"));
    }
}
