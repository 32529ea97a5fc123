//! The superuser's own connections, and what Neon's control plane sets up in a new cluster and database.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio_postgres::{Client, Config, NoTls};

use super::archive::SUPERUSER;

/// Where and how the superuser connects.
#[derive(Clone)]
pub(crate) struct Access {
    /// Folder of the server's socket: the way we go ourselves.
    pub(crate) socket: PathBuf,
    /// Port of the server itself.
    pub(crate) port: u16,
    /// The superuser's password.
    pub(crate) password: String,
}

impl Access {
    /// A new connection to `database`.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client> {
        let (client, connection) = Config::new()
            .host_path(&self.socket)
            .port(self.port)
            .user(SUPERUSER)
            .dbname(database)
            .application_name("neon-stand-in")
            .connect(NoTls)
            .await
            .with_context(|| format!("connecting to `{database}` as `{SUPERUSER}`"))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the superuser's connection ended: {error}");
            }
        });
        Ok(client)
    }

    /// The connection string that the first line names.
    pub(crate) fn dsn(&self, database: &str) -> String {
        format!(
            "postgresql://{SUPERUSER}:{}@127.0.0.1:{}/{}?sslmode=disable",
            self.password,
            self.port,
            crate::names::escaped(database)
        )
    }
}

/// A name as SQL takes it.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it, with `standard_conforming_strings` on.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What every Neon compute has before the first database: the superuser's password, `neon_superuser` with its
/// memberships by version, and the physical slot that the walproposer holds.
pub(crate) async fn set_up_cluster(client: &Client, major: u16, password: &str) -> Result<()> {
    let mut script = format!(
        "ALTER ROLE {SUPERUSER} PASSWORD {};\
         CREATE ROLE neon_superuser CREATEDB CREATEROLE NOLOGIN REPLICATION BYPASSRLS \
             IN ROLE pg_read_all_data, pg_write_all_data;\
         GRANT pg_monitor TO neon_superuser WITH ADMIN OPTION;\
         GRANT pg_signal_backend TO neon_superuser WITH ADMIN OPTION;\
         GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_replication_origin_status() TO neon_superuser;",
        literal(password)
    );
    if major >= 16 {
        script.push_str(
            "GRANT pg_create_subscription TO neon_superuser;\
             GRANT EXECUTE ON FUNCTION pg_catalog.pg_export_snapshot() TO neon_superuser;\
             GRANT EXECUTE ON FUNCTION pg_catalog.pg_log_standby_snapshot() TO neon_superuser;",
        );
    }
    client.batch_execute(&script).await.context("setting up the cluster")?;
    add_walproposer_slot(client).await
}

async fn add_walproposer_slot(client: &Client) -> Result<()> {
    client
        .batch_execute("SELECT pg_catalog.pg_create_physical_replication_slot('wal_proposer_slot')")
        .await
        .context("making the walproposer's slot")
}

/// What becomes of a copy that is to be a branch: subscriptions are dropped before they run; slots were not copied.
pub(crate) async fn begin_branch(access: &Access, client: &Client) -> Result<()> {
    let rows = client
        .query(
            "SELECT datname, subname FROM pg_catalog.pg_subscription \
             JOIN pg_catalog.pg_database ON pg_database.oid = subdbid",
            &[],
        )
        .await?;
    for row in rows {
        let (database, name): (String, String) = (row.get(0), row.get(1));
        let name = identifier(&name);
        let session = access.connect(&database).await?;
        for statement in [
            format!("ALTER SUBSCRIPTION {name} DISABLE"),
            format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"),
            format!("DROP SUBSCRIPTION {name}"),
        ] {
            session.batch_execute(&statement).await.with_context(|| statement.clone())?;
        }
    }
    add_walproposer_slot(client).await
}

/// Removes all rows of users' tables in all databases, and restarts their sequences.
pub(crate) async fn empty_tables(access: &Access) -> Result<()> {
    const DATABASES: &str = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate";
    const TABLES: &str = "SELECT string_agg(format('%I.%I', nspname, relname), ', ') \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace \
        WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE objid = c.oid AND deptype = 'e')";
    let client = access.connect("postgres").await?;
    for row in client.query(DATABASES, &[]).await? {
        let session = access.connect(row.get(0)).await?;
        let tables: Option<String> = session.query_one(TABLES, &[]).await?.get(0);
        if let Some(tables) = tables {
            session.batch_execute(&format!("TRUNCATE {tables} RESTART IDENTITY")).await.context("emptying tables")?;
        }
    }
    Ok(())
}

/// Renames a database or gives it to another owner.
pub(crate) async fn alter_database(client: &Client, name: &str, new_name: &str, owner: &str) -> Result<()> {
    let quoted = identifier(new_name);
    if name != new_name {
        client.batch_execute(&format!("ALTER DATABASE {} RENAME TO {quoted}", identifier(name))).await?;
    }
    client.batch_execute(&format!("ALTER DATABASE {quoted} OWNER TO {}", identifier(owner))).await?;
    Ok(())
}

/// A database as the control plane makes it: owned by `owner`, all privileges for `neon_superuser`,
/// `public` owned by the owner, and the superuser's default privileges in it.
pub(crate) async fn create_database(access: &Access, name: &str, owner: &str) -> Result<()> {
    let (quoted, quoted_owner) = (identifier(name), identifier(owner));
    let client = access.connect("postgres").await?;
    client
        .batch_execute(&format!("CREATE DATABASE {quoted} OWNER {quoted_owner}"))
        .await
        .with_context(|| format!("creating database `{name}`"))?;
    client.batch_execute(&format!("GRANT ALL PRIVILEGES ON DATABASE {quoted} TO neon_superuser")).await?;
    access
        .connect(name)
        .await?
        .batch_execute(&format!(
            "ALTER SCHEMA public OWNER TO {quoted_owner};\
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO neon_superuser WITH GRANT OPTION;\
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO neon_superuser WITH GRANT OPTION"
        ))
        .await
        .with_context(|| format!("setting up database `{name}`"))
}

/// Removes a database; whoever is connected to it is sent away.
pub(crate) async fn drop_database(access: &Access, name: &str) -> Result<()> {
    access
        .connect("postgres")
        .await?
        .batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name)))
        .await
        .with_context(|| format!("dropping database `{name}`"))
}

/// Whom a reconfiguration of the compute sends away; the superuser's connections always stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dropped {
    /// Nobody.
    None,
    /// Sessions, but not walsenders.
    Clients,
    /// Sessions and walsenders.
    All,
}

/// Ends connections with 57P01; returns how many.
pub(crate) async fn terminate(client: &Client, whom: Dropped) -> Result<i64> {
    let kinds: &[&str] = match whom {
        Dropped::None => return Ok(0),
        Dropped::Clients => &["client backend"],
        Dropped::All => &["client backend", "walsender"],
    };
    let row = client
        .query_one(
            "SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity \
             WHERE backend_type = ANY ($1) AND usename <> $2 AND pid <> pg_catalog.pg_backend_pid()",
            &[&kinds, &SUPERUSER],
        )
        .await?;
    Ok(row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_token() {
        for (name, quoted) in
            [("plain", r#""plain""#), (r#"a"b"#, r#""a""b""#), ("a b;--", r#""a b;--""#), ("", r#""""#)]
        {
            assert_eq!(identifier(name), quoted);
        }
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn the_dsn_escapes_the_database() {
        let access = Access { socket: PathBuf::new(), port: 20_001, password: "secret".to_owned() };
        assert_eq!(access.dsn("a/b"), "postgresql://cloud_admin:secret@127.0.0.1:20001/a%2Fb?sslmode=disable");
    }
}
