//! What a role held before its grant, or got from others: that stays.

use super::{ADDRESS, grant_to, held, id, tables};
use crate::acceptance::role::made_elsewhere;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::oldest;

#[test]
fn what_was_there_before_stays() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    made_elsewhere(&stand_in, "reader");
    stand_in
        .sql_as_owner("GRANT SELECT ON t2 TO reader; GRANT USAGE ON SCHEMA public TO reader; GRANT CONNECT ON DATABASE neondb TO reader")
        .unwrap_or_else(|error| panic!("{error}"));
    let before = held(&stand_in, "reader");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""reader""#, r#"schemas = ["public"]"#));
    workspace.apply();
    workspace.destroy();
    assert_eq!(held(&stand_in, "reader"), before);
}

#[test]
fn what_was_there_before_stays_when_the_grant_is_replaced() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    stand_in.sql("CREATE ROLE first; CREATE ROLE second");
    stand_in.sql_as_owner("GRANT SELECT ON t1 TO first").expect("granted");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""first""#, r#"schemas = ["public"]"#));
    workspace.apply();
    workspace.write(&grant_to("this", r#""second""#, r#"schemas = ["public"]"#));
    assert_eq!(workspace.plan().changes(), ["neonrep_grant.this replace"]);
    workspace.apply();
    // The way to what the role still holds stays too.
    assert_eq!(held(&stand_in, "first"), ["CONNECT", "SELECT public.t1", "USAGE public"]);
}

#[test]
fn privileges_on_columns_stay() {
    let stand_in = StandIn::start(oldest());
    stand_in.sql("CREATE ROLE analyst LOGIN");
    stand_in
        .sql_as_owner(
            "CREATE TABLE t1 (id int PRIMARY KEY, secret text); GRANT USAGE ON SCHEMA public TO analyst;
             GRANT CONNECT ON DATABASE neondb TO analyst; GRANT SELECT (id) ON t1 TO analyst WITH GRANT OPTION",
        )
        .expect("granted");
    let columns = "SELECT string_agg(attname || ' ' || attacl::text, ',') FROM pg_attribute WHERE attacl <> '{}' AND attrelid = 't1'::regclass";
    let before = (stand_in.value(columns), held(&stand_in, "analyst"));
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""analyst""#, r#"tables = [{ name = "t1" }]"#));
    workspace.apply();
    workspace.write(&grant_to(
        "this",
        r#""analyst""#,
        r#"tables = [{ name = "t1" }]
  privileges = ["INSERT"]"#,
    ));
    workspace.apply();
    assert_eq!(stand_in.value(columns), before.0, "an update revokes too");
    workspace.destroy();
    assert_eq!((stand_in.value(columns), held(&stand_in, "analyst")), before);
}

#[test]
fn the_way_in_that_was_there_before_stays_whatever_it_was_for() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    stand_in.sql("CREATE ROLE app LOGIN");
    stand_in
        .sql_as_owner(
            "CREATE TABLE old (i int); GRANT CONNECT ON DATABASE neondb TO app; GRANT USAGE ON SCHEMA public TO app;
             GRANT SELECT ON old TO app",
        )
        .expect("granted");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""app""#, r#"tables = [{ name = "t1" }]"#));
    workspace.apply();
    stand_in.sql_as_owner("DROP TABLE old").expect("dropped");
    workspace.destroy();
    assert_eq!(held(&stand_in, "app"), ["CONNECT", "USAGE public"]);
}

#[test]
fn an_import_takes_nothing_of_what_others_gave() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    stand_in.sql("CREATE ROLE app LOGIN");
    stand_in
        .sql_as_owner("GRANT INSERT ON t1, t2 TO app; GRANT SELECT ON t1 TO app; GRANT USAGE ON SCHEMA public TO app")
        .expect("granted");
    let before = held(&stand_in, "app");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to(
        "this",
        r#""app""#,
        r#"schemas = ["public"]
  future_tables = false"#,
    ));
    workspace.import(ADDRESS, &id(&stand_in, "app", "public")).expect_success();
    workspace.apply();
    let now = held(&stand_in, "app");
    assert!(before.iter().all(|it| now.contains(it)) && now.contains(&"SELECT public.v".to_owned()), "{now:?}");
    // What it had beyond the configuration was found there: also an update that names it and drops it again leaves it.
    let both = r#"schemas = ["public"]
  future_tables = false
  privileges = ["SELECT", "INSERT"]"#;
    workspace.write(&grant_to("this", r#""app""#, &both.replace(r#""INSERT""#, r#""UPDATE""#)));
    workspace.apply();
    workspace.destroy();
    let left = ["CONNECT", "INSERT public.t1", "INSERT public.t2", "USAGE public"];
    assert_eq!(held(&stand_in, "app"), left, "the way to what others gave stays too");
}
