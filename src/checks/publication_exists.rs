//! The one idea: a known `publication_id` names a publication that is there now; an unknown one is made by this run, first.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::{PublicationName, SlotName};

/// The rule.
pub const CHECK: Check = Check {
    id: "publication_exists",
    level: Level::Error,
    rule: "A known `publication_id` names a publication that exists: a slot made before its publication is stuck for ever up \
           to Postgres 17, and loses changes without an error on 18.",
};

/// Judges what was found under the name; `place` says where it was looked for.
pub fn check(
    found: bool,
    publication: &PublicationName,
    slot: &SlotName,
    place: &str,
    at: &AttributePath,
) -> Option<Diagnostic> {
    if found {
        return None;
    }
    let detail = format!(
        "There is no publication `{publication}` in {place}. The publication must exist before slot `{slot}`: else the slot is \
         stuck for ever up to Postgres 17, and on 18 changes are lost without an error.\n\nIf this run makes the publication, \
         reference it, `publication_id = neonrep_publication.x.id`: then it is made first. If it is made elsewhere, make it \
         before."
    );
    Some(CHECK.error(format!("Publication `{publication}` does not exist"), detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Severity;

    #[test]
    fn only_an_absent_publication_is_refused() {
        let publication = PublicationName::parse("p").unwrap();
        let slot = SlotName::parse("s").unwrap();
        let judge = |found| check(found, &publication, &slot, "database `d`", &AttributePath::root());
        assert_eq!(judge(true), None);
        let refused = judge(false).unwrap();
        assert_eq!((refused.severity, refused.summary.as_str()), (Severity::Error, "Publication `p` does not exist"));
    }
}
