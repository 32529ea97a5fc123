//! Data sources of what the catalogue has: slots, publications, tables and roles, on Neon and under the `sql` block.

use serde_json::{Value as Json, json};

use super::{started, started_on, until};
use crate::support::core::{Core, Messages, Walk, state_json};
use crate::support::sql::literal;
use crate::support::stand_in::StandIn;
use crate::support::versions::since;

fn read(stand_in: &StandIn, walk: &Walk, type_name: &str, more: Json) -> Result<Json, Messages> {
    let mut config = json!({ "project_id": stand_in.ready.project_id, "database": "neondb" });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    walk.data(type_name, &config).map(|it| state_json(&it))
}

/// A process that reaches the same server by the `sql` block.
fn direct(stand_in: &StandIn, core: &Core) -> Walk {
    let walk = core.unconfigured();
    let owner = &stand_in.ready.owner_role;
    let said = walk.configure(&json!({"sql": {
        "host": stand_in.ready.host, "port": stand_in.ready.port, "username": owner,
        "password": stand_in.password_of(owner), "sslmode": "require",
    }}));
    said.insist_no_error();
    walk
}

/// Both ways to the server, with the `project_id` that each takes.
fn both(stand_in: &StandIn, core: &Core) -> [(Walk, Json); 2] {
    [(core.walk(), json!(stand_in.ready.project_id)), (direct(stand_in, core), Json::Null)]
}

fn create_slot(stand_in: &StandIn, name: &str) {
    stand_in.sql(&format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"));
}

/// The elements' value of one attribute.
fn each<'a>(list: &'a Json, attribute: &str) -> Vec<&'a Json> {
    list.as_array().expect("a list").iter().map(|it| &it[attribute]).collect()
}

#[test]
fn a_slot_has_its_figures_and_its_consumer() {
    // `inactive_since`, `failover` and `synced` came with it.
    let stand_in = started_on(since(17));
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    create_slot(&stand_in, "s");
    let core = Core::new(&stand_in);
    let found = read(&stand_in, &core.walk(), "neonrep_slot", json!({"name": "s"})).expect("a slot");
    let value =
        |column: &str| stand_in.value(&format!("SELECT {column} FROM pg_replication_slots WHERE slot_name = 's'"));
    assert_eq!(found["id"], json!(stand_in.id_of("s")));
    assert_eq!(found["branch_id"], json!(stand_in.ready.branch_id));
    for column in ["plugin", "restart_lsn", "confirmed_flush_lsn", "wal_status", "catalog_xmin"] {
        assert_eq!(found[column], json!(value(column)), "{column}");
    }
    for column in ["temporary", "active", "two_phase", "conflicting", "failover", "synced"] {
        assert_eq!(found[column], json!(false), "{column}");
    }
    // Postgres 17 has the first, 18 the second.
    assert!(found["inactive_since"].as_str().is_some_and(|it| it.contains('T')), "{found}");
    assert_eq!((&found["two_phase_at"], &found["invalidation_reason"]), (&Json::Null, &Json::Null));
    assert_eq!((&found["consumer"], &found["active_pid"]), (&Json::Null, &Json::Null));
    assert_eq!(found["publication_proved_older"], Json::Null);

    // It keeps at least what was written since.
    stand_in.sql("CREATE TABLE filler AS SELECT generate_series(1, 10000) AS x");
    let later = read(&stand_in, &core.walk(), "neonrep_slot", json!({"name": "s"})).expect("a slot");
    let retained = |it: &Json| it["retained_wal_bytes"].as_i64().expect("a number");
    assert!(retained(&later) >= retained(&found) + 100_000, "{} {}", retained(&found), retained(&later));

    stand_in.sql("CREATE DATABASE elsewhere");
    stand_in.sql_in("elsewhere", "CREATE TABLE a(id int PRIMARY KEY)");
    let connection = literal(&stand_in.superuser_conninfo("neondb"));
    let subscribed = format!(
        "CREATE SUBSCRIPTION eager CONNECTION {connection} PUBLICATION p WITH (create_slot = false, slot_name = 's')"
    );
    stand_in.sql_in("elsewhere", &subscribed);
    until(&stand_in, "SELECT active FROM pg_replication_slots WHERE slot_name = 's'", "t");
    for (walk, project) in both(&stand_in, &core) {
        let found =
            read(&stand_in, &walk, "neonrep_slot", json!({"name": "s", "project_id": project})).expect("a slot");
        let pid = value("active_pid");
        assert_eq!((&found["active"], found["active_pid"].to_string()), (&json!(true), pid.clone()));
        assert_eq!(found["consumer"]["pid"].to_string(), pid);
        assert_eq!(found["consumer"]["application_name"], json!("eager"));
        assert!(found["consumer"]["role"].is_string(), "{found}");
        let all = read(&stand_in, &walk, "neonrep_slots", json!({"project_id": project})).expect("slots");
        assert_eq!(all["slots"][0]["consumer"], found["consumer"]);
    }
    stand_in.sql_in("elsewhere", "ALTER SUBSCRIPTION eager DISABLE");
    stand_in.sql_in("elsewhere", "ALTER SUBSCRIPTION eager SET (slot_name = NONE)");
}

