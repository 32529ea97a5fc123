//! Which instances of one object this process has seen: the same object may be in a state under two addresses.
//!
//! With `create_before_destroy` and `adopt`, a replacement that fails half-way leaves the old instance in the state as a
//! deposed object, which the next run destroys: under the living one. Nothing on the server tells the two apart. The plan
//! reads both. Terraform plans the destroy of a deposed object once more within the apply, from the state that the read
//! left: so it is the read that must note the other instance, and a destroy that nothing was noted for is refused.
//!
//! A note must not outlive the instance that it names: Terraform 1.9 to 1.13 plan the destroy of an object that left the
//! configuration from the note of an earlier run, before they read it. So the read of the younger instance waits until the
//! plan has said what becomes of the older one, and notes only an instance that stays. A deposed object is always older
//! than the living one, and is destroyed by the run that reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::Notify;

use super::natural_keys::NaturalKey;
use crate::postgres::marks::Nonce;

/// How long a read waits for the plan of an older instance. A run that only refreshes plans nothing.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(crate) struct Addresses {
    all: Mutex<All>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct All {
    objects: BTreeMap<NaturalKey, Instances>,
    /// Instances that the plan leaves in the state.
    staying: BTreeSet<Nonce>,
    /// Instances that this process has deleted, or is deleting.
    departed: BTreeSet<Nonce>,
}

/// The instances of one object. Nearly always one, for which a map would take ten times the memory.
#[derive(Debug)]
struct Instances(Vec<Seen>);

#[derive(Debug)]
struct Seen {
    nonce: Nonce,
    since: u64,
    holds: Json,
    leaves: Option<Leaves>,
}

/// What the planned destroy of an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// It takes the object away.
    Taking,
    /// The object stays for another instance.
    Leaving,
}

/// One instance of an object.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) nonce: Nonce,
    /// When it was created or imported, in milliseconds since 1970; 0 if that is not known.
    pub(crate) since: u64,
    /// What it holds of the object: null for an object that cannot be shared.
    pub(crate) holds: Json,
}

/// Another instance of the object, as private state holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Other {
    pub(crate) instance: Nonce,
    pub(crate) holds: Json,
}

/// What a read finds of the other instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Others {
    /// Those that hold the object if this one is destroyed.
    pub(crate) holders: Vec<Other>,
    /// Those whose planned destroy takes the object away under this one.
    pub(crate) takers: Vec<Other>,
    /// The destroy of this one was planned before its read, and keeps the object for instances that were not read so far.
    pub(crate) is_kept_for_unseen: bool,
}

/// What the plan of a destroy finds of the other instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Those that were read, are not to be destroyed, and were not noted with what they hold now.
    pub(crate) unnoted: Vec<Other>,
    /// Whether this one was read before in this process.
    pub(crate) was_read: bool,
}

impl Default for Instances {
    fn default() -> Self {
        Self(Vec::with_capacity(1))
    }
}

impl Instances {
    fn of(&self, nonce: &Nonce) -> Option<&Seen> {
        self.0.iter().find(|it| it.nonce == *nonce)
    }

    fn others(&self, than: &Nonce) -> impl Iterator<Item = &Seen> {
        self.0.iter().filter(move |it| it.nonce != *than)
    }

    fn set(&mut self, it: &Instance, leaves: Option<Leaves>) {
        self.0.retain(|seen| seen.nonce != it.nonce);
        self.0.push(Seen { nonce: it.nonce.clone(), since: it.since, holds: it.holds.clone(), leaves });
    }
}

impl Seen {
    fn as_other(&self) -> Other {
        Other { instance: self.nonce.clone(), holds: self.holds.clone() }
    }
}

impl Addresses {
    /// Notes that the read of an instance begins.
    pub(crate) fn begin(&self, key: &NaturalKey, it: &Instance) {
        let mut all = self.all();
        let seen = all.objects.entry(key.clone()).or_default();
        // A destroy that was planned before the read stays planned.
        let leaves = seen.of(&it.nonce).and_then(|it| it.leaves);
        seen.set(it, leaves);
    }

    /// Notes that an instance was read. Waits for the plan of older instances that are being read too. `noted` is what the
    /// last read has noted.
    pub(crate) async fn read(&self, key: &NaturalKey, it: &Instance, noted: &[Other]) -> Others {
        self.begin(key, it);
        // Late is no error: the note is then as careful as it can be.
        let _ = tokio::time::timeout(PATIENCE, self.older_are_planned(key, it)).await;
        let all = self.all();
        let Some(seen) = all.objects.get(key) else {
            return Others { holders: Vec::new(), takers: Vec::new(), is_kept_for_unseen: false };
        };
        let own = seen.of(&it.nonce).and_then(|it| it.leaves);
        let others = |of: &dyn Fn(&Seen) -> bool| -> Vec<Other> {
            seen.others(&it.nonce).filter(|it| of(it)).map(Seen::as_other).collect()
        };
        // Of two that are destroyed in one run, the younger takes the object.
        let holds = |other: &Seen| match other.leaves {
            None => true,
            Some(Leaves::Taking) => other.since > it.since && other.holds == it.holds,
            Some(Leaves::Leaving) => false,
        };
        let takers = match own {
            None => others(&|other| other.leaves == Some(Leaves::Taking)),
            Some(_) => Vec::new(),
        };
        let unseen = noted.iter().all(|other| seen.of(&other.instance).is_none());
        Others {
            holders: others(&holds),
            takers,
            is_kept_for_unseen: own == Some(Leaves::Leaving) && !noted.is_empty() && unseen,
        }
    }

    /// Notes that the plan leaves an instance in the state.
    pub(crate) fn stay(&self, instance: &Nonce) {
        self.all().staying.insert(instance.clone());
        self.settled.notify_waiters();
    }

    /// Notes that the destroy of an instance is planned. `noted` is what its last read has noted.
    pub(crate) fn plan_destroy(&self, key: &NaturalKey, it: &Instance, noted: &[Other]) -> Planned {
        let mut all = self.all();
        let seen = all.objects.entry(key.clone()).or_default();
        let was_read = seen.of(&it.nonce).is_some();
        let alive = seen.others(&it.nonce).filter(|it| it.leaves.is_none());
        let mut others: Vec<Other> = alive.map(Seen::as_other).collect();
        let is_held = others.iter().chain(noted).any(|other| other.holds == it.holds);
        let leaves = Some(if is_held { Leaves::Leaving } else { Leaves::Taking });
        seen.set(it, leaves);
        drop(all);
        self.settled.notify_waiters();
        others.retain(|other| !noted.contains(other));
        Planned { unnoted: others, was_read }
    }

    /// Notes that an instance is being deleted. Returns those that were noted and did not go before: the last one that goes
    /// takes the object along.
    pub(crate) fn depart(&self, instance: &Nonce, noted: Vec<Other>) -> Vec<Other> {
        let mut all = self.all();
        all.departed.insert(instance.clone());
        noted.into_iter().filter(|it| !all.departed.contains(&it.instance)).collect()
    }

    async fn older_are_planned(&self, key: &NaturalKey, it: &Instance) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // What is planned between the look and the wait is not missed.
            settled.as_mut().enable();
            if self.all().is_settled(key, it) {
                return;
            }
            settled.await;
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// Whether the plan has said what becomes of each older instance.
    fn is_settled(&self, key: &NaturalKey, it: &Instance) -> bool {
        let Some(seen) = self.objects.get(key) else { return true };
        let is_open =
            |other: &Seen| other.since < it.since && other.leaves.is_none() && !self.staying.contains(&other.nonce);
        !seen.others(&it.nonce).any(is_open)
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
