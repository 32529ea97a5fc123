//! Statements that create, change and drop a publication. Each change is the smallest: members that stay as they are are neither locked
//! nor need the privileges of their owner.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Definition, Listing, Member, Publication, Wish};
use super::filter::Deparsed;
use super::filter::RowFilter;
use super::operation::{GeneratedColumns, Operation};
use crate::postgres::marks::Comment;
use crate::postgres::names::{ColumnName, PublicationName, RoleName, SchemaName, TableName};
use crate::postgres::sql::{Fragment, Keyword, List, Literal, Statement};
use crate::sql;

pub(crate) fn create(name: &PublicationName, want: &Definition) -> Vec<Statement> {
    create_whole(name, &Whole::of(want, None))
}

/// Leads from what exists to what is wanted; empty if that is the same. Cannot change `all_tables`: see [`replace`].
///
/// A member whose columns or filter change is dropped and added: `SET TABLE` would write all members. Within one transaction no change
/// of the table is missed. First what leaves, then the options, then what comes: a row filter on a partitioned table needs
/// `publish_via_partition_root`, a column list excludes whole schemas.
pub(crate) fn alter(have: &Publication, want: &Definition) -> Vec<Statement> {
    let whole = Whole::of(want, Some(have));
    let name = &have.name;
    let mut statements = Vec::new();
    let (mut add, mut add_schemas) = (Vec::new(), BTreeSet::new());
    if !want.all_tables {
        let stays = |table: &TableName, member: &Member| want.tables.get(table).is_some_and(|it| it.keeps(member));
        let leave: BTreeMap<u32, &TableName> =
            have.tables.iter().filter(|(table, it)| !stays(table, it)).map(|(table, it)| (it.relid, table)).collect();
        if !leave.is_empty() {
            // By oid, so that two runs lock tables in the same order.
            statements.push(sql!(
                "ALTER PUBLICATION {} DROP TABLE {}",
                name,
                List(leave.into_values().map(Only).collect())
            ));
        }
        let leave: Vec<SchemaName> = have.schemas.difference(&whole.schemas).cloned().collect();
        if !leave.is_empty() {
            statements.push(sql!("ALTER PUBLICATION {} DROP TABLES IN SCHEMA {}", name, List(leave)));
        }
        add = whole
            .tables
            .into_iter()
            .filter(|it| !have.tables.get(&it.table).is_some_and(|member| stays(&it.table, member)))
            .collect();
        add_schemas = whole.schemas.difference(&have.schemas).cloned().collect();
    }
    let options: Vec<PublicationOption> =
        whole.options.into_iter().filter(|it| !PublicationOption::all_of(have).contains(it)).collect();
    if !options.is_empty() {
        statements.push(sql!("ALTER PUBLICATION {} SET ({})", name, List(options)));
    }
    if !add.is_empty() {
        statements.push(sql!("ALTER PUBLICATION {} ADD TABLE {}", name, List(add)));
    }
    if !add_schemas.is_empty() {
        statements.push(sql!(
            "ALTER PUBLICATION {} ADD TABLES IN SCHEMA {}",
            name,
            List(add_schemas.into_iter().collect())
        ));
    }
    statements
}

/// Drops and creates it; in one transaction this loses no change (tried on 14 to 18). What `want` leaves as found is carried over, and
/// so are the owner, where the server lets anyone but a superuser own such a publication, and the comment, which should say by a mark
/// what it continues. `me` is the role that runs it.
pub(crate) fn replace(have: &Publication, comment_after: &Comment, want: &Definition, me: &RoleName) -> Vec<Statement> {
    let whole = Whole::of(want, Some(have));
    let mut statements = drop(&have.name);
    statements.extend(create_whole(&have.name, &whole));
    statements.extend(comment(&have.name, comment_after));
    // Last: afterwards the connecting role may not own it any more.
    if have.owner != *me && !whole.all_tables && whole.schemas.is_empty() {
        statements.push(sql!("ALTER PUBLICATION {} OWNER TO {}", have.name, have.owner));
    }
    statements
}

