//! The past of a branch: its data of a time or of a position in WAL, by a restore or as a new branch.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{StandIn, child, count, owner_of};

/// A time and a position, with a while before and after that belongs to no change.
async fn moment(client: &Client) -> (String, String) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let row = client
        .query_one("SELECT to_json(clock_timestamp())::text, pg_current_wal_insert_lsn()::text", &[])
        .await
        .expect("a row");
    tokio::time::sleep(Duration::from_millis(20)).await;
    (row.get::<_, String>(0).trim_matches('"').to_owned(), row.get(1))
}

/// Restores the first branch; the branch of the answer.
async fn restore(stand_in: &StandIn, body: Value) -> Value {
    let path = format!("{}/restore", stand_in.branch());
    let (status, restored) = stand_in.api("POST", &path, Some(body)).await;
    assert_eq!(status, 200, "{restored}");
    assert_eq!(stand_in.wait(&restored).await, "finished", "{restored}");
    stand_in.api("GET", &stand_in.branch(), None).await.1["branch"].clone()
}

async fn slots(client: &Client) -> i64 {
    count(client, "pg_replication_slots WHERE slot_type = 'logical'").await
}

/// Data, publications and roles are those of the moment; slots and subscriptions are gone; passwords, ports and what came
/// later under another name stay.
async fn a_branch_is_restored_to_its_past(major: u16) {
    let stand_in = StandIn::start(&["--postgres", &major.to_string(), "--logical"]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    let first = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION p FOR TABLE t";
    client.batch_execute(first).await.expect("objects");
    client.execute("SELECT pg_create_logical_replication_slot('early', 'pgoutput')", &[]).await.expect("a slot");
    let superuser = stand_in.superuser().await;
    let subscription =
        "CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1' PUBLICATION x WITH (connect = false)";
    superuser.batch_execute(subscription).await.expect("a subscription");
    let (time, position) = moment(&client).await;
    client.batch_execute("INSERT INTO t VALUES (2); DROP PUBLICATION p; CREATE TABLE later ()").await.expect("more");
    client.execute("SELECT pg_create_logical_replication_slot('late', 'pgoutput')", &[]).await.expect("a slot");
    let reset = format!("{}/roles/neondb_owner/reset_password", stand_in.branch());
    let (_, changed) = stand_in.api("POST", &reset, None).await;
    assert_eq!(stand_in.wait(&changed).await, "finished");
    let password = changed["role"]["password"].as_str().expect("a password").to_owned();

    // A branch of then, by its time and by its position, while the parent goes on.
    for (key, value, name) in [("parent_timestamp", &time, "by-time"), ("parent_lsn", &position, "by-position")] {
        let body = json!({"branch": {"name": name, key: value}, "endpoints": [{"type": "read_write"}]});
        let id = child(&stand_in, body).await;
        let then = owner_of(&stand_in, &project, &id).await;
        assert_eq!((count(&then, "t").await, count(&then, "pg_publication").await), (1, 1), "{name}");
        assert_eq!((slots(&then).await, count(&then, "pg_subscription").await), (0, 0), "{name}");
        assert_eq!(count(&then, "pg_class WHERE relname = 'later'").await, 0, "{name}");
        let (_, shown) = stand_in.api("GET", &format!("/projects/{project}/branches/{id}"), None).await;
        let left_at = shown["branch"]["parent_lsn"].as_str().expect("a position");
        // A time leads to the position before the next commit.
        let end = if key == "parent_lsn" { &position } else { &moment(&superuser).await.1 };
        let row = superuser.query_one("SELECT $1::text::pg_lsn <= $2::text::pg_lsn", &[&left_at, end]).await;
        assert!(row.expect("a row").get::<_, bool>(0), "{left_at} is after {end}");
        assert_eq!(shown["branch"]["parent_id"], json!(main));
    }
    let client = owner_of(&stand_in, &project, &main).await;
    assert_eq!((count(&client, "t").await, slots(&client).await), (2, 2));

    // The branch itself, with what it was before under another name. The children are the other one's from then on.
    let body = json!({"source_branch_id": main, "source_timestamp": time, "preserve_under_name": "before"});
    let restored = restore(&stand_in, body).await;
    assert_eq!((&restored["current_state"], &restored["parent_id"]), (&json!("ready"), &Value::Null));
    let then = stand_in.connect("neondb_owner", &password).await.expect("the password has stayed");
    assert_eq!((count(&then, "t").await, count(&then, "pg_publication").await), (1, 1));
    assert_eq!((slots(&then).await, count(&then, "pg_subscription").await), (0, 0));
    assert_eq!(count(&stand_in.superuser().await, "pg_replication_slots").await, 1, "the walproposer's own");
    then.batch_execute("INSERT INTO t VALUES (7)").await.expect("it is no standby");
    let (_, list) = stand_in.api("GET", &format!("/projects/{project}/branches?search=before"), None).await;
    let kept = list["branches"][0]["id"].as_str().expect("it is there").to_owned();
    let (_, list) = stand_in.api("GET", &format!("/projects/{project}/branches?search=by-"), None).await;
    assert!(
        list["branches"].as_array().expect("two").iter().all(|branch| branch["parent_id"] == json!(kept)),
        "{list}"
    );

    // What is kept has the whole past still.
    let body = json!({"source_branch_id": kept, "source_lsn": position});
    restore(&stand_in, body).await;
    let then = stand_in.connect("neondb_owner", &password).await.expect("it connects");
    assert_eq!(count(&then, "t").await, 1);
    restore(&stand_in, json!({"source_branch_id": kept})).await;
    let then = stand_in.connect("neondb_owner", &password).await.expect("it connects");
    assert_eq!((count(&then, "t").await, slots(&then).await), (2, 0));

    // And a restored branch has a past of its own, which begins at its restore.
    let (time, _) = moment(&then).await;
    then.batch_execute("DROP TABLE t").await.expect("a change");
    let body = json!({"source_branch_id": main, "source_timestamp": time, "preserve_under_name": "without"});
    restore(&stand_in, body).await;
    let then = stand_in.connect("neondb_owner", &password).await.expect("it connects");
    assert_eq!(count(&then, "t").await, 2);
}

#[tokio::test]
async fn a_branch_is_restored_to_its_past_on_14() {
    a_branch_is_restored_to_its_past(14).await;
}

#[tokio::test]
async fn a_branch_is_restored_to_its_past_on_17() {
    a_branch_is_restored_to_its_past(17).await;
}

#[tokio::test]
async fn a_branch_is_restored_to_its_past_on_18() {
    a_branch_is_restored_to_its_past(18).await;
}

#[tokio::test]
async fn what_is_not_in_the_past_is_refused() {
    let stand_in = StandIn::start(&[]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let path = format!("{}/restore", stand_in.branch());
    let superuser = stand_in.superuser().await;
    let (now, end) = moment(&superuser).await;
    for (body, says) in [
        (json!({"source_branch_id": main}), "source_timestamp or source_lsn is required"),
        (json!({"source_branch_id": main, "source_lsn": end}), "preserve_under_name is required"),
        (json!({"source_branch_id": main, "source_lsn": end, "source_timestamp": now}), "at the same time"),
        (json!({"source_branch_id": main, "source_timestamp": "2020-01-01T00:00:00Z"}), "before the branch's history"),
        (json!({"source_branch_id": main, "source_timestamp": "2199-01-01T00:00:00Z"}), "in the future"),
        (json!({"source_branch_id": main, "source_lsn": "0/1"}), "before the branch's history"),
        (json!({"source_branch_id": main, "source_lsn": "FF/0"}), "beyond the branch's last one"),
    ] {
        let mut body = body;
        if !says.starts_with("preserve") {
            body["preserve_under_name"] = json!("before");
        }
        let (status, refused) = stand_in.api("POST", &path, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}: {refused}");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(says)), "{body}: {refused}");
    }
    let (_, list) = stand_in.api("GET", &format!("/projects/{project}/branches/count"), None).await;
    assert_eq!(list["count"], 1, "a refusal keeps nothing");

    // A project without a history window has no past at all.
    let none = json!({"project": {"history_retention_seconds": 0}});
    assert_eq!(stand_in.api("PATCH", &stand_in.project(), Some(none)).await.0, 200);
    let past = json!({"branch": {"parent_timestamp": now}});
    let (status, refused) = stand_in.api("POST", &format!("/projects/{project}/branches"), Some(past)).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains("history window")), "{refused}");
}

