//! `neonrep_role`: its settings, and passwords that nobody declared.

use serde_json::{Value as Json, json};

use super::role::{config, id};
use crate::support::core::{Action, Core, Object, state_json};
use crate::support::on_every_logical_postgres;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::versions::VERSIONS;
use crate::support::versions::{since, suite};

const TYPE: &str = "neonrep_role";

/// What the role has, as `name=value`.
fn held(stand_in: &StandIn) -> Vec<String> {
    let query = "SELECT it FROM pg_roles, unnest(rolconfig) it WHERE rolname = 'r' ORDER BY it COLLATE \"C\"";
    sql::column(&stand_in.sql(query))
}

const HOSTILE: &str = "it's \\ a=b; DROP ROLE r --\n\"x\" $$ ä";

/// The life of the settings of a role: `kind` is what makes it one of the API or one of SQL.
fn settings_live(stand_in: &StandIn, core: &Core, kind: &Json) {
    let with = |settings: Json| {
        let mut config = config(stand_in, kind.clone());
        config["settings"] = settings;
        config
    };
    let whole = with(json!({
        "wal_sender_timeout": "60s", "search_path": "\"$user\", Sales", "application_name": HOSTILE, "timezone": "UTC",
    }));
    let made = core.made(TYPE, None, &whole);
    let hostile = format!("application_name={HOSTILE}");
    let expected = ["TimeZone=UTC", &hostile, "search_path=\"$user\", sales", "wal_sender_timeout=60s"];
    assert_eq!(held(stand_in), expected);
    // A session of the role has them.
    let password = stand_in.password_of("r");
    let show =
        |setting: &str| sql::single(&stand_in.sql_as("r", &password, &format!("SHOW {setting}")).expect("a value"));
    assert_eq!((show("wal_sender_timeout").as_str(), show("search_path").as_str()), ("1min", "\"$user\", sales"));

    // Changed and reset outside: drift, which is set right. What others set is left alone.
    stand_in.sql(
        "ALTER ROLE r SET wal_sender_timeout = '5s'; ALTER ROLE r RESET timezone; ALTER ROLE r SET work_mem = '1MB';
         ALTER ROLE r SET search_path = \"$user\", \"Sales\"",
    );
    let (drifted, _) = core.refreshed(&made);
    let drifted = drifted.expect("the role");
    let expected = json!({
        "wal_sender_timeout": "5s", "search_path": "\"$user\", \"Sales\"", "application_name": HOSTILE
    });
    assert_eq!(drifted.get("settings"), expected);
    let plan = core.plan(TYPE, Some(&made), &whole).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    let made = core.made(TYPE, Some(&made), &whole);
    assert!(held(stand_in).contains(&"TimeZone=UTC".to_owned()) && held(stand_in).contains(&"work_mem=1MB".to_owned()));

    // Removed: reset, one or all.
    let one = with(json!({ "wal_sender_timeout": "0" }));
    let made = core.made(TYPE, Some(&made), &one);
    assert_eq!(held(stand_in), ["wal_sender_timeout=0", "work_mem=1MB"]);
    let imported = core.imported(TYPE, &id(stand_in), &one);
    assert_eq!(imported.get("settings"), json!({ "wal_sender_timeout": "0" }));
    let made = core.made(TYPE, Some(&made), &with(Json::Null));
    assert_eq!(held(stand_in), ["work_mem=1MB"]);
    core.destroyed(&made);
}

#[test]
fn settings_of_a_role_of_the_api_live_on_every_postgres() {
    on_every_logical_postgres(|stand_in| {
        let mut core = Core::new(stand_in);
        core.provider["max_connections"] = json!(1);
        settings_live(stand_in, &core, &json!({}));
    });
}

#[test]
fn settings_of_a_role_of_sql_live_from_16_on() {
    std::thread::scope(|scope| {
        for major in VERSIONS.into_iter().filter(|it| *it >= 16) {
            scope.spawn(move || {
                let stand_in = StandIn::start_logical(major);
                settings_live(&stand_in, &Core::new(&stand_in), &json!({ "neon_superuser": false }));
            });
        }
    });
}

#[test]
fn settings_that_cannot_be_are_refused_where_that_is_known() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    for (name, value, part) in [("a b", "", "not the name of a setting"), ("search_path", "a,,b", "list of names")] {
        let wrong = config(&stand_in, json!({ "settings": { name: value } }));
        core.plan(TYPE, None, &wrong).expect_err(name).insist_error("settings", part);
    }
    let mut made = core.made(TYPE, None, &config(&stand_in, json!({})));
    for (name, value, part) in [
        ("session_preload_libraries", "x", "only a superuser"),
        ("log_min_messages", "info", "only a superuser"),
        ("wal_sender_timeout", "soon", "wal_sender_timeout"),
        ("max_connections", "5", "max_connections"),
        ("sort_mem", "2MB", "another name"),
        ("no_such_setting", "5", "no_such_setting"),
    ] {
        let wrong = config(&stand_in, json!({ "settings": { name: value, "work_mem": "1MB" } }));
        let plan = core.plan(TYPE, Some(&made), &wrong).expect("a plan");
        let outcome = core.apply(&plan, &wrong);
        outcome.messages.insist_error("settings", part);
        assert_eq!(held(&stand_in), Vec::<String>::new(), "{name}: all or nothing");
        made = outcome.object.expect("the role is kept");
    }
}

