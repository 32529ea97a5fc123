//! The provider: its configuration, its resources and its data sources. Nothing else reads the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin::private::Private;
use tfplugin::schema::timeouts::parse_duration;
use tfplugin::schema::{Attribute, map_of, number, set_of, single, string};
use tfplugin::{
    Attr, Configured, Diagnostic, Diagnostics, ErasedDataSource, ErasedEphemeralResource, ErasedFunction,
    ErasedResource, Provider, Schema, Type, Value, path,
};

use crate::checks;
use crate::handler::{self, Data, explain};
use crate::postgres::{Passwords, RoleName};
use crate::secret::Secret;
use crate::target::direct::Entrance as Direct;
use crate::target::{Access, Settings, SslMode, Target};
use crate::{data_sources, ephemeral, functions, neon, resources};

/// The provider `neonrep`.
#[derive(Debug, Default)]
pub struct Neonrep;

/// The arguments of the `provider` block.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    api_key: Attr<String>,
    api_url: Attr<String>,
    sslrootcert: Attr<String>,
    plan_checks: Attr<String>,
    skip_checks: Attr<BTreeSet<String>>,
    role_passwords: Attr<BTreeMap<String, Attr<String>>>,
    max_connections: Attr<u32>,
    connect_timeout: Attr<String>,
    sql: Attr<Sql>,
}

/// `sql`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sql {
    host: Attr<String>,
    port: Attr<u16>,
    username: Attr<RoleName>,
    password: Attr<String>,
    sslmode: Attr<String>,
    sslrootcert: Attr<String>,
    require_auth: Attr<String>,
}

/// The key is not shown.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

const DEFAULT_CONNECTIONS: u32 = 4;
/// Shortens the wait after a change of IP Allow, for tests whose proxy keeps no lists.
const IP_ALLOW_DELAY: &str = "NEONREP_IP_ALLOW_DELAY";
const DEFAULT_PORT: u16 = 5432;
/// libpq's word for the roots of the system (manual, 32.1.2, `sslrootcert`).
const SYSTEM_ROOTS: &str = "system";
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_mins(1);

impl Provider for Neonrep {
    const ADDRESS: &'static str = "registry.terraform.io/neonrep/neonrep";
    type Config = Config;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("provider.md"))
            .attribute(
                "api_key",
                string()
                    .optional()
                    .sensitive()
                    .doc("Neon API key. A project-scoped key is sufficient. Defaults to the environment variable `NEON_API_KEY`."),
            )
            .attribute(
                "api_url",
                string().optional().doc(format!(
                    "URL of the Neon API: `https://`, or `http://` on a loopback address. Defaults to the environment variable \
                     `NEON_API_URL`, then to `{}`.",
                    neon::DEFAULT_BASE_URL
                )),
            )
            .attribute(
                "sslrootcert",
                string().optional().doc(
                    "PEM file of the root certificates to trust for Postgres, or `system`. Defaults to the environment variable \
                     `PGSSLROOTCERT`, then to the roots of the system.",
                ),
            )
            .attribute(
                "role_passwords",
                map_of(Type::String).optional().sensitive().doc(
                    "Passwords by role name, for roles whose password the Neon API does not have: those of projects that do not \
                     store passwords, and those created with SQL.",
                ),
            )
            .attribute(
                "plan_checks",
                string().optional().one_of(checks::Mode::WORDS).doc(
                    "Whether plan-time checks fail the plan, only warn, or are skipped. Defaults to the environment variable \
                     `NEONREP_PLAN_CHECKS`, then to `error`.",
                ),
            )
            .attribute(
                "skip_checks",
                set_of(Type::String)
                    .optional()
                    .each_parsed_by(checks::known_id)
                    .doc("IDs of plan-time checks to skip. The guide on plan-time checks lists them."),
            )
            .attribute(
                "max_connections",
                number()
                    .optional()
                    .whole(1..=100)
                    .doc("Maximum number of simultaneous connections to Postgres. `1` is sufficient. Defaults to `4`."),
            )
            .attribute(
                "connect_timeout",
                string().optional().duration().doc(
                    "How long to wait for a connection, including the time a suspended compute needs to start. \
                     Defaults to `60s`.",
                ),
            )
            .attribute("sql", sql_block())
    }

    async fn configure(&self, config: Config, terraform_version: &str) -> Result<Configured<Data>, Diagnostics> {
        if let Some(argument) = config.unknown_argument() {
            return Ok(Configured::NotYetKnown {
                reason: format!("The provider's `{argument}` is known only after apply."),
            });
        }
        let mode = match config.plan_checks.known().cloned().or_else(|| environment("NEONREP_PLAN_CHECKS")) {
            None => checks::Mode::default(),
            Some(word) => checks::Mode::parse(&word).map_err(|wrong| {
                let detail = format!("`plan_checks`, or `NEONREP_PLAN_CHECKS` in the environment, {wrong}.");
                Diagnostic::error("Wrong value for `plan_checks`", detail).at(path!(plan_checks))
            })?,
        };
        let policy = checks::Policy::new(mode, config.skip_checks.known().cloned().unwrap_or_default());
        let settings = config.settings(terraform_version)?;
        let target = Target::new(settings).map_err(|wrong| explain::settings(&wrong))?;
        let mut data = Data::new(target, policy);
        if let Some(delay) = environment(IP_ALLOW_DELAY).and_then(|text| parse_duration(&text).ok()) {
            data = data.with_ip_allow_delay(delay);
        }
        Ok(Configured::Ready(data))
    }

    fn object_stays(data: &Data, config: &Value, private: &mut Private) -> Diagnostics {
        handler::object_stays(data, config, private)
    }

    /// One server that is reached directly has no project and no branches.
    fn absent(data: &Data) -> &'static [&'static str] {
        if data.target.is_direct() { &["project_id", "branch_id"] } else { &[] }
    }

    fn resources() -> Vec<Box<dyn ErasedResource<Data>>> {
        resources::all()
    }

    fn data_sources() -> Vec<Box<dyn ErasedDataSource<Data>>> {
        data_sources::all()
    }

    fn ephemeral_resources() -> Vec<Box<dyn ErasedEphemeralResource<Data>>> {
        ephemeral::all()
    }

    fn functions() -> Vec<Box<dyn ErasedFunction>> {
        functions::all()
    }
}

