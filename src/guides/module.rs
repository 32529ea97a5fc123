//! The facts that the module `examples/modules/source` goes by, as its file `destinations.tf`.

use std::fmt::Write as _;

use crate::destinations::{self, Destination, Form, Identity, Maker, Name, ViaRoot};

const HEAD: &str = r#"# Rendered from what the provider knows of each destination. `make generate` writes it.

variable "destination" {
  type        = string
  description = "The consumer, as neonrep_readiness names it."

  validation {
    condition = contains([
{ids}    ], var.destination)
    error_message = "Not a destination. The list is in destinations.tf."
  }
}

locals {
  destinations = {
"#;

/// The file, with a final newline.
pub fn module_facts() -> String {
    let ids: Vec<String> = destinations::ALL.iter().map(|it| format!("      {:?},\n", it.id)).collect();
    let mut file = HEAD.replace("{ids}", &ids.concat());
    for it in destinations::ALL {
        let _ = writeln!(file, "    {} = {{", it.id);
        for (name, value) in facts(it) {
            let _ = writeln!(file, "      {name:<18} = {value}");
        }
        file.push_str("    }\n");
    }
    file.push_str("  }\n}\n");
    file
}

fn facts(it: &Destination) -> [(&'static str, String); 11] {
    let (publication, publication_fixed) = usual(it.publication.name);
    let (slot, slot_fixed) = usual(it.slot.name);
    // What stands in angle brackets describes a name.
    let slot = slot.filter(|name| !name.starts_with('<'));
    let text = |it: Option<&str>| it.map_or_else(|| "null".to_owned(), |it| format!("{it:?}"));
    let own_slot_if = it.slot.own_if.map(|(option, value)| format!("{{ {option} = {value:?} }}"));
    // Where the consumer creates what is absent, Terraform creates it first.
    let own_slot = it.slot.own_if.is_none() && it.slot.made_by != Maker::Consumer;
    let writes = it.writes.map(|it| {
        let (schema, table) = it.table;
        let privileges = list(it.privileges);
        format!("{{ table = \"{schema}.{table}\", shape = {:?}, privileges = {privileges} }}", it.shape)
    });
    [
        ("publication", text(publication)),
        ("publication_fixed", publication_fixed.to_string()),
        ("takes_schemas", it.publication.forms.contains(&Form::Schemas).to_string()),
        ("via_partition_root", (it.publication.via_root != ViaRoot::Free).to_string()),
        ("slot", text(slot)),
        ("slot_fixed", slot_fixed.to_string()),
        ("own_slot", own_slot.to_string()),
        ("own_slot_if", own_slot_if.unwrap_or_else(|| "{}".to_owned())),
        ("privileges", list(it.privileges)),
        ("full_identity", (it.identity == Identity::Full).to_string()),
        ("writes", format!("[{}]", writes.unwrap_or_default())),
    ]
}

/// The name that is usual, and whether the consumer knows no other.
fn usual(name: Name) -> (Option<&'static str>, bool) {
    match name {
        Name::Free(usual) => (Some(usual), false),
        Name::Fixed(only) => (Some(only), true),
        Name::Chosen(_) => (None, false),
    }
}

fn list(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", "))
}

/// Ids of the destinations, as the module takes them.
pub fn module_destinations() -> Vec<&'static str> {
    destinations::ALL.iter().map(|it| it.id).collect()
}
