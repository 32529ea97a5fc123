//! `project_id`, `branch_id`, `database`, `connect_as`: the attributes by which resources say where they are.

use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use crate::neon::{BranchId, ProjectId};
use crate::postgres::{DatabaseName, RoleName};
use crate::target::{DatabaseLocation, Server, ServerLocation};

/// A model with the three attributes of a location.
pub(crate) trait Located {
    fn project_id(&self) -> &Attr<ProjectId>;
    fn branch_id(&self) -> &Attr<BranchId>;
    fn database(&self) -> &Attr<DatabaseName>;

    /// The role of `connect_as`, which may read where the default role cannot log in.
    fn connect_as(&self) -> Option<&RoleName> {
        None
    }

    /// Where the object is. An unknown branch is one that is not chosen yet, as at creation.
    fn location(&self, is_direct: bool) -> Result<DatabaseLocation, Diagnostics> {
        Ok(DatabaseLocation {
            server: server(self.project_id(), self.branch_id(), is_direct)?,
            name: self.database().need(path!(database))?.clone(),
        })
    }
}

/// Implements [`Located`] for a model with fields of these names; `connect_as` where it has that one too.
macro_rules! located {
    ($model:ty $(, $connect_as:ident)?) => {
        impl $crate::handler::Located for $model {
            fn project_id(&self) -> &tfplugin::Attr<$crate::neon::ProjectId> {
                &self.project_id
            }

            fn branch_id(&self) -> &tfplugin::Attr<$crate::neon::BranchId> {
                &self.branch_id
            }

            fn database(&self) -> &tfplugin::Attr<$crate::postgres::DatabaseName> {
                &self.database
            }

            $(fn connect_as(&self) -> Option<&$crate::postgres::RoleName> {
                self.$connect_as.known()
            })?
        }
    };
}
pub(crate) use located;

/// The server that two attributes name. With the provider's `sql` block both are null, on Neon the project is needed:
/// the schema cannot say that, because it does not know the provider's configuration.
pub(crate) fn server(
    project_id: &Attr<ProjectId>,
    branch_id: &Attr<BranchId>,
    is_direct: bool,
) -> Result<ServerLocation, Diagnostics> {
    if is_direct {
        let (set, at) = match (project_id, branch_id) {
            (Attr::Known(_), _) => ("project_id", path!(project_id)),
            (_, Attr::Known(_)) => ("branch_id", path!(branch_id)),
            _ => return Ok(ServerLocation::Direct),
        };
        let detail = format!(
            "The provider's `sql` block connects to one server directly, so there is no Neon project. Remove `{set}`, or use a \
             provider configuration without `sql`."
        );
        return Err(Diagnostic::error(format!("`{set}` is only for Neon"), detail).at(at).into());
    }
    if project_id.is_null() {
        let detail = "The provider uses the Neon API, so each resource names its project. Set `project_id`, for example to \
                      `neonrep_logical_replication.<name>.id`. For a server other than Neon, set the provider's `sql` block.";
        return Err(Diagnostic::error("Missing `project_id`", detail).at(path!(project_id)).into());
    }
    Ok(ServerLocation::Neon {
        project: project_id.need(path!(project_id))?.clone(),
        branch: branch_id.known().cloned(),
    })
}

/// The branch that a state names.
pub(crate) fn server_of(project_id: &Attr<ProjectId>, branch_id: &Attr<BranchId>) -> Option<Server> {
    Some(Server::neon(project_id.known()?.clone(), branch_id.known()?.clone()))
}

/// `project_id` of what exists on any server.
pub(crate) fn optional_project_id() -> Attribute {
    string().optional().replaces_if_set().parsed_by(ProjectId::parse).doc(
        "ID of the Neon project. Referencing `neonrep_logical_replication.<name>.id` also sets the order. Must not be set with \
         the provider's `sql` block.",
    )
}

