//! How long a connection is tried for, and what is done when the server has no more to give.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{Address, Connection};
use super::error::{Error, Kind, Result};
use super::names::RoleName;
use super::neon_proxy::{ENDPOINT_CACHE, PASSWORD_CACHE};

/// How long a refused password is tried again: a compute may not know it yet when its role was created by somebody else.
const REFUSED_PASSWORD: Duration = Duration::from_secs(2);

/// What this process has changed on the other side, so that an old answer may still come for a while.
#[derive(Debug, Default)]
pub(super) struct Changes {
    endpoints: Mutex<BTreeMap<String, Instant>>,
    passwords: Mutex<BTreeMap<(String, RoleName), Instant>>,
}

impl Changes {
    pub(super) fn of_endpoint(&self, host: &str) {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), Instant::now());
    }

    pub(super) fn of_password(&self, host: &str, user: &RoleName) {
        let key = (host.to_owned(), user.clone());
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Instant::now());
    }

    /// Until when an answer that comes from an endpoint's former state may be wrong.
    fn endpoint_settles(&self, address: &Address) -> Option<Instant> {
        let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.get(&address.host).map(|at| *at + ENDPOINT_CACHE)
    }

    fn password_settles(&self, address: &Address) -> Option<Instant> {
        let key = (address.host.clone(), address.user.clone());
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(|at| *at + PASSWORD_CACHE)
    }

    /// Until when to try again after an error of that kind, in a wait that began at `begun` and may last until `until`, or with a reason of
    /// ours until `deadline`.
    pub(super) fn patience(
        &self,
        kind: Kind,
        address: &Address,
        begun: Instant,
        until: Instant,
        deadline: Instant,
    ) -> Instant {
        let endpoint = self.endpoint_settles(address).unwrap_or(begun);
        let limit = match kind {
            Kind::ConnectionLost | Kind::TooManyConnections => until.max(endpoint),
            Kind::AuthFailed | Kind::LoginRefused => {
                let refused = if kind == Kind::AuthFailed { until.min(begun + REFUSED_PASSWORD) } else { begun };
                refused.max(endpoint).max(self.password_settles(address).unwrap_or(begun))
            }
            Kind::EndpointDisabled | Kind::EndpointNotFound => endpoint,
            _ => begun,
        };
        limit.min(deadline)
    }
}

/// Tries until it is open, or until another try is in vain. `reuse` is asked before each try after the first: a connection that has become
/// free meanwhile serves as well. `make_room` is called when the server has no more connections.
pub(super) async fn connect<O: Future<Output = Result<Connection>>>(
    address: &Address,
    changes: &Changes,
    until: Instant,
    deadline: Instant,
    open: impl Fn() -> O,
    mut reuse: impl FnMut() -> Option<Connection>,
    mut make_room: impl FnMut(),
) -> Result<Connection> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let attempt = changes.patience(Kind::ConnectionLost, address, begun, until, deadline);
        let refused = match timeout_at(attempt, open()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => Error::new(Kind::Timeout, "no answer"),
        };
        if refused.kind() == Kind::TooManyConnections {
            make_room();
        }
        if Instant::now() + pause >= changes.patience(refused.kind(), address, begun, until, deadline) {
            let waited = begun.elapsed().as_secs();
            let after = if waited > 0 { format!(" (tried for {waited} s)") } else { String::new() };
            return Err(refused.while_doing(&format!(
                "cannot connect to database `{}` at {}:{} as `{}`{after}",
                address.database, address.host, address.port, address.user
            )));
        }
        tracing::debug!(host = %address.host, port = address.port, error = %refused, "connection refused, trying again");
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        if let Some(connection) = reuse() {
            return Ok(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::names::DatabaseName;
    use crate::postgres::tls::Tls;
    use crate::secret::Secret;

    fn address(port: u16) -> Address {
        Address {
            host: "127.0.0.1".to_owned(),
            port,
            database: DatabaseName::parse("d").unwrap(),
            user: RoleName::parse("u").unwrap(),
            password: Some(Secret::new("hunter2")),
            tls: Tls::Disable,
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_an_error_that_names_it_and_no_password() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let until = Instant::now() + Duration::from_millis(50);
        let address = address(nobody);
        let open = || Connection::open(&address, None, crate::postgres::connection::Passwords::Scram);
        let error = connect(&address, &Changes::default(), until, until, open, || None, || ()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ConnectionLost);
        let start = format!("cannot connect to database `d` at 127.0.0.1:{nobody} as `u`: ");
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(!format!("{error:?} {address:?}").contains("hunter2"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_we_changed_ourselves_is_waited_for() {
        let (changes, address) = (Changes::default(), address(1));
        let begun = Instant::now();
        let (until, deadline) = (begun + Duration::from_secs(8), begun + Duration::from_mins(10));
        let patience = |kind| (changes.patience(kind, &address, begun, until, deadline) - begun).as_secs();
        let all =
            [Kind::ConnectionLost, Kind::AuthFailed, Kind::LoginRefused, Kind::EndpointDisabled, Kind::IpNotAllowed];
        assert_eq!(all.map(patience), [8, 2, 0, 0, 0]);
        changes.of_endpoint(&address.host);
        assert_eq!(all.map(patience), [35, 35, 35, 35, 0]);
        changes.of_password(&address.host, &address.user);
        assert_eq!(all.map(patience), [35, 240, 240, 35, 0]);
        let soon = begun + Duration::from_secs(20);
        assert_eq!(changes.patience(Kind::AuthFailed, &address, begun, until, soon), soon);
    }
}