#[test]
fn a_slot_of_another_kind_or_database_is_none() {
    let stand_in = started();
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    stand_in.sql("CREATE DATABASE elsewhere");
    for name in ["s2", "s1"] {
        create_slot(&stand_in, name);
    }
    stand_in.sql_in("elsewhere", "SELECT pg_create_logical_replication_slot('other', 'pgoutput')");
    stand_in.sql("SELECT pg_create_physical_replication_slot('raw')");
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let all = read(&stand_in, &walk, "neonrep_slots", json!({})).expect("slots");
    assert_eq!(each(&all["slots"], "name"), [&json!("s1"), &json!("s2")]);
    let single = |more| read(&stand_in, &walk, "neonrep_slot", more);
    assert_eq!(all["slots"][0]["id"], single(json!({"name": "s1"})).expect("a slot")["id"]);
    single(json!({"name": "other"})).expect_err("of another database").insist_error("name", "`elsewhere`");
    single(json!({"name": "raw"})).expect_err("a physical one").insist_error("name", "no logical slot `raw`");
    single(json!({"name": "none"})).expect_err("no such slot").insist_error("name", "no logical slot `none`");
    single(json!({"name": "S"})).expect_err("no name").insist_error("name", "`S`");
    single(json!({"name": "s1", "database": "nowhere"})).expect_err("no database").insist_error("database", "nowhere");

    let with = |id: String| single(json!({"name": "s1", "publication_id": id}));
    with(stand_in.id_of("q")).expect_err("no publication").insist_error("publication_id", "no publication `q`");
    let foreign = stand_in.id_of("p").replace("neondb", "elsewhere");
    with(foreign).expect_err("another database").insist_error("publication_id", "`elsewhere`");
    // Proved, or nothing: never false.
    let said = with(stand_in.id_of("p")).expect("a slot")["publication_proved_older"].clone();
    let proved = stand_in.value(
        "SELECT age(p.xmin) > age(s.catalog_xmin) FROM pg_publication p, pg_replication_slots s WHERE s.slot_name = 's1'",
    );
    assert_eq!(said, if proved == "t" { json!(true) } else { Json::Null });
    stand_in.sql_as_owner("CREATE PUBLICATION younger FOR TABLE a").expect("a publication");
    let walk = core.walk();
    let younger = json!({"name": "s1", "publication_id": stand_in.id_of("younger")});
    let said = read(&stand_in, &walk, "neonrep_slot", younger).expect("a slot");
    assert_eq!(said["publication_proved_older"], Json::Null);
}

#[test]
fn a_publication_proved_older_is_said_to_be() {
    let stand_in = started();
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    // Transactions between the two are what proves the order.
    stand_in.sql_as_owner("INSERT INTO a VALUES (1)").expect("a row");
    stand_in.sql_as_owner("INSERT INTO a VALUES (2)").expect("a row");
    create_slot(&stand_in, "s");
    let core = Core::new(&stand_in);
    for (walk, project) in both(&stand_in, &core) {
        let id = if project.is_null() { "sql/-/neondb/p".to_owned() } else { stand_in.id_of("p") };
        let more = json!({"name": "s", "publication_id": id, "project_id": project});
        let found = read(&stand_in, &walk, "neonrep_slot", more).expect("a slot");
        assert_eq!(found["publication_proved_older"], json!(true));
    }
}

