//! Diagnostics of `neonrep_subscription`. None of them has a part of a connection string.

use std::time::Duration;

use tfplugin::schema::timeouts::duration_text;
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, path};

use super::model::Model;
use crate::handler::words::sentence;
use crate::handler::{Call, KEPT_FOR_ANOTHER, explain};
use crate::postgres::connection::Notice;
use crate::postgres::conninfo::{ConnInfo, Malformed};
use crate::postgres::{self, Kind, SlotName, SubscriptionName};
use crate::secret::Secret;
use crate::target::{Database, Server, SubscriptionId};

/// A connection string that libpq would not read as it is meant, or that leads through a pooler.
pub(super) fn wrong_connection(config: &Model) -> Diagnostics {
    let Attr::Known(text) = &config.connection_wo else { return Diagnostics::none() };
    match ConnInfo::parse(&Secret::new(text.expose())) {
        Ok(connection) if connection.is_pooled() => {
            let detail = "Neon's connection pooler does not replicate. Use the direct host, without `-pooler`, such as \
                          `ephemeral.neonrep_connection.<name>.uri`.";
            Diagnostic::error("Pooled host in `connection_wo`", detail).at(path!(connection_wo)).into()
        }
        Ok(_) => Diagnostics::none(),
        Err(wrong) => malformed(wrong).into(),
    }
}

fn malformed(wrong: Malformed) -> Diagnostic {
    let detail = format!("{}. The value is not shown.", sentence(&wrong.to_string()));
    Diagnostic::error("`connection_wo` is not a connection string", detail).at(path!(connection_wo))
}

/// A slot is named after its subscription, if the name is one of a slot.
pub(super) fn no_slot_name(config: &Model) -> Diagnostics {
    let (Attr::Known(name), Attr::Null) = (&config.name, &config.slot_name) else { return Diagnostics::none() };
    match SlotName::parse(name.as_str()) {
        Ok(_) => Diagnostics::none(),
        Err(wrong) => {
            let detail = format!(
                "{}. Without `slot_name`, the slot has the name of the subscription.",
                sentence(&wrong.to_string())
            );
            Diagnostic::error("Missing `slot_name`", detail).at(path!(slot_name)).into()
        }
    }
}

pub(super) fn nothing_to_receive(config: &Model) -> Diagnostics {
    match &config.publications {
        Attr::Known(all) if all.is_empty() => {
            Diagnostic::error("`publications` is empty", "Name at least one publication of the publisher.")
                .at(path!(publications))
                .into()
        }
        _ => Diagnostics::none(),
    }
}

/// `creates`: the subscription is new. Otherwise its connection string is to be set again.
pub(super) fn no_connection(creates: bool) -> Diagnostic {
    let why =
        if creates { "A new subscription needs it." } else { "`connection_wo_version` changes, so it is set again." };
    let detail = format!(
        "{why} For a Neon project, use `ephemeral.neonrep_connection.<name>.uri`, which needs Terraform or OpenTofu 1.11 or later. It is \
         stored neither in the state nor in the plan."
    );
    Diagnostic::error("Missing `connection_wo`", detail).at(path!(connection_wo))
}

pub(super) fn exists(at: &Database, name: &SubscriptionName) -> Diagnostic {
    let id = SubscriptionId { database: at.clone(), name: name.clone() };
    let detail = format!(
        "{} has a subscription with this name. Nothing was changed.\n\nTo manage it here, import it with the ID `{id}`. If this resource \
         replaces one of the same name with `create_before_destroy`, use another name for the new one.",
        sentence(&at.to_string())
    );
    Diagnostic::error(format!("Subscription `{name}` already exists"), detail).at(path!(name))
}

/// An update finds nothing to change.
pub(super) fn gone(name: &SubscriptionName) -> Diagnostic {
    let detail = "It was dropped outside of Terraform. Nothing was changed. Plan again: the plan creates it.";
    Diagnostic::error(format!("Subscription `{name}` does not exist"), detail).at(path!(name))
}

/// A refresh does not find it any more.
pub(super) fn is_gone(at: &Database, name: &SubscriptionName, slot: Option<&SlotName>) -> Diagnostic {
    let why = match &at.server {
        Server::Neon(_) => {
            "Neon drops subscriptions when a branch is created from another one, reset or restored; otherwise somebody dropped it."
        }
        Server::Direct => "Somebody dropped it.",
    };
    let slot = slot.map_or_else(String::new, |slot| {
        format!(
            " Slot `{slot}` may still be at the publisher. If no other subscription uses it, drop it there: \
             `SELECT pg_drop_replication_slot('{slot}')`."
        )
    });
    let detail = format!("{} no longer has it. {why}{slot}", sentence(&at.to_string()));
    Diagnostic::warning(format!("Subscription `{name}` no longer exists"), detail)
}

