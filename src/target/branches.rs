//! The branches that objects stay on, for projects whose default branch changes.
//!
//! An object without `branch_id` is on the branch that was the default one when it was created. Terraform deletes it and
//! creates its replacement in separate calls, and the second one does not know the first: so the branch is remembered here
//! between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::natural_keys::NaturalKey;
use crate::neon::{BranchId, ProjectId};

#[derive(Debug, Default)]
pub(crate) struct Branches(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_key: BTreeMap<NaturalKey, BranchId>,
    by_project: BTreeMap<ProjectId, BTreeSet<BranchId>>,
}

impl Branches {
    /// Remembers where an object is or was that names no branch.
    pub(crate) fn remember(&self, key: NaturalKey, project: &ProjectId, branch: &BranchId) {
        let mut known = self.known();
        known.by_key.insert(key, branch.clone());
        known.by_project.entry(project.clone()).or_default().insert(branch.clone());
    }

    /// The branch on which the replacement of such an object stays.
    pub(crate) fn of(&self, key: &NaturalKey) -> Option<BranchId> {
        self.known().by_key.get(key).cloned()
    }

    /// A branch other than `this` on which objects of the project stay.
    pub(crate) fn another(&self, project: &ProjectId, this: &BranchId) -> Option<BranchId> {
        self.known().by_project.get(project)?.iter().find(|it| *it != this).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_finds_the_branch_of_what_it_replaces() {
        let branches = Branches::default();
        let (project, a, b): (ProjectId, BranchId, BranchId) =
            ("p".parse().unwrap(), "br-a".parse().unwrap(), "br-b".parse().unwrap());
        let key = |name| NaturalKey::new("role", ["p", name]);
        branches.remember(key("r"), &project, &a);
        assert_eq!(branches.of(&key("r")), Some(a.clone()));
        assert_eq!(branches.of(&key("s")), None);
        assert_eq!(branches.another(&project, &b), Some(a.clone()));
        assert_eq!(branches.another(&project, &a), None);
    }
}
