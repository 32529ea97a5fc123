//! Subscriptions: what a database receives from a publisher (manual, CREATE SUBSCRIPTION; `subscriptioncmds.c`).
//!
//! Everybody may read `pg_subscription` except the connection string. Statements that reach the publisher cannot run in a
//! transaction; [`alone`](super::alone) runs them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::Result;
use super::names::{PublicationName, SlotName, SubscriptionName};
use super::row::{Param, Row};
use super::sql::{Fragment, List, Literal, SecretLiteral, Statement};
use crate::secret::Secret;
use crate::sql;

/// When changes of a transaction that is still open are sent (option `streaming`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Streaming {
    /// After its commit.
    Off,
    /// At once, into files of the subscriber.
    On,
    /// At once, applied by workers of their own (16+).
    Parallel,
}

impl Streaming {
    /// All words of the option.
    pub(crate) const WORDS: [&'static str; 3] = ["off", "on", "parallel"];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Parallel => "parallel",
        }
    }

    /// `substream` is a boolean before 16, and a letter since.
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "f" | "false" => Ok(Self::Off),
            "t" | "true" => Ok(Self::On),
            "p" => Ok(Self::Parallel),
            other => Err(format!("unknown letter `{other}`")),
        }
    }
}

/// Which changes are asked for, by where they come from (option `origin`, 16+).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Only those that the publisher did not itself receive from another one.
    None,
    /// All.
    Any,
}

impl Origin {
    /// All words of the option.
    pub(crate) const WORDS: [&'static str; 2] = ["none", "any"];

    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Any => "any",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "any" => Ok(Self::Any),
            other => Err(format!("unknown word `{other}`")),
        }
    }
}

/// Options that can be changed as long as the subscription exists. `None` leaves an option as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Send values in binary form.
    pub(crate) binary: bool,
    /// When changes of open transactions are sent.
    pub(crate) streaming: Option<Streaming>,
    /// Disable the subscription when a change cannot be applied (15+).
    pub(crate) disable_on_error: bool,
    /// Which changes are asked for (16+).
    pub(crate) origin: Option<Origin>,
    /// Synchronize the slot to standbys of the publisher (17+).
    pub(crate) failover: bool,
}

/// A subscription of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) name: SubscriptionName,
    /// OID of its database, which stays when the database is renamed.
    pub(crate) database_oid: u32,
    /// Whether it is to run.
    pub(crate) enabled: bool,
    /// The publications, by their names at the publisher.
    pub(crate) publications: BTreeSet<PublicationName>,
    /// The slot at the publisher; `None`: it is not associated with one.
    pub(crate) slot_name: Option<SlotName>,
    /// Whether prepared transactions are applied when they are prepared (15+).
    pub(crate) two_phase: bool,
    /// The rest.
    pub(crate) options: Options,
}

/// A subscription to be created.
#[expect(clippy::struct_excessive_bools, reason = "options of the statement, each a boolean there")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewSubscription {
    pub(crate) name: SubscriptionName,
    /// How to connect to the publisher.
    pub(crate) connection: Secret,
    /// The publications.
    pub(crate) publications: BTreeSet<PublicationName>,
    /// The slot at the publisher.
    pub(crate) slot_name: SlotName,
    /// Whether the slot is created with it.
    pub(crate) create_slot: bool,
    /// Whether rows that exist are copied first.
    pub(crate) copy_data: bool,
    /// Whether it starts at once.
    pub(crate) enabled: bool,
    /// Decode prepared transactions when they are prepared (15+).
    pub(crate) two_phase: bool,
    /// The rest.
    pub(crate) options: Options,
}

impl NewSubscription {
    /// Whether that one is what this one was to be, as far as the catalog shows whose it is.
    pub(crate) fn is(&self, found: &Subscription) -> bool {
        found.slot_name.as_ref() == Some(&self.slot_name) && found.publications == self.publications
    }
}

macro_rules! select_subscriptions {
    ($more:literal, $which:literal) => {
        concat!(
            "
SELECT s.subname::text AS name, s.subdbid AS database_oid, s.subenabled AS enabled, s.subpublications AS publications,
       s.subslotname::text AS slot, s.subbinary AS is_binary, s.substream::text AS streaming, ",
            $more,
            "
FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
            $which,
            " ORDER BY s.subname"
        )
    };
}

