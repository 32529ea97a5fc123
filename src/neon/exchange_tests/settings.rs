//! The permission that a key has in a project, and secrets in answers.

use super::super::scripted_server::{Server, answer, budget, refusal};
use super::super::{Kind, Permission};
use super::{MADE, made, project};

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
