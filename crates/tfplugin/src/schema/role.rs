//! What a schema can describe.

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The `provider` block.
    Provider,
    /// A `resource` block.
    Resource,
    /// A `data` block.
    DataSource,
    /// An `ephemeral` block (Terraform 1.10).
    Ephemeral,
    /// An `action` block (Terraform 1.14).
    Action,
    /// The `config` of a `list` block (Terraform 1.14).
    List,
}

impl Role {
    /// Names that the language keeps for itself.
    pub(super) fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Provider => &["alias", "version", "count", "depends_on", "for_each", "source", "lifecycle", "locals"],
            Self::Resource | Self::DataSource | Self::Ephemeral | Self::Action | Self::List => {
                &["count", "for_each", "depends_on", "provider", "lifecycle", "connection", "provisioner", "locals"]
            }
        }
    }
}
