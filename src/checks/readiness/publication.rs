//! The publication: is it there, does it say what the consumer expects.

use std::collections::BTreeMap;

use super::facts::{Facts, Seen};
use super::finding::{Check, Found, found, listed};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "publication_absent", rule: "The publication exists.", run: publication_absent },
    Check { id: "publication_empty", rule: "The publication has a table.", run: publication_empty },
    Check {
        id: "publication_all_tables",
        rule: "The publication is a list, not all tables.",
        run: publication_all_tables,
    },
    Check {
        id: "publication_not_owned",
        rule: "The role owns the publication, or needs not alter it.",
        run: publication_not_owned,
    },
    Check { id: "publish_ops", rule: "Inserts, updates and deletes are published.", run: publish_ops },
    Check {
        id: "table_not_published",
        rule: "Every table that the consumer reads is published.",
        run: table_not_published,
    },
    Check { id: "duplicate_names", rule: "No two published tables share a name.", run: duplicate_names },
];

fn object(facts: &Facts, destination: &Destination) -> String {
    format!("publication {}", facts.asked.publication_name(destination).unwrap_or_default())
}

fn publication_absent(facts: &Facts, destination: &Destination) -> Vec<Found> {
    if !matches!(facts.publication, Seen::Absent) {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("There is no such publication, and {} reads it.", destination.name),
        "Create it with `neonrep_publication`, before any slot of this consumer.",
    )]
}

fn publication_empty(facts: &Facts, destination: &Destination) -> Vec<Found> {
    if facts.the_publication().is_none() || facts.published().next().is_some() {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        "It publishes no table.",
        "Add the tables to `tables` of `neonrep_publication`.",
    )]
}

fn publication_all_tables(facts: &Facts, destination: &Destination) -> Vec<Found> {
    if !facts.the_publication().is_some_and(|it| it.all_tables) {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        "It publishes all tables, so that UPDATE and DELETE fail on a table that is created later without a key.",
        "List the tables in `tables` of `neonrep_publication`.",
    )]
}

fn publication_not_owned(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let (Some(it), Some(role)) = (facts.the_publication(), &facts.asked.role) else { return Vec::new() };
    if it.owner == *role {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("Its owner is `{}`, so {} cannot add tables to it.", it.owner, destination.name),
        "Publish every table that it is to read in `tables` of `neonrep_publication`.",
    )]
}

fn publish_ops(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(it) = facts.the_publication() else { return Vec::new() };
    let missing: Vec<&str> = [("insert", it.insert), ("update", it.update), ("delete", it.delete)]
        .into_iter()
        .filter_map(|(name, on)| (!on).then_some(name))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![found(
        object(facts, destination),
        format!("It does not publish {}, so such changes never arrive.", missing.join(", ")),
        "Add them to `publish` of `neonrep_publication`, if they are wanted.",
    )]
}

fn table_not_published(facts: &Facts, destination: &Destination) -> Vec<Found> {
    if facts.the_publication().is_none() {
        return Vec::new();
    }
    let unpublished = facts.asked.tables.iter().filter(|name| {
        // A partition is published by its root, and a root may be published as its partitions.
        let one = facts.relation(name);
        let as_parts = one.is_some_and(|it| it.kind == "p") && facts.published().any(|it| it.is_partition);
        !one.is_some_and(|it| it.published || it.published_by_root) && !as_parts
    });
    let one = |(schema, name): &super::facts::Named| {
        let reason = match facts.relation(&(schema.clone(), name.clone())) {
            Some(_) => "It is not in the publication, so its changes never arrive.",
            None => "There is no such table.",
        };
        found(
            format!("table {schema}.{name}"),
            reason,
            format!("Add it to `tables` of `neonrep_publication`, or take it out of what {} reads.", destination.name),
        )
    };
    unpublished.map(one).collect()
}

fn duplicate_names(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for it in facts.published() {
        by_name.entry(&it.name).or_default().push(it.full_name());
    }
    let twice = by_name.into_values().filter(|it| it.len() > 1);
    twice
        .map(|names| {
            found(
                format!("table {}", names[0]),
                format!(
                    "One pipeline of {} cannot have two tables of one name: {}.",
                    destination.name,
                    listed(names.iter().map(String::as_str))
                ),
                "Use two pipelines, each with a publication and a slot of its own.",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Publication, Relation, Seen};
    use super::super::samples::{ids, ready, table};

    fn with(change: impl FnOnce(&mut Publication)) -> Facts {
        let mut facts = ready();
        let mut publication = facts.the_publication().cloned().unwrap();
        change(&mut publication);
        facts.publication = Seen::There(publication);
        facts
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let none = Vec::<&str>::new();
        let absent = Facts { publication: Seen::Absent, relations: vec![], slot: Seen::NotAsked, ..ready() };
        assert_eq!(ids("fivetran", &absent), ["publication_absent"]);
        assert_eq!(ids("fivetran", &Facts { relations: vec![], ..ready() }), ["publication_empty"]);
        assert_eq!(ids("airbyte", &Facts { relations: vec![], ..ready() }), none, "only where it is a fault");
        assert_eq!(ids("airbyte", &with(|it| it.all_tables = true)), ["publication_all_tables"]);
        for change in [
            |it: &mut Publication| it.insert = false,
            |it: &mut Publication| it.update = false,
            |it: &mut Publication| it.delete = false,
        ] {
            assert_eq!(ids("airbyte", &with(change)), ["publish_ops"]);
        }
        let mut estuary = with(|it| it.owner = "somebody".into());
        estuary.asked.options.insert("read_only_capture".into(), "true".into());
        assert_eq!(ids("estuary", &estuary), ["publication_not_owned"]);
        let mut owned = with(|it| it.owner = "consumer".into());
        owned.asked.options.insert("read_only_capture".into(), "true".into());
        assert_eq!(ids("estuary", &owned), none);
    }

    #[test]
    fn tables_that_the_consumer_reads_are_published() {
        let check = |named: &str, relations: Vec<Relation>| {
            let mut facts = ready();
            facts.asked.tables = vec![("public".into(), named.into())];
            facts.relations = relations;
            ids("airbyte", &facts)
        };
        let none = Vec::<&str>::new();
        assert_eq!(check("orders", vec![table("orders")]), none);
        assert_eq!(check("absent", vec![table("orders")]), ["table_not_published"]);
        let unpublished = Relation { published: false, ..table("other") };
        assert_eq!(check("other", vec![table("orders"), unpublished]), ["table_not_published"]);
        let by_root = Relation { published: false, published_by_root: true, is_partition: true, ..table("leaf") };
        assert_eq!(check("leaf", vec![table("orders"), by_root]), none);
    }

    #[test]
    fn one_pipeline_has_each_name_once() {
        let mut facts = ready();
        facts.relations.push(Relation { schema: "sales".into(), ..table("orders") });
        assert_eq!(ids("databricks_lakeflow", &facts), ["duplicate_names"]);
        facts.relations[1].name = "orders_2".into();
        assert_eq!(ids("databricks_lakeflow", &facts), Vec::<&str>::new());
    }
}
