//! The provider's `sql` block: the same resources on one Postgres server that is reached directly.

use serde_json::{Value, json};

use crate::support::on_every_logical_postgres;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Who the `sql` block logs in as, and how.
struct Login<'a> {
    user: &'a str,
    sslmode: &'a str,
    more: String,
}

impl<'a> Login<'a> {
    fn new(user: &'a str, sslmode: &'a str) -> Self {
        Self { user, sslmode, more: String::new() }
    }

    /// Another argument of the block.
    fn with(self, more: &str) -> Self {
        Self { more: more.to_owned(), ..self }
    }

    /// Arguments of a provider block.
    fn block(&self, stand_in: &StandIn) -> String {
        let port = stand_in.superuser("neondb").get_ports().first().copied().expect("a port");
        let (user, sslmode, more) = (self.user, self.sslmode, &self.more);
        format!(
            r#"  sql = {{
    host = "127.0.0.1"
    port = {port}
    username = "{user}"
    sslmode = "{sslmode}"
    {more}
  }}
"#
        )
    }

    fn provider(&self, stand_in: &StandIn) -> String {
        format!(
            r#"provider "neonrep" {{
{}}}
"#,
            self.block(stand_in)
        )
    }
}

const PASSWORD: &str = "of-a-plain-owner";
const SUPERUSER: &str = "cloud_admin";

fn superuser_password(stand_in: &StandIn) -> String {
    String::from_utf8_lossy(stand_in.superuser("neondb").get_password().expect("a password")).into_owned()
}

/// A folder without Neon in its environment: only the password of the block's user.
fn workspace(password: &str) -> Workspace {
    let workspace = Workspace::bare();
    workspace.set_env("PGPASSWORD", password);
    workspace
}

/// An owner of a database of its own, who may replicate and nothing else, a consumer, and a table.
fn plain_owner(stand_in: &StandIn) {
    stand_in.sql(&format!(
        "CREATE ROLE plain LOGIN REPLICATION PASSWORD {}; CREATE ROLE consumer LOGIN REPLICATION",
        sql::literal(PASSWORD)
    ));
    stand_in.sql("CREATE DATABASE shop OWNER plain");
    stand_in.sql_in("shop", "CREATE TABLE t (i int); ALTER TABLE t OWNER TO plain; ALTER SCHEMA public OWNER TO plain");
}

/// All that the resources of a database do, without `project_id`.
const WHOLE: &str = r#"
resource "neonrep_grant" "this" {
  database = "shop"
  role     = "consumer"
  schemas  = ["public"]
}

resource "neonrep_replica_identity" "this" {
  database = "shop"
  table    = "t"
  mode     = "full"
}

resource "neonrep_publication" "this" {
  database = "shop"
  name     = "p"
  tables   = [{ name = "t", replica_identity_id = neonrep_replica_identity.this.id }]
  PUBLISH
}

resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "s"
  depends_on     = [neonrep_grant.this]
}

data "neonrep_connection" "this" {
  database         = "shop"
  username         = "USER"
  include_password = true
}

output "connection" {
  sensitive = true
  value     = data.neonrep_connection.this
}
"#;

const IDS: [(&str, &str); 4] = [
    ("neonrep_grant.this", "sql/-/shop/consumer"),
    ("neonrep_replica_identity.this", "sql/-/shop/public/t"),
    ("neonrep_publication.this", "sql/-/shop/p"),
    ("neonrep_slot.this", "sql/-/shop/s"),
];