impl Config {
    fn unknown_argument(&self) -> Option<&'static str> {
        [
            ("api_key", self.api_key.is_unknown()),
            ("api_url", self.api_url.is_unknown()),
            ("sslrootcert", self.sslrootcert.is_unknown()),
            ("role_passwords", self.role_passwords.is_unknown() || self.has_unknown_password()),
            ("plan_checks", self.plan_checks.is_unknown()),
            ("skip_checks", self.skip_checks.is_unknown()),
            ("max_connections", self.max_connections.is_unknown()),
            ("connect_timeout", self.connect_timeout.is_unknown()),
            ("sql", self.sql.is_unknown() || self.sql.known().is_some_and(Sql::has_unknown)),
        ]
        .into_iter()
        .find_map(|(name, unknown)| unknown.then_some(name))
    }

    fn has_unknown_password(&self) -> bool {
        self.role_passwords.known().is_some_and(|it| it.values().any(Attr::is_unknown))
    }

    fn settings(&self, terraform_version: &str) -> Result<Settings, Diagnostics> {
        let connect_timeout = match self.connect_timeout.known() {
            None => DEFAULT_CONNECT_TIMEOUT,
            Some(text) => parse_duration(text)
                .map_err(|wrong| Diagnostic::error("Invalid `connect_timeout`", wrong).at(path!(connect_timeout)))?,
        };
        let (access, sslrootcert) = match self.sql.known() {
            Some(sql) => (self.direct(sql)?, sql.sslrootcert.known().or(self.sslrootcert.known())),
            None => (self.neon(terraform_version)?, self.sslrootcert.known()),
        };
        Ok(Settings {
            access,
            sslrootcert: sslrootcert.cloned().or_else(|| environment("PGSSLROOTCERT")).filter(|it| it != SYSTEM_ROOTS),
            max_connections: self.max_connections.known().copied().unwrap_or(DEFAULT_CONNECTIONS),
            connect_timeout,
        })
    }

    fn neon(&self, terraform_version: &str) -> Result<Access, Diagnostics> {
        let api_key = self.api_key.known().filter(|key| !key.trim().is_empty()).cloned();
        let Some(api_key) = api_key.or_else(|| environment("NEON_API_KEY")) else {
            return Err(Diagnostic::error(
                "Missing API key",
                "Set `api_key` in the provider block, or the environment variable `NEON_API_KEY`. A project-scoped key is \
                 sufficient. To create one, open the Neon console, organization settings, API keys.",
            )
            .at(path!(api_key))
            .into());
        };
        let base_url = self.api_url.known().filter(|url| !url.trim().is_empty()).cloned();
        Ok(Access::Neon {
            api: neon::ApiSettings {
                api_key: Secret::new(api_key),
                base_url: base_url
                    .or_else(|| environment("NEON_API_URL"))
                    .unwrap_or_else(|| neon::DEFAULT_BASE_URL.to_owned()),
                terraform_version: Some(terraform_version.to_owned()),
                user_agent_suffix: environment("TF_APPEND_USER_AGENT"),
            },
            role_passwords: self.role_passwords(),
        })
    }

    fn direct(&self, sql: &Sql) -> Result<Access, Diagnostics> {
        if self.api_key.known().is_some() {
            let detail = "`sql` connects to one Postgres server directly and `api_key` is for Neon. Remove one of them. To manage \
                          both in one configuration, use two provider configurations with an `alias`.";
            return Err(Diagnostic::error("`api_key` and `sql` exclude each other", detail).at(path!(sql)).into());
        }
        let sslmode = match sql.sslmode.known().map(String::as_str) {
            Some("require") => SslMode::Require,
            Some("disable") => SslMode::Disable,
            _ => SslMode::VerifyFull,
        };
        let password = sql.password.known().cloned().or_else(|| environment("PGPASSWORD"));
        let server = Direct {
            host: sql.host.need(path!(sql.host))?.clone(),
            port: sql.port.known().copied().unwrap_or(DEFAULT_PORT),
            user: sql.username.need(path!(sql.username))?.clone(),
            password: password.map(Secret::new),
            role_passwords: self.role_passwords(),
        };
        let require_auth = sql.require_auth.known().cloned().or_else(|| environment("PGREQUIREAUTH"));
        let passwords = require_auth.map_or_else(|| Ok(Passwords::default()), |it| Passwords::parse(&it));
        let passwords = passwords.map_err(|wrong| {
            let detail = format!("`require_auth`, or `PGREQUIREAUTH` in the environment, {wrong}.");
            Diagnostic::error("Wrong value for `require_auth`", detail).at(path!(sql.require_auth))
        })?;
        Ok(Access::Direct { server, sslmode, passwords })
    }

    fn role_passwords(&self) -> BTreeMap<String, Secret> {
        let given = self.role_passwords.known().into_iter().flatten();
        given.filter_map(|(role, password)| Some((role.clone(), Secret::new(password.known()?.clone())))).collect()
    }
}

