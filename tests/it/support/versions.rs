//! Stories that are lived through on each major version of Postgres.

use super::stand_in::StandIn;

/// The major versions of Postgres that are supported.
pub(crate) const VERSIONS: [u16; 5] = [14, 15, 16, 17, 18];

/// Lives the story on each major version of Postgres; the version stands in the panic message.
pub(crate) fn on_every_postgres(story: impl Fn(&StandIn) + Sync) {
    on_every(StandIn::start, story);
}

/// The same, logical replication on.
pub(crate) fn on_every_logical_postgres(story: impl Fn(&StandIn) + Sync) {
    on_every(StandIn::start_logical, story);
}

fn on_every(start: impl Fn(u16) -> StandIn + Sync, story: impl Fn(&StandIn) + Sync) {
    std::thread::scope(|scope| {
        let running = VERSIONS.map(|major| {
            let (start, story) = (&start, &story);
            (major, scope.spawn(move || story(&start(major))))
        });
        let failed: Vec<u16> =
            running.into_iter().filter_map(|(major, it)| it.join().is_err().then_some(major)).collect();
        assert!(failed.is_empty(), "failed on Postgres {failed:?}, see above");
    });
}
