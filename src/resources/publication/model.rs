//! The values of `neonrep_publication`, and what follows from them alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, set_of, string};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Timeouts, Type, path};

use super::private::{Filter, Filters};
use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::marks::{Marks, Nonce};
use crate::postgres::publication::{
    Definition, GeneratedColumns, Listing, Member, Operation, Publication as Found, RowFilter, WantedFilter, Wish,
};
use crate::postgres::{
    ColumnName, DatabaseName, PublicationName, Relation, RoleName, SchemaName, ServerVersion, TableName,
};
use crate::target::{Database, ObjectId as _, PublicationId, ReplicaIdentityId};

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
    pub(super) schemas: Attr<BTreeSet<SchemaName>>,
    pub(super) all_tables: Attr<bool>,
    pub(super) publish: Attr<BTreeSet<Operation>>,
    pub(super) publish_via_partition_root: Attr<bool>,
    pub(super) publish_generated_columns: Attr<GeneratedColumns>,
    pub(super) manage_tables: Attr<ManageTables>,
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

/// Whose tables and schemas the resource manages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ManageTables {
    /// All: what others add is a difference.
    Exact,
    /// Those that are configured: what others add stays.
    AtLeast,
}

impl ManageTables {
    pub(super) const WORDS: [&'static str; 2] = ["exact", "at_least"];
}

/// Arguments of a definition that the server's version does not have, each as `refuse` says it.
pub(super) fn unsupported(
    version: ServerVersion,
    want: &Definition,
    refuse: impl Fn(ServerVersion, &str, u32, &AttributePath) -> Option<Diagnostic>,
) -> Vec<Diagnostic> {
    let columns = want.tables.values().any(|it| matches!(it.columns, Wish::Exactly(Some(_))));
    let filter = want.tables.values().any(|it| matches!(it.filter, Wish::Exactly(Some(_))));
    let schemas = matches!(&want.schemas, Wish::Exactly(schemas) if !schemas.is_empty());
    let generated = matches!(want.generated_columns, Wish::Exactly(_));
    [
        (columns, "columns", 15, path!(tables)),
        (filter, "where", 15, path!(tables)),
        (schemas, "schemas", 15, path!(schemas)),
        (generated, "publish_generated_columns", 18, path!(publish_generated_columns)),
    ]
    .into_iter()
    .filter(|(is_set, ..)| *is_set)
    .filter_map(|(_, argument, needed, at)| refuse(version, argument, needed, &at))
    .collect()
}

/// One element of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
    pub(super) columns: Attr<BTreeSet<ColumnName>>,
    #[serde(rename = "where")]
    pub(super) filter: Attr<String>,
    pub(super) replica_identity_id: Attr<ReplicaIdentityId>,
}

impl Model {
    /// Whether it was imported and not read yet.
    pub(super) fn is_imported(&self) -> bool {
        self.oid.is_null()
    }

    /// What the publication shall be; everything must be known. `filters`: how the server printed the filters that were
    /// set before.
    pub(super) fn definition(&self, filters: &Filters) -> Result<Definition, Diagnostics> {
        let all_tables = self.all_tables.is_true();
        let listed = |it: &Entry| {
            let table = it.table()?;
            let listing = it.listing(filters.get(&table.to_string()))?;
            Ok((table, listing))
        };
        let tables = if all_tables {
            BTreeMap::new()
        } else {
            self.tables.need(path!(tables))?.iter().map(listed).collect::<Result<_, Diagnostics>>()?
        };
        Ok(Definition {
            tables,
            schemas: Wish::Exactly(self.schemas.known().cloned().unwrap_or_default()),
            all_tables,
            publish: self.publish.need(path!(publish))?.clone(),
            via_partition_root: self.publish_via_partition_root.is_true(),
            generated_columns: self.publish_generated_columns.known().map_or(Wish::AsFound, |it| Wish::Exactly(*it)),
        })
    }

    /// Adds to a definition what others have listed, where that stays: everything that `prior` did not manage.
    pub(super) fn with_others(&self, mut want: Definition, have: &Found, prior: Option<&Self>) -> Definition {
        if self.manage_tables != Attr::Known(ManageTables::AtLeast) || want.all_tables {
            return want;
        }
        let managed = prior.map(Self::managed_tables).unwrap_or_default();
        for table in have.tables.keys().filter(|it| !managed.contains(it)) {
            want.tables.entry(table.clone()).or_default();
        }
        if let Wish::Exactly(schemas) = &mut want.schemas {
            let managed = prior.and_then(|it| it.schemas.known()).cloned().unwrap_or_default();
            schemas.extend(have.schemas.difference(&managed).cloned());
        }
        want
    }

    fn managed_tables(&self) -> BTreeSet<TableName> {
        self.tables.known().into_iter().flatten().filter_map(|it| it.table().ok()).collect()
    }