pub(super) fn kept_for_another(name: &SubscriptionName) -> Diagnostic {
    Diagnostic::warning(format!("Subscription `{name}` was kept"), KEPT_FOR_ANOTHER)
}

/// A publication that is not there: the subscription stops until it is.
pub(super) fn of_publisher(name: &SubscriptionName, notices: &[Notice]) -> Vec<Diagnostic> {
    const UNDEFINED_OBJECT: &str = "42704";
    let told = notices.iter().filter(|it| it.severity == "WARNING" && it.sqlstate == UNDEFINED_OBJECT);
    told.map(|it| {
        let detail = format!(
            "{}.\n\nUntil it exists, the subscription receives nothing. A slot created before its publication gets stuck permanently \
             on Postgres 17 and earlier: after creating the publication, run `terraform apply -replace=<address>` with the address of \
             this resource.",
            sentence(&it.message)
        );
        Diagnostic::warning(format!("Publication of subscription `{name}` is missing"), detail).at(path!(publications))
    })
    .collect()
}

/// The argument to look at when a change was refused: only the owner changes a subscription.
pub(super) fn argument_of(error: &postgres::Error) -> AttributePath {
    match error.kind() {
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => path!(name),
    }
}

// The subscriber repeats the publisher's words and not its SQLSTATE. A publisher of another language gets the advice for all.

/// 42710 of a publisher.
const SLOT_EXISTS: &str = "already exists";

/// 42601 of a publisher, up to 14 and later.
const NO_OPTION: [&str; 2] = ["syntax error", "unrecognized option"];

/// The argument that an older publisher refuses, and what it requires. The slot is created with them (`libpqrcv_create_slot`).
fn unknown_to_publisher(error: &postgres::Error, plan: &Model) -> Option<(&'static str, AttributePath)> {
    if !NO_OPTION.iter().any(|it| error.message().contains(it)) {
        return None;
    }
    if plan.failover.is_true() {
        return Some(("`failover` requires Postgres 17 or later at the publisher too.", path!(failover)));
    }
    let two_phase = ("`two_phase` requires Postgres 15 or later at the publisher too.", path!(two_phase));
    plan.two_phase.is_true().then_some(two_phase)
}

/// What the server says of a statement that reached, or should have reached, the publisher.
pub(super) fn refused(call: &Call<'_>, error: &postgres::Error, plan: &Model) -> Diagnostic {
    let explained = explain::postgres(call.doing(), error);
    let unknown = unknown_to_publisher(error, plan).filter(|_| error.kind() == Kind::Publisher);
    let (advice, at) = match error.kind() {
        Kind::UndefinedTable | Kind::UndefinedSchema => (
            "Each published table must exist here, with the same schema, name and columns: logical replication copies rows, not \
             tables. Create it first, for example with `pg_dump --schema-only` of the publisher.",
            path!(publications),
        ),
        Kind::WrongObject => {
            ("A published table must be a table here too, not a view or a foreign table.", path!(publications))
        }
        Kind::Publisher | Kind::Config => unknown.unwrap_or((
            "The server that subscribes connects to the publisher by itself: host and port must be reachable from there (IP Allow, \
             firewalls), and `sslrootcert` names a file there. The role needs REPLICATION, and SELECT on the tables for the first copy.",
            path!(connection_wo),
        )),
        Kind::InsufficientPrivilege => (
            "From Postgres 16, a role that creates subscriptions is a member of `pg_create_subscription` and has CREATE on the database; \
             before, it is a superuser. On Neon, members of `neon_superuser` may. Only the owner changes a subscription.",
            path!(connect_as),
        ),
        // 2F003: a password is required.
        Kind::Other if error.sqlstate() == Some("2F003") => (
            "A role that is not a superuser must give a password in `connection_wo`, and the publisher must ask for it.",
            path!(connection_wo),
        ),
        _ if plan.two_phase.is_true() && plan.copy_data.is_true() && error.sqlstate() == Some("42601") => {
            ("A subscription with `two_phase` can receive new tables only with `copy_data = false`.", path!(copy_data))
        }
        _ => return explained,
    };
    Diagnostic { detail: format!("{}\n\n{advice}", explained.detail), ..explained }.at(at)
}