pub(crate) fn drop(name: &PublicationName) -> Vec<Statement> {
    vec![sql!("DROP PUBLICATION {}", name)]
}

/// Sets its comment.
pub(crate) fn comment(name: &PublicationName, comment: &Comment) -> Vec<Statement> {
    vec![if let Some(text) = comment.render() {
        sql!("COMMENT ON PUBLICATION {} IS {}", name, Literal(&text))
    } else {
        sql!("COMMENT ON PUBLICATION {} IS NULL", name)
    }]
}

fn create_whole(name: &PublicationName, whole: &Whole) -> Vec<Statement> {
    let (tables, options) = (List(whole.tables.clone()), List(whole.options.clone()));
    let schemas = List(whole.schemas.iter().cloned().collect());
    vec![match (whole.all_tables, whole.tables.is_empty(), whole.schemas.is_empty()) {
        (true, _, _) => sql!("CREATE PUBLICATION {} FOR ALL TABLES WITH ({})", name, options),
        (false, true, true) => sql!("CREATE PUBLICATION {} WITH ({})", name, options),
        (false, false, true) => sql!("CREATE PUBLICATION {} FOR TABLE {} WITH ({})", name, tables, options),
        (false, true, false) => sql!("CREATE PUBLICATION {} FOR TABLES IN SCHEMA {} WITH ({})", name, schemas, options),
        (false, false, false) => {
            sql!("CREATE PUBLICATION {} FOR TABLE {}, TABLES IN SCHEMA {} WITH ({})", name, tables, schemas, options)
        }
    }]
}

/// A definition in which nothing is left open.
struct Whole {
    tables: Vec<Element>,
    schemas: BTreeSet<SchemaName>,
    all_tables: bool,
    options: Vec<PublicationOption>,
}

impl Whole {
    fn of(want: &Definition, have: Option<&Publication>) -> Self {
        let member = |table: &TableName| have.and_then(|it| it.tables.get(table)).cloned();
        let element = |(table, listing): (&TableName, &Listing)| Element {
            table: table.clone(),
            columns: listing.columns.clone().or_found(member(table).and_then(|it| it.columns)),
            filter: match &listing.filter {
                Wish::Exactly(wanted) => wanted.as_ref().map(|it| ElementFilter::Users(it.filter.clone())),
                Wish::AsFound => member(table).and_then(|it| it.filter).map(|it| ElementFilter::Servers(Deparsed(it))),
            },
        };
        let tables = if want.all_tables { Vec::new() } else { want.tables.iter().map(element).collect() };
        let schemas = want.schemas.clone().or_found(have.map(|it| it.schemas.clone()).unwrap_or_default());
        let mut options = vec![
            PublicationOption::Publish(want.publish.clone()),
            PublicationOption::ViaPartitionRoot(want.via_partition_root),
        ];
        match want.generated_columns {
            Wish::Exactly(wanted) => options.push(PublicationOption::GeneratedColumns(wanted)),
            // The default needs no word, and older servers do not know it.
            Wish::AsFound => options.extend(
                have.map(|it| it.generated_columns)
                    .filter(|it| *it != GeneratedColumns::None)
                    .map(PublicationOption::GeneratedColumns),
            ),
        }
        let schemas = if want.all_tables { BTreeSet::new() } else { schemas };
        Self { tables, schemas, all_tables: want.all_tables, options }
    }
}

impl Listing {
    /// Whether the member is listed as it should be.
    fn keeps(&self, member: &Member) -> bool {
        let columns = match &self.columns {
            Wish::AsFound => true,
            Wish::Exactly(wanted) => *wanted == member.columns,
        };
        let filter = match (&self.filter, &member.filter) {
            (Wish::AsFound, _) | (Wish::Exactly(None), None) => true,
            (Wish::Exactly(Some(wanted)), Some(found)) => wanted.is(found),
            (Wish::Exactly(_), _) => false,
        };
        columns && filter
    }
}

