//! Publications on real servers: what is read back, and what a change leaves alone.

use std::collections::BTreeSet;

use crate::postgres::marks::Comment;
use crate::postgres::publication::Publication;
use crate::postgres::publication::{
    self, Definition, GeneratedColumns, Listing, Operation, RowFilter, WantedFilter, Wish,
};
use crate::postgres::{ColumnName, PublicationName, RoleName, SchemaName, TableName};

use super::{Never, Server, definition};
use crate::support::stand_in::StandIn;
use crate::support::versions::on_every_postgres;

fn name() -> PublicationName {
    PublicationName::parse("p \"1\"").unwrap()
}

fn table(name: &str) -> TableName {
    TableName::parse("public", name).unwrap()
}

fn columns(names: &[&str]) -> BTreeSet<ColumnName> {
    names.iter().map(|it| ColumnName::parse(it).unwrap()).collect()
}

fn listing(columns_of: Option<&[&str]>, filter: Option<&str>) -> Listing {
    let wanted = |text| WantedFilter { filter: RowFilter::parse(text).unwrap(), of_server: None };
    Listing { columns: Wish::Exactly(columns_of.map(columns)), filter: Wish::Exactly(filter.map(wanted)) }
}

fn found(server: &Server<'_>) -> Publication {
    let name = name();
    server
        .read(|it| {
            let name = name.clone();
            async move { publication::read(&it, &name).await }
        })
        .expect("the publication")
}

/// Leads it to what is wanted, as a handler does, and returns what is there then.
fn change(server: &Server<'_>, want: &Definition) -> Publication {
    let name = name();
    server.block_on(async {
        let mut session = server.session().await;
        session
            .settled(async |tx| {
                let statements = match publication::read(&tx, &name).await? {
                    None => publication::create(&name, want),
                    Some(have) if have.must_be_replaced_for(want) => {
                        let comment = publication::read_comment(&tx, &name).await?.continuing(have.oid, None);
                        let me = RoleName::parse(&server.stand_in.ready.owner_role).unwrap();
                        publication::replace(&have, &comment, want, &me)
                    }
                    Some(have) => publication::alter(&have, want),
                };
                tx.run(&statements).await?;
                Ok::<_, Never>(())
            })
            .await
            .unwrap();
    });
    let now = found(server);
    // On this read the filter's text differs from the user's, so only definitions without filters are compared.
    let has_filter = want.tables.values().any(|it| matches!(it.filter, Wish::Exactly(Some(_))));
    assert!(has_filter || now.is(want), "{want:?} {now:?}");
    now
}

#[test]
fn each_definition_is_read_back_as_declared() {
    on_every_postgres(|stand_in| {
        let server = Server::of(stand_in);
        let version = server.read(async |it| Ok(it.version()));
        stand_in
            .sql_as_owner(
                "CREATE TABLE a(id int PRIMARY KEY, \"V x\" text, w int); CREATE TABLE b(id int PRIMARY KEY);
             CREATE TABLE kid() INHERITS (a); CREATE SCHEMA s; CREATE TABLE s.c(id int PRIMARY KEY)",
            )
            .unwrap();
        // FOR ALL TABLES and whole schemas ask for a superuser on a plain server.
        stand_in.sql(&format!("ALTER ROLE {} SUPERUSER", stand_in.ready.owner_role));

        let made = change(&server, &definition(&["a", "b"]));
        assert_eq!(made.tables.keys().collect::<Vec<_>>(), [&table("a"), &table("b")]);
        let inserts = Definition { publish: [Operation::Insert].into(), ..definition(&["a"]) };
        assert_eq!(change(&server, &inserts).oid, made.oid);
        let nothing = Definition { publish: BTreeSet::new(), via_partition_root: true, ..definition(&[]) };
        assert!(change(&server, &nothing).tables.is_empty());
        let all = Definition { all_tables: true, ..definition(&[]) };
        let turned = change(&server, &all);
        assert!(turned.all_tables && turned.oid != made.oid && turned.marks.continues(made.oid));
        let turned = change(&server, &definition(&["a"]));
        assert!(!turned.all_tables && turned.marks.continues(made.oid));

        if !version.has_publication_filters() {
            return;
        }
        let narrow = Definition {
            tables: [(table("a"), listing(Some(&["id", "V x"]), Some("id > 10 AND \"V x\" <> 'it''s'")))].into(),
            ..definition(&[])
        };
        let made = change(&server, &narrow);
        assert_eq!(made.tables[&table("a")].columns, Some(columns(&["V x", "id"])));
        let of_server = made.tables[&table("a")].filter.clone().unwrap();
        assert_eq!(of_server, "((id > 10) AND (\"V x\" <> 'it''s'::text))");
        let wide = Definition { tables: [(table("a"), listing(None, None))].into(), ..definition(&[]) };
        assert!(!made.is(&wide) && !made.is(&narrow), "without the server's text the filter is set again");
        let mut known = narrow.clone();
        if let Wish::Exactly(Some(filter)) = &mut known.tables.get_mut(&table("a")).unwrap().filter {
            filter.of_server = Some(of_server.clone());
        }
        assert!(made.is(&known));
        // The column list goes before the schema comes: one publication cannot have both.
        let schemas = Wish::Exactly(BTreeSet::from([SchemaName::parse("s").unwrap()]));
        let with_schema = Definition { schemas, ..wide };
        assert_eq!(change(&server, &with_schema).schemas.len(), 1);
        change(&server, &Definition { schemas: Wish::Exactly(BTreeSet::new()), ..narrow });

        if version.has_published_generated_columns() {
            let stored =
                Definition { generated_columns: Wish::Exactly(GeneratedColumns::Stored), ..definition(&["a"]) };
            assert_eq!(change(&server, &stored).generated_columns, GeneratedColumns::Stored);
            assert_eq!(change(&server, &all).generated_columns, GeneratedColumns::Stored, "carried over");
        }
    });
}