/// A creation that the server, or the publisher, refuses. `was_lost`: the connection was lost during an earlier attempt. What that has
/// left at the publisher the provider cannot see: only the server of the subscription connects there.
pub(super) fn not_created(call: &Call<'_>, error: &postgres::Error, plan: &Model, was_lost: bool) -> Diagnostic {
    // The publisher's own refusal; a publisher that cannot be reached is 08006 (`libpqwalreceiver.c`).
    let by_publisher = error.kind() == Kind::Publisher && error.sqlstate() == Some("08P01");
    let may_be_of_slot = was_lost || by_publisher && unknown_to_publisher(error, plan).is_none();
    let slot = plan.slot();
    let (Attr::Known(slot), true, true) = (&slot, plan.creates_slot(), may_be_of_slot) else {
        return refused(call, error, plan);
    };
    let drop_it = format!("drop it there with `SELECT pg_drop_replication_slot('{slot}')`, then apply again.");
    let advice = if was_lost {
        format!(
            "The connection was lost during an earlier attempt, which may have created slot `{slot}` at the publisher. If it is there \
             and no other subscription uses it, {drop_it}"
        )
    } else if error.message().contains(SLOT_EXISTS) {
        format!(
            "Slot `{slot}` is at the publisher already. If another subscription uses it, such as that of the parent branch on Neon, set \
             another `slot_name`. If it is left from an earlier attempt, or from a subscription that is gone, {drop_it} To use it as it \
             is, set `create_slot = false`."
        )
    } else {
        format!(
            "Slot `{slot}` may be left at the publisher from this attempt. If it is there and no other subscription uses it, {drop_it}"
        )
    };
    let explained = explain::postgres(call.doing(), error);
    Diagnostic { detail: format!("{}\n\n{advice}", explained.detail), ..explained }.at(path!(slot_name))
}

/// `waited`: until its timeout; `None`: until the user interrupted the run.
pub(super) fn took_too_long(name: &SubscriptionName, slot: Option<&SlotName>, waited: Option<Duration>) -> Diagnostic {
    let summary = match waited {
        Some(time) => format!("Subscription `{name}` was not created within {}", duration_text(time)),
        None => format!("Creation of subscription `{name}` was interrupted"),
    };
    let slot = slot.map_or_else(String::new, |slot| {
        format!(
            " If it was creating slot `{slot}`, the publisher may finish that later: look at `pg_replication_slots` there, and drop it \
             with `SELECT pg_drop_replication_slot('{slot}')`."
        )
    });
    let detail = format!(
        "Creating the slot waits for every open transaction of the publisher that has written data.{slot}\n\nIf `connection_wo` leads to \
         the server of the subscription under another name, the statement waits for itself: create the slot with a `neonrep_slot` and \
         set `create_slot = false`."
    );
    let told = Diagnostic::error(summary, detail);
    // Who interrupts a run does not ask for advice; the CLI would quote the line of the connection string.
    if waited.is_some() { told.at(path!(connection_wo)) } else { told }
}

/// The subscription is gone, and its slot is not. `why`: the server's words, if there are any.
pub(super) fn slot_left(name: &SubscriptionName, slot: &SlotName, why: Option<&postgres::Error>) -> Diagnostic {
    let why = why.map_or_else(
        || "`on_destroy` says so, or the slot belongs to whoever created it.".to_owned(),
        |error| format!("The slot could not be dropped: {}.", sentence(error.message())),
    );
    let detail = format!(
        "Subscription `{name}` was dropped. {why}\n\nA slot that nobody reads keeps write-ahead log at the publisher. If it is still there \
         and no longer needed, drop it there: `SELECT pg_drop_replication_slot('{slot}')`."
    );
    Diagnostic::warning(format!("Slot `{slot}` was left at the publisher"), detail)
}

/// Tables of the publications that could not be taken up, after everything else was changed.
pub(super) fn disabled_again(explained: Diagnostic) -> Diagnostic {
    let detail = format!("{}\n\nThe subscription was disabled again.", explained.detail);
    Diagnostic { detail, ..explained }
}

/// A run that was interrupted before a statement that reaches the publisher had its answer.
pub(super) fn interrupted(doing: &str) -> Diagnostic {
    Diagnostic::error(format!("Cannot {doing}"), "The run was interrupted. Plan again to see the current state.")
}
