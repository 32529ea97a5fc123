//! What members of `neon_superuser` may do beyond vanilla Postgres, on all five majors.

use serde_json::json;
use tokio_postgres::Client;

use crate::support::StandIn;

async fn state_of(client: &Client, statement: &str) -> (String, String) {
    let error = client.batch_execute(statement).await.expect_err(statement);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{statement}: {error}"));
    (error.code().code().to_owned(), error.message().to_owned())
}

async fn member(stand_in: &StandIn, name: &str) -> Client {
    let roles = format!("{}/roles", stand_in.branch());
    let (status, made) = stand_in.api("POST", &roles, Some(json!({"role": {"name": name}}))).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(stand_in.wait(&made).await, "finished");
    let password = made["role"]["password"].as_str().expect("a password").to_owned();
    stand_in.connect(name, &password).await.expect("it connects")
}

async fn powers(major: u16) {
    let stand_in = StandIn::start(&["--postgres", &major.to_string(), "--logical"]);
    let superuser = stand_in.superuser().await;
    let client = member(&stand_in, "app").await;
    superuser
        .batch_execute(
            "CREATE TABLE not_its_own (id int PRIMARY KEY); CREATE SCHEMA s; CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE neondb TO plain",
        )
        .await
        .expect("objects");

    client.batch_execute("CREATE PUBLICATION everything FOR ALL TABLES").await.expect("as Neon's fork allows");
    client
        .batch_execute(
            "CREATE SCHEMA mine; CREATE FUNCTION mine.f() RETURNS void LANGUAGE sql
             AS 'CREATE PUBLICATION within FOR ALL TABLES'",
        )
        .await
        .expect("a function");
    client.batch_execute("SELECT mine.f()").await.expect("also from within");
    let row = superuser
        .query_one("SELECT count(*) FROM pg_publication WHERE puballtables AND pubowner = 'app'::regrole", &[])
        .await
        .expect("publications");
    assert_eq!(row.get::<_, i64>(0), 2);
    if major >= 15 {
        client.batch_execute("CREATE PUBLICATION schemas FOR TABLES IN SCHEMA public, s").await.expect("schemas");
        let (state, text) = state_of(&client, "ALTER PUBLICATION schemas SET TABLES IN SCHEMA s").await;
        assert_eq!(state, "42501", "only a true superuser: {text}");
        let mixed = "CREATE PUBLICATION mixed FOR TABLE not_its_own, TABLES IN SCHEMA s";
        assert_eq!(state_of(&client, mixed).await, ("42501".into(), "must be owner of table not_its_own".into()));
    }
    // Nothing more than these statements.
    let (state, text) = state_of(&client, "CREATE PUBLICATION one FOR TABLE not_its_own").await;
    assert_eq!((state.as_str(), text.as_str()), ("42501", "must be owner of table not_its_own"));
    let (state, _) = state_of(&client, "CREATE PUBLICATION two FOR TABLE not_its_own /* in schema */").await;
    assert_eq!(state, "42501");
    assert_eq!(state_of(&client, "CREATE PUBLICATION everything FOR ALL TABLES").await.0, "42710");
    for statement in [
        "SELECT pg_catalog.pg_read_file('PG_VERSION')",
        "SELECT neon_stand_in_begin()",
        "ALTER ROLE plain SUPERUSER",
        "BEGIN; SET LOCAL neon_stand_in.lifted = 'app'; CREATE ROLE root SUPERUSER",
    ] {
        state_of(&client, statement).await;
        client.batch_execute("ROLLBACK").await.expect("back");
    }
    client.batch_execute("BEGIN; CREATE PUBLICATION undone FOR ALL TABLES").await.expect("in a transaction");
    state_of(&client, "COPY not_its_own FROM PROGRAM 'echo 1'").await;
    client.batch_execute("ROLLBACK").await.expect("back");
    let row = superuser
        .query_one("SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname <> 'cloud_admin'", &[])
        .await
        .expect("roles");
    assert_eq!(row.get::<_, i64>(0), 0, "nobody stays a superuser");

    // Others may not, and neither may a member without CREATE on the database.
    superuser.batch_execute("SET ROLE plain").await.expect("role");
    assert_eq!(state_of(&superuser, "CREATE PUBLICATION p FOR ALL TABLES").await.0, "42501");
    superuser.batch_execute("RESET ROLE; REVOKE CREATE ON DATABASE neondb FROM neon_superuser").await.expect("revoke");
    let (state, text) = state_of(&client, "CREATE PUBLICATION p FOR ALL TABLES").await;
    assert_eq!((state.as_str(), text.as_str()), ("42501", "permission denied for database neondb"));
    superuser.batch_execute("GRANT CREATE ON DATABASE neondb TO neon_superuser").await.expect("grant");

    // A database made by SQL has it too, and so has one made by the API.
    client.batch_execute("CREATE DATABASE by_sql").await.expect("a database");
    stand_in.admin("POST", "/databases", Some(json!({"name": "by_admin"}))).await;
    for database in ["by_sql", "by_admin"] {
        let found = stand_in.superuser_in(database).await;
        let row = found.query_one("SELECT count(*) FROM pg_event_trigger", &[]).await.expect("triggers");
        assert_eq!(row.get::<_, i64>(0), 2, "{database}");
    }

    // Subscriptions, and the second output plugin.
    client
        .batch_execute(
            "CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 password=x' PUBLICATION p WITH (connect = false)",
        )
        .await
        .expect("as on Neon");
    client
        .batch_execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub")
        .await
        .expect("dropped");
    for statement in
        ["SELECT pg_create_logical_replication_slot('by_wal2json', 'wal2json')", "INSERT INTO not_its_own VALUES (1)"]
    {
        client.batch_execute(statement).await.expect(statement);
    }
    let row = client
        .query_one("SELECT count(*) FROM pg_logical_slot_get_changes('by_wal2json', NULL, NULL)", &[])
        .await
        .expect("changes");
    assert!(row.get::<_, i64>(0) >= 3);
    assert_eq!(state_of(&client, "SELECT pg_create_logical_replication_slot('x', 'other')").await.0, "42501");
}

#[tokio::test]
async fn members_of_neon_superuser_on_14() {
    powers(14).await;
}

#[tokio::test]
async fn members_of_neon_superuser_on_15() {
    powers(15).await;
}

#[tokio::test]
async fn members_of_neon_superuser_on_16() {
    powers(16).await;
}

#[tokio::test]
async fn members_of_neon_superuser_on_17() {
    powers(17).await;
}

#[tokio::test]
async fn members_of_neon_superuser_on_18() {
    powers(18).await;
}
