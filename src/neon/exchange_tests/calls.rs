//! What is sent, when it is sent again, and what is said of answers that are not the API's.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::scripted_server::{Server, answer, budget, lost, refusal};
use super::super::{ApiSettings, Budget, Client, Kind, role};
use super::{MADE, PROJECT, ROLES, branch, made, project};
use crate::secret::Secret;

#[tokio::test]
async fn what_is_sent() {
    let server = Server::start([answer(200, PROJECT), refusal(404), answer(201, MADE)]).await;
    let client = server.client();
    client.get_project(&project(), &budget()).await.expect("an answer");
    let _ = client.create_role(&project(), &branch(), "r", &budget()).await.expect("made");
    assert_eq!(server.lines(), ["GET /projects/p-1".to_owned(), format!("GET {ROLES}/r"), format!("POST {ROLES}")]);
    let calls = server.calls();
    let version = env!("CARGO_PKG_VERSION");
    for header in [
        "authorization: Bearer napi_key".to_owned(),
        "accept: application/json".to_owned(),
        format!("user-agent: terraform-provider-neonrep/{version} (terraform 1.11.4) suite/1"),
    ] {
        assert!(calls[0].headers.contains(&header), "{header} in {:?}", calls[0].headers);
    }
    assert_eq!(calls[2].body, r#"{"role":{"name":"r"}}"#);
    assert!(calls[2].headers.contains(&"content-type: application/json".to_owned()));
}

#[tokio::test]
async fn a_read_is_tried_again_until_it_is_answered() {
    let script = [
        refusal(423),
        refusal(429),
        refusal(503),
        refusal(500),
        answer(524, "<html>timeout"),
        lost(),
        answer(200, PROJECT).cut(),
    ];
    for trouble in script {
        let server = Server::start([trouble.clone(), answer(200, PROJECT)]).await;
        let read = server.client().get_project(&project(), &budget()).await;
        assert_eq!(read.map(|project| project.name).expect("an answer"), "n", "after {trouble:?}");
        assert_eq!(server.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_change_is_tried_again_only_where_it_was_refused() {
    for trouble in [refusal(423), refusal(429), refusal(503)] {
        let server = Server::start([refusal(404), trouble, answer(201, MADE)]).await;
        let _ = made(&server).await;
        assert_eq!(server.lines()[1..], [format!("POST {ROLES}"), format!("POST {ROLES}")]);
    }
    for status in [400, 401, 403, 404, 422] {
        let server = Server::start([refusal(404), refusal(status)]).await;
        let error = server.client().create_role(&project(), &branch(), "r", &budget()).await.expect_err("refused");
        assert_eq!((error.status(), error.tries()), (Some(status), 1));
        assert_eq!(server.calls().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn reads_are_not_tried_again_after_a_clear_no() {
    for (status, kind) in
        [(401, Kind::Unauthorized), (403, Kind::Forbidden), (404, Kind::NotFound), (400, Kind::Rejected)]
    {
        let server = Server::start([refusal(status)]).await;
        let error = server.client().get_project(&project(), &budget()).await.expect_err("refused");
        assert_eq!(error.kind(), kind);
        assert_eq!(
            error.to_string(),
            format!("`GET /projects/p-1` was answered {status}: refused with {status} (request id `r-{status}`)")
        );
        assert_eq!(server.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_wait_that_cannot_end_in_time_is_not_begun() {
    let server = Server::start([refusal(429).header("retry-after", "3600")]).await;
    let error = server.client().get_project(&project(), &budget()).await.expect_err("limited");
    assert_eq!((error.kind(), error.tries()), (Kind::RateLimited, 1));
}

#[tokio::test]
async fn a_retry_after_of_any_size_is_an_error_and_no_panic() {
    for asked in
        ["9223372036854775808", "18446744073709551615", "99999999999999999999", "Thu, 01 Jul 9999 08:49:37 GMT"]
    {
        let server = Server::start([refusal(429).header("retry-after", asked)]).await;
        let error = server.client().get_project(&project(), &budget()).await.expect_err("limited");
        assert_eq!((error.kind(), error.tries()), (Kind::RateLimited, 1), "{asked}");
    }
    for senseless in ["-9223372036854775808", "-1", "Sun, 06 Nov 0094 08:49:37 GMT", "later"] {
        let server = Server::start([refusal(429).header("retry-after", senseless), answer(200, PROJECT)]).await;
        assert!(server.client().get_project(&project(), &budget()).await.is_ok(), "{senseless}");
    }
}

#[tokio::test]
async fn the_reason_of_the_last_try_is_returned_when_the_time_is_over() {
    let server = Server::start(std::iter::repeat_n(refusal(423), 50)).await;
    let error =
        server.client().get_project(&project(), &Budget::lasting(Duration::from_secs(2))).await.expect_err("locked");
    assert!(matches!(error.kind(), Kind::Locked | Kind::TimedOut), "{error:?}");
    assert!(error.to_string().contains("refused with 423"), "{error}");

    let impatient = budget().with_patience(Duration::ZERO);
    let server = Server::start([refusal(503)]).await;
    let error = server.client().get_project(&project(), &impatient).await.expect_err("not well");
    assert_eq!((error.kind(), error.tries()), (Kind::Unavailable, 1));
}

#[tokio::test]
async fn cancelling_ends_a_wait() {
    let server = Server::start([refusal(429).header("retry-after", "3000")]).await;
    let cancel = CancellationToken::new();
    let budget = Budget::new(Instant::now() + Duration::from_hours(1), cancel.clone());
    let client = server.client();
    let reading = tokio::spawn(async move { client.get_project(&project(), &budget).await });
    server.arrived(1).await;
    cancel.cancel();
    let error = reading.await.expect("no panic").expect_err("cancelled");
    assert_eq!(error.kind(), Kind::Cancelled);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start([answer(307, "").header("location", "http://127.0.0.1:1/elsewhere")]).await;
    let error = server.client().get_project(&project(), &budget()).await.expect_err("redirected");
    assert_eq!((error.kind(), error.status()), (Kind::NotJson, Some(307)));
    assert!(error.message().contains("`127.0.0.1`"), "{error}");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_page_for_people_is_told_as_such() {
    let server =
        Server::start([answer(200, "<html><title>Sign in</title></html>"), answer(404, "<h1>Not found</h1>")]).await;
    let client = server.client();
    let page = client.get_project(&project(), &budget()).await.expect_err("a page");
    assert_eq!((page.kind(), page.message()), (Kind::NotJson, "the answer is a page for people, not JSON: Sign in"));
    let absent = client.get_project(&project(), &budget()).await.expect_err("a page");
    assert_eq!(absent.kind(), Kind::NotJson, "a web server's 404 says nothing of the project");
}

#[tokio::test]
async fn no_server_is_a_network_error_for_every_method() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let client = Client::new(&ApiSettings {
        base_url: format!("http://127.0.0.1:{port}/api/v2"),
        api_key: Secret::new("napi_key"),
        terraform_version: None,
        user_agent_suffix: None,
    })
    .expect("legal");
    let impatient = budget().with_patience(Duration::ZERO);
    let error = client.get_project(&project(), &impatient).await.expect_err("refused");
    assert_eq!(error.kind(), Kind::Network);
    assert!(error.message().contains("refused"), "{error}");
    let error = client
        .transport()
        .send(&role::create(&project(), &branch(), "r").expect("legal"), &impatient)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), Kind::Network, "nothing was sent, so nothing is unsure");
}

#[tokio::test]
async fn a_request_has_an_id_that_every_error_names() {
    let server = Server::start([answer(400, r#"{"message":"no"}"#), refusal(400), lost()]).await;
    let (client, impatient) = (server.client(), budget().with_patience(Duration::ZERO));
    let id_of_the_last = |server: &Server| {
        let calls = server.calls();
        let headers = calls.last().map(|call| call.headers.clone()).unwrap_or_default();
        headers.iter().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id").to_owned()
    };
    for own in [None, Some("r-400"), None] {
        let error = client.get_project(&project(), &impatient).await.expect_err("refused");
        let sent = id_of_the_last(&server);
        assert_eq!(error.request_id(), Some(own.unwrap_or(&sent)));
    }
    let server = Server::start([answer(200, PROJECT).stalled()]).await;
    let late = server.client().get_project(&project(), &Budget::lasting(Duration::from_secs(1))).await;
    let error = late.expect_err("no answer in time");
    assert_eq!((error.kind(), error.request_id()), (Kind::TimedOut, Some(id_of_the_last(&server).as_str())));
}

#[tokio::test(start_paused = true)]
async fn branches_are_paged_until_the_cursor_ends_or_repeats() {
    let page = |id: &str, default: bool, next: &str| {
        answer(200, &format!(r#"{{"branches":[{{"id":"{id}","default":{default}}}],"pagination":{{{next}}}}}"#))
    };
    let server = Server::start([page("br-b", false, r#""next":"c1""#), page("br-a", true, r#""next":"c1""#)]).await;
    let default = server.client().default_branch(&project(), &budget()).await.expect("a default");
    assert_eq!(default.id.as_str(), "br-a");
    assert_eq!(server.lines()[1], "GET /projects/p-1/branches?limit=1000&cursor=c1");

    let endless = (0..200).map(|at| page(&format!("br-{at}"), false, &format!(r#""next":"c{at}""#)));
    let server = Server::start(endless).await;
    let error = server.client().default_branch(&project(), &budget()).await.expect_err("no end");
    assert_eq!(error.to_string(), "`GET /projects/p-1/branches`: the list does not end after 100 pages");

    let server = Server::start([page("br-b", false, r#""cursor":"c1""#), page("br-a", true, "")]).await;
    let default = server.client().default_branch(&project(), &budget()).await.expect("a default");
    assert_eq!(default.id.as_str(), "br-a");
}

#[tokio::test]
async fn a_secret_is_in_no_error() {
    let server = Server::start([
        answer(200, r#"{"uri":"postgresql://u:npg_secret@:x/"}"#),
        answer(200, r#"{"password":["npg_secret"]}"#),
        answer(412, r#"{"message":"passwords are not stored"}"#),
    ])
    .await;
    let client = server.client();
    let uri = client.connection_uri(&project(), &branch(), "db", "r", &budget()).await.expect_err("no URI");
    let password = client.reveal_password(&project(), &branch(), "r", &budget()).await.expect_err("no text");
    for error in [&uri, &password] {
        assert_eq!(error.kind(), Kind::NotJson);
        assert!(!format!("{error} {error:?}").contains("npg_secret"), "{error}");
    }
    let none = client.reveal_password(&project(), &branch(), "r", &budget()).await.expect_err("not stored");
    assert_eq!(none.kind(), Kind::PasswordsNotStored);
    assert!(!server.url().is_empty() && !format!("{client:?}").contains("napi_key"));
}
