//! Diagnostics of `neonrep_replica_identity`.

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::model::{ModeWord, Model};
use crate::checks::mode_serves_publications;
use crate::handler::words::sentence;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::Kind;
use crate::postgres::{IndexName, PublicationName, TableName};

/// `index_name` belongs to mode `index`.
pub(super) fn mode_without_index(config: &Model) -> Diagnostics {
    let (summary, detail) = match (&config.mode, &config.index_name) {
        (Attr::Known(ModeWord::Index), Attr::Null) => {
            ("Missing `index_name`", "Mode `index` requires `index_name`, the name of a unique index of the table.")
        }
        (Attr::Known(mode), Attr::Known(_)) if *mode != ModeWord::Index => {
            ("`index_name` without mode `index`", "Set `mode = \"index\"`, or remove `index_name`.")
        }
        _ => return Diagnostics::none(),
    };
    Diagnostic::error(summary, detail).at(path!(index_name)).into()
}

pub(super) fn missing_table(table: &TableName) -> Diagnostic {
    let detail = "It is not in the database. Names are case-sensitive. Nothing was changed.\n\nCreate the table first, or correct \
                  the name. If the table was dropped outside of Terraform, plan again.";
    Diagnostic::error(format!("Table `{table}` does not exist"), detail).at(path!(table))
}

pub(super) fn not_a_table(table: &TableName, kind: Kind) -> Diagnostic {
    let detail = format!("It is a {}. Only tables and partitioned tables have a replica identity.", kind.as_str());
    Diagnostic::error(format!("`{table}` has no replica identity"), detail).at(path!(table))
}

/// `why`: what is wrong with the index; `None` when the table has no such index.
pub(super) fn unsuitable_index(table: &TableName, index: &IndexName, why: Option<&str>) -> Diagnostic {
    let why = match why {
        None => format!("Table `{table}` has no index `{index}`"),
        Some(why) => sentence(why),
    };
    let detail = format!(
        "{why}. Nothing was changed.\n\nA replica identity requires a unique index that is neither partial nor deferrable, over \
         columns that are `NOT NULL`."
    );
    Diagnostic::error(format!("Index `{index}` cannot identify rows"), detail).at(path!(index_name))
}

/// A publication of the table could not use what shall be set.
pub(super) fn unserved(table: &TableName, mode: &Mode, unserved: &[(&PublicationName, &'static str)]) -> Diagnostic {
    let detail = format!(
        "{} Nothing was changed.\n\nChange the publication first, or choose another mode.",
        mode_serves_publications::sentence(table, mode, unserved)
    );
    Diagnostic::error(format!("A publication needs the replica identity of `{table}`"), detail).at(path!(mode))
}

/// A publication of the table could not use what was there before.
pub(super) fn still_needed(
    table: &TableName,
    original: &Mode,
    unserved: &[(&PublicationName, &'static str)],
) -> Diagnostic {
    let detail = format!(
        "{} Nothing was changed.\n\nTerraform removes resources before it changes others. Choose one:\n\
         - Remove the table from the publication, apply, then remove this resource.\n\
         - Add `lifecycle {{ create_before_destroy = true }}` to this resource, and apply that before the removal. Terraform then \
         changes the publication first.\n\
         - Set `on_destroy = \"keep\"`, and apply that before the removal. The table then keeps its replica identity.\n\n\
         A destroy of both is in order if the publication references this resource as `replica_identity_id`.",
        mode_serves_publications::sentence(table, original, unserved)
    );
    Diagnostic::error(format!("A publication needs the replica identity of `{table}`"), detail).at(path!(mode))
}

fn kept(table: &TableName, why: &str) -> Diagnostic {
    let detail = format!("{why} It was only removed from the state.");
    Diagnostic::warning(format!("Table `{table}` keeps its replica identity"), detail)
}

pub(super) fn kept_for_another(table: &TableName) -> Diagnostic {
    let detail = "Another resource of this run has set it (`create_before_destroy`), or the last refresh found it at a second \
                  address of the state. It was only removed from the state.\n\nIf no other address holds it any more, restore what \
                  the table had before with `ALTER TABLE … REPLICA IDENTITY …`.";
    Diagnostic::warning(format!("Table `{table}` keeps its replica identity"), detail)
}

pub(super) fn kept_after_import(table: &TableName) -> Diagnostic {
    kept(table, "The replica identity was imported, so what the table had before is not known.")
}

pub(super) fn kept_without_index(table: &TableName, index: Option<&IndexName>) -> Diagnostic {
    let index = index.map_or_else(|| "The index".to_owned(), |it| format!("Index `{it}`"));
    kept(table, &format!("{index}, which identified rows before, no longer exists or is not suitable any more."))
}

pub(super) fn renamed(before: &TableName, now: &TableName) -> Diagnostic {
    let detail = format!(
        "It was renamed outside of Terraform, and is `{now}` now. The state follows it.\n\nSet `schema` and `table` to the new \
         name. Otherwise the next apply restores what `{now}` had before, and sets the replica identity of `{before}`."
    );
    Diagnostic::warning(format!("Table `{before}` was renamed"), detail).at(path!(table))
}

/// A publication needs an identity that the table does not have any more.
pub(super) fn lost(table: &TableName, mode: &Mode) -> Diagnostic {
    let why = match mode {
        Mode::Default => "It has no primary key any more, or the key is deferrable.",
        _ => "The index that identified its rows no longer exists or is not valid.",
    };
    let detail = format!(
        "{why} A publication sends its updates or deletes, so each UPDATE and DELETE of the table fails, for the application \
         too (SQLSTATE 55000).\n\nRecreate the key or the index, or set `mode = \"full\"`."
    );
    Diagnostic::warning(format!("Table `{table}` has lost its replica identity"), detail)
}
