//! One member of `tables`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, identity, path};

use crate::postgres::{SchemaName, TableName};
use crate::resources::location::known;

/// A listed table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(super) schema: Attr<String>,
    pub(super) name: Attr<String>,
    pub(super) replica_identity_id: Attr<String>,
}

const IDENTITY: &str = "<project_id>/<branch_id>/<database>/<schema>/<table>";

impl Entry {
    pub(super) fn attributes() -> [(&'static str, Attribute); 3] {
        [
            ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
            (
                "name",
                string().required().parsed_by(|name| TableName::parse("public", name)).doc("Name of the table."),
            ),
            (
                "replica_identity_id",
                string().optional().doc(
                    "`neonrep_replica_identity.x.id` of this table: the identity is then set before the table is published, \
                     and given back after.",
                ),
            ),
        ]
    }

    /// The table; both names must be known.
    pub(super) fn table(&self) -> Result<TableName, Diagnostics> {
        let schema = known(&self.schema_or_public(), path!(tables), SchemaName::parse)?;
        known(&self.name, path!(tables), |name| TableName::parse(schema.as_str(), name))
    }

    fn schema_or_public(&self) -> Attr<String> {
        if self.schema.is_null() { Attr::Known("public".to_owned()) } else { self.schema.clone() }
    }

    /// Whether another resource sees to its identity.
    pub(super) fn has_reference(&self) -> bool {
        !self.replica_identity_id.is_null()
    }
}

/// A table that two members name, with different `replica_identity_id`s. Members that are the same once their defaults
/// are in are found by the framework.
pub(super) fn listed_twice(entries: &BTreeSet<Entry>) -> Diagnostics {
    let mut seen = BTreeMap::new();
    for table in entries.iter().filter_map(|it| it.table().ok()) {
        *seen.entry(table).or_insert(0) += 1;
    }
    seen.into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(table, _)| {
            let detail = format!("`tables` has `{table}` more than once. A table without `schema` is one of `public`.");
            Diagnostic::error(format!("Table `{table}` is listed twice"), detail).at(path!(tables))
        })
        .collect()
}

/// Known `replica_identity_id`s that are of another table, database, branch or project.
pub(super) fn foreign_identities(
    entries: &BTreeSet<Entry>,
    project: &Attr<String>,
    branch: &Attr<String>,
    database: &Attr<String>,
) -> Diagnostics {
    let mut problems = Diagnostics::none();
    for entry in entries {
        let Attr::Known(id) = &entry.replica_identity_id else { continue };
        let Ok(parts) = identity::parts::<5>(id, IDENTITY) else {
            let detail = format!("`{id}` is not of the form `{IDENTITY}`. Take `neonrep_replica_identity.x.id`.");
            problems.push(Diagnostic::error("Wrong `replica_identity_id`", detail).at(path!(tables)));
            continue;
        };
        let wanted = [project, branch, database, &entry.schema_or_public(), &entry.name];
        let words = ["project", "branch", "database", "schema", "table"];
        for ((part, wanted), word) in parts.iter().zip(wanted).zip(words) {
            if let Attr::Known(wanted) = wanted
                && wanted != part
            {
                let detail = format!(
                    "`{id}` is the identity of another {word}: `{part}`, where `{wanted}` is published. Reference the identity \
                     of the same table."
                );
                problems.push(Diagnostic::error("`replica_identity_id` of another table", detail).at(path!(tables)));
                break;
            }
        }
    }
    problems
}

/// The tables as the server has them; the identity of each is kept from the prior state.
pub(super) fn observed<'a>(found: impl IntoIterator<Item = &'a TableName>, prior: &BTreeSet<Entry>) -> BTreeSet<Entry> {
    let identities: BTreeMap<TableName, &Attr<String>> =
        prior.iter().filter_map(|it| Some((it.table().ok()?, &it.replica_identity_id))).collect();
    found
        .into_iter()
        .map(|table| Entry {
            schema: Attr::Known(table.schema.to_string()),
            name: Attr::Known(table.name().to_owned()),
            replica_identity_id: identities.get(table).map_or(Attr::Null, |it| (*it).clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Attr<String> {
        Attr::Known(text.to_owned())
    }

    fn entry(schema: Attr<String>, name: &str, identity: Attr<String>) -> Entry {
        Entry { schema, name: known(name), replica_identity_id: identity }
    }

    #[test]
    fn a_table_is_listed_once_whatever_its_identity() {
        let twice = |entries: Vec<Entry>| listed_twice(&entries.into_iter().collect()).has_errors();
        assert!(twice(vec![entry(Attr::Null, "t", Attr::Null), entry(known("public"), "t", known("i"))]));
        assert!(twice(vec![entry(Attr::Null, "t", Attr::Unknown), entry(Attr::Null, "t", Attr::Null)]));
        assert!(!twice(vec![entry(known("s"), "t", Attr::Null), entry(Attr::Null, "t", Attr::Null)]));
        assert!(!twice(vec![entry(Attr::Unknown, "t", Attr::Null), entry(Attr::Null, "t", Attr::Null)]));
    }

    #[test]
    fn an_identity_is_of_the_same_table() {
        let foreign = |id: &str, branch: Attr<String>| {
            let entries = [entry(Attr::Null, "t", known(id))].into();
            foreign_identities(&entries, &known("p"), &branch, &known("d")).has_errors()
        };
        assert!(!foreign("p/b/d/public/t", known("b")));
        assert!(!foreign("p/other/d/public/t", Attr::Unknown));
        for wrong in
            ["q/b/d/public/t", "p/c/d/public/t", "p/b/e/public/t", "p/b/d/s/t", "p/b/d/public/u", "t", "p/b/d/public"]
        {
            assert!(foreign(wrong, known("b")), "{wrong}");
        }
    }

    #[test]
    fn what_is_read_keeps_the_identity_of_each_table() {
        let table = |name: &str| TableName::parse("public", name).unwrap();
        let prior = [entry(known("public"), "a", known("ia")), entry(known("public"), "old", known("io"))].into();
        let found = observed(&[table("a"), table("new")], &prior);
        let expected = [entry(known("public"), "a", known("ia")), entry(known("public"), "new", Attr::Null)].into();
        assert_eq!(found, expected);
    }
}
