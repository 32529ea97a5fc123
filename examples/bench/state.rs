//! States of many objects, made of one. An apply of thousands takes the CLI minutes, because it writes the state after
//! each object; here it is only a means to measure plans.

use std::fs;

use serde_json::{Value, json};

use super::terraform::Workspace;

/// Copies the last instance of a type until there are `to`. Its name ends with its index, and so do those of the copies.
pub(crate) fn multiply(workspace: &Workspace, type_name: &str, to: usize) {
    let path = workspace.path().join("terraform.tfstate");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).expect("a state")).expect("JSON");
    let resources = state["resources"].as_array_mut().expect("resources");
    let Some(resource) = resources.iter_mut().find(|it| it["type"] == type_name) else { return };
    let instances = resource["instances"].as_array_mut().expect("instances");
    let first = instances.len();
    let (Some(template), Some(last)) = (instances.last().map(Value::to_string), first.checked_sub(1)) else { return };
    for index in first..to {
        let copy = template.replace(&format!("_{last}\""), &format!("_{index}\""));
        let mut copy: Value = serde_json::from_str(&copy).expect("JSON");
        copy["index_key"] = json!(index);
        instances.push(copy);
    }
    fs::write(&path, state.to_string()).expect("a state");
}
