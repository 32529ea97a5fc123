//! The facts of `neonrep_readiness` are read from real servers, and each error is found when it is there and gone when it
//! is cured.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checks::readiness::facts::Seen;
use crate::checks::readiness::{Asked, Facts, Host, Severity, findings, read, read_subscriber};
use crate::postgres::tls::Roots;
use crate::postgres::{Address, Changes, DatabaseName, Pool, PoolSettings, RoleName, Tls, Usage};
use crate::secret::Secret;

use crate::support::sql::literal;
use crate::support::stand_in::StandIn;

/// A database of the stand-in, read as its owner.
struct Reader<'a> {
    stand_in: &'a StandIn,
    pool: Pool,
    address: Address,
}

impl<'a> Reader<'a> {
    fn new(stand_in: &'a StandIn) -> Self {
        let ready = &stand_in.ready;
        let address = Address {
            host: ready.host.clone(),
            port: ready.port,
            database: DatabaseName::parse(&ready.database).expect("a name"),
            user: RoleName::parse(&ready.owner_role).expect("a name"),
            password: Some(Secret::new(stand_in.password_of(&ready.owner_role))),
            tls: Tls::VerifyFull(Roots::read(&ready.sslrootcert).expect("the certificate")),
            changes: Changes::default(),
        };
        Self { stand_in, pool: Pool::new(PoolSettings::default()), address }
    }

    fn facts(&self, destination: &str, asked: &Asked) -> Facts {
        let host = Host { name: self.address.host.clone(), on_neon: true, ..Host::default() };
        self.stand_in.runtime.block_on(async {
            let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
            let mut session =
                self.pool.open(&self.address, deadline, "reading facts", Usage::Read).await.expect("a session");
            let facts = session
                .read(|connection| {
                    let (asked, host) = (asked.clone(), host.clone());
                    async move { read(&connection, destination, asked, host).await }
                })
                .await;
            facts.expect("facts").expect("a destination")
        })
    }

    /// Ids of what is found, but for what every such server says.
    fn ids(&self, destination: &str, asked: &Asked) -> Vec<&'static str> {
        let facts = self.facts(destination, asked);
        let found = findings(destination, &facts).expect("a destination");
        found.into_iter().map(|it| it.check).collect()
    }
}

