//! `ImportResourceState`, by id or by identity. Terraform reads the object next.

use super::messages::{ImportRequest, ImportResponse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;
use crate::server::host::{FrameworkServer, encode, failure};
use crate::server::identity;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn import(&self, request: &ImportRequest) -> ImportResponse {
        match self.imported(request) {
            Ok(response) => response,
            Err(diagnostics) => ImportResponse { diagnostics, ..ImportResponse::default() },
        }
    }

    fn imported(&self, request: &ImportRequest) -> Result<ImportResponse, Diagnostics> {
        let type_name = request.type_name.as_str();
        let resource = self.resource(type_name)?;
        // Naming the object needs no IO, but the read that follows would show it unread.
        self.ready("Import")?;
        let schema = resource.schema();
        let named = match &request.identity {
            Some(given) => resource.import_identity(identity::named(schema, given, type_name)?),
            None => resource.import(&request.id),
        };
        let named = named.map_err(|problems| failure(problems, type_name))?;
        if named.is_null() || !named.is_wholly_known() {
            return Err(Diagnostic::bug(format!("The import of `{type_name}` named nothing.")).into());
        }
        let state = encode(schema, &named, type_name)?;
        Ok(ImportResponse { state: Some(state), identity: identity::of(schema, &named)?, ..ImportResponse::default() })
    }
}
