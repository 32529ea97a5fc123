//! Round trips to Postgres of one change, on a session that is open already.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tfplugin::Value;

use crate::support::core::{Change, Core, Object, Walk};
use crate::support::road::Road;
use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

/// What is sent within half of it belongs to one round trip: so long may the machine be busy with something else.
const ROUND_TRIP: Duration = Duration::from_millis(400);

/// One process of the provider, and what its calls cost.
struct Costs {
    core: Core,
    walk: Walk,
    road: Road,
}

impl Costs {
    fn new(stand_in: &StandIn) -> Self {
        let road = Road::to(stand_in, ROUND_TRIP);
        let mut core = Core::new(stand_in);
        core.provider["api_url"] = json!(road.api_url);
        // A second connection would not be warm.
        core.provider["max_connections"] = json!(1);
        let walk = core.walk();
        Self { core, walk, road }
    }

    /// Creates or updates the object: as it is then, and the round trips of the change.
    fn of_change(&self, type_name: &str, prior: Option<&Object>, config: &Json) -> (Object, usize) {
        let config = self.core.config(type_name, config);
        let before = prior.map_or(Value::Null, |it| it.value.clone());
        let private = prior.map(|it| it.private.clone()).unwrap_or_default();
        let planned = self.walk.plan(type_name, &before, &config, &private).expect("a plan");
        let change =
            Change { type_name, prior: &before, planned: &planned.value, config: &config, private: &planned.private };
        self.road.reset();
        let done = self.walk.apply(&change);
        let passed = self.road.passed();
        let outcome = Core::outcome(type_name, prior, done);
        outcome.messages.insist_no_error();
        (outcome.object.expect("an object"), passed.round_trips)
    }

    /// Deletes the object: the round trips of that.
    fn of_delete(&self, object: &Object) -> usize {
        let change = Change {
            type_name: &object.type_name,
            prior: &object.value,
            planned: &Value::Null,
            config: &Value::Null,
            private: &object.private,
        };
        self.road.reset();
        self.walk.apply(&change).messages.insist_no_error();
        self.road.passed().round_trips
    }
}

#[test]
fn a_change_takes_three_round_trips_and_a_delete_two() {
    let stand_in = StandIn::start_with(suite(), &["--logical", "--set", "log_statement = 'all'"]);
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)").expect("tables");
    stand_in.sql_as_owner("CREATE PUBLICATION there FOR TABLE a").expect("a publication");
    stand_in.sql("CREATE ROLE reader");
    let costs = Costs::new(&stand_in);
    let located = |mut config: Json| {
        config["project_id"] = json!(stand_in.ready.project_id);
        config["database"] = json!(stand_in.ready.database);
        config
    };
    let table = |name: &str| json!([{ "name": name }]);
    let both = json!([{ "name": "a" }, { "name": "b" }]);
    // Opens the session, and asks what is asked once.
    let mode = |mode: &str| located(json!({ "table": "b", "mode": mode }));
    let (warm, _) = costs.of_change("neonrep_replica_identity", None, &mode("full"));

    let mut told = Vec::new();
    let of_slot =
        |more: bool| json!({ "publication_id": stand_in.id_of("there"), "name": "s", "terminate_consumer": more });
    for (type_name, create, update) in [
        (
            "neonrep_publication",
            located(json!({ "name": "p", "tables": table("a") })),
            located(json!({ "name": "p", "tables": both })),
        ),
        (
            "neonrep_grant",
            located(json!({ "role": "reader", "tables": table("a") })),
            located(json!({ "role": "reader", "tables": both, "privileges": ["SELECT", "INSERT"] })),
        ),
        (
            "neonrep_replica_identity",
            located(json!({ "table": "a", "mode": "full" })),
            located(json!({ "table": "a", "mode": "default" })),
        ),
        ("neonrep_slot", of_slot(false), of_slot(true)),
    ] {
        let (created, of_create) = costs.of_change(type_name, None, &create);
        let (updated, of_update) = costs.of_change(type_name, Some(&created), &update);
        told.push((type_name, of_create, of_update, costs.of_delete(&updated)));
    }
    assert_eq!(
        told,
        [
            ("neonrep_publication", 3, 3, 2),
            ("neonrep_grant", 3, 3, 2),
            ("neonrep_replica_identity", 3, 3, 2),
            ("neonrep_slot", 3, 2, 2),
        ]
    );
    assert_eq!(costs.of_delete(&warm), 2, "a replica identity that is restored");
    let left = "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical')
                + (SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b') AND (relreplident <> 'd' OR relacl::text LIKE '%reader%'))";
    assert_eq!(stand_in.value(left), "1", "all is gone, except what was there before");
}