/// Without ONLY the tables that inherit from a listed one would be listed too, and read back as more than was declared.
struct Only<'a>(&'a TableName);

impl Fragment for Only<'_> {
    fn tables(&self, found: &mut BTreeSet<TableName>) {
        found.insert(self.0.clone());
    }

    fn write_sql(&self, out: &mut String) {
        Keyword("ONLY ").write_sql(out);
        self.0.write_sql(out);
    }
}

#[derive(Clone, Debug)]
enum ElementFilter {
    Users(RowFilter),
    Servers(Deparsed),
}

/// `ONLY "s"."t" ("id", "v") WHERE (id > 10)`
#[derive(Clone, Debug)]
struct Element {
    table: TableName,
    columns: Option<BTreeSet<ColumnName>>,
    filter: Option<ElementFilter>,
}

impl Fragment for Element {
    fn tables(&self, found: &mut BTreeSet<TableName>) {
        found.insert(self.table.clone());
    }

    fn write_sql(&self, out: &mut String) {
        Only(&self.table).write_sql(out);
        if let Some(columns) = &self.columns {
            Keyword(" (").write_sql(out);
            List(columns.iter().collect()).write_sql(out);
            Keyword(")").write_sql(out);
        }
        if let Some(filter) = &self.filter {
            Keyword(" WHERE (").write_sql(out);
            match filter {
                ElementFilter::Users(filter) => filter.write_sql(out),
                ElementFilter::Servers(filter) => filter.write_sql(out),
            }
            Keyword(")").write_sql(out);
        }
    }
}

/// One of `WITH (…)` and `SET (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PublicationOption {
    Publish(BTreeSet<Operation>),
    ViaPartitionRoot(bool),
    GeneratedColumns(GeneratedColumns),
}

impl PublicationOption {
    fn all_of(publication: &Publication) -> [Self; 3] {
        [
            Self::Publish(publication.publish.clone()),
            Self::ViaPartitionRoot(publication.via_partition_root),
            Self::GeneratedColumns(publication.generated_columns),
        ]
    }
}

