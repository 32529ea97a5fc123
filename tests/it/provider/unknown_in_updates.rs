//! What an update shows as `(known after apply)`: only what may really change. Everything else is known from the state,
//! also where it is null, as `branch_id` is under the provider's `sql` block.

use serde_json::{Map, Value as Json, json};

use crate::support::core::{Action, Core, Object, Walk, unknown};
use crate::support::stand_in::StandIn;
use crate::support::versions::{since, suite};

/// A change of one resource in place.
struct Update {
    type_name: &'static str,
    /// What it is before, without `project_id`.
    from: Json,
    /// Arguments that change.
    change: Json,
    /// What may be unknown in the plan.
    unknown: &'static [&'static str],
    /// What is added to its id for an import.
    import: &'static str,
    /// Not under the provider's `sql` block.
    neon_only: bool,
}

impl Update {
    fn new(type_name: &'static str, from: Json, change: Json) -> Self {
        Self { type_name, from, change, unknown: &[], import: "", neon_only: false }
    }

    fn unknown(self, unknown: &'static [&'static str]) -> Self {
        Self { unknown, ..self }
    }

    fn imported_with(self, suffix: &'static str) -> Self {
        Self { import: suffix, ..self }
    }

    fn neon_only(self) -> Self {
        Self { neon_only: true, ..self }
    }
}

/// A row for each kind of change that plans differently. Each resource has one that changes `timeouts` alone, which is
/// added.
fn updates(place: &str, publisher: &str) -> Vec<Update> {
    let tables = |names: &[&str]| names.iter().map(|it| json!({ "name": it })).collect::<Json>();
    let publication = || json!({ "database": "neondb", "name": "p", "tables": tables(&["a"]) });
    let subscription = json!({
        "database": "neondb", "name": "sub", "publications": ["published"], "create_slot": false, "slot_name": "own",
        "copy_data": false, "connection_wo": publisher, "connection_wo_version": 1,
    });
    let older = format!("{place}/neondb/older");
    let other = format!("{place}/neondb/older2");
    let role = || json!({ "name": "r", "neon_superuser": false });
    vec![
        Update::new("neonrep_logical_replication", json!({}), json!({ "verify": { "database": "neondb" } }))
            .neon_only(),
        Update::new(
            "neonrep_allowed_ips",
            json!({ "ips": ["127.0.0.0/8", "::1"], "enforce": true }),
            json!({ "on_destroy": "open" }),
        )
        .neon_only(),
        Update::new("neonrep_role", json!({ "name": "r" }), json!({ "settings": { "statement_timeout": "1h" } })),
        Update::new("neonrep_role", json!({ "name": "r" }), json!({ "store_password": true }))
            .unknown(&["password"])
            .neon_only(),
        Update::new("neonrep_role", role(), json!({ "bypass_rls": true })),
        Update::new(
            "neonrep_grant",
            json!({ "database": "neondb", "role": "reader", "schemas": ["public"] }),
            json!({ "privileges": ["SELECT", "INSERT"] }),
        )
        .imported_with("/public"),
        Update::new(
            "neonrep_grant",
            json!({ "database": "neondb", "role": "reader", "tables": tables(&["a"]) }),
            json!({ "tables": tables(&["a", "b"]) }),
        )
        .imported_with("/public.a"),
        Update::new(
            "neonrep_replica_identity",
            json!({ "database": "neondb", "table": "a", "mode": "full" }),
            json!({ "mode": "index", "index_name": "a_pkey" }),
        ),
        Update::new("neonrep_publication", publication(), json!({ "tables": tables(&["a", "b"]) })),
        Update::new("neonrep_publication", publication(), json!({ "publish": ["insert"], "force_destroy": true })),
        Update::new(
            "neonrep_publication",
            publication(),
            json!({ "tables": [], "all_tables": true, "allow_replace": true }),
        )
        .unknown(&["oid", "owner"]),
        Update::new(
            "neonrep_slot",
            json!({ "publication_id": older, "name": "s" }),
            json!({ "terminate_consumer": true }),
        )
        .imported_with("/older"),
        // Whether the other publication is older than the slot shows in the apply.
        Update::new(
            "neonrep_slot",
            json!({ "publication_id": older, "name": "s" }),
            json!({ "publication_id": other }),
        )
        .unknown(&["publication_oid"])
        .imported_with("/older"),
        Update::new(
            "neonrep_slot",
            json!({ "database": "neondb", "name": "s", "plugin": "test_decoding" }),
            json!({ "terminate_consumer": true }),
        ),
        Update::new(
            "neonrep_signal_table",
            json!({ "database": "neondb", "name": "beats", "shape": "heartbeat" }),
            json!({ "timeouts": { "create": "9m" } }),
        ),
        Update::new("neonrep_subscription", subscription.clone(), json!({ "binary": true })),
        Update::new("neonrep_subscription", subscription, json!({ "enabled": false, "connection_wo_version": 2 })),
    ]
}

/// What is there before.
const SETUP: &str = "
    CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY);
    CREATE PUBLICATION older FOR TABLE a; CREATE PUBLICATION older2 FOR TABLE a";

