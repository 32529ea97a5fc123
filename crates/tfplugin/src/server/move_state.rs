//! `MoveResourceState`: an object of another type or provider becomes one of ours. Terraform reads it next.

use super::messages::{MoveRequest, StateResponse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::{MovedFrom, StoredState};
use crate::plan::null_write_only;
use crate::provider::Provider;
use crate::server::host::{FrameworkServer, encode, failure};
use crate::server::upgrade::{flatmap, stored_state};

impl<P: Provider> FrameworkServer<P> {
    /// The private state of the source is of another form and is left behind.
    pub(crate) fn move_state(&self, request: MoveRequest) -> StateResponse {
        match self.moved(request) {
            Ok(response) => response,
            Err(diagnostics) => StateResponse { diagnostics, ..StateResponse::default() },
        }
    }

    fn moved(&self, request: MoveRequest) -> Result<StateResponse, Diagnostics> {
        let MoveRequest { provider_address, type_name, schema_version, json, has_flatmap, target } = request;
        let resource = self.resource(&target)?;
        if has_flatmap {
            return Err(flatmap(&type_name).into());
        }
        let state = if json.is_empty() { StoredState::new() } else { stored_state(&type_name, &json)? };
        let refusal = Diagnostic::error(
            "Resource cannot be moved to this type",
            format!(
                "The state of `{type_name}` ({provider_address}) cannot become a `{target}`. Remove the old resource from the \
                 state with a `removed` block or `terraform state rm`, and import the object into the new one."
            ),
        );
        let source = MovedFrom { provider_address, type_name, schema_version, state };
        let mut moved = match resource.moved_from(source) {
            None => return Err(refusal.into()),
            Some(moved) => moved.map_err(|problems| failure(problems, &target))?,
        };
        if moved.is_null() || !moved.is_wholly_known() {
            return Err(Diagnostic::bug(format!("The move to `{target}` named nothing.")).into());
        }
        null_write_only(&resource.schema().attributes, &mut moved);
        let state = encode(resource.schema(), &moved, &target)?;
        Ok(StateResponse { state: Some(state), ..StateResponse::default() })
    }
}
