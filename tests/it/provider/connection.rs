//! Data source `neonrep_connection`

use serde_json::{Value as Json, json};

use crate::support::core::{Core, state_json};
use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

const TYPE: &str = "neonrep_connection";

#[test]
fn a_role_by_name_or_id_with_and_without_its_password() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let project = &stand_in.ready.project_id;
    let data = |more: Json| {
        let mut config = json!({ "project_id": project, "database": "neondb" });
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        walk.data(TYPE, &config).map(|it| state_json(&it))
    };
    let found = data(json!({"username": "nobody_yet"})).expect("a connection, the role is not asked for");
    assert_eq!(
        (&found["host"], &found["password"], &found["uri"]),
        (&json!(stand_in.ready.host), &Json::Null, &Json::Null)
    );
    assert_eq!(
        (&found["port"], &found["port_string"]),
        (&json!(stand_in.ready.port), &json!(stand_in.ready.port.to_string()))
    );
    assert_eq!(found["branch_id"], json!(stand_in.ready.branch_id));
    let owner = &stand_in.ready.owner_role;
    let id = format!("{project}/{}/{owner}", stand_in.ready.branch_id);
    let found = data(json!({"role_id": id, "include_password": true})).expect("a connection");
    assert_eq!((&found["username"], &found["password"]), (&json!(owner), &json!(stand_in.password_of(owner))));
    assert!(
        found["uri"].as_str().expect("text").contains("/neondb?sslmode=require&channel_binding=require&sslrootcert=")
    );

    data(json!({"username": "nobody_yet", "include_password": true}))
        .expect_err("no password")
        .insist_error("username", "nobody_yet");
    assert!(data(json!({})).expect_err("neither").have_errors());
    assert!(data(json!({"username": "r", "role_id": id})).expect_err("both").have_errors());
    data(json!({"role_id": id, "branch_id": "br-other"}))
        .expect_err("another branch")
        .insist_error("branch_id", "another branch");
    data(json!({"role_id": "r"})).expect_err("no id").insist_error("role_id", "`r`");
    data(json!({"username": "r", "branch_id": "main"})).expect_err("a name").insist_error("branch_id", "`main`");
}

#[test]
fn a_database_whose_owner_cannot_log_in_is_read_as_connect_as_says() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    stand_in.sql("CREATE ROLE grp NOLOGIN; GRANT grp TO neondb_owner");
    stand_in.sql("CREATE DATABASE app OWNER grp");
    stand_in.sql_in("app", "CREATE TABLE a1(id int PRIMARY KEY); ALTER TABLE a1 OWNER TO grp");
    let config = |more: Json| {
        let mut config = json!({
            "project_id": stand_in.ready.project_id, "database": "app", "name": "p", "tables": [{"name": "a1"}],
        });
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        config
    };
    let refused = core.plan("neonrep_publication", None, &config(json!({}))).expect("a plan");
    refused.messages.insist_warning("was created with SQL or may not log in");
    core.apply(&refused, &config(json!({}))).messages.insist_error("", "connect_as");
    let made = core.made("neonrep_publication", None, &config(json!({"connect_as": "neondb_owner"})));
    core.destroyed(&made);
    assert_eq!(stand_in.sql_in("app", "SELECT count(*) FROM pg_publication")[0][0].as_deref(), Some("0"));
}

#[test]
fn a_server_that_is_reached_directly_has_the_host_and_password_of_the_sql_block() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let walk = core.unconfigured();
    let owner = stand_in.ready.owner_role.clone();
    let password = stand_in.password_of(&owner);
    let said = walk.configure(&json!({
        "role_passwords": {"other": "its own"},
        "sql": {
            "host": stand_in.ready.host, "port": stand_in.ready.port, "username": owner, "password": password,
            "sslmode": "require",
        },
    }));
    said.insist_no_error();
    let data = |more: Json| {
        let mut config = json!({"database": "neondb", "include_password": true});
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        walk.data(TYPE, &config).map(|it| state_json(&it))
    };
    let found = data(json!({"username": owner})).expect("a connection");
    assert_eq!((&found["host"], &found["port"]), (&json!(stand_in.ready.host), &json!(stand_in.ready.port)));
    assert_eq!((&found["password"], &found["sslmode"]), (&json!(password), &json!("require")));
    assert_eq!((&found["branch_id"], &found["project_id"]), (&Json::Null, &Json::Null));
    assert_eq!(data(json!({"username": "other"})).expect("a connection")["password"], json!("its own"));
    data(json!({"username": "nobody"})).expect_err("no password").insist_error("", "role_passwords");
    data(json!({"username": owner, "project_id": "p"})).expect_err("Neon").insist_error("project_id", "`sql`");
}