fn started(major: u16) -> (StandIn, String) {
    let stand_in = StandIn::start_logical(major);
    stand_in.sql_as_owner(SETUP).expect("tables");
    stand_in.sql("CREATE ROLE reader");
    stand_in.sql("CREATE DATABASE publisher");
    stand_in.sql_in("publisher", "CREATE TABLE a(id int PRIMARY KEY); CREATE PUBLICATION published FOR TABLE a");
    let slot = "SELECT pg_create_logical_replication_slot('own', 'pgoutput')";
    stand_in.session_in("publisher").expect("a session").run(slot).expect("a slot");
    let publisher = stand_in.superuser_conninfo("publisher");
    (stand_in, publisher)
}

fn with(base: &Json, more: &Json) -> Json {
    let members = |it: &Json| -> Map<String, Json> { it.as_object().expect("an object").clone() };
    Json::Object(members(base).into_iter().chain(members(more)).collect())
}

/// What is wrong with the plan of a change from `prior` to `config`.
fn wrong(core: &Core, walk: &Walk, prior: &Object, config: &Json, allowed: &[&str]) -> Option<String> {
    let (type_name, shown) = (&prior.type_name, config);
    match Core::plan_in(walk, type_name, Some(prior), &core.config(type_name, config)) {
        Err(said) => Some(format!("{type_name} {shown}: {said}")),
        Ok(plan) if !matches!(plan.action, Action::Update) => Some(format!("{type_name} {shown}: {:?}", plan.action)),
        Ok(plan) if plan.unknown() != allowed => {
            Some(format!("{type_name} {shown}: unknown {:?}, not {allowed:?}", plan.unknown()))
        }
        Ok(_) => None,
    }
}

/// Plans every update on one server: of what was created, and of what was imported.
fn insist(core: &Core, place: &str, project: &Json, publisher: &str, is_direct: bool) {
    let mut problems = Vec::new();
    let rows = updates(place, publisher);
    for type_name in core.types() {
        assert!(rows.iter().any(|it| it.type_name == type_name), "no update of {type_name} is planned");
    }
    for row in rows.iter().filter(|it| !(is_direct && it.neon_only)) {
        // A slot and a publication are at one place.
        let by_publication = row.from.get("publication_id").is_some();
        let from = if by_publication { row.from.clone() } else { with(&row.from, project) };
        let changed = with(&from, &row.change);
        let slower = with(&from, &json!({ "timeouts": { "delete": "11m" } }));
        let created = core.made(row.type_name, None, &from);
        let walk = core.walk();
        let stub = walk.import(row.type_name, &format!("{}{}", created.text("id"), row.import)).expect("an import");
        let (imported, said) = walk.read(&stub);
        said.insist_no_error();
        for prior in [&created, &imported.expect("an object")] {
            problems.extend(wrong(core, &walk, prior, &slower, &[]));
            problems.extend(wrong(core, &walk, prior, &changed, row.unknown));
        }
        core.destroyed(&created);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn an_update_on_neon_leaves_unknown_only_what_may_change() {
    let (stand_in, publisher) = started(since(16));
    let core = Core::new(&stand_in);
    let place = format!("{}/{}", stand_in.ready.project_id, stand_in.ready.branch_id);
    insist(&core, &place, &json!({ "project_id": stand_in.ready.project_id }), &publisher, false);
}

/// Postgres 14 has no `origin` of subscriptions and no reason of a lost slot: these are null for good.
#[test]
fn an_update_under_the_sql_block_leaves_unknown_only_what_may_change() {
    let (stand_in, publisher) = started(14);
    insist(&direct(&stand_in), "sql/-", &json!({}), &publisher, true);
}

/// With the provider's `sql` block.
fn direct(stand_in: &StandIn) -> Core {
    let superuser = stand_in.superuser("neondb");
    let mut core = Core::new(stand_in);
    core.provider = json!({ "sql": {
        "host": "127.0.0.1", "port": superuser.get_ports()[0], "username": superuser.get_user(),
        "password": String::from_utf8_lossy(superuser.get_password().expect("a password")), "sslmode": "disable",
    } });
    core
}

/// There is no project and no branch: a plan of a new object says so, unless the provider's configuration is not known yet.
#[test]
fn a_new_object_under_the_sql_block_has_no_branch() {
    let (stand_in, publisher) = started(suite());
    let mut core = direct(&stand_in);
    let mut rows = updates("sql/-", &publisher);
    rows.retain(|it| !it.neon_only);
    let mut configs: Vec<_> = rows.into_iter().map(|it| (it.type_name, it.from)).collect();
    configs.push(("neonrep_slot", json!({ "publication_id": unknown(), "name": "s" })));
    let open = |core: &Core, type_name: &str, config: &Json| -> Vec<String> {
        let plan = core.plan(type_name, None, config).unwrap_or_else(|said| panic!("{type_name}: {said}"));
        let place = ["project_id", "branch_id"];
        plan.unknown().into_iter().filter(|it| place.contains(it)).map(str::to_owned).collect()
    };
    for (type_name, config) in &configs {
        assert!(open(&core, type_name, config).is_empty(), "{type_name} {config}");
    }
    core.provider["sql"]["password"] = unknown();
    for (type_name, config) in &configs {
        let of_publication = config.get("publication_id").is_some();
        let found = open(&core, type_name, config);
        assert!(of_publication || found.contains(&"branch_id".to_owned()), "{type_name} {config}: {found:?}");
    }
}
