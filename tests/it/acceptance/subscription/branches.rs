//! Branches of the subscribing project: a child and a restored branch have no subscription.

use serde_json::json;

use super::{ADDRESS, TABLES, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;
use crate::support::versions::suite;

const OF_T: &str = "  publications = [neonrep_publication.t.name]";

#[test]
fn a_child_branch_has_no_subscription_and_gets_one_with_a_slot_of_its_own() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let parent = workspace(&stand_in, &target);
    parent.write(&subscription(OF_T));
    parent.apply();
    target.wait_for("SELECT count(*) FROM t", "2");
    let child = target.child("child");
    assert_eq!(child.value("SELECT count(*) FROM pg_subscription"), "0");
    parent.insist_on_empty_plan();

    let on_child = workspace(&stand_in, &target);
    let publications = "  publications = [\"pub_t\"]\n  copy_data = false";
    let write = |more: &str| {
        let body = subscription(&format!("{publications}\n  branch_id = \"{}\"{more}", child.branch_id));
        // The publications belong to the folder of the parent.
        let first = body.find("resource \"neonrep_publication\"").expect("publications");
        let last = body.find("ephemeral").expect("a connection");
        on_child.write(&format!("{}{}", &body[..first], &body[last..]));
    };
    write("");
    let id = format!("{}/{}/neondb/sub", target.id, child.branch_id);
    let missing = on_child.import(ADDRESS, &id).expect_failure();
    assert!(missing.says("Cannot import non-existent remote object"), "{}", missing.all());
    // The slot of that name is the parent's.
    let error = on_child.apply_fails().error();
    assert!(error.text().contains("replication slot \"sub\" already exists"), "{error:?}");
    assert!(error.text().contains("parent branch") && error.text().contains("`slot_name`"), "{error:?}");
    assert_eq!(slots(&stand_in), "1");
    write("\n  slot_name = \"sub_child\"");
    on_child.apply();
    assert_eq!(on_child.attributes(ADDRESS)["id"], id);
    at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
    for branch in [&child, &target] {
        branch.wait_for("SELECT count(*) FROM t", "3");
    }
    on_child.destroy();
    assert_eq!(slots(&stand_in), "1");
    parent.insist_on_empty_plan();

    // Restored, the parent has lost its own: the destroy says which slot is left.
    target.call(
        "POST",
        &format!("/branches/{}/restore", target.branch_id),
        &json!({
            "source_branch_id": child.branch_id, "preserve_under_name": "before",
        }),
    );
    target.wait_for("SELECT count(*) FROM pg_subscription", "0");
    let plan = parent.plan();
    assert_eq!(plan.changes(), [format!("{ADDRESS} create")]);
    plan.insist_warning("Neon drops subscriptions");
    // Terraform shows no warning of the refresh before a destroy. The publications name the slot.
    let destroyed = parent.destroy();
    assert!(destroyed.warns("have no consumer: `sub`"), "{}", destroyed.all());
    assert_eq!(slots(&stand_in), "1");
}
