//! `neonrep_allowed_ips`: entries are added to the list of a project and removed from it, those of others stay, and nobody is
//! locked out by accident.

use serde_json::{Value, json};

use crate::support::outcome::Outcome;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ADDRESS: &str = "neonrep_allowed_ips.this";

/// The stand-in's proxy knows a new list at once, so nothing has to be waited for.
fn started() -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    let workspace = workspace(&stand_in);
    (stand_in, workspace)
}

fn workspace(stand_in: &StandIn) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.set_env("NEONREP_IP_ALLOW_DELAY", "50ms");
    workspace
}

fn with(arguments: &str) -> String {
    format!(
        r#"
resource "neonrep_allowed_ips" "this" {{
  project_id = var.project_id
{arguments}
}}
"#
    )
}

/// The list as the API has it.
fn listed(stand_in: &StandIn) -> Value {
    let (status, answer) = stand_in.api("GET", &format!("/projects/{}", stand_in.ready.project_id), None);
    assert_eq!(status, 200, "{answer}");
    answer["project"]["settings"]["allowed_ips"].clone()
}

/// Sets the list from outside.
fn set(stand_in: &StandIn, ips: &[&str]) {
    let body =
        json!({ "project": { "settings": { "allowed_ips": { "ips": ips, "protected_branches_only": false } } } });
    let (status, answer) = stand_in.api("PATCH", &format!("/projects/{}", stand_in.ready.project_id), Some(&body));
    assert_eq!(status, 200, "{answer}");
}

fn attribute(workspace: &Workspace, name: &str) -> Value {
    workspace.attributes(ADDRESS)[name].clone()
}

fn insist_said(outcome: &Outcome, parts: &[&str]) {
    for part in parts {
        assert!(outcome.says(part), "{part}: {}", outcome.all());
    }
}

