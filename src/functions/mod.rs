//! Bodies of the provider functions: values in, the value that a consumer's provider, API or file takes out.
//!
//! They are pure and know nothing of Terraform. A combination that the consumer refuses is an error that says why and names
//! the parameter.

pub mod airbyte_source_configuration;
pub mod clickpipes_settings;
mod connection;
pub mod connection_uri;
pub mod databricks_connection_options;
pub mod databricks_slot_config;
pub mod debezium_config;
pub mod estuary_config;
pub mod fivetran_config;
mod options;
pub mod parse_id;
pub mod sequin_yaml;

pub use connection::Connection;
pub use options::Options;

/// Why a function gives no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The parameter that is wrong.
    pub parameter: &'static str,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// What a function gives.
pub type Result<T> = std::result::Result<T, Refused>;

fn refused<T>(parameter: &'static str, reason: impl Into<String>) -> Result<T> {
    Err(Refused { parameter, reason: reason.into() })
}

/// A name that is not empty.
fn named<'a>(parameter: &'static str, name: &'a str) -> Result<&'a str> {
    if name.is_empty() { refused(parameter, "It must not be empty.") } else { Ok(name) }
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
