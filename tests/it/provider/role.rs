//! `neonrep_role`

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::{change_default_branch, until};
use crate::support::core::{Action, Change, Core, Object, unknown};
use crate::support::stand_in::StandIn;
use crate::support::versions::{since, suite};

const TYPE: &str = "neonrep_role";
const COUNT: &str = "SELECT count(*) FROM pg_roles WHERE rolname = 'r'";

pub(super) fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({ "project_id": stand_in.ready.project_id, "name": "r" });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

pub(super) fn id(stand_in: &StandIn) -> String {
    format!("{}/{}/r", stand_in.ready.project_id, stand_in.ready.branch_id)
}

#[test]
fn its_life() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let at_plan = config(&stand_in, json!({"project_id": unknown(), "name": unknown(), "store_password": unknown()}));
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    let made = core.settled(&core.apply(&plan, &config(&stand_in, json!({"store_password": false}))).done(), &plain);
    assert_eq!((made.text("id"), made.get("password"), made.get("adopted")), (id(&stand_in), Json::Null, json!(false)));

    // The password comes into the state, is rotated there, and leaves it.
    let stored = config(&stand_in, json!({"store_password": true}));
    let plan = core.plan(TYPE, Some(&made), &stored).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Update, vec!["password"]));
    let with = core.settled(&core.apply(&plan, &stored).done(), &stored);
    assert_eq!(with.text("password"), stand_in.password_of("r"));
    let rotating = |day: &str| config(&stand_in, json!({"store_password": true, "rotate_when_changed": {"day": day}}));
    let first = core.made(TYPE, Some(&with), &rotating("one"));
    assert_eq!(first.get("password"), with.get("password"), "from null to a value rotates nothing");
    let second = core.made(TYPE, Some(&first), &rotating("two"));
    assert_ne!(second.get("password"), first.get("password"));
    assert_eq!(second.text("password"), stand_in.password_of("r"));
    // A map whose value is known later.
    let later = config(&stand_in, json!({"store_password": true, "rotate_when_changed": {"day": unknown()}}));
    let third = core.made_from(TYPE, Some(&second), &later, &rotating("three"));
    assert_ne!(third.get("password"), second.get("password"));
    // And when it turns out to be what it was.
    core.made_from(TYPE, Some(&third), &later, &rotating("three"));
    let without = core.made(TYPE, Some(&third), &plain);
    assert_eq!(without.get("password"), Json::Null);

    core.imported(TYPE, &id(&stand_in), &plain);
    core.imported(TYPE, &id(&stand_in), &stored);
    core.destroyed(&without);
    assert_eq!(stand_in.value(COUNT), "0");
    assert!(core.refreshed(&without).0.is_none());
    core.destroyed(&core.made(TYPE, None, &stored));
}

#[test]
fn a_lost_answer_is_settled() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    for reset in ["before", "after"] {
        stand_in.fault(&json!({"method": "POST", "path": "/projects/*/branches/*/roles", "action": {"reset": reset}}));
        let made = core.made(TYPE, None, &plain);
        assert_eq!((made.get("adopted"), stand_in.value(COUNT)), (json!(false), "1".to_owned()));
        stand_in
            .fault(&json!({"method": "DELETE", "path": "/projects/*/branches/*/roles/*", "action": {"reset": reset}}));
        core.destroyed(&made);
        assert_eq!(stand_in.value(COUNT), "0");
    }
}

#[test]
fn a_failed_operation_leaves_what_was_made_tainted() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    for (more, fate) in [(json!({}), "error"), (json!({"store_password": true}), "cancelled")] {
        let plain = config(&stand_in, more);
        stand_in
            .fault(&json!({"method": "POST", "path": "/projects/*/branches/*/roles", "action": {"operation": fate}}));
        let plan = core.plan(TYPE, None, &plain).expect("a plan");
        let outcome = core.apply(&plan, &plain);
        assert!(outcome.messages.have_errors());
        let left = outcome.object.expect("what was begun is in the state");
        assert_eq!((left.tainted, left.text("id")), (true, id(&stand_in)));
        // The next plan: gone, so a creation, or there, so a replacement. Both end well.
        let made = core.made(TYPE, Some(&left), &plain);
        core.destroyed(&made);
    }
}

