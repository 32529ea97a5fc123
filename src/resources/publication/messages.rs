//! Diagnostics of `neonrep_publication`.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::model::Model;
use crate::checks::tables_have_identity;
use crate::handler::KEPT_FOR_ANOTHER;
use crate::handler::words::{enumerate, sentence};
use crate::postgres::identity::Problem;
use crate::postgres::publication::Publication;
use crate::postgres::{self, PublicationName, SlotName, TableName};
use crate::target::{Database, ObjectId as _, PublicationId};

/// Tables, schemas or everything: something must be published, and everything excludes the rest.
pub(super) fn nothing_or_both(config: &Model) -> Diagnostics {
    let required = "Set `tables`, `schemas` or both, or `all_tables = true`.";
    let is_empty = |all: &Attr<_>| matches!(all, Attr::Null) || all.known().is_some_and(|it: &usize| *it == 0);
    let tables = config.tables.clone().map(|it| it.len());
    let schemas = config.schemas.clone().map(|it| it.len());
    let listed = !is_empty(&tables) || !is_empty(&schemas);
    match &config.all_tables {
        Attr::Known(true) if tables.known().is_some_and(|it| *it > 0) || schemas.known().is_some_and(|it| *it > 0) => {
            let detail = "`all_tables` publishes every table, so it excludes `tables` and `schemas`.";
            Diagnostic::error("`all_tables` excludes `tables` and `schemas`", detail).at(path!(all_tables)).into()
        }
        Attr::Null | Attr::Known(false) if !listed && !config.tables.is_null() => {
            let detail = format!("A publication without tables publishes nothing. {required}");
            Diagnostic::error("`tables` is empty", detail).at(path!(tables)).into()
        }
        Attr::Null | Attr::Known(false) if !listed => Diagnostic::error("Nothing to publish", required).into(),
        _ => columns_beside_schemas(config),
    }
}

/// Postgres refuses the combination (0A000, `publication_add_relation` in `pg_publication.c`).
fn columns_beside_schemas(config: &Model) -> Diagnostics {
    let (Attr::Known(tables), Attr::Known(schemas)) = (&config.tables, &config.schemas) else {
        return Diagnostics::none();
    };
    match tables.iter().find(|it| it.columns.known().is_some()) {
        Some(entry) if !schemas.is_empty() => {
            let name = entry.table().map_or_else(|_| String::new(), |it| format!(" of `{it}`"));
            let detail = format!(
                "Postgres does not allow a column list in a publication that publishes schemas. Remove `columns`{name}, or list \
                 the tables instead of `schemas`."
            );
            Diagnostic::error("Column list beside `schemas`", detail).at(path!(tables)).into()
        }
        _ => Diagnostics::none(),
    }
}

/// What Neon's fork asks a superuser for, and what anybody else can do.
pub(super) fn schemas_need_replace(name: &PublicationName) -> Diagnostic {
    let detail = "Only a superuser may add a schema to an existing publication (SQLSTATE 42501). Nothing was changed.\n\nTo allow \
                  the provider to drop and create the publication in one transaction, in which slots behind it lose nothing, \
                  set `allow_replace = true`.";
    Diagnostic::error(format!("Publication `{name}` must be dropped and created"), detail).at(path!(schemas))
}

/// Postgres lets only a superuser publish all tables or schemas; on Neon a member of `neon_superuser` may create such a publication.
pub(super) fn needs_superuser(doing: &str, error: &postgres::Error, all_tables: bool) -> Diagnostic {
    let (what, at) = if all_tables { ("all tables", path!(all_tables)) } else { ("schemas", path!(schemas)) };
    let detail = format!(
        "{} (SQLSTATE 42501). Nothing was changed.\n\nOnly a superuser can publish {what}, on Neon also a member of `neon_superuser`, \
         such as each role that the Neon API created. Set `connect_as` to such a role, or list the tables in `tables`.",
        sentence(error.message())
    );
    Diagnostic::error(format!("Cannot {doing}"), detail).at(at)
}

/// An identity that the publication as it would become cannot use, by the server's own facts.
pub(super) fn breaks_updates(name: &PublicationName, broken: &BTreeMap<TableName, Problem>) -> Diagnostic {
    let detail = format!(
        "With this change, UPDATE and DELETE of these tables would fail for the application:\n{}\n\nNothing was changed. \
         Change the column list or the row filter, or set the replica identity with a `neonrep_replica_identity` that \
         `replica_identity_id` references.",
        tables_have_identity::lines(broken)
    );
    Diagnostic::error(format!("Publication `{name}` would break updates"), detail).at(path!(tables))
}

/// From a list to all tables, or back. `outside`: the configuration did not change, the publication did.
pub(super) fn turn(planned: &Model, outside: bool, prior: &Model) -> Diagnostic {
    let words = |all: bool| if all { "all tables" } else { "a list of tables" };
    let (before, after) = (words(prior.all_tables.is_true()), words(planned.all_tables.is_true()));
    let name = planned.name.known().map_or("", PublicationName::as_str);
    let change = format!(
        "Postgres cannot alter a publication from {before} to {after}. The provider drops and creates it in one transaction. \
         Slots behind it lose nothing and its comment is kept. Its `oid` changes, and the connecting role becomes its owner."
    );
    if planned.allow_replace.is_true() {
        return Diagnostic::warning(format!("Publication `{name}` is dropped and created"), change)
            .at(path!(all_tables));
    }
    let advice = "To allow that, set `allow_replace = true`.";
    if outside {
        let detail = format!(
            "It was changed to {before} outside of Terraform. {change}\n\n{advice} Until then, the apply of this change fails."
        );
        return Diagnostic::warning(format!("Publication `{name}` was changed outside"), detail).at(path!(all_tables));
    }
    let summary = format!("Publication `{name}` cannot become one of {after} in place");
    Diagnostic::error(summary, format!("{change}\n\n{advice}")).at(path!(all_tables))
}

