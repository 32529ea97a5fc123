//! What takes minutes or days on Neon, told in seconds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{StandIn, uri_password};

async fn settings(stand_in: &StandIn, changes: Value) {
    stand_in.admin("PATCH", "/settings", Some(changes)).await;
}

/// Until `done` says so, for some seconds.
async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

async fn password(stand_in: &StandIn) -> String {
    let path = format!("{}/connection_uri?database_name=neondb&role_name=neondb_owner", stand_in.project());
    uri_password(&stand_in.api("GET", &path, None).await.1)
}

#[tokio::test]
async fn an_idle_compute_is_suspended_and_a_busy_one_is_not() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let endpoint = format!("{}/endpoints/{}", stand_in.project(), stand_in.text("endpoint_id"));
    let state = async || stand_in.api("GET", &endpoint, None).await.1["endpoint"]["current_state"].clone();
    let owner = stand_in.connect("neondb_owner", &password(&stand_in).await).await.expect("it connects");
    settings(&stand_in, json!({"idle_suspend_ms": 600})).await;
    let (worked, ()) = tokio::join!(owner.query_one("SELECT pg_sleep(4)", &[]), async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(state().await, "active", "for longer than an idle one");
    });
    worked.expect("it is left to work");
    eventually("idle", async || state().await == "idle").await;
    assert!(owner.query_one("SELECT 1", &[]).await.is_err(), "an idle session does not keep it awake");
    let (_, operations) = stand_in.api("GET", &format!("{}/operations", stand_in.project()), None).await;
    assert_eq!(operations["operations"][0]["action"], "suspend_compute");
    stand_in.connect("neondb_owner", &password(&stand_in).await).await.expect("it wakes");
}

#[tokio::test]
async fn a_forgotten_slot_is_dropped_and_one_is_lost_on_request() {
    let stand_in = StandIn::start(&["--postgres", "17", "--logical"]);
    let superuser = stand_in.superuser().await;
    let slots = async || -> i64 {
        let row =
            superuser.query_one("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'", &[]).await;
        row.expect("slots").get(0)
    };
    let create = "SELECT pg_create_logical_replication_slot('s', 'pgoutput')";
    superuser.execute(create, &[]).await.expect("a slot");

    stand_in.admin("POST", "/slots/s/lose", None).await;
    let row = superuser
        .query_one("SELECT wal_status, invalidation_reason FROM pg_replication_slots WHERE slot_name = 's'", &[])
        .await
        .expect("the slot");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("lost", "wal_removed"));
    let row = superuser.query_one("SHOW max_slot_wal_keep_size", &[]).await.expect("it");
    assert_eq!(row.get::<_, &str>(0), "-1", "only for that time");
    stand_in.admin("PATCH", "/postgres/settings", Some(json!({"max_slot_wal_keep_size": "1GB"}))).await;
    eventually("the setting", async || {
        superuser.query_one("SHOW max_slot_wal_keep_size", &[]).await.expect("it").get::<_, &str>(0) == "1GB"
    })
    .await;

    assert_eq!(slots().await, 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(slots().await, 1, "nothing is dropped unasked");
    settings(&stand_in, json!({"slot_reaper_ms": 500})).await;
    eventually("dropped", async || slots().await == 0).await;
}

/// On the oldest and the newest.
#[tokio::test]
async fn a_slot_is_lost_on_14_and_18() {
    for (major, reason) in [("14", "NULL::text"), ("18", "invalidation_reason")] {
        let stand_in = StandIn::start(&["--postgres", major, "--logical"]);
        let superuser = stand_in.superuser().await;
        superuser.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", &[]).await.expect("a slot");
        stand_in.admin("POST", "/slots/s/lose", None).await;
        let query = format!("SELECT wal_status, {reason} FROM pg_replication_slots WHERE slot_name = 's'");
        let row = superuser.query_one(&query, &[]).await.expect("the slot");
        assert_eq!(row.get::<_, &str>(0), "lost", "{major}");
        assert_eq!(row.get::<_, Option<&str>>(1), (major == "18").then_some("wal_removed"), "{major}");
    }
}

#[tokio::test]
async fn rate_limits() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    settings(&stand_in, json!({"requests_per_second": 3, "retry_after": 1})).await;
    let ask = async || stand_in.api("GET", "/auth", None).await.0;
    let three = async || <[u16; 3]>::from(tokio::join!(ask(), ask(), ask()));
    let (first, second) = tokio::join!(three(), three());
    let statuses = [first, second].concat();
    assert!(statuses.iter().filter(|it| **it == 200).count() >= 3 && statuses.contains(&429), "{statuses:?}");
    assert_eq!(stand_in.api("GET", &stand_in.project(), None).await.0, 200, "another route");
    settings(&stand_in, json!({"requests_per_minute": 1, "requests_per_second": null})).await;
    let url = format!("{}/auth", stand_in.text("api_url"));
    let refused = stand_in.http.get(url).bearer_auth(stand_in.text("api_key")).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().expect("a value")));
}

#[tokio::test]
async fn the_proxy_keeps_what_it_was_told() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let password = password(&stand_in).await;
    let refused = async |password: &str| match stand_in.connect("neondb_owner", password).await {
        Ok(_) => None,
        Err(error) => Some(error.as_db_error().expect("of the server").message().to_owned()),
    };
    // An error of the control plane outlives its cause.
    settings(&stand_in, json!({"proxy_error_cache_ms": 600_000, "endpoint_disabled": true})).await;
    assert!(refused(&password).await.is_some_and(|text| text.contains("disabled")));
    settings(&stand_in, json!({"endpoint_disabled": false})).await;
    assert!(refused(&password).await.is_some_and(|text| text.contains("disabled")));
    settings(&stand_in, json!({"proxy_error_cache_ms": 100})).await;
    eventually("enabled", async || refused(&password).await.is_none()).await;

    // A new password is wrong, and a removed address gets in, until it asks again.
    settings(&stand_in, json!({"proxy_role_cache_ms": 600_000, "proxy_error_cache_ms": 0})).await;
    assert_eq!(refused(&password).await, None);
    let reset = format!("{}/roles/neondb_owner/reset_password", stand_in.branch());
    let (_, answer) = stand_in.api("POST", &reset, None).await;
    stand_in.wait(&answer).await;
    let new = answer["role"]["password"].as_str().expect("a password").to_owned();
    assert!(refused(&new).await.is_some_and(|text| text.contains("'neondb_owner'")));
    settings(&stand_in, json!({"proxy_role_cache_ms": 100})).await;
    eventually("the new password", async || refused(&new).await.is_none()).await;
    settings(&stand_in, json!({"proxy_role_cache_ms": 600_000})).await;
    assert_eq!(refused(&new).await, None, "the list of addresses is known");
    let closed = json!({"project": {"settings": {"allowed_ips": {"ips": ["192.0.2.1"]}}}});
    stand_in.api("PATCH", &stand_in.project(), Some(closed)).await;
    assert_eq!(refused(&new).await, None, "still in");
    settings(&stand_in, json!({"proxy_role_cache_ms": 100})).await;
    eventually("out", async || refused(&new).await.is_some_and(|text| text.contains("IP address"))).await;
}
