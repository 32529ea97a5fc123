//! The values of `neonrep_subscription`, and what follows from them alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Timeouts, path};

use crate::handler::attributes::{located, server_of};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::subscription::{Definition, NewSubscription, Options, Origin, Streaming, Subscription};
use crate::postgres::{DatabaseName, PublicationName, RoleName, ServerVersion, SlotName, SubscriptionName};
use crate::secret::{Secret, StoredSecret};
use crate::target::{Database, SubscriptionId};

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<SubscriptionId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) name: Attr<SubscriptionName>,
    pub(super) publications: Attr<BTreeSet<PublicationName>>,
    pub(super) connection_wo: Attr<StoredSecret>,
    pub(super) connection_wo_version: Attr<i64>,
    pub(super) slot_name: Attr<SlotName>,
    pub(super) create_slot: Attr<bool>,
    pub(super) copy_data: Attr<bool>,
    pub(super) enabled: Attr<bool>,
    pub(super) streaming: Attr<Streaming>,
    pub(super) origin: Attr<Origin>,
    pub(super) binary: Attr<bool>,
    pub(super) two_phase: Attr<bool>,
    pub(super) disable_on_error: Attr<bool>,
    pub(super) failover: Attr<bool>,
    pub(super) on_destroy: Attr<OnDestroy>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) publisher_slot: Attr<SlotName>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// What becomes of the slot at the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnDestroy {
    DropSlot,
    KeepSlot,
}

impl OnDestroy {
    pub(super) const WORDS: [&'static str; 2] = ["drop_slot", "keep_slot"];
}

impl Model {
    /// Whether the state comes from an import that was not read yet.
    pub(super) fn is_imported(&self) -> bool {
        self.publications.is_null()
    }

    /// Whether the subscription creates its slot. What an import cannot know is the default.
    pub(super) fn creates_slot(&self) -> bool {
        self.create_slot.known().copied().unwrap_or(true)
    }

    /// Whether a destroy drops the slot: by default what the subscription has created.
    pub(super) fn drops_slot(&self) -> bool {
        self.on_destroy.known().map_or_else(|| self.creates_slot(), |it| *it == OnDestroy::DropSlot)
    }

    /// The slot at the publisher: the one that is named, or one that has the name of the subscription; null where that is no
    /// name of a slot.
    pub(super) fn slot(&self) -> Attr<SlotName> {
        match (&self.slot_name, &self.name) {
            (Attr::Null, Attr::Known(name)) => SlotName::parse(name.as_str()).ok().into(),
            (Attr::Null, Attr::Unknown) => Attr::Unknown,
            (slot, _) => slot.clone(),
        }
    }

    /// Whether an update sets the connection string that the configuration gives.
    pub(super) fn sets_connection(&self, prior: &Self) -> bool {
        !self.connection_wo_version.is_null() && self.connection_wo_version != prior.connection_wo_version
    }

    fn options(&self) -> Options {
        Options {
            binary: self.binary.is_true(),
            streaming: self.streaming.known().copied(),
            disable_on_error: self.disable_on_error.is_true(),
            origin: self.origin.known().copied(),
            failover: self.failover.is_true(),
        }
    }

    /// What is to be created.
    pub(super) fn new_subscription(&self, connection: Secret) -> Result<NewSubscription, Diagnostics> {
        Ok(NewSubscription {
            name: self.name.need(path!(name))?.clone(),
            connection,
            publications: self.publications.need(path!(publications))?.clone(),
            slot_name: self.slot().need(path!(slot_name))?.clone(),
            create_slot: self.creates_slot(),
            copy_data: self.copy_data.is_true(),
            enabled: self.enabled.is_true(),
            two_phase: self.two_phase.is_true(),
            options: self.options(),
        })
    }

    /// What an existing one is to be.
    pub(super) fn definition(&self, connection: Option<Secret>) -> Result<Definition, Diagnostics> {
        Ok(Definition {
            enabled: self.enabled.is_true(),
            slot_name: self.slot().need(path!(slot_name))?.clone(),
            connection,
            options: self.options(),
        })
    }

    /// What the server's version does not support.
    pub(super) fn unsupported(
        &self,
        version: ServerVersion,
        refuse: impl Fn(ServerVersion, &str, u32, &AttributePath) -> Option<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let parallel = self.streaming == Attr::Known(Streaming::Parallel);
        [
            (self.two_phase.is_true(), "two_phase", 15, path!(two_phase)),
            (self.disable_on_error.is_true(), "disable_on_error", 15, path!(disable_on_error)),
            (parallel, "streaming = \"parallel\"", 16, path!(streaming)),
            (self.origin.known().is_some(), "origin", 16, path!(origin)),
            (self.failover.is_true(), "failover", 17, path!(failover)),
        ]
        .into_iter()
        .filter(|(is_set, ..)| *is_set)
        .filter_map(|(_, argument, needed, at)| refuse(version, argument, needed, &at))
        .collect()
    }

    /// What a replacement is called on the branch of the object that it replaces; `None` where the configuration names the
    /// branch, or the project is another one.
    pub(super) fn in_place_of(&self, prior: &Self, config: Option<&Self>) -> Option<SubscriptionId> {
        let branch_is_free = config.is_some_and(|config| config.branch_id.is_null());
        let server = server_of(&prior.project_id, &prior.branch_id)?;
        let database = Database { server, name: self.database.known()?.clone() };
        (branch_is_free && self.project_id == prior.project_id)
            .then(|| Some(SubscriptionId { database, name: self.name.known()?.clone() }))?
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, found: &Subscription) -> Self {
        let slot_name = match &self.slot_name {
            // Named after the subscription, as it is by default.
            Attr::Null if !self.is_imported() => Attr::Null,
            Attr::Null if found.slot_name.as_ref().is_none_or(|it| it.as_str() == found.name.as_str()) => Attr::Null,
            _ => found.slot_name.clone().into(),
        };
        Self {
            id: SubscriptionId { database: at.clone(), name: found.name.clone() }.into(),
            branch_id: at.server.branch_id().cloned().into(),
            publications: found.publications.clone().into(),
            connection_wo: Attr::Null,
            slot_name,
            enabled: found.enabled.into(),
            streaming: found.options.streaming.into(),
            origin: found.options.origin.into(),
            binary: found.options.binary.into(),
            two_phase: found.two_phase.into(),
            disable_on_error: found.options.disable_on_error.into(),
            failover: found.options.failover.into(),
            publisher_slot: found.slot_name.clone().into(),
            ..self
        }
    }
}