/// The columns that came with later versions: 15, 16 and 17. The whole row may not be read.
macro_rules! by_version {
    ($version:expr, $which:literal) => {
        match $version {
            ..15 => select_subscriptions!(
                "false AS two_phase, false AS disable_on_error, NULL::text AS origin, false AS failover",
                $which
            ),
            15 => select_subscriptions!(
                "s.subtwophasestate <> 'd' AS two_phase, s.subdisableonerr AS disable_on_error, NULL::text AS origin, false AS failover",
                $which
            ),
            16 => select_subscriptions!(
                "s.subtwophasestate <> 'd' AS two_phase, s.subdisableonerr AS disable_on_error, s.suborigin AS origin, false AS failover",
                $which
            ),
            17.. => select_subscriptions!(
                "s.subtwophasestate <> 'd' AS two_phase, s.subdisableonerr AS disable_on_error, s.suborigin AS origin, s.subfailover AS failover",
                $which
            ),
        }
    };
}

/// Reads one of the connected database; `None` if there is none of that name.
pub(crate) async fn read(connection: &Connection, name: &SubscriptionName) -> Result<Option<Subscription>> {
    let query = by_version!(connection.version().major(), " AND s.subname = $1");
    connection.fetch_optional(query, &[Param::Text(name.as_str())]).await?.as_ref().map(from_row).transpose()
}

/// Reads all of the connected database.
pub(crate) async fn read_all(connection: &Connection) -> Result<BTreeMap<SubscriptionName, Subscription>> {
    let query = by_version!(connection.version().major(), "");
    let rows = connection.fetch(query, &[]).await?;
    rows.iter().map(|row| from_row(row).map(|it| (it.name.clone(), it))).collect()
}

fn from_row(row: &Row) -> Result<Subscription> {
    Ok(Subscription {
        name: row.parse("name", SubscriptionName::parse)?,
        database_oid: row.get("database_oid")?,
        enabled: row.get("enabled")?,
        publications: row.parse_set("publications", PublicationName::parse)?,
        slot_name: row.parse_optional("slot", SlotName::parse)?,
        two_phase: row.get("two_phase")?,
        options: Options {
            binary: row.get("is_binary")?,
            streaming: Some(row.parse("streaming", Streaming::parse)?),
            disable_on_error: row.get("disable_on_error")?,
            origin: row.parse_optional("origin", Origin::parse)?,
            failover: row.get("failover")?,
        },
    })
}

/// `name = value` of a WITH or SET list.
enum Setting<'a> {
    Flag(&'static str, bool),
    Text(&'static str, &'a str),
}

impl Fragment for Setting<'_> {
    fn write_sql(&self, out: &mut String) {
        match self {
            Self::Flag(name, value) => {
                out.push_str(name);
                out.push_str(" = ");
                value.write_sql(out);
            }
            Self::Text(name, value) => {
                out.push_str(name);
                out.push_str(" = ");
                Literal(value).write_sql(out);
            }
        }
    }
}

fn names(publications: &BTreeSet<PublicationName>) -> List<&PublicationName> {
    List(publications.iter().collect())
}

/// Creates it. Cannot run in a transaction where it creates the slot. Options that are as the server has them by default are
/// left out, so that older versions understand the rest.
pub(crate) fn create(new: &NewSubscription) -> Statement {
    let options = &new.options;
    let mut settings = vec![
        Setting::Flag("create_slot", new.create_slot),
        Setting::Text("slot_name", new.slot_name.as_str()),
        Setting::Flag("copy_data", new.copy_data),
        Setting::Flag("enabled", new.enabled),
    ];
    let flags = [
        ("binary", options.binary),
        ("two_phase", new.two_phase),
        ("disable_on_error", options.disable_on_error),
        ("failover", options.failover),
    ];
    settings.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, set)| Setting::Flag(name, set)));
    settings.extend(options.streaming.map(|it| Setting::Text("streaming", it.as_str())));
    settings.extend(options.origin.map(|it| Setting::Text("origin", it.as_str())));
    sql!(
        "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})",
        new.name,
        SecretLiteral(&new.connection),
        names(&new.publications),
        List(settings)
    )
}

