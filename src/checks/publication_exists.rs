//! The one idea: a known `publication_id` names an existing publication; an unknown one is created by this run, first.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::PublicationName;

/// Why the order matters. Whatever is said of it, on pages and in messages, is this sentence.
pub(crate) const SLOT_BEFORE_PUBLICATION: &str = "A slot created before its publication gets stuck permanently on Postgres 17 and \
                                           earlier, and silently skips changes on 18.";

pub(crate) const CHECK: Check = Check {
    id: "publication_exists",
    level: Level::Error,
    rule: "A known `publication_id` names an existing publication.",
};

/// Checks whether a publication was found; `database` says where, as in "database `d` of branch `br-1`".
pub(crate) fn check(
    found: bool,
    publication: &PublicationName,
    database: &str,
    at: &AttributePath,
) -> Option<Diagnostic> {
    (!found).then(|| CHECK.error(summary(publication), detail(publication, database), at.clone()))
}

/// The same for an apply that finds no publication.
pub(crate) fn summary(publication: &PublicationName) -> String {
    format!("Publication `{publication}` does not exist")
}

/// What was found, why it matters and what to do.
pub(crate) fn detail(publication: &PublicationName, database: &str) -> String {
    format!(
        "There is no publication `{publication}` in {database}. {SLOT_BEFORE_PUBLICATION}\n\nIf this configuration creates the publication, set \
         `publication_id = neonrep_publication.<name>.id`. Otherwise create the publication first."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Severity;

    #[test]
    fn only_an_absent_publication_is_refused() {
        let publication = PublicationName::parse("p").unwrap();
        let found = |found| check(found, &publication, "database `d`", &AttributePath::root());
        assert_eq!(found(true), None);
        let refused = found(false).unwrap();
        assert_eq!((refused.severity, refused.summary.as_str()), (Severity::Error, "Publication `p` does not exist"));
    }
}