fn lives(stand_in: &StandIn, login: &Login<'_>, password: &str) {
    let workspace = workspace(password);
    let write = |publish: &str| {
        let body = WHOLE.replace("USER", login.user).replace("PUBLISH", publish);
        workspace.write_with_provider(&format!("{}{body}", login.provider(stand_in)));
    };
    write("");
    workspace.apply();
    for (address, id) in IDS {
        let attributes = workspace.attributes(address);
        assert_eq!(attributes["id"], id);
        assert_eq!((&attributes["project_id"], &attributes["branch_id"]), (&Value::Null, &Value::Null), "{address}");
    }
    let connection = workspace.outputs()["connection"]["value"].clone();
    assert_eq!((&connection["host"], &connection["sslmode"]), (&json!("127.0.0.1"), &json!(login.sslmode)));
    assert_eq!(connection["password"], password);
    let identity = stand_in.value_in("shop", "SELECT relreplident FROM pg_class WHERE relname = 't'");
    assert_eq!(identity, "f");
    let slots = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's' AND database = 'shop'";
    assert_eq!(stand_in.value(slots), "1");

    // In place.
    write(r#"publish = ["insert"]"#);
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
    workspace.apply();
    let deletes = stand_in.value_in("shop", "SELECT pubdelete FROM pg_publication WHERE pubname = 'p'");
    assert_eq!(deletes, "f");

    // Imported by the same ids. What an import cannot know is adopted in place.
    for (address, id) in IDS {
        workspace.forget(address);
        let import = if address == "neonrep_grant.this" { format!("{id}/public") } else { id.to_owned() };
        workspace.import(address, &import).expect_success();
    }
    let changes = workspace.plan().changes();
    assert!(changes.iter().all(|it| it.ends_with(" update")), "{changes:?}");
    workspace.apply();

    workspace.destroy();
    assert_eq!(stand_in.value(slots), "0");
    assert_eq!(stand_in.value_in("shop", "SELECT count(*) FROM pg_publication"), "0");
    let held = "SELECT count(*) FROM pg_class, aclexplode(relacl) WHERE grantee = 'consumer'::regrole";
    assert_eq!(stand_in.value_in("shop", held), "0");
}

#[test]
fn a_superuser_of_any_postgres_manages_all_of_a_database() {
    on_every_logical_postgres(|stand_in| {
        plain_owner(stand_in);
        lives(stand_in, &Login::new(SUPERUSER, "disable"), &superuser_password(stand_in));
    });
}

#[test]
fn a_plain_owner_without_createrole_manages_its_own_database() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    lives(&stand_in, &Login::new("plain", "require"), PASSWORD);
}

#[test]
fn what_belongs_to_neon_alone_is_refused_with_the_sql_block() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    let workspace = workspace(PASSWORD);
    let publication = |more: &str| {
        format!(
            r#"resource "neonrep_publication" "this" {{
  {more}
  database = "shop"
  name = "p"
  tables = [{{ name = "t" }}]
  publish = ["insert"]
}}
"#
        )
    };
    let provider = Login::new("plain", "require").provider(&stand_in);
    for (argument, value) in [("project_id", "quiet-river-12345678"), ("branch_id", "br-small-lake-87654321")] {
        workspace.write_with_provider(&format!("{provider}{}", publication(&format!(r#"{argument} = "{value}""#))));
        let error = workspace.plan_fails().error();
        assert!(error.is_on(argument) && error.text().contains("only for Neon"), "{error:?}");
    }
    let enabling = r#"resource "neonrep_logical_replication" "this" {
  project_id = "quiet-river-12345678"
}
"#;
    workspace.write_with_provider(&format!("{provider}{enabling}"));
    let outcome = workspace.apply_fails();
    outcome.insist_error("`sql`");

    // The other way round: on Neon each resource names its project.
    let on_neon = Workspace::new(&stand_in);
    on_neon.write(&publication(""));
    let error = on_neon.plan_fails().error();
    assert_eq!(error.summary, "Missing `project_id`");
}

/// A publication by a plain owner whose certificate check and password the block decides.
fn publication_by(stand_in: &StandIn, login: &Login<'_>, database: &str) -> String {
    format!(
        r#"{}resource "neonrep_publication" "this" {{
  database = "{database}"
  name = "p"
  tables = [{{ name = "t" }}]
  publish = ["insert"]
}}
"#,
        login.provider(stand_in)
    )
}

