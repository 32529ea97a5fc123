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
mod refusal;
pub mod sequin_yaml;

pub use connection::Connection;
pub use options::Options;
pub use refusal::{Refused, Result};

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
