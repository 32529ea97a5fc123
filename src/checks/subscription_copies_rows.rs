//! A subscription receives rows: tables, their changes and sequences are somebody else's work.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};

pub(crate) const CHECK: Check = Check {
    id: "subscription_copies_rows",
    level: Level::Warning,
    rule: "What a new subscription does not copy is said once: tables, later DDL and the values of sequences.",
};

/// What a new subscription says. `database`: where it is.
pub(crate) fn check(database: &str, copy_data: bool, at: &AttributePath) -> Diagnostic {
    let rows = if copy_data {
        "Rows that exist at the publisher are copied into tables that exist here. A table that has rows already gets duplicates, \
         or stops the copy with a duplicate key."
    } else {
        "`copy_data = false`: rows that exist at the publisher are not copied."
    };
    let detail = format!(
        "{rows}\n\nNot replicated:\n- Tables and later changes of them. Each published table must exist in {database}, with the same \
         schema, name and columns, or the apply fails.\n- The values of sequences. Set them before the application writes here.\n\nWhile \
         the subscription runs, neither compute is suspended."
    );
    CHECK.warning("A subscription copies rows, not tables or sequences", detail, at.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_copied_is_said() {
        let said = |copy| check("database `d`", copy, &AttributePath::root()).detail;
        for part in ["database `d`", "sequences", "duplicate"] {
            assert!(said(true).contains(part), "{part}");
        }
        assert!(said(false).contains("rows that exist at the publisher are not copied"));
    }
}
