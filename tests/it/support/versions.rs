//! The major versions of Postgres that stories run on.

use super::stand_in::StandIn;

/// The major versions of Postgres that are supported.
pub(crate) const VERSIONS: [u16; 5] = [14, 15, 16, 17, 18];

/// The version of a story that does not differ by version: 17, or what `NEONREP_POSTGRES` names.
pub(crate) fn suite() -> u16 {
    named().unwrap_or(17)
}

/// The oldest version, for stories on the real CLI that run once; or what `NEONREP_POSTGRES` names.
pub(crate) fn oldest() -> u16 {
    named().unwrap_or(VERSIONS[0])
}

/// The version of a story that needs what this version brought: that of the suite, or this one if the suite runs on an older.
pub(crate) fn since(major: u16) -> u16 {
    suite().max(major)
}

/// Lives the story on each major version of Postgres; the version stands in the panic message. `NEONREP_POSTGRES` narrows it to one.
pub(crate) fn on_every_postgres(story: impl Fn(&StandIn) + Sync) {
    on_every(StandIn::start, story);
}

/// The same, logical replication on.
pub(crate) fn on_every_logical_postgres(story: impl Fn(&StandIn) + Sync) {
    on_every(StandIn::start_logical, story);
}

fn on_every(start: impl Fn(u16) -> StandIn + Sync, story: impl Fn(&StandIn) + Sync) {
    let majors = named().map_or(VERSIONS.to_vec(), |it| vec![it]);
    std::thread::scope(|scope| {
        let spawn = |major: u16| {
            let (start, story) = (&start, &story);
            (major, scope.spawn(move || story(&start(major))))
        };
        let running: Vec<_> = majors.into_iter().map(spawn).collect();
        let failed: Vec<u16> =
            running.into_iter().filter_map(|(major, it)| it.join().is_err().then_some(major)).collect();
        assert!(failed.is_empty(), "failed on Postgres {failed:?}, see above");
    });
}

/// The major version of Postgres that `NEONREP_POSTGRES` names.
fn named() -> Option<u16> {
    let text = std::env::var("NEONREP_POSTGRES").ok().filter(|it| !it.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("NEONREP_POSTGRES is no version: `{text}`")))
}