impl Fragment for PublicationOption {
    fn write_sql(&self, out: &mut String) {
        match self {
            Self::Publish(operations) => {
                let words: Vec<_> = operations.iter().map(|it| it.as_str()).collect();
                Keyword("publish = ").write_sql(out);
                Literal(&words.join(", ")).write_sql(out);
            }
            Self::ViaPartitionRoot(on) => {
                Keyword("publish_via_partition_root = ").write_sql(out);
                on.write_sql(out);
            }
            Self::GeneratedColumns(which) => {
                Keyword("publish_generated_columns = ").write_sql(out);
                Keyword(which.as_str()).write_sql(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::WantedFilter;
    use super::*;
    use crate::postgres::marks::Marks;

    fn name() -> PublicationName {
        PublicationName::parse("p\"1").unwrap()
    }

    fn table(name: &str) -> TableName {
        TableName::parse("public", name).unwrap()
    }

    fn columns(names: &[&str]) -> BTreeSet<ColumnName> {
        names.iter().map(|it| ColumnName::parse(it).unwrap()).collect()
    }

    fn schemas(names: &[&str]) -> BTreeSet<SchemaName> {
        names.iter().map(|it| SchemaName::parse(it).unwrap()).collect()
    }

    fn definition(tables: &[&str]) -> Definition {
        Definition {
            tables: tables.iter().map(|it| (table(it), Listing::default())).collect(),
            schemas: Wish::AsFound,
            all_tables: false,
            publish: Operation::ALL.into(),
            via_partition_root: false,
            generated_columns: Wish::AsFound,
        }
    }

    fn filter(text: &str, of_server: Option<&str>) -> Wish<Option<WantedFilter>> {
        let filter = RowFilter::parse(text).unwrap();
        Wish::Exactly(Some(WantedFilter { filter, of_server: of_server.map(str::to_owned) }))
    }

    fn found(tables: &[&str]) -> Publication {
        let member = |relid| Member { relid, columns: None, filter: None };
        Publication {
            name: name(),
            oid: 16_390,
            owner: RoleName::parse("o").unwrap(),
            tables: tables.iter().map(|it| table(it)).zip((20_001..).map(member)).collect(),
            schemas: BTreeSet::new(),
            all_tables: false,
            publish: Operation::ALL.into(),
            via_partition_root: false,
            generated_columns: GeneratedColumns::None,
            marks: Marks::default(),
        }
    }

    /// With a filter, a column list, a schema and an option that others have set.
    fn of_others() -> Publication {
        let mut have = found(&["a", "b"]);
        let member = Member { relid: 20_001, columns: Some(columns(&["id"])), filter: Some("(id > 3)".to_owned()) };
        have.tables.insert(table("a"), member);
        Publication { schemas: schemas(&["s"]), generated_columns: GeneratedColumns::Stored, ..have }
    }

    fn shown(statements: &[Statement]) -> String {
        statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn create_lists_what_was_declared() {
        insta::assert_snapshot!(shown(&create(&name(), &definition(&["a", "b'; --"]))), @r#"CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a", ONLY "public"."b'; --" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)"#);
        let all = Definition {
            all_tables: true,
            publish: [Operation::Insert].into(),
            via_partition_root: true,
            ..definition(&[])
        };
        insta::assert_snapshot!(shown(&create(&name(), &all)), @r#"CREATE PUBLICATION "p""1" FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true)"#);
        let nothing = Definition { publish: [].into(), ..definition(&[]) };
        insta::assert_snapshot!(shown(&create(&name(), &nothing)), @r#"CREATE PUBLICATION "p""1" WITH (publish = '', publish_via_partition_root = false)"#);
        let listing =
            Listing { columns: Wish::Exactly(Some(columns(&["id", "v\"x"]))), filter: filter("id > 10", None) };
        let full = Definition {
            tables: [(table("a"), listing), (table("b"), Listing::default())].into(),
            schemas: Wish::Exactly(schemas(&["s", "x\"y"])),
            generated_columns: Wish::Exactly(GeneratedColumns::Stored),
            ..definition(&[])
        };
        insta::assert_snapshot!(shown(&create(&name(), &full)), @r#"CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a" ("id", "v""x") WHERE (id > 10), ONLY "public"."b", TABLES IN SCHEMA "s", "x""y" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false, publish_generated_columns = stored)"#);
        let only_schemas = Definition { schemas: Wish::Exactly(schemas(&["s"])), ..definition(&[]) };
        insta::assert_snapshot!(shown(&create(&name(), &only_schemas)), @r#"CREATE PUBLICATION "p""1" FOR TABLES IN SCHEMA "s" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)"#);
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        assert_eq!(alter(&found(&["a", "b"]), &definition(&["a", "b"])), []);
        assert_eq!(alter(&of_others(), &definition(&["a", "b"])), []);
        let all = Publication { all_tables: true, ..found(&[]) };
        assert_eq!(alter(&all, &Definition { all_tables: true, ..definition(&["ignored"]) }), []);
        let exactly = Listing { columns: Wish::Exactly(Some(columns(&["id"]))), filter: filter("id > 3", None) };
        let want =
            Definition { tables: [(table("a"), exactly), (table("b"), Listing::default())].into(), ..definition(&[]) };
        assert!(of_others().is(&want));
    }

    #[test]
    fn only_members_that_change_are_touched() {
        let have = of_others();
        insta::assert_snapshot!(shown(&alter(&have, &definition(&["a", "c"]))), @r#"
        ALTER PUBLICATION "p""1" DROP TABLE ONLY "public"."b"
        ALTER PUBLICATION "p""1" ADD TABLE ONLY "public"."c"
        "#);
        insta::assert_snapshot!(shown(&alter(&have, &definition(&[]))), @r#"ALTER PUBLICATION "p""1" DROP TABLE ONLY "public"."a", ONLY "public"."b""#);
        let widened = Listing { columns: Wish::Exactly(None), ..Listing::default() };
        let want =
            Definition { tables: [(table("a"), widened), (table("b"), Listing::default())].into(), ..definition(&[]) };
        insta::assert_snapshot!(shown(&alter(&have, &want)), @r#"
        ALTER PUBLICATION "p""1" DROP TABLE ONLY "public"."a"
        ALTER PUBLICATION "p""1" ADD TABLE ONLY "public"."a" WHERE ((id > 3))
        "#);
        let other = Listing { filter: filter("id > 3 AND true", Some("((id > 2) AND true)")), ..Listing::default() };
        let want =
            Definition { tables: [(table("a"), other), (table("b"), Listing::default())].into(), ..definition(&[]) };
        insta::assert_snapshot!(shown(&alter(&have, &want)), @r#"
        ALTER PUBLICATION "p""1" DROP TABLE ONLY "public"."a"
        ALTER PUBLICATION "p""1" ADD TABLE ONLY "public"."a" ("id") WHERE (id > 3 AND true)
        "#);
        let known = Listing { filter: filter("3 < id", Some("(id > 3)")), ..Listing::default() };
        let want =
            Definition { tables: [(table("a"), known), (table("b"), Listing::default())].into(), ..definition(&[]) };
        assert!(have.is(&want), "the server's spelling of the filter is known");
    }

    #[test]
    fn only_options_and_schemas_that_differ_are_set() {
        let have = of_others();
        let want = Definition {
            publish: [Operation::Insert].into(),
            schemas: Wish::Exactly(schemas(&["t"])),
            ..definition(&["a", "b"])
        };
        assert!(have.adds_schemas(&want));
        insta::assert_snapshot!(shown(&alter(&have, &want)), @r#"
        ALTER PUBLICATION "p""1" DROP TABLES IN SCHEMA "s"
        ALTER PUBLICATION "p""1" SET (publish = 'insert')
        ALTER PUBLICATION "p""1" ADD TABLES IN SCHEMA "t"
        "#);
        let root = Definition {
            via_partition_root: true,
            generated_columns: Wish::Exactly(GeneratedColumns::None),
            schemas: Wish::Exactly(BTreeSet::new()),
            ..definition(&["a", "b", "d"])
        };
        assert!(!have.adds_schemas(&root));
        insta::assert_snapshot!(shown(&alter(&have, &root)), @r#"
        ALTER PUBLICATION "p""1" DROP TABLES IN SCHEMA "s"
        ALTER PUBLICATION "p""1" SET (publish_via_partition_root = true, publish_generated_columns = none)
        ALTER PUBLICATION "p""1" ADD TABLE ONLY "public"."d"
        "#);
    }

    #[test]
    fn replace_carries_over_what_is_not_said() {
        let comment = Comment::parse("it's mine\nneonrep: continues 16001").continuing(16_390, None);
        let (me, other) = (RoleName::parse("o").unwrap(), RoleName::parse("other").unwrap());
        let all = Publication { all_tables: true, generated_columns: GeneratedColumns::Stored, ..found(&[]) };
        let want = definition(&["a"]);
        assert!(all.must_be_replaced_for(&want));
        insta::assert_snapshot!(shown(&replace(&all, &comment, &want, &other)), @r#"
        DROP PUBLICATION "p""1"
        CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false, publish_generated_columns = stored)
        COMMENT ON PUBLICATION "p""1" IS 'it''s mine
        neonrep: continues 16001, 16390'
        ALTER PUBLICATION "p""1" OWNER TO "o"
        "#);
        insta::assert_snapshot!(shown(&replace(&of_others(), &Comment::default(), &definition(&["a", "b"]), &me)), @r#"
        DROP PUBLICATION "p""1"
        CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a" ("id") WHERE ((id > 3)), ONLY "public"."b", TABLES IN SCHEMA "s" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false, publish_generated_columns = stored)
        COMMENT ON PUBLICATION "p""1" IS NULL
        "#);
    }
}