#[test]
fn two_creates_of_one_name_at_once() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let walk = core.walk();
    let plan = Core::plan_in(&walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan");
    let outcomes = std::thread::scope(|scope| {
        [0, 1].map(|_| scope.spawn(|| core.apply_in(&walk, &plan, &config))).map(|it| it.join().expect("an outcome"))
    });
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|it| !it.messages.have_errors());
    assert_eq!((made.len(), refused.len()), (1, 1), "{refused:?}");
    refused[0].messages.insist_error("name", "already exists");
    assert_eq!(refused[0].object, None);
    core.settled(made[0].object.as_ref().expect("an object"), &config);
}

#[test]
fn an_interrupted_creation_is_recorded() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    stand_in.settings(&json!({"operation_ms": 3000}));
    let walk = core.walk();
    let wanted = core.config(TYPE, &plain);
    let planned = walk.plan(TYPE, &Value::Null, &wanted, &[]).expect("a plan").value;
    let change = Change { type_name: TYPE, prior: &Value::Null, planned: &planned, config: &wanted, private: &[] };
    let begun = walk.begin_apply(&change);
    let posted = || stand_in.count_requests("GET", "/operations/") > 0;
    while !posted() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    walk.stop();
    let outcome = Core::outcome(TYPE, None, walk.finish_apply(&change, begun));
    assert!(outcome.messages.have_errors());
    let left = outcome.object.expect("what was begun is in the state");
    assert_eq!((left.tainted, left.text("id")), (true, id(&stand_in)));
    until(&stand_in, COUNT, "1");
    stand_in.settings(&json!({"operation_ms": 50}));
    core.made(TYPE, Some(&left), &plain);
}

#[test]
fn what_cannot_be_read_is_kept() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({"store_password": true, "timeouts": {"read": "5s"}})));
    for action in [
        json!({"status": 403}),
        json!({"status": 404, "html": "<html>not here</html>"}),
        json!({"status": 500}),
        json!({"not_found": true}),
    ] {
        stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": action}));
        stand_in.fault(&json!({"path": "/projects/*", "times": null, "action": action}));
        let (kept, said) = core.refreshed(&made);
        assert!(said.have_errors(), "{action}");
        assert_eq!(kept.as_ref(), Some(&made), "{action}");
        stand_in.no_faults();
    }
}

#[test]
fn a_key_that_may_only_read_is_told_before_anything_changes() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &plain).expect("a plan");
    let made = core.settled(&core.apply(&plan, &plain).done(), &plain);
    let destroy = core.plan_destroy(&made).expect("a plan").expect("a role");
    stand_in.settings(&json!({"permission": "VIEWER"}));
    stand_in.forget_requests();
    core.plan(TYPE, None, &plain).expect_err("no plan").insist_error("project_id", "VIEWER");
    core.apply(&plan, &plain).messages.insist_error("project_id", "VIEWER");
    core.apply(&destroy, &plain).messages.insist_error("project_id", "VIEWER");
    assert!(stand_in.requests().iter().all(|it| it["method"] == "GET"), "{:?}", stand_in.requests());
    stand_in.settings(&json!({"permission": "ADMIN"}));
    core.destroyed(&made);
}

/// Refused with one error; the role is still there.
fn not_destroyed(stand_in: &StandIn, core: &Core, role: &Object, path: &str, text: &str) {
    let plan = core.plan_destroy(role).expect("a plan").expect("a role");
    core.apply(&plan, &config(stand_in, json!({}))).messages.insist_error(path, text);
    assert_eq!(stand_in.sql_in("postgres", COUNT)[0][0].as_deref(), Some("1"));
}

#[test]
fn what_it_owns_is_found_from_any_database_that_can_be_entered() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    stand_in.sql("CREATE TABLE mine (i int); ALTER TABLE mine OWNER TO r");
    stand_in.admin("POST", "/databases", Some(&json!({"name": "other"})));
    stand_in.sql_in("other", "ALTER DATABASE neondb ALLOW_CONNECTIONS false");
    not_destroyed(&stand_in, &core, &made, "force_destroy", "in database `neondb`: 1 object");
    // None at all: refused, unless what it owns may change hands.
    stand_in.sql_in("postgres", "ALTER DATABASE other ALLOW_CONNECTIONS false");
    not_destroyed(&stand_in, &core, &made, "force_destroy", "could not connect to any database");
    stand_in.sql_in("postgres", "ALTER DATABASE other ALLOW_CONNECTIONS true");
    stand_in.sql_in("postgres", "ALTER DATABASE neondb ALLOW_CONNECTIONS true");
    let forced = core.made(TYPE, Some(&made), &config(&stand_in, json!({"force_destroy": true})));
    core.destroyed(&forced);
}

