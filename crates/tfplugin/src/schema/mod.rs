//! Schemas: what a resource, data source or provider takes and gives, with its planning behaviour as data.
//!
//! ```text
//! Schema::new(include_str!("publication.md"))
//!     .attribute("name", string().required().replaces_if_set().doc("Name of the publication."))
//!     .attribute("publish", set_of(Type::String).default(Value::string_set(["insert"])).doc("…"))
//!     .attribute("id", string().computed().keeps_prior().doc("…"))
//!     .timeouts()
//! ```

mod attribute;
mod check;
pub(crate) mod describe;
mod identity;
mod role;
mod rule;
pub mod timeouts;

pub use attribute::{
    Attribute, CheckValue, Kind, Nesting, Validator, boolean, list_of, map_of, number, object_of, set_of,
    set_of_objects, single, string,
};
pub use identity::Identity;
pub use role::Role;
pub use rule::Rule;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::value::types::Type;

/// A schema: attributes, rules between them, and the prose of its page.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Version of the stored state. Raising it needs an upgrade.
    pub version: i64,
    /// Markdown of the documentation page, and the description Terraform shows.
    pub prose: &'static str,
    /// The attributes by name, without `timeouts`, which [`Schema::timeouts`] adds.
    pub attributes: BTreeMap<String, Attribute>,
    /// Rules between top-level attributes, checked on the configuration; unknown values mean silence.
    pub rules: Vec<Rule>,
    /// The form of an import id, for documentation and messages: `<project_id>/<branch_id>/<name>`.
    pub import_id: Option<&'static str>,
    /// What tells one object from another, for imports by identity and lists; none has no identity.
    pub identity: Option<Identity>,
    /// What [`object_type`](Self::object_type) gives, made at its first use.
    object_type: OnceLock<Type>,
    has_secrets: OnceLock<bool>,
}

impl Schema {
    /// A schema of version 0 with the prose of its page.
    pub fn new(prose: &'static str) -> Self {
        Self {
            version: 0,
            prose,
            attributes: BTreeMap::new(),
            rules: Vec::new(),
            import_id: None,
            identity: None,
            object_type: OnceLock::new(),
            has_secrets: OnceLock::new(),
        }
    }

    /// Sets the version of the stored state. Older ones are upgraded by
    /// [`Resource::upgrade`](crate::kinds::resource::Resource::upgrade).
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, attribute: Attribute) -> Self {
        self.attributes.insert(name.to_owned(), attribute);
        self
    }

    /// Adds several attributes, for groups that resources share.
    #[must_use]
    pub fn attributes(mut self, attributes: impl IntoIterator<Item = (&'static str, Attribute)>) -> Self {
        self.attributes.extend(attributes.into_iter().map(|(name, attribute)| (name.to_owned(), attribute)));
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Says the form of an import id.
    #[must_use]
    pub fn import_id(mut self, form: &'static str) -> Self {
        self.import_id = Some(form);
        self
    }

    /// Says what tells one object from another (Terraform 1.12, OpenTofu 1.12 and newer): names of attributes, whose
    /// values the framework takes from the state.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Adds `timeouts = { create, read, update, delete }`; the model has a field `timeouts: Attr<Timeouts>`.
    #[must_use]
    pub fn timeouts(self) -> Self {
        let duration = |what: &str| {
            string().optional().duration().doc(format!("How long {what} may take, such as `30s` or `1h10m`."))
        };
        self.attribute(
            "timeouts",
            single([
                ("create", duration("creating").doc_default("10m")),
                ("read", duration("reading").doc_default("2m")),
                ("update", duration("updating").doc_default("10m")),
                ("delete", duration("deleting").doc_default("10m")),
            ])
            .optional()
            .doc("How long operations may take before they fail."),
        )
    }

    /// The type of a whole value of this schema. Asked for several times in each call, so a schema is finished when it
    /// is first asked for.
    pub fn object_type(&self) -> &Type {
        self.object_type.get_or_init(|| attribute::object_type(&self.attributes))
    }

    /// Whether some attribute, at any depth, is sensitive or write-only.
    pub(crate) fn has_secrets(&self) -> bool {
        *self.has_secrets.get_or_init(|| has_secrets(&self.attributes))
    }
}

/// Whether a value may hold something to be hidden.
fn has_secrets(attributes: &BTreeMap<String, Attribute>) -> bool {
    attributes
        .values()
        .any(|it| it.sensitive || it.write_only || matches!(&it.kind, Kind::Nested(_, inner) if has_secrets(inner)))
}
