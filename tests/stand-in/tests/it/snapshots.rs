//! What outlives a branch: a deleted branch that comes back, and snapshots.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::{StandIn, child, count, owner_of};

#[tokio::test]
async fn a_deleted_branch_comes_back_with_its_data_and_its_address() {
    let stand_in = StandIn::start(&[]);
    let project = stand_in.text("project_id").to_owned();
    let branches = format!("/projects/{project}/branches");
    let id = child(&stand_in, json!({"branch": {"name": "dev"}, "endpoints": [{"type": "read_write"}]})).await;
    let path = format!("{branches}/{id}");
    owner_of(&stand_in, &project, &id).await.batch_execute("CREATE TABLE t ()").await.expect("a table");
    let host = stand_in.api("GET", &format!("{path}/endpoints"), None).await.1["endpoints"][0]["host"].clone();
    let recover = format!("{path}/recover");
    assert_eq!(stand_in.api("POST", &recover, None).await.0, 400, "it is not deleted");
    let query = format!("database_name=neondb&role_name=neondb_owner&branch_id={id}");
    let (_, uri) = stand_in.api("GET", &format!("/projects/{project}/connection_uri?{query}"), None).await;

    let (_, deleted) = stand_in.api("DELETE", &path, None).await;
    assert_eq!(stand_in.wait(&deleted).await, "finished", "{deleted}");
    assert_eq!(stand_in.api("GET", &path, None).await.0, 404);
    assert_eq!(stand_in.api("DELETE", &path, None).await.0, 204);
    let config: Config = uri["uri"].as_str().expect("uri").parse().expect("a connection string");
    assert!(config.connect(MakeRustlsConnect::new(stand_in.trusting())).await.is_err(), "it is deleted");
    let (_, list) = stand_in.api("GET", &branches, None).await;
    assert_eq!(list["branches"].as_array().map(Vec::len), Some(1), "{list}");
    let (_, list) = stand_in.api("GET", &format!("{branches}?include_deleted=true&search=dev"), None).await;
    assert_eq!(list["branches"][0]["recovery"]["deletion_method"], "user", "{list}");
    for member in ["deleted_at", "recoverable_until"] {
        assert!(list["branches"][0]["recovery"][member].is_string(), "{list}");
    }

    // Its name is another's now; then it is free again.
    let other = child(&stand_in, json!({"branch": {"name": "dev"}})).await;
    assert_eq!(stand_in.api("POST", &recover, None).await.0, 409);
    let (_, gone) = stand_in.api("DELETE", &format!("{branches}/{other}?hard_delete=true"), None).await;
    stand_in.wait(&gone).await;
    assert_eq!(stand_in.api("POST", &format!("{branches}/{other}/recover"), None).await.0, 404, "permanently");
    let (status, back) = stand_in.api("POST", &recover, None).await;
    assert_eq!(status, 200, "{back}");
    assert_eq!((&back["endpoints"][0]["host"], &back["endpoints"][0]["current_state"]), (&host, &json!("idle")));
    assert_eq!(back["branch"]["recovery"], Value::Null);
    let (client, connection) = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await.expect("as before");
    tokio::spawn(connection);
    assert_eq!(count(&client, "t").await, 0);
}

#[tokio::test]
async fn a_branch_that_expired_comes_back_without_an_expiry() {
    let stand_in = StandIn::start(&[]);
    let soon = jiff::Timestamp::now() + Duration::from_secs(1);
    let id = child(&stand_in, json!({"branch": {"name": "short", "expires_at": soon.to_string()}})).await;
    let path = format!("{}/branches/{id}", stand_in.project());
    until(async || stand_in.api("POST", &format!("{path}/recover"), None).await.0 == 200).await;
    let (status, shown) = stand_in.api("GET", &path, None).await;
    assert_eq!((status, &shown["branch"]["expires_at"]), (200, &Value::Null), "{shown}");
}

