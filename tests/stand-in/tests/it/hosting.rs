//! How other suites run it: reset between tests, in the background, for a container, as any user, twice.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid};
use serde_json::{Value, json};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::{StandIn, child, count, owner_of, uri_password};

#[tokio::test]
async fn a_reset_is_the_state_of_the_start() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let line = stand_in.line.clone();
    let path = format!("{}/connection_uri?database_name=neondb&role_name=neondb_owner", stand_in.project());
    let password = uri_password(&stand_in.api("GET", &path, None).await.1);
    let owner = stand_in.connect("neondb_owner", &password).await.expect("it connects");
    owner.batch_execute("CREATE TABLE t (id int)").await.expect("a table");
    let on = json!({"project": {"settings": {"enable_logical_replication": true}}});
    let (_, patched) = stand_in.api("PATCH", &stand_in.project(), Some(on)).await;
    stand_in.wait(&patched).await;
    stand_in.admin("POST", "/branches", Some(json!({"name": "b"}))).await;
    stand_in.api("POST", "/projects", Some(json!({"project": {"name": "second"}}))).await;
    stand_in.api("POST", "/api_keys", Some(json!({"key_name": "k"}))).await;
    stand_in.admin("PATCH", "/settings", Some(json!({"store_passwords": false, "operation_ms": 5}))).await;
    stand_in.admin("POST", "/faults", Some(json!({"path": "**", "times": null, "action": {"status": 500}}))).await;

    stand_in.admin("POST", "/reset", None).await;
    assert_eq!(stand_in.admin("GET", "/requests", None).await["requests"], json!([]));
    let (_, projects) = stand_in.api("GET", "/projects", None).await;
    assert_eq!(projects["projects"].as_array().map(Vec::len), Some(1));
    assert_eq!(projects["projects"][0]["id"], line["project_id"]);
    assert_eq!(projects["projects"][0]["settings"]["enable_logical_replication"], false);
    let (_, branches) = stand_in.api("GET", &format!("{}/branches", stand_in.project()), None).await;
    assert_eq!(branches["branches"].as_array().map(Vec::len), Some(1));
    assert_eq!(branches["branches"][0]["id"], line["branch_id"]);
    let (_, keys) = stand_in.api("GET", "/api_keys", None).await;
    assert_eq!(keys.as_array().map(Vec::len), Some(1));
    assert_eq!(stand_in.admin("GET", "/settings", None).await["operation_ms"], 120);
    // Same port, same password, another cluster; the first line still tells the truth.
    let owner = stand_in.connect("neondb_owner", &password).await.expect("it connects");
    let row = owner.query_one("SELECT to_regclass('t') IS NULL, current_setting('wal_level')", &[]).await.expect("it");
    assert_eq!((row.get::<_, bool>(0), row.get::<_, &str>(1)), (true, "replica"));
    stand_in.superuser().await.query_one("SELECT 1", &[]).await.expect("the superuser");

    // Also when nothing of the start is left.
    assert_eq!(stand_in.api("DELETE", &stand_in.project(), None).await.0, 200);
    stand_in.admin("POST", "/reset", None).await;
    stand_in.connect("neondb_owner", &password).await.expect("it connects");
}

