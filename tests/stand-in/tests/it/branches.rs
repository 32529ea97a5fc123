//! Branches with servers of their own: what a child has of its parent, and what it has not.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::{StandIn, child, count, owner_of};

/// Publications, rows and roles are copied; slots and subscriptions are not.
async fn a_child_begins_without_slots(major: u16) {
    let stand_in = StandIn::start(&["--postgres", &major.to_string(), "--logical"]);
    let (project, parent) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &parent).await;
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE PUBLICATION p FOR TABLE t;",
        )
        .await
        .expect("objects");
    client.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", &[]).await.expect("a slot");
    let superuser = stand_in.superuser().await;
    superuser
        .batch_execute(
            "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1' PUBLICATION x WITH (connect = false)",
        )
        .await
        .expect("a subscription");

    let id = child(&stand_in, json!({"branch": {"name": "dev"}, "endpoints": [{"type": "read_write"}]})).await;
    let copy = owner_of(&stand_in, &project, &id).await;
    assert_eq!(count(&copy, "t").await, 2);
    assert_eq!(count(&copy, "pg_publication").await, 1);
    assert_eq!(count(&copy, "pg_replication_slots WHERE slot_type = 'logical'").await, 0);
    assert_eq!(count(&copy, "pg_replication_slots").await, 1, "the walproposer's own");
    assert_eq!(count(&copy, "pg_subscription").await, 0);
    assert_eq!(copy.query_one("SHOW wal_level", &[]).await.expect("it").get::<_, &str>(0), "logical");
    // The same name is free there, and what is done there is done there only.
    copy.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", &[]).await.expect("a slot");
    copy.execute("INSERT INTO t VALUES (3)", &[]).await.expect("a row");
    assert_eq!(count(&client, "t").await, 2);
    assert_eq!(count(&superuser, "pg_subscription").await, 1);

    // Restored from its parent: the parent's data again, and the slot is gone.
    let branch = format!("/projects/{project}/branches/{id}");
    let (status, restored) =
        stand_in.api("POST", &format!("{branch}/restore"), Some(json!({"source_branch_id": parent}))).await;
    assert_eq!(status, 200, "{restored}");
    assert_eq!(restored["branch"]["current_state"], "resetting");
    assert_eq!(stand_in.wait(&restored).await, "finished");
    let copy = owner_of(&stand_in, &project, &id).await;
    assert_eq!(count(&copy, "t").await, 2);
    assert_eq!(count(&copy, "pg_replication_slots WHERE slot_type = 'logical'").await, 0);
    assert_eq!(stand_in.api("GET", &branch, None).await.1["branch"]["current_state"], "ready");

    // Restored once more, with what it was under another name; a protected one is not.
    copy.execute("INSERT INTO t VALUES (4)", &[]).await.expect("a row");
    let again = json!({"source_branch_id": parent, "preserve_under_name": "before"});
    let (status, restored) = stand_in.api("POST", &format!("{branch}/restore"), Some(again)).await;
    assert_eq!(status, 200, "{restored}");
    assert_eq!(stand_in.wait(&restored).await, "finished");
    assert_eq!(count(&owner_of(&stand_in, &project, &id).await, "t").await, 2);
    let (_, list) = stand_in.api("GET", &format!("/projects/{project}/branches?search=before"), None).await;
    let kept = list["branches"][0]["id"].as_str().expect("it is there");
    let endpoint = Some(json!({"endpoint": {"branch_id": kept, "type": "read_write"}}));
    let (status, made) = stand_in.api("POST", &format!("/projects/{project}/endpoints"), endpoint).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(stand_in.wait(&made).await, "finished");
    assert_eq!(count(&owner_of(&stand_in, &project, kept).await, "t").await, 3);
    stand_in.api("PATCH", &branch, Some(json!({"branch": {"protected": true}}))).await;
    let again = json!({"source_branch_id": parent});
    assert_eq!(stand_in.api("POST", &format!("{branch}/restore"), Some(again)).await.0, 422);
}

#[tokio::test]
async fn a_child_begins_without_slots_on_14() {
    a_child_begins_without_slots(14).await;
}

#[tokio::test]
async fn a_child_begins_without_slots_on_17() {
    a_child_begins_without_slots(17).await;
}

#[tokio::test]
async fn a_child_begins_without_slots_on_18() {
    a_child_begins_without_slots(18).await;
}