#[test]
fn what_others_have_set_stays() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner(
        "CREATE TABLE a(id int PRIMARY KEY, v text); CREATE TABLE b(id int PRIMARY KEY); CREATE TABLE of_other(id int PRIMARY KEY)",
    )
    .unwrap();
    stand_in.sql(
        "CREATE PUBLICATION \"p \"\"1\"\"\" FOR TABLE a (id) WHERE (id > 3), of_other; CREATE ROLE other;
         ALTER TABLE of_other OWNER TO other; COMMENT ON PUBLICATION \"p \"\"1\"\"\" IS 'of others'",
    );
    stand_in.sql(&format!("ALTER PUBLICATION \"p \"\"1\"\"\" OWNER TO {}", stand_in.ready.owner_role));
    let before = found(&server);
    // Neither touches a member that stays: that of another owner could not be set again.
    let changed =
        change(&server, &Definition { publish: [Operation::Insert].into(), ..definition(&["a", "b", "of_other"]) });
    assert_eq!(changed.tables[&table("a")], before.tables[&table("a")]);
    assert_eq!(changed.tables.len(), 3);
    stand_in.sql("ALTER TABLE of_other OWNER TO neondb_owner");
    stand_in.sql(&format!("ALTER ROLE {} SUPERUSER", stand_in.ready.owner_role));
    let me = RoleName::parse(&stand_in.ready.owner_role).unwrap();
    server.block_on(async {
        let mut session = server.session().await;
        let name = name();
        let want = definition(&["a", "b", "of_other"]);
        session
            .settled(async |tx| {
                let have = publication::read(&tx, &name).await?.unwrap();
                let comment = publication::read_comment(&tx, &name).await?.continuing(have.oid, None);
                tx.run(&publication::replace(&have, &comment, &want, &me)).await?;
                Ok::<_, Never>(())
            })
            .await
            .unwrap();
    });
    let replaced = found(&server);
    assert_ne!(replaced.oid, changed.oid);
    assert_eq!(replaced.tables[&table("a")], before.tables[&table("a")], "filter and columns are carried over");
    let comment = stand_in.value("SELECT obj_description(oid, 'pg_publication') FROM pg_publication");
    assert_eq!(Comment::parse(&comment).text, "of others");
}

/// A comment may be of any length; a refresh must not load it.
#[test]
fn a_long_comment_is_not_loaded() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql(
        "CREATE PUBLICATION \"p \"\"1\"\"\";
         DO $$ BEGIN EXECUTE format('COMMENT ON PUBLICATION \"p \"\"1\"\"\" IS %L', repeat('x', 2000000) || E'\\nneonrep: adopted'); END $$",
    );
    assert!(found(&server).marks.is_adopted());
    let name = name();
    server.block_on(async {
        let mut session = server.session().await;
        let error = session.read(async |it| publication::read_comment(&it, &name).await).await.unwrap_err();
        assert!(error.message().contains("longer than 1 MiB"), "{error}");
    });
}
