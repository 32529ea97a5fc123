//! Whoever runs the provider: Neon's owner, a superuser, a plain owner of a database, an administrator of Amazon RDS. For each the life of
//! every resource of a database, and what it may not do, in words that say who could.

use crate::support::outcome::Message;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// Who the provider logs in as.
struct Persona {
    what: &'static str,
    /// Made by the server's superuser before; the placeholder `PASSWORD` is a literal.
    prepare: &'static str,
    /// The user of the `sql` block; none: the Neon API.
    user: Option<&'static str>,
    /// Otherwise the role exists before.
    creates_role: bool,
    /// The first major version on which it may create subscriptions; 0: on none.
    subscribes_from: u16,
    /// Resources that are refused.
    refused: &'static [Refused],
}

/// A resource that is refused, and the words of the refusal.
type Refused = (&'static str, &'static [&'static str]);

const PASSWORD: &str = "of-a-persona";

/// `FOR ALL TABLES` without the right to it.
const ALL_TABLES: &str = r#"
resource "neonrep_publication" "all_tables" {
  PLACE
  database   = "DATABASE"
  name       = "refused"
  all_tables = true
}
"#;

/// A table of another owner.
const TABLE_OF_ANOTHER: &str = r#"
resource "neonrep_publication" "of_another" {
  PLACE
  database = "DATABASE"
  name     = "refused_too"
  tables   = [{ schema = "other", name = "of_another" }]
}
"#;

const IDENTITY_OF_ANOTHER: &str = r#"
resource "neonrep_replica_identity" "of_another" {
  PLACE
  database = "DATABASE"
  schema   = "other"
  table    = "of_another"
  mode     = "full"
}
"#;

const GRANT_OF_ANOTHER: &str = r#"
resource "neonrep_grant" "of_another" {
  PLACE
  database = "DATABASE"
  role     = "another"
  tables   = [{ schema = "other", name = "of_nobody" }]
}
"#;

const SIGNAL_TABLE_OF_ANOTHER: &str = r#"
resource "neonrep_signal_table" "of_another" {
  PLACE
  database = "DATABASE"
  schema   = "other"
  name     = "refused"
  shape    = "heartbeat"
}
"#;

const ANY_ROLE: &str = r#"
resource "neonrep_role" "any" {
  PLACE
  name = "refused"
}
"#;

const BYPASSING_ROLE: &str = r#"
resource "neonrep_role" "bypassing" {
  PLACE
  name       = "refused"
  bypass_rls = true
}
"#;

const PRIVILEGED_SETTING: &str = r#"
resource "neonrep_role" "setting" {
  PLACE
  name     = "refused"
  settings = { log_min_messages = "debug5" }
}
"#;

/// What belongs to others.
const IDENTITY: Refused = (IDENTITY_OF_ANOTHER, &["other.of_another", "owner: `another`"]);
const GRANT: Refused = (GRANT_OF_ANOTHER, &["other.of_nobody", "`nobody`"]);
const SIGNAL_TABLE: Refused = (SIGNAL_TABLE_OF_ANOTHER, &["schema", "other", "CREATE"]);
const PUBLICATION: Refused = (TABLE_OF_ANOTHER, &["other.of_another", "owner: `another`"]);
/// A subscription, where the persona may not create one.
const SUBSCRIPTION: Refused = (SUBSCRIBING, &["pg_create_subscription", "superuser"]);

const OWNER_OF_NEON: Persona = Persona {
    what: "the owner of a database on Neon",
    prepare: "",
    user: None,
    creates_role: true,
    subscribes_from: 14,
    refused: &[PUBLICATION, IDENTITY, GRANT, SIGNAL_TABLE, (PRIVILEGED_SETTING, &["log_min_messages", "superuser"])],
};

const SUPERUSER: Persona = Persona {
    what: "a superuser of any Postgres",
    prepare: "CREATE ROLE root SUPERUSER LOGIN PASSWORD PASSWORD",
    user: Some("root"),
    creates_role: true,
    subscribes_from: 14,
    refused: &[],
};

const PLAIN_OWNER: Persona = Persona {
    what: "a plain owner of a database",
    prepare: "CREATE ROLE plain LOGIN REPLICATION PASSWORD PASSWORD; CREATE ROLE reader LOGIN REPLICATION",
    user: Some("plain"),
    creates_role: false,
    subscribes_from: 0,
    refused: &[PUBLICATION, IDENTITY, GRANT, SIGNAL_TABLE, (ANY_ROLE, &["CREATEROLE"]), (ALL_TABLES, &["superuser"])],
};

/// Amazon RDS lets members of `rds_replication` create slots and start walsenders; vanilla Postgres asks for the attribute.
const ADMINISTRATOR_OF_RDS: Persona = Persona {
    what: "an administrator of Amazon RDS",
    prepare: "CREATE ROLE rds_superuser; CREATE ROLE rds_replication;
              CREATE ROLE admin LOGIN CREATEROLE CREATEDB REPLICATION PASSWORD PASSWORD IN ROLE rds_superuser;
              GRANT rds_replication TO admin WITH ADMIN OPTION;
              DO $$ BEGIN GRANT pg_create_subscription TO admin; EXCEPTION WHEN undefined_object THEN NULL; END $$",
    user: Some("admin"),
    creates_role: true,
    subscribes_from: 16,
    refused: &[
        PUBLICATION,
        IDENTITY,
        GRANT,
        SIGNAL_TABLE,
        (BYPASSING_ROLE, &["superuser", "BYPASSRLS"]),
        (ALL_TABLES, &["superuser"]),
    ],
};

const CONFIGURATION: &str = r#"
resource "neonrep_grant" "this" {
  PLACE
  database   = "DATABASE"
  role       = NAME_OF_ROLE
  schemas    = ["public"]
  privileges = PRIVILEGES
}

resource "neonrep_publication" "this" {
  PLACE
  database = "DATABASE"
  name     = "p"
  tables   = TABLES
}

resource "neonrep_slot" "this" {
  publication_id  = neonrep_publication.this.id
  name            = "s"
  terminate_consumer = TERMINATE
  depends_on      = [neonrep_grant.this]
}

resource "neonrep_replica_identity" "this" {
  PLACE
  database = "DATABASE"
  table    = "c"
  mode     = "MODE"
}

resource "neonrep_signal_table" "this" {
  PLACE
  database = "DATABASE"
  name     = "beats"
  shape    = "heartbeat"
  timeouts = { create = "TIMEOUT" }
}
"#;

/// The publisher is another database of the same server, so its slot is created before.
const SUBSCRIBING: &str = r#"
resource "neonrep_subscription" "this" {
  PLACE
  database         = "DATABASE"
  name             = "sub"
  publications     = ["published"]
  connection_wo    = "host=127.0.0.1 port=PORT dbname=publisher user=cloud_admin password=${var.password} sslmode=disable"
  create_slot      = false
  slot_name        = "of_publisher"
  copy_data        = false
  enabled          = false
  binary           = BINARY
}
"#;

const VARIABLE: &str = r#"
variable "password" {
  type      = string
  ephemeral = true
}
"#;

const ROLE: &str = r#"
resource "neonrep_role" "this" {
  PLACE
  name     = "reader"
  settings = { statement_timeout = "TIMEOUT" }
}
"#;

/// The configuration first, and after all has changed.
fn configuration(persona: &Persona, major: u16, is_changed: bool) -> String {
    let pick = |first: &'static str, second: &'static str| if is_changed { second } else { first };
    let (role, name) = if persona.creates_role { (ROLE, "neonrep_role.this.name") } else { ("", r#""reader""#) };
    let subscription = if persona.subscribes(major) { SUBSCRIBING } else { "" };
    format!("{VARIABLE}{role}{CONFIGURATION}{subscription}")
        .replace("NAME_OF_ROLE", name)
        .replace("PRIVILEGES", pick(r#"["SELECT"]"#, r#"["SELECT", "INSERT"]"#))
        .replace("TABLES", pick(r#"[{ name = "a" }]"#, r#"[{ name = "a" }, { name = "b" }]"#))
        .replace("TERMINATE", pick("false", "true"))
        .replace("MODE", pick("full", "nothing"))
        .replace("BINARY", pick("false", "true"))
        .replace("TIMEOUT", pick("1h", "2h"))
}

impl Persona {
    fn subscribes(&self, major: u16) -> bool {
        self.subscribes_from > 0 && major >= self.subscribes_from
    }

    fn database(&self) -> &'static str {
        if self.user.is_some() { "shop" } else { "neondb" }
    }

    fn write(&self, stand_in: &StandIn, workspace: &Workspace, body: &str) {
        let place = if self.user.is_some() { "" } else { "project_id = var.project_id" };
        let port = stand_in.superuser("neondb").get_ports().first().copied().expect("a port");
        let body = body.replace("PLACE", place).replace("DATABASE", self.database()).replace("PORT", &port.to_string());
        let Some(user) = self.user else { return workspace.write(&body) };
        workspace.write_with_provider(&format!(
            r#"
provider "neonrep" {{
  sql = {{
    host     = "127.0.0.1"
    port     = {port}
    username = "{user}"
    sslmode  = "require"
  }}
}}
{body}"#
        ));
    }

    fn prepare(&self, stand_in: &StandIn) -> Workspace {
        let owner = self.user.unwrap_or(&stand_in.ready.owner_role).to_owned();
        stand_in.sql("CREATE ROLE another; CREATE ROLE nobody");
        if let Some(user) = self.user {
            stand_in.sql(&self.prepare.replace("PASSWORD PASSWORD", &format!("PASSWORD {}", sql::literal(PASSWORD))));
            stand_in.sql(&format!("CREATE DATABASE shop OWNER {user}"));
        }
        let tables = "CREATE TABLE a (i int PRIMARY KEY); CREATE TABLE b (i int PRIMARY KEY); CREATE TABLE c (i int PRIMARY KEY);
                      CREATE SCHEMA other; CREATE TABLE other.of_another (i int PRIMARY KEY); CREATE TABLE other.of_nobody (i int);
                      ALTER TABLE a OWNER TO OWNER_; ALTER TABLE b OWNER TO OWNER_; ALTER TABLE c OWNER TO OWNER_;
                      ALTER SCHEMA public OWNER TO OWNER_; GRANT USAGE ON SCHEMA other TO PUBLIC;
                      ALTER TABLE other.of_another OWNER TO another; ALTER TABLE other.of_nobody OWNER TO nobody";
        stand_in.sql_in(self.database(), &tables.replace("OWNER_", &owner));
        stand_in.sql("CREATE DATABASE publisher");
        stand_in.sql_in("publisher", "CREATE PUBLICATION published FOR ALL TABLES");
        let slot = "SELECT pg_create_logical_replication_slot('of_publisher', 'pgoutput')";
        stand_in.session_in("publisher").expect("a session").run(slot).expect("a slot");
        let workspace = if self.user.is_none() { Workspace::new(stand_in) } else { Workspace::bare() };
        if self.user.is_some() {
            workspace.set_env("PGPASSWORD", PASSWORD);
        }
        let superuser = stand_in.superuser("publisher");
        let password = String::from_utf8_lossy(superuser.get_password().expect("a password")).into_owned();
        workspace.set_env("TF_VAR_password", password);
        workspace
    }

    /// Publications, slots and tables of ours, subscriptions, privileges of the consumer, the identity of `c`.
    fn count(&self, stand_in: &StandIn) -> String {
        stand_in.value_in(
            self.database(),
            "SELECT concat_ws(' ',
               (SELECT count(*) FROM pg_publication),
               (SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'),
               (SELECT count(*) FROM pg_class WHERE relname = 'beats'),
               (SELECT count(*) FROM pg_subscription),
               (SELECT count(*) FROM pg_class, aclexplode(relacl) it WHERE it.grantee = to_regrole('reader')),
               (SELECT relreplident FROM pg_class WHERE oid = 'c'::regclass))",
        )
    }

    fn lives(&self, stand_in: &StandIn, major: u16) {
        let who = format!("{} on {major}", self.what);
        let workspace = self.prepare(stand_in);
        let subscriptions = i32::from(self.subscribes(major));
        self.write(stand_in, &workspace, &configuration(self, major, false));
        workspace.apply();
        assert_eq!(self.count(stand_in), format!("1 1 1 {subscriptions} 4 f"), "{who}");

        let changed = configuration(self, major, true);
        self.write(stand_in, &workspace, &changed);
        let addresses = self.addresses(major);
        let expected: Vec<String> = addresses.iter().map(|it| format!("{it} update")).collect();
        assert_eq!(workspace.plan().changes(), expected, "{who}");
        workspace.apply();

        for address in &addresses {
            let id = workspace.attributes(address)["id"].as_str().expect("an id").to_owned();
            let id = match address.as_str() {
                "neonrep_grant.this" => format!("{id}/public"),
                "neonrep_slot.this" => format!("{id}/p"),
                _ => id,
            };
            workspace.forget(address);
            workspace.import(address, &id).expect_success();
        }
        let changes = workspace.plan().changes();
        assert!(changes.iter().all(|it| it.ends_with(" update")), "{who}: {changes:?}");
        workspace.apply();

        self.insist_on_refusals(stand_in, &workspace, major, &who);
        workspace.destroy();
        // What an identity was before an import is not known: it stays.
        assert_eq!(self.count(stand_in), "0 0 0 0 0 n", "{who}");
        let roles = stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'refused')");
        assert_eq!(roles, if self.creates_role { "0" } else { "1" }, "{who}");
    }

    /// All that is refused, beside what lives: at plan, and the rest at apply.
    fn insist_on_refusals(&self, stand_in: &StandIn, workspace: &Workspace, major: u16, who: &str) {
        let changed = configuration(self, major, true);
        let may_not_subscribe = Some(SUBSCRIPTION).filter(|_| !self.subscribes(major));
        let mut left: Vec<Refused> = self.refused.iter().copied().chain(may_not_subscribe).collect();
        let mut said = String::new();
        for refuses in [Workspace::try_plan, Workspace::try_apply] {
            if left.is_empty() {
                break;
            }
            let bodies: String = left.iter().map(|it| it.0.replace("BINARY", "false")).collect();
            self.write(stand_in, workspace, &format!("{changed}{bodies}"));
            let errors = refuses(workspace, &[]).errors();
            left.retain(|(body, words)| {
                let address = address(body);
                let is_told = |it: &Message| it.address == address && words.iter().all(|word| it.text().contains(word));
                !errors.iter().any(is_told)
            });
            said.extend(errors.iter().map(|it| format!("{}: {}\n", it.address, it.text())));
        }
        let missed: Vec<String> = left.iter().map(|(body, words)| format!("{} {words:?}", address(body))).collect();
        assert!(missed.is_empty(), "{who} is not refused {missed:?} but told\n{said}");
        self.write(stand_in, workspace, &changed);
        workspace.apply();
    }

    /// Sorted.
    fn addresses(&self, major: u16) -> Vec<String> {
        let all = ["grant", "publication", "replica_identity", "role", "signal_table", "slot", "subscription"];
        let is_there = |it: &&str| match *it {
            "role" => self.creates_role,
            "subscription" => self.subscribes(major),
            _ => true,
        };
        all.into_iter().filter(is_there).map(|it| format!("neonrep_{it}.this")).collect()
    }
}

/// The address of a resource block.
fn address(body: &str) -> String {
    let mut quoted = body.split('"').skip(1).step_by(2);
    let mut next = || quoted.next().expect("a resource block").to_owned();
    format!("{}.{}", next(), next())
}

fn on_old_and_new(persona: &Persona) {
    std::thread::scope(|scope| {
        let running = [14, 18].map(|major| scope.spawn(move || persona.lives(&StandIn::start_logical(major), major)));
        for it in running {
            assert!(it.join().is_ok(), "{}: see above", persona.what);
        }
    });
}

#[test]
fn the_owner_of_a_database_on_neon() {
    on_old_and_new(&OWNER_OF_NEON);
}

#[test]
fn a_superuser_of_any_postgres() {
    on_old_and_new(&SUPERUSER);
}

#[test]
fn a_plain_owner_of_a_database() {
    on_old_and_new(&PLAIN_OWNER);
}

#[test]
fn an_administrator_of_rds() {
    on_old_and_new(&ADMINISTRATOR_OF_RDS);
}
