//! `ephemeral.neonrep_connection`: how a consumer connects to a database, with a password that is not stored.

use tfplugin::{Diagnostics, EphemeralResource, Opened, Schema};

use crate::handler::connection::Model;
use crate::handler::{Context, Data};

pub(crate) struct Connection;

impl EphemeralResource for Connection {
    const TYPE: &'static str = "neonrep_connection";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Model::schema(include_str!("page.md"), true, "Read the password.")
    }

    fn validate(config: &Model) -> Diagnostics {
        config.validate()
    }

    async fn open(&self, cx: &Context, config: Model) -> Result<Opened<Model>, Diagnostics> {
        Ok(config.read(cx).await?.into())
    }
}
