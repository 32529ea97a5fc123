//! A replica identity serves the publications that send the table's updates and deletes.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::replica_identity::{Mode, Publisher};
use crate::postgres::{PublicationName, TableName};

/// The rule.
pub const CHECK: Check = Check {
    id: "mode_serves_publications",
    level: Level::Warning,
    rule: "A replica identity that is set can be used by each publication of the table; the apply refuses it otherwise.",
};

/// Publications of the table that could not use the mode, each with why.
pub fn unserved<'a>(
    publishers: &'a [Publisher],
    mode: &Mode,
    has_primary_key: bool,
    index_valid: bool,
) -> Vec<(&'a PublicationName, &'static str)> {
    publishers.iter().filter_map(|it| Some((&it.name, it.why_not(mode, has_primary_key, index_valid)?))).collect()
}

/// The unserved publications in a sentence.
pub fn sentence(table: &TableName, mode: &Mode, unserved: &[(&PublicationName, &'static str)]) -> String {
    let list: Vec<String> = unserved.iter().map(|(name, why)| format!("publication `{name}`: {why}")).collect();
    format!(
        "With replica identity {}, table `{table}` cannot be published as it is by {}.",
        mode.as_str().to_uppercase(),
        list.join("; ")
    )
}

/// Judges a mode against the publications of its table.
pub fn check(
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
    use super::*;
    use crate::postgres::publication::Operation;

    #[test]
    fn only_modes_that_identify_rows_serve_updates() {
        let publishers = |publish: &[Operation]| {
            vec![Publisher {
                name: PublicationName::parse("p").unwrap(),
                publish: publish.iter().copied().collect(),
                has_columns: false,
                has_filter: false,
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
            let unserved = unserved(&publishers, &mode, has_key, false);
            let found = check(&table, &mode, &unserved, &AttributePath::root());
            assert_eq!(found.is_some(), warned, "{mode:?} {has_key} {publish:?}");
        }
    }
}
