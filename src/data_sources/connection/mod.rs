//! `data.neonrep_connection`: how a consumer connects to a database, on the direct host.

use tfplugin::{DataSource, Diagnostics, Schema};

use crate::handler::connection::Model;
use crate::handler::{Context, Data};

pub(crate) struct Connection;

impl DataSource for Connection {
    const TYPE: &'static str = "neonrep_connection";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Model::schema(include_str!("page.md"), false, "Read the password. This puts it into the state and plan files.")
    }

    fn validate(config: &Model) -> Diagnostics {
        config.validate()
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        config.read(cx).await
    }
}
