//! What a path names, or why it is refused.

use axum::http::StatusCode;

use super::answer::Refusal;
use crate::world::{Branch, Endpoint, Project, World};

/// The project; 404 for one that is not there.
pub(crate) fn project<'w>(world: &'w World, id: &str) -> Result<&'w Project, Refusal> {
    world.project(id).ok_or_else(|| Refusal::not_found("project"))
}

/// The branch, with its project.
pub(crate) fn branch<'w>(world: &'w World, id: &str, branch: &str) -> Result<(&'w Project, &'w Branch), Refusal> {
    let project = project(world, id)?;
    Ok((project, project.branch(branch).ok_or_else(|| Refusal::not_found("branch"))?))
}

/// The endpoint, with its branch.
pub(crate) fn endpoint<'p>(project: &'p Project, id: &str) -> Result<(&'p Branch, &'p Endpoint), Refusal> {
    let mut all =
        project.branches.iter().flat_map(|branch| branch.shown_endpoints().iter().map(move |it| (branch, it)));
    all.find(|(_, endpoint)| endpoint.id == id).ok_or_else(|| Refusal::not_found("endpoint"))
}

/// The endpoint, to be changed.
pub(crate) fn endpoint_mut<'p>(project: &'p mut Project, id: &str) -> Result<&'p mut Endpoint, Refusal> {
    let shown = project.branches.iter_mut().filter(|branch| !branch.endpoints_hidden);
    let mut all = shown.flat_map(|branch| &mut branch.endpoints);
    all.find(|endpoint| endpoint.id == id).ok_or_else(|| Refusal::not_found("endpoint"))
}

/// The project, to be changed: refused while an operation runs, and by a key that may only look.
pub(crate) fn changeable<'w>(world: &'w mut World, id: &str) -> Result<&'w mut Project, Refusal> {
    let viewer = world.knobs.permission.as_deref() == Some("VIEWER");
    let project = world.project_mut(id).ok_or_else(|| Refusal::not_found("project"))?;
    if viewer {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "you do not have permission to perform this action"));
    }
    if project.chains > 0 {
        return Err(Refusal::locked());
    }
    Ok(project)
}

/// The branch of a project that may be changed.
pub(crate) fn branch_mut<'p>(project: &'p mut Project, id: &str) -> Result<&'p mut Branch, Refusal> {
    project.branch_mut(id).ok_or_else(|| Refusal::not_found("branch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_the_project_the_permission_and_peace() {
        let mut world = World::new(17, false);
        let id = world.first.clone();
        let status = |world: &mut World, id: &str| changeable(world, id).err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status(&mut world, &id), None);
        assert_eq!(status(&mut world, "other"), Some(404));
        world.projects[0].chains = 1;
        assert_eq!(status(&mut world, &id), Some(423));
        world.knobs.permission = Some("VIEWER".to_owned());
        assert_eq!(status(&mut world, &id), Some(403));
    }

    #[test]
    fn hidden_endpoints_are_404() {
        let mut world = World::new(17, false);
        let id = world.first_branch().expect("a branch").endpoints[0].id.clone();
        assert!(endpoint(&world.projects[0], &id).is_ok());
        assert!(endpoint(&world.projects[0], "ep-none").is_err());
        world.projects[0].branches[0].endpoints_hidden = true;
        assert!(endpoint(&world.projects[0], &id).is_err());
        assert!(endpoint_mut(&mut world.projects[0], &id).is_err());
    }
}
