//! `parse_id(id)`: the parts of an object's id.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::refusal::{Result, given, object, refused};

/// `{ project_id, branch_id, database, schema, name }`, null where the id has no such part.
///
/// Ids are `project`, `project/branch/role`, `project/branch/database/name` and `project/branch/database/schema/table`.
/// Under the `sql` block project and branch are written `sql/-`, and are null here.
pub(crate) fn parse_id(id: &str) -> Result<Value> {
    let mut parts = Vec::new();
    for part in id.split('/') {
        let Ok(text) = percent_decode_str(part).decode_utf8() else {
            return refused("id", format!("`{part}` is not a text after its percent signs are decoded."));
        };
        if text.is_empty() {
            return refused("id", format!("`{id}` has an empty part."));
        }
        parts.push(text.into_owned());
    }
    let mut parts: Vec<Option<String>> = parts.into_iter().map(Some).collect();
    if id.starts_with("sql/-/") {
        (parts[0], parts[1]) = (None, None);
    }
    let [project, branch, database, schema, name] = match &parts[..] {
        [project] => [project, &None, &None, &None, &None],
        [project, branch, name] => [project, branch, &None, &None, name],
        [project, branch, database, name] => [project, branch, database, &None, name],
        [project, branch, database, schema, name] => [project, branch, database, schema, name],
        _ => {
            return refused(
                "id",
                format!(
                    "`{id}` is no id of an object of this provider: it has {} parts, such an id has 1, 3, 4 or 5 with `/` between \
                     them.",
                    parts.len()
                ),
            );
        }
    };
    Ok(json!({ "project_id": project, "branch_id": branch, "database": database, "schema": schema, "name": name }))
}

/// `provider::neonrep::parse_id`
pub(crate) struct ParseId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    id: Attr<String>,
}

impl Function for ParseId {
    const NAME: &'static str = "parse_id";
    type Arguments = Arguments;
    type Result = Value;

    fn signature() -> Signature {
        Signature::new("Parts of the ID of an object.", "Splits the `id` of a resource of this provider into its parts, and decodes the names in it.\n\nAn attribute is null if the ID has no such part. Project and branch of an object behind the `sql` block are null.", object(&[("project_id", Type::String), ("branch_id", Type::String), ("database", Type::String), ("schema", Type::String), ("name", Type::String)]))
            .parameter(Parameter::new("id", Type::String, "ID of an object, such as `neonrep_slot.<name>.id`."))
    }

    fn call(arguments: Arguments) -> std::result::Result<Value, FunctionError> {
        Ok(parse_id(&given("id", arguments.id)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(id: &str) -> [Value; 5] {
        let value = parse_id(id).unwrap();
        ["project_id", "branch_id", "database", "schema", "name"].map(|it| value[it].clone())
    }

    #[test]
    fn each_kind_of_id_has_its_parts() {
        let null = Value::Null;
        assert_eq!(parts("p"), [json!("p"), null.clone(), null.clone(), null.clone(), null.clone()]);
        assert_eq!(parts("p/br-a/r"), [json!("p"), json!("br-a"), null.clone(), null.clone(), json!("r")]);
        assert_eq!(parts("p/br-a/d/s"), [json!("p"), json!("br-a"), json!("d"), null.clone(), json!("s")]);
        assert_eq!(parts("p/br-a/d/s/t"), [json!("p"), json!("br-a"), json!("d"), json!("s"), json!("t")]);
        assert_eq!(parts("sql/-/d/s"), [null.clone(), null.clone(), json!("d"), null.clone(), json!("s")]);
        assert_eq!(parts("sql/-/r"), [null.clone(), null.clone(), null.clone(), null, json!("r")]);
    }

    #[test]
    fn names_are_decoded() {
        assert_eq!(parts("p/br-a/d/a%2Fb%25%20c")[4], json!("a/b% c"));
        assert_eq!(parts("p/br-a/d/%C3%A4")[4], json!("ä"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for wrong in ["", "p/br-a", "p/br-a/d/s/t/u", "p//d/s", "p/br-a/d/", "p/br-a/d/%FF"] {
            assert_eq!(parse_id(wrong).unwrap_err().parameter, "id", "{wrong}");
        }
    }
}