#[tokio::test]
async fn protection_default_expiry_and_limits() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let branches = format!("/projects/{project}/branches");
    let password = async |branch: &str| {
        let path = format!("{branches}/{branch}/roles/neondb_owner/reveal_password");
        stand_in.api("GET", &path, None).await.1["password"].as_str().expect("a password").to_owned()
    };
    let free = child(&stand_in, json!({"branch": {"name": "free"}})).await;
    assert_eq!(password(&free).await, password(&main).await, "an unprotected parent's child keeps the passwords");
    let (_, made) = stand_in.api("GET", &format!("{branches}/{free}/endpoints"), None).await;
    assert_eq!(made["endpoints"], json!([]), "no compute was asked for");

    // A protected parent: new passwords, which work; it is not deleted.
    let guard = |protected: bool| Some(json!({"branch": {"protected": protected}}));
    stand_in.api("PATCH", &format!("{branches}/{main}"), guard(true)).await;
    let guarded = child(&stand_in, json!({"branch": {"name": "guarded"}, "endpoints": [{"type": "read_write"}]})).await;
    assert_ne!(password(&guarded).await, password(&main).await);
    owner_of(&stand_in, &project, &guarded).await;
    assert_eq!(stand_in.api("DELETE", &format!("/projects/{project}"), None).await.0, 422);

    // Another default; the default, protected and parent branches stay.
    let (status, _) = stand_in.api("POST", &format!("{branches}/{free}/set_as_default"), None).await;
    assert_eq!(status, 200);
    let (_, list) = stand_in.api("GET", &branches, None).await;
    let defaults: Vec<_> =
        list["branches"].as_array().expect("branches").iter().filter(|it| it["default"] == true).collect();
    assert_eq!((defaults.len(), &defaults[0]["id"]), (1, &json!(free)));
    for branch in [&free, &main] {
        assert_eq!(stand_in.api("DELETE", &format!("{branches}/{branch}"), None).await.0, 422, "{branch}");
    }
    assert_eq!(stand_in.api("POST", &branches, Some(json!({"branch": {"name": "free"}}))).await.0, 409);
    let (_, found) = stand_in.api("GET", &format!("{branches}/count"), None).await;
    assert_eq!(found["count"], 3);
    stand_in.admin("PATCH", "/settings", Some(json!({"branches_limit": 3}))).await;
    assert_eq!(stand_in.api("POST", &branches, None).await.0, 422);

    // Deleted, and gone; deleted by itself, and gone.
    let (status, deleted) = stand_in.api("DELETE", &format!("{branches}/{guarded}"), None).await;
    assert_eq!(status, 200, "{deleted}");
    stand_in.wait(&deleted).await;
    assert_eq!(stand_in.api("DELETE", &format!("{branches}/{guarded}"), None).await.0, 204);
    let soon = jiff::Timestamp::now() + Duration::from_secs(3);
    let short = child(&stand_in, json!({"branch": {"name": "short", "expires_at": soon.to_string()}})).await;
    let path = format!("{branches}/{short}");
    for _ in 0..400 {
        if stand_in.api("GET", &path, None).await.0 == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stand_in.api("GET", &path, None).await.0, 404);
}

#[tokio::test]
async fn endpoints_come_and_go_and_one_only_reads() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let project = stand_in.text("project_id").to_owned();
    let endpoints = format!("/projects/{project}/endpoints");
    let of = |branch: &str, kind: &str| Some(json!({"endpoint": {"branch_id": branch, "type": kind}}));
    let (status, _) = stand_in.api("POST", &endpoints, of(stand_in.text("branch_id"), "read_write")).await;
    assert_eq!(status, 409, "one that writes is there");

    // A replica follows, and refuses to write.
    let (status, made) = stand_in.api("POST", &endpoints, of(stand_in.text("branch_id"), "read_only")).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(stand_in.wait(&made).await, "finished");
    let id = made["endpoint"]["id"].as_str().expect("id").to_owned();
    let (_, shown) = stand_in.api("GET", &format!("{endpoints}/{id}"), None).await;
    assert_eq!(
        (&shown["endpoint"]["type"], &shown["endpoint"]["current_state"]),
        (&json!("read_only"), &json!("active"))
    );
    let query = format!("database_name=neondb&role_name=neondb_owner&endpoint_id={id}");
    let (_, uri) = stand_in.api("GET", &format!("/projects/{project}/connection_uri?{query}"), None).await;
    let config: Config = uri["uri"].as_str().expect("uri").parse().expect("a connection string");
    let (replica, connection) = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await.expect("the replica");
    tokio::spawn(connection);
    let row = replica.query_one("SELECT pg_is_in_recovery()", &[]).await.expect("a row");
    assert!(row.get::<_, bool>(0));
    let refused = replica.batch_execute("CREATE TABLE x (id int)").await.expect_err("it only reads");
    assert_eq!(refused.as_db_error().expect("of the server").code().code(), "25006");
    stand_in.superuser().await.batch_execute("CREATE TABLE later (id int)").await.expect("on the primary");
    let mut there = false;
    for _ in 0..100 {
        there = replica.query_one("SELECT to_regclass('later') IS NOT NULL", &[]).await.expect("a row").get(0);
        if there {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(there, "the replica follows");

    // Both may go; a branch without an endpoint takes changes all the same.
    for id in [&id, stand_in.text("endpoint_id")] {
        let (status, deleted) = stand_in.api("DELETE", &format!("{endpoints}/{id}"), None).await;
        assert_eq!(status, 200, "{deleted}");
        stand_in.wait(&deleted).await;
        assert_eq!(stand_in.api("GET", &format!("{endpoints}/{id}"), None).await.0, 404);
        assert_eq!(stand_in.api("DELETE", &format!("{endpoints}/{id}"), None).await.0, 204);
    }
    let role = Some(json!({"role": {"name": "late"}}));
    let (_, made) = stand_in.api("POST", &format!("{}/roles", stand_in.branch()), role).await;
    assert_eq!(stand_in.wait(&made).await, "finished");
    let (status, made) = stand_in.api("POST", &endpoints, of(stand_in.text("branch_id"), "read_write")).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(stand_in.wait(&made).await, "finished");
    assert_ne!(made["endpoint"]["host"], json!(format!("localhost:{}", stand_in.port())));
    let owner = owner_of(&stand_in, &project, stand_in.text("branch_id")).await;
    assert_eq!(count(&owner, "pg_roles WHERE rolname = 'late' AND rolreplication").await, 1);
}

#[tokio::test]
async fn an_admin_has_a_branch_at_once() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let made = stand_in.admin("POST", "/branches", Some(json!({"name": "b"}))).await;
    let id = made["id"].as_str().expect("id").to_owned();
    owner_of(&stand_in, stand_in.text("project_id"), &id).await;
    let (_, operations) = stand_in.api("GET", &format!("{}/operations", stand_in.project()), None).await;
    assert_eq!(operations["operations"], json!([]));
    let told = stand_in.admin("GET", &format!("/postgres?compute={id}"), None).await;
    assert_eq!(told["superuser_dsn_file"], made["superuser_dsn_file"]);
}

