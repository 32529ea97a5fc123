//! The values of `neonrep_allowed_ips`, and what follows from them alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Diagnostic, Diagnostics, Timeouts, path};

use super::messages;
use crate::neon::{AllowedIps, Edit, IpRange, ProjectId};

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<ProjectId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) ips: Attr<BTreeSet<IpRange>>,
    pub(super) enforce: Attr<bool>,
    pub(super) protected_branches_only: Attr<bool>,
    pub(super) provider_address: Attr<IpAddr>,
    pub(super) on_destroy: Attr<OnDestroy>,
    pub(super) preexisting: Attr<BTreeSet<IpRange>>,
    pub(super) timeouts: Attr<Timeouts>,
}

/// `on_destroy`: what happens to entries without which the list would be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnDestroy {
    KeepLast,
    Open,
}

impl OnDestroy {
    pub(super) const ALL: [Self; 2] = [Self::KeepLast, Self::Open];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::KeepLast => "keep_last",
            Self::Open => "open",
        }
    }
}

/// Whether a set has an entry that admits the same addresses.
pub(super) fn has(set: &BTreeSet<IpRange>, range: &IpRange) -> bool {
    set.iter().any(|it| it.is_same(range))
}

/// The entries of the first set that the second one has too.
pub(super) fn common(of: &BTreeSet<IpRange>, with: &BTreeSet<IpRange>) -> BTreeSet<IpRange> {
    of.iter().filter(|it| has(with, it)).cloned().collect()
}

impl Model {
    /// The declared entries; they must be known.
    pub(super) fn ips(&self) -> Result<&BTreeSet<IpRange>, Diagnostics> {
        self.ips.need(path!(ips))
    }

    /// What destroy leaves; nothing where it is not known.
    fn found_before(&self) -> BTreeSet<IpRange> {
        self.preexisting.known().cloned().unwrap_or_default()
    }

    /// The change of the list that creation or an update from `prior` makes.
    pub(super) fn edit(&self, prior: Option<&Self>) -> Result<Edit, Diagnostics> {
        let ips = self.ips()?;
        let dropped = match prior {
            Some(prior) => prior.own()?.into_iter().filter(|it| !has(ips, it)).collect(),
            None => BTreeSet::new(),
        };
        Ok(Edit::new(ips, &dropped, self.protected_branches_only.known().copied()))
    }

    /// What a change of the list needs and the configuration does not have: consent to restrict an open project, or an entry for
    /// the provider. Nothing of the provider's configuration skips this.
    pub(super) fn refusal(&self, project: &ProjectId, before: &AllowedIps, after: &AllowedIps) -> Option<Diagnostic> {
        if before.is_open() && !after.is_open() && self.enforce == Attr::Known(false) {
            return Some(messages::needs_consent(project));
        }
        let address = self.provider_address.known().filter(|it| !after.admits(**it))?;
        Some(messages::refuses_the_provider(project, *address))
    }

    /// Entries that this resource added, which destroy removes.
    pub(super) fn own(&self) -> Result<BTreeSet<IpRange>, Diagnostics> {
        let before = self.found_before();
        Ok(self.ips()?.iter().filter(|it| !has(&before, it)).cloned().collect())
    }

    /// The state after the change of a list that was `before`.
    pub(super) fn applied(self, prior: Option<&Self>, before: &AllowedIps) -> Self {
        let ips = self.ips.known().cloned().unwrap_or_default();
        let known = prior.and_then(|it| it.ips.known().cloned()).unwrap_or_default();
        let left = prior.map(Self::found_before).unwrap_or_default();
        let was_there = |it: &&IpRange| if has(&known, it) { has(&left, it) } else { before.has(it) };
        let preexisting = ips.iter().filter(was_there).cloned().collect();
        Self { id: self.project_id.clone(), preexisting: Attr::Known(preexisting), ..self }
    }

    /// The state as the project has it; `None` if none of the entries is left in the list. An import takes the whole list, and
    /// destroy leaves all of it: who added an entry is not known.
    pub(super) fn observed(self, found: &AllowedIps) -> Option<Self> {
        let ips: BTreeSet<IpRange> = match &self.ips {
            Attr::Known(declared) => declared.iter().filter(|it| found.has(it)).cloned().collect(),
            _ => found.parsed().0,
        };
        if ips.is_empty() {
            return None;
        }
        let preexisting = match &self.preexisting {
            Attr::Known(before) => common(before, &ips),
            _ => ips.clone(),
        };
        let protected_branches_only = match self.protected_branches_only {
            Attr::Known(_) => Attr::Known(found.protected_branches_only),
            other => other,
        };
        Some(Self {
            id: self.project_id.clone(),
            ips: Attr::Known(ips),
            preexisting: Attr::Known(preexisting),
            protected_branches_only,
            ..self
        })
    }

    /// An import leaves `id` null, for the first read.
    pub(super) fn is_imported(&self) -> bool {
        self.id.is_null()
    }
}
