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
mod refusal;
mod replication;
mod sequin_yaml;

use tfplugin::ErasedFunction;
use tfplugin::kinds::erased::function;

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

#[cfg(test)]
mod samples {
    use super::connection::Connection;

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