#[test]
fn a_privilege_from_another_grantor_is_named_with_its_cure() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({"force_destroy": true})));
    stand_in.sql(
        "CREATE ROLE \"g 1\"; CREATE SCHEMA s; CREATE TABLE s.t(i int, j int);
         GRANT USAGE ON SCHEMA s TO \"g 1\"; GRANT SELECT, UPDATE ON s.t TO \"g 1\" WITH GRANT OPTION;
         SET ROLE \"g 1\"; GRANT SELECT, UPDATE (j) ON s.t TO r",
    );
    let cure = "REVOKE SELECT, UPDATE (j) ON TABLE s.t FROM r;";
    not_destroyed(&stand_in, &core, &made, "name", &format!("as role `g 1`: {cure}"));
    stand_in.sql(&format!("SET ROLE \"g 1\"; {cure}"));
    core.destroyed(&made);
}

#[test]
fn what_goes_with_it_is_told_after_the_delete() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    stand_in.sql("CREATE TABLE t(i int); CREATE POLICY only_r ON t TO r USING (true); GRANT SELECT ON t TO r");
    let said = core.destroyed(&made);
    said.insist_warning("policy only_r on public.t");
    said.insist_warning("table public.t");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_policy"), "0");
}

#[test]
fn a_replacement_stays_on_its_branch_when_the_default_branch_changes() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let first = core.made(TYPE, None, &plain);
    let next = change_default_branch(&stand_in);
    // Under another name, then tainted under its own.
    let renamed = config(&stand_in, json!({"name": "renamed"}));
    let plan = core.plan(TYPE, Some(&first), &renamed).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Replace, vec!["adopted", "branch_id", "id", "neon_superuser"]));
    let second = core.settled(&core.apply(&plan, &renamed).done(), &renamed);
    assert_eq!(second.get("branch_id"), first.get("branch_id"));
    let third = core.made(TYPE, Some(&Object { tainted: true, ..second }), &renamed);
    assert_eq!(third.get("branch_id"), first.get("branch_id"));
    // A new object is on the new default branch.
    let new = core.made(TYPE, None, &config(&stand_in, json!({"name": "new"})));
    assert_eq!(new.get("branch_id"), json!(next));
    // A branch that is named now.
    let named = config(&stand_in, json!({"name": "renamed", "branch_id": next}));
    let moved = core.made(TYPE, Some(&third), &named);
    assert_eq!(moved.get("branch_id"), json!(next));
    let back = config(&stand_in, json!({"name": "renamed", "branch_id": first.get("branch_id")}));
    assert_eq!(core.made(TYPE, Some(&moved), &back).get("branch_id"), first.get("branch_id"));
}

