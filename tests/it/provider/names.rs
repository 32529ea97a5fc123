//! Any legal identifier, for each resource: create, empty plan, update, import, destroy. Names are random by seed, and the server is real.
//!
//! `NEONREP_NAMES_SEED` and `NEONREP_NAMES_CASES` choose others; a failure names its case.

use serde_json::{Value as Json, json};

use crate::support::core::{Core, Object};
use crate::support::sql::{identifier, literal};
use crate::support::stand_in::StandIn;
use crate::support::versions::since;

/// Longest identifier, in bytes (NAMEDATALEN - 1).
const LONGEST: usize = 63;

/// What names are made of: all that identifiers, ids, HCL, JSON, SQL and URLs treat specially, and letters of one to four bytes.
const PIECES: [&str; 40] = [
    "a", "Z", "0", "_", "-", " ", "\"", "'", "\\", ".", ",", "/", "%", "%2F", "$", "${x}", "%{x}", ";", "--", "/*",
    "*/", "=", "?", "#", "&", "+", "@", ":", "|", "(", "{}", "[", "<", "\n", "\t", "\u{1b}", "\u{7f}", "ü", "名", "🐘",
];

/// A generator of numbers by seed (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below).expect("small")).expect("small")
    }

    /// An identifier of any legal length, often the longest.
    fn identifier(&mut self) -> String {
        let longest = if self.next(3) == 0 { LONGEST } else { 1 + self.next(LONGEST) };
        let mut name = String::new();
        loop {
            let piece = PIECES[self.next(PIECES.len())];
            if name.len() + piece.len() > longest {
                // A name of one piece that does not fit is no name.
                return if name.is_empty() { "x".to_owned() } else { name };
            }
            name.push_str(piece);
        }
    }

    fn slot(&mut self) -> String {
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789_".as_bytes();
        let length = if self.next(3) == 0 { LONGEST } else { 1 + self.next(LONGEST) };
        (0..length).map(|_| char::from(letters[self.next(letters.len())])).collect()
    }
}

#[derive(Debug)]
struct Names {
    database: String,
    /// The database of a subscription.
    target: String,
    schema: String,
    table: String,
    other_table: String,
    column: String,
    role: String,
    publication: String,
    slot: String,
    subscription: String,
}

impl Names {
    fn random(numbers: &mut Numbers) -> Self {
        let slot = numbers.slot();
        let mut name = || numbers.identifier();
        let mut names = Self {
            database: name(),
            target: name(),
            schema: name(),
            table: name(),
            other_table: name(),
            column: name(),
            role: name(),
            publication: name(),
            subscription: name(),
            slot,
        };
        // `pg_` begins names of Postgres's own roles and schemas, `.` and `..` cannot be in a path of the API.
        for it in [&mut names.database, &mut names.target, &mut names.schema, &mut names.role] {
            if it.starts_with("pg_") || matches!(it.as_str(), "." | "..") {
                it.insert(0, 'x');
                it.truncate(it.floor_char_boundary(LONGEST));
            }
        }
        let another = |of: &str| format!("{}2", &of[..of.floor_char_boundary(LONGEST - 1)]);
        if names.table == names.other_table {
            names.other_table = another(&names.table);
        }
        if names.database == names.target {
            names.target = another(&names.database);
        }
        names
    }

    fn prepare(&self, stand_in: &StandIn, owner: &str) {
        let (schema, owner) = (identifier(&self.schema), identifier(owner));
        let [table, other] = [&self.table, &self.other_table].map(|it| format!("{schema}.{}", identifier(it)));
        let column = identifier(&self.column);
        for database in [&self.database, &self.target] {
            stand_in.sql(&format!("CREATE DATABASE {} OWNER {owner}", identifier(database)));
            stand_in.sql_in(
                database,
                &format!(
                    "SET ROLE {owner}; CREATE SCHEMA {schema}; CREATE TABLE {table} ({column} int PRIMARY KEY);
                     CREATE TABLE {other} ({column} int PRIMARY KEY)"
                ),
            );
        }
    }

    fn clean(&self, stand_in: &StandIn) {
        for database in [&self.database, &self.target] {
            stand_in.sql(&format!("DROP DATABASE {} WITH (FORCE)", identifier(database)));
        }
    }

    /// How the server of a subscription reaches the database of the publication, as libpq reads it.
    fn conninfo(&self, stand_in: &StandIn) -> String {
        let quoted = self.database.replace('\\', r"\\").replace('\'', r"\'");
        stand_in.superuser_conninfo("DATABASE").replace("dbname=DATABASE", &format!("dbname='{quoted}'"))
    }
}

/// A part of the list of members in the id of a grant.
fn escaped(text: &str) -> String {
    let escape = |it: char| matches!(it, '%' | '/' | ',' | '.');
    text.chars().map(|it| if escape(it) { format!("%{:02X}", u32::from(it)) } else { it.to_string() }).collect()
}

