//! `databricks_slot_config(slot_name, publication_name)`: `slot_config` of a `databricks_pipeline`.

use serde_json::{Value, json};

use super::refusal::{Result, named};

/// `{ slot_name, publication_name }`
pub fn databricks_slot_config(slot_name: &str, publication_name: &str) -> Result<Value> {
    Ok(json!({
        "slot_name": named("slot_name", slot_name)?,
        "publication_name": named("publication_name", publication_name)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_given() {
        assert_eq!(databricks_slot_config("s", "p"), Ok(json!({ "slot_name": "s", "publication_name": "p" })));
        assert_eq!(databricks_slot_config("", "p").unwrap_err().parameter, "slot_name");
        assert_eq!(databricks_slot_config("s", "").unwrap_err().parameter, "publication_name");
    }
}
