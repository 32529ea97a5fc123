//! What `neonrep_readiness` asks a server: one read, of one round trip, for each family of facts.
//!
//! A name that nothing has gives `None`, or a relation that is missing from the list: absence is a fact too.

use super::connection::Connection;
use super::error::Result;
use super::row::{Param, Row};

/// The server and its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// `wal_level`
    pub(crate) wal_level: String,
    /// It replays another server's WAL.
    pub(crate) standby: bool,
    /// `server_version_num`, such as 170004.
    pub(crate) version: i32,
    /// The connected database.
    pub(crate) database: String,
    /// `max_replication_slots`
    pub(crate) max_slots: i32,
    /// Slots of both kinds.
    pub(crate) used_slots: i32,
    /// `max_wal_senders`
    pub(crate) max_wal_senders: i32,
    /// Walsenders that run.
    pub(crate) used_wal_senders: i32,
    /// `wal_sender_timeout` in milliseconds, as it holds for the consumer's role in this database; 0 is none.
    pub(crate) wal_sender_timeout: i64,
    /// `idle_replication_slot_timeout` in seconds (18+); 0 is none.
    pub(crate) idle_slot_timeout: Option<i64>,
    /// `max_slot_wal_keep_size` in megabytes; -1 is no limit.
    pub(crate) max_slot_wal: i64,
    /// `max_logical_replication_workers`
    pub(crate) max_workers: i32,
    /// Sequences outside the system schemas.
    pub(crate) sequences: i64,
    /// Roles of [`MARKS`] that exist.
    pub(crate) marks: Vec<String>,
    /// Transactions that have written and are older than a minute, prepared ones too, in words.
    pub(crate) long_transactions: Vec<String>,
}

/// Roles by which platforms are recognized.
pub(crate) const MARKS: &[&str] =
    &["rdsadmin", "cloudsqlsuperuser", "alloydbsuperuser", "azure_pg_admin", "supabase_admin"];

/// Reads the server. `role` is the consumer's, for settings that hold for it.
pub(crate) async fn server(connection: &Connection, role: Option<&str>) -> Result<Server> {
    const SERVER: &str = "
SELECT current_setting('wal_level') AS wal_level, pg_is_in_recovery() AS standby,
       current_setting('server_version_num')::int4 AS version, current_database()::text AS database,
       current_setting('max_replication_slots')::int4 AS max_slots, (SELECT count(*)::int4 FROM pg_replication_slots) AS used_slots,
       current_setting('max_wal_senders')::int4 AS max_wal_senders, (SELECT count(*)::int4 FROM pg_stat_replication) AS used_wal_senders,
       (SELECT reset_val FROM pg_settings WHERE name = 'wal_sender_timeout') AS wal_sender_timeout,
       (SELECT substr(c, 20) FROM pg_db_role_setting s, unnest(s.setconfig) c
        WHERE c LIKE 'wal\\_sender\\_timeout=%'
              AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = $1))
              AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1) AS wal_sender_timeout_here,
       (SELECT setting::int8 FROM pg_settings WHERE name = 'idle_replication_slot_timeout') AS idle_slot_timeout,
       (SELECT setting::int8 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS max_slot_wal,
       current_setting('max_logical_replication_workers')::int4 AS max_workers,
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') AS sequences,
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($2) ORDER BY 1) AS marks,
       ARRAY(SELECT format('process %s of role `%s`', a.pid, a.usename) FROM pg_stat_activity a
             WHERE a.backend_xid IS NOT NULL AND a.xact_start < now() - interval '1 minute'
             UNION ALL
             SELECT format('prepared transaction `%s`', x.gid) FROM pg_prepared_xacts x
             WHERE x.prepared < now() - interval '1 minute'
             ORDER BY 1) AS long_transactions";
    let row = connection.fetch_one(SERVER, &[Param::OptionalText(role), Param::Texts(MARKS)]).await?;
    let here: Option<&str> = row.get("wal_sender_timeout_here")?;
    let everywhere: &str = row.get("wal_sender_timeout")?;
    Ok(Server {
        wal_level: row.get("wal_level")?,
        standby: row.get("standby")?,
        version: row.get("version")?,
        database: row.get("database")?,
        max_slots: row.get("max_slots")?,
        used_slots: row.get("used_slots")?,
        max_wal_senders: row.get("max_wal_senders")?,
        used_wal_senders: row.get("used_wal_senders")?,
        wal_sender_timeout: here.and_then(milliseconds).or_else(|| milliseconds(everywhere)).unwrap_or_default(),
        idle_slot_timeout: row.get("idle_slot_timeout")?,
        max_slot_wal: row.get("max_slot_wal")?,
        max_workers: row.get("max_workers")?,
        sequences: row.get("sequences")?,
        marks: row.get("marks")?,
        long_transactions: row.get("long_transactions")?,
    })
}

