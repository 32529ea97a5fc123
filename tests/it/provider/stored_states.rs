//! States as they are stored: one file per resource, as version 0 of the schema wrote it in its first release. They are
//! never rewritten; a schema that grows fills what is missing, or gets a new version and an upgrade.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::started;
use crate::support::core::{Action, Core, Object, state_json};

fn fixture(type_name: &str) -> Json {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/provider/states/{type_name}.v0.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Elements without the attributes that they have got since, which are null in an older state.
fn without_new(value: &Json) -> Json {
    const SINCE: &[&str] = &["columns", "where"];
    match value {
        Json::Array(items) => items.iter().map(without_new).collect(),
        Json::Object(members) => {
            let kept = members.iter().filter(|(name, it)| !(it.is_null() && SINCE.contains(&name.as_str())));
            kept.map(|(name, it)| (name.clone(), without_new(it))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn states_of_the_first_release_are_read_whole() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    // Works without a configuration.
    let walk = core.unconfigured();
    for type_name in core.types() {
        let stored = fixture(&type_name);
        let value = walk.upgrade(&type_name, 0, &stored).unwrap_or_else(|said| panic!("{type_name}: {said}"));
        let read = state_json(&value);
        for (name, value) in stored.as_object().expect("an object") {
            assert_eq!(&without_new(&read[name]), value, "{type_name}.{name}");
        }
    }
}

#[test]
fn what_an_older_form_lacks_is_null_and_what_it_has_too_much_is_dropped() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let walk = core.unconfigured();
    for type_name in core.types() {
        let stored = fixture(&type_name);
        let attributes = stored.as_object().expect("an object");
        for left_out in attributes.keys() {
            let mut older = stored.clone();
            older.as_object_mut().expect("an object").remove(left_out);
            older["of_another_version"] = json!({ "a": [1.5, null] });
            let value = walk.upgrade(&type_name, 0, &older).unwrap_or_else(|said| panic!("{type_name}: {said}"));
            assert_eq!(state_json(&value)[left_out], Json::Null);
        }
        walk.upgrade(&type_name, 99, &stored).expect_err("of a newer version").insist_error("", "newer version");
        let wrong = walk.upgrade(&type_name, 0, &json!({ "id": { "not": "text" } })).expect_err("of another form");
        wrong.insist_error("id", "");
    }
}

/// A state from before some arguments were there: Read fills what only the provider knows, and the plan is empty or in
/// place, never a replacement.
#[test]
fn a_state_of_an_older_form_is_taken_on() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let place = json!({ "project_id": stand_in.ready.project_id, "database": "neondb" });
    let with = |more: Json| {
        let mut config = place.clone();
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        config
    };
    let publication = with(json!({ "name": "p", "tables": [{ "name": "a" }] }));
    let slot = json!({ "publication_id": stand_in.id_of("p"), "name": "s" });
    let identity = with(json!({ "table": "a", "mode": "full" }));
    stand_in.sql("CREATE ROLE r");
    let grant = with(json!({ "role": "r", "schemas": ["public"] }));
    let role = json!({ "project_id": stand_in.ready.project_id, "name": "q" });
    for (type_name, config, lacking) in [
        ("neonrep_publication", publication, vec!["adopt", "allow_replace", "force_destroy", "adopted", "timeouts"]),
        ("neonrep_slot", slot, vec!["allow_recreate", "deletion_protection", "terminate_consumer", "timeouts"]),
        ("neonrep_replica_identity", identity, vec!["on_destroy", "timeouts"]),
        ("neonrep_grant", grant, vec!["future_table_owners", "connect_as", "mode", "surplus", "timeouts"]),
        (
            "neonrep_role",
            role,
            vec![
                "adopt",
                "store_password",
                "force_destroy",
                "adopted",
                "timeouts",
                "neon_superuser",
                "database",
                "replication",
                "bypass_rls",
                "member_of",
                "password_wo",
                "password_wo_version",
                "surplus",
            ],
        ),
    ] {
        let made = core.made(type_name, None, &config);
        let mut stored = state_json(&made.value);
        for name in &lacking {
            stored.as_object_mut().expect("an object").remove(*name);
        }
        let value = core.walk().upgrade(type_name, 0, &stored).expect("a state");
        let older = Object { value, ..made.clone() };
        let plan = core.plan(type_name, Some(&older), &config).expect("a plan");
        assert_eq!(plan.action, Action::Nothing, "{type_name}");
        assert_eq!(plan.prior.expect("an object").value, made.value, "{type_name}");
    }
}
