//! Neon's `OpenAPI` document: routes, and what each takes and answers.

use std::process::Command;

use serde_json::Value;

use crate::support::npm;

/// Prints the document as JSON. `yaml` of npm reads it, so that no YAML parser is built for one test.
const TO_JSON: &str = r#"
const text = require("fs").readFileSync("node_modules/@neondatabase/api-client/public-v2-for-users.gen.yaml", "utf8");
process.stdout.write(JSON.stringify(require("yaml").parse(text)));
"#;

pub(super) struct Document {
    root: Value,
}

/// One method of one path.
pub(super) struct Route<'a> {
    /// With its parameters, as in `/projects/{project_id}`.
    pub(super) template: &'a str,
    pub(super) operation: &'a Value,
    /// Parameters of the path and of the method, without references.
    pub(super) parameters: Vec<&'a Value>,
}

impl Document {
    pub(super) fn load() -> Self {
        let mut node = Command::new("node");
        let output = node.args(["-e", TO_JSON]).current_dir(npm::folder()).output().expect("node is on the PATH");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { root: serde_json::from_slice(&output.stdout).expect("the document as JSON") }
    }

    /// The route of a call. A path without parameters wins over one with: `/projects/shared` is no project.
    pub(super) fn route(&self, method: &str, path: &str) -> Option<Route<'_>> {
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let paths = self.root["paths"].as_object()?;
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len() && wanted.iter().zip(&parts).all(|(it, part)| it.starts_with('{') || it == part)
        };
        let found = paths.iter().filter(|(template, it)| fits(template) && !it[method.to_lowercase()].is_null());
        let (template, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
        let operation = &item[method.to_lowercase()];
        let given = [&item["parameters"], &operation["parameters"]];
        let parameters = given.iter().filter_map(|it| it.as_array()).flatten().map(|it| self.resolved(it)).collect();
        Some(Route { template, operation, parameters })
    }

    /// What a reference names, or the value itself.
    pub(super) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut value = value;
        while let Some(reference) = value["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            value = self.root.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        }
        value
    }
}

impl Route<'_> {
    /// The answer to a status: its own, or the one for all that are not named.
    pub(super) fn response<'a>(&'a self, document: &'a Document, status: u16) -> Option<&'a Value> {
        let responses = &self.operation["responses"];
        let own = responses.get(status.to_string());
        // "default" stands for errors: a success that is not named is none of the document's.
        let other = || if (200..300).contains(&status) { None } else { responses.get("default") };
        own.or_else(other).map(|it| document.resolved(it))
    }
}
