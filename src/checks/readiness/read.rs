//! Reads the facts of one database: one round trip for each family, sent together.

use futures_util::future::try_join5;

use super::facts::{Asked, Facts, Host, Seen, Subscriber, wanted};
use crate::postgres::readiness::{publication, relations, role, server, slot, subscriber};
use crate::postgres::{Connection, Result};

/// Reads what the checks of a destination look at; `None` if no destination has this id. Nothing is changed.
pub(crate) async fn read(
    connection: &Connection,
    destination: &str,
    asked: Asked,
    host: Host,
) -> Result<Option<Facts>> {
    let Some(wanted) = wanted(destination, &asked) else { return Ok(None) };
    let (the_role, the_publication) = (wanted.role.as_deref(), wanted.publication.as_deref());
    let role = async {
        match the_role {
            Some(name) => role(connection, name).await.map(Seen::of),
            None => Ok(Seen::NotAsked),
        }
    };
    let publication = async {
        match the_publication {
            Some(name) => publication(connection, name).await.map(Seen::of),
            None => Ok(Seen::NotAsked),
        }
    };
    let slot = async {
        match wanted.slot.as_deref() {
            Some(name) => slot(connection, name, the_publication).await.map(Seen::of),
            None => Ok(Seen::NotAsked),
        }
    };
    let (server, role, publication, relations, slot) = try_join5(
        server(connection, the_role),
        role,
        publication,
        relations(connection, the_publication, &wanted.tables, the_role),
        slot,
    )
    .await?;
    Ok(Some(Facts { asked, host, server, role, publication, relations, slot, ..Facts::default() }))
}

/// Reads the subscriber's side of these facts: its tables of the names that the publisher publishes.
pub(crate) async fn read_subscriber(connection: &Connection, facts: &Facts) -> Result<Subscriber> {
    let published = facts.published().map(|it| (it.schema.clone(), it.name.clone()));
    let named: Vec<_> = published.chain(facts.asked.tables.iter().cloned()).collect();
    subscriber(connection, &named).await
}
