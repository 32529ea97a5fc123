//! Reads that share a load.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::scripted_server::{Server, answer, budget, refusal};
use super::super::{Budget, Kind};
use super::{PROJECT, PROJECT_ON, project};

#[tokio::test]
async fn reads_share_a_load_and_a_change_drops_it() {
    let server = Server::start([answer(200, PROJECT), answer(200, PROJECT_ON), answer(200, PROJECT_ON)]).await;
    let client = server.client();
    let (shared, id, budget) = (client.shared(), project(), budget());
    let (a, b) = tokio::join!(shared.project(&id, &budget), shared.project(&id, &budget));
    assert!(Arc::ptr_eq(&a.expect("loaded"), &b.expect("loaded")));
    assert_eq!(server.calls().len(), 1);
    client.enable_logical_replication(&id, &budget).await.expect("on").wait(&budget).await.expect("done");
    assert!(shared.project(&id, &budget).await.expect("fresh").logical_replication());
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn a_load_that_began_before_a_change_is_not_kept() {
    let go = Arc::new(Notify::new());
    let server =
        Server::start([answer(200, PROJECT).held(&go), answer(200, PROJECT_ON), answer(200, PROJECT_ON)]).await;
    let client = server.client();
    let early = tokio::spawn({
        let client = client.clone();
        async move { client.shared().project(&project(), &budget()).await }
    });
    server.arrived(1).await;
    let _ = client.enable_logical_replication(&project(), &budget()).await.expect("on");
    go.notify_one();
    assert!(!early.await.expect("no panic").expect("an answer").logical_replication());
    assert!(client.shared().project(&project(), &budget()).await.expect("fresh").logical_replication());
}

#[tokio::test]
async fn an_error_of_a_load_is_not_kept() {
    let server = Server::start([refusal(404), answer(200, PROJECT)]).await;
    let client = server.client();
    assert!(client.shared().project(&project(), &budget()).await.expect_err("absent").is_not_found());
    assert!(client.shared().project(&project(), &budget()).await.is_ok());
}

#[tokio::test]
async fn a_reader_whose_time_is_over_does_not_end_the_others() {
    let go = Arc::new(Notify::new());
    let server = Server::start([answer(200, PROJECT).held(&go), answer(200, PROJECT)]).await;
    let client = server.client();
    let cancel = CancellationToken::new();
    let first = tokio::spawn({
        let (client, cancel) = (client.clone(), cancel.clone());
        let short = Budget::new(Instant::now() + Duration::from_mins(1), cancel);
        async move { client.shared().project(&project(), &short).await }
    });
    server.arrived(1).await;
    let second = tokio::spawn(async move { client.shared().project(&project(), &budget()).await });
    tokio::task::yield_now().await;
    cancel.cancel();
    assert_eq!(first.await.expect("no panic").expect_err("cancelled").kind(), Kind::Cancelled);
    assert!(second.await.expect("no panic").is_ok());
}
