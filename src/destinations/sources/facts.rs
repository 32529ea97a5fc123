//! The facts that are known of each source, as types.

/// A system that Neon reads changes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The stem of its guide, such as `cloud_sql`.
    pub(crate) id: &'static str,
    /// What people say; the system in Neon's list of logical replication guides.
    pub(crate) name: &'static str,
    /// Settings that make `wal_level` logical; empty where it is so from the start.
    pub(crate) parameters: &'static [Parameter],
    /// What a change of them takes.
    pub(crate) restart: Restart,
    /// Where Terraform sets them, as `resource.argument`.
    pub(crate) set_by: &'static [&'static str],
    /// How a role may replicate.
    pub(crate) replication: Replication,
    /// A role of the server by whose name the platform is recognized.
    pub(crate) recognized_by: Option<&'static str>,
    /// How Neon reaches it.
    pub(crate) reached: &'static str,
    /// Schemas of the platform's own, which are not to be published; a star stands for any end.
    pub(crate) own_schemas: &'static [&'static str],
}

/// A setting and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// As the platform calls it.
    pub(crate) name: &'static str,
    /// As the platform takes it.
    pub(crate) value: &'static str,
}

/// What a change of the settings takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Nothing: it is set from the start.
    NotNeeded,
    /// The instance restarts.
    Instance,
    /// The writer of the cluster restarts.
    Writer,
}

/// How a role may replicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replication {
    /// By the attribute REPLICATION.
    Attribute,
    /// By the attribute, on a role that is a member of the platform's administrators.
    AttributeIn(&'static str),
    /// By membership of a role.
    Membership(&'static str),
}
