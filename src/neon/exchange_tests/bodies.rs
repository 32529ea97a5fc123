//! Bodies that are endless, huge, slow, cut off or not the API's: each is a clear error, and none is read without a limit.

use std::time::Duration;

use tokio::time::Instant;

use super::super::scripted_server::{Server, Step, answer, budget};
use super::super::{Budget, Error, Kind};
use super::{MADE, PROJECT, ROLE, branch, project};
use crate::neon::RoleCreation;
use crate::neon::scripted_server::refusal;

async fn read(step: Step, budget: &Budget) -> Error {
    let server = Server::start([step]).await;
    server.client().get_project(&project(), budget).await.expect_err("no project")
}

#[tokio::test]
async fn an_error_is_read_up_to_64_kib() {
    let long = format!(r#"{{"code":"","message":"{}"}}"#, "m".repeat(1 << 20));
    for (step, said) in [
        (
            answer(404, &"x".repeat(10_000)).endless(),
            "the answer is longer than 64 KiB, which no error of Neon's API is",
        ),
        (answer(404, &long), "the answer is longer than 64 KiB, which no error of Neon's API is"),
        (answer(400, "[[[[[[[[[[").endless(), "the answer is longer than 64 KiB, which no error of Neon's API is"),
        (answer(404, "<p>Not here</p>").endless(), "the answer is not in the form of Neon's API: Not here Not here"),
    ] {
        let error = read(step, &budget()).await;
        assert_eq!(error.kind(), Kind::NotJson, "only a whole answer proves that something is absent");
        assert!(error.message().starts_with(said), "{error}");
        assert!(error.message().len() < 300, "{error}");
    }
}

#[tokio::test]
async fn a_success_is_read_up_to_16_mib() {
    for step in [
        answer(200, &format!(r#"{{"project":{}"#, " ".repeat(100_000))).endless(),
        answer(200, &" ".repeat((16 << 20) + 1)),
    ] {
        let error = read(step, &budget()).await;
        assert_eq!((error.kind(), error.message()), (Kind::NotJson, "the answer is longer than 16 MiB"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_arrives_ends_with_the_callers_patience() {
    let begun = Instant::now();
    let error = read(answer(200, PROJECT).stalled(), &Budget::lasting(Duration::from_mins(2)).planning()).await;
    assert_eq!(error.kind(), Kind::Network);
    assert!(error.message().contains("did not arrive, or did not end, in time"), "{error}");
    assert!((19..25).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_error_that_breaks_off_is_known_by_its_status() {
    let error = read(refusal(404).cut(), &budget()).await;
    assert_eq!((error.kind(), error.status()), (Kind::NotJson, Some(404)));
    assert_eq!(error.message(), "the answer broke off or did not end in time");
    for (status, kind) in [(401, Kind::Unauthorized), (400, Kind::NotJson)] {
        assert_eq!(read(refusal(status).cut(), &budget()).await.kind(), kind);
    }
    let server = Server::start([refusal(404), refusal(423).cut(), answer(201, MADE)]).await;
    let made = server.client().create_role(&project(), &branch(), "r", &budget()).await;
    assert!(matches!(made, Ok(RoleCreation::Made(_))), "a 423 refuses, whatever its body says: {made:?}");
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_to_a_change_is_settled_by_a_read() {
    let server = Server::start([
        refusal(404),
        answer(201, "<html><title>Sign in</title>"),
        answer(200, ROLE),
        answer(200, super::NO_OPERATIONS),
    ])
    .await;
    let made = server.client().create_role(&project(), &branch(), "r", &budget()).await;
    assert!(matches!(made, Ok(RoleCreation::Made(_))), "{made:?}");
}