#[test]
fn sslmode_decides_whether_the_certificate_is_checked() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    let workspace = workspace(PASSWORD);
    // The authority of the server is in no system's store.
    workspace.write_with_provider(&publication_by(&stand_in, &Login::new("plain", "verify-full"), "shop"));
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("certificate"), "{error:?}");
    assert_eq!(stand_in.value_in("shop", "SELECT count(*) FROM pg_publication"), "0");

    // Without TLS, the server refuses everybody but its superuser.
    workspace.write_with_provider(&publication_by(&stand_in, &Login::new("plain", "disable"), "shop"));
    workspace.apply_fails().insist_error("pg_hba.conf");

    let roots = format!("sslrootcert = {:?}", stand_in.ready.sslrootcert);
    let verified = Login::new("plain", "verify-full").with(&roots);
    workspace.write_with_provider(&publication_by(&stand_in, &verified, "shop"));
    workspace.apply();
    workspace.write_with_provider(&publication_by(&stand_in, &Login::new("plain", "require"), "shop"));
    workspace.insist_on_empty_plan();
    workspace.destroy();
}

#[test]
fn a_wrong_password_keeps_the_state_and_an_absent_database_empties_it() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    let workspace = workspace(PASSWORD);
    let login = Login::new("plain", "require");
    workspace.write_with_provider(&publication_by(&stand_in, &login, "shop"));
    workspace.apply();

    workspace.set_env("PGPASSWORD", "not the password");
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("plain") && error.text().contains("`sql`"), "{error:?}");
    assert!(!error.text().contains("Neon"), "advice that does not fit: {error:?}");
    assert_eq!(workspace.addresses(), ["neonrep_publication.this"]);
    workspace.set_env("PGPASSWORD", PASSWORD);
    workspace.insist_on_empty_plan();

    stand_in.sql("DROP DATABASE shop WITH (FORCE)");
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this create"]);
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("`shop`"), "{error:?}");
    assert!(workspace.addresses().is_empty(), "{:?}", workspace.addresses());
}

#[test]
fn a_destroy_in_an_absent_database_says_so_and_succeeds() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    let workspace = workspace(PASSWORD);
    workspace.write_with_provider(&publication_by(&stand_in, &Login::new("plain", "require"), "shop"));
    workspace.apply();
    stand_in.sql("DROP DATABASE shop WITH (FORCE)");
    workspace.destroy_with(&["-refresh=false"]).insist_warning("already gone");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn two_configurations_of_the_provider_serve_one_run() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE t (i int PRIMARY KEY)").unwrap_or_else(|error| panic!("{error}"));
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("PGPASSWORD", PASSWORD);
    let login = Login::new("plain", "require");
    workspace.write_with_provider(&format!(
        r#"
provider "neonrep" {{}}

provider "neonrep" {{
  alias = "direct"
{block}}}

variable "project_id" {{ type = string }}

resource "neonrep_publication" "neon" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "p"
  tables     = [{{ name = "t" }}]
}}

resource "neonrep_publication" "direct" {{
  provider = neonrep.direct
  database = "shop"
  name     = "p"
  tables   = [{{ name = "t" }}]
  publish  = ["insert"]
}}
"#,
        block = login.block(&stand_in)
    ));
    workspace.apply();
    assert_eq!(workspace.attributes("neonrep_publication.neon")["id"], stand_in.id_of("p"));
    assert_eq!(workspace.attributes("neonrep_publication.direct")["id"], "sql/-/shop/p");
    for database in ["neondb", "shop"] {
        assert_eq!(stand_in.value_in(database, "SELECT count(*) FROM pg_publication"), "1", "{database}");
    }
    workspace.no_secret_anywhere(&[PASSWORD]);
    workspace.destroy();
    for database in ["neondb", "shop"] {
        assert_eq!(stand_in.value_in(database, "SELECT count(*) FROM pg_publication"), "0", "{database}");
    }
}

