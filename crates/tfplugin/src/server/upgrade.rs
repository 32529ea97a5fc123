//! `UpgradeResourceState`: called for every object of every run, configured or not. Does no IO.

use super::messages::{StateResponse, UpgradeRequest};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::StoredState;
use crate::plan::null_write_only;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::server::host::{FrameworkServer, encode, failure};
use crate::value::Value;
use crate::value::codec::{self, Encoded};

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn upgrade(&self, request: &UpgradeRequest) -> StateResponse {
        match self.upgraded(request) {
            Ok(state) => StateResponse { state: Some(state), ..StateResponse::default() },
            Err(diagnostics) => StateResponse { diagnostics, ..StateResponse::default() },
        }
    }

    fn upgraded(&self, request: &UpgradeRequest) -> Result<Encoded, Diagnostics> {
        let type_name = &request.type_name;
        let resource = self.resource(type_name)?;
        let schema = resource.schema();
        if request.has_flatmap {
            return Err(flatmap(type_name).into());
        }
        if request.version > schema.version {
            return Err(Diagnostic::error(
                "State has a newer version",
                format!(
                    "The state of `{type_name}` has schema version {}; this version of the provider reads versions up to \
                     {}. Use a newer version of the provider.",
                    request.version, schema.version
                ),
            )
            .into());
        }
        if request.json.is_empty() {
            return Ok(encode(schema, &Value::Null, type_name)?);
        }
        let mut state = if request.version == schema.version {
            // Attributes that the schema does not have any more are dropped, as Terraform itself does here.
            codec::decode_state(schema.object_type(), &request.json).map_err(|error| unreadable(type_name, &error))?
        } else {
            let stored = stored_state(type_name, &request.json)?;
            let stored = resource.upgrade(request.version, stored).map_err(|problems| failure(problems, type_name))?;
            current(schema, type_name, request.version, stored)?
        };
        // A client without write-only attributes may have stored some.
        null_write_only(&schema.attributes, &mut state);
        Ok(encode(schema, &state, type_name)?)
    }
}

/// The attributes of a stored state, of whatever schema.
pub(crate) fn stored_state(type_name: &str, json: &[u8]) -> Result<StoredState, Diagnostic> {
    serde_json::from_slice(json).map_err(|error| {
        Diagnostic::error("Unreadable state", format!("The stored state of `{type_name}` is no JSON object: {error}."))
    })
}

pub(crate) fn flatmap(type_name: &str) -> Diagnostic {
    Diagnostic::error(
        "State is too old",
        format!("The state of `{type_name}` was written by Terraform 0.11 or older. Import the object again."),
    )
}

fn unreadable(type_name: &str, error: &codec::CodecError) -> Diagnostic {
    Diagnostic::error(
        "Unreadable state",
        format!("The stored state of `{type_name}` does not have the form of its schema: {error}."),
    )
    .at(error.path.clone())
}

/// The value of an upgraded state. An attribute left over was forgotten by the upgrade: dropping it would lose data
/// without a word.
fn current(schema: &Schema, type_name: &str, version: i64, state: StoredState) -> Result<Value, Diagnostic> {
    if let Some(name) = state.keys().find(|name| !schema.attributes.contains_key(*name)) {
        return Err(Diagnostic::bug(format!(
            "The upgrade of `{type_name}` from schema version {version} left `{name}`, which the schema does not have."
        )));
    }
    let json = serde_json::Value::Object(state).to_string();
    codec::decode_state(schema.object_type(), json.as_bytes()).map_err(|error| {
        Diagnostic::bug(format!(
            "The upgrade of `{type_name}` from schema version {version} does not have the form of the schema: {error}."
        ))
        .at(error.path)
    })
}
