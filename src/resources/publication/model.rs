//! The values of `neonrep_publication`, and what follows from them alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, Timeouts, path};

use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::publication::{Definition, Listing, Operation, Publication as Found, Wish};
use crate::postgres::{DatabaseName, PublicationName, Relation, RoleName, SchemaName, TableName};
use crate::target::{Database, PublicationId, ReplicaIdentityId};

/// In private state: whether the last apply left a publication of all tables. A difference that came about outside is
/// told apart from one that the configuration asks for.
pub(super) const APPLIED_ALL_TABLES: &str = "all_tables";

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<PublicationId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) name: Attr<PublicationName>,
    pub(super) tables: Attr<BTreeSet<Entry>>,
    pub(super) all_tables: Attr<bool>,
    pub(super) publish: Attr<BTreeSet<Operation>>,
    pub(super) publish_via_partition_root: Attr<bool>,
    pub(super) adopt: Attr<bool>,
    pub(super) allow_replace: Attr<bool>,
    pub(super) force_destroy: Attr<bool>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) oid: Attr<u32>,
    pub(super) owner: Attr<RoleName>,
    pub(super) adopted: Attr<bool>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// One element of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
    pub(super) replica_identity_id: Attr<ReplicaIdentityId>,
}

impl Model {
    /// What the publication shall be; everything must be known.
    pub(super) fn definition(&self) -> Result<Definition, Diagnostics> {
        let all_tables = self.all_tables.is_true();
        let listed = |it: &Entry| Ok((it.table()?, Listing::default()));
        let tables = if all_tables {
            BTreeMap::new()
        } else {
            self.tables.need(path!(tables))?.iter().map(listed).collect::<Result<_, Diagnostics>>()?
        };
        Ok(Definition {
            tables,
            schemas: Wish::AsFound,
            all_tables,
            publish: self.publish.need(path!(publish))?.clone(),
            via_partition_root: self.publish_via_partition_root.is_true(),
            generated_columns: Wish::AsFound,
        })
    }

    /// Refuses known `replica_identity_id`s of other tables.
    pub(super) fn check_identities(&self) -> Result<(), Diagnostics> {
        self.check_identities_of(&self.branch_id)
    }

    /// The same once the branch is known.
    pub(super) fn check_identities_at(&self, at: &Database) -> Result<(), Diagnostics> {
        self.check_identities_of(&at.server.branch_id().cloned().into())
    }