#[test]
fn the_example_gives_a_consumer_what_it_needs() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (7)");
    let workspace = workspace(&superuser_password(&stand_in));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sql/main.tf");
    workspace.write_file("main.tf", &std::fs::read_to_string(example).expect("the example"));
    let port = stand_in.superuser("neondb").get_ports().first().copied().expect("a port");
    for (name, value) in [
        ("host", "127.0.0.1"),
        ("port", &port.to_string()),
        ("username", SUPERUSER),
        ("database", "neondb"),
        ("sslrootcert", &stand_in.ready.sslrootcert),
        ("consumer_password", PASSWORD),
    ] {
        workspace.set_env(&format!("TF_VAR_{name}"), value);
    }
    workspace.apply();
    assert_eq!(workspace.attributes("neonrep_role.consumer")["id"], "sql/-/consumer");
    let connection = workspace.outputs()["connection"]["value"].clone();
    assert_eq!((&connection["username"], &connection["password"]), (&json!("consumer"), &json!(PASSWORD)));
    let rows = stand_in.sql_as("consumer", PASSWORD, "SELECT id FROM orders").expect("the consumer reads");
    assert_eq!(sql::single(&rows), "7");
    workspace.forget("neonrep_role.consumer");
    workspace.import("neonrep_role.consumer", "sql/-/consumer").expect_success();
    workspace.apply();
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'consumer'"), "0");
}

/// An administrator as Amazon RDS has one: CREATEROLE without REPLICATION, and `rds_replication` to give.
#[test]
fn on_rds_replication_is_a_membership() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql(&format!(
        "CREATE ROLE rds_replication; CREATE ROLE plain LOGIN CREATEROLE PASSWORD {}; GRANT rds_replication TO plain WITH ADMIN \
         OPTION",
        sql::literal(PASSWORD)
    ));
    let workspace = workspace(PASSWORD);
    let role = |more: &str| {
        let provider = Login::new("plain", "require").provider(&stand_in);
        workspace.write_with_provider(&format!(
            r#"{provider}resource "neonrep_role" "this" {{
  name = "reader"
  {more}
}}
"#
        ));
    };
    let member = "SELECT pg_has_role('reader', 'rds_replication', 'MEMBER')";
    role("");
    workspace.apply();
    assert_eq!(stand_in.value(member), "t");
    role("replication = false");
    assert_eq!(workspace.plan().changes(), ["neonrep_role.this update"]);
    workspace.apply();
    assert_eq!(stand_in.value(member), "f");
    // What the administrator may not give is refused with who could.
    role("bypass_rls = true");
    workspace.apply_fails().insist_error("superuser");
    role("");
    workspace.apply();
    workspace.destroy();
}

#[test]
fn a_renamed_database_is_followed_in_place_by_its_oid() {
    let stand_in = StandIn::start_logical(suite());
    plain_owner(&stand_in);
    let (login, workspace) = (Login::new("plain", "require"), workspace(PASSWORD));
    let write = |database: &str| {
        let body = WHOLE.replace("USER", login.user).replace("PUBLISH", "").replace("shop", database);
        workspace.write_with_provider(&format!("{}{body}", login.provider(&stand_in)));
    };
    write("shop");
    workspace.apply();
    let rename = |from: &str, to: &str| {
        stand_in.sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'"));
        stand_in.sql(&format!("ALTER DATABASE {from} RENAME TO {to}"));
    };
    rename("shop", "store");
    let held = || {
        let query = "SELECT concat_ws(' ', (SELECT oid FROM pg_publication), (SELECT relreplident FROM pg_class WHERE relname = 't'),
             has_table_privilege('consumer', 't', 'SELECT'), (SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'))";
        stand_in.value_in("store", query)
    };
    let before = held();
    let plan = workspace.plan_fails();
    for part in ["`shop` was renamed", "`store`"] {
        assert!(plan.says_error(part), "{part}: {}", plan.messages());
    }
    write("store");
    assert_eq!(workspace.plan().changes(), Vec::<String>::new());
    workspace.apply();
    assert_eq!(held(), before);
    for (address, id) in IDS {
        assert_eq!(workspace.attributes(address)["id"], id.replace("shop", "store"));
    }
    // The old name is another database's now.
    rename("store", "shop");
    stand_in.sql("CREATE DATABASE store OWNER plain");
    write("shop");
    workspace.apply();
    workspace.destroy();
    assert_eq!(stand_in.value_in("shop", "SELECT count(*) FROM pg_publication"), "0");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
}
