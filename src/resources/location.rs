//! `project_id`, `branch_id`, `database`: the attributes by which resources say where they are, and their meaning.

use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, path};

use crate::neon::{BranchId, ProjectId};
use crate::postgres::{DatabaseName, RoleName};
use crate::session::{Location, Place};

/// `project_id`
pub(crate) fn project_id() -> Attribute {
    string()
        .required()
        .replaces_if_set()
        .parsed_by(ProjectId::parse)
        .doc("Id of the Neon project. Given by `neonrep_logical_replication.x.id`, it also keeps the order.")
}

/// `branch_id`
pub(crate) fn branch_id() -> Attribute {
    string()
        .optional()
        .computed()
        .keeps_prior()
        .replaces_if_set()
        .parsed_by(BranchId::parse)
        .doc("Id of the branch. Without it, the project's default branch at the time of creation.")
}

/// The attributes of a database object.
pub(crate) fn attributes() -> [(&'static str, Attribute); 3] {
    [
        ("project_id", project_id()),
        ("branch_id", branch_id()),
        ("database", string().required().replaces_if_set().parsed_by(DatabaseName::parse).doc("Name of the database.")),
    ]
}

/// `connect_as`
pub(crate) fn connect_as() -> Attribute {
    string().optional().parsed_by(RoleName::parse).doc(
        "Role to make changes as, one made by Neon's API. Without it, the owner of the database; reads always use that one.",
    )
}

/// A value that must be known by now, parsed.
pub(crate) fn known<T, E: std::fmt::Display>(
    attribute: &Attr<String>,
    at: AttributePath,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Diagnostics> {
    let text = attribute.need(at.clone())?;
    parse(text).map_err(|wrong| Diagnostic::error(format!("Wrong value for `{at}`"), format!("{wrong}.")).at(at).into())
}

/// An optional value, parsed; null and unknown are `None`.
pub(crate) fn optional<T, E: std::fmt::Display>(
    attribute: &Attr<String>,
    at: AttributePath,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Diagnostics> {
    match attribute {
        Attr::Known(_) => known(attribute, at, parse).map(Some),
        Attr::Null | Attr::Unknown => Ok(None),
    }
}

/// The location that three attributes say. An unknown branch is one that is not chosen yet, as at creation.
pub(crate) fn location(
    project_id: &Attr<String>,
    branch_id: &Attr<String>,
    database: &Attr<String>,
) -> Result<Location, Diagnostics> {
    Ok(Location {
        project: known(project_id, path!(project_id), ProjectId::parse)?,
        branch: optional(branch_id, path!(branch_id), BranchId::parse)?,
        database: known(database, path!(database), DatabaseName::parse)?,
    })
}

/// The place that an id of the form `project/branch/database/…` begins with, from its first three parts.
pub(crate) fn place(project: &str, branch: &str, database: &str) -> Result<Place, String> {
    Ok(Place {
        project: ProjectId::parse(project).map_err(|wrong| wrong.to_string())?,
        branch: BranchId::parse(branch).map_err(|wrong| wrong.to_string())?,
        database: DatabaseName::parse(database).map_err(|wrong| wrong.to_string())?,
    })
}