    fn check_identities_of(&self, branch: &Attr<BranchId>) -> Result<(), Diagnostics> {
        let Attr::Known(tables) = &self.tables else { return Ok(()) };
        let problems = foreign_identities(tables, &self.project_id, branch, &self.database);
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    /// Whether this plan leads from a list to all tables, or back.
    pub(super) fn turns(&self, prior: &Self) -> bool {
        matches!((&prior.all_tables, &self.all_tables), (Attr::Known(before), Attr::Known(after)) if before != after)
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, found: &Found) -> Self {
        let prior = self.tables.known().cloned().unwrap_or_default();
        Self {
            id: PublicationId { database: at.clone(), name: found.name.clone() }.into(),
            branch_id: at.server.branch_id().cloned().into(),
            tables: observed_tables(found.tables.keys(), &prior).into(),
            all_tables: found.all_tables.into(),
            publish: found.publish.clone().into(),
            publish_via_partition_root: found.via_partition_root.into(),
            oid: found.oid.into(),
            owner: found.owner.clone().into(),
            // What the state says stays: the mark can be changed by the owner of the publication.
            adopted: if self.adopted.known().is_some() { self.adopted } else { found.marks.is_adopted().into() },
            ..self
        }
    }
}

impl Entry {
    pub(super) fn attributes() -> [(&'static str, Attribute); 3] {
        [
            ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
            ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
            (
                "replica_identity_id",
                string().optional().parsed_by(str::parse::<ReplicaIdentityId>).doc(
                    "`neonrep_replica_identity.<name>.id` of this table. The identity is then set before the table is published, \
                     and restored after.",
                ),
            ),
        ]
    }

    /// The table; both names must be known.
    pub(super) fn table(&self) -> Result<TableName, Diagnostics> {
        let schema = self.schema_or_public();
        Ok(TableName::new(schema.need(path!(tables))?.clone(), self.name.need(path!(tables))?.clone()))
    }

    /// The default is not in a configuration.
    fn schema_or_public(&self) -> Attr<SchemaName> {
        if self.schema.is_null() { SchemaName::parse("public").ok().into() } else { self.schema.clone() }
    }

    /// Whether another resource sets its identity.
    pub(super) fn has_reference(&self) -> bool {
        !self.replica_identity_id.is_null()
    }
}

/// A table that two elements name, with different `replica_identity_id`s. Elements that are the same once their defaults
/// are filled in are found by the framework.
pub(super) fn listed_twice(entries: &BTreeSet<Entry>) -> Diagnostics {
    let mut seen = BTreeMap::new();
    for table in entries.iter().filter_map(|it| it.table().ok()) {
        *seen.entry(table).or_insert(0) += 1;
    }
    seen.into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(table, _)| {
            let detail = format!("`tables` names `{table}` more than once. A table without `schema` is in `public`.");
            Diagnostic::error(format!("Table `{table}` is listed twice"), detail).at(path!(tables))
        })
        .collect()
}

/// Known `replica_identity_id`s that belong to another table, database, branch or project.
pub(super) fn foreign_identities(
    entries: &BTreeSet<Entry>,
    project: &Attr<ProjectId>,
    branch: &Attr<BranchId>,
    database: &Attr<DatabaseName>,
) -> Diagnostics {
    let text = |known: Option<String>| known.map_or(Attr::Unknown, Attr::Known);
    let mut problems = Diagnostics::none();
    for entry in entries {
        let Attr::Known(id) = &entry.replica_identity_id else { continue };
        let [its_project, its_branch, its_database] = id.database.parts();
        let published = [
            ("project", its_project, text(project.known().map(ToString::to_string))),
            ("branch", its_branch, text(branch.known().map(ToString::to_string))),
            ("database", its_database, text(database.known().map(ToString::to_string))),
            ("schema", id.table.schema.as_str(), text(entry.schema_or_public().known().map(ToString::to_string))),
            ("table", id.table.name(), text(entry.name.known().map(ToString::to_string))),
        ];
        let other = published.into_iter().find(|(_, its, wanted)| wanted.known().is_some_and(|wanted| wanted != its));
        if let Some((what, its, wanted)) = other {
            let detail = format!(
                "`{id}` is the identity of {what} `{its}`, but the publication is for {what} `{}`. Reference the identity of the \
                 same table.",
                wanted.known().map_or("", String::as_str)
            );
            problems.push(Diagnostic::error("`replica_identity_id` of another table", detail).at(path!(tables)));
        }
    }
    problems
}

/// The tables as the server has them; the identity of each is kept from the prior state.
pub(super) fn observed_tables<'a>(
    found: impl IntoIterator<Item = &'a TableName>,
    prior: &BTreeSet<Entry>,
) -> BTreeSet<Entry> {
    let identities: BTreeMap<TableName, &Attr<ReplicaIdentityId>> =
        prior.iter().filter_map(|it| Some((it.table().ok()?, &it.replica_identity_id))).collect();
    found
        .into_iter()
        .map(|table| Entry {
            schema: table.schema.clone().into(),
            name: table.relation().clone().into(),
            replica_identity_id: identities.get(table).map_or(Attr::Null, |it| (*it).clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
        Attr::Known(text.parse().unwrap())
    }

    fn entry(schema: Attr<SchemaName>, name: &str, identity: Attr<ReplicaIdentityId>) -> Entry {
        Entry { schema, name: known(name), replica_identity_id: identity }
    }

    #[test]
    fn a_table_is_listed_once_whatever_its_identity() {
        let twice = |entries: Vec<Entry>| listed_twice(&entries.into_iter().collect()).has_errors();
        assert!(twice(vec![entry(Attr::Null, "t", Attr::Null), entry(known("public"), "t", known("p/b/d/public/t"))]));
        assert!(twice(vec![entry(Attr::Null, "t", Attr::Unknown), entry(Attr::Null, "t", Attr::Null)]));
        assert!(!twice(vec![entry(known("s"), "t", Attr::Null), entry(Attr::Null, "t", Attr::Null)]));
        assert!(!twice(vec![entry(Attr::Unknown, "t", Attr::Null), entry(Attr::Null, "t", Attr::Null)]));
    }

    #[test]
    fn an_identity_is_of_the_same_table() {
        let foreign = |id: &str, branch: Attr<BranchId>| {
            let entries = [entry(Attr::Null, "t", known(id))].into();
            foreign_identities(&entries, &known("p"), &branch, &known("d")).has_errors()
        };
        assert!(!foreign("p/b/d/public/t", known("b")));
        assert!(!foreign("p/other/d/public/t", Attr::Unknown));
        for wrong in ["q/b/d/public/t", "p/c/d/public/t", "p/b/e/public/t", "p/b/d/s/t", "p/b/d/public/u"] {
            assert!(foreign(wrong, known("b")), "{wrong}");
        }
    }

    #[test]
    fn what_is_read_keeps_the_identity_of_each_table() {
        let table = |name: &str| TableName::parse("public", name).unwrap();
        let prior = [
            entry(known("public"), "a", known("p/b/d/public/a")),
            entry(known("public"), "old", known("p/b/d/public/old")),
        ]
        .into();
        let found = observed_tables(&[table("a"), table("new")], &prior);
        let expected =
            [entry(known("public"), "a", known("p/b/d/public/a")), entry(known("public"), "new", Attr::Null)].into();
        assert_eq!(found, expected);
    }
}