/// How a subscription is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Whether it runs.
    pub(crate) enabled: bool,
    /// The slot at the publisher.
    pub(crate) slot_name: SlotName,
    /// A new connection string; `None` leaves the one that the server has.
    pub(crate) connection: Option<Secret>,
    /// The rest.
    pub(crate) options: Options,
}

/// The changes that a transaction can make, all but the publications and `failover`. A subscription that is to be enabled
/// is enabled last.
pub(crate) fn alter(have: &Subscription, want: &Definition) -> Vec<Statement> {
    let name = &have.name;
    let mut statements = Vec::new();
    if have.enabled && !want.enabled {
        statements.push(disable(name));
    }
    if let Some(connection) = &want.connection {
        statements.push(sql!("ALTER SUBSCRIPTION {} CONNECTION {}", name, SecretLiteral(connection)));
    }
    let (now, then) = (&have.options, &want.options);
    let mut settings = Vec::new();
    if have.slot_name.as_ref() != Some(&want.slot_name) {
        settings.push(Setting::Text("slot_name", want.slot_name.as_str()));
    }
    if now.binary != then.binary {
        settings.push(Setting::Flag("binary", then.binary));
    }
    if let Some(streaming) = then.streaming.filter(|it| now.streaming != Some(*it)) {
        settings.push(Setting::Text("streaming", streaming.as_str()));
    }
    if now.disable_on_error != then.disable_on_error {
        settings.push(Setting::Flag("disable_on_error", then.disable_on_error));
    }
    if let Some(origin) = then.origin.filter(|it| now.origin != Some(*it)) {
        settings.push(Setting::Text("origin", origin.as_str()));
    }
    if !settings.is_empty() {
        statements.push(sql!("ALTER SUBSCRIPTION {} SET ({})", name, List(settings)));
    }
    if !have.enabled && want.enabled {
        statements.push(enable(name));
    }
    statements
}

/// Starts it.
pub(crate) fn enable(name: &SubscriptionName) -> Statement {
    sql!("ALTER SUBSCRIPTION {} ENABLE", name)
}

/// Stops it.
pub(crate) fn disable(name: &SubscriptionName) -> Statement {
    sql!("ALTER SUBSCRIPTION {} DISABLE", name)
}

/// Changes `failover` (17+), of the slot at the publisher too. Cannot run in a transaction, and only while it is disabled.
pub(crate) fn set_failover(name: &SubscriptionName, failover: bool) -> Statement {
    sql!("ALTER SUBSCRIPTION {} SET (failover = {})", name, failover)
}

/// Replaces the list of publications without asking the publisher for their tables: for one that is disabled.
pub(crate) fn set_publications(name: &SubscriptionName, publications: &BTreeSet<PublicationName>) -> Statement {
    sql!("ALTER SUBSCRIPTION {} SET PUBLICATION {} WITH (refresh = false)", name, names(publications))
}

/// Replaces the list of publications and takes up their tables. Cannot run in a transaction.
pub(crate) fn set_publications_and_refresh(
    name: &SubscriptionName,
    publications: &BTreeSet<PublicationName>,
    copy_data: bool,
) -> Statement {
    let names = names(publications);
    sql!("ALTER SUBSCRIPTION {} SET PUBLICATION {} WITH (refresh = true, copy_data = {})", name, names, copy_data)
}

/// Takes up tables that were added to the publications. Cannot run in a transaction.
pub(crate) fn refresh(name: &SubscriptionName, copy_data: bool) -> Statement {
    sql!("ALTER SUBSCRIPTION {} REFRESH PUBLICATION WITH (copy_data = {})", name, copy_data)
}

/// Drops it, and its slot at the publisher. Cannot run in a transaction.
pub(crate) fn drop(name: &SubscriptionName) -> Statement {
    sql!("DROP SUBSCRIPTION {}", name)
}

