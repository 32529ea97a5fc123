//! `UpgradeResourceState`: called for every object of every run, configured or not. Does no IO.

use super::{Encoded, StateResponse, UpgradeRequest};
use crate::diagnostic::Diagnostic;
use crate::plan::null_write_only;
use crate::provider::Provider;
use crate::server::host::{FrameworkServer, encode};
use crate::value::Value;
use crate::value::codec;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn upgrade(&self, request: &UpgradeRequest) -> StateResponse {
        match self.upgraded(request) {
            Ok(state) => StateResponse { state: Some(state), ..StateResponse::default() },
            Err(problem) => StateResponse { diagnostics: problem.into(), ..StateResponse::default() },
        }
    }

    fn upgraded(&self, request: &UpgradeRequest) -> Result<Encoded, Diagnostic> {
        let type_name = &request.type_name;
        let resource = self.resource(type_name)?;
        let schema = resource.schema();
        if request.has_flatmap {
            return Err(Diagnostic::error(
                "State is too old",
                format!("The state of `{type_name}` was written by Terraform 0.11 or older. Import the object anew."),
            ));
        }
        if request.version != schema.version {
            let (stored, known) = (request.version, schema.version);
            let advice =
                if stored > known { "Use a newer version of the provider." } else { "Import the object anew." };
            return Err(Diagnostic::error(
                "State has another version",
                format!(
                    "The state of `{type_name}` has schema version {stored}; this version of the provider reads \
                     version {known}. {advice}"
                ),
            ));
        }
        if request.json.is_empty() {
            return encode(schema, &Value::Null, type_name);
        }
        let mut state = codec::decode_state(schema.object_type(), &request.json).map_err(|error| {
            Diagnostic::error(
                "Unreadable state",
                format!("The stored state of `{type_name}` does not have the form of its schema: {error}."),
            )
            .at(error.path.clone())
        })?;
        // A client without write-only attributes may have stored some.
        null_write_only(&schema.attributes, &mut state);
        encode(schema, &state, type_name)
    }
}