    /// How the server printed the filters that this plan has set, for telling its own spelling from a change.
    pub(super) fn filters(&self, found: &Found) -> Filters {
        let set = |it: &Entry| {
            let (table, text) = (it.table().ok()?, it.filter.known()?.clone());
            let of_server = found.tables.get(&table)?.filter.clone()?;
            Some((table.to_string(), Filter { text, of_server }))
        };
        self.tables.known().into_iter().flatten().filter_map(set).collect()
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

    /// Whether the plan publishes updates or deletes that were not published before, or other columns of all tables.
    pub(super) fn publishes_less_than(&self, planned: &Self) -> bool {
        let published =
            |it: &Self, operation: Operation| it.publish.known().is_some_and(|all| all.contains(&operation));
        let begins = |operation: Operation| published(planned, operation) && !published(self, operation);
        Operation::ALL.into_iter().any(|it| it.needs_identity() && begins(it))
            || self.publish_via_partition_root != planned.publish_via_partition_root
            || self.sent_generated_columns(None) != planned.sent_generated_columns(Some(self))
            || planned.turns(self)
    }

    /// The option as it will be; unset it stays as it was. What is not known yet counts as the one that breaks least.
    fn sent_generated_columns(&self, prior: Option<&Self>) -> GeneratedColumns {
        match &self.publish_generated_columns {
            Attr::Known(generated) => *generated,
            Attr::Unknown => GeneratedColumns::Stored,
            Attr::Null => prior.map_or(GeneratedColumns::None, |it| it.sent_generated_columns(None)),
        }
    }

    /// The publication as this plan makes it, without row filters, which only the server understands. `None`: what it
    /// publishes is not known yet.
    pub(super) fn as_planned(&self, prior: Option<&Self>) -> Option<Found> {
        let member = |it: &Entry| {
            Some((it.table().ok()?, Member { relid: 0, columns: it.columns.known().cloned(), filter: None }))
        };
        Some(Found {
            name: self.name.known()?.clone(),
            oid: 0,
            owner: RoleName::parse("postgres").ok()?,
            tables: self.tables.known()?.iter().filter_map(member).collect(),
            schemas: BTreeSet::new(),
            all_tables: self.all_tables.is_true(),
            publish: self.publish.known()?.clone(),
            via_partition_root: self.publish_via_partition_root.is_true(),
            generated_columns: self.sent_generated_columns(prior),
            marks: Marks::default(),
        })
    }

    /// Whether this plan leads from a list to all tables, or back.
    pub(super) fn turns(&self, prior: &Self) -> bool {
        matches!((&prior.all_tables, &self.all_tables), (Attr::Known(before), Attr::Known(after)) if before != after)
    }

    /// The state as the server has it. With `manage_tables = "at_least"` only what the state lists is shown.
    /// `mark`: the nonce that this resource wrote into its COMMENT.
    pub(super) fn observed(self, at: &Database, found: &Found, filters: &Filters, mark: Option<&Nonce>) -> Self {
        let prior = self.tables.known().into_iter().flatten().map(|it| it.clone().moved(&self.database, at)).collect();
        let (managed, at_least) = (self.managed_tables(), self.manage_tables == Attr::Known(ManageTables::AtLeast));
        let shown = found.tables.iter().filter(|(table, _)| !at_least || managed.contains(table));
        let own_schemas = self.schemas.known().cloned().unwrap_or_default();
        let schemas =
            if at_least { found.schemas.intersection(&own_schemas).cloned().collect() } else { found.schemas.clone() };
        // Left alone where the configuration says nothing; the default of the server is no difference.
        let generated = match (&self.publish_generated_columns, found.generated_columns) {
            (Attr::Null, GeneratedColumns::None) => Attr::Null,
            (_, found) => Attr::Known(found),
        };
        Self {
            id: PublicationId { database: at.clone(), name: found.name.clone() }.into(),
            branch_id: at.server.branch_id().cloned().into(),
            database: at.name.clone().into(),
            tables: observed_tables(shown, &prior, filters).into(),
            schemas: schemas.into(),
            all_tables: found.all_tables.into(),
            publish: found.publish.clone().into(),
            publish_via_partition_root: found.via_partition_root.into(),
            publish_generated_columns: generated,
            oid: found.oid.into(),
            owner: found.owner.clone().into(),
            // What the state says stays: the mark can be changed by the owner of the publication.
            adopted: match self.adopted {
                Attr::Known(adopted) => adopted.into(),
                _ => mark.is_some_and(|nonce| found.marks.is_adopted_by(nonce)).into(),
            },
            ..self
        }
    }
}

impl Entry {
    pub(super) fn attributes() -> [(&'static str, Attribute); 5] {
        [
            ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
            ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
            (
                "columns",
                set_of(Type::String).optional().each_parsed_by(ColumnName::parse).doc(
                    "Columns to publish (Postgres 15 and later). Must include the columns of the replica identity if updates or \
                     deletes are published. Defaults to all columns. While a column is listed, `ALTER TABLE … DROP COLUMN` of it \
                     fails.",
                ),
            ),
            (
                "where",
                string().optional().parsed_by(RowFilter::parse).doc(
                    "Row filter, an SQL expression such as `id > 10` (Postgres 15 and later). May use only columns of the replica \
                     identity if updates or deletes are published. While a filter uses a column, `ALTER TABLE … ALTER COLUMN … \
                     TYPE` and `DROP COLUMN` of it fail.",
                ),
            ),
            (
                "replica_identity_id",
                string().optional().parsed_by(replica_identity_id).doc(
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

    fn listing(&self, seen: Option<&Filter>) -> Result<Listing, Diagnostics> {
        let filter = match &self.filter {
            Attr::Known(text) => {
                let filter = RowFilter::parse(text)
                    .map_err(|wrong| Diagnostic::error("Invalid row filter", format!("{wrong}.")).at(path!(tables)))?;
                let of_server = seen.filter(|it| it.text == *text).map(|it| it.of_server.clone());
                Some(WantedFilter { filter, of_server })
            }
            Attr::Null | Attr::Unknown => None,
        };
        Ok(Listing { columns: Wish::Exactly(self.columns.known().cloned()), filter: Wish::Exactly(filter) })
    }

    /// The default is not in a configuration.
    fn schema_or_public(&self) -> Attr<SchemaName> {
        if self.schema.is_null() { SchemaName::parse("public").ok().into() } else { self.schema.clone() }
    }

    /// The same after its database was renamed.
    fn moved(mut self, old: &Attr<DatabaseName>, at: &Database) -> Self {
        if let Attr::Known(id) = &mut self.replica_identity_id
            && id.database.server == at.server
            && old.known() == Some(&id.database.name)
        {
            id.database.name.clone_from(&at.name);
        }
        self
    }
}

fn replica_identity_id(text: &str) -> Result<ReplicaIdentityId, String> {
    text.parse()
        .map_err(|wrong| format!("{wrong}: the ID of a replica identity has the form `{}`", ReplicaIdentityId::FORM))
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

/// The tables as the server has them. The identity of each is kept from the prior state, and so is the user's spelling of
/// a filter that the server prints as it did when this text was set.
fn observed_tables<'a>(
    found: impl IntoIterator<Item = (&'a TableName, &'a Member)>,
    prior: &BTreeSet<Entry>,
    filters: &Filters,
) -> BTreeSet<Entry> {
    let before: BTreeMap<TableName, &Entry> = prior.iter().filter_map(|it| Some((it.table().ok()?, it))).collect();
    let entry = |(table, member): (&TableName, &Member)| {
        let before = before.get(table);
        let text = before.and_then(|it| it.filter.known());
        Entry {
            schema: table.schema.clone().into(),
            name: table.relation().clone().into(),
            columns: member.columns.clone().into(),
            filter: observed_filter(text, filters.get(&table.to_string()), member.filter.as_deref()).into(),
            replica_identity_id: before.map_or(Attr::Null, |it| it.replica_identity_id.clone()),
        }
    };
    found.into_iter().map(entry).collect()
}

fn observed_filter(text: Option<&String>, seen: Option<&Filter>, found: Option<&str>) -> Option<String> {
    let found = found?;
    let is_same = |text: &String| {
        seen.is_some_and(|it| it.text == *text && it.of_server == found)
            || RowFilter::parse(text).is_ok_and(|it| it.is_spelled_like(found))
    };
    Some(text.filter(|text| is_same(text)).cloned().unwrap_or_else(|| found.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Attr<T> {
        Attr::Known(text.parse().unwrap())
    }

    fn entry(schema: Attr<SchemaName>, name: &str, identity: Attr<ReplicaIdentityId>) -> Entry {
        Entry { schema, name: known(name), columns: Attr::Null, filter: Attr::Null, replica_identity_id: identity }
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
        let member = Member { relid: 1, columns: None, filter: None };
        let found = [table("a"), table("new")].map(|it| (it, member.clone()));
        let found = observed_tables(found.iter().map(|(table, member)| (table, member)), &prior, &Filters::new());
        let expected =
            [entry(known("public"), "a", known("p/b/d/public/a")), entry(known("public"), "new", Attr::Null)].into();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_servers_spelling_of_a_filter_is_no_difference() {
        let text = "id>10".to_owned();
        let seen = Filter { text: text.clone(), of_server: "(id > 10)".to_owned() };
        let observed = |text: Option<&String>, seen, found| observed_filter(text, seen, found);
        assert_eq!(observed(Some(&text), Some(&seen), Some("(id > 10)")), Some(text.clone()));
        assert_eq!(
            observed(Some(&text), Some(&seen), Some("(id > 11)")),
            Some("(id > 11)".to_owned()),
            "changed outside"
        );
        assert_eq!(observed(Some(&text), Some(&seen), None), None, "removed outside");
        assert_eq!(observed(None, None, Some("(id > 10)")), Some("(id > 10)".to_owned()), "after an import");
        let spelled = "id > 10".to_owned();
        assert_eq!(observed(Some(&spelled), None, Some("(id > 10)")), Some(spelled.clone()));
    }
}
