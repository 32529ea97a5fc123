//! Whoever runs the provider: Neon's owner, a superuser, a plain owner of a database, an administrator of Amazon RDS. For each the life of
//! role, grant, publication and slot, and what it may not do, in words that say who could.

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
    /// A resource that is refused, and the words of the refusal.
    refused: &'static [(&'static str, &'static [&'static str])],
}

const PASSWORD: &str = "of-a-persona";

/// `FOR ALL TABLES` without the right to it.
const ALL_TABLES: &str = r#"
resource "neonrep_publication" "refused" {
  PLACE
  database   = "DATABASE"
  name       = "refused"
  all_tables = true
}
"#;

/// A table of another owner.
const TABLE_OF_ANOTHER: &str = r#"
resource "neonrep_publication" "refused" {
  PLACE
  database = "DATABASE"
  name     = "refused"
  tables   = [{ schema = "other", name = "of_another" }]
}
"#;

const ANY_ROLE: &str = r#"
resource "neonrep_role" "refused" {
  PLACE
  name = "refused"
}
"#;

const BYPASSING_ROLE: &str = r#"
resource "neonrep_role" "refused" {
  PLACE
  name       = "refused"
  bypass_rls = true
}
"#;

const PRIVILEGED_SETTING: &str = r#"
resource "neonrep_role" "refused" {
  PLACE
  name     = "refused"
  settings = { log_min_messages = "debug5" }
}
"#;

const OWNER_OF_NEON: Persona = Persona {
    what: "the owner of a database on Neon",
    prepare: "",
    user: None,
    creates_role: true,
    refused: &[(TABLE_OF_ANOTHER, &["of_another", "owner"]), (PRIVILEGED_SETTING, &["log_min_messages", "superuser"])],
};

const SUPERUSER: Persona = Persona {
    what: "a superuser of any Postgres",
    prepare: "CREATE ROLE root SUPERUSER LOGIN PASSWORD PASSWORD",
    user: Some("root"),
    creates_role: true,
    refused: &[],
};

const PLAIN_OWNER: Persona = Persona {
    what: "a plain owner of a database",
    prepare: "CREATE ROLE plain LOGIN REPLICATION PASSWORD PASSWORD; CREATE ROLE reader LOGIN REPLICATION",
    user: Some("plain"),
    creates_role: false,
    refused: &[(ANY_ROLE, &["CREATEROLE"]), (ALL_TABLES, &["superuser"]), (TABLE_OF_ANOTHER, &["of_another", "owner"])],
};

