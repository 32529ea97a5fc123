//! What each consumer of a logical replication stream needs, and what each source that Neon can subscribe to needs.
//!
//! One file per system, each a value of [`Destination`] or [`Source`]. The guide page, the readiness checks and the tests
//! read these values, so that a fact stands in one place. A fact that could not be confirmed says so in its text.

mod airbyte;
mod bemi;
mod check_lists;
mod clickpipes;
mod confluent_cloud;
mod databricks_airbyte;
mod databricks_lakeflow;
mod debezium;
mod decodable;
mod estuary;
mod facts;
mod fivetran;
mod inngest;
mod materialize;
mod neon_subscriber;
mod peerdb;
mod postgres_subscriber;
mod prisma_pulse;
mod sequin;
mod snowflake_airbyte;
pub(crate) mod sources;

pub(crate) use facts::Severity;
pub(crate) use facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Slot, Status, Versions, ViaRoot,
};

/// All destinations, sorted by id.
pub(crate) const ALL: &[&Destination] = &[
    &airbyte::FACTS,
    &bemi::FACTS,
    &clickpipes::FACTS,
    &confluent_cloud::FACTS,
    &databricks_airbyte::FACTS,
    &databricks_lakeflow::FACTS,
    &debezium::FACTS,
    &decodable::FACTS,
    &estuary::FACTS,
    &fivetran::FACTS,
    &inngest::FACTS,
    &materialize::FACTS,
    &neon_subscriber::FACTS,
    &peerdb::FACTS,
    &postgres_subscriber::FACTS,
    &prisma_pulse::FACTS,
    &sequin::FACTS,
    &snowflake_airbyte::FACTS,
];

/// The destination of that id.
pub(crate) fn find(id: &str) -> Option<&'static Destination> {
    ALL.iter().copied().find(|it| it.id == id)
}

#[cfg(test)]
mod tests;
