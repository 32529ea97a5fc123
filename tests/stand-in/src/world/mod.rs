//! What the control plane knows: projects with their branches, keys, and what tests have turned.

mod branch;
mod keys;
mod project;
mod snapshot;

pub(crate) use branch::{Branch, Database, Endpoint, EndpointKind, EndpointState, Ports, Restored, Role};
pub(crate) use keys::{Key, KeyKind};
pub(crate) use project::{Deleted, Project};
pub(crate) use snapshot::Snapshot;

use crate::knobs::Knobs;
use crate::names;

/// Region of everything.
pub(crate) const REGION: &str = "aws-us-east-2";

/// The one organization.
pub(crate) const ORGANIZATION: &str = "org-stand-in-00000001";

/// Everything.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Projects, oldest first.
    pub(crate) projects: Vec<Project>,
    /// Projects that were deleted, oldest first.
    pub(crate) deleted: Vec<Deleted<Project>>,
    /// Id of the project that was there at the start.
    pub(crate) first: String,
    /// Keys; the first is the one of the start.
    pub(crate) keys: Vec<Key>,
    /// What tests have turned.
    pub(crate) knobs: Knobs,
    /// When all this was made.
    pub(crate) created_at: String,
}

impl World {
    /// One project with its default branch and endpoint, no role or database yet.
    pub(crate) fn new(major: u16, logical: bool) -> Self {
        let mut project = Project::new("stand-in", major, logical);
        let mut branch = Branch::new("main");
        branch.endpoints.push(Endpoint::new(EndpointKind::ReadWrite));
        project.default_branch.clone_from(&branch.id);
        project.branches.push(branch);
        Self {
            first: project.id.clone(),
            projects: vec![project],
            deleted: Vec::new(),
            keys: vec![Key::new("stand-in", KeyKind::Personal, None)],
            knobs: Knobs::default(),
            created_at: names::now(),
        }
    }

    /// The project of that id.
    pub(crate) fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    /// The same, to be changed.
    pub(crate) fn project_mut(&mut self, id: &str) -> Option<&mut Project> {
        self.projects.iter_mut().find(|project| project.id == id)
    }

    /// The default branch of the project that was there at the start: what the settings of tests are about.
    pub(crate) fn first_branch(&self) -> Option<&Branch> {
        let project = self.project(&self.first)?;
        project.branch(&project.default_branch)
    }

    /// The same, to be changed.
    pub(crate) fn first_branch_mut(&mut self) -> Option<&mut Branch> {
        let first = self.first.clone();
        let project = self.project_mut(&first)?;
        let default = project.default_branch.clone();
        project.branch_mut(&default)
    }

    /// An endpoint, with its project and branch.
    pub(crate) fn endpoint(&self, id: &str) -> Option<(&Project, &Branch, &Endpoint)> {
        self.projects.iter().find_map(|project| {
            project.branches.iter().find_map(|branch| {
                let endpoint = branch.endpoints.iter().find(|endpoint| endpoint.id == id)?;
                Some((project, branch, endpoint))
            })
        })
    }

    /// Notes a password that was set with SQL on a branch.
    pub(crate) fn note_password(&mut self, branch: &str, role: &str, password: Option<String>) {
        let found = self.projects.iter_mut().find_map(|project| project.branch_mut(branch));
        if let Some(branch) = found {
            branch.note_password(role, password);
        }
    }

    /// The project of a compute, which is a branch's or a read-only endpoint's.
    pub(crate) fn project_of_compute(&self, compute: &str) -> Option<&Project> {
        self.projects.iter().find(|project| {
            let branch = |branch: &Branch| branch.endpoints.iter().any(|endpoint| endpoint.id == compute);
            project.branches.iter().any(|it| it.id == compute || branch(it))
        })
    }

    /// Notes that a compute was started or stopped.
    pub(crate) fn compute_turned(&mut self, compute: &str, state: EndpointState) {
        for branch in self.projects.iter_mut().flat_map(|project| &mut project.branches) {
            let of_branch = branch.id == compute;
            for endpoint in &mut branch.endpoints {
                if endpoint.id == compute || (of_branch && endpoint.kind == EndpointKind::ReadWrite) {
                    endpoint.turned(state);
                }
            }
        }
    }

    /// The key that a client has sent.
    pub(crate) fn key(&self, secret: &str) -> Option<Key> {
        let index = self.keys.iter().position(|key| key.secret == secret)?;
        let mut key = self.keys[index].clone();
        if index == 0 {
            key.kind = self.knobs.key_kind;
            key.project = (key.kind == KeyKind::Project).then(|| self.first.clone());
        }
        Some(key)
    }

    /// `effective_project_permission` for that key.
    pub(crate) fn permission(&self, key: &Key) -> Option<String> {
        let turned = self.knobs.permission.clone();
        // Keys for one project have a member's rights.
        if key.kind == KeyKind::Project && turned.as_deref() == Some("ADMIN") && key.id != self.keys[0].id {
            return Some("EDITOR".to_owned());
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_one_project_sees_that_one_and_edits_it() {
        let mut world = World::new(17, false);
        let key = Key::new("ci", KeyKind::Project, Some("p".to_owned()));
        world.keys.push(key.clone());
        assert!(key.sees("p") && !key.sees("q"));
        assert_eq!(world.permission(&key).as_deref(), Some("EDITOR"));
        assert!(world.key(&key.secret).is_some() && world.key("napi_other").is_none());
        let first = world.key(&world.keys[0].secret).expect("the first");
        assert_eq!(world.permission(&first).as_deref(), Some("ADMIN"));
        world.knobs.permission = Some("VIEWER".to_owned());
        assert_eq!(world.permission(&key).as_deref(), Some("VIEWER"));
    }

    #[test]
    fn a_compute_is_a_branchs_or_a_replicas() {
        let mut world = World::new(17, false);
        let replica = Endpoint::new(EndpointKind::ReadOnly);
        let branch = world.first_branch_mut().expect("a branch");
        branch.endpoints.push(replica.clone());
        let id = branch.id.clone();
        world.compute_turned(&id, EndpointState::Active);
        let states: Vec<_> = world.first_branch().expect("it").endpoints.iter().map(|it| it.state).collect();
        assert_eq!(states, [EndpointState::Active, EndpointState::Init]);
        world.compute_turned(&replica.id, EndpointState::Idle);
        assert_eq!(world.endpoint(&replica.id).expect("it").2.state, EndpointState::Idle);
        assert!(world.project_of_compute(&replica.id).is_some() && world.project_of_compute("x").is_none());
    }
}
