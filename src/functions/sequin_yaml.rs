//! `sequin_yaml(connection, slot_name, publication_name, name)`: the part of `sequin.yaml` on a database.

use std::fmt::Write as _;

use serde::Deserialize;
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::connection::{self, Connection};
use super::refusal::{Result, given, named};
use super::replication;

/// YAML whose texts are quoted as in JSON, which is YAML too.
///
/// Sequin replaces `${…}` by variables of its environment, so a dollar sign before a brace would not survive: such a text is
/// refused.
pub(crate) fn sequin_yaml(
    connection: &Connection,
    slot_name: &str,
    publication_name: &str,
    name: &str,
) -> Result<String> {
    let connection = connection.direct()?;
    let port = connection.port.to_string();
    let quoted = |parameter: &'static str, text: &str| {
        if text.contains("${") {
            return super::refusal::refused(
                parameter,
                "It contains `${`, which Sequin replaces by a variable of its environment.",
            );
        }
        Ok(serde_json::Value::from(text).to_string())
    };
    let mut yaml = String::from("databases:\n");
    let rows = [
        ("  - name", quoted("name", named("name", name)?)?),
        ("    hostname", quoted("connection", &connection.host)?),
        ("    port", port),
        ("    database", quoted("connection", &connection.database)?),
        ("    username", quoted("connection", &connection.username)?),
        ("    password", quoted("connection", connection.password()?)?),
        ("    slot", String::new()),
        ("      name", quoted("slot_name", named("slot_name", slot_name)?)?),
        // Terraform has created both, in the right order.
        ("      create_if_not_exists", "false".to_owned()),
        ("    publication", String::new()),
        ("      name", quoted("publication_name", named("publication_name", publication_name)?)?),
        ("      create_if_not_exists", "false".to_owned()),
    ];
    for (key, value) in rows {
        let _ = if value.is_empty() { writeln!(yaml, "{key}:") } else { writeln!(yaml, "{key}: {value}") };
    }
    Ok(yaml)
}

/// `provider::neonrep::sequin_yaml`
pub(crate) struct SequinYaml;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    connection: Attr<Connection>,
    slot_name: Attr<String>,
    publication_name: Attr<String>,
    name: Attr<String>,
}

impl Function for SequinYaml {
    const NAME: &'static str = "sequin_yaml";
    type Arguments = Arguments;
    type Result = String;

    fn signature() -> Signature {
        Signature::new("The database in `sequin.yaml`.", "Gives the part of `sequin.yaml` that describes the database, its slot and its publication. Both are created by Terraform, so Sequin does not create them.\n\nThe result contains the password, and Terraform hides it because `password` of `connection` is sensitive.", Type::String)
            .parameter(connection::parameter())
            .parameter(replication::slot_name())
            .parameter(replication::publication_name())
            .parameter(Parameter::new("name", Type::String, "Name of the database in Sequin."))
    }

    fn call(arguments: Arguments) -> std::result::Result<String, FunctionError> {
        Ok(sequin_yaml(
            &given("connection", arguments.connection)?,
            &given("slot_name", arguments.slot_name)?,
            &given("publication_name", arguments.publication_name)?,
            &given("name", arguments.name)?,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::connection;
    use super::*;

    #[test]
    fn the_file_is_the_one_that_sequin_takes() {
        let expected = "\
databases:
  - name: \"neon\"
    hostname: \"ep-cool-darkness-123456.us-east-2.aws.neon.tech\"
    port: 5432
    database: \"neondb\"
    username: \"consumer\"
    password: \"AbC123dEf\"
    slot:
      name: \"sequin_slot\"
      create_if_not_exists: false
    publication:
      name: \"sequin_pub\"
      create_if_not_exists: false
";
        assert_eq!(sequin_yaml(&connection(), "sequin_slot", "sequin_pub", "neon").as_deref(), Ok(expected));
    }

    #[test]
    fn names_stay_texts() {
        let hostile = sequin_yaml(&connection(), "s", "a\": {}\n#", "no").unwrap();
        assert!(hostile.contains(r#"name: "a\": {}\n#""#) && hostile.contains(r#"- name: "no""#), "{hostile}");
        assert_eq!(sequin_yaml(&connection(), "s", "p${HOME}", "n").unwrap_err().parameter, "publication_name");
        assert_eq!(sequin_yaml(&connection(), "", "p", "n").unwrap_err().parameter, "slot_name");
    }
}
