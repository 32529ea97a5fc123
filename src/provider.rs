//! The provider: its configuration, its resources and its data sources. Nothing else reads the environment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin::schema::timeouts::parse_duration;
use tfplugin::schema::{number, set_of, string};
use tfplugin::{
    Attr, Configured, Diagnostic, Diagnostics, ErasedDataSource, ErasedResource, Provider, Schema, Type, path,
};

use crate::checks;
use crate::context::Data;
use crate::secret::Secret;
use crate::session::{Session, Settings};
use crate::{data_sources, explain, neon, resources};

/// The provider `neonrep`.
#[derive(Debug, Default)]
pub struct Neonrep;

/// The provider block.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    api_key: Attr<String>,
    api_url: Attr<String>,
    sslrootcert: Attr<String>,
    plan_checks: Attr<String>,
    skip_checks: Attr<BTreeSet<String>>,
    max_connections: Attr<u32>,
    connect_timeout: Attr<String>,
}

/// The key is not shown.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

const DEFAULT_CONNECTIONS: u32 = 4;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_mins(1);

impl Provider for Neonrep {
    const ADDRESS: &'static str = "registry.terraform.io/neonrep/neonrep";
    type Config = Config;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("provider.md"))
            .attribute(
                "api_key",
                string().optional().sensitive().doc(
                    "Key for Neon's API: a personal, organization or project-scoped one, of which the last is enough. \
                     From the environment: `NEON_API_KEY`.",
                ),
            )
            .attribute(
                "api_url",
                string().optional().doc(format!(
                    "Where Neon's API is: `https://`, or `http://` on a loopback address. From the environment: `NEON_API_URL`. Defaults to `{}`.",
                    neon::DEFAULT_BASE_URL
                )),
            )
            .attribute(
                "sslrootcert",
                string().optional().doc(
                    "PEM file of the certificates to trust for Postgres instead of the system's. From the environment: \
                     `PGSSLROOTCERT`.",
                ),
            )
            .attribute(
                "plan_checks",
                string().optional().one_of(checks::Mode::WORDS).doc(
                    "Whether plan-time checks fail the plan, only warn, or are not made. From the environment: \
                     `NEONREP_PLAN_CHECKS`. Defaults to `error`.",
                ),
            )
            .attribute(
                "skip_checks",
                set_of(Type::String)
                    .optional()
                    .each_parsed_by(checks::known_id)
                    .doc("Ids of single plan-time checks to leave out; the guide on plan-time checks lists them."),
            )
            .attribute(
                "max_connections",
                number()
                    .optional()
                    .checked_by(|value| match value {
                        tfplugin::Value::Number(number) if number.to_i64().is_some_and(|n| (1..=100).contains(&n)) => {
                            Ok(())
                        }
                        _ => Err("must be a whole number from 1 to 100".to_owned()),
                    })
                    .doc("The most connections to Postgres at one time, in all; 1 is enough to work. Defaults to `4`."),
            )
            .attribute(
                "connect_timeout",
                string().optional().duration().doc(
                    "How long connecting to Postgres may take, with the time in which a sleeping compute wakes up. \
                     Defaults to `60s`.",
                ),
            )
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
        let session = Session::new(settings).map_err(|wrong| explain::settings(&wrong))?;
        Ok(Configured::Ready(Data::new(session, policy)))
    }

    fn resources() -> Vec<Box<dyn ErasedResource<Data>>> {
        resources::all()
    }

    fn data_sources() -> Vec<Box<dyn ErasedDataSource<Data>>> {
        data_sources::all()
    }
}

impl Config {
    fn unknown_argument(&self) -> Option<&'static str> {
        [
            ("api_key", self.api_key.is_unknown()),
            ("api_url", self.api_url.is_unknown()),
            ("sslrootcert", self.sslrootcert.is_unknown()),
            ("plan_checks", self.plan_checks.is_unknown()),
            ("skip_checks", self.skip_checks.is_unknown()),
            ("max_connections", self.max_connections.is_unknown()),
            ("connect_timeout", self.connect_timeout.is_unknown()),
        ]
        .into_iter()
        .find_map(|(name, unknown)| unknown.then_some(name))
    }

    fn settings(&self, terraform_version: &str) -> Result<Settings, Diagnostics> {
        let api_key = self.api_key.known().cloned().or_else(|| environment("NEON_API_KEY"));
        let Some(api_key) = api_key.filter(|key| !key.trim().is_empty()) else {
            return Err(Diagnostic::error(
                "No API key",
                "Set `api_key` in the provider block, or `NEON_API_KEY` in the environment. A project-scoped key is \
                 enough; Neon's console makes one under the organization's settings, API keys.",
            )
            .at(path!(api_key))
            .into());
        };
        let connect_timeout = match self.connect_timeout.known() {
            None => DEFAULT_CONNECT_TIMEOUT,
            Some(text) => parse_duration(text).map_err(|wrong| {
                Diagnostic::error("Wrong value for `connect_timeout`", wrong).at(path!(connect_timeout))
            })?,
        };
        Ok(Settings {
            api_key: Secret::new(api_key),
            api_url: self
                .api_url
                .known()
                .cloned()
                .or_else(|| environment("NEON_API_URL"))
                .unwrap_or_else(|| neon::DEFAULT_BASE_URL.to_owned()),
            sslrootcert: self.sslrootcert.known().cloned().or_else(|| environment("PGSSLROOTCERT")),
            max_connections: self.max_connections.known().copied().unwrap_or(DEFAULT_CONNECTIONS),
            connect_timeout,
            terraform_version: terraform_version.to_owned(),
            user_agent_suffix: environment("TF_APPEND_USER_AGENT"),
        })
    }
}

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "this is the rim: the environment stands in for arguments here alone")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
