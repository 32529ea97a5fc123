//! A table that exists already, where a signal table is to be created, has the shape that its consumer needs.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::signal_table::{Shape, SignalTable};

/// The rule.
pub(crate) const CHECK: Check = Check {
    id: "signal_table_fits",
    level: Level::Error,
    rule: "An existing table that a new `neonrep_signal_table` names has the columns of its `shape`.",
};

/// Checks what is there under the name; `None`: nothing, so that the table will be created.
pub(crate) fn check(found: Option<&SignalTable>, shape: Shape, at: &AttributePath) -> Option<Diagnostic> {
    let found = found?;
    let misfit = shape.misfit(found)?;
    let detail = format!(
        "It exists, and does not have the shape `{shape}`: {misfit}.\n\nChoose another `name`, or change or drop the table with SQL. The \
         provider never alters a table."
    );
    Some(CHECK.error(format!("Table `{}` does not fit its shape", found.name), detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::postgres::TableName;
    use crate::postgres::signal_table::Column;
    use crate::postgres::table::Kind;

    #[test]
    fn only_an_existing_table_of_another_shape_is_refused() {
        let column = |of: &str| Column { of: of.to_owned(), not_null: false, has_default: false, generated: false };
        let table = SignalTable {
            oid: 20_000,
            name: TableName::parse("public", "flow_watermarks").unwrap(),
            kind: Kind::Table,
            is_permanent: true,
            columns: BTreeMap::from([("slot".to_owned(), column("text")), ("watermark".to_owned(), column("text"))]),
            key: vec!["slot".to_owned()],
        };
        let said = |found, shape| check(found, shape, &AttributePath::root()).map(|it| it.summary);
        assert_eq!(said(None, Shape::Heartbeat), None);
        assert_eq!(said(Some(&table), Shape::EstuaryWatermarks), None);
        let refused = said(Some(&table), Shape::Heartbeat);
        assert_eq!(refused.as_deref(), Some("Table `public.flow_watermarks` does not fit its shape"));
    }
}