/// A duration as Postgres takes it for a setting in milliseconds: `60s`, `1min`, `10000`.
fn milliseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let at = text.find(|it: char| !it.is_ascii_digit() && it != '-').unwrap_or(text.len());
    let number: i64 = text[..at].parse().ok()?;
    let unit = match text[at..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The consumer's role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are attributes and memberships that Postgres has")]
pub(crate) struct Role {
    /// LOGIN
    pub(crate) login: bool,
    /// REPLICATION, or SUPERUSER, which implies it.
    pub(crate) replication: bool,
    /// BYPASSRLS, or SUPERUSER.
    pub(crate) bypass_rls: bool,
    /// `pg_read_all_data`: it reads every table, also those created later.
    pub(crate) reads_all: bool,
    /// The server has a role `rds_replication`: membership stands for the attribute there.
    pub(crate) replicates_by_membership: bool,
    /// It is a member of `rds_replication`.
    pub(crate) is_replication_member: bool,
}

/// Reads the role; `None` if there is none of that name.
pub(crate) async fn role(connection: &Connection, name: &str) -> Result<Option<Role>> {
    const ROLE: &str = "
SELECT r.rolcanlogin AS login, r.rolreplication OR r.rolsuper AS replication, r.rolbypassrls OR r.rolsuper AS bypass_rls,
       coalesce(pg_has_role(r.oid, a.oid, 'USAGE'), false) AS reads_all, g.oid IS NOT NULL AS replicates_by_membership,
       coalesce(pg_has_role(r.oid, g.oid, 'MEMBER'), false) AS is_replication_member
FROM pg_roles r
     LEFT JOIN pg_roles a ON a.rolname = 'pg_read_all_data'
     LEFT JOIN pg_roles g ON g.rolname = 'rds_replication'
WHERE r.rolname = $1";
    let row = connection.fetch_optional(ROLE, &[Param::Text(name)]).await?;
    row.map(|row| {
        Ok(Role {
            login: row.get("login")?,
            replication: row.get("replication")?,
            bypass_rls: row.get("bypass_rls")?,
            reads_all: row.get("reads_all")?,
            replicates_by_membership: row.get("replicates_by_membership")?,
            is_replication_member: row.get("is_replication_member")?,
        })
    })
    .transpose()
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the options that Postgres has")]
pub(crate) struct Publication {
    pub(crate) owner: String,
    /// FOR ALL TABLES
    pub(crate) all_tables: bool,
    /// `publish` has `insert`.
    pub(crate) insert: bool,
    /// `publish` has `update`.
    pub(crate) update: bool,
    /// `publish` has `delete`.
    pub(crate) delete: bool,
    /// `publish_via_partition_root`
    pub(crate) via_root: bool,
    /// `publish_generated_columns = stored` (18+).
    pub(crate) generated_columns: bool,
}

/// Reads the publication; `None` if there is none of that name.
pub(crate) async fn publication(connection: &Connection, name: &str) -> Result<Option<Publication>> {
    const PUBLICATION: &str = "
SELECT pg_get_userbyid(p.pubowner)::text AS owner, p.puballtables AS all_tables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubviaroot,
       coalesce(to_jsonb(p) ->> 'pubgencols', 'n') = 's' AS generated_columns
FROM pg_publication p WHERE p.pubname = $1";
    let row = connection.fetch_optional(PUBLICATION, &[Param::Text(name)]).await?;
    row.map(|row| {
        Ok(Publication {
            owner: row.get("owner")?,
            all_tables: row.get("all_tables")?,
            insert: row.get("pubinsert")?,
            update: row.get("pubupdate")?,
            delete: row.get("pubdelete")?,
            via_root: row.get("pubviaroot")?,
            generated_columns: row.get("generated_columns")?,
        })
    })
    .transpose()
}

/// A relation that is published, is a partition of one that is, or was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question that a check asks")]
pub(crate) struct Relation {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `pg_class.relkind`: `r`, `p`, `v`, `m`, `f`.
    pub(crate) kind: String,
    /// Neither unlogged nor temporary.
    pub(crate) permanent: bool,
    /// Its own changes are published, under its name.
    pub(crate) published: bool,
    /// It is a partition of a table that is published via its root.
    pub(crate) published_by_root: bool,
    /// It is a partition.
    pub(crate) is_partition: bool,
    /// `pg_class.relreplident`: `d`, `n`, `f`, `i`.
    pub(crate) identity: String,
    /// It has a primary key that can serve as identity.
    pub(crate) has_primary_key: bool,
    /// The index of its identity is there and valid.
    pub(crate) identity_index_valid: bool,
    /// The publication has a column list for it.
    pub(crate) has_column_list: bool,
    /// It has a column whose unchanged large values are not sent.
    pub(crate) has_large_columns: bool,
    pub(crate) generated_columns: Vec<String>,
    /// Its columns of types outside `pg_catalog`.
    pub(crate) foreign_types: Vec<String>,
    pub(crate) columns: Vec<String>,
    /// Columns of its primary key.
    pub(crate) key: Vec<String>,
    /// Row security is on.
    pub(crate) row_security: bool,
    /// Row security holds for its owner too.
    pub(crate) forces_row_security: bool,
    /// The role has the rights of its owner.
    pub(crate) is_owned: bool,
    /// The role has USAGE on its schema.
    pub(crate) usage: bool,
    /// The role may SELECT.
    pub(crate) select: bool,
    /// The role may INSERT.
    pub(crate) insert: bool,
    /// The role may UPDATE.
    pub(crate) update: bool,
    /// Default privileges of its owner give the role SELECT on tables created later in its schema.
    pub(crate) future: bool,
}

impl Relation {
    /// `schema.name`
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// Reads the relations of a publication, their partitions, and those named; with what `role` may do there.
pub(crate) async fn relations(
    connection: &Connection,
    publication: Option<&str>,
    named: &[(String, String)],
    role: Option<&str>,
) -> Result<Vec<Relation>> {
    const RELATIONS: &str = "
WITH effective AS (SELECT c.oid, c.relkind
                   FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
                        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
                   WHERE t.pubname = $1),
     named AS (SELECT c.oid FROM unnest($2::text[], $3::text[]) u(schema, name)
               JOIN pg_namespace n ON n.nspname = u.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.name
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')),
     parts AS (SELECT t.relid::oid AS oid FROM effective e, pg_partition_tree(e.oid) t WHERE e.relkind = 'p' AND t.relid <> e.oid),
     consumer AS (SELECT oid FROM pg_roles WHERE rolname = $4)
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relpersistence = 'p' AS permanent,
       c.oid IN (SELECT oid FROM effective) AS published, c.oid IN (SELECT oid FROM parts) AS published_by_root,
       c.relispartition AS is_partition, c.relreplident::text AS identity,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid) AS has_primary_key,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid AND i.indislive)
           AS identity_index_valid,
       EXISTS (SELECT FROM pg_publication_rel m JOIN pg_publication p ON p.oid = m.prpubid
               WHERE p.pubname = $1 AND m.prrelid = c.oid AND to_jsonb(m) ->> 'prattrs' IS NOT NULL) AS has_column_list,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                                AND a.attlen = -1 AND a.attstorage <> 'p') AS has_large_columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                                              AND a.attgenerated <> '' ORDER BY a.attnum) AS generated_columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND t.typnamespace <> 'pg_catalog'::regnamespace ORDER BY a.attnum) AS foreign_types,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, at)
                    JOIN pg_attribute a ON a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid ORDER BY k.at) AS key,
       c.relrowsecurity AS row_security, c.relforcerowsecurity AS forces_row_security,
       coalesce(pg_has_role(r.oid, c.relowner, 'USAGE'), false) AS is_owned,
       coalesce(has_schema_privilege(r.oid, n.oid, 'USAGE'), false) AS usage,
       coalesce(has_table_privilege(r.oid, c.oid, 'SELECT'), false) AS select,
       coalesce(has_table_privilege(r.oid, c.oid, 'INSERT'), false) AS insert,
       coalesce(has_table_privilege(r.oid, c.oid, 'UPDATE'), false) AS update,
       EXISTS (SELECT FROM pg_default_acl d, aclexplode(d.defaclacl) one
               WHERE d.defaclobjtype = 'r' AND d.defaclrole = c.relowner AND d.defaclnamespace IN (0, n.oid)
                     AND one.grantee = r.oid AND one.privilege_type = 'SELECT') AS future
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN consumer r ON true
WHERE c.oid IN (SELECT oid FROM effective UNION SELECT oid FROM named UNION SELECT oid FROM parts)
ORDER BY 1, 2";
    let schemas: Vec<&str> = named.iter().map(|(schema, _)| schema.as_str()).collect();
    let names: Vec<&str> = named.iter().map(|(_, name)| name.as_str()).collect();
    let params =
        [Param::OptionalText(publication), Param::Texts(&schemas), Param::Texts(&names), Param::OptionalText(role)];
    connection.fetch(RELATIONS, &params).await?.iter().map(relation).collect()
}

