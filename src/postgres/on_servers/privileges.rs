//! Privileges of one role on real servers: what a grant finds, gives and revokes, and what belongs to others.

use std::collections::BTreeSet;

use crate::postgres::acl::{self, Key, Rights, Scope};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::{RoleName, SchemaName, TableName, membership};

use super::{Never, Server};
use crate::support::stand_in::StandIn;
use crate::support::versions::on_every_postgres;

fn scope(role: &str, schemas: &[&str], tables: &[&str]) -> Scope {
    Scope {
        role: RoleName::parse(role).unwrap(),
        schemas: schemas.iter().map(|it| SchemaName::parse(it).unwrap()).collect(),
        tables: tables.iter().map(|it| TableName::parse("public", it).unwrap()).collect(),
        oids: BTreeSet::new(),
    }
}

fn described(rights: &Rights) -> Vec<String> {
    rights.iter().map(|(key, name)| acl::describe(key, name)).collect()
}

/// As a handler does: what is missing is given; what was held before is returned.
fn give(server: &Server<'_>, scope: &Scope, owners: &[&str]) -> (BTreeSet<Key>, Vec<String>) {
    let owners: BTreeSet<RoleName> = owners.iter().map(|it| RoleName::parse(it).unwrap()).collect();
    let privileges = BTreeSet::from([TablePrivilege::Select]);
    server.block_on(async {
        let mut session = server.session().await;
        session
            .settled(async |tx| {
                let found = acl::read(&tx, scope, &owners).await?.unwrap();
                let wanted = found.wanted(scope, &privileges, &owners);
                let missing = found.missing(&wanted);
                tx.run(&acl::grant(&scope.role, &missing)).await?;
                let now = acl::read(&tx, scope, &owners).await?.unwrap();
                assert_eq!(now.missing(&wanted), Rights::new());
                Ok::<_, Never>((
                    wanted.keys().filter(|it| !missing.contains_key(it)).copied().collect(),
                    described(&missing),
                ))
            })
            .await
            .unwrap()
    })
}

/// Revokes what is held beyond `keep`; returns what was revoked and what was left.
fn take(server: &Server<'_>, scope: &Scope, owners: &[&str], keep: &BTreeSet<Key>) -> (Vec<String>, Vec<String>) {
    let owners: BTreeSet<RoleName> = owners.iter().map(|it| RoleName::parse(it).unwrap()).collect();
    let privileges = BTreeSet::from([TablePrivilege::Select]);
    server.block_on(async {
        let mut session = server.session().await;
        session
            .settled(async |tx| {
                let before = acl::read(&tx, scope, &owners).await?.unwrap();
                let difference = before.to_revoke(scope, &before.wanted(scope, &privileges, &owners), keep);
                tx.run(&acl::revoke(&scope.role, &difference.revoke)).await?;
                let after = acl::read(&tx, scope, &owners).await?.unwrap();
                tx.run(&acl::lost_columns(&before, &after)).await?;
                Ok::<_, Never>((described(&difference.revoke), described(&difference.left)))
            })
            .await
            .unwrap()
    })
}

#[test]
fn what_is_given_is_revoked_and_nothing_else() {
    on_every_postgres(|stand_in| {
        let server = Server::of(stand_in);
        stand_in.sql("CREATE ROLE reader; REVOKE CONNECT ON DATABASE neondb FROM PUBLIC; REVOKE USAGE ON SCHEMA public FROM PUBLIC");
        stand_in
            .sql_as_owner("CREATE TABLE t(id int PRIMARY KEY, v text); CREATE VIEW w AS SELECT 1 AS id; CREATE SCHEMA other; CREATE TABLE other.x(id int)")
            .unwrap();
        let owner = stand_in.ready.owner_role.as_str();
        let scope = scope("reader", &["public"], &[]);
        let (before, given) = give(&server, &scope, &[owner]);
        assert_eq!(before, BTreeSet::new());
        let everything = [
            "CONNECT ON DATABASE neondb",
            "USAGE ON SCHEMA public",
            "SELECT ON TABLE public.t",
            "SELECT ON TABLE public.w",
            "SELECT ON FUTURE TABLES OF neondb_owner IN SCHEMA public",
        ];
        assert_eq!(given, everything);
        let (before, given) = give(&server, &scope, &[owner]);
        assert_eq!((before.len(), given.len()), (5, 0));
        // Renamed outside: it is still the one that was given.
        stand_in.sql("ALTER TABLE t RENAME TO renamed");
        let (revoked, left) = take(&server, &scope, &[owner], &BTreeSet::new());
        assert_eq!(left, [""; 0]);
        assert_eq!(revoked.len(), 5, "{revoked:?}");
        let rest = stand_in.value("SELECT count(*) FROM pg_shdepend WHERE refobjid = 'reader'::regrole");
        assert_eq!(rest, "0");
    });
}

