//! The provider functions: values in, the value that a consumer's provider, API or file takes out.
//!
//! One file each: the body, which is pure, and the signature under which Terraform calls it. A combination that the
//! consumer refuses is an error that says why and names the parameter.

mod airbyte_source_configuration;
mod clickpipes_settings;
mod connection;
mod connection_uri;
mod databricks_connection_options;
mod databricks_slot_config;
mod debezium_config;
mod estuary_config;
mod fivetran_config;
mod options;
mod parse_id;
mod sequin_yaml;

use tfplugin::kinds::erased::function;
use tfplugin::{Attr, ErasedFunction, FunctionError, Type};

pub(crate) use connection::Connection;
pub(crate) use options::Options;

/// All functions.
pub(crate) fn all() -> Vec<Box<dyn ErasedFunction>> {
    vec![
        function(airbyte_source_configuration::AirbyteSourceConfiguration),
        function(clickpipes_settings::ClickpipesSettings),
        function(connection_uri::ConnectionUri),
        function(databricks_connection_options::DatabricksConnectionOptions),
        function(databricks_slot_config::DatabricksSlotConfig),
        function(debezium_config::DebeziumConfig),
        function(estuary_config::EstuaryConfig),
        function(fivetran_config::FivetranConfig),
        function(parse_id::ParseId),
        function(sequin_yaml::SequinYaml),
    ]
}

/// Why a function gives no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The parameter that is wrong.
    pub(crate) parameter: &'static str,
    /// What is wrong with it, and what to do.
    pub(crate) reason: String,
}

/// What a function gives.
pub(crate) type Result<T> = std::result::Result<T, Refused>;

fn refused<T>(parameter: &'static str, reason: impl Into<String>) -> Result<T> {
    Err(Refused { parameter, reason: reason.into() })
}

/// A name that is not empty.
fn named<'a>(parameter: &'static str, name: &'a str) -> Result<&'a str> {
    if name.is_empty() { refused(parameter, "It must not be empty.") } else { Ok(name) }
}

impl From<Refused> for FunctionError {
    fn from(refused: Refused) -> Self {
        Self::new(refused.reason).at(refused.parameter)
    }
}

/// The argument of a parameter that is needed. Terraform passes null only where the signature allows it.
fn given<T>(parameter: &'static str, argument: Attr<T>) -> Result<T> {
    argument.into_known().ok_or_else(|| Refused { parameter, reason: format!("`{parameter}` cannot be null.") })
}

/// An object type.
fn object(attributes: &[(&str, Type)]) -> Type {
    Type::Object(attributes.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect())
}

#[cfg(test)]
mod samples {
    use super::Connection;

    pub(super) fn connection() -> Connection {
        Connection {
            host: "ep-cool-darkness-123456.us-east-2.aws.neon.tech".into(),
            port: 5432,
            database: "neondb".into(),
            username: "consumer".into(),
            password: Some("AbC123dEf".into()),
        }
    }
}