/// Creates (the plan after it is empty), updates, imports; what is left is destroyed by the caller, in the right order.
fn lives(core: &Core, type_name: &str, config: &Json, update: Json, import: impl Fn(&Object) -> String) -> Object {
    let made = core.made(type_name, None, config);
    let mut changed = config.clone();
    let Json::Object(update) = update else { panic!("an object") };
    changed.as_object_mut().expect("an object").extend(update);
    let made = core.made(type_name, Some(&made), &changed);
    let imported = core.imported(type_name, &import(&made), &changed);
    assert_eq!(imported.text("id"), made.text("id"));
    made
}

fn live(stand_in: &StandIn, core: &Core, names: &Names, place: &Json, kind: &Json) {
    let with = |place: &Json, more: Json| {
        let mut config = place.clone();
        let Json::Object(more) = more else { panic!("an object") };
        config.as_object_mut().expect("an object").extend(more);
        config
    };
    let in_database = |more: Json| with(&with(place, json!({ "database": names.database })), more);
    let by_id = |it: &Object| it.text("id");
    let Names { schema, table, other_table, column, .. } = names;

    let role = with(&with(place, kind.clone()), json!({ "name": names.role }));
    let role = lives(core, "neonrep_role", &role, json!({ "settings": { "application_name": names.table } }), by_id);
    let grant = in_database(json!({ "role": names.role, "schemas": [schema] }));
    let as_tables =
        json!({ "schemas": null, "tables": [{ "schema": schema, "name": table }], "privileges": ["SELECT", "INSERT"] });
    let member = format!("{}.{}", escaped(schema), escaped(table));
    let grant = lives(core, "neonrep_grant", &grant, as_tables, |it| format!("{}/{member}", it.text("id")));
    let identity = in_database(json!({ "schema": schema, "table": table, "mode": "nothing" }));
    let identity = lives(core, "neonrep_replica_identity", &identity, json!({ "mode": "default" }), by_id);
    let listed =
        json!({ "schema": schema, "name": table, "columns": [column], "where": format!("{} > 0", identifier(column)) });
    let publication = in_database(json!({ "name": names.publication, "tables": [listed] }));
    let both = json!({ "tables": [{ "schema": schema, "name": table }, { "schema": schema, "name": other_table }], "publish": ["insert"] });
    let publication = lives(core, "neonrep_publication", &publication, both, by_id);
    let slot = json!({ "publication_id": publication.text("id"), "name": names.slot });
    let own = publication.text("id").rsplit_once('/').expect("an id").1.to_owned();
    let slot = lives(core, "neonrep_slot", &slot, json!({ "failover": true }), |it| format!("{}/{own}", it.text("id")));
    let signal_table = in_database(json!({ "schema": schema, "name": names.subscription, "shape": "heartbeat" }));
    let signal_table = (names.subscription != *table && names.subscription != *other_table)
        .then(|| lives(core, "neonrep_signal_table", &signal_table, json!({ "timeouts": { "read": "1m" } }), by_id));
    let subscription = json!({
        "database": names.target, "name": names.subscription, "publications": [names.publication], "slot_name": names.slot,
        "create_slot": false, "copy_data": false, "enabled": false, "connection_wo": names.conninfo(stand_in), "connection_wo_version": 1,
    });
    let subscription =
        lives(core, "neonrep_subscription", &with(place, subscription), json!({ "binary": true }), by_id);

    let last = [&slot, &publication, &identity, &grant, &role];
    for object in std::iter::once(&subscription).chain(&signal_table).chain(last) {
        core.destroyed(object);
    }
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    assert_eq!(stand_in.value_in(&names.database, "SELECT count(*) FROM pg_publication"), "0");
    let roles = format!("SELECT count(*) FROM pg_roles WHERE rolname = {}", literal(&names.role));
    assert_eq!(stand_in.value(&roles), "0");
}

/// A number from the environment, in the place of the usual one.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

fn all_cases(stand_in: &StandIn, core: &Core, owner: &str, place: &Json, kind: &Json) {
    let seed = number("NEONREP_NAMES_SEED", 20_261_126);
    for case in 0..number("NEONREP_NAMES_CASES", 5) {
        let names = Names::random(&mut Numbers(seed.wrapping_add(case)));
        names.prepare(stand_in, owner);
        let lived =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(stand_in, core, &names, place, kind)));
        assert!(lived.is_ok(), "NEONREP_NAMES_SEED={} NEONREP_NAMES_CASES=1, see above: {names:?}", seed + case);
        names.clean(stand_in);
    }
}

#[test]
fn any_legal_name_lives_on_neon() {
    // It uses a column list and a filter.
    let stand_in = StandIn::start_logical(since(15));
    let (core, place) = (Core::new(&stand_in), json!({ "project_id": stand_in.ready.project_id }));
    all_cases(&stand_in, &core, &stand_in.ready.owner_role, &place, &json!({}));
}

#[test]
fn any_legal_name_lives_on_a_server_that_is_reached_directly() {
    let stand_in = StandIn::start_logical(18);
    let superuser = stand_in.superuser("neondb");
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.expect("a password")).into_owned();
    let mut core = Core::new(&stand_in);
    core.provider = json!({ "sql": {
        "host": "127.0.0.1", "port": superuser.get_ports()[0], "username": superuser.get_user(),
        "password": text(superuser.get_password()), "sslmode": "disable",
    } });
    all_cases(&stand_in, &core, "cloud_admin", &json!({}), &json!({ "replication": true }));
}
