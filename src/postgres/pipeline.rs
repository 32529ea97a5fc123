//! Requests that are sent together: all of them in their order, before anything that follows.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::FutureExt as _;
use futures_util::future::{MaybeDone, join_all, maybe_done};

/// The answers to requests, each of which is sent when it is polled first.
///
/// With its first poll all requests are sent. `join_all` alone does not promise that: above 30 futures it polls through a queue that ends
/// a pass early when futures wake themselves, which an answer that arrives at once on another thread does. What is joined behind
/// it, such as COMMIT, would then be sent before the rest.
pub(super) async fn send_in_order<F: Future>(requests: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<Pin<Box<MaybeDone<F>>>> = requests.into_iter().map(|it| Box::pin(maybe_done(it))).collect();
    let sent = poll_fn(|cx| {
        for request in &mut all {
            let _ = request.poll_unpin(cx);
        }
        Poll::Ready(())
    });
    sent.await;
    join_all(&mut all).await;
    all.iter_mut().filter_map(|it| it.as_mut().take_output()).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join;

    use super::*;

    /// More than `join_all` polls in a plain loop.
    const MANY: usize = 100;

    #[test]
    fn all_are_sent_before_what_follows_even_if_they_wake_themselves() {
        let sent = RefCell::new(Vec::new());
        let request = |at: usize| {
            let (sent, mut answered) = (&sent, false);
            poll_fn(move |cx| {
                if answered {
                    return Poll::Ready(at);
                }
                sent.borrow_mut().push(at);
                answered = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        };
        let (answers, last) = run(join(send_in_order((0..MANY).map(request)), request(MANY)));
        assert_eq!(answers, (0..MANY).collect::<Vec<_>>());
        assert_eq!((last, sent.into_inner()), (MANY, (0..=MANY).collect()));
    }

    #[test]
    fn answers_that_are_there_at_once_are_kept() {
        let requests = (0..MANY).map(std::future::ready);
        assert_eq!(run(send_in_order(requests)), (0..MANY).collect::<Vec<_>>());
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }
}
