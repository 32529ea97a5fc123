//! A replica identity serves the publications that send the table's updates and deletes.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::identity::{self, TableFacts};
use crate::postgres::publisher::Publisher;
use crate::postgres::replica_identity::Mode;
use crate::postgres::{PublicationName, ServerVersion, TableName};

pub(crate) const CHECK: Check = Check {
    id: "mode_serves_publications",
    level: Level::Warning,
    rule: "A replica identity that is set can be used by each publication of the table; the apply refuses it otherwise.",
};

/// Publications of the table that could not use its identity, each with why.
pub(crate) fn unserved<'a>(
    version: ServerVersion,
    table: &TableFacts,
    publishers: &'a [Publisher],
) -> Vec<(&'a PublicationName, &'static str)> {
    let why = |it: &Publisher| identity::problem(version, table, &it.published_as).map(|it| it.reason());
    publishers.iter().filter_map(|it| Some((&it.name, why(it)?))).collect()
}

/// The unserved publications in a sentence.
pub(crate) fn sentence(table: &TableName, mode: &Mode, unserved: &[(&PublicationName, &'static str)]) -> String {
    let list: Vec<String> = unserved.iter().map(|(name, why)| format!("publication `{name}`: {why}")).collect();
    format!(
        "With replica identity {}, table `{table}` cannot be published as it is by {}.",
        mode.as_str().to_uppercase(),
        list.join("; ")
    )
}

/// Checks a mode against the publications of its table.
pub(crate) fn check(
    table: &TableName,
    mode: &Mode,
    unserved: &[(&PublicationName, &'static str)],
    at: &AttributePath,
) -> Option<Diagnostic> {
    if unserved.is_empty() {
        return None;
    }
    let detail = format!(
        "{}\n\nThe apply will refuse it, unless the publication changes before. Reference `replica_identity_id` in the \
         publication, so that Terraform keeps the order.",
        sentence(table, mode, unserved)
    );
    Some(CHECK.warning(format!("Replica identity of `{table}` would break a publication"), detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples;
    use super::*;
    use crate::postgres::RoleName;
    use crate::postgres::identity::PublishedAs;
    use crate::postgres::publication::Operation;
    use crate::postgres::table::Table;

    #[test]
    fn only_modes_that_identify_rows_serve_updates() {
        let publishers = |publish: &[Operation]| {
            vec![Publisher {
                name: PublicationName::parse("p").unwrap(),
                oid: 20_000,
                owner: RoleName::parse("o").unwrap(),
                published_as: PublishedAs::whole(publish.iter().copied()),
                filter: None,
            }]
        };
        let table = TableName::parse("public", "t").unwrap();
        for (mode, has_key, publish, warned) in [
            (Mode::Full, false, &Operation::ALL[..], false),
            (Mode::Nothing, true, &Operation::ALL[..], true),
            (Mode::Nothing, true, &[Operation::Insert][..], false),
            (Mode::Default, false, &Operation::ALL[..], true),
            (Mode::Default, true, &Operation::ALL[..], false),
        ] {
            let publishers = publishers(publish);
            let facts = Table { has_primary_key: has_key, ..samples::table("t") }.facts_as(&mode, &BTreeSet::new());
            let unserved = unserved(ServerVersion::from_num(170_000), &facts, &publishers);
            let found = check(&table, &mode, &unserved, &AttributePath::root());
            assert_eq!(found.is_some(), warned, "{mode:?} {has_key} {publish:?}");
        }
    }
}
