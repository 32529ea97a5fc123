//! Resource identity: taken from the state by the names that the schema says, in each call that has a state.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;
use crate::schema::{Identity, Schema};
use crate::server::host::FrameworkServer;
use crate::value::Value;
use crate::value::codec::{self, Encoded};

/// The identity of an object; none where there is no object, where its resource has no identity, or where all of it is
/// null, which Terraform does not take.
pub(crate) fn of(schema: &Schema, object: &Value) -> Result<Option<Encoded>, Diagnostic> {
    let Some(identity) = schema.identity.as_ref().filter(|_| matches!(object, Value::Object(_))) else {
        return Ok(None);
    };
    let value = identity.value(object);
    if value.as_object().is_some_and(|it| it.values().all(Value::is_null)) {
        return Ok(None);
    }
    encode(schema, identity, &value).map(Some)
}

fn encode(schema: &Schema, identity: &Identity, value: &Value) -> Result<Encoded, Diagnostic> {
    codec::encode(&identity.object_type(&schema.attributes), value)
        .map_err(|error| Diagnostic::bug(format!("The identity does not fit its schema: {error}.")))
}

/// The object that an identity names: its attributes set, all others null.
pub(crate) fn named(schema: &Schema, identity: &Encoded, type_name: &str) -> Result<Value, Diagnostic> {
    let Some(of) = &schema.identity else {
        return Err(Diagnostic::error(
            "Import by identity is not possible",
            format!("`{type_name}` has no resource identity. Import it by `id`."),
        ));
    };
    let value = codec::decode(&of.object_type(&schema.attributes), identity).map_err(|error| {
        Diagnostic::error("Unreadable identity", format!("The identity of `{type_name}` cannot be read: {error}."))
    })?;
    let set = |name: &str| value.get(name).is_some_and(|it| !it.is_null() && !it.is_unknown());
    if let Some(missing) = of.required.iter().find(|name| !set(name)) {
        return Err(Diagnostic::error(
            "Identity is not complete",
            format!("The identity of `{type_name}` needs `{missing}`."),
        ));
    }
    let attribute = |name: &String| value.get(name).cloned().unwrap_or(Value::Null);
    Ok(Value::object(schema.attributes.keys().map(|name| (name.clone(), attribute(name)))))
}

impl<P: Provider> FrameworkServer<P> {
    /// Attributes keep their names over versions: what is missing is null, what is not known any more is dropped.
    pub(crate) fn upgrade_identity(&self, type_name: &str, version: i64, json: &[u8]) -> Result<Encoded, Diagnostics> {
        let schema = self.resource(type_name)?.schema();
        let problem = |text: String| Diagnostics::from(Diagnostic::error("Unreadable identity", text));
        let Some(identity) = &schema.identity else {
            return Err(problem(format!("`{type_name}` has no resource identity.")));
        };
        if version > identity.version {
            return Err(problem(format!(
                "The identity of `{type_name}` has version {version}; this version of the provider reads versions up to {}. \
                 Use a newer version of the provider.",
                identity.version
            )));
        }
        let value = codec::decode_state(&identity.object_type(&schema.attributes), json)
            .map_err(|error| problem(format!("The stored identity of `{type_name}` cannot be read: {error}.")))?;
        Ok(encode(schema, identity, &value)?)
    }
}