#[tokio::test]
async fn a_snapshot_outlives_its_branch_and_takes_its_place() {
    let stand_in = StandIn::start(&["--logical"]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let at = |path: &str| format!("/projects/{project}{path}");
    let client = owner_of(&stand_in, &project, &main).await;
    client.batch_execute("CREATE TABLE t (); CREATE PUBLICATION p FOR TABLE t").await.expect("objects");
    client.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", &[]).await.expect("a slot");
    let position: String =
        client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await.expect("a position").get(0);
    let made = async |query: &str| {
        let (status, made) = stand_in.api("POST", &at(&format!("/branches/{main}/snapshot{query}")), None).await;
        assert_eq!((status, stand_in.wait(&made).await.as_str()), (200, "finished"), "{made}");
        made["snapshot"].clone()
    };
    let snapshot = made("?name=before").await;
    assert_eq!((&snapshot["name"], &snapshot["source_branch_id"]), (&json!("before"), &json!(main)));
    client.batch_execute("DROP TABLE t").await.expect("a change");
    let earlier = made(&format!("?lsn={position}")).await;
    assert_eq!(earlier["lsn"], json!(position));
    let refused = at(&format!("/branches/{main}/snapshot?timestamp=2036-01-01T00:00:00Z"));
    assert_eq!(stand_in.api("POST", &refused, None).await.0, 400, "of the future");
    let (_, list) = stand_in.api("GET", &at("/snapshots"), None).await;
    assert_eq!(list["snapshots"], json!([snapshot, earlier]));

    // A branch of it beside the other one, from the data of then.
    let restore = |snapshot: &Value| at(&format!("/snapshots/{}/restore", snapshot["id"].as_str().expect("id")));
    let (status, restored) = stand_in.api("POST", &restore(&earlier), Some(json!({"name": "look"}))).await;
    assert_eq!((status, stand_in.wait(&restored).await.as_str()), (200, "finished"), "{restored}");
    assert_eq!((&restored["branch"]["restore_status"], &restored["endpoints"]), (&json!("restored"), &json!([])));
    let look = restored["branch"]["id"].as_str().expect("id").to_owned();
    let endpoint = json!({"endpoint": {"branch_id": look, "type": "read_write"}});
    let (_, added) = stand_in.api("POST", &at("/endpoints"), Some(endpoint)).await;
    assert_eq!(stand_in.wait(&added).await, "finished", "{added}");
    let then = owner_of(&stand_in, &project, &look).await;
    assert_eq!((count(&then, "t").await, count(&then, "pg_publication").await), (0, 1));
    assert_eq!(count(&then, "pg_replication_slots WHERE slot_type = 'logical'").await, 0, "slots are gone");
    let finalize = |branch: &str| at(&format!("/branches/{branch}/finalize_restore"));
    assert_eq!(stand_in.api("POST", &finalize(&main), None).await.0, 400, "it is of no snapshot");

    // In place of the other one, at once: the address stays, the id does not.
    let password = password_of(&stand_in, &main).await;
    let (status, restored) = stand_in.api("POST", &restore(&snapshot), Some(json!({"finalize_restore": true}))).await;
    assert_eq!((status, stand_in.wait(&restored).await.as_str()), (200, "finished"), "{restored}");
    let branch = &restored["branch"];
    assert_eq!((&branch["name"], &branch["default"]), (&json!("main"), &json!(true)), "{restored}");
    assert_eq!(
        (&branch["restore_status"], &branch["restored_as"], &branch["restored_from"]),
        (&json!("finalized"), &json!(main), &snapshot["id"])
    );
    let there = stand_in.connect("neondb_owner", &password).await.expect("at the same address");
    assert_eq!(count(&there, "t").await, 0);
    there.batch_execute("CREATE TABLE later ()").await.expect("it is no standby");
    let (_, old) = stand_in.api("GET", &at(&format!("/branches/{main}")), None).await;
    assert!(old["branch"]["name"].as_str().is_some_and(|name| name.starts_with("main_old_")), "{old}");
    let (_, deleted) = stand_in.api("DELETE", &at(&format!("/branches/{main}")), None).await;
    stand_in.wait(&deleted).await;

    // It is renamed, it expires, and is deleted; what was made from it stays.
    let one = at(&format!("/snapshots/{}", snapshot["id"].as_str().expect("id")));
    let (_, renamed) = stand_in.api("PATCH", &one, Some(json!({"snapshot": {"name": "after"}}))).await;
    assert_eq!(renamed["snapshot"]["name"], "after");
    let (status, deleted) = stand_in.api("DELETE", &one, None).await;
    assert_eq!((status, stand_in.wait(&deleted).await.as_str()), (202, "finished"));
    assert_eq!(stand_in.api("DELETE", &one, None).await.0, 404);
    assert_eq!(count(&there, "later").await, 0);
    let (_, taken) = stand_in
        .api(
            "POST",
            &at(&format!("/branches/{look}/snapshot?expires_at={}", jiff::Timestamp::now() + Duration::from_secs(1))),
            None,
        )
        .await;
    let short = taken["snapshot"]["id"].clone();
    assert!(short.is_string(), "{taken}");
    until(async || {
        !stand_in.api("GET", &at("/snapshots"), None).await.1.to_string().contains(short.as_str().expect("id"))
    })
    .await;
}

#[tokio::test]
async fn a_schedule_is_kept_as_it_was_sent() {
    let stand_in = StandIn::start(&[]);
    let path = format!("{}/backup_schedule", stand_in.branch());
    assert_eq!(stand_in.api("GET", &path, None).await, (200, json!({"schedule": []})));
    let sent = json!({"schedule": [{"frequency": "daily", "hour": 3}, {"frequency": "weekly", "day": 1}]});
    assert_eq!(stand_in.api("PUT", &path, Some(sent.clone())).await, (200, json!({})));
    for wrong in [json!({"schedule": [{"hour": 3}]}), json!({})] {
        assert_eq!(stand_in.api("PUT", &path, Some(wrong)).await.0, 400);
    }
    assert_eq!(stand_in.api("GET", &path, None).await.1, sent);
}

async fn password_of(stand_in: &StandIn, branch: &str) -> String {
    let path = format!("{}/branches/{branch}/roles/neondb_owner/reveal_password", stand_in.project());
    stand_in.api("GET", &path, None).await.1["password"].as_str().expect("a password").to_owned()
}

async fn until(done: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !done().await {
        assert!(Instant::now() < end, "it does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
