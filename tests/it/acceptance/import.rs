//! Import of everything that the guide creates. It is managed afterwards, and nothing is replaced.

use serde_json::Value;

use super::whole::{ADDRESSES, Names, PLAIN};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Names that an id must escape, or that must come through it as they are.
const HOSTILE: Names<'static> = Names {
    database: r#"d a/t"a%2F"#,
    schema: "s.c,h'ema;",
    table: r#"t a.b,c/d%"e" ü"#,
    role: r#"r'o/l"e; %41"#,
    publication: r#"p/u"b. %2f,ü"#,
    slot: "slot_one",
};

/// A stand-in whose objects another workspace has made.
fn made_elsewhere(names: &Names) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    names.prepare(&stand_in);
    let first = Workspace::new(&stand_in);
    first.write(&names.configuration());
    first.apply();
    (stand_in, first)
}

/// `address actions` of all that a plan changes, imports alone left out.
fn actions(plan: &Value) -> Vec<String> {
    let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<String> = changes
        .iter()
        .filter(|it| it["change"]["actions"] != serde_json::json!(["no-op"]))
        .map(|it| format!("{} {}", it["address"].as_str().unwrap_or_default(), it["change"]["actions"]))
        .collect();
    found.sort();
    found
}

/// What the first apply adopts in place. The server does not record which privileges a grant stands for, nor which
/// replica identity keeps the order of a publication.
const ADOPTED: [&str; 2] = [r#"neonrep_grant.this ["update"]"#, r#"neonrep_publication.this ["update"]"#];

fn imports(names: &Names, stand_in: &StandIn) -> String {
    let block = |address: &&str| {
        let id = super::whole::hcl(&names.id(stand_in, address));
        format!(
            r"
import {{
  to = {address}
  id = {id}
}}
"
        )
    };
    let blocks: Vec<String> = ADDRESSES.iter().map(block).collect();
    blocks.concat()
}

fn oids(stand_in: &StandIn, database: &str) -> Vec<String> {
    let query = "SELECT p.oid || ' ' || s.catalog_xmin || ' ' || (SELECT string_agg(oid::text, ',') FROM pg_roles) \
                 FROM pg_publication p, pg_replication_slots s";
    crate::support::sql::column(&stand_in.sql_in(database, query))
}

fn by_the_command(names: &Names) {
    let (stand_in, first) = made_elsewhere(names);
    let before = oids(&stand_in, names.database);
    assert_eq!(before.len(), 1);
    let second = Workspace::new(&stand_in);
    second.write(&names.configuration());
    for address in ADDRESSES {
        second.import(address, &names.id(&stand_in, address)).expect_success();
        // The id that an import is given is the one that the maker has in its state, but for lists and parts left out.
        let (one, other) = (first.attributes(address), second.attributes(address));
        assert_eq!(one["id"], other["id"], "{address}");
    }
    assert_eq!(actions(&second.plan_json()), ADOPTED);
    second.apply();
    assert_eq!(oids(&stand_in, names.database), before, "something was recreated");
    // Imported objects are managed like created ones. The replica identity is kept, because the previous one is not known.
    let destroyed = second.destroy();
    destroyed.insist_warning(names.table);
    assert_eq!(oids(&stand_in, names.database), Vec::<String>::new());
    let identity = "SELECT relreplident FROM pg_class WHERE relkind = 'r' AND relnamespace > 16000";
    let identity = stand_in.sql_in(names.database, identity);
    let count = "SELECT count(*) FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'";
    assert_eq!(crate::support::sql::single(&identity), if names.schema == "public" { "" } else { "f" });
    assert_eq!(stand_in.value(&format!("{count} AND rolname = {}", crate::support::sql::literal(names.role))), "0");
}

#[test]
fn everything_is_imported_by_the_command() {
    by_the_command(&PLAIN);
}

#[test]
fn hostile_names_come_through_the_ids() {
    by_the_command(&HOSTILE);
}

#[test]
fn everything_is_imported_by_blocks() {
    for names in [PLAIN, HOSTILE] {
        let (stand_in, _first) = made_elsewhere(&names);
        let before = oids(&stand_in, names.database);
        let second = Workspace::new(&stand_in);
        second.write(&format!("{}{}", imports(&names, &stand_in), names.configuration()));
        assert_eq!(actions(&second.plan_json()), ADOPTED);
        second.apply();
        assert_eq!(second.addresses(), ADDRESSES);
        assert_eq!(oids(&stand_in, names.database), before, "something was recreated");
        second.destroy();
    }
}

#[test]
fn the_cli_writes_the_configuration_itself() {
    for names in [PLAIN, HOSTILE] {
        let (stand_in, _first) = made_elsewhere(&names);
        let second = Workspace::new(&stand_in);
        second.write(&imports(&names, &stand_in));
        let outcome =
            second.run(&["plan", "-no-color", "-input=false", "-generate-config-out=generated.tf"]).expect_success();
        let summary = outcome.stdout.lines().find(|it| it.starts_with("Plan:")).unwrap_or_default().to_owned();
        assert!(summary.contains("6 to import, 0 to add, 1 to change, 0 to destroy"), "{}", outcome.all());
        // A generated publication has no reference to an identity, so that it has nothing to adopt.
        assert_eq!(actions(&second.plan_json()), [ADOPTED[0]]);
        second.apply();
        second.destroy();
    }
}

#[test]
fn a_slot_without_its_publication_is_adopted_in_place() {
    let (stand_in, first) = made_elsewhere(&PLAIN);
    let second = Workspace::new(&stand_in);
    second.write(&PLAIN.configuration());
    for address in ADDRESSES {
        let id = PLAIN.id(&stand_in, address);
        let id = if address == "neonrep_slot.this" { id.trim_end_matches("/pub_one").to_owned() } else { id };
        second.import(address, &id).expect_success();
    }
    assert_eq!(actions(&second.plan_json()), [ADOPTED[0], ADOPTED[1], r#"neonrep_slot.this ["update"]"#]);
    second.apply();
    let slot = "neonrep_slot.this";
    assert_eq!(second.attributes(slot)["publication_oid"], first.attributes(slot)["publication_oid"]);
}

#[test]
fn what_is_not_there_and_ids_of_a_wrong_form_are_not_imported() {
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&PLAIN.configuration());
    for address in ADDRESSES {
        if address.contains("logical_replication") || address.contains("replica_identity") {
            continue;
        }
        let outcome = workspace.import(address, &PLAIN.id(&stand_in, address)).expect_failure();
        assert!(outcome.says("non-existent remote object"), "{address}: {}", outcome.all());
    }
    let mut forms = vec![];
    for address in ADDRESSES {
        for wrong in ["", "//", "a/b", "a/b/c/d/e/f/g", "br/%zz/c/d", "../x/y/z"] {
            let outcome = workspace.import(address, wrong).expect_failure();
            let said = wrong.is_empty() || outcome.says("wrong form") || outcome.says("for example");
            if !said {
                forms.push(format!("{address} {wrong:?}: {}", outcome.all()));
            }
        }
    }
    assert!(forms.is_empty(), "{}", forms.join("\n"));
    assert!(workspace.addresses().is_empty());
    // A database, branch and project that are not there say which.
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    for (id, said) in [
        (format!("{project}/{branch}/nodb/pub_one"), "nodb"),
        (format!("{project}/br-not-there-123456/neondb/pub_one"), "br-not-there-123456"),
        (format!("no-such-123456/{branch}/neondb/pub_one"), "no-such-123456"),
    ] {
        let outcome = workspace.import("neonrep_publication.this", &id).expect_failure();
        assert!(outcome.says(said), "{id}: {}", outcome.all());
    }
    workspace.set_env("NEON_API_KEY", "napi_wrong_wrong");
    let outcome = workspace.import("neonrep_role.this", &PLAIN.id(&stand_in, "neonrep_role.this")).expect_failure();
    assert!(outcome.says("NEON_API_KEY"), "{}", outcome.all());
}

#[test]
fn a_database_whose_owner_may_not_log_in_is_imported_with_role_passwords() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql("CREATE ROLE shop_owner NOLOGIN; GRANT shop_owner TO neondb_owner");
    stand_in.sql("CREATE DATABASE shop OWNER shop_owner");
    stand_in.sql_in(
        "shop",
        "CREATE TABLE t(id int PRIMARY KEY); ALTER TABLE t OWNER TO shop_owner; CREATE PUBLICATION p FOR TABLE t;
         ALTER PUBLICATION p OWNER TO shop_owner; CREATE PUBLICATION q FOR TABLE t; ALTER PUBLICATION q OWNER TO shop_owner",
    );
    let body = |name: &str| {
        format!(
            r#"
resource "neonrep_publication" "{name}" {{
  project_id = "{}"
  database   = "shop"
  name       = "{name}"
  tables     = [{{ name = "t" }}]
  connect_as = "neondb_owner"
}}
"#,
            stand_in.ready.project_id
        )
    };
    let workspace = Workspace::new(&stand_in);
    workspace.write(&body("p"));
    let id = |name: &str| stand_in.id_of(name).replace("/neondb/", "/shop/");
    // The import knows nothing of the configuration. It says what it needs.
    let refused = workspace.import("neonrep_publication.p", &id("p")).expect_failure();
    for part in ["shop_owner", "An import does not know `connect_as`", "role_passwords"] {
        assert!(refused.says(part), "{part}: {}", refused.all());
    }
    let provider = format!(
        r#"
provider "neonrep" {{
  role_passwords = {{ neondb_owner = "{}" }}
}}
"#,
        stand_in.password_of("neondb_owner")
    );
    workspace.write_with_provider(&format!("{provider}{}", body("p")));
    workspace.import("neonrep_publication.p", &id("p")).expect_success();
    workspace.apply();
    assert_eq!(workspace.attributes("neonrep_publication.p")["connect_as"], "neondb_owner");
    // What is in the state says who can log in: the password is not needed any more, for another import neither.
    let import = format!("import {{\n  to = neonrep_publication.q\n  id = \"{}\"\n}}\n", id("q"));
    workspace.write_with_provider(&format!("{provider}{}{}{import}", body("p"), body("q")));
    workspace.apply();
    workspace.write(&format!("{}{}", body("p"), body("q")));
    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert_eq!(stand_in.value_in("shop", "SELECT count(*) FROM pg_publication"), "0");
}