/// A compute that sleeps wakes for it and sleeps again; one whose server was killed has lost nothing.
#[tokio::test]
async fn a_branch_that_sleeps_or_was_killed_has_its_past() {
    let stand_in = StandIn::start(&[]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    client.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.expect("a table");
    let (time, _) = moment(&client).await;
    client.batch_execute("INSERT INTO t VALUES (2)").await.expect("a row");
    stand_in.admin("POST", "/postgres/crash", None).await;
    stand_in.admin("POST", "/postgres/start", None).await;
    let endpoint = format!("/projects/{project}/endpoints/{}", stand_in.text("endpoint_id"));
    let (_, suspended) = stand_in.api("POST", &format!("{endpoint}/suspend"), None).await;
    assert_eq!(stand_in.wait(&suspended).await, "finished");
    let body = json!({"branch": {"name": "then", "parent_timestamp": time}, "endpoints": [{"type": "read_write"}]});
    let id = child(&stand_in, body).await;
    let (_, shown) = stand_in.api("GET", &endpoint, None).await;
    assert_eq!(shown["endpoint"]["current_state"], "idle");
    assert_eq!(count(&owner_of(&stand_in, &project, &id).await, "t").await, 1);
    assert_eq!(count(&owner_of(&stand_in, &project, &main).await, "t").await, 2);
}

/// Much WAL: the past is bounded, and what is left of it serves.
#[tokio::test]
async fn a_past_that_takes_too_much_begins_again() {
    let stand_in = StandIn::start(&[]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    client.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.expect("a table");
    let (_, early) = moment(&client).await;
    let superuser = stand_in.superuser().await;
    for _ in 0..4 {
        superuser.batch_execute("INSERT INTO t VALUES (2); SELECT pg_switch_wal()").await.expect("more WAL");
    }
    let made_of = async |position: &str| {
        let body = json!({"branch": {"parent_lsn": position}, "endpoints": [{"type": "read_write"}]});
        stand_in.api("POST", &format!("/projects/{project}/branches"), Some(body)).await
    };
    let (status, made) = made_of(&early).await;
    assert_eq!((status, stand_in.wait(&made).await.as_str()), (201, "finished"), "{made}");
    stand_in.admin("PATCH", "/settings", Some(json!({"history_mb": 32}))).await;
    let until = Instant::now() + Duration::from_secs(30);
    let refused = loop {
        let (status, answer) = made_of(&early).await;
        match status {
            400 => break answer,
            201 => drop(stand_in.wait(&answer).await),
            _ => {}
        }
        assert!(Instant::now() < until, "the past is not bounded: {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(refused["message"].as_str().is_some_and(|message| message.contains("before the branch")), "{refused}");
    stand_in.admin("PATCH", "/settings", Some(json!({"history_mb": 1024}))).await;
    let (_, position) = moment(&client).await;
    superuser.batch_execute("DROP TABLE t").await.expect("a change");
    let id = child(&stand_in, json!({"branch": {"parent_lsn": position}, "endpoints": [{"type": "read_write"}]})).await;
    assert_eq!(count(&owner_of(&stand_in, &project, &id).await, "t").await, 5);
}

/// `pg_dump` is not ours: where none is on the `PATH`, or one that is too old, the answer says so.
#[tokio::test]
async fn the_schema_is_that_of_the_moment() {
    let stand_in = StandIn::start(&["--postgres", "14"]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.expect("a table");
    let (time, position) = moment(&client).await;
    client.batch_execute("ALTER TABLE t ADD COLUMN note text").await.expect("a column");
    let schema = format!("{}/schema?db_name=neondb", stand_in.branch());
    let (status, now) = stand_in.api("GET", &schema, None).await;
    if std::process::Command::new("pg_dump").arg("--version").output().is_err() {
        assert_eq!(status, 501, "{now}");
        assert!(now["message"].as_str().is_some_and(|message| message.contains("pg_dump 14 or newer")), "{now}");
        return;
    }
    let sql = |answer: &Value| answer["sql"].as_str().expect("a schema").to_owned();
    assert!(sql(&now).contains("note text") && !sql(&now).contains("neon_stand_in"), "{now}");
    for query in [format!("timestamp={}", time.replace('+', "%2B")), format!("lsn={position}")] {
        let (status, then) = stand_in.api("GET", &format!("{schema}&{query}"), None).await;
        assert_eq!(status, 200, "{then}");
        assert!(sql(&then).contains("CREATE TABLE public.t") && !sql(&then).contains("note"), "{then}");
    }
    let compare = format!("{}/compare_schema?db_name=neondb", stand_in.branch());
    let (status, refused) = stand_in.api("GET", &compare, None).await;
    assert_eq!(status, 400, "a root branch has no parent: {refused}");
    let (_, compared) =
        stand_in.api("GET", &format!("{compare}&base_branch_id={main}&base_lsn={position}"), None).await;
    let diff = compared["diff"].as_str().expect("a diff");
    assert!(diff.starts_with("--- ") && diff.contains("\n+    note text\n"), "{diff}");
    assert_eq!(stand_in.api("GET", &format!("{}/schema", stand_in.branch()), None).await.0, 400);
    assert_eq!(stand_in.api("GET", &format!("{}/schema?db_name=x", stand_in.branch()), None).await.0, 404);
    assert_eq!(stand_in.api("GET", &format!("{schema}&format=json"), None).await.0, 501);
}