#[test]
fn the_same_role_at_two_addresses_is_destroyed_under_none() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let deposed = core.made(TYPE, None, &config(&stand_in, json!({})));
    let living = core.made(TYPE, None, &config(&stand_in, json!({"adopt": true})));
    let read = |walk: &crate::support::core::Walk, role: &Object| {
        let (found, said) = walk.read(role);
        (found.expect("a role"), said)
    };

    // Read before the destroy is planned: forgotten.
    let walk = core.walk();
    read(&walk, &living).1.insist_no_error();
    let (deposed, _) = read(&walk, &deposed);
    let planned = walk.plan(TYPE, &deposed.value, &Value::Null, &deposed.private).expect("a plan");
    let change = Change {
        type_name: TYPE,
        prior: &deposed.value,
        planned: &planned.value,
        config: &Value::Null,
        // Within the apply Terraform plans the destroy of a deposed object again, from what the read left.
        private: &deposed.private,
    };
    let done = core.walk().apply(&change);
    done.messages.insist_no_error();
    done.messages.insist_warning("was kept");
    assert_eq!((done.value, stand_in.value(COUNT)), (Value::Null, "1".to_owned()));

    // Read between its read and its destroy: the plan is refused.
    let walk = core.walk();
    let (noted, _) = read(&walk, &deposed);
    read(&walk, &living).1.insist_no_error();
    let refused = walk.plan(TYPE, &noted.value, &Value::Null, &noted.private);
    assert!(refused.is_err_and(|said| said.to_string().contains("two addresses")));

    // Read after it: the plan is refused.
    let walk = core.walk();
    let (deposed, _) = read(&walk, &deposed);
    walk.plan(TYPE, &deposed.value, &Value::Null, &deposed.private).expect("a plan");
    let adopts = core.config(TYPE, &config(&stand_in, json!({"adopt": true})));
    let refused = Core::plan_in(&walk, TYPE, Some(&living), &adopts);
    refused.expect_err("its role is taken away").insist_error("", "two addresses");

    // Both are destroyed: the plan is not refused.
    let imported = core.imported(TYPE, &id(&stand_in), &config(&stand_in, json!({})));
    let walk = core.walk();
    Core::plan_destroy_in(&walk, &deposed).expect("a plan");
    Core::plan_destroy_in(&walk, &imported).expect("the plan destroys both");
    // The one that is alone is destroyed.
    core.destroyed(&deposed);
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn a_branch_is_named_by_its_id_and_another_project_is_checked_as_such() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    core.plan(TYPE, None, &config(&stand_in, json!({"branch_id": "main"})))
        .expect_err("a name")
        .insist_error("branch_id", "`main` is not the ID of a branch");
    let plan = core.plan(TYPE, None, &config(&stand_in, json!({"branch_id": "br-nowhere-1"}))).expect("a plan");
    plan.messages.insist_warning("br-nowhere-1");
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    stand_in.forget_requests();
    let other = core.plan(TYPE, Some(&made), &json!({"project_id": "another-project-1", "name": "r"}));
    other.expect_err("no such project").insist_error("project_id", "another-project-1");
    let strayed = format!("another-project-1/branches/{}", stand_in.ready.branch_id);
    assert_eq!(stand_in.count_requests("GET", &strayed), 0, "the old branch is not looked for in the new project");
}

const PASSWORD: &str = "of-a-role-made-with-sql";

