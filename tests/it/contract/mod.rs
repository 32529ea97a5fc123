//! Whether the provider, Neon's CLI and the stand-in say to each other what Neon's `OpenAPI` document allows.
//!
//! The document is `public-v2-for-users.gen.yaml` of the npm package `@neondatabase/api-client`. It is read when the tests run and
//! is no part of this repository. Each story of this suite leaves its exchanges in a file; the last test here reads all of them, so
//! `make test` runs it once more after the others.

mod document;
mod exchange;
mod schema;

use std::fs;

use serde_json::{Value, json};

use crate::support::neon_cli::neon;
use crate::support::stand_in::{self, StandIn};
use crate::support::terraform::Workspace;
use crate::support::versions::suite;
use document::Document;
use exchange::Exchange;

/// What is wrong with the exchanges, each sentence once.
fn wrong(document: &Document, exchanges: &[Value]) -> Vec<String> {
    let mut found: Vec<String> = exchanges.iter().flat_map(|it| Exchange::read(it).mismatches(document)).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_life_and_the_cli_keep_to_neons_document() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("NEONREP_IP_ALLOW_DELAY", "50ms");
    workspace.write(
        r#"
resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "reader" {
  project_id = neonrep_logical_replication.this.id
  name       = "reader"
}

resource "neonrep_allowed_ips" "this" {
  project_id = var.project_id
  ips        = ["127.0.0.1", "::1"]
  enforce    = true
  on_destroy = "open"
}

data "neonrep_roles" "all" {
  project_id = var.project_id
}

data "neonrep_connection" "reader" {
  project_id       = var.project_id
  database         = "neondb"
  role_id          = neonrep_role.reader.id
  include_password = true
}
"#,
    );
    workspace.apply();
    workspace.destroy();
    let by_provider = stand_in.requests().len();
    let on = ["--project-id", stand_in.ready.project_id.as_str()];
    for noun in ["branches", "databases", "roles", "operations", "ip-allow"] {
        neon(&stand_in, &[&[noun, "list"][..], &on].concat());
    }
    // The past: a branch of it, a restore, and a project that comes back.
    let id = stand_in.ready.project_id.as_str();
    let position = stand_in.value("SELECT pg_current_wal_insert_lsn()");
    neon(&stand_in, &[&["branches", "create", "--name", "then", "--parent", &position][..], &on].concat());
    let itself = format!("^self@{position}");
    neon(&stand_in, &[&["branches", "restore", "main", &itself, "--preserve-under-name", "before"][..], &on].concat());
    let branch = format!("/projects/{id}/branches/{}", stand_in.ready.branch_id);
    while stand_in.api("GET", &branch, None).1["branch"]["current_state"] != "ready" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for query in ["schema?db_name=neondb".to_owned(), format!("compare_schema?db_name=neondb&base_lsn={position}")] {
        stand_in.api("GET", &format!("{branch}/{query}"), None);
    }
    // What outlives a branch: snapshots with all that the CLI does to them, and a deleted branch.
    neon(&stand_in, &[&["snapshots", "create", "--branch", "main", "--name", "one"][..], &on].concat());
    neon(&stand_in, &[&["snapshots", "update", "one", "--name", "two"][..], &on].concat());
    let restored = neon(&stand_in, &[&["snapshots", "restore", "two", "--name", "again"][..], &on].concat());
    assert!(restored.to_string().contains("again"), "{restored}");
    neon(&stand_in, &[&["snapshots", "finalize", "again", "--name", "replaced"][..], &on].concat());
    let daily = ["snapshots", "schedule", "set", "--branch", "main", "--frequency", "daily", "--hour", "3"];
    neon(&stand_in, &[&daily[..], &on].concat());
    let schedule = neon(&stand_in, &[&["snapshots", "schedule", "get", "--branch", "main"][..], &on].concat());
    assert_eq!(schedule, json!([{"frequency": "daily", "hour": 3}]));
    neon(&stand_in, &[&["snapshots", "delete", "two"][..], &on].concat());
    assert_eq!(neon(&stand_in, &[&["snapshots", "list"][..], &on].concat()), json!([]));
    let then = neon(&stand_in, &[&["branches", "get", "then"][..], &on].concat());
    neon(&stand_in, &[&["branches", "delete", "then"][..], &on].concat());
    let deleted = stand_in.api("GET", &format!("/projects/{id}/branches?include_deleted=true"), None).1;
    let deleted = deleted["branches"][0].clone();
    assert_eq!((&deleted["id"], deleted["recovery"].is_object()), (&then["id"], true), "{deleted}");
    let recover = format!("/projects/{id}/branches/{}/recover", then["id"].as_str().expect("an id"));
    while stand_in.api("POST", &recover, None).0 == 423 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    neon(&stand_in, &[&["branches", "get", "then"][..], &on].concat());
    neon(&stand_in, &["projects", "delete", id]);
    neon(&stand_in, &["projects", "list", "--recoverable-only", "--org-id", "org-stand-in-00000001"]);
    neon(&stand_in, &["projects", "recover", id]);
    let exchanges = stand_in.requests();
    let answered = |method: &str, path: &str| {
        exchanges.iter().any(|it| it["method"] == method && it["path"] == path && it["status"] == 200)
    };
    assert!(answered("POST", &recover));
    assert!(answered("POST", &format!("{branch}/restore")) && answered("POST", &format!("/projects/{id}/recover")));
    assert!(by_provider > 20 && exchanges.len() > by_provider + 4, "{by_provider}, {}", exchanges.len());
    let document = Document::load();
    assert_eq!(wrong(&document, &exchanges), Vec::<String>::new());
}