/// Drops it and leaves its slot, for a transaction.
pub(crate) fn drop_without_slot(name: &SubscriptionName) -> Vec<Statement> {
    vec![disable(name), sql!("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", name), drop(name)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publications(names: &[&str]) -> BTreeSet<PublicationName> {
        names.iter().map(|it| PublicationName::parse(it).unwrap()).collect()
    }

    const PLAIN: Options =
        Options { binary: false, streaming: None, disable_on_error: false, origin: None, failover: false };

    fn new() -> NewSubscription {
        NewSubscription {
            name: SubscriptionName::parse("my \"sub\"").unwrap(),
            connection: Secret::new("host=a password='it''s hunter2'"),
            publications: publications(&["p", "Q"]),
            slot_name: SlotName::parse("s").unwrap(),
            create_slot: true,
            copy_data: false,
            enabled: true,
            two_phase: false,
            options: PLAIN,
        }
    }

    fn have() -> Subscription {
        Subscription {
            name: SubscriptionName::parse("s").unwrap(),
            database_oid: 5,
            enabled: true,
            publications: publications(&["p"]),
            slot_name: Some(SlotName::parse("s").unwrap()),
            two_phase: false,
            options: Options { streaming: Some(Streaming::Off), origin: Some(Origin::Any), ..PLAIN },
        }
    }

    fn want() -> Definition {
        Definition { enabled: true, slot_name: SlotName::parse("s").unwrap(), connection: None, options: PLAIN }
    }

    #[test]
    fn what_a_lost_attempt_created_is_told_by_slot_and_publications() {
        let new = NewSubscription { publications: publications(&["p"]), ..new() };
        assert!(new.is(&have()));
        assert!(!new.is(&Subscription { publications: publications(&["q"]), ..have() }));
        assert!(!new.is(&Subscription { slot_name: None, ..have() }));
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_said_at_creation() {
        let statement = create(&new());
        assert_eq!(
            statement.redacted(),
            "CREATE SUBSCRIPTION \"my \"\"sub\"\"\" CONNECTION '***' PUBLICATION \"Q\", \"p\" WITH (create_slot = true, slot_name = \
             's', copy_data = false, enabled = true)"
        );
        assert!(statement.has_secret() && statement.as_sql().contains("'host=a password=''it''''s hunter2'''"));
        let options = Options {
            binary: true,
            streaming: Some(Streaming::Parallel),
            disable_on_error: true,
            origin: Some(Origin::None),
            failover: true,
        };
        let all = create(&NewSubscription { two_phase: true, options, ..new() });
        assert!(all.redacted().ends_with(
            "enabled = true, binary = true, two_phase = true, disable_on_error = true, failover = true, streaming = 'parallel', \
             origin = 'none')"
        ));
    }

    #[test]
    fn the_smallest_statements_lead_from_one_to_the_other() {
        let said = |have: &Subscription, want: &Definition| {
            alter(have, want).iter().map(|it| it.redacted().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said(&have(), &want()), Vec::<String>::new());
        let options = Options { streaming: Some(Streaming::On), origin: Some(Origin::Any), binary: true, ..PLAIN };
        assert_eq!(
            said(&have(), &Definition { options, ..want() }),
            ["ALTER SUBSCRIPTION \"s\" SET (binary = true, streaming = 'on')"]
        );
        let connection = Some(Secret::new("host=b"));
        let disabled = Subscription { enabled: false, slot_name: None, ..have() };
        assert_eq!(
            said(&disabled, &Definition { connection, ..want() }),
            [
                "ALTER SUBSCRIPTION \"s\" CONNECTION '***'",
                "ALTER SUBSCRIPTION \"s\" SET (slot_name = 's')",
                "ALTER SUBSCRIPTION \"s\" ENABLE",
            ]
        );
        assert_eq!(said(&have(), &Definition { enabled: false, ..want() }), ["ALTER SUBSCRIPTION \"s\" DISABLE"]);
    }

    #[test]
    fn letters_of_the_catalogue_are_words() {
        for (text, word) in [("f", "off"), ("false", "off"), ("t", "on"), ("true", "on"), ("p", "parallel")] {
            assert_eq!(Streaming::parse(text).map(Streaming::as_str), Ok(word));
        }
        assert!(Streaming::parse("x").is_err() && Origin::parse("x").is_err());
        assert_eq!(Origin::parse("none").map(Origin::as_str), Ok("none"));
    }
}
