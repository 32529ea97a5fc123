//! neonrep: a Terraform and OpenTofu provider that prepares a Neon project as a source of logical replication.
//!
//! # Where things are
//!
//! One resource is one folder `src/resources/<x>` with its prose in `page.md`, one folder
//! `examples/resources/neonrep_<x>`, one `tests/it/acceptance/<x>.rs`, and one line in `resources::all`.
//! `CONTRIBUTING.md` lists all parts. The files of a resource have the same names everywhere: `mod.rs` (schema and
//! handlers of a few lines), `model.rs`, `plan.rs`, `apply.rs` (create, update, delete), `check.rs`, `messages.rs`.
//!
//! The modules, from the outside in:
//!
//! - [`tfplugin`], a crate of its own: the plugin protocol and a framework for providers. Knows nothing of this one.
//! - `provider`: the provider block, and the lists of what there is. The only reader of the environment.
//! - `resources`, `data_sources`, `ephemeral`: one folder each: schema, handlers, what an error means to the user.
//! - `handler`: what handlers share: the way to a database, transactions, errors of lower layers as diagnostics.
//! - `checks`: one plan-time rule per file, a pure function over observed facts.
//! - `target`: the server on which SQL runs, how to log in, ids of objects, and snapshots that reads of one database
//!   share.
//! - `destinations`: what each consumer and each source needs, one file per system. [`guides`]: pages rendered from it.
//! - `functions`: the provider functions. They compute what consumers take, from plain values.
//! - `neon`: Neon's HTTP API. `postgres`: one Postgres server. Neither knows Terraform or the other.
//! - `secret`: a text that cannot be printed. `single_flight`: a load that several callers request at once runs once.
//!
//! # The one idea
//!
//! A known id is a fact that is checked; an unknown id is a promise that Terraform keeps in order. The `id` of a
//! publication is unknown until the publication exists, and a slot needs it. So at plan a known id must name an existing
//! publication, and an unknown one belongs to a publication that the same run creates first.
//!
//! # Invariants
//!
//! - `neon` and `postgres` use only `secret` and `single_flight`. A resource never names another resource. No file imports
//!   itself by way of others. `tests/it/architecture` checks this.
//! - No text becomes SQL: a statement is a fixed template and typed fragments (`postgres::sql`). No secret becomes text.
//! - A resource contains no SQL and no URL. The lower layers build no diagnostic.
//! - Planning is a function over values. A check adds diagnostics and cannot change a plan.
//! - Errors are told apart by SQLSTATE or HTTP status; the exceptions (Neon's proxy, `tuple concurrently updated`) are
//!   all in `postgres::error`.
//! - Collections are sorted: same input, same bytes out.
//!
//! # Why not the crate `tf-provider`
//!
//! It accepts clients without a certificate. It ends on Ctrl-C in the middle of a create, so the object is in no state. It
//! cannot carry numbers such as `0.1`, stops at protocol 6.5, and has had no release since 2024. `tfplugin` replaces it.

mod checks;
mod data_sources;
mod destinations;
mod ephemeral;
mod functions;
pub mod guides;
mod handler;
mod neon;
mod postgres;
mod provider;
mod resources;
mod secret;
mod single_flight;
mod target;

pub use checks::{ALL as CHECKS, Check, Level};
pub use handler::Data;
pub use provider::{Config, Neonrep};

/// The real servers of the tests that call the SQL layer alone.
#[cfg(test)]
#[allow(dead_code, clippy::disallowed_methods, reason = "`tests/it` shares these files and uses all of them")]
#[path = "../tests/it/support"]
mod support {
    #[path = "cli.rs"]
    mod cli;
    #[path = "sql.rs"]
    pub(crate) mod sql;
    #[path = "stand_in.rs"]
    pub(crate) mod stand_in;
    #[path = "versions.rs"]
    pub(crate) mod versions;
}
