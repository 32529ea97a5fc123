//! How long a connection is tried for, and what is done when the server has no more to give.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{Address, Connection};
use super::error::{Error, Kind, Result};

/// How long a refused password is tried again: a compute may not know it yet when its role was created by somebody else.
const REFUSED_PASSWORD: Duration = Duration::from_secs(2);

/// Until when to try again after an error of that kind, in a wait that began at `begun` and may last until `until`, or with a reason of ours
/// until `deadline`.
fn patience(kind: Kind, address: &Address, begun: Instant, until: Instant, deadline: Instant) -> Instant {
    let compute = address.changes.compute_settles().unwrap_or(begun);
    let limit = match kind {
        Kind::ConnectionLost | Kind::TooManyConnections => until.max(compute),
        Kind::AuthFailed | Kind::LoginRefused => {
            let refused = if kind == Kind::AuthFailed { until.min(begun + REFUSED_PASSWORD) } else { begun };
            refused.max(compute).max(address.changes.password_settles(&address.user).unwrap_or(begun))
        }
        Kind::EndpointDisabled | Kind::EndpointNotFound => compute,
        _ => begun,
    };
    limit.min(deadline)
}

/// Tries until it is open, or until another try is in vain. `reuse` is asked before each try after the first: a connection that has become
/// free meanwhile serves as well. `make_room` is called when the server has no more connections.
pub(super) async fn connect<O: Future<Output = Result<Connection>>>(
    address: &Address,
    until: Instant,
    deadline: Instant,
    open: impl Fn() -> O,
    mut reuse: impl FnMut() -> Option<Connection>,
    mut make_room: impl FnMut(),
) -> Result<Connection> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let attempt = patience(Kind::ConnectionLost, address, begun, until, deadline);
        let refused = match timeout_at(attempt, open()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => Error::new(Kind::Timeout, "no answer"),
        };
        if refused.kind() == Kind::TooManyConnections {
            make_room();
        }
        if Instant::now() + pause >= patience(refused.kind(), address, begun, until, deadline) {
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
    use crate::postgres::Changes;
    use crate::postgres::names::{DatabaseName, RoleName};
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
            changes: Changes::default(),
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_an_error_that_names_it_and_no_password() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let until = Instant::now() + Duration::from_millis(50);
        let address = address(nobody);
        let open = || Connection::open(&address, None, crate::postgres::Passwords::default());
        let error = connect(&address, until, until, open, || None, || ()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ConnectionLost);
        let start = format!("cannot connect to database `d` at 127.0.0.1:{nobody} as `u`: ");
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(!format!("{error:?} {address:?}").contains("hunter2"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_we_changed_ourselves_is_waited_for() {
        let address = address(1);
        let begun = Instant::now();
        let (until, deadline) = (begun + Duration::from_secs(8), begun + Duration::from_mins(10));
        let waits = |kind| (patience(kind, &address, begun, until, deadline) - begun).as_secs();
        let all =
            [Kind::ConnectionLost, Kind::AuthFailed, Kind::LoginRefused, Kind::EndpointDisabled, Kind::IpNotAllowed];
        assert_eq!(all.map(waits), [8, 2, 0, 0, 0]);
        let neighbour = address.changes.of_neighbour();
        neighbour.password_changed(&address.user);
        assert_eq!(all.map(waits), [8, 2, 0, 0, 0], "a role of the same name on another server");
        neighbour.compute_changed();
        assert_eq!(all.map(waits), [35, 35, 35, 35, 0]);
        address.changes.password_changed(&address.user);
        assert_eq!(all.map(waits), [35, 240, 240, 35, 0]);
        let soon = begun + Duration::from_secs(20);
        assert_eq!(patience(Kind::AuthFailed, &address, begun, until, soon), soon);
    }
}