fn relation(row: &Row) -> Result<Relation> {
    Ok(Relation {
        schema: row.get("schema")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        permanent: row.get("permanent")?,
        published: row.get("published")?,
        published_by_root: row.get("published_by_root")?,
        is_partition: row.get("is_partition")?,
        identity: row.get("identity")?,
        has_primary_key: row.get("has_primary_key")?,
        identity_index_valid: row.get("identity_index_valid")?,
        has_column_list: row.get("has_column_list")?,
        has_large_columns: row.get("has_large_columns")?,
        generated_columns: row.get("generated_columns")?,
        foreign_types: row.get("foreign_types")?,
        columns: row.get("columns")?,
        key: row.get("key")?,
        row_security: row.get("row_security")?,
        forces_row_security: row.get("forces_row_security")?,
        is_owned: row.get("is_owned")?,
        usage: row.get("usage")?,
        select: row.get("select")?,
        insert: row.get("insert")?,
        update: row.get("update")?,
        future: row.get("future")?,
    })
}

/// A slot, as a consumer meets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Output plugin; only logical ones have it.
    pub(crate) plugin: Option<String>,
    /// Its database; only logical ones have it.
    pub(crate) database: Option<String>,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub(crate) wal_status: Option<String>,
    /// Why it was invalidated (17+).
    pub(crate) invalidation_reason: Option<String>,
    /// It keeps WAL; a slot that does not was never finished, or was invalidated.
    pub(crate) keeps_wal: bool,
    /// Who uses it, as application, role and process; none if nobody does.
    pub(crate) consumer: Option<String>,
    /// The role of that consumer.
    pub(crate) consumer_role: Option<String>,
    /// The publication is proved to be older. `false` proves nothing.
    pub(crate) publication_proved_older: bool,
}