/// `eval` ends when the background has begun; a stop leaves nothing.
#[tokio::test]
async fn in_the_background_of_a_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let script = format!(
        "eval \"$({} --postgres 17 --env --detached --pid-file '{}')\"\n\
         echo \"$NEON_API_URL\"; echo \"$NEON_API_KEY\"; echo \"$NEON_STAND_IN_ADMIN_URL\"; echo \"$DATABASE_URL\"",
        env!("CARGO_BIN_EXE_neon-stand-in"),
        file.display()
    );
    let ran = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let lines: Vec<_> = said.lines().collect();
    let [api, key, admin, database] = lines[..] else { panic!("{said}{}", String::from_utf8_lossy(&ran.stderr)) };
    let pid: i32 = std::fs::read_to_string(&file).expect("the pid file").trim().parse().expect("a number");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let found = http.get(format!("{api}/auth")).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(found.status().as_u16(), 200);
    let database: Config = database.parse().expect("a connection string");
    assert_eq!(database.get_dbname(), Some("neondb"));
    let told: Value = http.get(format!("{admin}/postgres")).send().await.expect("it").json().await.expect("JSON");
    let log = told["log"].as_str().expect("log").to_owned();

    let twice = Command::new(env!("CARGO_BIN_EXE_neon-stand-in"))
        .args(["--postgres", "17", "--detached", "--pid-file"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(!twice.status.success() && String::from_utf8_lossy(&twice.stderr).contains("runs by"));

    assert_eq!(http.post(format!("{admin}/stop")).send().await.expect("an answer").status().as_u16(), 204);
    for _ in 0..400 {
        if kill(Pid::from_raw(pid), None).is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(kill(Pid::from_raw(pid), None).is_err(), "it has ended");
    assert!(!file.exists() && !std::path::Path::new(&log).exists());
}

/// As a service container: on all addresses, by another name, with a key and a token that both sides know.
#[tokio::test]
async fn on_all_addresses_by_a_name() {
    let environment = [("NEON_STAND_IN_ADMIN_TOKEN", "abcdefgh12345678"), ("NEON_STAND_IN_API_KEY", "napi_ci")];
    let arguments = ["--postgres", "17", "--listen", "0.0.0.0:0", "--name", "neon.test", "--name", "localhost"];
    let stand_in = StandIn::start_with(&arguments, &environment);
    assert_eq!(stand_in.text("host"), "neon.test");
    assert!(stand_in.text("api_url").starts_with("http://neon.test:"), "{}", stand_in.line);
    assert!(stand_in.text("admin_url").ends_with("/admin/abcdefgh12345678"), "{}", stand_in.line);
    let port = stand_in.text("api_url").rsplit(':').next().and_then(|it| it.split('/').next()).expect("a port");
    let http = reqwest::Client::builder()
        .no_proxy()
        .resolve("neon.test", "127.0.0.1:0".parse().expect("an address"))
        .build()
        .expect("a client");
    let admin = format!("http://neon.test:{port}/admin/abcdefgh12345678");
    let pem = http.get(format!("{admin}/ca.pem")).send().await.expect("an answer").text().await.expect("text");
    assert_eq!(pem, std::fs::read_to_string(stand_in.text("sslrootcert")).expect("the authority"));
    let endpoint = format!("{}/endpoints/{}", stand_in.project(), stand_in.text("endpoint_id"));
    let found = http.get(format!("{}{endpoint}", stand_in.text("api_url"))).bearer_auth("napi_ci");
    let found: Value = found.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(found["endpoint"]["host"], format!("neon.test:{}", stand_in.port()));

    // The certificate holds for the name; another name of the machine is refused.
    let password = {
        let path = format!("{}/roles/neondb_owner/reveal_password", stand_in.branch());
        let found = http.get(format!("{}{path}", stand_in.text("api_url"))).bearer_auth("napi_ci");
        let found: Value = found.send().await.expect("an answer").json().await.expect("JSON");
        found["password"].as_str().expect("a password").to_owned()
    };
    let mut config = Config::new();
    config.host("neon.test").hostaddr("127.0.0.1".parse().expect("an address")).port(stand_in.port());
    config.user("neondb_owner").password(password).dbname("neondb");
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    let (client, connection) = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await.expect("by its name");
    tokio::spawn(connection);
    client.query_one("SELECT 1", &[]).await.expect("a row");
    let foreign = http.get(format!("http://127.0.0.1:{port}/api/v2/auth")).header("Host", "other.test");
    assert_eq!(foreign.send().await.expect("an answer").status().as_u16(), 421);
}

/// A user without an entry in `/etc/passwd`, and no way to the registry: what `--fetch` has left is enough.
#[test]
fn as_a_user_without_a_name_and_offline() {
    if !Uid::effective().is_root() {
        return as_ourselves_offline();
    }
    let mut command = offline();
    command.uid(4_242_424).gid(4_242_424).env_remove("HOME");
    started_and_stopped(&mut command);
}

fn as_ourselves_offline() {
    started_and_stopped(&mut offline());
}

fn offline() -> Command {
    // Whatever the build before this test has not left is missed here.
    let fetched = Command::new(env!("CARGO_BIN_EXE_neon-stand-in")).args(["--postgres", "17", "--fetch"]).status();
    assert!(fetched.expect("it runs").success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_neon-stand-in"));
    command.args(["--postgres", "17"]).stdout(Stdio::piped());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command
}

fn started_and_stopped(command: &mut Command) {
    use std::io::{BufRead, BufReader};

    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("output")).read_line(&mut line).expect("a line");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
    assert!(child.wait().expect("its end").success());
    assert!(line.contains("\"api_url\""), "{line}");
}

/// Neon to Neon: one project subscribes to another through the front, as its owner, by what the API says.
#[tokio::test]
async fn one_project_subscribes_to_another() {
    let stand_in = StandIn::start(&["--postgres", "17", "--logical"]);
    let (status, made) = stand_in.api("POST", "/projects", Some(json!({"project": {"name": "target"}}))).await;
    assert_eq!(status, 201, "{made}");
    let target = made["project"]["id"].as_str().expect("id").to_owned();
    let owner = async |project: &str| {
        let query = "connection_uri?database_name=neondb&role_name=neondb_owner";
        let (_, answer) = stand_in.api("GET", &format!("/projects/{project}/{query}"), None).await;
        let uri = answer["uri"].as_str().expect("uri").to_owned();
        let config: Config = uri.parse().expect("a connection string");
        let mut tried = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await;
        while tried.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await; // it is still being made
            tried = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await;
        }
        let (client, connection) = tried.expect("it connects");
        tokio::spawn(connection);
        (client, uri)
    };
    let (source, uri) = owner(stand_in.text("project_id")).await;
    let (target, _) = owner(&target).await;
    let table = "CREATE TABLE t (id int PRIMARY KEY)";
    source.batch_execute(&format!("{table}; CREATE PUBLICATION p FOR ALL TABLES")).await.expect("a source");
    source.batch_execute("INSERT INTO t VALUES (1)").await.expect("a row");
    target.batch_execute(table).await.expect("a target");
    target.batch_execute(&format!("CREATE SUBSCRIPTION s CONNECTION '{uri}' PUBLICATION p")).await.expect("as on Neon");
    source.batch_execute("INSERT INTO t VALUES (2)").await.expect("a row");
    let mut rows = 0;
    for _ in 0..400 {
        rows = target.query_one("SELECT count(*) FROM t", &[]).await.expect("rows").get(0);
        if rows == 2_i64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rows, 2, "the copy and the stream");
}

/// Paths end in configuration files, connection strings and commands: servers, replicas and the past work in any folder.
#[tokio::test]
async fn the_folder_may_have_an_odd_name_but_not_a_long_one() {
    let above = tempfile::Builder::new().prefix("odd").permissions(open()).tempdir_in("/tmp").expect("a folder");
    let folder = |name: &str| {
        let folder = above.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::set_permissions(&folder, open()).expect("it is open");
        folder.display().to_string()
    };
    let odd = folder("a 'b\\, \"c");
    let stand_in = StandIn::start_with(&[], &[("TMPDIR", &odd)]);
    assert!(stand_in.text("sslrootcert").starts_with(&odd));
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let row = stand_in.superuser().await.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await;
    let then: String = row.expect("a row").get(0);
    let id = child(&stand_in, json!({"branch": {"parent_lsn": then}, "endpoints": [{"type": "read_write"}]})).await;
    assert_eq!(count(&owner_of(&stand_in, &project, &id).await, "pg_publication").await, 0);
    let replica = Some(json!({"endpoint": {"branch_id": main, "type": "read_only"}}));
    let (status, made) = stand_in.api("POST", &format!("/projects/{project}/endpoints"), replica).await;
    assert_eq!((status, stand_in.wait(&made).await.as_str()), (201, "finished"), "{made}");

    let ran = Command::new(env!("CARGO_BIN_EXE_neon-stand-in")).env("TMPDIR", folder(&"long".repeat(12))).output();
    let said = String::from_utf8_lossy(&ran.as_ref().expect("it ran").stderr).into_owned();
    assert!(!ran.expect("it ran").status.success() && said.contains("Set TMPDIR to a folder"), "{said}");
}

fn open() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}
