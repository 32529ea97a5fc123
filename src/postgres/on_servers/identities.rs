//! The rules of `identity::problem` against the server's own word: whether an UPDATE of the application fails.

use std::collections::BTreeSet;

use crate::postgres::identity::{self, Problem};
use crate::postgres::{PublicationName, TableName, publisher, table};

use super::Server;
use crate::support::versions::on_every_postgres;

/// The first version that has it, statements for the tables, the one to update, statements for publications.
const CASES: &[(u32, &str, &str, &str)] = &[
    (14, "CREATE TABLE t(id int PRIMARY KEY, v int)", "t", "CREATE PUBLICATION p FOR TABLE t"),
    (14, "CREATE TABLE t(id int, v int)", "t", "CREATE PUBLICATION p FOR TABLE t"),
    (14, "CREATE TABLE t(id int, v int)", "t", "CREATE PUBLICATION p FOR TABLE t WITH (publish = 'insert, truncate')"),
    (14, "CREATE TABLE t(id int, v int)", "t", "CREATE PUBLICATION p FOR TABLE t WITH (publish = 'update')"),
    (14, "CREATE TABLE t(id int, v int)", "t", "CREATE PUBLICATION p FOR ALL TABLES"),
    (14, "CREATE TABLE t(id int, v int); ALTER TABLE t REPLICA IDENTITY FULL", "t", "CREATE PUBLICATION p FOR TABLE t"),
    (
        14,
        "CREATE TABLE t(id int PRIMARY KEY, v int); ALTER TABLE t REPLICA IDENTITY NOTHING",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (14, "CREATE TABLE t(id int PRIMARY KEY DEFERRABLE, v int)", "t", "CREATE PUBLICATION p FOR TABLE t"),
    (
        14,
        "CREATE TABLE t(id int NOT NULL, v int); CREATE UNIQUE INDEX u ON t(id) INCLUDE (v); ALTER TABLE t REPLICA IDENTITY USING INDEX u",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (
        14,
        "CREATE TABLE t(id int NOT NULL, v int); CREATE UNIQUE INDEX u ON t(id); ALTER TABLE t REPLICA IDENTITY USING INDEX u; DROP INDEX u",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    // Partitions answer for themselves, and are published with what they are part of.
    (
        14,
        "CREATE TABLE r(id int, v int) PARTITION BY LIST (id); ALTER TABLE r REPLICA IDENTITY FULL; CREATE TABLE t PARTITION OF r FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r",
    ),
    (
        14,
        "CREATE TABLE r(id int PRIMARY KEY, v int) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF r FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r WITH (publish_via_partition_root = true)",
    ),
    // A child is not published with the table that it inherits from by ONLY.
    (
        14,
        "CREATE TABLE r(id int PRIMARY KEY, v int); CREATE TABLE t() INHERITS (r)",
        "t",
        "CREATE PUBLICATION p FOR TABLE ONLY r",
    ),
    (
        14,
        "CREATE TABLE r(id int PRIMARY KEY, v int); CREATE TABLE t() INHERITS (r)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r",
    ),
    // Row filters.
    (15, "CREATE TABLE t(id int PRIMARY KEY, v int)", "t", "CREATE PUBLICATION p FOR TABLE t WHERE (id > 0)"),
    (15, "CREATE TABLE t(id int PRIMARY KEY, v int)", "t", "CREATE PUBLICATION p FOR TABLE t WHERE (id > 0 AND v > 0)"),
    (
        15,
        "CREATE TABLE t(id int PRIMARY KEY, v int)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WHERE (v > 0) WITH (publish = 'insert')",
    ),
    (
        15,
        "CREATE TABLE t(id int, v int); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WHERE (v > 0)",
    ),
    (
        15,
        "CREATE TABLE t(id int PRIMARY KEY, v int); ALTER TABLE t REPLICA IDENTITY NOTHING",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WHERE (true)",
    ),
    // One of two is enough to break it.
    (
        15,
        "CREATE TABLE t(id int PRIMARY KEY, v int)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t; CREATE PUBLICATION q FOR TABLE t WHERE (v > 0)",
    ),
    // Column lists.
    (15, "CREATE TABLE t(id int PRIMARY KEY, v int)", "t", "CREATE PUBLICATION p FOR TABLE t (id)"),
    (15, "CREATE TABLE t(id int PRIMARY KEY, v int)", "t", "CREATE PUBLICATION p FOR TABLE t (v)"),
    (
        15,
        "CREATE TABLE t(id int, k int DEFAULT 0, v int, PRIMARY KEY (k, id))",
        "t",
        "CREATE PUBLICATION p FOR TABLE t (id, v)",
    ),
    (
        15,
        "CREATE TABLE t(id int, v int); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t (id, v)",
    ),
    (
        15,
        "CREATE TABLE t(id int PRIMARY KEY, v int); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t (id) WITH (publish = 'insert')",
    ),
    // Those of the topmost ancestor count with via root, those of the partition itself without.
    (
        15,
        "CREATE TABLE r(id int PRIMARY KEY, v int) PARTITION BY LIST (id); CREATE TABLE t(v int, id int NOT NULL); ALTER TABLE r ATTACH PARTITION t FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r (id) WHERE (v > 0) WITH (publish_via_partition_root = true)",
    ),
    (
        15,
        "CREATE TABLE r(id int PRIMARY KEY, v int) PARTITION BY LIST (id); CREATE TABLE t(v int, id int NOT NULL); ALTER TABLE r ATTACH PARTITION t FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r (id) WHERE (id > 0) WITH (publish_via_partition_root = true)",
    ),
    (
        15,
        "CREATE TABLE r(id int PRIMARY KEY, v int) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF r FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r, t (v)",
    ),
    (
        15,
        "CREATE TABLE r(id int PRIMARY KEY, v int) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF r FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLE r, t WHERE (v > 0) WITH (publish_via_partition_root = true)",
    ),
    // By schema.
    (15, "CREATE TABLE t(id int, v int)", "t", "CREATE PUBLICATION p FOR TABLES IN SCHEMA public"),
    (
        15,
        "CREATE SCHEMA s; CREATE TABLE s.r(id int, v int) PARTITION BY LIST (id); CREATE TABLE t PARTITION OF s.r FOR VALUES IN (1)",
        "t",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA s",
    ),
    // Generated columns.
    (
        14,
        "CREATE TABLE t(id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) STORED)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (
        14,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (v * 2) STORED); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (
        14,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (
        14,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
        "t",
        "CREATE PUBLICATION p FOR ALL TABLES",
    ),
    (
        18,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (v * 2) STORED); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WITH (publish_generated_columns = stored)",
    ),
    (
        18,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (v * 2) VIRTUAL); ALTER TABLE t REPLICA IDENTITY FULL",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WITH (publish_generated_columns = stored)",
    ),
    (
        18,
        "CREATE TABLE t(id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) VIRTUAL)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t",
    ),
    (
        18,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t WITH (publish_generated_columns = stored)",
    ),
    (
        18,
        "CREATE TABLE t(id int, v int, g int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
        "t",
        "CREATE PUBLICATION p FOR TABLE t (g)",
    ),
];

#[test]
fn what_the_rules_say_is_what_an_update_meets() {
    on_every_postgres(|stand_in| {
        let server = Server::of(stand_in);
        let version = server.read(async |it| Ok(it.version()));
        let superuser = stand_in.session();
        let (mut broken, mut whole) = (0, 0);
        for (since, tables, updated, publications) in CASES {
            if version.major() < *since {
                continue;
            }
            let prepare = format!(
                "SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS s CASCADE;
                 DROP PUBLICATION IF EXISTS p; DROP PUBLICATION IF EXISTS q; {tables}; {publications};
                 INSERT INTO {updated}(id, v) VALUES (1, 1)"
            );
            superuser.run(&prepare).unwrap_or_else(|error| panic!("{prepare}: {error}"));
            let name = TableName::parse("public", updated).unwrap();
            let names = BTreeSet::from([name.clone()]);
            let (names, updated_name, p) = (&names, &name, &PublicationName::parse("p").unwrap());
            let (tables_found, publishers, named, only_p) = server.read(|it| async move {
                let tables = table::read(&it, names).await?;
                let oids = tables.iter().map(|it| it.oid).collect();
                let (named, only_p) =
                    (publisher::read_named(&it, updated_name).await?, publisher::read(&it, &oids, Some(p)).await?);
                Ok((tables, publisher::read(&it, &oids, None).await?, named, only_p))
            });
            let found = tables_found.get(&name).unwrap();
            let of_table = publishers.get(&found.oid).map(Vec::as_slice).unwrap_or_default();
            if found.kind == table::Kind::Table {
                assert_eq!(named, of_table, "by name as by oid: {publications}");
            }
            let of_p: Vec<_> = of_table.iter().filter(|it| it.name == *p).cloned().collect();
            assert_eq!(only_p.get(&found.oid).cloned().unwrap_or_default(), of_p, "{publications}");
            let problems: Vec<Problem> =
                of_table.iter().filter_map(|it| identity::problem(version, &found.facts(), &it.published_as)).collect();
            let update = superuser.run(&format!("UPDATE {updated} SET v = 2"));
            let said = update.as_ref().err().map(ToString::to_string);
            let what = format!("{tables}; {publications}: {problems:?}, {said:?}, {:?} {of_table:?}", found.facts());
            assert_eq!(problems.is_empty(), update.is_ok(), "{what}");
            if let Err(error) = update {
                let state = if problems.contains(&Problem::NoIdentity) { &["55000", "42P10"][..] } else { &["42P10"] };
                assert!(state.contains(&error.state.as_str()), "{what}");
                broken += 1;
            } else {
                whole += 1;
            }
        }
        assert!(broken >= 7 && whole >= 6, "{broken} {whole}");
    });
}

#[test]
fn tables_that_inherit_are_known() {
    let stand_in = crate::support::stand_in::StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql("CREATE TABLE par(id int PRIMARY KEY); CREATE TABLE kid() INHERITS (par); CREATE TABLE r(id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF r DEFAULT");
    let tables = server.read(async |it| table::read_all(&it).await);
    let children = |name: &str| {
        let found = tables.get(&TableName::parse("public", name).unwrap()).unwrap();
        found.inherited_by.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(children("par"), ["public.kid"]);
    assert_eq!(children("r"), [""; 0]);
}
