//! The Databricks guide: its example is applied unchanged, its outputs work, and destroy leaves nothing.

use crate::support::consumer;
use crate::support::on_every_postgres;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// The configuration of the guide, as a user copies it.
const GUIDE: &str = include_str!("../../../examples/guides/databricks-lakeflow/main.tf");

fn workspace(stand_in: &StandIn) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.write_file("main.tf", GUIDE);
    workspace
}

/// What Postgres holds that an apply could have left; of privileges what somebody else than the owner has, for a
/// table's own ACL is spelled out once anything was ever granted on it.
pub(super) fn traces(stand_in: &StandIn) -> Vec<String> {
    let acl = |catalogue: &str, name: &str, owner: &str, acl: &str| {
        format!(
            "SELECT string_agg({name} || ': ' || one.grantee::regrole || ' ' || one.privilege_type, ', ' \
             ORDER BY {name}::text, one.grantee, one.privilege_type) FROM {catalogue} AS it, aclexplode({acl}) AS one \
             WHERE one.grantee NOT IN (0, {owner}) AND it.oid >= 16384"
        )
    };
    [
        "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles".to_owned(),
        acl("pg_class", "it.relname", "it.relowner", "it.relacl"),
        acl("pg_namespace", "it.nspname", "it.nspowner", "it.nspacl").replace(" AND it.oid >= 16384", ""),
        acl("pg_database", "it.datname", "it.datdba", "it.datacl"),
        acl("pg_default_acl", "it.defaclrole::regrole", "it.defaclrole", "it.defaclacl"),
        "SELECT string_agg(pubname, ',') FROM pg_publication".to_owned(),
        "SELECT string_agg(slot_name, ',') FROM pg_replication_slots WHERE slot_type = 'logical'".to_owned(),
        "SELECT relreplident FROM pg_class WHERE oid = 'public.playing_with_neon'::regclass".to_owned(),
    ]
    .map(|query| stand_in.value(&query))
    .into()
}

#[test]
fn the_guide_works_as_it_stands_on_every_postgres() {
    on_every_postgres(|stand_in| {
        stand_in.sample_table();
        let before = traces(stand_in);
        let workspace = workspace(stand_in);
        workspace.apply();
        let made = traces(stand_in);
        let same = made.iter().zip(&before).filter(|(made, before)| made == before).count();
        assert_eq!(same, 0, "each query sees what the guide makes: {made:#?}");
        assert_eq!(stand_in.value("SHOW wal_level"), "logical");
        assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'playing_with_neon'"), "f");

        let outputs = workspace.outputs();
        let option = |key: &str| outputs["databricks_connection_options"]["value"][key].clone();
        assert_eq!(option("host"), stand_in.ready.host.as_str());
        assert_eq!(option("port"), stand_in.ready.port.to_string());
        assert_eq!(option("user"), "databricks_replication");
        let slot = &outputs["databricks_slot_config"]["value"];
        assert_eq!(slot["slot_name"], "databricks_slot");
        assert_eq!(slot["publication_name"], "databricks_publication");

        // What came out is a login that reads the table.
        let password = option("password");
        let password = password.as_str().expect("a password");
        let rows = stand_in.sql_as("databricks_replication", password, "SELECT count(*) FROM playing_with_neon");
        assert_eq!(rows.map(|it| crate::support::sql::single(&it)), Ok("10".to_owned()));

        // And a slot that decodes this publication.
        stand_in.sql("UPDATE playing_with_neon SET value = 7 WHERE id = 1");
        let changes = consumer::take(stand_in, "databricks_slot", "databricks_publication").expect("changes");
        let kinds: Vec<_> = changes.iter().map(|it| (it.kind, it.table.as_str())).collect();
        assert_eq!(kinds, [("update", "public.playing_with_neon")]);

        workspace.destroy();
        let left = traces(stand_in);
        assert_eq!(left, before);
        assert!(workspace.addresses().is_empty());
    });
}

#[test]
fn keys_and_passwords_stand_only_where_they_were_asked_for() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    let workspace = workspace(&stand_in);
    let owner = stand_in.password_of(&stand_in.ready.owner_role);
    // Without the password in the data source nobody has asked for it anywhere.
    let asked = "  include_password = true\n";
    assert!(GUIDE.contains(asked));
    workspace.write_file("main.tf", &GUIDE.replace(asked, ""));
    workspace.apply();
    workspace.plan_json();
    let role = stand_in.password_of("databricks_replication");
    workspace.no_secret_anywhere(&[&stand_in.ready.api_key, &owner, &role]);

    // With it, it is in the state and the outputs, as their readers were told; the key and the owner's never are.
    workspace.write_file("main.tf", GUIDE);
    workspace.apply();
    let known = workspace.outputs()["databricks_connection_options"]["value"]["password"].clone();
    assert_eq!(known, role.as_str());
    workspace.plan_json();
    workspace.destroy();
    workspace.no_secret_anywhere(&[&stand_in.ready.api_key, &owner]);
}

#[test]
fn a_wrong_key_is_named_and_nothing_is_lost() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    let workspace = workspace(&stand_in);
    workspace.apply();
    let before = workspace.addresses();
    workspace.set_env("NEON_API_KEY", "napi_wrong_wrong_wrong");
    let outcome = workspace.try_plan(&[]).expect_failure();
    outcome.insist_error("NEON_API_KEY");
    workspace.try_apply(&[]).expect_failure();
    workspace.try_destroy(&[]).expect_failure();
    assert_eq!(workspace.addresses(), before);
    workspace.set_env("NEON_API_KEY", &stand_in.ready.api_key);
    workspace.insist_on_empty_plan();
    workspace.destroy();
}
