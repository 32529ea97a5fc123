//! `ephemeral.neonrep_role_password`: the password of a role, not stored.

use serde::{Deserialize, Serialize};
use tfplugin::schema::string;
use tfplugin::{Attr, Diagnostics, EphemeralResource, Opened, Schema, path};

use crate::handler::connection::{self, Advice};
use crate::handler::{Call, Context, Data};
use crate::secret::StoredSecret;
use crate::target::RoleId;

pub(crate) struct RolePassword;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    role_id: Attr<RoleId>,
    password: Attr<StoredSecret>,
}

impl EphemeralResource for RolePassword {
    const TYPE: &'static str = "neonrep_role_password";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute(
                "role_id",
                string()
                    .required()
                    .parsed_by(str::parse::<RoleId>)
                    .doc("ID of the role, such as `neonrep_role.<name>.id`."),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("Password of the role. Null if the server asks for none."),
            )
    }

    async fn open(&self, cx: &Context, config: Model) -> Result<Opened<Model>, Diagnostics> {
        let role = config.role_id.need(path!(role_id))?;
        let call = Call::new(cx, format!("read the password of role `{}`", role.name));
        let advice = Advice {
            absent: (
                path!(role_id),
                "Set `role_id = neonrep_role.<name>.id`, so that the password is read after the role was created, or add its \
                 password to the provider's `role_passwords`.",
            ),
            not_stored: (
                path!(role_id),
                "Add the password to the provider's `role_passwords`, or take it from where it was stored when it was set, such as \
                 a `neonrep_role` with `store_password = true`.",
            ),
        };
        let found = connection::password(&call, &role.server, &role.name, advice).await?;
        Ok(Model { password: found.map(StoredSecret::from).into(), ..config }.into())
    }
}