fn asked(publication: &str, slot: Option<&str>, tables: &[&str], options: &[(&str, &str)]) -> Asked {
    Asked {
        publication: Some(publication.to_owned()),
        role: Some("consumer".to_owned()),
        slot: slot.map(str::to_owned),
        tables: tables.iter().map(|it| ("public".to_owned(), (*it).to_owned())).collect(),
        options: options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// A role of least privilege and two tables, with the timeout of an ordinary server.
fn prepared(major: u16) -> StandIn {
    let stand_in = StandIn::start_logical(major);
    stand_in.sql(
        "CREATE ROLE consumer LOGIN REPLICATION; ALTER ROLE consumer SET wal_sender_timeout = '60s';
         CREATE TABLE orders(id int PRIMARY KEY, note text); CREATE TABLE items(id int PRIMARY KEY);
         GRANT USAGE ON SCHEMA public TO consumer; GRANT SELECT ON ALL TABLES IN SCHEMA public TO consumer;
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO consumer;
         CREATE PUBLICATION p FOR TABLE orders; ",
    );
    stand_in.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    stand_in
}

#[test]
fn a_prepared_database_is_ready() {
    for major in [14, 16, 18] {
        let stand_in = prepared(major);
        let reader = Reader::new(&stand_in);
        let heartbeat = [("heartbeat_action_query", "SELECT 1")];
        let facts = reader.facts("airbyte", &asked("p", Some("s"), &["orders"], &heartbeat));
        assert_eq!(facts.server.version / 10_000, i32::from(major));
        assert_eq!(facts.server.wal_sender_timeout, 60_000, "that of the role");
        let names: Vec<String> =
            facts.relations.iter().map(crate::checks::readiness::facts::Relation::full_name).collect();
        assert_eq!(names, ["public.orders"]);
        assert_eq!(
            (facts.relations[0].columns.clone(), facts.relations[0].key.clone()),
            (vec!["id".to_owned(), "note".to_owned()], vec!["id".to_owned()])
        );
        let found = findings("airbyte", &facts).expect("a destination");
        let ids: Vec<_> = found.iter().map(|it| it.check).collect();
        // An own server's new slot is not always provably younger; a text column may hold large values.
        assert!(ids.iter().all(|it| ["toast", "slot_order"].contains(it)), "Postgres {major}: {found:#?}");
        assert!(ids.contains(&"toast"), "Postgres {major}: {ids:?}");
    }
}

/// A fault by SQL, the check that finds it, and its cure by SQL.
struct Fault {
    destination: &'static str,
    check: &'static str,
    broken_by: &'static str,
    cure: &'static str,
}

const fn fault(destination: &'static str, check: &'static str, broken_by: &'static str, cure: &'static str) -> Fault {
    Fault { destination, check, broken_by, cure }
}

const FAULTS: &[Fault] = &[
    fault("airbyte", "role_login", "ALTER ROLE consumer NOLOGIN", "ALTER ROLE consumer LOGIN"),
    fault("airbyte", "role_replication", "ALTER ROLE consumer NOREPLICATION", "ALTER ROLE consumer REPLICATION"),
    fault(
        "airbyte",
        "role_usage",
        "REVOKE USAGE ON SCHEMA public FROM consumer, PUBLIC",
        "GRANT USAGE ON SCHEMA public TO consumer, PUBLIC",
    ),
    fault("airbyte", "role_select", "REVOKE SELECT ON orders FROM consumer", "GRANT SELECT ON orders TO consumer"),
    fault(
        "airbyte",
        "role_rls",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
    ),
    fault(
        "airbyte",
        "future_tables",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM consumer",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO consumer",
    ),
    fault(
        "airbyte",
        "wal_sender_timeout",
        "ALTER ROLE consumer SET wal_sender_timeout = '5s'",
        "ALTER ROLE consumer SET wal_sender_timeout = '60s'",
    ),
    fault(
        "airbyte",
        "identity_none",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
        "ALTER TABLE orders ADD PRIMARY KEY (id)",
    ),
    fault(
        "airbyte",
        "primary_key",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
        "ALTER TABLE orders ADD PRIMARY KEY (id)",
    ),
    fault(
        "airbyte",
        "table_not_published",
        "ALTER PUBLICATION p SET TABLE items",
        "ALTER PUBLICATION p SET TABLE orders",
    ),
    fault(
        "airbyte",
        "publish_ops",
        "ALTER PUBLICATION p SET (publish = 'insert')",
        "ALTER PUBLICATION p SET (publish = 'insert, update, delete, truncate')",
    ),
    fault(
        "fivetran",
        "publication_empty",
        "ALTER PUBLICATION p DROP TABLE orders",
        "ALTER PUBLICATION p ADD TABLE orders",
    ),
    fault(
        "fivetran",
        "unlogged_or_view",
        "ALTER PUBLICATION p DROP TABLE orders; ALTER TABLE orders SET UNLOGGED",
        "ALTER TABLE orders SET LOGGED; ALTER PUBLICATION p ADD TABLE orders",
    ),
    fault(
        "materialize",
        "identity_full",
        "ALTER TABLE orders REPLICA IDENTITY DEFAULT",
        "ALTER TABLE orders REPLICA IDENTITY FULL",
    ),
    fault(
        "materialize",
        "types_unsupported",
        "CREATE TYPE mood AS ENUM ('good'); ALTER TABLE orders ADD COLUMN m mood",
        "ALTER TABLE orders DROP COLUMN m; DROP TYPE mood",
    ),
    fault(
        "clickpipes",
        "generated_columns",
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED",
        "ALTER TABLE orders DROP COLUMN twice",
    ),
    fault(
        "databricks_lakeflow",
        "duplicate_names",
        "CREATE SCHEMA sales; CREATE TABLE sales.orders(id int PRIMARY KEY); ALTER PUBLICATION p ADD TABLE sales.orders",
        "DROP SCHEMA sales CASCADE",
    ),
    fault(
        "sequin",
        "partition_root",
        "CREATE TABLE logs(id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE logs_1 PARTITION OF logs DEFAULT; \
         ALTER PUBLICATION p ADD TABLE logs",
        "DROP TABLE logs",
    ),
    fault(
        "estuary",
        "watermarks_table",
        "SELECT 1",
        "CREATE TABLE flow_watermarks(slot text PRIMARY KEY, watermark text); GRANT INSERT, UPDATE ON flow_watermarks TO consumer; \
         ALTER PUBLICATION p ADD TABLE flow_watermarks",
    ),
    fault(
        "estuary",
        "watermarks_write",
        "REVOKE UPDATE ON flow_watermarks FROM consumer",
        "GRANT UPDATE ON flow_watermarks TO consumer",
    ),
    fault(
        "estuary",
        "watermarks_published",
        "ALTER PUBLICATION p DROP TABLE flow_watermarks",
        "ALTER PUBLICATION p ADD TABLE flow_watermarks",
    ),
    fault(
        "estuary",
        "publication_not_owned",
        "ALTER PUBLICATION p OWNER TO postgres",
        "ALTER PUBLICATION p OWNER TO consumer",
    ),
    fault(
        "bemi",
        "bemi_schema",
        "CREATE SCHEMA audit; CREATE TABLE audit.t(id int PRIMARY KEY); ALTER PUBLICATION p ADD TABLE audit.t",
        "DROP SCHEMA audit CASCADE",
    ),
    fault(
        "airbyte",
        "slot_plugin",
        "SELECT pg_drop_replication_slot('s'); SELECT pg_create_logical_replication_slot('s', 'test_decoding')",
        "SELECT pg_drop_replication_slot('s'); SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    ),
    fault(
        "airbyte",
        "slot_absent",
        "SELECT pg_drop_replication_slot('s')",
        "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    ),
    fault("postgres_subscriber", "sequences", "CREATE SEQUENCE counter", "DROP SEQUENCE counter"),
    fault("airbyte", "publication_absent", "ALTER PUBLICATION p RENAME TO q", "ALTER PUBLICATION q RENAME TO p"),
    fault(
        "inngest",
        "inngest_order",
        "ALTER PUBLICATION p RENAME TO q",
        "ALTER PUBLICATION q RENAME TO p; SELECT pg_drop_replication_slot('s')",
    ),
];

#[test]
fn each_fault_is_found_and_gone_when_it_is_cured() {
    let stand_in = prepared(17);
    let reader = Reader::new(&stand_in);
    let mut wrong = Vec::new();
    for it in FAULTS {
        let asked = asked("p", Some("s"), &["orders"], &[("heartbeat_action_query", "SELECT 1")]);
        let superuser = stand_in.value("SELECT current_user");
        run(&stand_in, &it.broken_by.replace("OWNER TO postgres", &format!("OWNER TO \"{superuser}\"")));
        let broken = reader.ids(it.destination, &asked);
        run(&stand_in, it.cure);
        let cured = reader.ids(it.destination, &asked);
        if !broken.contains(&it.check) || cured.contains(&it.check) {
            wrong.push(format!("{} for {}: broken {broken:?}, cured {cured:?}", it.check, it.destination));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One statement at a time: a slot is not created in a transaction that has written.
fn run(stand_in: &StandIn, statements: &str) {
    for statement in statements.split("; ") {
        stand_in.sql(statement);
    }
}

#[test]
fn slots_and_transactions_are_seen() {
    let stand_in = prepared(17);
    let reader = Reader::new(&stand_in);
    let asked = asked("p", Some("s"), &[], &[]);
    let before = reader.facts("estuary", &asked);
    assert_eq!(before.server.max_slots, stand_in.value("SHOW max_replication_slots").parse::<i32>().expect("a number"));

    // A name is unique on the whole server, so a slot of another database is seen, and is not ours.
    stand_in.sql("SELECT pg_drop_replication_slot('s')");
    stand_in.sql_in("postgres", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    let found = findings("fivetran", &reader.facts("fivetran", &asked)).expect("a destination");
    let elsewhere = found.iter().find(|it| it.check == "slot_database").expect("a finding");
    assert_eq!(elsewhere.severity, Severity::Error);
    assert!(elsewhere.reason.contains("`postgres`"), "{elsewhere:?}");
    stand_in.sql_in("postgres", "SELECT pg_drop_replication_slot('s')");

    // A prepared transaction holds up whoever creates a slot; it counts when it is a minute old, which a test cannot wait for.
    let facts = reader.facts("estuary", &asked);
    assert_eq!(facts.server.long_transactions, Vec::<String>::new());
    assert_eq!(facts.slot, Seen::Absent);
    assert_eq!(facts.server.used_slots, before.server.used_slots - 1);
}

#[test]
fn the_subscribers_side_is_read() {
    let stand_in = prepared(17);
    stand_in.sql_in("postgres", "CREATE DATABASE target");
    stand_in.sql_in("target", "CREATE TABLE orders(id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
    stand_in.sql_in("target", &format!("ALTER TABLE orders OWNER TO {}", stand_in.ready.owner_role));
    let publisher = Reader::new(&stand_in);
    let mut subscriber = Reader::new(&stand_in);
    subscriber.address.database = DatabaseName::parse("target").expect("a name");
    let mut facts = publisher.facts("postgres_subscriber", &asked("p", None, &["items"], &[]));
    let side = stand_in.runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        let mut session =
            subscriber.pool.open(&subscriber.address, deadline, "reading", Usage::Read).await.expect("a session");
        session
            .read(|connection| {
                let facts = facts.clone();
                async move { read_subscriber(&connection, &facts).await }
            })
            .await
            .expect("facts")
    });
    assert_eq!(side.tables.len(), 1, "{side:?}");
    facts.subscriber = Some(side);
    let found = findings("postgres_subscriber", &facts).expect("a destination");
    let of = |check: &str| found.iter().filter(|it| it.check == check).map(|it| it.object.as_str()).collect::<Vec<_>>();
    assert_eq!(of("target_table_missing"), ["subscriber's table public.items"]);
    assert_eq!(of("target_columns_missing"), ["subscriber's table public.orders"]);
    assert_eq!(of("target_not_empty"), ["subscriber's table public.orders"]);
    let owner = literal(&stand_in.ready.owner_role);
    let member = stand_in.value(&format!("SELECT pg_has_role({owner}, 'neon_superuser', 'USAGE')"));
    let creates = stand_in.value(&format!("SELECT has_database_privilege({owner}, 'target', 'CREATE')"));
    assert_eq!(of("may_subscribe").is_empty(), member == "t" && creates == "t", "member {member}, creates {creates}");
}