#[test]
fn entries_are_added_and_removed_beside_those_of_others() {
    let (stand_in, workspace) = started();
    set(&stand_in, &["127.0.0.1", "::1", "192.0.2.7/32"]);
    workspace.write(&with(r#"  ips = ["192.0.2.7", "198.51.100.0/24", "2001:db8::1-2001:db8::9"]"#));
    workspace.apply();
    let ips = json!(["127.0.0.1", "::1", "192.0.2.7/32", "198.51.100.0/24", "2001:db8::1-2001:db8::9"]);
    assert_eq!(listed(&stand_in), json!({ "ips": ips, "protected_branches_only": false }));
    assert_eq!(attribute(&workspace, "preexisting"), json!(["192.0.2.7"]));
    assert_eq!(attribute(&workspace, "id"), stand_in.ready.project_id.as_str());

    // Another spelling is no change, of the text neither here nor there.
    workspace.write(&with(r#"  ips = ["192.0.2.7/32", "198.51.100.77/24", "2001:DB8:0::1-2001:db8::9"]"#));
    workspace.insist_on_empty_plan();

    // Removing an entry from the configuration removes it, except one that was there before.
    workspace.write(&with(r#"  ips = ["2001:db8::1-2001:db8::9", "203.0.113.5"]"#));
    workspace.apply();
    assert_eq!(
        listed(&stand_in)["ips"],
        json!(["127.0.0.1", "::1", "192.0.2.7/32", "2001:db8::1-2001:db8::9", "203.0.113.5"])
    );
    workspace.destroy();
    assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1", "192.0.2.7/32"]));
}

#[test]
fn an_open_project_is_restricted_only_with_consent() {
    let (stand_in, workspace) = started();
    workspace.write(&with(r#"  ips = ["127.0.0.1", "::1"]"#));
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("IP Allow would restrict") && error.text().contains("`enforce = true`"), "{error:?}");
    // No setting of the provider makes the apply do it.
    workspace.set_env("NEONREP_PLAN_CHECKS", "off");
    insist_said(&workspace.apply_fails(), &["IP Allow would restrict an open project", "Nothing was changed"]);
    assert_eq!(listed(&stand_in)["ips"], json!([]));
    workspace.set_env("NEONREP_PLAN_CHECKS", "");

    workspace.write(&with(
        r#"  ips = ["127.0.0.1", "::1"]
  enforce = true"#,
    ));
    workspace.apply();
    assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1"]));

    // Destroy opens the project only if the configuration says so.
    workspace.destroy().insist_warning("Last entries of IP Allow were kept");
    assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1"]));
    set(&stand_in, &[]);
    workspace.write(&with(
        r#"  ips = ["127.0.0.1", "::1"]
  enforce = true
  on_destroy = "open""#,
    ));
    workspace.apply();
    workspace.destroy().insist_warning("open to every address");
    assert_eq!(listed(&stand_in)["ips"], json!([]));
}

#[test]
fn a_list_that_refuses_the_provider_is_undone() {
    let (stand_in, workspace) = started();
    workspace.write(&with(
        r#"  ips = ["203.0.113.9"]
  enforce = true"#,
    ));
    let failed = workspace.apply_fails();
    insist_said(&failed, &["change undone", "This IP address 127.0.0.1 is not allowed", "every address may connect"]);
    assert_eq!(listed(&stand_in)["ips"], json!([]));
    assert!(workspace.addresses().is_empty(), "there is nothing to be in the state");

    // In place: an entry of ours is removed that admitted the provider.
    set(&stand_in, &["203.0.113.1"]);
    workspace.write(&with(r#"  ips = ["127.0.0.1", "::1", "203.0.113.9"]"#));
    workspace.apply();
    workspace.write(&with(r#"  ips = ["203.0.113.9", "203.0.113.10"]"#));
    insist_said(&workspace.apply_fails(), &["change undone", "This IP address 127.0.0.1"]);
    let mut ips: Vec<String> = serde_json::from_value(listed(&stand_in)["ips"].clone()).expect("texts");
    ips.sort();
    assert_eq!(ips, ["127.0.0.1", "203.0.113.1", "203.0.113.9", "::1"]);
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    // With the address named in advance nothing is sent.
    stand_in.forget_requests();
    workspace.write(&with(
        r#"  ips = ["203.0.113.9"]
  provider_address = "127.0.0.1""#,
    ));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("provider_address") && error.text().contains("would refuse"), "{error:?}");
    assert_eq!(stand_in.count_requests("PATCH", "/projects/"), 0);
}

/// The proxy keeps the old list for a while: the first look is admitted by it and proves nothing.
#[test]
fn a_look_by_the_old_list_proves_nothing() {
    let (stand_in, workspace) = started();
    stand_in.sample_table();
    stand_in.settings(&json!({ "proxy_role_cache_ms": 700 }));
    workspace.set_env("NEONREP_IP_ALLOW_DELAY", "1s");
    // Fills the proxy's cache.
    stand_in.sql_as_owner("SELECT 1").expect("admitted");
    workspace.write(&with(
        r#"  ips = ["203.0.113.9"]
  enforce = true"#,
    ));
    insist_said(&workspace.apply_fails(), &["change undone", "This IP address 127.0.0.1"]);
    assert_eq!(listed(&stand_in)["ips"], json!([]));
}

#[test]
fn a_provider_that_was_refused_before_is_only_warned() {
    let (stand_in, workspace) = started();
    set(&stand_in, &["203.0.113.1"]);
    workspace.write(&with(r#"  ips = ["203.0.113.9"]"#));
    workspace.apply().insist_warning("IP Allow does not admit the provider");
    assert_eq!(listed(&stand_in)["ips"], json!(["203.0.113.1", "203.0.113.9"]));
}

#[test]
fn two_configurations_that_add_at_once_lose_nothing() {
    let (stand_in, one) = started();
    set(&stand_in, &["127.0.0.1", "::1"]);
    let other = workspace(&stand_in);
    one.write(&with(r#"  ips = ["192.0.2.1"]"#));
    other.write(&with(r#"  ips = ["192.0.2.2"]"#));
    for _ in 0..3 {
        let running = [&one, &other].map(|it| it.start(&["apply", "-auto-approve", "-input=false", "-no-color"]));
        for (workspace, child) in [&one, &other].into_iter().zip(running) {
            workspace.finish_child(child).expect_success();
        }
        let ips = listed(&stand_in)["ips"].clone();
        for wanted in ["127.0.0.1", "192.0.2.1", "192.0.2.2"] {
            assert!(ips.as_array().expect("a list").contains(&json!(wanted)), "{wanted}: {ips}");
        }
        one.insist_on_empty_plan();
        other.insist_on_empty_plan();
        one.destroy();
        other.destroy();
        assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1"]));
    }
}

#[test]
fn what_others_remove_is_added_again() {
    let (stand_in, workspace) = started();
    set(&stand_in, &["127.0.0.1", "::1"]);
    workspace.write(&with(r#"  ips = ["192.0.2.1", "192.0.2.2"]"#));
    workspace.apply();
    set(&stand_in, &["127.0.0.1", "::1", "192.0.2.2"]);
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    set(&stand_in, &["127.0.0.1", "::1"]);
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} create")]);
    workspace.apply();
    assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1", "192.0.2.1", "192.0.2.2"]));
}

#[test]
fn an_import_takes_the_list_and_destroy_leaves_it() {
    let (stand_in, workspace) = started();
    workspace.write(&with(r#"  ips = ["127.0.0.1/32", "::1", "192.0.2.0/24"]"#));
    let refused = workspace.import(ADDRESS, &stand_in.ready.project_id).expect_failure();
    assert!(refused.says("nothing to import"), "{}", refused.all());
    set(&stand_in, &["127.0.0.1", "::1", "192.0.2.0-192.0.2.255"]);
    workspace.import(ADDRESS, &stand_in.ready.project_id).expect_success();
    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert_eq!(listed(&stand_in)["ips"], json!(["127.0.0.1", "::1", "192.0.2.0-192.0.2.255"]));
}

#[test]
fn the_flag_of_the_list_is_set_and_left_alone() {
    let (stand_in, workspace) = started();
    set(&stand_in, &["127.0.0.1", "::1"]);
    let flag = || listed(&stand_in)["protected_branches_only"].clone();
    workspace.write(&with(
        r#"  ips = ["192.0.2.1"]
  protected_branches_only = true"#,
    ));
    workspace.apply();
    assert_eq!(flag(), json!(true));
    // Not set, it stays.
    workspace.write(&with(r#"  ips = ["192.0.2.1"]"#));
    workspace.apply();
    assert_eq!(flag(), json!(true));
    workspace.write(&with(
        r#"  ips = ["192.0.2.1"]
  protected_branches_only = false"#,
    ));
    workspace.apply();
    assert_eq!(flag(), json!(false));
    // Changed outside, it shows.
    let body = json!({ "project": { "settings": { "allowed_ips": {
        "ips": ["127.0.0.1", "::1", "192.0.2.1"], "protected_branches_only": true
    } } } });
    stand_in.api("PATCH", &format!("/projects/{}", stand_in.ready.project_id), Some(&body));
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    assert_eq!(flag(), json!(false));
}

#[test]
fn malformed_entries_never_reach_the_project() {
    let (stand_in, workspace) = started();
    for (ips, says) in [
        (r#"["192.0.2.1 "]"#, "is not an IP address"),
        (r#"["192.0.2.9-192.0.2.1"]"#, "ends before it begins"),
        (r#"["192.0.2.0/33"]"#, "more than 32 bits"),
        (r#"["::ffff:192.0.2.1"]"#, "Write the IPv4 address"),
        ("[]", "is empty"),
    ] {
        workspace.write(&with(&format!("  ips = {ips}")));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("ips") && error.text().contains(says), "{ips}: {error:?}");
    }
    assert!(stand_in.requests().iter().all(|it| it["method"] == "GET"));
}

#[test]
fn a_plan_without_ip_allow_passes_the_answer_on() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "ip_allow": false }));
    workspace.write(&with(
        r#"  ips = ["127.0.0.1"]
  enforce = true"#,
    ));
    let (status, answer) = stand_in.api(
        "PATCH",
        &format!("/projects/{}", stand_in.ready.project_id),
        Some(&json!({ "project": { "settings": { "allowed_ips": { "ips": ["127.0.0.1"] } } } })),
    );
    assert_eq!(status, 403, "{answer}");
    insist_said(&workspace.apply_fails(), &[answer["message"].as_str().expect("a message")]);
    assert!(workspace.addresses().is_empty());
}

#[test]
fn a_lost_answer_adds_once_and_a_gone_project_is_only_forgotten() {
    let (stand_in, workspace) = started();
    set(&stand_in, &["127.0.0.1", "::1"]);
    stand_in.fault(&json!({ "method": "PATCH", "path": "/projects/*", "action": { "reset": "after" } }));
    stand_in.forget_requests();
    workspace.write(&with(r#"  ips = ["192.0.2.1"]"#));
    workspace.apply();
    assert_eq!(stand_in.count_requests("PATCH", "/projects/"), 1);
    assert_eq!(attribute(&workspace, "preexisting"), json!([]), "it was ours that was found");

    stand_in.fault(&json!({ "path": "/projects/**", "times": null, "action": { "not_found": true } }));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("project_id") && error.text().contains("-refresh=false"), "{error:?}");
    workspace.destroy_with(&["-refresh=false"]).insist_warning("already gone");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn a_branch_without_a_compute_is_not_looked_at() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "endpoint_missing": true }));
    workspace.write(&with(
        r#"  ips = ["203.0.113.9"]
  enforce = true"#,
    ));
    workspace.apply().insist_warning("IP Allow is set but not verified");
    assert_eq!(listed(&stand_in)["ips"], json!(["203.0.113.9"]));
}