fn stored(stand_in: &StandIn, more: Json) -> Json {
    let mut config = config(stand_in, json!({ "store_password": true }));
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

#[test]
fn settings_need_a_password_that_somebody_has() {
    let stand_in = StandIn::start_logical(suite());
    let owner = stand_in.ready.owner_role.clone();
    let of_owner = stand_in.password_of(&owner);
    stand_in.settings(&json!({ "store_passwords": false }));
    let mut with_owner = Core::new(&stand_in);
    with_owner.provider["role_passwords"] = json!({ &owner: of_owner });

    // The answer to the creation has it, then the state, then the answer to a rotation.
    let made = with_owner.made(TYPE, None, &stored(&stand_in, json!({ "settings": { "work_mem": "1MB" } })));
    let first = made.text("password");
    let rotating = |day: &str, work_mem: &str| {
        stored(&stand_in, json!({ "settings": { "work_mem": work_mem }, "rotate_when_changed": { "day": day } }))
    };
    let made = with_owner.made(TYPE, Some(&made), &rotating("1", "2MB"));
    assert_eq!((held(&stand_in), made.text("password")), (vec!["work_mem=2MB".to_owned()], first.clone()));
    let made = with_owner.made(TYPE, Some(&made), &rotating("2", "3MB"));
    assert_eq!(held(&stand_in), ["work_mem=3MB"]);
    let second = made.text("password");
    assert_ne!(second, first);

    // Forgotten by the state: nobody has it, unless the provider is told.
    let forgotten = |work_mem: &str| config(&stand_in, json!({ "settings": { "work_mem": work_mem } }));
    with_owner.provider["skip_checks"] = json!(["password_cannot_be_known"]);
    let made = with_owner.made(TYPE, Some(&made), &forgotten("3MB"));
    let plan = with_owner.plan(TYPE, Some(&made), &forgotten("4MB")).expect("a plan");
    let outcome = with_owner.apply(&plan, &forgotten("4MB"));
    outcome.messages.insist_error("settings", "role_passwords");
    outcome.messages.insist_error("settings", "`r`");
    let mut with_both = Core::new(&stand_in);
    with_both.provider["role_passwords"] = json!({ &owner: of_owner, "r": second });
    with_both.made(TYPE, Some(&made), &forgotten("4MB"));
    assert_eq!(held(&stand_in), ["work_mem=4MB"]);
}

#[test]
fn a_role_of_sql_without_a_password_has_one_that_neon_keeps() {
    // A role with REPLICATION by SQL: Neon's owner creates it from this version on.
    let stand_in = StandIn::start_logical(since(16));
    let core = Core::new(&stand_in);
    let role = |version: Json| config(&stand_in, json!({ "neon_superuser": false, "password_wo_version": version }));
    let connection = |role: &Object| {
        let of = json!({
            "project_id": stand_in.ready.project_id, "database": "neondb", "role_id": role.text("id"), "include_password": true
        });
        let found = state_json(&core.walk().data("neonrep_connection", &of).expect("a connection"));
        found["password"].as_str().expect("a password").to_owned()
    };
    let made = core.made(TYPE, None, &role(Json::Null));
    let first = connection(&made);
    assert_eq!((made.get("password"), first.len()), (Json::Null, 32));
    assert!(!format!("{made:?}").contains(&first), "the state has the password");
    stand_in.sql_as("r", &first, "SELECT 1").expect("the role logs in");
    // A new version sets a new one; anything else leaves it.
    let made = core.made(TYPE, Some(&made), &role(json!(1)));
    let second = connection(&made);
    assert_ne!(second, first);
    stand_in.sql_as("r", &second, "SELECT 1").expect("the role logs in");
    let made = core.made(TYPE, Some(&made), &role(json!(1)));
    assert_eq!(connection(&made), second);
    core.destroyed(&made);

    // An adopted role keeps its own.
    stand_in.sql_as_owner("CREATE ROLE r LOGIN REPLICATION PASSWORD 'given by somebody else'").expect("a role");
    let adopting = config(&stand_in, json!({ "neon_superuser": false, "adopt": true }));
    let adopted = core.made(TYPE, None, &adopting);
    assert_eq!(connection(&adopted), "given by somebody else");
    stand_in.sql("DROP ROLE r");

    // Nobody keeps it.
    stand_in.settings(&json!({ "store_passwords": false }));
    core.plan(TYPE, None, &role(Json::Null)).expect_err("no password").insist_error("password_wo", "does not store");
    let given = config(
        &stand_in,
        json!({ "neon_superuser": false, "password_wo": "a password of mine", "password_wo_version": 1 }),
    );
    core.plan(TYPE, None, &given).expect("a plan");
}

#[test]
fn a_server_that_is_reached_directly_generates_no_password() {
    let stand_in = StandIn::start_logical(suite());
    let superuser = stand_in.superuser("neondb");
    let mut core = Core::new(&stand_in);
    core.provider = json!({ "sql": {
        "host": "127.0.0.1", "port": superuser.get_ports()[0], "username": superuser.get_user(),
        "password": String::from_utf8_lossy(superuser.get_password().expect("a password")), "sslmode": "disable",
    } });
    let made = core.made(TYPE, None, &json!({ "name": "r" }));
    let has_none = "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'r'";
    assert_eq!((stand_in.value(has_none).as_str(), made.get("neon_superuser")), ("t", json!(false)));
    let lacking = json!({ "name": "r", "password_wo_version": 1 });
    core.plan(TYPE, Some(&made), &lacking).expect_err("no password").insist_error("password_wo_version", "password_wo");
    let given = json!({ "name": "r", "password_wo_version": 1, "password_wo": "a password of mine" });
    core.made(TYPE, Some(&made), &given);
    stand_in.sql_as("r", "a password of mine", "SELECT 1").expect("the role logs in");
}
