//! Whether a slot still serves its consumer, and what to say when it does not.

use tfplugin::{Diagnostic, path};

use crate::postgres::publication::Publication;
use crate::postgres::slot::{Kind, Slot};
use crate::postgres::{PublicationName, SlotName};
use crate::session::Place;

use super::reference::Reference;

/// `status`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It serves.
    Ok,
    /// There is no such slot.
    Missing,
    /// What it kept was removed.
    Lost,
    /// Its publication is gone.
    PublicationMissing,
    /// There is another publication of the name.
    PublicationRecreated,
}

impl Status {
    const ALL: [Self; 5] = [Self::Ok, Self::Missing, Self::Lost, Self::PublicationMissing, Self::PublicationRecreated];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Lost => "lost",
            Self::PublicationMissing => "publication_missing",
            Self::PublicationRecreated => "publication_recreated",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether there is nothing left to protect.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Missing | Self::Lost)
    }
}

/// Whether the publication is the one that the slot was made after, or continues it.
pub(super) fn is_accepted(publication: &Publication, recorded: Option<u32>) -> bool {
    recorded.is_none_or(|oid| publication.oid == oid || publication.marks.continues(oid))
}

/// The first that holds. `named`: a publication is named; `behind`: the one that is there under the name.
pub(super) fn of(found: Option<&Slot>, named: bool, behind: Option<&Publication>, recorded: Option<u32>) -> Status {
    match (found, behind) {
        (None, _) => Status::Missing,
        (Some(found), _) if found.is_lost() => Status::Lost,
        (Some(_), None) if named => Status::PublicationMissing,
        (Some(_), Some(behind)) if !is_accepted(behind, recorded) => Status::PublicationRecreated,
        _ => Status::Ok,
    }
}

const ANEW: &str = "Its consumer must sync anew.";

/// What the consumer has lost, in a sentence or two; none when all is well.
pub(super) fn loss(
    status: Status,
    name: &SlotName,
    publication: Option<&Reference>,
    found: Option<&Slot>,
) -> Option<(String, String)> {
    let publication = publication.map(|it| it.publication.to_string()).unwrap_or_default();
    Some(match status {
        Status::Ok => return None,
        Status::Missing => (
            format!("Slot `{name}` is missing"),
            format!("It is not on the branch any more, and what its consumer had not received is gone with it. {ANEW}"),
        ),
        Status::Lost => {
            let reason = found.and_then(|it| it.invalidation_reason.as_deref());
            let reason = reason.map_or_else(String::new, |it| format!(" (`{it}`)"));
            (
                format!("Slot `{name}` is lost"),
                format!(
                    "The server has invalidated it{reason}: what its consumer had not received was removed. {ANEW}"
                ),
            )
        }
        Status::PublicationMissing => (
            format!("Publication `{publication}` behind slot `{name}` is missing"),
            format!(
                "It was dropped or renamed outside. Up to Postgres 17 the slot is stuck at the next change, for ever, also when \
                 the publication is made again; on 18 changes are lost without an error. {ANEW}"
            ),
        ),
        Status::PublicationRecreated => (
            format!("Publication `{publication}` behind slot `{name}` was made again"),
            format!(
                "The slot is older than the publication that is there now. Up to Postgres 17 it is stuck, for ever, if anything was \
                 written in between; on 18 those changes are lost without an error. {ANEW}"
            ),
        ),
    })
}

/// How to go on.
pub(super) const CURE: &str = "To make the slot again, agree to that: `terraform apply -replace=…` with this resource's address, \
                               or `allow_recreate = true`. Without it the apply refuses.";

/// What Read says.
pub(super) fn warning(
    status: Status,
    name: &SlotName,
    publication: Option<&Reference>,
    found: Option<&Slot>,
) -> Option<Diagnostic> {
    let (summary, what) = loss(status, name, publication, found)?;
    Some(Diagnostic::warning(summary, format!("{what}\n\n{CURE}")))
}

/// What an apply says that would have to make the slot again.
pub(super) fn refusal(
    status: Status,
    name: &SlotName,
    publication: Option<&Reference>,
    found: Option<&Slot>,
) -> Option<Diagnostic> {
    let (summary, what) = loss(status, name, publication, found)?;
    Some(Diagnostic::error(summary, format!("{what} Nothing was changed.\n\n{CURE}")))
}

/// An imported slot whose order nothing proves.
pub(super) fn order_unknown(name: &SlotName, publication: &PublicationName) -> Diagnostic {
    let detail = format!(
        "Nothing proves that publication `{publication}` is older than the slot. If its consumer runs, all is well; if it was \
         never started, and fails with `publication does not exist`, or misses changes on Postgres 18, make the slot again with \
         `-replace`. From here on the publication is watched. (Said once.)"
    );
    Diagnostic::warning(format!("The order of slot `{name}` and its publication is not known"), detail)
}

/// A slot of that name that is something else.
pub(super) fn not_ours(found: &Slot, place: &Place) -> Diagnostic {
    let name = &found.name;
    let what = match (found.kind, &found.database, &found.plugin) {
        (Kind::Physical, ..) => "a physical slot".to_owned(),
        _ if found.temporary => "a temporary slot".to_owned(),
        (_, Some(database), _) if *database != place.database => format!("a slot of database `{database}`"),
        (_, _, Some(plugin)) => format!("a slot of plugin `{plugin}`"),
        _ => "another slot".to_owned(),
    };
    let detail = format!("`{name}` is {what}. This resource manages logical slots of {place} with plugin `pgoutput`.");
    Diagnostic::error(format!("Slot `{name}` is another one"), detail).at(path!(name))
}
