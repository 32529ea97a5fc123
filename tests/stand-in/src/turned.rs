//! What `PATCH /admin/settings` says about the project of the start and its default branch, beside the knobs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::world::World;

/// The members, as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Turned {
    /// The project's `store_passwords`.
    store_passwords: bool,
    /// What the project says; its servers follow at their next start.
    enable_logical_replication: bool,
    /// The endpoint is disabled: connections are refused and do not wake it.
    endpoint_disabled: bool,
    /// The branch has no endpoint at all.
    endpoint_missing: bool,
    /// The branch is protected.
    branch_protected: bool,
    /// Its state: `ready`, `archived`, `init`, `resetting`.
    branch_state: String,
    /// Its parent.
    branch_parent: Option<String>,
}

impl Turned {
    /// As it is; none when the project has gone.
    pub(crate) fn of(world: &World) -> Option<Self> {
        let (project, branch) = (world.project(&world.first)?, world.first_branch()?);
        Some(Self {
            store_passwords: project.store_passwords,
            enable_logical_replication: project.logical(),
            endpoint_disabled: branch.read_write().is_some_and(|endpoint| endpoint.disabled),
            endpoint_missing: branch.endpoints_hidden,
            branch_protected: branch.protected,
            branch_state: branch.state.clone(),
            branch_parent: branch.parent.clone(),
        })
    }

    /// Takes the members that are about this out of `sent`, and turns them; the error names a wrong value.
    pub(crate) fn turn(world: &mut World, sent: &mut Map<String, Value>) -> Result<(), serde_json::Error> {
        let Some(Value::Object(mut all)) = Self::of(world).map(serde_json::to_value).transpose()? else {
            return Ok(());
        };
        let mut changed = false;
        for (key, value) in &mut all {
            if let Some(sent) = sent.remove(key) {
                *value = sent;
                changed = true;
            }
        }
        let turned: Self = serde_json::from_value(Value::Object(all))?;
        if changed {
            turned.put(world);
        }
        Ok(())
    }

    fn put(self, world: &mut World) {
        let first = world.first.clone();
        if let Some(project) = world.project_mut(&first) {
            project.store_passwords = self.store_passwords;
            project.settings.insert("enable_logical_replication".to_owned(), self.enable_logical_replication.into());
        }
        let Some(branch) = world.first_branch_mut() else { return };
        branch.endpoints_hidden = self.endpoint_missing;
        branch.protected = self.branch_protected;
        branch.state = self.branch_state;
        branch.parent = self.branch_parent;
        for endpoint in &mut branch.endpoints {
            endpoint.disabled = self.endpoint_disabled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_sent_is_turned_and_the_rest_is_left_to_the_knobs() {
        let mut world = World::new(17, false);
        let mut sent = json!({"branch_protected": true, "branch_parent": "br-x", "operation_ms": 1});
        let Value::Object(sent) = &mut sent else { panic!("an object") };
        Turned::turn(&mut world, sent).expect("legal");
        assert_eq!(json!(sent), json!({"operation_ms": 1}));
        let branch = world.first_branch().expect("a branch");
        assert!(branch.protected && !branch.endpoints[0].disabled);
        assert_eq!(branch.parent.as_deref(), Some("br-x"));
        let mut wrong = json!({"store_passwords": "no"});
        let Value::Object(wrong) = &mut wrong else { panic!("an object") };
        assert!(Turned::turn(&mut world, wrong).is_err());
    }
}
