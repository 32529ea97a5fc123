//! The publication that a `publication_id` names.

use tfplugin::{Attr, Diagnostic, Diagnostics, identity, path};

use crate::postgres::PublicationName;
use crate::resources::location;
use crate::session::Place;

/// A publication by its name and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) place: Place,
    pub(super) publication: PublicationName,
}

const FORM: &str = "<project_id>/<branch_id>/<database>/<publication>";

impl Reference {
    pub(super) fn parse(id: &str) -> Result<Self, Diagnostics> {
        let wrong = |problem: &str| -> Diagnostics {
            let detail = format!(
                "{problem}. The id of a publication is `{FORM}`. Take it from `neonrep_publication.x.id`: then the order is kept, \
                 too."
            );
            Diagnostic::error("Wrong `publication_id`", detail).at(path!(publication_id)).into()
        };
        let parts = identity::split(id).map_err(|problem| wrong(&problem))?;
        let [project, branch, database, publication] = parts.as_slice() else {
            return Err(wrong(&format!("`{id}` has {} parts, not 4", parts.len())));
        };
        Ok(Self {
            place: location::place(project, branch, database).map_err(|problem| wrong(&problem))?,
            publication: PublicationName::parse(publication).map_err(|problem| wrong(&problem.to_string()))?,
        })
    }

    pub(super) fn id(&self) -> String {
        let (place, name) = (&self.place, &self.publication);
        identity::id(&[place.project.as_str(), place.branch.as_str(), place.database.as_str(), name.as_str()])
    }

    /// Whether these three attributes say the same place.
    pub(super) fn is_at(&self, project: &Attr<String>, branch: &Attr<String>, database: &Attr<String>) -> bool {
        let same = |attribute: &Attr<String>, text: &str| attribute.known().is_some_and(|it| it == text);
        same(project, self.place.project.as_str())
            && same(branch, self.place.branch.as_str())
            && same(database, self.place.database.as_str())
    }
}
