//! A Terraform plugin framework for Rust: values, schema, planning and the traits a provider implements.
//!
//! In reading order: [`value`] holds Terraform's values and types; [`schema`] describes a resource, with its planning
//! behavior as data; [`kinds`] and [`provider`] are what an author implements; [`model`] is the bridge between an
//! author's structs and values; [`plan`] is the pure planner; [`server`] is every call of the protocol as a plain
//! function over these types; [`wire`] translates them to gRPC; [`process`] is the life of the plugin process.
//!
//! A resource, whole:
//!
//! ```
//! # use tfplugin::{Attr, Context, Diagnostic, Diagnostics, Resource, Schema, Timeouts};
//! # use tfplugin::{identity, path, schema};
//! # use serde::{Deserialize, Serialize};
//! # struct World;
//! # impl World {
//! #     async fn insert(&self, _: &str) -> Result<u32, String> { Ok(1) }
//! #     async fn find(&self, _: &str) -> Result<Option<u32>, String> { Ok(None) }
//! #     async fn remove(&self, _: &str) -> Result<(), String> { Ok(()) }
//! # }
//! struct Thing;
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Model {
//!     name: Attr<String>,
//!     id: Attr<u32>,
//!     timeouts: Attr<Timeouts>,
//! }
//!
//! impl Resource for Thing {
//!     const TYPE: &'static str = "toy_thing";
//!     type Model = Model;
//!     type Data = World;
//!
//!     fn schema() -> Schema {
//!         Schema::new("A thing.")
//!             .attribute("name", schema::string().required().replaces_if_set().doc("Its name."))
//!             .attribute("id", schema::number().computed().keeps_prior().doc("Its number."))
//!             .timeouts()
//!             .import_id("<name>")
//!     }
//!
//!     async fn create(&self, cx: &Context<World>, plan: Model) -> Result<Model, Diagnostics> {
//!         let name = plan.name.need(path!(name))?;
//!         let id = cx.data().insert(name).await.map_err(|error| {
//!             Diagnostic::error("Thing cannot be made", error).at(path!(name))
//!         })?;
//!         let made = Model { id: Attr::Known(id), ..plan };
//!         cx.checkpoint(&made); // from here on a failure leaves a tainted object, not an orphan
//!         Ok(made)
//!     }
//!
//!     async fn read(&self, cx: &Context<World>, state: Model) -> Result<Option<Model>, Diagnostics> {
//!         let name = state.name.need(path!(name))?;
//!         let found = cx.data().find(name).await.map_err(|error| Diagnostic::error("Thing cannot be read", error))?;
//!         Ok(found.map(|id| Model { id: Attr::Known(id), ..state }))
//!     }
//!
//!     async fn delete(&self, cx: &Context<World>, state: Model) -> Result<(), Diagnostics> {
//!         let name = state.name.need(path!(name))?;
//!         Ok(cx.data().remove(name).await.map_err(|error| Diagnostic::error("Thing cannot be removed", error))?)
//!     }
//!
//!     fn import(id: &str) -> Result<Model, Diagnostics> {
//!         let [name] = identity::parts(id, "<name>")?;
//!         Ok(Model { name: Attr::Known(name), ..Self::nulls()? })
//!     }
//! }
//! # tfplugin::kinds::erased::resource(Thing).agrees().unwrap();
//! ```

pub mod context;
pub mod diagnostic;
pub mod docs;
pub mod identity;
pub mod kinds;
pub mod model;
pub mod plan;
mod printable;
pub mod private;
pub mod process;
pub mod provider;
pub mod schema;
pub mod secrets;
pub mod server;
pub mod validate;
pub mod value;
pub mod wire;

pub use context::Context;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use kinds::action::Action;
pub use kinds::data_source::DataSource;
pub use kinds::ephemeral::{EphemeralResource, Opened};
pub use kinds::erased::{
    ErasedAction, ErasedDataSource, ErasedEphemeralResource, ErasedFunction, ErasedList, ErasedResource,
};
pub use kinds::function::{Function, FunctionError, Parameter, Signature};
pub use kinds::list::{List, Listed};
pub use kinds::resource::{Plan, Resource, StoredState};
pub use model::attr::Attr;
pub use provider::{Configured, Provider};
pub use schema::Schema;
pub use schema::timeouts::Timeouts;
pub use value::Value;
pub use value::path::AttributePath;
pub use value::types::Type;

/// The provider of the README is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
