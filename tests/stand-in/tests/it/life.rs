//! One life of the binary over Postgres 17, as a test suite uses it.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::{StandIn, uri_password};

async fn wal_level(client: &Client) -> String {
    client.query_one("SHOW wal_level", &[]).await.expect("wal_level").get(0)
}

/// Until the kernel has nothing left of that process.
fn wait_until_gone(pid: Pid) {
    while kill(pid, None).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_project_from_its_line_to_its_end() {
    let mut stand_in = StandIn::start(&["--postgres", "17"]);
    for key in ["project_id", "branch_id", "endpoint_id", "owner_role", "database"] {
        assert!(!stand_in.text(key).is_empty());
    }

    // The owner comes in by the way that the provider takes.
    let (status, found) = stand_in.api("GET", &format!("{}/databases/neondb", stand_in.branch()), None).await;
    assert_eq!((status, &found["database"]["owner_name"]), (200, &json!("neondb_owner")));
    let path =
        format!("{}/connection_uri?database_name=neondb&role_name=neondb_owner&pooled=false", stand_in.project());
    let (_, uri) = stand_in.api("GET", &path, None).await;
    let owner = stand_in.connect("neondb_owner", &uri_password(&uri)).await.expect("the owner connects");
    assert_eq!(wal_level(&owner).await, "replica");

    // A role is usable when its operation has finished; others are sent away then.
    let roles = format!("{}/roles", stand_in.branch());
    let (status, made) = stand_in.api("POST", &roles, Some(json!({"role": {"name": "a b/c"}}))).await;
    assert_eq!(status, 201, "{made}");
    let password = made["role"]["password"].as_str().expect("password").to_owned();
    assert!(password.starts_with("npg_"), "{password}");
    let (status, _) = stand_in.api("POST", &roles, Some(json!({"role": {"name": "second"}}))).await;
    assert_eq!(status, 423, "an operation runs");
    assert_eq!(stand_in.wait(&made).await, "finished");
    assert!(owner.query_one("SELECT 1", &[]).await.is_err(), "the owner's session was dropped");
    let (status, _) = stand_in.api("POST", &roles, Some(json!({"role": {"name": "a b/c"}}))).await;
    assert_eq!(status, 409);
    let role = stand_in.connect("a b/c", &password).await.expect("the role connects");
    let row = role
        .query_one("SELECT rolreplication AND rolbypassrls FROM pg_roles WHERE rolname = current_user", &[])
        .await
        .expect("attributes");
    assert!(row.get::<_, bool>(0), "an API role has REPLICATION and BYPASSRLS");

    // Logical replication restarts the server, once and permanently.
    let on = json!({"project": {"settings": {"enable_logical_replication": true}}});
    let (status, patched) = stand_in.api("PATCH", &stand_in.project(), Some(on.clone())).await;
    assert_eq!(status, 200, "{patched}");
    assert_eq!(patched["project"]["settings"]["enable_logical_replication"], true);
    assert_eq!(stand_in.wait(&patched).await, "finished");
    assert!(role.query_one("SELECT 1", &[]).await.is_err(), "the restart ended the session");
    assert_eq!(wal_level(&stand_in.superuser().await).await, "logical");
    let (status, again) = stand_in.api("PATCH", &stand_in.project(), Some(on)).await;
    assert_eq!((status, &again["operations"]), (200, &json!([])));
    let off = json!({"project": {"settings": {"enable_logical_replication": false}}});
    assert_eq!(stand_in.api("PATCH", &stand_in.project(), Some(off)).await.0, 400);

    // What the role owns goes to the database's owner, and the role goes.
    let role = stand_in.connect("a b/c", &password).await.expect("the role connects");
    let superuser = stand_in.superuser().await;
    superuser.batch_execute("GRANT CREATE ON SCHEMA public TO \"a b/c\"").await.expect("grant");
    role.batch_execute("CREATE TABLE left_behind (id int)").await.expect("table");
    let (status, deleted) = stand_in.api("DELETE", &format!("{roles}/a%20b%2Fc"), None).await;
    assert_eq!(status, 200, "{deleted}");
    assert_eq!(stand_in.wait(&deleted).await, "finished");
    let (status, _) = stand_in.api("DELETE", &format!("{roles}/a%20b%2Fc"), None).await;
    assert_eq!(status, 204);
    let heir = superuser
        .query_one("SELECT tableowner FROM pg_tables WHERE tablename = 'left_behind'", &[])
        .await
        .expect("the table is still there");
    assert_eq!(heir.get::<_, &str>(0), "neondb_owner");

    // Its end leaves nothing.
    let (server, folder) = stand_in.server().await;
    stand_in.signal(Signal::SIGTERM);
    assert!(stand_in.child.wait().expect("its end").success());
    assert!(kill(server, None).is_err(), "the server has gone");
    assert!(!Path::new(&folder).exists(), "the data has gone");
}

#[tokio::test]
async fn faults_and_settings() {
    let stand_in = StandIn::start(&["--postgres", "17", "--logical"]);
    assert_eq!(wal_level(&stand_in.superuser().await).await, "logical");
    let roles = format!("{}/roles", stand_in.branch());
    let name = |name: &str| Some(json!({"role": {"name": name}}));

    // A status with a header, once.
    let rule = json!({"method": "GET", "path": "/projects/*", "action":
        {"status": 429, "headers": {"Retry-After": "1"}}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    assert_eq!(stand_in.api("GET", &stand_in.project(), None).await.0, 429);
    assert_eq!(stand_in.api("GET", &stand_in.project(), None).await.0, 200);

    // A lost answer: the role is there nevertheless.
    let rule = json!({"method": "POST", "path": "**/roles", "action": {"reset": "after"}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    let url = format!("{}{roles}", stand_in.text("api_url"));
    assert!(stand_in.send("POST", url.clone(), name("lost")).await.is_err());
    assert_eq!(stand_in.api("GET", &format!("{roles}/lost"), None).await.0, 200);

    // A connection cut before the effect: nothing happened.
    let rule = json!({"method": "POST", "path": "**/roles", "action": {"reset": "before"}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    assert!(stand_in.send("POST", url, name("never")).await.is_err());
    assert_eq!(stand_in.api("GET", &format!("{roles}/never"), None).await.0, 404);

    // HTML from a proxy on the way, and a branch that is not there.
    let rule = json!({"path": "/auth", "action": {"status": 524, "html": "<h1>524</h1>"}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    let (status, page) = stand_in.api("GET", "/auth", None).await;
    assert_eq!((status, page), (524, json!("<h1>524</h1>")));
    let rule = json!({"path": "/projects/*/branches/*", "action": {"not_found": true}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    assert_eq!(stand_in.api("GET", &stand_in.branch(), None).await.0, 404);

    // A failed operation has no effect; one that fails first and finishes then has.
    for (fate, ends, there) in [("failed", "failed", false), ("failed_then_finished", "finished", true)] {
        while stand_in.api("DELETE", &format!("{roles}/{fate}"), None).await.0 == 423 {
            tokio::time::sleep(Duration::from_millis(20)).await; // the lost role's operation
        }
        let rule = json!({"method": "POST", "path": "**/roles", "action": {"operation": fate}});
        stand_in.admin("POST", "/faults", Some(rule)).await;
        let (status, made) = stand_in.api("POST", &roles, name(fate)).await;
        assert_eq!(status, 201, "{made}");
        let mut end = stand_in.wait(&made).await;
        while there && end == "failed" {
            end = stand_in.wait(&made).await;
        }
        assert_eq!(end, ends);
        let found = stand_in
            .superuser()
            .await
            .query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&fate])
            .await
            .expect("pg_roles");
        assert_eq!(found.is_some(), there, "{fate}");
    }

    // An operation that is looked at three times before it finishes holds the project that long.
    stand_in.admin("PATCH", "/settings", Some(json!({"operation_polls": 3}))).await;
    let (_, made) = stand_in.api("POST", &roles, name("slow")).await;
    let path = format!("{}/operations/{}", stand_in.project(), made["operations"][0]["id"].as_str().expect("id"));
    for _ in 0..2 {
        stand_in.api("GET", &path, None).await;
        assert_eq!(stand_in.api("POST", &roles, name("other")).await.0, 423);
    }
    assert_eq!(stand_in.wait(&made).await, "finished");

    // Passwords that are not stored, keys that are wrong, paths that are empty.
    let reveal = format!("{roles}/neondb_owner/reveal_password");
    assert_eq!(stand_in.api("GET", &reveal, None).await.0, 200);
    stand_in.admin("PATCH", "/settings", Some(json!({"store_passwords": false}))).await;
    assert_eq!(stand_in.api("GET", &reveal, None).await.0, 412);
    let wrong = stand_in.http.get(format!("{}/auth", stand_in.text("api_url"))).bearer_auth("napi_wrong");
    assert_eq!(wrong.send().await.expect("an answer").status().as_u16(), 401);
    assert_eq!(stand_in.api("GET", "/projects//branches", None).await.0, 307);
    assert_eq!(stand_in.api("GET", "/projects/none-such-1", None).await.0, 404);

    // All of it is in the journal, without the key.
    let journal = stand_in.admin("GET", "/requests", None).await;
    let seen = journal["requests"].as_array().expect("requests");
    assert!(seen.iter().any(|call| call["status"] == 429 && call["fault"]["status"] == 429));
    assert!(seen.iter().any(|call| call["body"]["role"]["name"] == "slow"));
    assert!(!journal.to_string().contains(stand_in.text("api_key")));
}

#[tokio::test]
async fn the_way_to_postgres() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (_, revealed) =
        stand_in.api("GET", &format!("{}/roles/neondb_owner/reveal_password", stand_in.branch()), None).await;
    let password = revealed["password"].as_str().expect("password").to_owned();

    // Asleep: the next connection wakes the compute.
    let endpoint = format!("{}/endpoints/{}", stand_in.project(), stand_in.text("endpoint_id"));
    let (status, suspended) = stand_in.api("POST", &format!("{endpoint}/suspend"), None).await;
    assert_eq!(status, 200, "{suspended}");
    assert_eq!(stand_in.wait(&suspended).await, "finished");
    assert_eq!(stand_in.api("GET", &endpoint, None).await.1["endpoint"]["current_state"], "idle");
    stand_in.connect("neondb_owner", &password).await.expect("it wakes");
    assert_eq!(stand_in.api("GET", &endpoint, None).await.1["endpoint"]["current_state"], "active");

    // Dead: the next connection finds it up again.
    let (server, _) = stand_in.server().await;
    kill(server, Signal::SIGKILL).expect("a signal");
    while stand_in.connect("neondb_owner", &password).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await; // the kernel may still have answered for the dead one
    }
    assert_ne!(stand_in.server().await.0, server);

    // Refused in the words of Neon's proxy, so many times.
    let words = "Couldn't connect to compute node";
    let refuse = json!({"refuse_connections": words, "refuse_times": 1});
    stand_in.admin("PATCH", "/settings", Some(refuse)).await;
    let refused = stand_in.connect("neondb_owner", &password).await.expect_err("refused");
    let refused = refused.as_db_error().expect("an error of the server");
    assert_eq!((refused.code(), refused.message()), (&SqlState::INTERNAL_ERROR, words));
    let owner = stand_in.connect("neondb_owner", &password).await.expect("once only");

    // IP Allow without this machine; sessions that are open stay.
    let closed = json!({"project": {"settings": {"allowed_ips": {"ips": ["192.0.2.1"]}}}});
    assert_eq!(stand_in.api("PATCH", &stand_in.project(), Some(closed)).await.0, 200);
    let refused = stand_in.connect("neondb_owner", &password).await.expect_err("refused");
    assert!(refused.as_db_error().expect("of the server").message().contains("127.0.0.1"));
    owner.query_one("SELECT 1", &[]).await.expect("still open");

    // Sent away with 57P01, and cut off without a word.
    stand_in.admin("PATCH", "/settings", Some(json!({"refuse_connections": null}))).await;
    let open = json!({"project": {"settings": {"allowed_ips": {"ips": []}}}});
    stand_in.api("PATCH", &stand_in.project(), Some(open)).await;
    let ended = stand_in.admin("POST", "/terminate_backends", None).await;
    assert_eq!(ended["terminated"], 1);
    assert!(owner.query_one("SELECT 1", &[]).await.is_err());
    let owner = stand_in.connect("neondb_owner", &password).await.expect("again");
    stand_in.admin("POST", "/connections/cut", None).await;
    let cut = owner.query_one("SELECT 1", &[]).await.expect_err("cut");
    assert!(cut.as_db_error().is_none(), "{cut}");

    // A database of another owner, without an operation.
    let (_, made) =
        stand_in.api("POST", &format!("{}/roles", stand_in.branch()), Some(json!({"role": {"name": "other"}}))).await;
    stand_in.wait(&made).await;
    stand_in.admin("POST", "/databases", Some(json!({"name": "second", "owner": "other"}))).await;
    let (_, databases) = stand_in.api("GET", &format!("{}/databases", stand_in.branch()), None).await;
    let owners: Vec<_> = databases["databases"]
        .as_array()
        .expect("databases")
        .iter()
        .map(|database| database["owner_name"].clone())
        .collect();
    assert_eq!(owners, ["neondb_owner", "other"]);
}

#[tokio::test]
async fn a_killed_stand_in_leaves_no_server() {
    let mut stand_in = StandIn::start(&["--postgres", "17"]);
    let (server, folder) = stand_in.server().await;
    stand_in.signal(Signal::SIGKILL);
    stand_in.child.wait().expect("its end");
    wait_until_gone(server);
    // Its data is swept by the next one, or by one of another test that is still at it.
    let next = StandIn::start(&["--postgres", "17"]);
    for _ in 0..200 {
        if !Path::new(&folder).exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!Path::new(&folder).exists(), "{folder}");
    drop(next);
}

#[test]
fn it_ends_with_its_parent_and_speaks_shell() {
    // The shell starts it, says its id, waits for the first line and ends.
    let script = format!(
        "{} --postgres 17 --env > \"$0\" & echo $!; while ! [ -s \"$0\" ]; do sleep 0.05; done",
        env!("CARGO_BIN_EXE_neon-stand-in")
    );
    let folder = std::env::temp_dir().join(format!("neon-stand-in-life-{}", std::process::id()));
    let mut shell =
        Command::new("sh").args(["-c", &script]).arg(&folder).stdout(Stdio::piped()).spawn().expect("a shell");
    let mut said = String::new();
    shell.stdout.take().expect("output").read_to_string(&mut said).expect("text");
    shell.wait().expect("its end");
    let exports = std::fs::read_to_string(&folder).expect("exports");
    std::fs::remove_file(&folder).expect("removed");
    assert!(exports.lines().all(|line| line.starts_with("export ")), "{exports}");
    assert!(exports.contains("export NEON_API_URL='http://127.0.0.1:"), "{exports}");
    wait_until_gone(Pid::from_raw(said.trim().parse().expect("a pid")));
}