impl Sql {
    fn has_unknown(&self) -> bool {
        self.host.is_unknown()
            || self.port.is_unknown()
            || self.username.is_unknown()
            || self.password.is_unknown()
            || self.sslmode.is_unknown()
            || self.sslrootcert.is_unknown()
            || self.require_auth.is_unknown()
    }
}

fn sql_block() -> Attribute {
    single([
        ("host", string().required().doc("Host name or address of the server.")),
        ("port", number().optional().whole(1..=65_535).doc("Port of the server. Defaults to `5432`.")),
        ("username", string().required().parsed_by(RoleName::parse).doc("Role to connect as.")),
        (
            "password",
            string()
                .optional()
                .sensitive()
                .doc("Password of the role. Defaults to the environment variable `PGPASSWORD`."),
        ),
        (
            "sslmode",
            string().optional().one_of(["verify-full", "require", "disable"]).doc(
                "`verify-full` checks the certificate and the host name. `require` encrypts only. `disable` does not encrypt. \
                 Defaults to `verify-full`.",
            ),
        ),
        (
            "sslrootcert",
            string().optional().doc("PEM file of the root certificates to trust for this server, or `system`."),
        ),
        (
            "require_auth",
            string().optional().parsed_by(Passwords::parse).doc(
                "How the server may ask for the password: a comma-separated list of `scram-sha-256`, `md5` and `password` (clear \
                 text). A server that asks in another way does not get the password. Defaults to the environment variable \
                 `PGREQUIREAUTH`, then to `scram-sha-256`.",
            ),
        ),
    ])
    .optional()
    .doc(
        "Connects to one Postgres server directly instead of a Neon project. `project_id` and `branch_id` of all resources must \
         then not be set. Conflicts with `api_key`.",
    )
}

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "this is the rim: the environment stands in for arguments here alone")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