#[test]
fn privileges_on_columns_survive_a_revoke_of_the_table() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql("CREATE ROLE analyst");
    stand_in
        .sql_as_owner(
            "CREATE TABLE t1(id int PRIMARY KEY, \"a b\" text, secret text); GRANT USAGE ON SCHEMA public TO analyst;
             GRANT SELECT (id, \"a b\") ON t1 TO analyst; GRANT SELECT (secret) ON t1 TO analyst WITH GRANT OPTION; REVOKE SELECT (secret) ON t1 FROM analyst",
        )
        .unwrap();
    let acl = "SELECT string_agg(attname || attacl::text, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't1'::regclass AND attacl <> '{}'";
    let before = stand_in.value(acl);
    let scope = scope("analyst", &[], &["t1"]);
    let (keep, given) = give(&server, &scope, &[]);
    assert_eq!(given, ["CONNECT ON DATABASE neondb", "SELECT ON TABLE public.t1"]);
    let (revoked, left) = take(&server, &scope, &[], &keep);
    assert_eq!((revoked, left), (vec!["SELECT ON TABLE public.t1".to_owned()], vec![]));
    assert_eq!(stand_in.value(acl), before);
    assert_eq!(stand_in.value("SELECT relacl::text LIKE '%analyst%' FROM pg_class WHERE relname = 't1'"), "f");
}

#[test]
fn what_others_gave_and_what_an_owner_holds_is_left() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql(
        "CREATE ROLE giver; CREATE ROLE reader; CREATE ROLE holder; CREATE TABLE theirs(id int); ALTER TABLE theirs OWNER TO giver;
         SET ROLE giver; GRANT SELECT ON theirs TO reader; RESET ROLE; CREATE TABLE own(id int); ALTER TABLE own OWNER TO holder",
    );
    let theirs = scope("reader", &[], &["theirs"]);
    let (revoked, left) = take(&server, &theirs, &[], &BTreeSet::new());
    assert_eq!((revoked, left), (vec![], vec!["SELECT ON TABLE public.theirs".to_owned()]));
    let (revoked, left) = take(&server, &scope("holder", &[], &["own"]), &[], &BTreeSet::new());
    assert_eq!((revoked, left), (vec![], vec!["SELECT ON TABLE public.own".to_owned()]));
    // As a member of a member the connected role acts for the giver.
    stand_in.sql("CREATE ROLE mid; GRANT giver TO mid; GRANT mid TO neondb_owner");
    let (revoked, _) = take(&server, &theirs, &[], &BTreeSet::new());
    assert_eq!(revoked, ["SELECT ON TABLE public.theirs"]);
}

#[test]
fn usage_and_connect_stay_while_something_needs_them() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql("CREATE ROLE app");
    stand_in.sql_as_owner("CREATE TABLE t1(id int); CREATE SEQUENCE s; CREATE TABLE t2(id int)").unwrap();
    let scope = scope("app", &[], &["t1"]);
    give(&server, &scope, &[]);
    stand_in.sql_as_owner("GRANT USAGE ON SEQUENCE s TO app").unwrap();
    assert_eq!(take(&server, &scope, &[], &BTreeSet::new()).0, ["SELECT ON TABLE public.t1"]);
    stand_in.sql_as_owner("REVOKE USAGE ON SEQUENCE s FROM app; GRANT SELECT ON t2 TO app").unwrap();
    assert_eq!(take(&server, &scope, &[], &BTreeSet::new()).0, [""; 0]);
    stand_in.sql_as_owner("REVOKE SELECT ON t2 FROM app; GRANT CREATE ON SCHEMA public TO app").unwrap();
    assert_eq!(take(&server, &scope, &[], &BTreeSet::new()).0, [""; 0], "CREATE is of no use without USAGE");
    stand_in.sql_as_owner("REVOKE CREATE ON SCHEMA public FROM app").unwrap();
    assert_eq!(
        take(&server, &scope, &[], &BTreeSet::new()).0,
        ["CONNECT ON DATABASE neondb", "USAGE ON SCHEMA public"]
    );
}

/// One of Postgres's own roles can be a grantee; what it holds elsewhere is not in the catalogue, so USAGE and CONNECT stay.
#[test]
fn a_predefined_role_converges() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE t1(id int)").unwrap();
    let scope = scope("pg_monitor", &[], &["t1"]);
    assert_eq!(give(&server, &scope, &[]).1.len(), 3);
    assert_eq!(give(&server, &scope, &[]).1.len(), 0);
    assert_eq!(take(&server, &scope, &[], &BTreeSet::new()).0, ["SELECT ON TABLE public.t1"]);
}

/// A member of a member acts for a role; one that may only administer it does not, nor on 14 and 15 one that does not inherit.
#[test]
fn memberships_are_those_that_the_server_goes_by() {
    on_every_postgres(|stand_in| {
        let server = Server::of(stand_in);
        stand_in.sql(
            "CREATE ROLE deep; CREATE ROLE mid; GRANT deep TO mid; GRANT mid TO neondb_owner; CREATE ROLE stranger;
             CREATE ROLE lazy NOINHERIT; GRANT deep TO lazy",
        );
        stand_in.sql_as_owner("CREATE ROLE app").unwrap();
        let name = |it: &str| RoleName::parse(it).unwrap();
        let lazy = name("lazy");
        let lazy = &lazy;
        let (mine, lazy, version) = server.read(|it| async move {
            let mine = membership::read(&it, None).await?.unwrap();
            Ok((mine, membership::read(&it, Some(lazy)).await?.unwrap(), it.version()))
        });
        for (role, acts) in [("deep", true), ("mid", true), ("neondb_owner", true), ("stranger", false), ("app", false)]
        {
            assert_eq!(mine.acts_for(&name(role)), acts, "{role}");
        }
        assert!(!lazy.acts_for(&name("deep")));
        assert_eq!(lazy.may_set_defaults_for(&name("deep")), version.major() < 16);
    });
}
