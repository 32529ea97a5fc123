//! Data source `neonrep_readiness`

use serde_json::{Value as Json, json};

use crate::support::core::{Core, state_json};

const TYPE: &str = "neonrep_readiness";

#[test]
fn what_is_named_and_absent_is_a_finding_and_what_is_not_named_is_none() {
    let stand_in = super::started();
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    let data = |more: Json| {
        let mut config = json!({"project_id": project, "database": "neondb", "destination": "airbyte"});
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        walk.data(TYPE, &config).map(|it| state_json(&it))
    };
    let objects = |found: &Json, severity: &str| -> Vec<String> {
        let findings = found["findings"].as_array().expect("findings").iter();
        let of_it = findings.filter(|it| it["severity"] == severity);
        of_it.map(|it| it["check"].as_str().expect("text").to_owned()).collect()
    };
    let found = data(json!({})).expect("a read");
    assert_eq!((&found["ready"], &found["branch_id"]), (&json!(true), &json!(branch)));
    assert_eq!(objects(&found, "error"), Vec::<String>::new());

    let absent = format!("{project}/{branch}/neondb/nothing");
    let found = data(json!({"publication_id": absent, "role": "nobody", "slot": "none"})).expect("a read");
    assert_eq!(found["ready"], json!(false));
    let checks = objects(&found, "error");
    assert_eq!(checks, ["publication_absent", "role_login", "slot_absent"]);
    assert!(found["report"].as_str().expect("text").contains("not ready"), "{}", found["report"]);

    // IP Allow is known from the API.
    let body = json!({"project": {"settings": {"allowed_ips": {"ips": ["127.0.0.1", "::1"]}}}});
    let (status, answer) = stand_in.api("PATCH", &format!("/projects/{project}"), Some(&body));
    assert_eq!(status, 200, "{answer}");
    let config = json!({
        "project_id": project, "database": "neondb", "destination": "airbyte", "tables": [{"name": "a"}],
    });
    let found = core.walk().data(TYPE, &config).map(|it| state_json(&it)).expect("a read");
    assert!(found["findings"].to_string().contains("2 entries"), "{}", found["findings"]);

    data(json!({"destination": "nobody"})).expect_err("no destination").insist_error("destination", "airbyte");
    let elsewhere = format!("{project}/{branch}/other/p");
    data(json!({"publication_id": elsewhere})).expect_err("another").insist_error("publication_id", "another database");
}

#[test]
fn the_location_beside_that_of_the_publication_is_the_subscribers() {
    let stand_in = super::started();
    stand_in.sql("CREATE DATABASE target OWNER neondb_owner");
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a, b").expect("a publication");
    stand_in.sql_in("target", "CREATE TABLE a(id int PRIMARY KEY)");
    let core = Core::new(&stand_in);
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    let config = json!({
        "project_id": project, "database": "target", "destination": "neon_subscriber",
        "publication_id": format!("{project}/{branch}/neondb/p"),
    });
    let found = core.walk().data(TYPE, &config).map(|it| state_json(&it)).expect("a read");
    let findings = found["findings"].as_array().expect("findings");
    let missing: Vec<_> = findings.iter().filter(|it| it["check"] == "target_table_missing").collect();
    assert_eq!(missing.len(), 1, "{findings:#?}");
    assert_eq!(missing[0]["object"], "subscriber's table public.b");
    assert!(findings.iter().any(|it| it["check"] == "same_branch"), "{findings:#?}");
}