/// Reads the slot, of whatever database; `None` if there is none of that name.
pub(crate) async fn slot(connection: &Connection, name: &str, publication: Option<&str>) -> Result<Option<Slot>> {
    const SLOT: &str = "
SELECT s.plugin::text AS plugin, s.database::text AS database, s.wal_status, to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason,
       s.restart_lsn IS NOT NULL AS keeps_wal,
       CASE WHEN s.active THEN concat_ws(', ', nullif(a.application_name, ''), 'role ' || a.usename, 'process ' || s.active_pid) END
           AS consumer, a.usename::text AS consumer_role,
       coalesce((SELECT age(p.xmin) > age(s.catalog_xmin) FROM pg_publication p
                 WHERE p.pubname = $2 AND s.database = current_database()), false) AS publication_proved_older
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = $1";
    let row = connection.fetch_optional(SLOT, &[Param::Text(name), Param::OptionalText(publication)]).await?;
    row.map(|row| {
        Ok(Slot {
            plugin: row.get("plugin")?,
            database: row.get("database")?,
            wal_status: row.get("wal_status")?,
            invalidation_reason: row.get("invalidation_reason")?,
            keeps_wal: row.get("keeps_wal")?,
            consumer: row.get("consumer")?,
            consumer_role: row.get("consumer_role")?,
            publication_proved_older: row.get("publication_proved_older")?,
        })
    })
    .transpose()
}