#[test]
fn a_publication_is_read_as_declared_and_as_it_takes_effect() {
    // Columns and filters came with it.
    let stand_in = started_on(since(15));
    stand_in.sql("CREATE TABLE parts(id int PRIMARY KEY) PARTITION BY RANGE (id)");
    stand_in.sql("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10)");
    stand_in.sql("CREATE TABLE c(id int PRIMARY KEY, v text, w text)");
    stand_in.sql("CREATE PUBLICATION p FOR TABLE c (id, v) WHERE (id > 3), parts WITH (publish = 'insert, update')");
    stand_in.sql("CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)");
    stand_in.sql("CREATE SCHEMA s; CREATE TABLE s.t(id int PRIMARY KEY)");
    stand_in.sql("CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA s");
    let core = Core::new(&stand_in);
    for (walk, project) in both(&stand_in, &core) {
        let more = json!({"name": "p", "project_id": project});
        let found = read(&stand_in, &walk, "neonrep_publication", more).expect("a publication");
        let server = if project.is_null() { "sql/-/neondb/p".to_owned() } else { stand_in.id_of("p") };
        assert_eq!(found["id"], json!(server));
        assert_eq!(found["oid"].to_string(), stand_in.value("SELECT oid FROM pg_publication WHERE pubname = 'p'"));
        assert_eq!(found["publish"], json!(["insert", "update"]));
        let entry = |name: &str, columns: Json, filter: Json| json!({"schema": "public", "name": name, "columns": columns, "where": filter});
        let c = entry("c", json!(["id", "v"]), json!("(id > 3)"));
        assert_eq!(found["tables"], json!([c, entry("parts", Json::Null, Json::Null)]));
        assert_eq!(found["effective_tables"], json!([c, entry("parts_1", json!(["id"]), Json::Null)]));
        assert_eq!(found["all_tables"], json!(false));

        let all = read(&stand_in, &walk, "neonrep_publications", json!({"project_id": project})).expect("publications");
        let all = &all["publications"];
        assert_eq!(each(all, "name"), ["everything", "of_schema", "p"].map(|it| json!(it)).each_ref());
        assert_eq!((&all[0]["all_tables"], &all[0]["publish_via_partition_root"]), (&json!(true), &json!(true)));
        let names = ["a", "b", "c", "parts", "t"].map(|it| json!(it));
        assert_eq!(each(&all[0]["effective_tables"], "name"), names.each_ref());
        assert_eq!((&all[1]["schemas"], &all[1]["tables"]), (&json!(["s"]), &json!([])));
        assert_eq!(each(&all[1]["effective_tables"], "name"), [&json!("t")]);
        for (attribute, value) in found.as_object().expect("an object") {
            if !["project_id", "branch_id", "database"].contains(&attribute.as_str()) {
                assert_eq!(&all[2][attribute], value, "{attribute}");
            }
        }
        let absent = read(&stand_in, &walk, "neonrep_publication", json!({"name": "q", "project_id": project}));
        absent.expect_err("no such publication").insist_error("name", "no publication `q`");
    }
}

#[test]
fn publications_of_the_oldest_version_have_no_columns() {
    let stand_in = StandIn::start_logical(14);
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY)").expect("a table");
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    create_slot(&stand_in, "s");
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let found = read(&stand_in, &walk, "neonrep_publication", json!({"name": "p"})).expect("a publication");
    let a = json!([{"schema": "public", "name": "a", "columns": null, "where": null}]);
    assert_eq!((&found["tables"], &found["effective_tables"]), (&a, &a));
    let found = read(&stand_in, &walk, "neonrep_slot", json!({"name": "s"})).expect("a slot");
    for newer in ["conflicting", "invalidation_reason", "inactive_since", "failover", "synced", "two_phase_at"] {
        assert_eq!(found[newer], Json::Null, "{newer}");
    }
    assert!(found["retained_wal_bytes"].is_number(), "{found}");
}