/// `branch_id`
pub(crate) fn branch_id() -> Attribute {
    string().optional().computed().keeps_prior().replaces_if_set().parsed_by(branch).doc(
        "ID of the branch, such as `br-aged-salad-637688`. Defaults to the default branch of the project at creation. An object \
         stays on its branch, also when the default branch of the project changes and the object is replaced. A replacement with \
         `create_before_destroy` is created on the default branch, because Terraform tells the provider nothing of the old object: \
         set `branch_id` there.",
    )
}

/// The ID of a branch as a configuration gives it. A name in its place is told apart: it would be taken for a branch that
/// does not exist. The error is a sentence without its period.
pub(crate) fn branch(text: &str) -> Result<BranchId, String> {
    let id = BranchId::parse(text);
    match id {
        Ok(id) if text.starts_with("br-") => Ok(id),
        _ => Err(format!(
            "`{text}` is not the ID of a branch. An ID begins with `br-`, as in `br-aged-salad-637688`; the Neon console and \
             `neon branches list` show it beside the name of the branch"
        )),
    }
}

/// The attributes of a database object.
pub(crate) fn location() -> [(&'static str, Attribute); 3] {
    [
        ("project_id", optional_project_id()),
        ("branch_id", branch_id()),
        ("database", string().required().replaces_if_set().parsed_by(DatabaseName::parse).doc("Name of the database.")),
    ]
}

/// Where a data source reads. It reads again each time, so that nothing of it is kept or replaced.
pub(crate) fn location_to_read() -> [(&'static str, Attribute); 3] {
    [
        ("project_id", project_id_to_read()),
        ("branch_id", branch_id_to_read()),
        ("database", string().required().parsed_by(DatabaseName::parse).doc("Name of the database.")),
    ]
}

/// `project_id` of a data source.
pub(crate) fn project_id_to_read() -> Attribute {
    string()
        .optional()
        .parsed_by(ProjectId::parse)
        .doc("ID of the Neon project. Required on Neon. Must not be set with the provider's `sql` block.")
}

/// `branch_id` of a data source.
pub(crate) fn branch_id_to_read() -> Attribute {
    string()
        .optional()
        .computed()
        .parsed_by(branch)
        .doc("ID of the branch, such as `br-aged-salad-637688`. Defaults to the default branch of the project.")
}

/// `connect_as`
pub(crate) fn connect_as() -> Attribute {
    string().optional().parsed_by(RoleName::parse).doc(
        "Role to make changes as. The Neon API, or the provider's `role_passwords`, must have its password. Defaults to the \
         owner of the database. Reads always use the owner, and this role where the owner cannot log in.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_named_by_its_id_and_not_by_its_name() {
        assert!(branch("br-aged-salad-637688").is_ok());
        for name in ["main", "production", "Main", "br_a", "my branch", ""] {
            let wrong = branch(name).unwrap_err();
            assert!(wrong.contains(&format!("`{name}`")) && wrong.contains("begins with `br-`"), "{wrong}");
        }
    }

    #[test]
    fn a_server_is_named_by_the_provider_or_by_the_resource() {
        let project = || Attr::Known(ProjectId::parse("shiny-wind-028834").unwrap());
        let branch = || Attr::Known(BranchId::parse("br-aged-salad-637688").unwrap());
        let at = |project: Attr<ProjectId>, branch: Attr<BranchId>, is_direct| {
            server(&project, &branch, is_direct).map_err(|wrong| wrong.iter().next().unwrap().path.to_string())
        };
        assert_eq!(at(Attr::Null, Attr::Null, true), Ok(ServerLocation::Direct));
        assert_eq!(at(Attr::Null, Attr::Unknown, true), Ok(ServerLocation::Direct));
        assert_eq!(at(project(), Attr::Null, true), Err("project_id".to_owned()));
        assert_eq!(at(Attr::Null, branch(), true), Err("branch_id".to_owned()));
        assert_eq!(at(Attr::Null, Attr::Null, false), Err("project_id".to_owned()));
        let default = at(project(), Attr::Unknown, false).unwrap();
        assert!(matches!(default, ServerLocation::Neon { branch: None, .. }));
        let named = at(project(), branch(), false).unwrap();
        assert!(matches!(named, ServerLocation::Neon { branch: Some(_), .. }));
    }
}
