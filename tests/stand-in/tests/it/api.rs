//! What holds for every call of the API: nothing is "gone" only because it is not modelled, and errors are Neon's.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::StandIn;

#[tokio::test]
async fn what_is_not_modelled_is_501_and_never_gone() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (project, branch) = (stand_in.project(), stand_in.branch());
    for (method, path) in [
        ("GET", "/consumption_history/projects".to_owned()),
        ("GET", "/organizations/org-x/members".to_owned()),
        ("POST", "/projects/auth/create".to_owned()),
        ("GET", format!("{project}/advisors")),
        ("GET", format!("{project}/jwks")),
        ("POST", format!("{project}/permissions")),
        ("GET", format!("{branch}/auth")),
        ("POST", format!("{branch}/anonymized")),
        ("GET", format!("{branch}/data-api/neondb")),
        ("DELETE", "/auth".to_owned()),
        ("PUT", project.clone()),
        ("PUT", format!("{branch}/roles/neondb_owner")),
        ("GET", "/no/such/thing".to_owned()),
    ] {
        let (status, answer) = stand_in.api(method, &path, None).await;
        assert_eq!(status, 501, "{method} {path}: {answer}");
        let message = answer["message"].as_str().expect("a message");
        assert!(message.contains(method) && message.contains("does not model"), "{message}");
    }
    // What is really not there is still 404.
    assert_eq!(stand_in.api("GET", "/projects/none-such-1", None).await.0, 404);
    assert_eq!(stand_in.api("GET", &format!("{branch}/roles/nobody"), None).await.0, 404);
}

#[tokio::test]
async fn errors_are_neons_json_with_the_request_id() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let (project, branch) = (stand_in.project(), stand_in.branch());
    let url = |path: &str| format!("{}{path}", stand_in.text("api_url"));
    let call = |method: &str, path: &str| {
        let method = method.parse().expect("a method");
        stand_in.http.request(method, url(path)).bearer_auth(stand_in.text("api_key")).header("X-Request-ID", "mine-1")
    };
    let json = |request: reqwest::RequestBuilder, body: &'static str| {
        request.header(CONTENT_TYPE, "application/json").body(body)
    };
    let rule = json!({"path": "/auth", "action": {"status": 503}});
    stand_in.admin("POST", "/faults", Some(rule)).await;
    for (expected, request) in [
        (503, call("GET", "/auth")),
        (400, call("GET", &format!("{project}/branches?limit=x"))),
        (400, call("GET", &format!("{project}/operations?limit=x"))),
        (400, call("GET", &format!("{branch}/roles/%ff"))),
        (404, call("GET", "/projects/none-such-1")),
        (400, json(call("POST", &format!("{branch}/roles")), "{")),
        (400, json(call("POST", &format!("{branch}/roles")), "[]")),
        (415, call("POST", &format!("{branch}/roles")).body("{}")),
        (501, call("GET", &format!("{project}/jwks"))),
        (401, stand_in.http.get(url("/auth")).header("X-Request-ID", "mine-1")),
        (403, call("GET", "/auth").header("Origin", "http://evil.example")),
    ] {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()["x-request-id"], "mine-1", "{expected}");
        let text = answer.text().await.expect("text");
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{expected} is no JSON: {text}"));
        assert_eq!((status, &body["request_id"], &body["code"]), (expected, &json!("mine-1"), &json!("")), "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    }
    // Success has it too, and one of our own where the client sent none.
    let fine = call("GET", "/auth").send().await.expect("an answer");
    assert_eq!((fine.status().as_u16(), &fine.headers()["x-request-id"]), (200, &"mine-1".parse().expect("a value")));
    let own = stand_in.http.get(url("/auth")).send().await.expect("an answer");
    assert_eq!(own.headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn keys_that_neon_does_not_know_are_noted() {
    let stand_in = StandIn::start(&["--postgres", "17"]);
    let body = json!({"project": {"settings": {"enable_logical_replicaton": true}}});
    assert_eq!(stand_in.api("PATCH", &stand_in.project(), Some(body)).await.0, 200);
    stand_in.api("POST", &format!("{}/roles", stand_in.branch()), Some(json!({"role": {"name": "r"}}))).await;
    let journal = stand_in.admin("GET", "/requests", None).await;
    let noted: Vec<_> = journal["requests"].as_array().expect("requests").iter().map(|call| &call["unknown"]).collect();
    assert_eq!(noted, [&json!(["project.settings.enable_logical_replicaton"]), &Value::Null]);
}
