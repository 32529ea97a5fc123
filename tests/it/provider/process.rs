//! One process: configured again, not yet configured, asked many things at once, stopped.

use serde_json::json;

use super::started;
use crate::support::core::{Action, Core, unknown};

const PUBLICATION: &str = "neonrep_publication";

#[test]
fn configured_again_with_other_values() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "name": "p", "tables": [{"name": "a"}] });
    let made = core.made(PUBLICATION, None, &config);
    let walk = core.unconfigured();
    let (kept, said) = walk.read(&made);
    said.insist_error("", "not configured");
    assert_eq!(kept.as_ref(), Some(&made));

    let with = |key: &str, value: serde_json::Value| {
        let mut provider = core.provider.clone();
        provider[key] = value;
        provider
    };
    walk.configure(&with("api_key", json!("napi_wrong"))).insist_no_error();
    let (kept, said) = walk.read(&made);
    said.insist_error("", "NEON_API_KEY");
    assert_eq!(kept.as_ref(), Some(&made));
    walk.configure(&with("sslrootcert", json!("/no/such/file"))).insist_error("sslrootcert", "/no/such/file");
    let (kept, said) = walk.read(&made);
    assert!(said.have_errors(), "a configuration that failed does not leave the one before");
    assert_eq!(kept.as_ref(), Some(&made));

    walk.configure(&core.provider).insist_no_error();
    let (kept, said) = walk.read(&made);
    said.insist_no_error();
    assert_eq!(kept.as_ref(), Some(&made));
    // What was read under one configuration is not kept for the next.
    stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
    walk.configure(&core.provider).insist_no_error();
    assert_eq!(walk.read(&made).0, None);
    // Another policy.
    let refused = json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "name": "q", "tables": [{"name": "k"}] });
    stand_in.sql_as_owner("CREATE TABLE k(x int)").expect("a table without a key");
    let refused = core.config(PUBLICATION, &refused);
    let plan = || Core::plan_in(&walk, PUBLICATION, None, &refused);
    plan().expect_err("a refusal").insist_error("tables", "k");
    walk.configure(&with("plan_checks", json!("warn"))).insist_no_error();
    plan().expect("a plan").messages.insist_warning("k");
    walk.configure(&with("plan_checks", json!("off"))).insist_no_error();
    assert!(plan().expect("a plan").messages.0.is_empty());
    walk.configure(&with("max_connections", json!(1))).insist_no_error();
    plan().expect_err("a refusal").insist_error("tables", "k");
}

#[test]
fn a_configuration_that_is_known_after_apply() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "name": "p", "tables": [{"name": "a"}] });
    let made = core.made(PUBLICATION, None, &config);
    stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
    let walk = core.unconfigured();
    let mut provider = core.provider.clone();
    provider["api_key"] = unknown();
    walk.configure(&provider).insist_no_error();
    let plan = Core::plan_in(&walk, PUBLICATION, Some(&made), &core.config(PUBLICATION, &config)).expect("a plan");
    assert_eq!((plan.action, &plan.planned), (Action::Nothing, &made.value), "shown as it was last seen");
    plan.messages.insist_warning("`api_key`");
    let plan = Core::plan_in(&walk, PUBLICATION, None, &core.config(PUBLICATION, &config)).expect("a plan");
    assert!(plan.messages.0.is_empty(), "said once: {}", plan.messages);
    walk.import(PUBLICATION, &stand_in.id_of("p")).expect_err("no import").insist_error("", "`api_key`");
    let data = json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "username": "r" });
    walk.data("neonrep_connection", &data).expect_err("no data").insist_error("", "`api_key`");
    // The apply has it.
    core.settled(&core.apply(&plan, &config).done(), &config);
}

#[test]
fn plans_and_reads_at_once_share_one_look() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let names: Vec<String> = (0..12).map(|it| format!("p{it}")).collect();
    let config = |name: &String| json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "name": name, "tables": [{"name": "a"}] });
    let walk = core.walk();
    let at_once = |object: &(dyn Fn(&String) -> crate::support::core::Object + Sync)| {
        std::thread::scope(|scope| {
            let running: Vec<_> = names.iter().map(|name| scope.spawn(|| object(name))).collect();
            running.into_iter().map(|it| it.join().expect("an object")).collect::<Vec<_>>()
        })
    };
    let made = at_once(&|name| {
        let plan = Core::plan_in(&walk, PUBLICATION, None, &core.config(PUBLICATION, &config(name))).expect("a plan");
        core.apply_in(&walk, &plan, &config(name)).done()
    });
    let walk = core.walk();
    stand_in.forget_requests();
    let again = at_once(&|name| {
        let object = made.iter().find(|it| it.text("name") == *name).expect("an object");
        let plan = Core::plan_in(&walk, PUBLICATION, Some(object), &core.config(PUBLICATION, &config(name)));
        let plan = plan.expect("a plan");
        assert_eq!(plan.action, Action::Nothing);
        plan.prior.expect("an object")
    });
    assert_eq!(again, made);
    assert_eq!(stand_in.count_requests("GET", "/connection_uri"), 1);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%neonrep%'";
    assert!(stand_in.value(sessions).parse::<u32>().expect("a number") <= 1 + 4, "{}", stand_in.value(sessions));
}

#[test]
fn nonsense_ids_are_refused_by_each_import() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let walk = core.walk();
    for type_name in core.types() {
        for id in ["", "/", "a//b", "%zz", "p/b/d/n/x/y/z", "../../x", "P R O J"] {
            let said = walk.import(&type_name, id).expect_err(id);
            assert!(said.have_errors() && said.to_string().contains('<'), "{type_name} {id}: {said}");
        }
    }
}

#[test]
fn an_interrupted_plan_says_only_that() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let project = &stand_in.ready.project_id;
    let located = json!({ "project_id": project, "database": "neondb" });
    let with = |more: serde_json::Value| {
        let mut config = located.clone();
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        config
    };
    for (type_name, config) in [
        (PUBLICATION, with(json!({ "name": "p", "tables": [{"name": "a"}] }))),
        ("neonrep_grant", with(json!({ "role": "r", "schemas": ["public"] }))),
        ("neonrep_role", json!({ "project_id": project, "name": "r" })),
        ("neonrep_logical_replication", json!({ "project_id": project })),
    ] {
        let walk = core.walk();
        let config = core.config(type_name, &config);
        stand_in.fault(&json!({ "path": "/projects/**", "times": null, "action": { "hold": "before" } }));
        stand_in.fault(&json!({ "path": "/projects/*", "times": null, "action": { "hold": "before" } }));
        let said = std::thread::scope(|scope| {
            let planning = scope.spawn(|| Core::plan_in(&walk, type_name, None, &config));
            let held = || stand_in.admin("GET", "/faults", None)["faults"].to_string().contains("\"held\":true");
            while !held() {
                assert!(!planning.is_finished(), "{type_name}: the plan asks nothing");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            walk.stop();
            let said = planning.join().expect("an answer");
            stand_in.no_faults();
            said
        });
        said.expect_err(type_name).insist_only_error("The plan was interrupted");
    }
}