/// Amazon RDS lets members of `rds_replication` create slots and start walsenders; vanilla Postgres asks for the attribute.
const ADMINISTRATOR_OF_RDS: Persona = Persona {
    what: "an administrator of Amazon RDS",
    prepare: "CREATE ROLE rds_superuser; CREATE ROLE rds_replication;
              CREATE ROLE admin LOGIN CREATEROLE CREATEDB REPLICATION PASSWORD PASSWORD IN ROLE rds_superuser;
              GRANT rds_replication TO admin WITH ADMIN OPTION",
    user: Some("admin"),
    creates_role: true,
    refused: &[
        (BYPASSING_ROLE, &["superuser", "BYPASSRLS"]),
        (ALL_TABLES, &["superuser"]),
        (TABLE_OF_ANOTHER, &["of_another", "owner"]),
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
"#;

const ROLE: &str = r#"
resource "neonrep_role" "this" {
  PLACE
  name     = "reader"
  settings = { statement_timeout = "TIMEOUT" }
}
"#;

/// The configuration first, and after all has changed.
fn configuration(persona: &Persona, is_changed: bool) -> String {
    let pick = |first: &'static str, second: &'static str| if is_changed { second } else { first };
    let (role, name) = if persona.creates_role { (ROLE, "neonrep_role.this.name") } else { ("", r#""reader""#) };
    format!("{role}{CONFIGURATION}")
        .replace("NAME_OF_ROLE", name)
        .replace("PRIVILEGES", pick(r#"["SELECT"]"#, r#"["SELECT", "INSERT"]"#))
        .replace("TABLES", pick(r#"[{ name = "a" }]"#, r#"[{ name = "a" }, { name = "b" }]"#))
        .replace("TERMINATE", pick("false", "true"))
        .replace("TIMEOUT", pick("1h", "2h"))
}

impl Persona {
    fn database(&self) -> &'static str {
        if self.user.is_some() { "shop" } else { "neondb" }
    }

    fn write(&self, stand_in: &StandIn, workspace: &Workspace, body: &str) {
        let place = if self.user.is_some() { "" } else { "project_id = var.project_id" };
        let body = body.replace("PLACE", place).replace("DATABASE", self.database());
        let Some(user) = self.user else { return workspace.write(&body) };
        let port = stand_in.superuser("neondb").get_ports().first().copied().expect("a port");
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
        stand_in.sql("CREATE ROLE another");
        if let Some(user) = self.user {
            stand_in.sql(&self.prepare.replace("PASSWORD PASSWORD", &format!("PASSWORD {}", sql::literal(PASSWORD))));
            stand_in.sql(&format!("CREATE DATABASE shop OWNER {user}"));
        }
        let tables = "CREATE TABLE a (i int PRIMARY KEY); CREATE TABLE b (i int PRIMARY KEY); CREATE SCHEMA other; CREATE TABLE other.of_another (i int PRIMARY KEY);
                      ALTER TABLE a OWNER TO OWNER_; ALTER TABLE b OWNER TO OWNER_; ALTER SCHEMA public OWNER TO OWNER_;
                      ALTER TABLE other.of_another OWNER TO another";
        stand_in.sql_in(self.database(), &tables.replace("OWNER_", &owner));
        if self.user.is_none() {
            return Workspace::new(stand_in);
        }
        let workspace = Workspace::bare();
        workspace.set_env("PGPASSWORD", PASSWORD);
        workspace
    }

    fn count(&self, stand_in: &StandIn) -> String {
        stand_in.value_in(
            self.database(),
            "SELECT (SELECT count(*) FROM pg_publication) || ' ' ||
                    (SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's') || ' ' ||
                    (SELECT count(*) FROM pg_class, aclexplode(relacl) it WHERE it.grantee = to_regrole('reader'))",
        )
    }

    fn lives(&self, stand_in: &StandIn) {
        let workspace = self.prepare(stand_in);
        self.write(stand_in, &workspace, &configuration(self, false));
        workspace.apply();
        assert_eq!(self.count(stand_in), "1 1 2", "{}", self.what);

        self.write(stand_in, &workspace, &configuration(self, true));
        let changes = workspace.plan().changes();
        let expected = self.addresses().map(|it| format!("{it} update"));
        assert_eq!(changes, expected.collect::<Vec<_>>(), "{}", self.what);
        workspace.apply();

        for address in self.addresses().collect::<Vec<_>>() {
            let id = workspace.attributes(address)["id"].as_str().expect("an id").to_owned();
            let id = match address {
                "neonrep_grant.this" => format!("{id}/public"),
                "neonrep_slot.this" => format!("{id}/p"),
                _ => id,
            };
            workspace.forget(address);
            workspace.import(address, &id).expect_success();
        }
        let changes = workspace.plan().changes();
        assert!(changes.iter().all(|it| it.ends_with(" update")), "{}: {changes:?}", self.what);
        workspace.apply();

        for (body, words) in self.refused {
            let again = format!("{}{body}", configuration(self, true));
            self.write(stand_in, &workspace, &again);
            let refused = workspace.try_apply(&[]).expect_failure();
            let said = refused.errors().iter().map(crate::support::outcome::Message::text).collect::<String>();
            for word in *words {
                assert!(said.contains(word), "{}: {word}: {said}", self.what);
            }
            assert!(said.contains("refused") || said.contains("of_another"), "{}: which one: {said}", self.what);
            self.write(stand_in, &workspace, &configuration(self, true));
            workspace.apply();
        }

        workspace.destroy();
        assert_eq!(self.count(stand_in), "0 0 0", "{}", self.what);
        let roles = stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'refused')");
        assert_eq!(roles, if self.creates_role { "0" } else { "1" }, "{}", self.what);
    }

    /// Sorted.
    fn addresses(&self) -> impl Iterator<Item = &'static str> {
        let all = ["neonrep_grant.this", "neonrep_publication.this", "neonrep_role.this", "neonrep_slot.this"];
        let has_role = self.creates_role;
        all.into_iter().filter(move |it| has_role || *it != "neonrep_role.this")
    }
}

fn on_old_and_new(persona: &Persona) {
    std::thread::scope(|scope| {
        let running = [14, 18].map(|major| scope.spawn(move || persona.lives(&StandIn::start_logical(major))));
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
