//! Diagnostics of `neonrep_signal_table`.

use tfplugin::{Diagnostic, path};

use crate::handler::KEPT_FOR_ANOTHER;
use crate::handler::words::sentence;
use crate::postgres::TableName;
use crate::postgres::signal_table::{Misfit, Shape, SignalTable};

/// A table of the name is there already, and does not fit.
pub(super) fn does_not_fit(table: &TableName, shape: Shape, misfit: &Misfit) -> Diagnostic {
    let detail = format!(
        "The table exists, and does not have the shape `{shape}`: {misfit}. Nothing was changed.\n\nChoose another `name`, or change or drop \
         the table with SQL. The provider never alters a table."
    );
    Diagnostic::error(format!("Table `{table}` does not fit its shape"), detail).at(path!(name))
}

/// A table of the name is there already, and fits.
pub(super) fn existed(table: &TableName, shape: Shape) -> Diagnostic {
    let detail = format!(
        "It has the shape `{shape}`, so it is used as it is. Destroy keeps it, because this resource did not create it. To have it dropped \
         at destroy, import it."
    );
    Diagnostic::warning(format!("Table `{table}` existed before"), detail).at(path!(name))
}

/// The table of a state does not serve its consumer any more.
pub(super) fn lost_its_shape(table: &TableName, shape: Shape, misfit: &Misfit) -> Diagnostic {
    let detail = format!(
        "It was changed outside of Terraform, and does not have the shape `{shape}` any more: {misfit}. Its consumer cannot write \
         it.\n\nRestore the column with SQL. The provider never alters a table."
    );
    Diagnostic::warning(format!("Table `{table}` has lost its shape"), detail).at(path!(shape))
}

/// No shape fits what an import names.
pub(super) fn of_no_shape(found: &SignalTable) -> Diagnostic {
    let why = Shape::ALL.iter().filter_map(|it| Some(format!("- `{it}`: {}", it.misfit(found)?)));
    let why: Vec<String> = why.collect();
    let detail = format!("None of the shapes fits the table:\n{}", why.join("\n"));
    Diagnostic::error(format!("Table `{}` has no known shape", found.name), detail)
}

pub(super) fn renamed(before: &TableName, now: &TableName) -> Diagnostic {
    let detail = format!(
        "It was renamed outside of Terraform, and is `{now}` now. The state follows it.\n\nThe consumer writes `{before}`, so rename the \
         table back with SQL. Otherwise the next apply drops `{now}` and creates `{before}`."
    );
    Diagnostic::warning(format!("Table `{before}` was renamed"), detail).at(path!(name))
}

fn kept(table: &TableName, why: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Table `{table}` was kept"),
        format!("{} It was only removed from the state.", sentence(why) + "."),
    )
}

pub(super) fn kept_for_another(table: &TableName) -> Diagnostic {
    Diagnostic::warning(format!("Table `{table}` was kept"), KEPT_FOR_ANOTHER)
}

pub(super) fn kept_as_it_existed_before(table: &TableName) -> Diagnostic {
    kept(table, "the table existed before this resource")
}

pub(super) fn kept_as_recreated(table: &TableName) -> Diagnostic {
    kept(table, "the table was recreated outside of Terraform")
}

pub(super) fn kept_as_changed(table: &TableName, misfit: &Misfit) -> Diagnostic {
    kept(table, &format!("the table was changed outside of Terraform and may hold other data: {misfit}"))
}
