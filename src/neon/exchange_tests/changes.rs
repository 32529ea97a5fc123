//! Changes: whose a role is after a lost answer, and operations to their end.

use std::time::Duration;

use super::super::ids::EndpointId;
use super::super::scripted_server::{Server, answer, budget, lost, refusal};
use super::super::{Budget, Kind, RoleCreation};
use super::{MADE, NO_OPERATIONS, PROJECT_ON, ROLE, branch, made, operation, operations, project};
use crate::secret::Secret;

#[tokio::test]
async fn a_role_that_was_there_is_left_alone() {
    let server = Server::start([answer(200, ROLE)]).await;
    let came = server.client().create_role(&project(), &branch(), "r", &budget()).await.expect("an answer");
    assert!(matches!(came, RoleCreation::Existed(role) if role.name == "r"));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_role_found_after_a_lost_answer_is_ours() {
    for trouble in [lost(), refusal(500), answer(524, "<html>"), answer(201, "<html>"), answer(201, MADE).cut()] {
        let listed = operations(&[
            ("op-5", "br-1", "suspend_compute", 1),
            ("op-4", "br-other", "apply_config", 0),
            ("op-3", "br-1", "check_availability", 0),
            ("op-2", "br-1", "apply_config", 0),
            ("op-1", "br-1", "apply_config", -60),
        ]);
        let server = Server::start([refusal(404), trouble.clone(), answer(200, ROLE), answer(200, &listed)]).await;
        let pending = made(&server).await;
        assert_eq!(pending.value().password, None);
        let waits: Vec<&str> = pending.operations().iter().map(|operation| operation.id.as_str()).collect();
        assert_eq!(waits, ["op-2", "op-5"], "after {trouble:?}");
        assert_eq!(server.lines()[3], "GET /projects/p-1/operations?limit=100");
    }
}

#[tokio::test]
async fn a_lost_request_that_did_nothing_is_sent_again() {
    let server = Server::start([refusal(404), lost(), refusal(404), answer(201, MADE)]).await;
    assert_eq!(made(&server).await.value().password.as_ref().map(Secret::expose), Some("npg_x"));
}

#[tokio::test]
async fn a_409_to_our_own_repetition_is_ours() {
    let server = Server::start([
        refusal(404),
        lost(),
        refusal(404), // still at work over there
        refusal(409),
        answer(200, ROLE),
        answer(200, NO_OPERATIONS),
    ])
    .await;
    let pending = made(&server).await;
    assert_eq!(pending.value().name, "r");
    let server =
        Server::start([refusal(404), refusal(503), refusal(409), answer(200, ROLE), answer(200, NO_OPERATIONS)]).await;
    let _ = made(&server).await;
}

#[tokio::test]
async fn a_409_to_the_first_try_is_someone_elses() {
    for refused_before in [None, Some(refusal(423))] {
        let script = [Some(refusal(404)), refused_before, Some(refusal(409)), Some(answer(200, ROLE))];
        let server = Server::start(script.into_iter().flatten()).await;
        let came = server.client().create_role(&project(), &branch(), "r", &budget()).await.expect("an answer");
        assert!(matches!(came, RoleCreation::Existed(_)));
    }
}

#[tokio::test]
async fn a_lost_answer_that_cannot_be_settled_says_so() {
    let server = Server::start([refusal(404), lost(), refusal(403)]).await;
    let error = server.client().create_role(&project(), &branch(), "r", &budget()).await.expect_err("unsure");
    assert_eq!(error.kind(), Kind::AnswerLost);
    assert!(error.to_string().contains("refused with 403"), "{error}");
}

#[tokio::test]
async fn deleting_ends_in_absence() {
    let client = |server: &Server| server.client();
    let gone = Server::start([answer(204, "")]).await;
    assert!(client(&gone).delete_role(&project(), &branch(), "r", &budget()).await.is_ok());

    let lost_after_effect = Server::start([lost(), refusal(404), answer(200, NO_OPERATIONS)]).await;
    assert!(
        client(&lost_after_effect).delete_role(&project(), &branch(), "r", &budget()).await.expect("gone").is_some()
    );

    let lost_before_effect = Server::start([lost(), answer(200, ROLE), answer(200, MADE)]).await;
    let pending = client(&lost_before_effect).delete_role(&project(), &branch(), "r", &budget()).await.expect("taken");
    assert_eq!(pending.map(|pending| pending.operations().len()), Some(1));

    let refused_but_gone = Server::start([refusal(422), refusal(404)]).await;
    assert!(
        client(&refused_but_gone).delete_role(&project(), &branch(), "r", &budget()).await.expect("gone").is_none()
    );

    let refused = Server::start([refusal(422), answer(200, ROLE)]).await;
    let error = client(&refused).delete_role(&project(), &branch(), "r", &budget()).await.expect_err("refused");
    assert_eq!((error.kind(), error.message()), (Kind::Rejected, "refused with 422"));

    let container = Server::start([refusal(404)]).await;
    let error = client(&container).delete_role(&project(), &branch(), "r", &budget()).await.expect_err("no branch");
    assert!(error.is_not_found());
}

#[tokio::test]
async fn a_lost_reset_is_made_again() {
    let server = Server::start([lost(), answer(200, ROLE), answer(200, MADE)]).await;
    let pending = server.client().reset_password(&project(), &branch(), "r", &budget()).await.expect("reset");
    assert_eq!(pending.value().password.as_ref().map(Secret::expose), Some("npg_x"));
}

#[tokio::test]
async fn enabling_is_not_repeated_if_it_took_effect() {
    let server = Server::start([lost(), answer(200, PROJECT_ON), answer(200, NO_OPERATIONS)]).await;
    let pending = server.client().enable_logical_replication(&project(), &budget()).await.expect("enabled");
    assert!(pending.wait(&budget()).await.expect("no operations").logical_replication());
    assert_eq!(server.lines(), ["PATCH /projects/p-1", "GET /projects/p-1", "GET /projects/p-1/operations?limit=100"]);
}

#[tokio::test]
async fn a_restart_is_settled_by_its_operations() {
    let endpoint = r#"{"endpoint":{"id":"ep-1","branch_id":"br-1","type":"read_write"},"operations":[]}"#;
    let at_work = &operations(&[("op-2", "br-1", "start_compute", 0), ("op-1", "br-1", "suspend_compute", -60)]);
    let id = EndpointId::parse("ep-1").expect("legal");
    let server = Server::start([answer(200, endpoint), lost(), answer(200, at_work), answer(200, at_work)]).await;
    let pending = server.client().restart_endpoint(&project(), &id, &budget()).await.expect("under way");
    assert_eq!(pending.operations().len(), 1);
    let server =
        Server::start([answer(200, endpoint), lost(), answer(200, NO_OPERATIONS), answer(200, endpoint)]).await;
    let _ = server.client().restart_endpoint(&project(), &id, &budget()).await.expect("again");
    assert_eq!(server.lines()[3], "POST /projects/p-1/endpoints/ep-1/restart");
}

#[tokio::test]
async fn operations_are_waited_for_to_their_end() {
    let server = Server::start([
        refusal(404),
        answer(201, MADE),
        operation("scheduling"),
        refusal(503),
        operation("running"),
        operation("finished"),
    ])
    .await;
    made(&server).await.wait(&budget()).await.expect("done");
    assert_eq!(server.calls().len(), 6);
    for status in ["error", "cancelled"] {
        let server = Server::start([refusal(404), answer(201, MADE), operation(status)]).await;
        let error = made(&server).await.wait(&budget()).await.expect_err("failed");
        assert_eq!(error.kind(), Kind::OperationFailed);
        assert_eq!(error.message(), format!("operation `op-1` (apply_config) is `{status}` after 2 failures: boom"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_operation_may_be_retried_by_neon_for_thirty_seconds() {
    let script = [refusal(404), answer(201, MADE)].into_iter().chain(std::iter::repeat_n(operation("failed"), 100));
    let server = Server::start(script).await;
    let pending = made(&server).await;
    let begun = tokio::time::Instant::now();
    let error = pending.wait(&Budget::lasting(Duration::from_mins(10))).await.expect_err("failed");
    assert_eq!(error.kind(), Kind::OperationFailed);
    assert_eq!(error.message(), "operation `op-1` (apply_config) is `failed` after 2 failures: boom");
    assert!((30..40).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());

    let script = [refusal(404), answer(201, MADE), operation("failed"), operation("running"), operation("finished")];
    let server = Server::start(script).await;
    assert!(made(&server).await.wait(&Budget::lasting(Duration::from_mins(10))).await.is_ok());
}

#[tokio::test]
async fn an_operation_of_somebody_else_is_neither_waited_for_nor_failed_with() {
    let listed = operations(&[("op-2", "br-other", "apply_config", 0), ("op-1", "br-1", "apply_config", -60)]);
    let server = Server::start([refusal(404), lost(), answer(200, ROLE), answer(200, &listed)]).await;
    made(&server).await.wait(&budget()).await.expect("nothing of ours runs");
    assert_eq!(server.calls().len(), 4, "no operation is looked at");
}

#[tokio::test]
async fn operations_are_compared_by_the_clock_of_the_api() {
    // The API's clock is years behind: its answers tell, and its operations are ours all the same.
    let date = "Wed, 25 Nov 2020 12:00:00 GMT";
    let listed = r#"{"operations":[{"id":"op-2","branch_id":"br-1","action":"apply_config","status":"finished","created_at":"2020-11-25T12:00:05Z"},
        {"id":"op-1","branch_id":"br-1","action":"apply_config","status":"finished","created_at":"2020-11-25T11:59:00Z"}]}"#;
    let server = Server::start([
        refusal(404).header("date", date),
        lost(),
        answer(200, ROLE).header("date", date),
        answer(200, listed),
    ])
    .await;
    let pending = made(&server).await;
    assert_eq!(pending.operations().iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["op-2"]);
}

#[tokio::test]
async fn an_operation_that_outlasts_the_time_is_named() {
    let server = Server::start([refusal(404), answer(201, MADE)]).await;
    let error = made(&server).await.wait(&Budget::lasting(Duration::ZERO)).await.expect_err("no time");
    assert_eq!(error.kind(), Kind::TimedOut);
    assert!(error.to_string().contains("operation `op-1` (apply_config) is `running`"), "{error}");
}

#[tokio::test]
async fn one_change_of_a_project_at_a_time() {
    let server = Server::start([refusal(404), answer(201, MADE), answer(200, PROJECT_ON)]).await;
    let client = server.client();
    let first = match client.create_role(&project(), &branch(), "r", &budget()).await {
        Ok(RoleCreation::Made(pending)) => pending,
        other => panic!("{other:?}"),
    };
    let second = client.enable_logical_replication(&project(), &Budget::lasting(Duration::from_millis(50))).await;
    let error = second.expect_err("the turn is taken");
    assert_eq!(error.kind(), Kind::TimedOut);
    assert!(error.to_string().contains("another change of project `p-1`"), "{error}");
    drop(first);
    let _ = client.enable_logical_replication(&project(), &budget()).await.expect("its turn");
}
