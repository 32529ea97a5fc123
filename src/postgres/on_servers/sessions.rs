//! What a session inherits from role and database, and what it must not.

use std::fmt::Write as _;
use std::time::Duration;

use crate::postgres::connection::{NOTICE_LENGTH, NOTICES};
use crate::postgres::publication;
use crate::postgres::session_settings::{SETTINGS, STATEMENT_TIMEOUT};
use crate::postgres::{PublicationName, Usage, table};

use super::{Never, Server, address, definition, soon};
use crate::support::stand_in::StandIn;
use crate::support::versions::on_every_postgres;

/// For each setting of the table a value that would hurt.
const HOSTILE: &[(&str, &str)] = &[
    ("statement_timeout", "20ms"),
    ("search_path", "shadow"),
    ("lock_timeout", "1ms"),
    ("idle_in_transaction_session_timeout", "100ms"),
    ("idle_session_timeout", "100ms"),
    ("transaction_timeout", "150ms"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("exit_on_error", "on"),
    ("role", "nobody_much"),
    ("row_security", "off"),
    ("jit", "on"),
    ("standard_conforming_strings", "off"),
    ("backslash_quote", "on"),
    ("transform_null_equals", "on"),
    ("quote_all_identifiers", "on"),
    ("datestyle", "German, DMY"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "Asia/Tokyo"),
    ("extra_float_digits", "-10"),
    ("bytea_output", "escape"),
    ("xmlbinary", "hex"),
    ("client_min_messages", "error"),
    ("password_encryption", "md5"),
];

#[test]
fn settings_of_role_and_database_do_no_harm() {
    on_every_postgres(|stand_in| {
        let server = Server::of(stand_in);
        let owner = &stand_in.ready.owner_role;
        stand_in.sql_as_owner("CREATE TABLE public.t(id int PRIMARY KEY)").unwrap();
        stand_in.sql(&format!("CREATE ROLE nobody_much; GRANT nobody_much TO {owner}; CREATE SCHEMA shadow"));
        let version = server.read(async |it| Ok(it.version()));
        let all: Vec<_> =
            SETTINGS.iter().chain([&STATEMENT_TIMEOUT]).filter(|it| version.major() >= it.since).collect();
        let mut statements = String::new();
        for setting in &all {
            let (_, value) = HOSTILE.iter().find(|(name, _)| *name == setting.name).expect(setting.name);
            for target in [format!("ROLE {owner}"), format!("DATABASE {}", stand_in.ready.database)] {
                writeln!(statements, "ALTER {target} SET {} = '{value}';", setting.name).unwrap();
            }
        }
        // All in one session: the next one has them.
        stand_in.sql(&statements);

        let server = Server::of(stand_in);
        let name = PublicationName::parse("p").unwrap();
        let want = definition(&["t"]);
        server.block_on(async {
            let mut session = server.session().await;
            let inherited = session
                .read(async |it| it.fetch("SELECT name, setting FROM pg_settings WHERE source = 'session'", &[]).await)
                .await
                .unwrap();
            let inherited: Vec<&str> = inherited.iter().map(|row| row.get("name").unwrap()).collect();
            for setting in &all {
                let is_set = inherited.iter().any(|it| it.eq_ignore_ascii_case(setting.name));
                // `pg_settings` does not show `role` as set.
                assert!(is_set || setting.name == "role", "{} is inherited", setting.name);
            }
            // Longer than each of the limits, within a transaction and without.
            session
                .settled(async |tx| {
                    tx.run(&publication::create(&name, &want)).await?;
                    tx.fetch("SELECT pg_sleep(0.3)::text", &[]).await?;
                    Ok::<_, Never>(())
                })
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let found = session.read(async |it| publication::read(&it, &name).await).await.unwrap().unwrap();
            assert_eq!(found.owner.as_str(), owner, "the session acts as the role that it names");
            assert!(session.read(async |it| table::read_all(&it).await).await.unwrap().iter().count() > 0);
        });
    });
}

#[test]
fn every_setting_of_the_table_has_a_hostile_value() {
    let names = |it: &[(&'static str, &str)]| it.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    for setting in SETTINGS.iter().chain([&STATEMENT_TIMEOUT]) {
        let (_, hostile) = HOSTILE.iter().find(|(name, _)| *name == setting.name).expect(setting.name);
        assert_ne!(*hostile, setting.value, "{}", setting.name);
    }
    assert_eq!(names(HOSTILE).len(), SETTINGS.len() + 1);
}

/// An audit that names its table without a schema works for everybody's statements, and so for these.
#[test]
fn event_triggers_find_their_tables() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE t(id int PRIMARY KEY)").unwrap();
    stand_in.sql(
        "CREATE SCHEMA audit;
         CREATE TABLE audit.log(tag text); GRANT USAGE ON SCHEMA audit TO PUBLIC; GRANT ALL ON audit.log TO PUBLIC;
         ALTER DATABASE neondb SET search_path = audit, public;
         CREATE TABLE audit.later(id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); GRANT ALL ON audit.later TO PUBLIC;
         CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES ('commit'); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER note AFTER INSERT ON audit.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.note();
         CREATE FUNCTION audit.ddl() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO log VALUES (tg_tag); INSERT INTO later SELECT count(*) FROM later; END $$;
         CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION audit.ddl()",
    );
    let name = PublicationName::parse("p").unwrap();
    let want = definition(&["t"]);
    server.block_on(async {
        let mut session = server.session().await;
        let path = session
            .settled(async |tx| {
                tx.run(&publication::create(&name, &want)).await?;
                let row = tx.fetch_one("SELECT current_setting('search_path') AS path", &[]).await?;
                Ok::<_, Never>(row.get::<String>("path")?)
            })
            .await
            .unwrap();
        assert_eq!(path, r#""""#, "reads keep the empty path");
    });
    assert_eq!(stand_in.value("SELECT string_agg(tag, ',' ORDER BY tag) FROM audit.log"), "CREATE PUBLICATION,commit");
}

/// 10,000 notices of 5,000 characters: the last few are kept, each of them cut.
#[test]
fn a_flood_of_notices_is_not_kept() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE t(id int PRIMARY KEY)").unwrap();
    stand_in.sql(
        "CREATE FUNCTION flood() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN FOR i IN 1..10000 LOOP RAISE NOTICE '%', i || ' ' || repeat('é', 5000); END LOOP; END $$;
         CREATE EVENT TRIGGER flood ON ddl_command_end EXECUTE FUNCTION flood()",
    );
    let (name, want) = (PublicationName::parse("p").unwrap(), definition(&["t"]));
    let said = server.block_on(async {
        let mut session = server.session().await;
        session.settled(async |tx| Ok::<_, Never>(tx.run(&publication::create(&name, &want)).await?)).await.unwrap()
    });
    assert_eq!(said.len(), NOTICES);
    assert!(said.iter().all(|it| it.severity == "NOTICE" && it.message.chars().count() == NOTICE_LENGTH));
    assert!(said.last().is_some_and(|it| it.message.starts_with("10000 ")), "the last ones tell most");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");
}

/// In a database that does not say which encoding its texts have, any byte may be in a name.
#[test]
fn foreign_bytes_in_names_do_not_end_a_read() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let owner = stand_in.ready.owner_role.clone();
    stand_in.sql(&format!(
        "CREATE DATABASE bytes OWNER {owner} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ));
    stand_in.sql_in(
        "bytes",
        r#"SET client_encoding = 'SQL_ASCII';
           DO $$ BEGIN EXECUTE E'CREATE TABLE public."bad\xff"(id int PRIMARY KEY, "c\xfe" text)'; END $$;
           CREATE TABLE public.good(id int PRIMARY KEY)"#,
    );
    let address = address(&stand_in, &owner, &stand_in.password_of(&owner), "bytes");
    server.block_on(async {
        let mut session = server.pool.open(&address, soon(), "testing", Usage::Read).await.unwrap();
        let tables = session.read(async |it| table::read_all(&it).await).await.unwrap();
        let names: Vec<&str> = tables.iter().map(|it| it.name.name()).collect();
        assert_eq!(names, ["bad\u{1a}", "good"]);
    });
}
