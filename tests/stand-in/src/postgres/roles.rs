//! Roles as Neon's control plane makes, changes and removes them, and what is found in the catalogue.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::admin::{Access, identifier, literal};

/// A role that users see, as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundRole {
    /// Its name.
    pub(crate) name: String,
    /// Whether it may log in.
    pub(crate) login: bool,
}

/// A database that users see, as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundDatabase {
    /// Its name.
    pub(crate) name: String,
    /// Its OID.
    pub(crate) oid: u32,
    /// Its owner's name.
    pub(crate) owner: String,
}

/// Creates the role; one that already exists only gets the password, as on Neon.
/// `password` is null for a role that may not log in.
pub(crate) async fn create(client: &Client, name: &str, password: Option<&str>) -> Result<()> {
    let login = match password {
        Some(password) => format!("LOGIN PASSWORD {}", literal(password)),
        None => "NOLOGIN".to_owned(),
    };
    let exists = client.query_opt("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", &[&name]).await?.is_some();
    let role = identifier(name);
    let statement = if exists {
        format!("ALTER ROLE {role} {login}")
    } else {
        format!("CREATE ROLE {role} INHERIT CREATEROLE CREATEDB BYPASSRLS REPLICATION IN ROLE neon_superuser {login}")
    };
    client.batch_execute(&statement).await.with_context(|| format!("creating role `{name}`"))
}

/// Removes the role: in each database that it does not own, what it owns goes to the database's owner and its
/// privileges and default privileges go; then the role itself.
pub(crate) async fn delete(access: &Access, name: &str) -> Result<()> {
    let client = access.connect("postgres").await?;
    let exists = client.query_opt("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", &[&name]).await?;
    if exists.is_none() {
        return Ok(());
    }
    let databases = client
        .query(
            "SELECT datname, pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database \
             WHERE datallowconn AND NOT datistemplate ORDER BY oid",
            &[],
        )
        .await?;
    for row in databases {
        let (database, owner): (String, String) = (row.get(0), row.get(1));
        if owner != name {
            release(access, &database, name, &owner)
                .await
                .with_context(|| format!("taking what `{name}` has in database `{database}`"))?;
        }
    }
    client
        .batch_execute(&format!("DROP ROLE IF EXISTS {}", identifier(name)))
        .await
        .with_context(|| format!("dropping role `{name}`"))
}

async fn release(access: &Access, database: &str, name: &str, owner: &str) -> Result<()> {
    let mut client = access.connect(database).await?;
    let role = identifier(name);
    client.batch_execute(&format!("REASSIGN OWNED BY {role} TO {}", identifier(owner))).await?;
    // What others than the database's owner granted to it in `public`, each taken back as its grantor.
    let grantors = client
        .query("SELECT DISTINCT grantor::text FROM information_schema.role_table_grants WHERE grantee = $1", &[&name])
        .await?;
    let has_public =
        client.query_opt("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'public'", &[]).await?.is_some();
    if has_public {
        for row in grantors {
            let grantor = identifier(row.get(0));
            let transaction = client.transaction().await?;
            transaction
                .batch_execute(&format!(
                    "SET LOCAL ROLE {grantor}; \
                     REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA public FROM {role} GRANTED BY {grantor}"
                ))
                .await?;
            transaction.commit().await?;
        }
    }
    client.batch_execute(&format!("DROP OWNED BY {role}")).await?;
    Ok(())
}

/// Roles that the API lists: all but the system's.
pub(crate) async fn list(client: &Client) -> Result<Vec<FoundRole>> {
    let rows = client
        .query(
            "SELECT rolname, rolcanlogin FROM pg_catalog.pg_roles \
             WHERE rolname !~ '^pg_' AND rolname NOT IN ('cloud_admin', 'neon_superuser') ORDER BY oid",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| FoundRole { name: row.get(0), login: row.get(1) }).collect())
}

/// Databases that the API lists: all but `postgres` and the templates.
pub(crate) async fn list_databases(client: &Client) -> Result<Vec<FoundDatabase>> {
    let rows = client
        .query(
            "SELECT datname, oid, pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database \
             WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY oid",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| FoundDatabase { name: row.get(0), oid: row.get(1), owner: row.get(2) }).collect())
}
