//! Options, names, and the provider's `sql` block.

use serde_json::json;

use super::{ADDRESS, TABLES, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const OF_T: &str = "  publications = [neonrep_publication.t.name]";

#[test]
fn failover_and_the_slot_change_in_place_and_two_phase_replaces() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    let options =
        "SELECT concat(subenabled, subfailover, suborigin, subslotname, subtwophasestate) FROM pg_subscription";
    workspace.write(&subscription(&format!("{OF_T}\n  origin = \"none\"")));
    workspace.apply();
    assert_eq!(target.value(options), "tfnonesubd");
    workspace.write(&subscription(&format!("{OF_T}\n  failover = true")));
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    workspace.apply();
    // What the configuration leaves out stays as it is.
    assert_eq!(target.value(options), "ttnonesubd");
    assert_eq!(stand_in.value("SELECT failover FROM pg_replication_slots WHERE slot_name = 'sub'"), "t");

    // The slot of another name is created by hand, and the old one is left.
    at_source(&stand_in, "SELECT pg_create_logical_replication_slot('other', 'pgoutput', failover => true)");
    workspace.write(&subscription(&format!("{OF_T}\n  failover = true\n  slot_name = \"other\"")));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["publisher_slot"], "other");
    at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
    target.wait_for("SELECT count(*) FROM t", "3");

    workspace
        .write(&subscription(&format!("{OF_T}\n  copy_data = false\n  slot_name = \"other\"\n  two_phase = true")));
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this replace"]);
    workspace.apply();
    assert_eq!(stand_in.value("SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'other'"), "t");
    workspace.destroy();
    assert_eq!(slots(&stand_in), "1");
}

#[test]
fn a_disabled_subscription_takes_up_tables_when_it_is_enabled() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(&format!("{OF_T}\n  enabled = false")));
    workspace.apply();
    let both = "  publications = [neonrep_publication.t.name, neonrep_publication.u.name]";
    workspace.write(&subscription(&format!("{both}\n  enabled = false")));
    workspace.apply();
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription_rel"), "1");

    // Tables that cannot be taken up leave it disabled, so that the difference stays.
    target.sql("DROP TABLE u");
    workspace.write(&subscription(both));
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("disabled again"), "{error:?}");
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    target.sql("CREATE TABLE u (id int PRIMARY KEY)");
    workspace.apply();
    target.wait_for("SELECT count(*) FROM u", "1");
    workspace.destroy();
}

#[test]
fn hostile_names_are_only_names() {
    let stand_in = source(18);
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    let name = r#"it's; \"odd\" ü/%.,"#;
    let body = subscription("  publications = [\"p'; \\\"x\\\" ü\"]\n  slot_name = \"odd\"");
    let body = body.replace("name          = \"sub\"", &format!("name          = \"{name}\""));
    at_source(&stand_in, r#"CREATE PUBLICATION "p'; ""x"" ü" FOR TABLE t"#);
    workspace.write(&body);
    workspace.apply();
    target.wait_for("SELECT count(*) FROM t", "2");
    let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
    workspace.write(&body.replace("slot_name =", "binary = true\n  slot_name ="));
    workspace.apply();
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &id).expect_success();
    workspace.apply();
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_list_of_publications_grows_without_a_copy_of_rows() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(&format!("{OF_T}\n  copy_data = false")));
    workspace.apply();
    let both = "  publications = [neonrep_publication.t.name, neonrep_publication.u.name]";
    workspace.write(&subscription(&format!("{both}\n  copy_data = false")));
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    workspace.apply();
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'"), "2");
    at_source(&stand_in, "INSERT INTO t VALUES (3, 'c'); INSERT INTO u VALUES (2)");
    target.wait_for("SELECT count(*) FROM u", "1");
    target.wait_for("SELECT count(*) FROM t", "1");
    // Changing only the argument copies nothing later either.
    workspace.write(&subscription(both));
    workspace.apply();
    // A list that shrinks takes its tables along.
    workspace.write(&subscription(OF_T));
    workspace.apply();
    assert_eq!(target.value("SELECT string_agg(srrelid::regclass::text, ',') FROM pg_subscription_rel"), "t");
    assert_eq!(target.value("SELECT count(*) FROM t"), "1");
    workspace.destroy();
}

/// A server that is reached directly subscribes to a project of Neon.
const UNDER_SQL: &str = r#"
provider "neonrep" {
  alias = "plain"
  sql = {
    host     = "127.0.0.1"
    port     = PORT
    username = "cloud_admin"
    password = var.password
    sslmode  = "disable"
  }
}

variable "password" {
  type      = string
  ephemeral = true
}

resource "neonrep_subscription" "this" {
  provider      = neonrep.plain
  database      = "neondb"
  name          = "sub"
  publications  = [neonrep_publication.t.name]
  connection_wo = ephemeral.neonrep_connection.source.uri
}
"#;

#[test]
fn a_plain_server_subscribes_to_a_project() {
    for major in [14, 18] {
        let stand_in = source(major);
        let plain = StandIn::start(major);
        plain.sql(TABLES);
        let superuser = plain.superuser("neondb");
        let workspace = Workspace::new(&stand_in);
        workspace.set_env("TF_VAR_target_id", "none");
        let password = String::from_utf8_lossy(superuser.get_password().expect("a password")).into_owned();
        workspace.set_env("TF_VAR_password", password);
        let port = superuser.get_ports().first().copied().expect("a port");
        workspace.write(&format!("{}{}", super::PUBLISHED, UNDER_SQL.replace("PORT", &port.to_string())));
        workspace.apply();
        assert_eq!(workspace.attributes(ADDRESS)["id"], json!("sql/-/neondb/sub"));
        at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
        for _ in 0..600 {
            if plain.value("SELECT count(*) FROM t") == "3" {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(plain.value("SELECT count(*) FROM t"), "3");
        workspace.destroy();
        assert_eq!(slots(&stand_in), "0");
    }
}

/// A subscription stays in its database, whatever that is called.
#[test]
fn a_database_that_is_renamed_is_followed() {
    let stand_in = source(suite());
    let plain = StandIn::start(suite());
    plain.sql("CREATE DATABASE before");
    plain.sql_in("before", TABLES);
    let superuser = plain.superuser("before");
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("TF_VAR_target_id", "none");
    let password = String::from_utf8_lossy(superuser.get_password().expect("a password")).into_owned();
    workspace.set_env("TF_VAR_password", password);
    let port = superuser.get_ports().first().copied().expect("a port").to_string();
    let write = |database: &str| {
        let body =
            UNDER_SQL.replace("PORT", &port).replace("database      = \"neondb\"", &format!("database = {database:?}"));
        workspace.write(&format!("{}{body}", super::PUBLISHED));
    };
    write("before");
    workspace.apply();
    plain.sql_in("before", "ALTER SUBSCRIPTION sub DISABLE");
    plain.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'before'");
    plain.sql("ALTER DATABASE before RENAME TO after");
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("was renamed"), "{error:?}");
    write("after");
    let plan = workspace.plan();
    plan.insist_warning("was renamed");
    assert_eq!(plan.changes(), ["neonrep_subscription.this update"]);
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["id"], json!("sql/-/after/sub"));
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}
