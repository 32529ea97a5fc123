//! Several projects under one API, and keys of each kind.

use serde_json::{Value, json};

use crate::support::{StandIn, count, owner_of};

#[tokio::test]
async fn a_second_project_has_a_server_of_its_own() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let body = json!({"project": {
        "name": "second", "pg_version": 16, "branch": {"name": "trunk", "database_name": "app"},
        "settings": {"enable_logical_replication": true},
    }});
    let (status, made) = stand_in.api("POST", "/projects", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    let id = made["project"]["id"].as_str().expect("id").to_owned();
    for operation in made["operations"].as_array().expect("operations") {
        let path = format!("/projects/{id}/operations/{}", operation["id"].as_str().expect("id"));
        while !matches!(stand_in.api("GET", &path, None).await.1["operation"]["status"].as_str(), Some("finished")) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    assert_eq!(made["roles"][0]["name"], "app_owner");
    let uri = made["connection_uris"][0]["connection_uri"].as_str().expect("a connection string");
    let config: tokio_postgres::Config = uri.parse().expect("a connection string");
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(stand_in.trusting());
    let (client, connection) = config.connect(tls).await.expect("it connects");
    tokio::spawn(connection);
    let row = client.query_one("SELECT current_setting('server_version'), current_database()", &[]).await.expect("it");
    assert!(row.get::<_, &str>(0).starts_with("16."));
    assert_eq!(row.get::<_, &str>(1), "app");
    assert_eq!(client.query_one("SHOW wal_level", &[]).await.expect("it").get::<_, &str>(0), "logical");
    assert_eq!(
        stand_in.superuser().await.query_one("SHOW wal_level", &[]).await.expect("it").get::<_, &str>(0),
        "replica"
    );

    // Both are listed, page by page; the next page of the last is empty.
    let (_, page) = stand_in.api("GET", "/projects?limit=1", None).await;
    assert_eq!(page["projects"][0]["id"], stand_in.text("project_id"));
    let next = format!("/projects?limit=1&cursor={}", page["pagination"]["cursor"].as_str().expect("a cursor"));
    let (_, page) = stand_in.api("GET", &next, None).await;
    assert_eq!(page["projects"][0]["id"], id.as_str());
    let (_, page) = stand_in.api("GET", &format!("/projects?cursor={id}"), None).await;
    assert_eq!(page["projects"], json!([]));

    // A branch of one is no branch of the other, and one that is busy does not lock the other.
    let (status, _) =
        stand_in.api("GET", &format!("/projects/{id}/branches/{}", stand_in.text("branch_id")), None).await;
    assert_eq!(status, 404);
    stand_in.admin("PATCH", "/settings", Some(json!({"projects_limit": 2, "ip_allow": false}))).await;
    assert_eq!(stand_in.api("POST", "/projects", Some(json!({"project": {}}))).await.0, 422);
    let closed = json!({"project": {"settings": {"allowed_ips": {"ips": ["192.0.2.1"]}}}});
    assert_eq!(stand_in.api("PATCH", &format!("/projects/{id}"), Some(closed)).await.0, 403);

    assert_eq!(stand_in.api("DELETE", &format!("/projects/{id}"), None).await.0, 200);
    assert_eq!(stand_in.api("GET", &format!("/projects/{id}"), None).await.0, 404);
    assert!(client.query_one("SELECT 1", &[]).await.is_err(), "its server has gone");
}

#[tokio::test]
async fn a_deleted_project_comes_back_as_it_was() {
    let stand_in = StandIn::start(&[]);
    let (project, main) = (stand_in.text("project_id").to_owned(), stand_in.text("branch_id").to_owned());
    let client = owner_of(&stand_in, &project, &main).await;
    client.batch_execute("CREATE TABLE t (); INSERT INTO t DEFAULT VALUES").await.expect("a table");
    let recover = format!("/projects/{project}/recover");
    assert_eq!(stand_in.api("POST", &recover, None).await.0, 400, "it is not deleted");
    assert_eq!(stand_in.api("DELETE", &format!("/projects/{project}"), None).await.0, 200);
    assert_eq!(stand_in.api("GET", &stand_in.branch(), None).await.0, 404);
    let (_, list) = stand_in.api("GET", "/projects?recoverable=true", None).await;
    assert_eq!(list["projects"][0]["id"], json!(project));
    for member in ["deleted_at", "recoverable_until"] {
        assert!(list["projects"][0][member].is_string(), "{list}");
    }
    assert_eq!(stand_in.api("GET", "/projects", None).await.1["projects"], json!([]));
    let (status, back) = stand_in.api("POST", &recover, None).await;
    assert_eq!(status, 200, "{back}");
    assert_eq!((&back["project"]["id"], &back["branches"][0]["id"]), (&json!(project), &json!(main)));
    // The connection string of before wakes the compute.
    let endpoint = format!("/projects/{project}/endpoints/{}", stand_in.text("endpoint_id"));
    assert_eq!(stand_in.api("GET", &endpoint, None).await.1["endpoint"]["current_state"], "idle");
    let uri = stand_in.api("GET", &format!("{}/roles/neondb_owner/reveal_password", stand_in.branch()), None).await.1;
    let password = uri["password"].as_str().expect("a password");
    let client = stand_in.connect("neondb_owner", password).await.expect("at the port of before");
    assert_eq!(count(&client, "t").await, 1);
    assert_eq!(stand_in.api("GET", "/projects?recoverable=true", None).await.1["projects"], json!([]));
    assert_eq!(stand_in.api("POST", "/projects/none/recover", None).await.0, 404);
}

#[tokio::test]
async fn keys_of_each_kind() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (project, organization) = (stand_in.text("project_id").to_owned(), "/organizations/org-stand-in-00000001");
    let (status, made) = stand_in.api("POST", "/projects", Some(json!({"project": {"name": "other"}}))).await;
    assert_eq!(status, 201, "{made}");
    let other = made["project"]["id"].as_str().expect("id").to_owned();
    let key = async |path: &str, body: Value| {
        let (status, made) = stand_in.api("POST", path, Some(body)).await;
        assert_eq!(status, 200, "{made}");
        (made["key"].as_str().expect("a key").to_owned(), made["id"].as_i64().expect("its number"))
    };
    let (personal, _) = key("/api_keys", json!({"key_name": "mine"})).await;
    let keys = format!("{organization}/api_keys");
    let (whole, _) = key(&keys, json!({"key_name": "org"})).await;
    let (scoped, number) = key(&keys, json!({"key_name": "ci", "project_id": project})).await;

    let status = async |key: &str, method: &str, path: &str| {
        let request =
            stand_in.http.request(method.parse().expect("a method"), format!("{}{path}", stand_in.text("api_url")));
        request.bearer_auth(key).send().await.expect("an answer").status().as_u16()
    };
    let (one, two) = (format!("/projects/{project}"), format!("/projects/{other}"));
    for (path, expected) in [
        ("/auth", [200, 200, 200]),
        ("/users/me", [200, 404, 404]),
        ("/users/me/organizations", [200, 200, 200]),
        ("/projects", [200, 200, 403]),
        (one.as_str(), [200, 200, 200]),
        (two.as_str(), [200, 200, 404]),
        (keys.as_str(), [200, 200, 403]),
        ("/api_keys", [200, 404, 404]),
    ] {
        let found = [
            status(&personal, "GET", path).await,
            status(&whole, "GET", path).await,
            status(&scoped, "GET", path).await,
        ];
        assert_eq!(found, expected, "{path}");
    }
    let permission = async |key: &str| {
        let request = stand_in.http.get(format!("{}{one}", stand_in.text("api_url"))).bearer_auth(key);
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        answer["project"]["effective_project_permission"].clone()
    };
    assert_eq!((permission(&whole).await, permission(&scoped).await), (json!("ADMIN"), json!("EDITOR")));
    assert_eq!(status(&scoped, "DELETE", &one).await, 403, "a member does not delete the project");

    let (_, listed) = stand_in.api("GET", &keys, None).await;
    assert_eq!(listed[1]["project_id"], project.as_str());
    assert!(!listed.to_string().contains(&scoped), "a key is shown once");
    let (status_of, revoked) = stand_in.api("DELETE", &format!("{keys}/{number}"), None).await;
    assert_eq!((status_of, &revoked["revoked"]), (200, &json!(true)));
    assert_eq!(status(&scoped, "GET", "/auth").await, 401);
    assert_eq!(stand_in.api("GET", "/auth", None).await.0, 200, "the key of the start stays");
}
