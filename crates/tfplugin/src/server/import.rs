//! `ImportResourceState` by id. Core reads the object next.

use super::ImportResponse;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;
use crate::server::host::{FrameworkServer, encode, failure};

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn import(&self, type_name: &str, id: &str) -> ImportResponse {
        match self.imported(type_name, id) {
            Ok(response) => response,
            Err(diagnostics) => ImportResponse { diagnostics, ..ImportResponse::default() },
        }
    }

    fn imported(&self, type_name: &str, id: &str) -> Result<ImportResponse, Diagnostics> {
        let resource = self.resource(type_name)?;
        // Naming the object needs no IO, but the read that follows would show it unread.
        self.ready("Import")?;
        let named = resource.import(id).map_err(|problems| failure(problems, type_name))?;
        if named.is_null() || !named.is_wholly_known() {
            return Err(Diagnostic::bug(format!("The import of `{type_name}` named nothing.")).into());
        }
        let state = encode(resource.schema(), &named, type_name)?;
        Ok(ImportResponse { state: Some(state), ..ImportResponse::default() })
    }
}
