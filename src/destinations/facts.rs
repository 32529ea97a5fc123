//! The facts that are known of each destination, as types, and how a finding weighs there.

/// A system that reads changes from Neon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination {
    /// What configurations write, such as `databricks_lakeflow`.
    pub(crate) id: &'static str,
    /// What people say.
    pub(crate) name: &'static str,
    /// The system in Neon's list of logical replication guides that this belongs to.
    pub(crate) row: &'static str,
    /// Whether one can start to use it today.
    pub(crate) status: Status,
    pub(crate) publication: Publication,
    pub(crate) slot: Slot,
    /// Servers that its vendor names.
    pub(crate) postgres: Versions,
    /// Privileges on published tables, beyond CONNECT on the database and USAGE on schemas.
    pub(crate) privileges: &'static [&'static str],
    /// A table that it writes.
    pub(crate) writes: Option<Written>,
    /// What it asks of the replica identity.
    pub(crate) identity: Identity,
    /// How its slot advances while the published tables are quiet.
    pub(crate) heartbeat: Heartbeat,
    /// What is still there after it was deleted.
    pub(crate) at_deletion: AtDeletion,
    /// Checks of `neonrep_readiness`, in groups.
    pub(crate) checks: &'static [&'static [Applies]],
}

impl Destination {
    /// The checks that apply, in the order of the groups; a check that stands in two groups has the severity of the last.
    pub(crate) fn checks(&self) -> Vec<Applies> {
        let mut found: Vec<Applies> = Vec::new();
        for one in self.checks.iter().copied().flatten() {
            match found.iter_mut().find(|it| it.check == one.check) {
                Some(earlier) => *earlier = *one,
                None => found.push(*one),
            }
        }
        found
    }
}

/// Whether one can start to use a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Generally available.
    Available,
    /// A public preview.
    Preview,
    /// Run by its users from source.
    OpenSource,
    /// Its documentation exists, but new use could not be confirmed.
    Unconfirmed,
}

/// Who creates an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// The user, here by Terraform; the consumer refuses to start without it, or would create one of a kind that is not wanted.
    Terraform,
    /// The consumer; it refuses or replaces one that is there already.
    Consumer,
    /// The consumer creates it only if it is absent.
    Either,
}

/// What an object is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The user chooses; this is the usual one, and the consumer is told.
    Free(&'static str),
    /// The consumer knows no other.
    Fixed(&'static str),
    /// The consumer chooses, in this form; empty where its documents do not say.
    Chosen(&'static str),
}

/// What a publication consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A list of tables.
    Tables,
    /// Schemas.
    Schemas,
    /// All tables of the database.
    AllTables,
}

/// Whether changes of partitions are to be published under the name of their root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViaRoot {
    /// The consumer works with both.
    Free,
    /// The consumer's own publications do so, or its tables would be split otherwise.
    Advised,
    /// The consumer fails otherwise.
    Required,
}

/// The publication that a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication {
    /// Who creates it.
    pub(crate) made_by: Maker,
    pub(crate) name: Name,
    /// Forms that work; the first is the one that the guide uses.
    pub(crate) forms: &'static [Form],
    /// Partitions.
    pub(crate) via_root: ViaRoot,
}

/// The slot that a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Who creates it.
    pub(crate) made_by: Maker,
    pub(crate) name: Name,
    /// Output plugin.
    pub(crate) plugin: &'static str,
    /// How many are in use at rest.
    pub(crate) count: u16,
    /// How many more are in use while tables are copied.
    pub(crate) while_copying: u16,
    /// A mode of the consumer in which Terraform creates the slot though the consumer usually does: option and value.
    pub(crate) own_if: Option<(&'static str, &'static str)>,
}

impl Slot {
    /// Whether Terraform creates it when the consumer runs with these options.
    pub(crate) fn is_own<'a>(&self, option: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self.own_if {
            Some((name, value)) => option(name) == Some(value),
            None => self.made_by == Maker::Terraform,
        }
    }
}

/// Major versions of Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The oldest that the consumer's documentation or code accepts; `None` if neither says.
    pub(crate) oldest: Option<u16>,
    /// The newest that the vendor lists; `None` if it lists none.
    pub(crate) newest: Option<u16>,
}

/// A table that the consumer writes to make the stream move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Schema and name by default.
    pub(crate) table: (&'static str, &'static str),
    /// `shape` of `neonrep_signal_table`.
    pub(crate) shape: &'static str,
    /// Columns, in order.
    pub(crate) columns: &'static [&'static str],
    /// Privileges on it.
    pub(crate) privileges: &'static [&'static str],
}

/// What a consumer asks of replica identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// What Postgres asks: a primary key, an index or FULL, for tables published for updates or deletes.
    Usable,
    /// A primary key; without one the consumer falls back to something slower or loses deletes.
    PrimaryKey,
    /// FULL gives it more: unchanged large values, or the old row.
    FullAdvised,
    /// FULL on every table, or it fails.
    Full,
}

/// How a slot advances while the published tables are quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heartbeat {
    /// No such mechanism is known.
    None,
    /// The consumer writes a message into the WAL by itself.
    Message,
    /// The consumer runs a statement that this option of its configuration gives; without it the stream breaks on a quiet database.
    Needed(&'static str),
    /// The same, useful on a quiet database.
    Useful(&'static str),
    /// The consumer writes its own table.
    Table,
    /// Not confirmed.
    Unconfirmed,
}

/// What is still there after a consumer was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtDeletion {
    /// Publication and slot: Terraform drops what it created.
    LeavesAll,
    /// The consumer drops the slot, or what it created itself.
    DropsItsOwn,
    /// The consumer leaves a slot that it created, which somebody has to drop.
    LeavesItsSlot,
    /// Not confirmed: look at the slots afterwards.
    Unconfirmed,
}

/// How much a finding of `neonrep_readiness` weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The consumer does not work, or loses data.
    Error,
    /// The consumer works, with a loss that the user should know.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// What `findings` show.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A check that applies to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applies {
    pub(crate) check: &'static str,
    /// What a finding weighs here.
    pub(crate) severity: Severity,
}

pub(super) const fn error(check: &'static str) -> Applies {
    Applies { check, severity: Severity::Error }
}

pub(super) const fn warning(check: &'static str) -> Applies {
    Applies { check, severity: Severity::Warning }
}

pub(super) const fn info(check: &'static str) -> Applies {
    Applies { check, severity: Severity::Info }
}