pub(super) fn missing_tables(missing: &BTreeSet<&TableName>) -> Diagnostic {
    let summary = match missing.first() {
        Some(one) if missing.len() == 1 => format!("Table `{one}` does not exist"),
        _ => format!("{} tables do not exist", missing.len()),
    };
    let detail = format!(
        "Not found in the database: {}. Names are case-sensitive. A table without `schema` is in `public`. Nothing was \
         changed.\n\nCreate the tables first, or remove them from `tables`.",
        enumerate(missing)
    );
    Diagnostic::error(summary, detail).at(path!(tables))
}

pub(super) fn not_publishable(refused: &[String]) -> Diagnostic {
    let detail = format!(
        "Postgres does not publish:\n{}\n\nNothing was changed. Remove them from `tables`.",
        refused.join("\n")
    );
    Diagnostic::error("Some tables cannot be published", detail).at(path!(tables))
}

pub(super) fn without_identity(name: &PublicationName, broken: &BTreeSet<String>) -> Diagnostic {
    let detail = format!("{}\n\nNothing was changed.", tables_have_identity::detail(name, broken));
    Diagnostic::error(tables_have_identity::summary(broken), detail).at(path!(tables))
}

pub(super) fn exists(at: &Database, name: &PublicationName) -> Diagnostic {
    let id = PublicationId { database: at.clone(), name: name.clone() };
    let detail = format!(
        "A publication with this name exists in {at}. Nothing was changed.\n\nTo manage it here, import it with the ID `{id}` \
         (form `{form}`), or set `adopt = true`: it is then changed to match the configuration, and never dropped.\n\nIf this \
         resource replaces one of the same name with `create_before_destroy`, the old publication still exists: use another \
         name for the new one.",
        form = PublicationId::FORM
    );
    Diagnostic::error(format!("Publication `{name}` already exists"), detail).at(path!(name))
}

pub(super) fn gone(name: &PublicationName) -> Diagnostic {
    let detail =
        "It existed when the plan was made. Since then it was dropped or renamed. Nothing was changed.\n\nPlan again.";
    Diagnostic::error(format!("Publication `{name}` no longer exists"), detail)
}

pub(super) fn must_be_replaced(name: &PublicationName, have: &Publication) -> Diagnostic {
    let kind = if have.all_tables { "all tables" } else { "a list of tables" };
    let detail = format!(
        "It publishes {kind}, and Postgres cannot alter that in place. Nothing was changed.\n\nTo allow the provider to drop and \
         create it in one transaction, in which slots behind it lose nothing, set `allow_replace = true`."
    );
    Diagnostic::error(format!("Publication `{name}` must be dropped and created"), detail).at(path!(all_tables))
}

pub(super) fn streamed(name: &PublicationName, streaming: &[String]) -> Diagnostic {
    let detail = format!(
        "These sessions stream from it, or may do so, because not every command can be read:\n{}\n\nWithout its publication a \
         consumer fails repeatedly, and on Postgres 18 it receives nothing more. Nothing was changed.\n\nStop the consumer \
         first, or set `force_destroy = true`, apply, and destroy again.",
        streaming.join("\n")
    );
    Diagnostic::error(format!("A consumer streams from publication `{name}`"), detail)
}

/// Which slots belonged to the publication is not recorded on the server, so the message says what may be.
pub(super) fn slots_may_be_stuck(name: &PublicationName, idle: &BTreeSet<SlotName>) -> Diagnostic {
    Diagnostic::warning(
        format!("Slots may be left without publication `{name}`"),
        format!(
            "These slots of the database use `pgoutput` and have no consumer: {}. A slot whose consumer asks for `{name}` cannot \
             continue, and keeps write-ahead log. Drop such a slot when its consumer is gone.",
            enumerate(idle)
        ),
    )
}

pub(super) fn kept_adopted(name: &PublicationName) -> Diagnostic {
    Diagnostic::warning(
        format!("Publication `{name}` was kept"),
        "It was adopted, so it is not dropped. It was only removed from the state.",
    )
}

/// Its comment says that it was adopted, and this state has not written that.
pub(super) fn kept_marked(name: &PublicationName) -> Diagnostic {
    let detail = format!(
        "Its comment has a mark of another `neonrep_publication` that adopted it. This state did not write the mark, so it is no \
         proof, but dropping an adopted publication would take it away from whoever uses it. It was only removed from the state.\n\n\
         If nobody uses it, run `DROP PUBLICATION {name}`. With `force_destroy = true` destroy drops it in spite of the mark."
    );
    Diagnostic::warning(format!("Publication `{name}` was kept"), detail)
}

pub(super) fn kept_for_another(name: &PublicationName) -> Diagnostic {
    Diagnostic::warning(format!("Publication `{name}` was kept"), KEPT_FOR_ANOTHER)
}