/// The server that subscribes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscriber {
    /// `server_version_num`
    pub(crate) version: i32,
    /// The connected role may CREATE SUBSCRIPTION.
    pub(crate) may_subscribe: bool,
    /// `max_logical_replication_workers`
    pub(crate) max_workers: i32,
    /// Subscriptions of all databases.
    pub(crate) subscriptions: i64,
    /// Those of the named tables that are there.
    pub(crate) tables: Vec<Target>,
}

/// A table of the subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// It, or one of its partitions, has pages on disk: it holds rows, or held some.
    pub(crate) has_pages: bool,
}

/// Reads the subscriber's side.
pub(crate) async fn subscriber(connection: &Connection, named: &[(String, String)]) -> Result<Subscriber> {
    // Before 16 only superusers subscribe. Neon's own roles may do so on every version, by membership of neon_superuser.
    const SUBSCRIBER: &str = "
SELECT current_setting('server_version_num')::int4 AS version,
       r.rolsuper OR (has_database_privilege(r.oid, current_database(), 'CREATE')
                      AND EXISTS (SELECT FROM pg_roles g WHERE g.rolname IN ('pg_create_subscription', 'neon_superuser')
                                                               AND pg_has_role(r.oid, g.oid, 'USAGE'))) AS may_subscribe,
       current_setting('max_logical_replication_workers')::int4 AS max_workers,
       (SELECT count(*) FROM pg_stat_subscription s WHERE s.subid IS NOT NULL) AS subscriptions
FROM pg_roles r WHERE r.rolname = current_user";
    const TARGETS: &str = "
SELECT n.nspname::text AS schema, c.relname::text AS name,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS columns,
       EXISTS (SELECT FROM pg_partition_tree(c.oid) t WHERE t.isleaf AND pg_relation_size(t.relid) > 0)
           OR pg_relation_size(c.oid) > 0 AS has_pages
FROM unnest($1::text[], $2::text[]) u(schema, name)
     JOIN pg_namespace n ON n.nspname = u.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.name
WHERE c.relkind IN ('r', 'p')
ORDER BY 1, 2";
    let schemas: Vec<&str> = named.iter().map(|(schema, _)| schema.as_str()).collect();
    let names: Vec<&str> = named.iter().map(|(_, name)| name.as_str()).collect();
    let params = [Param::Texts(&schemas), Param::Texts(&names)];
    let (row, targets) =
        futures_util::future::try_join(connection.fetch_one(SUBSCRIBER, &[]), connection.fetch(TARGETS, &params))
            .await?;
    let target = |row: &Row| {
        Ok(Target {
            schema: row.get("schema")?,
            name: row.get("name")?,
            columns: row.get("columns")?,
            has_pages: row.get("has_pages")?,
        })
    };
    Ok(Subscriber {
        version: row.get("version")?,
        may_subscribe: row.get("may_subscribe")?,
        max_workers: row.get("max_workers")?,
        subscriptions: row.get("subscriptions")?,
        tables: targets.iter().map(target).collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_read_as_postgres_writes_them() {
        for (text, expected) in [
            ("10000", Some(10_000)),
            ("0", Some(0)),
            ("60s", Some(60_000)),
            ("1min", Some(60_000)),
            (" 2 h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("5 parsecs", None),
            ("", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