#[test]
fn a_role_created_with_sql_has_what_is_declared_and_no_more() {
    // A role with REPLICATION by SQL: Neon's owner creates it from this version on.
    let stand_in = StandIn::start_logical(since(16));
    let core = Core::new(&stand_in);
    stand_in.sql("CREATE ROLE g; GRANT g TO neondb_owner WITH ADMIN OPTION");
    let with_sql = |more: Json| {
        let mut config = config(&stand_in, json!({"neon_superuser": false}));
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        config
    };
    let whole = with_sql(json!({"member_of": ["g"], "password_wo": PASSWORD, "password_wo_version": 1}));
    let made = core.made(TYPE, None, &whole);
    assert_eq!((made.text("id"), made.get("neon_superuser")), (id(&stand_in), json!(false)));
    assert_eq!((made.get("surplus"), made.get("password_wo")), (json!([]), Json::Null));
    let attributes = "SELECT rolreplication, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls,
                             ARRAY(SELECT roleid::regrole FROM pg_auth_members WHERE member = r.oid)
                      FROM pg_roles r WHERE rolname = 'r'";
    let seen = || stand_in.sql(attributes)[0].iter().map(|it| it.clone().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(seen(), ["t", "t", "f", "{g}"]);
    stand_in.sql_as("r", PASSWORD, "SELECT 1").expect("the role logs in");

    // A password is set again by a new version alone.
    let other = |version: i64| {
        with_sql(json!({"member_of": ["g"], "password_wo": "another password", "password_wo_version": version}))
    };
    let plan = core.plan(TYPE, Some(&made), &other(1)).expect("a plan");
    assert_eq!(plan.action, Action::Nothing);
    let made = core.made(TYPE, Some(&made), &other(2));
    stand_in.sql_as("r", "another password", "SELECT 1").expect("the role logs in");

    // Drift shows, and is set right.
    stand_in.sql("ALTER ROLE r NOREPLICATION CREATEDB; REVOKE g FROM r GRANTED BY neondb_owner");
    let (drifted, _) = core.refreshed(&made);
    let drifted = drifted.expect("the role");
    assert_eq!((drifted.get("replication"), drifted.get("member_of")), (json!(false), json!([])));
    assert_eq!(drifted.get("surplus"), json!(["CREATEDB"]));
    let made = core.made(TYPE, Some(&drifted), &other(2));
    assert_eq!(seen(), ["t", "t", "f", "{g}"]);

    // A membership that only another role can revoke is told, with the right that it takes.
    stand_in.sql("GRANT neon_superuser TO r");
    let (drifted, _) = core.refreshed(&made);
    let drifted = drifted.expect("the role");
    assert_eq!(drifted.get("surplus"), json!(["MEMBER OF neon_superuser"]));
    let plan = core.plan(TYPE, Some(&drifted), &other(2)).expect("a plan");
    core.apply(&plan, &other(2)).messages.insist_error("name", "ADMIN option on role \"neon_superuser\"");
    stand_in.sql("REVOKE neon_superuser FROM r");

    // Less is declared, in place.
    let less = with_sql(json!({"replication": false, "bypass_rls": true}));
    let made = core.made(TYPE, Some(&made), &less);
    assert_eq!(seen(), ["f", "t", "t", "{}"]);
    core.imported(TYPE, &id(&stand_in), &less);

    // What it holds goes one by one, default privileges included; what it owns stays and is told.
    stand_in
        .sql_as_owner(
            "CREATE TABLE t (i int, j int); GRANT SELECT (i) ON t TO r; GRANT USAGE, CREATE ON SCHEMA public TO r;
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO r; GRANT CONNECT ON DATABASE neondb TO r",
        )
        .expect("grants");
    stand_in.sql("CREATE TABLE owned (i int); ALTER TABLE owned OWNER TO r");
    let destroy = core.plan_destroy(&made).expect("a plan").expect("an object to destroy");
    core.apply(&destroy, &json!({})).messages.insist_error("name", "owned");
    stand_in.sql("DROP TABLE owned");
    core.destroyed(&made).insist_warning("Privileges were removed");
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn an_existing_role_is_adopted_with_sql_and_loses_what_is_not_declared() {
    // A role with REPLICATION by SQL: Neon's owner creates it from this version on.
    let stand_in = StandIn::start_logical(since(16));
    let core = Core::new(&stand_in);
    stand_in.sql_as_owner("CREATE ROLE r CREATEDB CREATEROLE NOLOGIN").expect("a role");
    let plain = config(&stand_in, json!({"neon_superuser": false}));
    let plan = core.plan(TYPE, None, &plain).expect("a plan");
    core.apply(&plan, &plain).messages.insist_error("name", "already exists");
    let adopting = config(&stand_in, json!({"neon_superuser": false, "adopt": true}));
    let made = core.made(TYPE, None, &adopting);
    assert_eq!(made.get("adopted"), json!(true));
    let attributes = "SELECT rolreplication AND rolcanlogin AND NOT rolcreatedb AND NOT rolcreaterole FROM pg_roles WHERE rolname = 'r'";
    assert_eq!(stand_in.value(attributes), "t");
    core.destroyed(&made).insist_warning("was kept");
    assert_eq!(stand_in.value(COUNT), "1");
}

#[test]
fn arguments_of_the_other_kind_are_refused_on_themselves() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let refused = |more: Json, argument: &str| {
        core.plan(TYPE, None, &config(&stand_in, more)).expect_err(argument).insist_error(argument, "is not for");
    };
    refused(json!({"replication": true}), "replication");
    refused(json!({"member_of": ["g"]}), "member_of");
    refused(json!({"neon_superuser": false, "store_password": true}), "store_password");
    refused(json!({"neon_superuser": false, "rotate_when_changed": {"a": "b"}}), "rotate_when_changed");
    let nowhere = core.plan(TYPE, None, &json!({"name": "r"})).expect_err("no project");
    nowhere.insist_error("project_id", "Missing");
}

#[test]
fn postgres_15_says_who_could_create_the_role() {
    let stand_in = StandIn::start_logical(15);
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({"neon_superuser": false}));
    let plan = core.plan(TYPE, None, &plain).expect("a plan");
    core.apply(&plan, &plain).messages.insist_error("name", "Postgres 16");
    assert_eq!(stand_in.value(COUNT), "0");
}
