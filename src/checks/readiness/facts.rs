//! What the checks of `neonrep_readiness` look at: what was asked, and what was read.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::destinations::{Destination, Name};
pub(crate) use crate::postgres::readiness::{Publication, Relation, Role, Server, Slot, Subscriber, Target};

/// A schema and a name in it.
pub(crate) type Named = (String, String);

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Name of the publication; `None` where it is not known, and the destination's fixed name does not say.
    pub(crate) publication: Option<String>,
    /// Name of the consumer's role.
    pub(crate) role: Option<String>,
    /// Name of the slot.
    pub(crate) slot: Option<String>,
    /// Tables that the consumer was told to read; empty for those of the publication.
    pub(crate) tables: Vec<Named>,
    /// Options of the consumer.
    pub(crate) options: BTreeMap<String, String>,
}

impl Asked {
    /// Whether an option is `true`.
    pub(crate) fn is_on(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|it| it == "true")
    }

    /// The publication, by the destination's fixed name where none was named.
    pub(crate) fn publication_name(&self, destination: &Destination) -> Option<String> {
        self.publication.clone().or_else(|| fixed(destination.publication.name))
    }

    /// The slot, by the destination's fixed name where none was named.
    pub(crate) fn slot_name(&self, destination: &Destination) -> Option<String> {
        self.slot.clone().or_else(|| fixed(destination.slot.name))
    }

    /// The table that the consumer writes, if it has one in this mode.
    pub(crate) fn written_table(&self, destination: &Destination) -> Option<Named> {
        let table = destination.writes?;
        if self.is_on("read_only_capture") {
            return None;
        }
        let default = (table.table.0.to_owned(), table.table.1.to_owned());
        Some(self.options.get("watermarks_table").map_or(default, |it| named(it)))
    }

    /// The heartbeat table, if one was named.
    pub(crate) fn heartbeat_table(&self) -> Option<Named> {
        self.options.get("heartbeat_table").map(|it| named(it))
    }
}

fn fixed(name: Name) -> Option<String> {
    if let Name::Fixed(only) = name { Some(only.to_owned()) } else { None }
}

/// `schema.name`, or a name in `public`.
fn named(text: &str) -> Named {
    let (schema, name) = text.split_once('.').unwrap_or(("public", text));
    (schema.to_owned(), name.to_owned())
}

/// How the server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Its addresses, where they were looked up.
    pub(crate) addresses: Vec<IpAddr>,
    /// It is Neon's; otherwise the `sql` block reaches it.
    pub(crate) on_neon: bool,
    /// The endpoint is a read replica.
    pub(crate) read_only_endpoint: bool,
    /// Entries of the project's IP Allow list; none means that every address may connect.
    pub(crate) allowed_ips: usize,
}

/// What was read of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Seen<T> {
    /// Nobody named it.
    #[default]
    NotAsked,
    /// It was named, and does not exist.
    Absent,
    /// It exists.
    There(T),
}

impl<T> Seen<T> {
    /// The object, if it exists.
    pub(crate) fn there(&self) -> Option<&T> {
        if let Self::There(it) = self { Some(it) } else { None }
    }

    /// What was read of an object that was named.
    pub(crate) fn of(read: Option<T>) -> Self {
        read.map_or(Self::Absent, Self::There)
    }
}

/// All that the checks look at. Checks say nothing on what was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// What the configuration says.
    pub(crate) asked: Asked,
    /// How the server is reached.
    pub(crate) host: Host,
    pub(crate) server: Server,
    pub(crate) role: Seen<Role>,
    /// The publication, by its name or the destination's fixed one.
    pub(crate) publication: Seen<Publication>,
    /// Published relations, their partitions, and those named.
    pub(crate) relations: Vec<Relation>,
    /// The slot, by its name or the destination's fixed one.
    pub(crate) slot: Seen<Slot>,
    /// The subscriber, for destinations that subscribe.
    pub(crate) subscriber: Option<Subscriber>,
    /// Subscriber and publisher are the same branch.
    pub(crate) same_branch: bool,
}

impl Facts {
    /// The role, if it exists.
    pub(crate) fn the_role(&self) -> Option<&Role> {
        self.role.there()
    }

    /// The publication, if it exists.
    pub(crate) fn the_publication(&self) -> Option<&Publication> {
        self.publication.there()
    }

    /// The slot, if it exists.
    pub(crate) fn the_slot(&self) -> Option<&Slot> {
        self.slot.there()
    }

    /// Relations whose changes reach the consumer under their own name.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|it| it.published)
    }

    /// Tables that hold the rows of what is published: partitions stand for a partitioned table.
    pub(crate) fn published_rows(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|it| (it.published || it.published_by_root) && it.kind != "p")
    }

    pub(crate) fn relation(&self, name: &Named) -> Option<&Relation> {
        self.relations.iter().find(|it| it.schema == name.0 && it.name == name.1)
    }
}

/// What to read for a destination: names that are empty where nothing need be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) publication: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) slot: Option<String>,
    /// Tables beside those of the publication.
    pub(crate) tables: Vec<Named>,
}

/// What to read for a destination, or `None` if no destination has this id.
pub(crate) fn wanted(destination: &str, asked: &Asked) -> Option<Wanted> {
    let destination = crate::destinations::find(destination)?;
    let extra = asked.written_table(destination).into_iter().chain(asked.heartbeat_table());
    Some(Wanted {
        publication: asked.publication_name(destination),
        role: asked.role.clone(),
        slot: asked.slot_name(destination),
        tables: asked.tables.iter().cloned().chain(extra).collect(),
    })
}
