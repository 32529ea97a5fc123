//! Instances of one object: which of them holds it, and the branch that its replacement stays on.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tfplugin::private::Private;
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Value, path};

use super::attributes::{self, Located};
use super::call::Call;
use super::context::Data;
use crate::neon::BranchId;
use crate::postgres::marks::Nonce;
use crate::target::{Database, Instance, ObjectId, Other, Server};

/// In private state: the nonce of this instance.
const INSTANCE: &str = "instance";

/// In private state: when this instance was created or imported, in milliseconds since 1970.
const SINCE: &str = "since";

/// In private state: the configuration named the branch at creation.
const NAMED_BRANCH: &str = "named_branch";

/// In the private state of a planned replacement: the ID of the new object, on the branch of the old one.
const REPLACED_BY: &str = "replaced_by";

/// In private state: the state was written by the first version, whose marks have no nonce.
const FIRST_VERSION: &str = "first_version";

/// In private state: what other instances of the object hold that were read before this one. Each read writes it.
const SHARED_WITH: &str = "shared_with";

impl Call<'_> {
    /// Records that this instance has created or adopted an object, in private state and for the rest of the process. Call
    /// it before the lock that orders the work is released.
    pub(crate) fn claim(&self, id: &impl ObjectId) -> Option<Nonce> {
        let nonce = self.nonce_or_new();
        self.target().natural_keys().remember(id.natural_key(), nonce.clone());
        nonce
    }

    /// The nonce of this instance; none in states of versions before 0.2.
    pub(crate) fn nonce(&self) -> Option<Nonce> {
        self.cx().private().get(INSTANCE)
    }

    /// Whether the state was written by the first version, so that marks without a nonce may be its own.
    pub(crate) fn is_of_first_version(&self) -> bool {
        self.nonce().is_none() || self.cx().private().get(FIRST_VERSION) == Some(true)
    }

    /// Notes, before this version has written anything, that the first one wrote the state.
    pub(crate) fn note_first_version(&self, is_imported: bool) {
        if self.nonce().is_none() && !is_imported {
            self.cx().set_private(FIRST_VERSION, &true);
        }
    }

    /// Notes that marks of the first version count no more: they were renewed.
    pub(crate) fn leave_first_version(&self) {
        self.cx().remove_private(FIRST_VERSION);
    }

    fn nonce_or_new(&self) -> Option<Nonce> {
        let random =
            || Nonce::random().inspect_err(|error| tracing::warn!(%error, "instances cannot be told apart")).ok();
        let nonce = self.nonce().or_else(random);
        if let Some(nonce) = &nonce {
            if self.nonce().is_none() {
                self.cx().set_private(SINCE, &milliseconds());
            }
            self.cx().set_private(INSTANCE, nonce);
        }
        nonce
    }

    /// Whether another instance holds the object, so that a delete must leave it alone: one that has created or adopted it
    /// in this process (`create_before_destroy`), or one that the plan saw.
    pub(crate) fn is_held_by_another(&self, id: &impl ObjectId) -> bool {
        !self.departs::<Json>().is_empty()
            || self.target().natural_keys().is_held_by_another(&id.natural_key(), self.nonce().as_ref())
    }

    /// Forgets an object that was deleted. Its replacement stays on its branch.
    pub(crate) fn release(&self, id: &impl ObjectId) {
        self.target().natural_keys().forget(&id.natural_key());
        self.leaves(id);
    }

    /// Notes the branch of an object that is deleted, or kept and only removed from the state, for its replacement.
    pub(crate) fn leaves<T: ObjectId>(&self, id: &T) {
        let private = self.cx().private();
        let replaced_by = private.get::<String>(REPLACED_BY).and_then(|id| id.parse::<T>().ok());
        if let Some(new) = replaced_by {
            self.remember_branch(&new);
        }
        if private.get::<bool>(NAMED_BRANCH) != Some(true) {
            self.remember_branch(id);
        }
    }

    fn remember_branch(&self, id: &impl ObjectId) {
        if let Some(branch) = id.server().branch() {
            self.target().branches().remember(id.key_on_any_branch(), &branch.project, &branch.id);
        }
    }

    /// Notes what a replacement will be called, for the plan of the new object and for the apply. Terraform hands the
    /// private state of a planned replacement to the deletion of the old object, and nothing to the creation.
    pub(crate) fn replaces(&self, new: &impl ObjectId) {
        self.remember_branch(new);
        self.cx().set_private(REPLACED_BY, &new.to_string());
    }

    /// Notes that the read of an instance begins. Terraform reads a deposed object beside the living one, so that each knows
    /// of the other when its read ends.
    pub(crate) fn begins<T: ObjectId>(&self, id: &Attr<T>, holds: &impl Serialize) {
        if let (Attr::Known(id), Some(instance)) = (id, self.nonce().and_then(|nonce| self.instance(nonce, holds))) {
            self.target().addresses().begin(&id.natural_key(), &instance);
        }
    }

    /// Notes that an object was read. If the destroy of another instance of it was planned before, the plan is refused,
    /// unless it destroys this one too.
    pub(crate) async fn sees(&self, id: &impl ObjectId) {
        if !self.sees_part(id, &()).await.is_empty() {
            self.may_not_stay(id);
        }
    }

    /// The same for an object that instances may share, with what this one holds of it. Returns what those instances hold
    /// whose destroy was planned before.
    pub(crate) async fn sees_part<T: Serialize + DeserializeOwned>(&self, id: &impl ObjectId, holds: &T) -> Vec<T> {
        // What an earlier plan noted, whose deletion failed.
        self.cx().remove_private(REPLACED_BY);
        self.leaves(id);
        let Some(instance) = self.nonce_or_new().and_then(|nonce| self.instance(nonce, holds)) else {
            return Vec::new();
        };
        let others = self.target().addresses().read(&id.natural_key(), &instance, &self.noted()).await;
        if others.is_kept_for_unseen {
            self.cx().warn(kept_for_unseen(id));
        }
        self.note(&others.holders);
        parsed(others.takers)
    }

    /// Refuses the plan of this instance unless it destroys it: its object is taken away with another instance.
    pub(crate) fn may_not_stay(&self, id: &impl ObjectId) {
        if let Some(nonce) = self.nonce() {
            self.cx().data().refuse_to_keep(nonce, two_addresses(id));
        }
    }

    /// What other instances hold of the object, as far as the last read knew them: a destroy leaves that.
    fn noted(&self) -> Vec<Other> {
        self.cx().private().get(SHARED_WITH).unwrap_or_default()
    }

    fn note(&self, others: &[Other]) {
        if others.is_empty() {
            self.cx().remove_private(SHARED_WITH);
        } else {
            self.cx().set_private(SHARED_WITH, &others);
        }
    }

    /// What a delete of this instance leaves to others: what those hold that were noted, except those that this process
    /// deleted before.
    pub(crate) fn departs<T: DeserializeOwned>(&self) -> Vec<T> {
        let Some(nonce) = self.nonce() else { return Vec::new() };
        let others = self.target().addresses().depart(&nonce, self.noted());
        // Should the delete fail, the next one does not believe what is over.
        self.note(&others);
        parsed(others)
    }

    /// Plans the destroy of an object: it is only removed from the state where another instance was read before. Refuses the
    /// plan if another one was read after it.
    pub(crate) fn plan_destroy(&self, id: &impl ObjectId) -> Diagnostics {
        let others = self.plan_destroy_of_part(id, &());
        if others.is_empty() { Diagnostics::none() } else { two_addresses(id).into() }
    }

    /// The same for an object that instances may share. Returns what other instances hold that the read has not noted.
    pub(crate) fn plan_destroy_of_part<T: Serialize + DeserializeOwned>(
        &self,
        id: &impl ObjectId,
        holds: &T,
    ) -> Vec<T> {
        let Some(instance) = self.nonce().and_then(|nonce| self.instance(nonce, holds)) else { return Vec::new() };
        let mut noted = self.noted();
        let planned = self.target().addresses().plan_destroy(&id.natural_key(), &instance, &noted);
        if planned.was_read {
            // It may be a deposed object, whose apply finds the note of the read and nothing of this plan.
            return parsed(planned.unnoted);
        }
        if !planned.unnoted.is_empty() {
            noted.retain(|it| planned.unnoted.iter().all(|other| other.instance != it.instance));
            noted.extend(planned.unnoted);
            self.note(&noted);
        }
        Vec::new()
    }

    fn instance(&self, nonce: Nonce, holds: &impl Serialize) -> Option<Instance> {
        let since = self.cx().private().get(SINCE).unwrap_or(0);
        Some(Instance { nonce, since, holds: serde_json::to_value(holds).ok()? })
    }

    /// Notes what the replacement of an object means for the branch. `id` is what the planned object will be called.
    pub(crate) fn plans<M: Located, T: ObjectId>(&self, plan: &Plan<M>, id: impl Fn(&M, Database) -> Option<T>) {
        let (Some(config), Some(prior), Some(planned)) = (&plan.config, &plan.prior, &plan.planned) else { return };
        let names_branch = !config.branch_id().is_null();
        if !plan.replaces() || names_branch || planned.project_id() != prior.project_id() {
            return;
        }
        let server = attributes::server_of(prior.project_id(), prior.branch_id());
        let (Some(server), Some(name)) = (server, planned.database().known()) else { return };
        if let Some(new) = id(planned, Database { server, name: name.clone() }) {
            self.replaces(&new);
        }
    }

    /// The server of an object to be created. Where the configuration names no branch, a replacement stays on the branch of
    /// the object that it replaces, although the default branch of the project may have changed.
    pub(crate) fn settled<T: ObjectId>(
        &self,
        server: Server,
        named: &Attr<BranchId>,
        id: impl Fn(Server) -> T,
    ) -> Server {
        if named.known().is_some() {
            self.cx().set_private(NAMED_BRANCH, &true);
            return server;
        }
        self.stays(server, id)
    }

    /// The same for the checks of a plan, with a warning if the objects of one run come to be on two branches.
    pub(crate) fn stays<T: ObjectId>(&self, server: Server, id: impl Fn(Server) -> T) -> Server {
        let Server::Neon(default) = &server else { return server };
        let stays = self.target().branches().of(&id(server.clone()).key_on_any_branch());
        match stays.filter(|it| *it != default.id) {
            Some(branch) => Server::neon(default.project.clone(), branch),
            None => server,
        }
    }

    /// Warns once that replacements stay on a branch that is no longer the default one: Terraform tells a creation nothing
    /// of the object that it replaces, so the provider can keep the two together only where the old one is deleted first.
    pub(crate) fn stays_aside(&self, server: &Server) -> Option<Diagnostic> {
        let stays = server.branch()?;
        self.cx().data().is_first(&format!("replaced on {}", stays.id)).then(|| {
            let detail = format!(
                "It is no longer the default branch of project `{}`. A replacement is created where the old object is, unless the                  resource has `create_before_destroy`: Terraform then creates the new object first and tells the provider nothing                  of the old one, so it is created on the default branch.\n\nTo keep both on one branch, set `branch_id = \"{}\"`.",
                stays.project, stays.id
            );
            Diagnostic::warning(format!("Replacement stays on branch `{}`", stays.id), detail).at(path!(branch_id))
        })
    }

    /// Warns once if an object is created on the default branch of a project while others stay on another branch.
    pub(crate) fn on_two_branches(&self, server: &Server) -> Option<Diagnostic> {
        let default = server.branch()?;
        let other = self.target().branches().another(&default.project, &default.id)?;
        self.cx().data().is_first(&format!("two branches of {}", default.project)).then(|| {
            let detail = format!(
                "New objects of project `{}` are created on {default}, which is the default branch. Existing objects stay on branch \
                 `{other}`, also when they are replaced.\n\nTo keep them together, set `branch_id`.",
                default.project
            );
            Diagnostic::warning("Objects are on two branches", detail).at(path!(branch_id))
        })
    }
}

