//! A Terraform plugin framework for Rust: values, schema, planning and the traits a provider implements.
//!
//! The layer knows no gRPC, no Neon and no Postgres, so that it can be lifted out as a crate of its own.
//! In reading order: [`value`] and [`types`] are Terraform's values; [`schema`] describes a resource, with its
//! planning behaviour as data; [`resource`], [`data_source`] and [`provider`] are what an author implements;
//! [`plan`] is the pure planner; [`server`] is every call of the protocol as a plain function over these types.
//!
//! A resource, whole:
//!
//! ```
//! # use neonrep::framework::attr::Attr;
//! # use neonrep::framework::context::Context;
//! # use neonrep::framework::diagnostic::{Diagnostic, Diagnostics};
//! # use neonrep::framework::resource::Resource;
//! # use neonrep::framework::schema::{Schema, string};
//! # use neonrep::framework::timeouts::Timeouts;
//! # use neonrep::framework::{import, model};
//! # use neonrep::path;
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
//!             .attribute("name", string().required().replaces_if_set().doc("Its name."))
//!             .attribute("id", neonrep::framework::schema::number().computed().keeps_prior().doc("Its number."))
//!             .timeouts()
//!             .import_id("<name>")
//!     }
//!
//!     async fn create(&self, cx: &Context<World>, plan: Model) -> Result<Model, Diagnostics> {
//!         let name = plan.name.known().ok_or_else(|| Diagnostic::bug("the name is not known"))?;
//!         let id = cx.data().insert(name).await.map_err(|error| {
//!             Diagnostic::error("Thing cannot be made", error).at(path!(name))
//!         })?;
//!         let made = Model { id: Attr::Known(id), ..plan };
//!         cx.checkpoint(&made); // from here on a failure leaves a tainted object, not an orphan
//!         Ok(made)
//!     }
//!
//!     async fn read(&self, cx: &Context<World>, state: Model) -> Result<Option<Model>, Diagnostics> {
//!         let name = state.name.known().ok_or_else(|| Diagnostic::bug("the name is not known"))?;
//!         let found = cx.data().find(name).await.map_err(|error| Diagnostic::error("Thing cannot be read", error))?;
//!         Ok(found.map(|id| Model { id: Attr::Known(id), ..state }))
//!     }
//!
//!     async fn delete(&self, cx: &Context<World>, state: Model) -> Result<(), Diagnostics> {
//!         let name = state.name.known().ok_or_else(|| Diagnostic::bug("the name is not known"))?;
//!         Ok(cx.data().remove(name).await.map_err(|error| Diagnostic::error("Thing cannot be removed", error))?)
//!     }
//!
//!     fn import(id: &str) -> Result<Model, Diagnostics> {
//!         let [name] = import::parts(id, "<name>")?;
//!         let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
//!         Ok(Model { name: Attr::Known(name), ..nulls })
//!     }
//! }
//! # neonrep::framework::erased::resource(Thing).agrees().unwrap();
//! ```

pub mod attr;
pub mod codec;
pub mod conform;
pub mod context;
pub mod data_source;
pub mod diagnostic;
pub mod docs;
pub mod erased;
pub mod import;
pub mod model;
pub mod number;
pub mod path;
pub mod plan;
pub mod private;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod server;
pub mod timeouts;
pub mod types;
pub mod validate;
pub mod value;
