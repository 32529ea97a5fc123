//! Whose turn it is to change privileges of a server: any number of grants at once, or the deletion of one role.
//!
//! Neon deletes a role in an operation that revokes all that the role has. It fails with `tuple concurrently updated`, and the role
//! stays, where the transaction of a grant on the same table is open meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::Target;
use super::database::Server;
use super::error::Error;
use crate::neon::{Budget, Ended};

/// The locks of all servers.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<Server, Arc<RwLock<()>>>>);

/// A grant runs until this is dropped.
#[derive(Debug)]
pub(crate) struct TurnToGrant {
    _guard: OwnedRwLockReadGuard<()>,
}

/// A role is deleted until this is dropped.
#[derive(Debug)]
pub(crate) struct TurnToDelete {
    _guard: OwnedRwLockWriteGuard<()>,
}

impl Turns {
    fn of(&self, server: &Server) -> Arc<RwLock<()>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(server.clone()).or_default())
    }
}

impl Target {
    /// Waits until no role of the server is deleted by this process.
    pub(crate) async fn turn_to_grant(&self, server: &Server, budget: &Budget) -> Result<TurnToGrant, Error> {
        let guard = budget.run(self.turns().of(server).read_owned()).await;
        let guard = guard.map_err(|ended| in_vain(ended, server, "the deletion of a role"))?;
        Ok(TurnToGrant { _guard: guard })
    }

    /// Waits until no grant of this process runs on the server.
    pub(crate) async fn turn_to_delete(&self, server: &Server, budget: &Budget) -> Result<TurnToDelete, Error> {
        let guard = budget.run(self.turns().of(server).write_owned()).await;
        let guard = guard.map_err(|ended| in_vain(ended, server, "grants, or the deletion of another role,"))?;
        Ok(TurnToDelete { _guard: guard })
    }
}

fn in_vain(ended: Ended, server: &Server, what: &str) -> Error {
    Error::ended(ended, &format!("waiting for {what} by this provider on {server}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_the_user_interrupts_is_no_timeout() {
        let here = Server::parse("p", "br-a").unwrap();
        let said = |ended| in_vain(ended, &here, "the deletion of a role").to_string();
        assert!(said(Ended::Cancelled).contains("interrupted while waiting for the deletion of a role"));
        assert!(said(Ended::TimedOut).contains("time limit was reached while waiting for the deletion of a role"));
    }

    #[tokio::test]
    async fn grants_run_beside_each_other_and_not_beside_a_deletion() {
        let (turns, here) = (Turns::default(), Server::parse("p", "br-a").unwrap());
        let elsewhere = Server::parse("p", "br-b").unwrap();
        let one = turns.of(&here).try_read_owned().unwrap();
        let other = turns.of(&here).try_read_owned().unwrap();
        assert!(turns.of(&here).try_write_owned().is_err() && turns.of(&elsewhere).try_write_owned().is_ok());
        drop((one, other));
        let deletion = turns.of(&here).try_write_owned().unwrap();
        assert!(turns.of(&here).try_read_owned().is_err() && turns.of(&Server::Direct).try_read_owned().is_ok());
        drop(deletion);
        assert!(turns.of(&here).try_read_owned().is_ok());
    }
}
