//! What the stand-in does not do for others: a web page, another user of this machine, whoever reads `ps`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use reqwest::header::{CONTENT_TYPE, HOST, ORIGIN};
use serde_json::json;

use crate::support::StandIn;

/// Everything that answers without the token or to a foreign name.
#[tokio::test]
async fn the_way_in_is_closed_to_others() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let base = stand_in.text("api_url").trim_end_matches("/api/v2").to_owned();
    let status = async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status().as_u16();
    let settings = format!("{}/settings", stand_in.text("admin_url"));

    // The token is the key to the admin routes.
    assert_eq!(status(stand_in.http.get(&settings)).await, 200);
    let mut wrong = stand_in.text("admin_url").to_owned();
    wrong.pop();
    for url in [format!("{wrong}x/settings"), format!("{wrong}/settings"), format!("{base}/admin/x/postgres")] {
        assert_eq!(status(stand_in.http.get(&url)).await, 403, "{url}");
    }
    for path in ["settings", "postgres", "faults", "requests"] {
        let found = status(stand_in.http.get(format!("{base}/admin/{path}"))).await;
        assert!(found >= 400, "/admin/{path}: {found}");
    }

    // Another Host: somebody's name that was made to point here.
    let auth = format!("{}/auth", stand_in.text("api_url"));
    for url in [&settings, &auth] {
        let call = || stand_in.http.get(url).bearer_auth(stand_in.text("api_key"));
        assert_eq!(status(call()).await, 200);
        assert_eq!(status(call().header(HOST, "evil.example")).await, 421, "{url}");
        assert_eq!(status(call().header(HOST, "localhost:9")).await, 200, "{url}");
        // A web page of another site, or of a file.
        for origin in ["http://evil.example", "null", "http://localhost"] {
            assert_eq!(status(call().header(ORIGIN, origin)).await, 403, "{url} from {origin}");
        }
    }

    // Some settings of the server name programs that it runs.
    let server = format!("{}/postgres/settings", stand_in.text("admin_url"));
    let call = stand_in.http.patch(&server).json(&json!({"archive_command": "touch /tmp/x"}));
    assert_eq!(status(call).await, 400);

    // What a form or a simple fetch can send.
    let body = json!({"operation_ms": 1}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let call = stand_in.http.patch(&settings).header(CONTENT_TYPE, kind).body(body.clone());
        assert_eq!(status(call).await, 415, "{kind}");
    }
    let call = stand_in.http.patch(&settings).header(CONTENT_TYPE, "application/json").body(body);
    assert_eq!(status(call).await, 200);
}

#[tokio::test]
async fn the_superusers_password_is_in_no_answer_and_in_closed_files() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let dsn = stand_in.text("superuser_dsn");
    let password = dsn.split(['@', ':']).nth(2).expect("a password");
    let told = stand_in.admin("GET", "/postgres", None).await;
    let made = stand_in.admin("POST", "/databases", Some(json!({"name": "second"}))).await;
    for answer in [&told, &made, &stand_in.admin("POST", "/postgres/restart", None).await] {
        let text = answer.to_string();
        assert!(!text.contains(password) && !text.contains("cloud_admin"), "{text}");
    }
    // The file that has it is closed, and so is the log, where statements with passwords may be.
    let file = told["superuser_dsn_file"].as_str().expect("the file");
    assert_eq!(std::fs::read_to_string(file).expect("the file").trim_end(), dsn);
    for closed in [file, told["log"].as_str().expect("the log")] {
        let permissions = std::fs::metadata(closed).expect("a file").permissions().mode();
        assert_eq!(permissions & 0o077, 0, "{closed}: {permissions:o}");
    }
}

/// The key in an argument shows in `ps`; in the environment only its owner sees it.
#[tokio::test]
async fn the_key_comes_from_the_environment() {
    let stand_in = StandIn::start_with(&["--postgres", "17"], &[("NEON_STAND_IN_API_KEY", "napi_of_the_environment")]);
    assert_eq!(stand_in.text("api_key"), "napi_of_the_environment");
    assert_eq!(stand_in.api("GET", "/auth", None).await.0, 200);
}

/// A planted server would run as us.
#[test]
fn a_cache_that_others_can_change_is_not_used() {
    let shared = tempfile::tempdir().expect("a folder");
    let refused = |cache: &Path| {
        let ran = Command::new(env!("CARGO_BIN_EXE_neon-stand-in"))
            .args(["--postgres", "17", "--fetch", "--cache-dir"])
            .arg(cache)
            .output()
            .expect("it runs");
        assert!(!ran.status.success(), "{} was used", cache.display());
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    let planted = shared.path().join("17.11.0/bin");
    std::fs::create_dir_all(&planted).expect("folders");
    let ran = shared.path().join("ran");
    let program = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    for name in ["initdb", "postgres"] {
        std::fs::write(planted.join(name), &program).expect("a program");
        std::fs::set_permissions(planted.join(name), PermissionsExt::from_mode(0o755)).expect("mode");
    }
    std::fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o777)).expect("mode");
    assert!(refused(shared.path()).contains("chmod go-w"));
    assert!(!ran.exists(), "a planted program ran");
    if nix::unistd::Uid::effective().is_root() {
        std::fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o755)).expect("mode");
        std::os::unix::fs::chown(shared.path(), Some(4_000_000), None).expect("chown");
        assert!(refused(shared.path()).contains("4000000"));
        assert!(!ran.exists(), "a planted program ran");
    }
}
