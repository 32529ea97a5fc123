//! What the process says of itself.

/// A provider, as its process tells it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The provider's type: the part of the binary's name after `terraform-provider-`.
    pub name: &'static str,
    /// Version, without `v`.
    pub version: &'static str,
    /// One sentence on what the provider is for.
    pub purpose: &'static str,
    /// Crates whose log lines Terraform sees, beside this one's: those of libraries would drown them.
    pub log_crates: &'static [&'static str],
    /// Full source addresses, for `--debug`: the same short address means another registry to OpenTofu.
    pub addresses: &'static [&'static str],
}

impl About {
    pub(super) fn binary(&self) -> String {
        format!("terraform-provider-{}", self.name)
    }

    /// `namespace/name`, as users write it.
    pub(super) fn source(&self) -> &'static str {
        self.addresses.first().and_then(|it| it.split_once('/')).map_or(self.name, |(_, source)| source)
    }

    /// The provider's part of names of environment variables.
    pub(super) fn variable_suffix(&self) -> String {
        self.name.to_uppercase().replace('-', "_")
    }
}
