//! Who stands in the way: open write transactions, for all of which the creation of a slot waits, in whatever database (tried on 14 to
//! 18); and holders of locks.

use std::collections::BTreeSet;
use std::fmt;

use super::advisory_lock;
use super::connection::Connection;
use super::error::Result;
use super::names::TableName;
use super::row::Param;

/// A transaction that has written and is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocker {
    /// One of a session.
    Session {
        pid: i32,
        user: String,
        database: String,
        /// `application_name`.
        application: String,
        /// Seconds since the transaction began, where it can be read.
        age: Option<i64>,
        /// What it runs or ran last, where it can be read.
        query: Option<String>,
    },
    /// One left behind by PREPARE TRANSACTION: it has no session, only COMMIT PREPARED or ROLLBACK PREPARED ends it.
    Prepared { gid: String, owner: String, database: String },
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { pid, user, database, application, age, query } => {
                write!(f, "process {pid} of role `{user}` in database `{database}`")?;
                if !application.is_empty() {
                    write!(f, ", application `{application}`")?;
                }
                if let Some(age) = age {
                    write!(f, ", open for {age} s")?;
                }
                match query {
                    Some(query) => write!(f, ", query: {query}"),
                    None => Ok(()),
                }
            }
            Self::Prepared { gid, owner, database } => {
                write!(f, "prepared transaction `{gid}` of role `{owner}` in database `{database}`")
            }
        }
    }
}

// `backend_xid` is shown to everyone; state, start and query only to members of the role and of pg_read_all_stats.
const READ: &str = "
SELECT a.pid, coalesce(a.usename::text, '') AS owner, coalesce(a.datname::text, '') AS database,
       coalesce(a.application_name, '') AS application, extract(epoch FROM now() - a.xact_start)::int8 AS age,
       CASE WHEN a.xact_start IS NOT NULL THEN left(a.query, 200) END AS query, NULL::text AS gid
FROM pg_stat_activity a
WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
UNION ALL
SELECT NULL, p.owner::text, p.database::text, '', NULL, NULL, p.gid
FROM pg_prepared_xacts p
ORDER BY 5 DESC NULLS LAST, 1, 7";

/// Reads them, the oldest first.
pub(crate) async fn read_all(connection: &Connection) -> Result<Vec<Blocker>> {
    let rows = connection.fetch(READ, &[]).await?;
    rows.iter()
        .map(|row| {
            let (owner, database) = (row.get("owner")?, row.get("database")?);
            Ok(match row.get("gid")? {
                Some(gid) => Blocker::Prepared { gid, owner, database },
                None => Blocker::Session {
                    pid: row.get("pid")?,
                    user: owner,
                    database,
                    application: row.get("application")?,
                    age: row.get("age")?,
                    query: row.get("query")?,
                },
            })
        })
        .collect()
}

/// A session that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockHolder {
    /// Its process; none for a prepared transaction.
    pub(crate) pid: Option<i32>,
    /// Its role, where it can be read.
    pub(crate) user: String,
    /// `application_name`.
    pub(crate) application: String,
    /// What is locked: a table, a publication, or the lock that grants of this provider take in turn.
    pub(crate) object: String,
    /// The strongest lock, such as `AccessExclusiveLock`.
    pub(crate) mode: String,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} of role `{}`", self.user)?,
            None => f.write_str("a prepared transaction")?,
        }
        if !self.application.is_empty() {
            write!(f, ", application `{}`", self.application)?;
        }
        write!(f, ": {} on {}", self.mode, self.object)
    }
}

/// What a statement waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// Locks on the tables that it names.
    Tables(&'a BTreeSet<TableName>),
    /// A lock on a publication.
    Publication,
    /// The lock of [`advisory_lock`](super::advisory_lock).
    Advisory,
}

/// Sessions that hold such locks, the first ten.
pub(crate) async fn holders(connection: &Connection, wanted: Wanted<'_>) -> Result<Vec<LockHolder>> {
    // `max` of the names: the modes that exclude most, AccessExclusiveLock and ExclusiveLock, are not ordered by name, so by a number.
    const HOLDERS: &str = "
SELECT l.pid, coalesce(a.usename::text, '') AS owner, coalesce(a.application_name, '') AS application,
       CASE WHEN l.locktype = 'advisory' THEN 'the advisory lock of grants'
            WHEN l.locktype = 'object' THEN 'publication ' || p.pubname
            ELSE 'table ' || u.schema || '.' || u.name END AS object,
       (array_agg(l.mode ORDER BY l.mode = 'AccessExclusiveLock' DESC, l.mode = 'ExclusiveLock' DESC, l.mode))[1] AS mode
FROM pg_locks l
     LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     LEFT JOIN pg_publication p ON l.locktype = 'object' AND l.classid = 'pg_publication'::regclass AND p.oid = l.objid
     LEFT JOIN pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
     LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN unnest($1::text[], $2::text[]) AS u(schema, name) ON u.schema = n.nspname AND u.name = c.relname
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (u.name IS NOT NULL OR (p.oid IS NOT NULL AND $4 = 'publication')
           OR (l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = $3 AND $4 = 'advisory'))
GROUP BY 1, 2, 3, 4
ORDER BY 5, 1 LIMIT 10";
    let none = BTreeSet::new();
    let (tables, other) = match wanted {
        Wanted::Tables(tables) => (tables, "tables"),
        Wanted::Publication => (&none, "publication"),
        Wanted::Advisory => (&none, "advisory"),
    };
    let schemas: Vec<&str> = tables.iter().map(|it| it.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(TableName::name).collect();
    let params = [Param::Texts(&schemas), Param::Texts(&names), Param::Oid(advisory_lock::CLASS), Param::Text(other)];
    let rows = connection.fetch(HOLDERS, &params).await?;
    rows.iter()
        .map(|row| {
            Ok(LockHolder {
                pid: row.get("pid")?,
                user: row.get("owner")?,
                application: row.get("application")?,
                object: row.get("object")?,
                mode: row.get("mode")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_known() {
        let mut blocker = Blocker::Session {
            pid: 7,
            user: "app".into(),
            database: "d".into(),
            application: "psql".into(),
            age: Some(90),
            query: Some("INSERT INTO t VALUES (1)".into()),
        };
        assert_eq!(
            blocker.to_string(),
            "process 7 of role `app` in database `d`, application `psql`, open for 90 s, query: INSERT INTO t VALUES (1)"
        );
        if let Blocker::Session { application, age, query, .. } = &mut blocker {
            application.clear();
            (*age, *query) = (None, None);
        }
        assert_eq!(blocker.to_string(), "process 7 of role `app` in database `d`");
    }
}
