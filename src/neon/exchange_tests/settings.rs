//! The two settings of a project that are changed, the permission, and what belongs to other people.

use std::time::Duration;

use super::super::endpoint::Compute;
use super::super::project::AllowedIps;
use super::super::scripted_server::{Server, answer, budget, lost, refusal};
use super::super::{Kind, Permission};
use super::{MADE, NO_OPERATIONS, branch, made, project};

fn with_ips(ips: &str) -> String {
    format!(
        r#"{{"project":{{"id":"p-1","settings":{{"allowed_ips":{{"ips":[{ips}],"protected_branches_only":true}}}}}}}}"#
    )
}

fn add(address: &'static str) -> impl FnOnce(AllowedIps) -> AllowedIps + Send {
    move |mut allowed| {
        if !allowed.ips.iter().any(|it| it == address) {
            allowed.ips.push(address.to_owned());
        }
        allowed
    }
}

#[tokio::test]
async fn a_list_of_addresses_is_read_and_written_in_one_turn() {
    let server =
        Server::start([answer(200, &with_ips(r#""192.0.2.1""#)), answer(200, &with_ips(r#""192.0.2.1","192.0.2.2""#))])
            .await;
    let pending = server.client().change_allowed_ips(&project(), add("192.0.2.2"), &budget()).await.expect("changed");
    let project_now = pending.expect("a change").wait(&budget()).await.expect("no operations");
    assert_eq!(project_now.allowed_ips().ips, ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(server.lines(), ["GET /projects/p-1", "PATCH /projects/p-1"]);
    assert_eq!(
        server.calls()[1].body,
        r#"{"project":{"settings":{"allowed_ips":{"ips":["192.0.2.1","192.0.2.2"],"protected_branches_only":true}}}}"#
    );
}

#[tokio::test]
async fn an_address_that_is_in_the_list_changes_nothing() {
    let server = Server::start([answer(200, &with_ips(r#""192.0.2.1""#))]).await;
    let none = server.client().change_allowed_ips(&project(), add("192.0.2.1"), &budget()).await.expect("read");
    assert!(none.is_none());
    assert_eq!(server.lines(), ["GET /projects/p-1"]);
}

#[tokio::test]
async fn two_that_add_at_once_lose_nothing() {
    let server = Server::start([
        answer(200, &with_ips("")),
        answer(200, &with_ips(r#""192.0.2.1""#)),
        answer(200, &with_ips(r#""192.0.2.1""#)),
        answer(200, &with_ips(r#""192.0.2.1","192.0.2.2""#)),
    ])
    .await;
    let (client, id, budget) = (server.client(), project(), budget());
    let one = async {
        let pending = client.change_allowed_ips(&id, add("192.0.2.1"), &budget).await.expect("changed");
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(pending);
    };
    let other = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(client.change_allowed_ips(&id, add("192.0.2.2"), &budget).await.expect("changed"));
    };
    tokio::join!(one, other);
    assert_eq!(
        server.lines(),
        ["GET /projects/p-1", "PATCH /projects/p-1", "GET /projects/p-1", "PATCH /projects/p-1"]
    );
    assert!(server.calls()[3].body.contains(r#"["192.0.2.1","192.0.2.2"]"#), "{}", server.calls()[3].body);
}

#[tokio::test]
async fn a_list_whose_answer_was_lost_is_read_back() {
    let wanted = with_ips(r#""192.0.2.1""#);
    let server =
        Server::start([answer(200, &with_ips("")), lost(), answer(200, &wanted), answer(200, NO_OPERATIONS)]).await;
    let pending = server.client().change_allowed_ips(&project(), add("192.0.2.1"), &budget()).await.expect("changed");
    assert!(pending.is_some());
    let server =
        Server::start([answer(200, &with_ips("")), lost(), answer(200, &with_ips("")), answer(200, &wanted)]).await;
    let pending = server.client().change_allowed_ips(&project(), add("192.0.2.1"), &budget()).await.expect("changed");
    assert!(pending.is_some());
    assert_eq!(server.lines()[3], "PATCH /projects/p-1", "not made, so sent again");
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
        assert_eq!(client.permission(&project(), &budget()).await.expect("read"), permission);
        assert_eq!(client.permission(&project(), &budget()).await.expect("read"), permission);
        assert_eq!(server.calls().len(), 1);
    }
}

#[tokio::test]
async fn the_compute_of_a_branch_is_looked_up_once() {
    let endpoints = r#"{"endpoints":[{"id":"ep-r","branch_id":"br-1","type":"read_only"},{"id":"ep-w","branch_id":"br-1","type":"read_write","disabled":true}]}"#;
    let server = Server::start([answer(200, endpoints)]).await;
    let client = server.client();
    for _ in 0..2 {
        let compute = client.shared().compute(&project(), &branch(), &budget()).await.expect("read");
        assert!(matches!(&compute, Compute::Disabled(endpoint) if endpoint.id.as_str() == "ep-w"), "{compute:?}");
    }
    assert_eq!(server.lines(), ["GET /projects/p-1/branches/br-1/endpoints"]);
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
