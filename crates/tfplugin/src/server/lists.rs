//! `ListResource`: the objects of a resource that there are.

use super::messages::{ListRequest, ListedObject};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::list::Listed;
use crate::plan::with_defaults;
use crate::private::Private;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::schema::timeouts::Operation;
use crate::server::host::{FrameworkServer, decode, encode, failure};
use crate::server::read::within;
use crate::server::validate::check;
use crate::server::{identity, verify};
use crate::validate::presence;
use crate::value::Value;
use crate::value::codec::Encoded;

impl<P: Provider> FrameworkServer<P> {
    pub(crate) fn validate_list(&self, type_name: &str, config: &Encoded) -> Diagnostics {
        match self.list_of(type_name) {
            Ok(it) => check(it.schema(), config, type_name, true, |config| it.validate(config)),
            Err(problem) => problem.into(),
        }
    }

    /// What was found, and messages.
    pub(crate) async fn list(&self, request: &ListRequest) -> (Vec<ListedObject>, Diagnostics) {
        let mut warnings = Diagnostics::none();
        match self.listed(request, &mut warnings).await {
            Ok(found) => (found, warnings),
            Err(problems) => (Vec::new(), warnings + problems),
        }
    }

    async fn listed(
        &self,
        request: &ListRequest,
        warnings: &mut Diagnostics,
    ) -> Result<Vec<ListedObject>, Diagnostics> {
        let type_name = request.type_name.as_str();
        let list = self.list_of(type_name)?;
        let objects = self.resource(type_name)?.schema();
        // A block that is left out has no attribute set.
        let config = match decode(list.schema(), &request.config, type_name, "configuration")? {
            Value::Null => Value::object(list.schema().attributes.keys().map(|name| (name.clone(), Value::Null))),
            config => config,
        };
        presence(list.schema(), &config)?;
        let config = with_defaults(list.schema(), &config)?;
        let data = self.ready(&format!("Listing `{type_name}`"))?;
        let cx = self.context(data, Operation::Read.timeout(&config), Private::default());
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let found = within(&cx, list.list(&cx, config, limit)).await;
        warnings.extend(cx.take_warnings());
        let found = match found {
            Ok(found) => found.map_err(|problems| failure(problems, type_name))?,
            Err(ended) => return Err(ended.explain(&cx, type_name, false).into()),
        };
        found.into_iter().map(|it| listed_object(objects, type_name, request.include_object, it)).collect()
    }
}

fn listed_object(
    schema: &Schema,
    type_name: &str,
    include_object: bool,
    it: Listed<Value>,
) -> Result<ListedObject, Diagnostics> {
    let problems = verify::stored(schema, type_name, &it.object);
    if problems.has_errors() {
        return Err(problems);
    }
    let identity = identity::of(schema, &it.object)?.ok_or_else(|| {
        Diagnostic::bug(format!("An object of `{type_name}` in a list has no identity: `{}`.", it.display_name))
    })?;
    let object = include_object.then(|| encode(schema, &it.object, type_name)).transpose()?;
    Ok(ListedObject { identity, display_name: it.display_name, object })
}