/// A file that is in order is removed, so that the next run looks at its own.
#[test]
fn all_stories_so_far_keep_to_neons_document() {
    let document = Document::load();
    let (mut found, mut count) = (Vec::new(), 0);
    let folder = stand_in::recordings().expect("a test");
    for file in fs::read_dir(folder).expect("the recordings").flatten() {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        let exchanges: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        count += exchanges.len();
        let here = wrong(&document, &exchanges);
        if here.is_empty() {
            let _ = fs::remove_file(file.path());
        }
        found.extend(here);
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "of {count} exchanges:\n{}", found.join("\n"));
}

#[test]
fn an_exchange_that_breaks_the_document_is_found() {
    let document = Document::load();
    let provider = "terraform-provider-neonrep/0";
    let role = json!({ "role": {
        "branch_id": "br-1", "name": "r", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
    } });
    let roles = "/projects/p-1/branches/br-1/roles";
    for (method, path, query, body, status, answer, says) in [
        ("GET", &*format!("{roles}/r"), "", json!(null), 200, role.clone(), None),
        ("GET", &format!("{roles}/r"), "", json!(null), 404, json!({ "code": "", "message": "no" }), None),
        ("GET", &format!("{roles}/r"), "", json!(null), 404, json!({ "message": "no" }), Some("`code` is missing")),
        ("GET", &format!("{roles}/r"), "", json!(null), 200, json!({ "role": {} }), Some("`name` is missing")),
        ("GET", &format!("{roles}/r"), "", json!(null), 200, json!({}), Some("`role` is missing")),
        ("GET", &format!("{roles}/r"), "", json!(null), 201, role.clone(), Some("201 is not documented")),
        ("GET", &format!("{roles}/r"), "a=1", json!(null), 200, role.clone(), Some("query `a` is not documented")),
        ("PUT", &format!("{roles}/r"), "", json!(null), 200, role.clone(), Some("is not in Neon's document")),
        (
            "POST",
            roles,
            "",
            json!({ "role": {} }),
            404,
            json!({ "code": "", "message": "no" }),
            Some("`name` is missing"),
        ),
        (
            "POST",
            roles,
            "",
            json!({ "role": { "name": "r", "x": 1 } }),
            404,
            json!({ "code": "", "message": "no" }),
            Some("`x` is not documented"),
        ),
    ] {
        let exchange = json!({
            "method": method, "path": path, "query": query, "body": body, "status": status, "answer": answer,
            "user_agent": provider
        });
        let found = wrong(&document, &[exchange]);
        match says {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(says) => assert!(found.iter().any(|it| it.contains(says)), "{says}: {found:?}"),
        }
    }
}
