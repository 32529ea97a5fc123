//! The values of `neonrep_slot`, and what follows from them alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Timeouts};

use crate::handler::attributes::{located, server_of};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::marks::Nonce;
use crate::postgres::publication::Publication;
use crate::postgres::slot::Slot;
use crate::postgres::{DatabaseName, PublicationName, RoleName, SlotName};
use crate::target::{Database, PublicationId, SlotId};

/// The plugin that decodes by publications.
pub(super) const PGOUTPUT: &str = "pgoutput";

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<SlotId>,
    pub(super) publication_id: Attr<PublicationId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) name: Attr<SlotName>,
    pub(super) plugin: Attr<String>,
    pub(super) two_phase: Attr<bool>,
    pub(super) failover: Attr<bool>,
    pub(super) allow_recreate: Attr<bool>,
    pub(super) deletion_protection: Attr<bool>,
    pub(super) terminate_consumer: Attr<bool>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) slot_name: Attr<SlotName>,
    pub(super) publication_name: Attr<PublicationName>,
    pub(super) publication_oid: Attr<u32>,
    pub(super) status: Attr<Status>,
    pub(super) invalidation_reason: Attr<String>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// Whether a slot can still serve its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Ok,
    /// There is no such slot.
    Missing,
    /// Postgres removed changes that the consumer still needed.
    Lost,
    PublicationMissing,
    /// Another publication has the name.
    PublicationRecreated,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Lost => "lost",
            Self::PublicationMissing => "publication_missing",
            Self::PublicationRecreated => "publication_recreated",
        }
    }

    /// Whether there is nothing left to protect.
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Missing | Self::Lost)
    }
}

/// A slot and its publication as they are now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) status: Status,
    pub(super) invalidation_reason: Option<String>,
    /// The publication that the slot was created after, or one that continues it.
    pub(super) publication_oid: Option<u32>,
    /// `None` where there is no slot, or it was not read.
    pub(super) properties: Option<Properties>,
}

/// What a slot was created with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Properties {
    pub(super) plugin: String,
    pub(super) two_phase: bool,
    pub(super) failover: bool,
}

impl Seen {
    /// What a slot is right after its creation.
    pub(super) fn created_after(publication: Option<&Publication>) -> Self {
        let publication_oid = publication.map(|it| it.oid);
        Self { status: Status::Ok, invalidation_reason: None, publication_oid, properties: None }
    }

    /// What was read: the slot, and the publication that has the name. Whether one is named at all and which oid was
    /// recorded for it is in the state.
    pub(super) fn of(
        slot: Option<&Slot>,
        publication: Option<&Publication>,
        named: bool,
        recorded: Option<u32>,
        proof: &Proof,
    ) -> Self {
        let accepted = publication.filter(|it| is_accepted(it, recorded, proof));
        let status = match (slot, publication) {
            (None, _) => Status::Missing,
            (Some(slot), _) if slot.is_lost() => Status::Lost,
            (Some(_), None) if named => Status::PublicationMissing,
            (Some(_), Some(_)) if accepted.is_none() => Status::PublicationRecreated,
            _ => Status::Ok,
        };
        Self {
            status,
            invalidation_reason: slot.and_then(|it| it.invalidation_reason.clone()),
            publication_oid: accepted.map(|it| it.oid).or(recorded),
            properties: slot.map(|it| Properties {
                plugin: it.plugin.clone().unwrap_or_default(),
                two_phase: it.two_phase,
                failover: it.failover == Some(true),
            }),
        }
    }
}

/// Whether the publication is the one that the slot was created after, or continues it.
fn is_accepted(publication: &Publication, recorded: Option<u32>, proof: &Proof) -> bool {
    recorded.is_none_or(|oid| publication.oid == oid || proof.shows(publication, oid))
}

/// What is known of the marks in the comment of a publication. Its owner can write any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// Nonces that the publication's own resource wrote.
    pub(super) nonces: BTreeSet<Nonce>,
    /// The slot's state was written by the first version, whose marks have none.
    pub(super) of_first_version: bool,
}

impl Proof {
    /// Whether the publication continues the one of that OID.
    fn shows(&self, publication: &Publication, oid: u32) -> bool {
        let marks = &publication.marks;
        marks.is_proved_to_continue(oid, &self.nonces)
            || (self.of_first_version && marks.continues.contains(&(oid, None)))
    }
}

impl Model {
    /// The status in the state; `ok` where none is recorded yet.
    pub(super) fn status(&self) -> Status {
        self.status.known().copied().unwrap_or(Status::Ok)
    }

    /// Whether the state comes from an import that was not read yet.
    pub(super) fn is_imported(&self) -> bool {
        self.status.is_null()
    }

    /// The output plugin; states from before the argument was there have none.
    pub(super) fn plugin(&self) -> &str {
        self.plugin.known().map_or(PGOUTPUT, String::as_str)
    }

    /// What the slot that replaces `prior` is called, where nobody else says its branch: that of the prior slot.
    pub(super) fn in_place_of(&self, prior: &Self, config: Option<&Self>) -> Option<SlotId> {
        let chooses = self.publication_id.is_null()
            && self.project_id == prior.project_id
            && config.is_some_and(|it| it.branch_id.is_null());
        let server = server_of(&prior.project_id, &prior.branch_id).filter(|_| chooses)?;
        let database = Database { server, name: self.database.known()?.clone() };
        Some(SlotId { database, name: self.name.known()?.clone() })
    }

    /// The state of a slot whose database has another name now.
    pub(super) fn moved(self, at: &Database) -> Self {
        let publication_id = self.publication_id.map(|it| match &it.database {
            old if old.server == at.server && self.database.known() == Some(&old.name) => {
                PublicationId { database: at.clone(), ..it }
            }
            _ => it,
        });
        Self { publication_id, database: at.name.clone().into(), ..self }
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, name: &SlotName, seen: Seen) -> Self {
        let (plugin, two_phase, failover) = match seen.properties {
            Some(it) => (it.plugin.into(), it.two_phase.into(), it.failover.into()),
            None => (self.plugin, self.two_phase, self.failover),
        };
        let publication_name = self.publication_id.clone().map(|it| it.name);
        Self {
            id: SlotId { database: at.clone(), name: name.clone() }.into(),
            project_id: at.server.project_id().cloned().into(),
            branch_id: at.server.branch_id().cloned().into(),
            database: at.name.clone().into(),
            plugin,
            two_phase,
            failover,
            slot_name: name.clone().into(),
            publication_name,
            publication_oid: seen.publication_oid.into(),
            status: seen.status.into(),
            invalidation_reason: seen.invalidation_reason.into(),
            ..self
        }
    }
}