#[test]
fn tables_are_told_apart_by_kind_key_and_identity() {
    let stand_in = started();
    stand_in.sql("DROP TABLE b; CREATE TABLE b(id int); ALTER TABLE b REPLICA IDENTITY FULL");
    stand_in.sql("ALTER TABLE b ENABLE ROW LEVEL SECURITY");
    stand_in.sql("CREATE TABLE c(id int PRIMARY KEY) PARTITION BY RANGE (id)");
    stand_in.sql("CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one");
    stand_in.sql("CREATE SCHEMA app; CREATE TABLE app.t(id int); CREATE SCHEMA bare");
    let core = Core::new(&stand_in);
    for (walk, project) in both(&stand_in, &core) {
        let tables = |schemas: Json| {
            let more = json!({"schemas": schemas, "project_id": project});
            read(&stand_in, &walk, "neonrep_tables", more).expect("tables")["tables"].clone()
        };
        let all = tables(Json::Null);
        let names = ["t", "a", "b", "c", "m", "v"].map(|it| json!(it));
        assert_eq!(each(&all, "name"), names.each_ref());
        assert_eq!(each(&all, "schema")[..2], [&json!("app"), &json!("public")]);
        let kinds = ["table", "table", "table", "partitioned_table", "materialized_view", "view"].map(|it| json!(it));
        assert_eq!(each(&all, "kind"), kinds.each_ref());
        let keys = [false, true, false, true, false, false].map(|it| json!(it));
        assert_eq!(each(&all, "has_primary_key"), keys.each_ref());
        assert_eq!(
            each(&all, "replica_identity")[2..],
            [&json!("full"), &json!("default"), &json!("default"), &Json::Null]
        );
        assert_eq!(all[2]["row_security"], json!(true));
        assert_eq!((&all[1]["row_security"], &all[1]["owner"]), (&json!(false), &json!(stand_in.ready.owner_role)));
        assert_eq!(each(&tables(json!(["app"])), "name"), [&json!("t")]);
        assert_eq!(tables(json!(["bare", "nowhere"])), json!([]));
    }
}

#[test]
fn roles_come_from_the_api_or_from_the_catalogue() {
    let stand_in = started();
    let owner = json!(stand_in.ready.owner_role);
    stand_in.sql("CREATE ROLE by_sql NOLOGIN REPLICATION; CREATE ROLE member LOGIN IN ROLE by_sql");
    let core = Core::new(&stand_in);
    let roles = |walk: &Walk, config: Json| walk.data("neonrep_roles", &config).map(|it| state_json(&it));
    let walk = core.walk();
    let found = roles(&walk, json!({"project_id": stand_in.ready.project_id})).expect("roles");
    assert_eq!(found["branch_id"], json!(stand_in.ready.branch_id));
    let own = found["roles"].as_array().expect("roles").iter().find(|it| it["name"] == owner).expect("the owner");
    let id = format!("{}/{}/{}", stand_in.ready.project_id, stand_in.ready.branch_id, stand_in.ready.owner_role);
    assert_eq!((&own["id"], &own["protected"], &own["superuser"]), (&json!(id), &json!(false), &Json::Null));
    let mut sorted = each(&found["roles"], "name");
    sorted.sort_by_key(|it| it.as_str());
    assert_eq!(sorted, each(&found["roles"], "name"));
    let with_database = json!({"project_id": stand_in.ready.project_id, "database": "neondb"});
    roles(&walk, with_database).expect_err("no database").insist_error("database", "Remove `database`");
    roles(&walk, json!({})).expect_err("no project").insist_error("project_id", "project_id");
    let elsewhere = json!({"project_id": stand_in.ready.project_id, "branch_id": "br-nowhere-1"});
    roles(&walk, elsewhere).expect_err("no branch").insist_error("branch_id", "br-nowhere-1");

    let walk = direct(&stand_in, &core);
    let found = roles(&walk, json!({})).expect("roles");
    assert_eq!((&found["project_id"], &found["branch_id"]), (&Json::Null, &Json::Null));
    let of = |name: &str| {
        found["roles"].as_array().expect("roles").iter().find(|it| it["name"] == *name).expect("a role").clone()
    };
    let by_sql = of("by_sql");
    assert_eq!((&by_sql["id"], &by_sql["login"]), (&json!("sql/-/by_sql"), &json!(false)));
    assert_eq!((&by_sql["replication"], &by_sql["member_of"]), (&json!(true), &json!([])));
    assert_eq!((&of("member")["member_of"], &of("member")["protected"]), (&json!(["by_sql"]), &Json::Null));
    let predefined = |it: &&Json| it["name"].as_str().is_some_and(|it| it.starts_with("pg_"));
    assert_eq!(found["roles"].as_array().expect("roles").iter().find(predefined), None);
    let by_name = roles(&walk, json!({"database": "neondb"})).expect("roles");
    assert_eq!(by_name["roles"], found["roles"]);
    let absent = roles(&walk, json!({"database": "nowhere"}));
    absent.expect_err("no database").insist_error("database", "nowhere");
    roles(&walk, json!({"project_id": "p"})).expect_err("Neon").insist_error("project_id", "`sql`");
}
