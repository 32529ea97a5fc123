//! The whole of the guide in one configuration, with names of the caller's choice, and the ids of what it makes.

use crate::support::sql::identifier;
use crate::support::stand_in::StandIn;

/// A string of the configuration language: nothing in it is a template.
pub(super) fn hcl(text: &str) -> String {
    format!("{text:?}").replace("${", "$${").replace("%{", "%%{")
}

/// A part of an id, escaped as `interface.md` says; `also` is what a grant's list escapes beside it.
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

/// Names that nobody has to think about.
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

pub(super) const LOGICAL_REPLICATION: &str =
    "resource \"neonrep_logical_replication\" \"this\" {\n  project_id = var.project_id\n}\n";

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

    /// Makes database, schema and table where they are not there yet, owned by the database's owner.
    pub(super) fn prepare(&self, stand_in: &StandIn) {
        if self.database != stand_in.ready.database {
            let owner = stand_in.ready.owner_role.as_str();
            stand_in.admin(
                "POST",
                "/databases",
                Some(&serde_json::json!({"name": self.database, "owner": owner})),
            );
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

#[test]
fn full_on_a_partitioned_table_does_not_reach_its_leaves_and_that_is_said() {
    let stand_in = StandIn::start_logical(17);
    let tables = "CREATE TABLE part(id INT, v TEXT) PARTITION BY RANGE (id); \
                  CREATE TABLE part_one PARTITION OF part FOR VALUES FROM (0) TO (100)";
    stand_in.sql_as_owner(tables).expect("a partitioned table");
    let workspace = Workspace::new(&stand_in);
    let identity = |name: &str| {
        format!(
            "resource \"neonrep_replica_identity\" \"{name}\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
             table = \"{name}\"\n  mode = \"full\"\n}}\n"
        )
    };
    let publication = |more: &str| {
        format!(
            "resource \"neonrep_publication\" \"this\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
             name = \"pub_one\"\n  tables = [{{ name = \"part\"{more} }}]\n  publish_via_partition_root = true\n}}\n"
        )
    };
    // Without a promise: refused at plan, and the leaf is named.
    workspace.write(&publication(""));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("tables") && error.text().contains("part_one"), "{error:?}");
    // The parent's identity is no cure: the apply sees it in its own transaction, and the application goes on.
    let promised = publication(", replica_identity_id = neonrep_replica_identity.part.id");
    workspace.write(&format!("{}{promised}", identity("part")));
    workspace.apply_fails().insist_error("part_one");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    stand_in
        .sql_as_owner("INSERT INTO part VALUES (1, 'a'); UPDATE part SET v = 'b'")
        .expect("the application's UPDATE");
    // The leaf's own identity is.
    let after_leaf = promised.replace("publish_via", "depends_on = [neonrep_replica_identity.part_one]\n  publish_via");
    workspace.write(&format!("{}{}{after_leaf}", identity("part"), identity("part_one")));
    workspace.apply();
    stand_in.sql_as_owner("UPDATE part SET v = 'c'").expect("the application's UPDATE");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'part_one'"), "d");
}

#[test]
fn create_before_destroy_forced_from_a_dependent_loses_nothing() {
    let stand_in = StandIn::start(17);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    let dependent = "resource \"terraform_data\" \"dependent\" {\n  input = [neonrep_grant.databricks.id, \
                     neonrep_replica_identity.playing_with_neon.id, neonrep_logical_replication.this.id]\n  \
                     lifecycle { create_before_destroy = true }\n}\n";
    workspace.write_file("main.tf", &format!("{GUIDE}\n{dependent}"));
    workspace.apply();
    let grants = "SELECT count(*) FROM pg_class AS it, aclexplode(it.relacl) AS one \
                  WHERE one.grantee = 'databricks_replication'::regrole";
    let had = stand_in.value(grants);
    let arguments = ["-replace=neonrep_grant.databricks", "-replace=neonrep_replica_identity.playing_with_neon"];
    workspace.apply_with(&arguments);
    assert_eq!(stand_in.value(grants), had);
    assert_ne!(had, "0");
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'playing_with_neon'"), "f");
    // The second instance found `full` there: that, and not what the first had found, is what its destroy goes back to.
    let original = workspace.attributes("neonrep_replica_identity.playing_with_neon")["original"]["mode"].clone();
    assert_eq!(original, "full");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'databricks_replication'"), "0");
}