fn parsed<T: DeserializeOwned>(all: Vec<Other>) -> Vec<T> {
    all.into_iter().filter_map(|it| serde_json::from_value(it.holds).ok()).collect()
}

/// Notes that a plan leaves an object in the state, and whether the configuration names its branch. The error says that the
/// plan would take the object away nevertheless.
pub(crate) fn object_stays(data: &Data, config: &Value, private: &mut Private) -> Diagnostics {
    if let Some(branch) = config.get("branch_id") {
        let names_branch = !branch.is_null();
        if private.get(NAMED_BRANCH).unwrap_or(false) != names_branch {
            private.set(NAMED_BRANCH, &names_branch);
        }
    }
    let Some(nonce) = private.get::<Nonce>(INSTANCE) else { return Diagnostics::none() };
    data.target.addresses().stay(&nonce);
    data.refusal_to_keep(&nonce).map_or_else(Diagnostics::none, Into::into)
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Why an object was not deleted, and what to do if that is no longer so.
pub(crate) const KEPT_FOR_ANOTHER: &str = "Another resource of this run created or adopted it under the same name (`create_before_destroy`), or the last refresh found \
     it at a second address of the state. It was only removed from the state.\n\nIf no other address holds it any more, import it \
     again and destroy it.";

/// The plan of a destroy keeps an object for an address that was not read so far.
fn kept_for_unseen(id: &impl ObjectId) -> Diagnostic {
    let detail = "The last refresh found it at a second address of the state, which this plan has not read so far. Its destroy only \
                  removes it from the state.\n\nIf no other address holds it any more, run `terraform apply -refresh-only` and plan \
                  again: the destroy then takes it away.";
    Diagnostic::warning(format!("`{id}` will be kept"), detail)
}

/// The error for an object whose destroy is planned under another address.
pub(crate) fn two_addresses(id: &impl ObjectId) -> Diagnostic {
    let detail = format!(
        "`{id}` is in the state twice, for example as a deposed object that a failed `create_before_destroy` left, and one of the \
         two is planned to be destroyed. That would take the object away from the other.\n\nPlan again. If this happens again, remove \
         both with `terraform state rm`, and import the object again."
    );
    Diagnostic::error("Object is managed at two addresses", detail)
}
