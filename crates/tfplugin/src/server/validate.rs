//! The calls that check configuration. They work without a configured provider and do no IO.

use super::messages::ClientCapabilities;
use crate::diagnostic::Diagnostics;
use crate::kinds::typed::{self, Origin};
use crate::provider::Provider;
use crate::schema::Schema;
use crate::server::host::{FrameworkServer, decode};
use crate::validate::validate;
use crate::value::Value;
use crate::value::codec::Encoded;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn validate_provider(&self, config: &Encoded) -> Diagnostics {
        check(&self.schema, config, "provider", true, |config| {
            match typed::decode("provider", &self.schema, Origin::Configuration, config) {
                Ok(config) => P::validate(&config),
                Err(problems) => problems,
            }
        })
    }

    pub(crate) fn validate_resource(
        &self,
        type_name: &str,
        config: &Encoded,
        capabilities: ClientCapabilities,
    ) -> Diagnostics {
        match self.resource(type_name) {
            Ok(resource) => {
                let allowed = capabilities.write_only_attributes_allowed;
                check(resource.schema(), config, type_name, allowed, |config| resource.validate(config))
            }
            Err(problem) => problem.into(),
        }
    }

    pub(crate) fn validate_data_source(&self, type_name: &str, config: &Encoded) -> Diagnostics {
        match self.data_source(type_name) {
            Ok(source) => check(source.schema(), config, type_name, true, |config| source.validate(config)),
            Err(problem) => problem.into(),
        }
    }
}

/// The schema's rules first; the author's hook sees only what passed them, for it may not fit the model else.
pub(crate) fn check(
    schema: &Schema,
    config: &Encoded,
    type_name: &str,
    write_only_allowed: bool,
    hook: impl FnOnce(&Value) -> Diagnostics,
) -> Diagnostics {
    let config = match decode(schema, config, type_name, "configuration") {
        Ok(config) => config,
        Err(problem) => return problem.into(),
    };
    // A provider without a block in configuration is an empty object; null is only ever a client of its own kind.
    if !matches!(config, Value::Object(_)) {
        return Diagnostics::none();
    }
    let problems = validate(schema, &config, write_only_allowed);
    if problems.has_errors() { problems } else { problems + hook(&config) }
}