#[tokio::test]
async fn a_schema_only_branch_is_a_root_without_rows() {
    let stand_in = StandIn::start(&[]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    let objects = "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES; \
                   CREATE TABLE u (t int REFERENCES t); INSERT INTO u VALUES (1); CREATE PUBLICATION p FOR TABLE t";
    client.batch_execute(objects).await.expect("objects");
    let body = json!({"branch": {"name": "bare", "init_source": "schema-only"}, "endpoints": [{"type": "read_write"}]});
    let id = child(&stand_in, body).await;
    let copy = owner_of(&stand_in, &project, &id).await;
    for (from, rows) in [("t", 0), ("u", 0), ("pg_publication", 1)] {
        assert_eq!(count(&copy, from).await, rows, "{from}");
    }
    let first = copy.query_one("INSERT INTO t DEFAULT VALUES RETURNING id", &[]).await.expect("a row");
    assert_eq!(first.get::<_, i32>(0), 1, "sequences begin again");
    assert_eq!(count(&client, "t").await, 1);
    let (_, shown) = stand_in.api("GET", &format!("/projects/{project}/branches/{id}"), None).await;
    assert_eq!((&shown["branch"]["init_source"], &shown["branch"]["parent_id"]), (&json!("schema-only"), &json!(null)));
}

#[tokio::test]
async fn a_restore_whose_operation_fails_leaves_the_branch_as_it_was() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let body = json!({"branch": {"name": "copy"}, "endpoints": [{"type": "read_write"}]});
    let id = child(&stand_in, body).await;
    let grandchild = child(&stand_in, json!({"branch": {"name": "grandchild", "parent_id": id}})).await;
    let copy = owner_of(&stand_in, &project, &id).await;
    copy.batch_execute("CREATE TABLE only_here ()").await.expect("a table");
    let branches = format!("/projects/{project}/branches");
    let found = async || stand_in.api("GET", &branches, None).await.1["branches"].clone();
    let before = found().await;
    assert_eq!(before.as_array().expect("branches").len(), 3);

    for fate in ["failed", "error", "cancelled", "skipped"] {
        let rule = json!({"method": "POST", "path": "**/restore", "action": {"operation": fate}});
        stand_in.admin("POST", "/faults", Some(rule)).await;
        let body = json!({"source_branch_id": main, "preserve_under_name": "before"});
        let (status, restored) = stand_in.api("POST", &format!("{branches}/{id}/restore"), Some(body)).await;
        assert_eq!(status, 200, "{restored}");
        assert_eq!(restored["branch"]["current_state"], "resetting");
        stand_in.wait(&restored).await;
        assert_eq!(found().await, before, "{fate}");
    }
    assert_eq!(count(&owner_of(&stand_in, &project, &id).await, "only_here").await, 0);

    // The name is free for the one that does not fail, and it has the children then.
    let body = json!({"source_branch_id": main, "preserve_under_name": "before"});
    let (status, restored) = stand_in.api("POST", &format!("{branches}/{id}/restore"), Some(body)).await;
    assert_eq!(status, 200, "{restored}");
    assert_eq!(stand_in.wait(&restored).await, "finished");
    let after = found().await;
    let of = |name: &str| after.as_array().into_iter().flatten().find(|it| it["name"] == name).expect("a branch");
    assert_eq!((&of("before")["current_state"], &of("copy")["current_state"]), (&json!("ready"), &json!("ready")));
    assert_eq!((&of("grandchild")["id"], &of("grandchild")["parent_id"]), (&json!(grandchild), &of("before")["id"]));
}
