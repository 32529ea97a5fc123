//! The whole guide in one configuration, with names that the test chooses, and the ids of what it creates.

use crate::support::sql::identifier;
use crate::support::stand_in::StandIn;

/// A string of the configuration language: nothing in it is a template.
pub(super) fn hcl(text: &str) -> String {
    format!("{text:?}").replace("${", "$${").replace("%{", "%%{")
}

/// A part of an id, escaped as the guide "Getting started" says; `also` is what the list in a grant's id escapes too.
pub(super) fn part(text: &str, also: &[char]) -> String {
    let escaped = |it: char| match it {
        '%' | '/' => format!("%{:02X}", u32::from(it)),
        _ if also.contains(&it) => format!("%{:02X}", u32::from(it)),
        _ => it.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// What the objects are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) database: &'a str,
    pub(super) schema: &'a str,
    pub(super) table: &'a str,
    pub(super) role: &'a str,
    pub(super) publication: &'a str,
    pub(super) slot: &'a str,
}

/// Names that need no quoting.
pub(super) const PLAIN: Names<'static> = Names {
    database: "neondb",
    schema: "public",
    table: "playing_with_neon",
    role: "reader_one",
    publication: "pub_one",
    slot: "slot_one",
};

/// Addresses of all resources, sorted.
pub(super) const ADDRESSES: [&str; 6] = [
    "neonrep_grant.this",
    "neonrep_logical_replication.this",
    "neonrep_publication.this",
    "neonrep_replica_identity.this",
    "neonrep_role.this",
    "neonrep_slot.this",
];

pub(super) const LOGICAL_REPLICATION: &str = r#"
resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}
"#;

impl Names<'_> {
    /// The configuration after the provider block.
    pub(super) fn configuration(&self) -> String {
        format!("{LOGICAL_REPLICATION}{}", self.without_enabling("neonrep_logical_replication.this.id"))
    }

    /// All but the first resource; `project` is an expression.
    pub(super) fn without_enabling(&self, project: &str) -> String {
        let (role, slot) = (hcl(self.role), hcl(self.slot));
        format!(
            r#"
resource "neonrep_role" "this" {{
  project_id = {project}
  name       = {role}
}}

{}
resource "neonrep_slot" "this" {{
  publication_id = neonrep_publication.this.id
  name           = {slot}
}}
"#,
            self.in_the_database(project, "neonrep_role.this.name")
        )
    }

    /// Grant, replica identity and publication; `project` and `role` are expressions.
    pub(super) fn in_the_database(&self, project: &str, role: &str) -> String {
        let (database, schema, table) = (hcl(self.database), hcl(self.schema), hcl(self.table));
        let publication = hcl(self.publication);
        format!(
            r#"
resource "neonrep_grant" "this" {{
  project_id = {project}
  database   = {database}
  role       = {role}
  schemas    = [{schema}]
  tables     = [{{ schema = {schema}, name = {table} }}]
}}

resource "neonrep_replica_identity" "this" {{
  project_id = {project}
  database   = {database}
  schema     = {schema}
  table      = {table}
  mode       = "full"
}}

resource "neonrep_publication" "this" {{
  project_id = {project}
  database   = {database}
  name       = {publication}
  tables = [{{
    schema              = {schema}
    name                = {table}
    replica_identity_id = neonrep_replica_identity.this.id
  }}]
}}
"#
        )
    }

    /// Creates database, schema and table if they do not exist, owned by the owner of the database.
    pub(super) fn prepare(&self, stand_in: &StandIn) {
        if self.database != stand_in.ready.database {
            let owner = stand_in.ready.owner_role.as_str();
            stand_in.admin("POST", "/databases", Some(&serde_json::json!({"name": self.database, "owner": owner})));
        }
        let schema = identifier(self.schema);
        stand_in.sql_in(
            self.database,
            &format!(
                "SET ROLE {}; CREATE SCHEMA IF NOT EXISTS {schema}; \
                 CREATE TABLE IF NOT EXISTS {schema}.{}(id int PRIMARY KEY, note text)",
                identifier(&stand_in.ready.owner_role),
                identifier(self.table),
            ),
        );
    }

    /// The import id of an address; the slot's names its publication too.
    pub(super) fn id(&self, stand_in: &StandIn, address: &str) -> String {
        let (project, branch) = (stand_in.ready.project_id.as_str(), stand_in.ready.branch_id.as_str());
        let within = |rest: &[&str]| {
            let rest: Vec<String> = rest.iter().map(|it| part(it, &[])).collect();
            format!("{project}/{branch}/{}/{}", part(self.database, &[]), rest.join("/"))
        };
        match address {
            "neonrep_logical_replication.this" => project.to_owned(),
            "neonrep_role.this" => format!("{project}/{branch}/{}", part(self.role, &[])),
            "neonrep_grant.this" => {
                let member = |it: &str| part(it, &[',', '.']);
                let schema = member(self.schema);
                format!("{}/{schema},{schema}.{}", within(&[self.role]), member(self.table))
            }
            "neonrep_replica_identity.this" => within(&[self.schema, self.table]),
            "neonrep_publication.this" => within(&[self.publication]),
            "neonrep_slot.this" => within(&[self.slot, self.publication]),
            other => panic!("no such address: {other}"),
        }
    }
}
