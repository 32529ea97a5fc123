//! The guides in which Neon, or another Postgres server, subscribes: applied as they stand, rows arrive, nothing is left.
//!
//! A source is a database of a real server with the roles, privileges and refusals of a platform: its administrator is no
//! superuser.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::second_project::SecondProject;
use crate::support::sql::single;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Folders below `examples/guides` whose stories are here.
pub(super) const FOLDERS: [&str; 9] =
    ["alloydb", "aurora", "azure", "cloud-sql", "neon-to-neon", "neon-to-postgres", "postgresql", "rds", "supabase"];

const TABLE: &str = "CREATE TABLE playing_with_neon(id SERIAL PRIMARY KEY, name TEXT NOT NULL, value REAL)";

const ROWS: &str = "INSERT INTO playing_with_neon(name, value) SELECT 'n' || i, i FROM generate_series(1, 10) s(i)";

const COUNT: &str = "SELECT count(*) FROM playing_with_neon";

/// A folder with the example as it stands.
fn workspace(stand_in: &StandIn, folder: &str) -> Workspace {
    let workspace = Workspace::new(stand_in);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides").join(folder).join("main.tf");
    workspace.write_file("main.tf", &std::fs::read_to_string(path).expect("the example"));
    workspace
}

/// Applies it with a look at its report, lets rows arrive, and destroys it.
fn works(workspace: &Workspace, secrets: &[&str], source: impl Fn(&str) -> String, target: impl Fn(&str) -> String) {
    workspace.apply();
    let arrives = |expected: &str| {
        let until = Instant::now() + Duration::from_mins(1);
        while target(COUNT) != expected {
            assert!(Instant::now() < until, "{} rows, not {expected}", target(COUNT));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    arrives("10");
    source("INSERT INTO playing_with_neon(name, value) VALUES ('late', 1)");
    source("UPDATE playing_with_neon SET name = 'renamed' WHERE id = 1");
    arrives("11");
    let renamed = "SELECT count(*) FROM playing_with_neon WHERE name = 'renamed'";
    for _ in 0..300 {
        if target(renamed) == "1" {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(target(renamed), "1");
    let outputs = workspace.outputs();
    assert_eq!(outputs["ready"]["value"], json!(true), "{}", outputs["readiness"]["value"]);
    workspace.insist_on_empty_plan();
    workspace.no_secret_anywhere(secrets);
    workspace.destroy();
    assert_eq!(source("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    assert_eq!(source("SELECT count(*) FROM pg_publication"), "0");
    assert_eq!(target("SELECT count(*) FROM pg_subscription"), "0");
    assert_eq!(target(COUNT), "11", "the rows stay");
}

fn neon_to_neon(major: u16) {
    let stand_in = StandIn::start(major);
    let target = SecondProject::create(&stand_in);
    stand_in.sample_table();
    target.sql(TABLE);
    let workspace = workspace(&stand_in, "neon-to-neon");
    workspace.set_env("TF_VAR_source_project_id", &stand_in.ready.project_id);
    workspace.set_env("TF_VAR_target_project_id", &target.id);
    works(&workspace, &[&stand_in.ready.api_key], |it| stand_in.value(it), |it| target.value(it));
}

#[test]
fn neon_to_neon_on_14() {
    neon_to_neon(14);
}

#[test]
fn neon_to_neon_on_18() {
    neon_to_neon(18);
}

fn neon_to_postgres(major: u16) {
    let stand_in = StandIn::start(major);
    stand_in.sample_table();
    let plain = StandIn::start(major);
    let password = "of-the-administrator";
    plain.sql(&format!("CREATE ROLE administrator LOGIN SUPERUSER PASSWORD '{password}'"));
    plain.sql("CREATE DATABASE copy OWNER administrator");
    plain.sql_in("copy", TABLE);
    let workspace = workspace(&stand_in, "neon-to-postgres");
    let server = json!({
        "host": plain.ready.host, "port": plain.ready.port, "database": "copy", "username": "administrator",
    });
    workspace.set_env("TF_VAR_target", server.to_string());
    workspace.set_env("TF_VAR_target_password", password);
    // Both have an authority of their own.
    let both = [&stand_in, &plain].map(|it| std::fs::read_to_string(&it.ready.sslrootcert).expect("an authority"));
    workspace.write_file("both.pem", &both.concat());
    workspace.set_env("PGSSLROOTCERT", workspace.path().join("both.pem").display().to_string());
    works(&workspace, &[password, &stand_in.ready.api_key], |it| stand_in.value(it), |it| plain.value_in("copy", it));
}

#[test]
fn neon_to_postgres_on_14() {
    neon_to_postgres(14);
}

#[test]
fn neon_to_postgres_on_18() {
    neon_to_postgres(18);
}

/// What a platform has that vanilla Postgres does not.
struct Platform {
    folder: &'static str,
    postgres: u16,
    /// Its administrator, and the statements that create the roles of the platform.
    administrator: &'static str,
    roles: &'static str,
    /// Members of `rds_replication` may replicate without the attribute.
    replicates_by_membership: bool,
    /// What the role of the guide must have.
    role_has: &'static str,
}

const ADMINISTRATOR: &str = "of-the-administrator";

const REPLICA: &str = "of-the-replica it's \\ odd@/";

const BY_ATTRIBUTE: &str = "SELECT rolreplication FROM pg_roles WHERE rolname = 'neon_replica'";

fn source(platform: &Platform) {
    let stand_in = StandIn::start_logical(platform.postgres);
    let target = SecondProject::create(&stand_in);
    let administrator = platform.administrator;
    stand_in.sql(platform.roles);
    stand_in.sql(&format!("ALTER ROLE {administrator} LOGIN PASSWORD '{ADMINISTRATOR}'"));
    stand_in.sql(&format!("CREATE DATABASE shop OWNER {administrator}"));
    stand_in.sql_in("shop", &format!("SET ROLE {administrator}; {TABLE}; {ROWS}"));
    target.sql(TABLE);
    let workspace = workspace(&stand_in, platform.folder);
    let server = json!({
        "host": stand_in.ready.host, "port": stand_in.ready.port, "database": "shop", "username": administrator,
        "sslrootcert": stand_in.ready.sslrootcert,
    });
    workspace.set_env("TF_VAR_project_id", &target.id);
    workspace.set_env("TF_VAR_source_server", server.to_string());
    workspace.set_env("TF_VAR_source_password", ADMINISTRATOR);
    workspace.set_env("TF_VAR_replica_password", REPLICA);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if platform.replicates_by_membership {
            scope.spawn(|| lets_members_replicate(&stand_in, &over));
        }
        let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            workspace.apply();
            assert_eq!(stand_in.value(platform.role_has), "t");
            let superuser =
                "SELECT rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = 'neon_replica'";
            assert_eq!(stand_in.value(superuser), "f");
            let source = |it: &str| single(&stand_in.sql_in("shop", it));
            works(&workspace, &[ADMINISTRATOR, REPLICA, &stand_in.ready.api_key], source, |it| target.value(it));
            assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'neon_replica'"), "0");
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = story {
            std::panic::resume_unwind(panic);
        }
    });
}

/// What the platform's own Postgres does, and vanilla Postgres cannot: membership stands for the attribute.
fn lets_members_replicate(stand_in: &StandIn, over: &AtomicBool) {
    const GIVE: &str = "
DO $$
DECLARE member name;
BEGIN
  FOR member IN SELECT r.rolname FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid
                WHERE m.roleid = 'rds_replication'::regrole AND r.rolcanlogin AND NOT r.rolreplication AND NOT r.rolcreaterole
  LOOP EXECUTE format('ALTER ROLE %I REPLICATION', member); END LOOP;
END $$";
    let session = stand_in.session();
    while !over.load(Ordering::Relaxed) {
        // The role may be dropped meanwhile.
        let _ = session.run(GIVE);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn rds_is_a_source() {
    source(&Platform {
        folder: "rds",
        postgres: 17,
        administrator: "master_user",
        roles: "CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_superuser; CREATE ROLE rds_replication;
                CREATE ROLE master_user CREATEROLE CREATEDB IN ROLE rds_superuser;
                GRANT rds_replication TO master_user WITH ADMIN OPTION",
        replicates_by_membership: true,
        role_has: "SELECT pg_has_role('neon_replica', 'rds_replication', 'MEMBER')",
    });
}

#[test]
fn aurora_is_a_source() {
    source(&Platform {
        folder: "aurora",
        postgres: 15,
        administrator: "master_user",
        roles: "CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_superuser; CREATE ROLE rds_replication;
                CREATE ROLE master_user CREATEROLE CREATEDB IN ROLE rds_superuser;
                GRANT rds_replication TO master_user WITH ADMIN OPTION",
        replicates_by_membership: true,
        role_has: "SELECT pg_has_role('neon_replica', 'rds_replication', 'MEMBER')",
    });
}

#[test]
fn cloud_sql_is_a_source() {
    source(&Platform {
        folder: "cloud-sql",
        postgres: 17,
        administrator: "cloud_sql_postgres",
        roles: "CREATE ROLE cloudsqladmin SUPERUSER; CREATE ROLE cloudsqlsuperuser CREATEROLE CREATEDB;
                CREATE ROLE cloud_sql_postgres CREATEROLE CREATEDB REPLICATION;
                GRANT cloudsqlsuperuser TO cloud_sql_postgres WITH ADMIN OPTION",
        replicates_by_membership: false,
        role_has: "SELECT rolreplication AND pg_has_role('neon_replica', 'cloudsqlsuperuser', 'MEMBER') FROM pg_roles \
                   WHERE rolname = 'neon_replica'",
    });
}

#[test]
fn alloydb_is_a_source() {
    source(&Platform {
        folder: "alloydb",
        postgres: 16,
        administrator: "alloydb_postgres",
        roles: "CREATE ROLE alloydbadmin SUPERUSER; CREATE ROLE alloydbsuperuser CREATEROLE CREATEDB;
                CREATE ROLE alloydb_postgres CREATEROLE CREATEDB REPLICATION;
                GRANT alloydbsuperuser TO alloydb_postgres WITH ADMIN OPTION",
        replicates_by_membership: false,
        role_has: "SELECT rolreplication AND pg_has_role('neon_replica', 'alloydbsuperuser', 'MEMBER') FROM pg_roles \
                   WHERE rolname = 'neon_replica'",
    });
}

#[test]
fn azure_is_a_source() {
    source(&Platform {
        folder: "azure",
        postgres: 17,
        administrator: "azure_administrator",
        roles: "CREATE ROLE azuresu SUPERUSER; CREATE ROLE azure_pg_admin;
                CREATE ROLE azure_administrator CREATEROLE CREATEDB REPLICATION IN ROLE azure_pg_admin",
        replicates_by_membership: false,
        role_has: BY_ATTRIBUTE,
    });
}

#[test]
fn supabase_is_a_source() {
    source(&Platform {
        folder: "supabase",
        postgres: 17,
        administrator: "postgres",
        roles: "CREATE ROLE supabase_admin SUPERUSER; CREATE ROLE postgres CREATEROLE CREATEDB REPLICATION BYPASSRLS",
        replicates_by_membership: false,
        role_has: BY_ATTRIBUTE,
    });
}

#[test]
fn any_postgres_is_a_source() {
    for postgres in [14, 18] {
        source(&Platform {
            folder: "postgresql",
            postgres,
            administrator: "administrator",
            roles: "CREATE ROLE administrator SUPERUSER",
            replicates_by_membership: false,
            role_has: BY_ATTRIBUTE,
        });
    }
}

/// An RDS instance whose group of parameters was not changed, and a role without the membership.
#[test]
fn a_source_that_is_not_logical_is_told_with_the_parameter_of_the_platform() {
    let stand_in = StandIn::start(suite());
    stand_in.sql("CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_replication");
    stand_in.sql(&format!("CREATE ROLE master_user LOGIN CREATEROLE CREATEDB PASSWORD '{ADMINISTRATOR}'"));
    stand_in.sql("CREATE ROLE reader LOGIN");
    stand_in.sql("CREATE DATABASE shop OWNER master_user");
    stand_in.sql_in("shop", &format!("SET ROLE master_user; {TABLE}"));
    let workspace = Workspace::bare();
    workspace.set_env("PGSSLROOTCERT", &stand_in.ready.sslrootcert);
    workspace.set_env("PGPASSWORD", ADMINISTRATOR);
    workspace.write_with_provider(&READINESS.replace("PORT", &stand_in.ready.port.to_string()));
    workspace.apply();
    let report = workspace.outputs()["readiness"]["value"].clone();
    assert_eq!(report["ready"], json!(false));
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    let of = |check: &str| findings.iter().find(|it| it["check"] == check).cloned().unwrap_or(Value::Null);
    assert!(of("wal_level")["remedy"].to_string().contains("rds.logical_replication"), "{report:#}");
    assert_eq!(of("rds_replication")["severity"], "error", "{report:#}");
}

const READINESS: &str = r#"
provider "neonrep" {
  sql = {
    host     = "localhost"
    port     = PORT
    username = "master_user"
  }
}

data "neonrep_readiness" "source" {
  database    = "shop"
  destination = "neon_subscriber"
  role        = "reader"
}

output "readiness" {
  value = data.neonrep_readiness.source
}
"#;
