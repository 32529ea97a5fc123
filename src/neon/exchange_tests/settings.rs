//! IP Allow, the permission that a key has in a project, and secrets in answers.

use std::convert::Infallible;
use std::time::Duration;

use super::super::scripted_server::{Server, Step, answer, budget, lost, refusal};
use super::super::{AllowedIps, Edit, IpRange, Kind, Permission};
use super::{MADE, NO_OPERATIONS, made, project};

fn listed(ips: &[&str]) -> Step {
    let ips: Vec<String> = ips.iter().map(|it| format!("\"{it}\"")).collect();
    let ips = ips.join(",");
    answer(
        200,
        &format!(
            r#"{{"project":{{"id":"p-1","settings":{{"allowed_ips":{{"ips":[{ips}],"protected_branches_only":true}}}}}}}}"#
        ),
    )
}

fn add(address: &str) -> impl Fn(&AllowedIps) -> Result<AllowedIps, Infallible> + Send + Sync + use<> {
    let edit = Edit::new([&IpRange::parse(address).expect("legal")], [], None);
    move |list| Ok(edit.apply(list))
}

#[tokio::test]
async fn a_list_of_addresses_is_read_and_written_in_one_turn() {
    let server = Server::start([listed(&["192.0.2.1"]), listed(&["192.0.2.1", "192.0.2.2"])]).await;
    let changed = server.client().change_allowed_ips(&project(), add("192.0.2.2"), &budget()).await.expect("an answer");
    let Ok(changed) = changed;
    assert_eq!(changed.before.ips, ["192.0.2.1"]);
    let now = changed.pending.expect("a change").wait(&budget()).await.expect("no operations");
    assert_eq!(now.allowed_ips().ips, ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(server.lines(), ["GET /projects/p-1", "PATCH /projects/p-1"]);
    assert_eq!(
        server.calls()[1].body,
        r#"{"project":{"settings":{"allowed_ips":{"ips":["192.0.2.1","192.0.2.2"],"protected_branches_only":true}}}}"#
    );
}

#[tokio::test]
async fn an_address_that_is_in_the_list_changes_nothing() {
    let server = Server::start([listed(&["192.0.2.1/32"])]).await;
    let changed = server.client().change_allowed_ips(&project(), add("192.0.2.1"), &budget()).await.expect("an answer");
    let Ok(changed) = changed;
    assert!(changed.pending.is_none());
    assert_eq!(server.lines(), ["GET /projects/p-1"]);
}

#[tokio::test]
async fn what_a_change_refuses_is_not_sent() {
    let server = Server::start([listed(&[])]).await;
    let refuses = |_: &AllowedIps| Err::<AllowedIps, _>("no");
    let changed = server.client().change_allowed_ips(&project(), refuses, &budget()).await.expect("an answer");
    assert_eq!(changed.err(), Some("no"));
    assert_eq!(server.lines(), ["GET /projects/p-1"]);
}

#[tokio::test]
async fn two_that_add_at_once_lose_nothing() {
    let server = Server::start([
        listed(&[]),
        listed(&["192.0.2.1"]),
        listed(&["192.0.2.1"]),
        listed(&["192.0.2.1", "192.0.2.2"]),
    ])
    .await;
    let (client, id, budget) = (server.client(), project(), budget());
    let one = async {
        let changed = client.change_allowed_ips(&id, add("192.0.2.1"), &budget).await.expect("an answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(changed);
    };
    let other = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(client.change_allowed_ips(&id, add("192.0.2.2"), &budget).await.expect("an answer"));
    };
    tokio::join!(one, other);
    let both = ["GET /projects/p-1", "PATCH /projects/p-1"];
    assert_eq!(server.lines(), [both, both].concat());
    assert!(server.calls()[3].body.contains(r#"["192.0.2.1","192.0.2.2"]"#), "{}", server.calls()[3].body);
}

/// The operation that made the API busy may be another configuration's change of the same list.
#[tokio::test]
async fn a_list_that_was_refused_for_a_while_is_computed_again() {
    for (busy, is_lost) in [(refusal(423), false), (refusal(429), false), (refusal(503), true), (lost(), true)] {
        let mut script = vec![listed(&["192.0.2.1"]), busy.clone()];
        if is_lost {
            script.push(listed(&["192.0.2.9"])); // a read says that nothing was written
        }
        script.extend([listed(&["192.0.2.9"]), listed(&["192.0.2.9", "192.0.2.2"])]);
        let server = Server::start(script).await;
        let changed =
            server.client().change_allowed_ips(&project(), add("192.0.2.2"), &budget()).await.expect("an answer");
        let Ok(changed) = changed;
        assert_eq!(changed.before.ips, ["192.0.2.1"], "as it was at first");
        let sent: Vec<String> = server.calls().into_iter().map(|it| it.body).filter(|it| !it.is_empty()).collect();
        assert_eq!(sent.len(), 2, "{busy:?}");
        assert!(sent[0].contains(r#"["192.0.2.1","192.0.2.2"]"#), "{}", sent[0]);
        assert!(sent[1].contains(r#"["192.0.2.9","192.0.2.2"]"#), "{}", sent[1]);
    }
}

#[tokio::test]
async fn a_list_whose_answer_was_lost_is_read_back() {
    let server = Server::start([listed(&[]), lost(), listed(&["192.0.2.1"]), answer(200, NO_OPERATIONS)]).await;
    let changed = server.client().change_allowed_ips(&project(), add("192.0.2.1"), &budget()).await.expect("an answer");
    let Ok(changed) = changed;
    assert!(changed.pending.is_some() && changed.before.is_open());
    assert_eq!(server.lines()[3], "GET /projects/p-1/operations?limit=100");
}

#[tokio::test]
async fn the_permission_is_read_once_with_the_project() {
    for (given, permission) in [
        (r#""VIEWER""#, Some(Permission::Viewer)),
        (r#""EDITOR""#, Some(Permission::Editor)),
        (r#""ADMIN""#, Some(Permission::Admin)),
        ("null", None),
    ] {
        let body = format!(r#"{{"project":{{"id":"p-1","effective_project_permission":{given}}}}}"#);
        let server = Server::start([answer(200, &body)]).await;
        let client = server.client();
        for _ in 0..2 {
            let read = client.shared().project(&project(), &budget()).await.expect("read");
            assert_eq!(read.effective_project_permission, permission);
        }
        assert_eq!(server.calls().len(), 1);
    }
}

#[tokio::test]
async fn what_an_answer_repeats_of_our_secrets_is_hidden() {
    let server = Server::start([answer(400, r#"{"code":"napi_key","message":"bad header: Bearer napi_key"}"#)]).await;
    let error = server.client().get_project(&project(), &budget()).await.expect_err("refused");
    assert!(error.to_string().contains("bad header: Bearer *** (code `***`"), "{error}");
    assert!(!format!("{error:?}").contains("napi_key"), "{error:?}");

    let broken = r#"{"operation":{"id":"op-1","action":"apply_config","status":"error","error":"ALTER ROLE r PASSWORD 'npg_secret'"}}"#;
    let with_password = MADE.replace("npg_x", "npg_secret");
    let server = Server::start([refusal(404), answer(201, &with_password), answer(200, broken)]).await;
    let error = made(&server).await.wait(&budget()).await.expect_err("failed");
    assert_eq!(error.kind(), Kind::OperationFailed);
    assert!(error.to_string().ends_with("is `error`: ALTER ROLE r PASSWORD '***'"), "{error}");
}
