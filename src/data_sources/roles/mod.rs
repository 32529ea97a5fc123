//! `data.neonrep_roles`: the roles of a branch, or of the server of the provider's `sql` block.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, set_of, string};
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, Schema, Type, path};

use super::catalog::list_of_objects;
use crate::handler::{Call, Context, Data, attributes};
use crate::neon::{ApiRole, BranchId, ProjectId};
use crate::postgres::role::Role as CatalogRole;
use crate::postgres::{DatabaseName, RoleName};
use crate::target::{Database, RoleId, Server};

pub(crate) struct Roles;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    roles: Attr<Vec<Entry>>,
}

/// One role. What its source does not say is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    id: Attr<RoleId>,
    name: Attr<RoleName>,
    login: Attr<bool>,
    protected: Attr<bool>,
    authentication_method: Attr<String>,
    superuser: Attr<bool>,
    replication: Attr<bool>,
    bypass_rls: Attr<bool>,
    create_role: Attr<bool>,
    create_db: Attr<bool>,
    member_of: Attr<BTreeSet<RoleName>>,
}

/// The database that practically every server has (manual, 23.2).
const USUAL_DATABASE: &str = "postgres";

/// What Neon's API calls a role that cannot log in.
const NO_LOGIN: &str = "no_login";

impl DataSource for Roles {
    const TYPE: &'static str = "neonrep_roles";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute("project_id", attributes::project_id_to_read())
            .attribute("branch_id", attributes::branch_id_to_read())
            .attribute(
                "database",
                string().optional().parsed_by(DatabaseName::parse).doc(
                    "Database to connect to with the provider's `sql` block. Defaults to `postgres` there, and must not be set on \
                     Neon, where nothing is connected to.",
                ),
            )
            .attribute(
                "roles",
                list_of_objects([
                    ("id", string()),
                    ("name", string()),
                    ("login", boolean()),
                    ("protected", boolean()),
                    ("authentication_method", string()),
                    ("superuser", boolean()),
                    ("replication", boolean()),
                    ("bypass_rls", boolean()),
                    ("create_role", boolean()),
                    ("create_db", boolean()),
                    ("member_of", set_of(Type::String)),
                ])
                .doc("Roles, sorted by name, as described above."),
            )
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let call = Call::new(cx, "read roles");
        let location = attributes::server(&config.project_id, &config.branch_id, call.target().is_direct())?;
        let server = call.server(&location).await?;
        let roles: Vec<Entry> = match &server {
            Server::Neon(branch) => {
                if !config.database.is_null() {
                    return Err(database_on_neon().into());
                }
                let found = call.target().roles_of(branch, &call.budget()).await;
                let found = found.map_err(|error| call.failed(&error))?;
                found.iter().map(|(name, it)| Entry::of_api(&server, name, it)).collect()
            }
            Server::Direct => {
                let database = Database { server: server.clone(), name: config.database_to_enter()? };
                let found = call.target().roles_in_catalog(&database, &call.budget()).await;
                let found = found.map_err(|error| call.failed(&error))?;
                found.values().map(|it| Entry::of_catalog(&server, it)).collect()
            }
        };
        Ok(Model { branch_id: server.branch_id().cloned().into(), roles: roles.into(), ..config })
    }
}

impl Model {
    fn database_to_enter(&self) -> Result<DatabaseName, Diagnostics> {
        match &self.database {
            Attr::Known(name) => Ok(name.clone()),
            _ => DatabaseName::parse(USUAL_DATABASE).map_err(|wrong| Diagnostic::bug(wrong.to_string()).into()),
        }
    }
}

impl Entry {
    fn of_api(server: &Server, name: &RoleName, found: &ApiRole) -> Self {
        let method = found.authentication_method.clone();
        Self {
            id: RoleId { server: server.clone(), name: name.clone() }.into(),
            name: name.clone().into(),
            login: method.as_deref().map(|it| it != NO_LOGIN).into(),
            protected: found.protected.unwrap_or(false).into(),
            authentication_method: method.into(),
            superuser: Attr::Null,
            replication: Attr::Null,
            bypass_rls: Attr::Null,
            create_role: Attr::Null,
            create_db: Attr::Null,
            member_of: Attr::Null,
        }
    }

    fn of_catalog(server: &Server, found: &CatalogRole) -> Self {
        Self {
            id: RoleId { server: server.clone(), name: found.name.clone() }.into(),
            name: found.name.clone().into(),
            login: found.login.into(),
            protected: Attr::Null,
            authentication_method: Attr::Null,
            superuser: found.superuser.into(),
            replication: found.replication.into(),
            bypass_rls: found.bypass_rls.into(),
            create_role: found.create_role.into(),
            create_db: found.create_db.into(),
            member_of: found.member_of.iter().cloned().collect::<BTreeSet<_>>().into(),
        }
    }
}

fn database_on_neon() -> Diagnostic {
    let detail = "On Neon the API lists the roles of a branch, and no database is connected to. Remove `database`.";
    Diagnostic::error("`database` is only for the `sql` block", detail).at(path!(database))
}
