//! The shape of published tables: partitions, generated columns, types.

use super::facts::{Facts, Relation};
use super::finding::{Check, Found, found, listed};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "partition_root",
        rule: "Changes of partitions arrive under the name that the consumer expects.",
        run: partition_root,
    },
    Check {
        id: "generated_columns",
        rule: "Published tables have no generated columns, or these are published (Postgres 18).",
        run: generated_columns,
    },
    Check {
        id: "unlogged_or_view",
        rule: "Tables that the consumer reads can be published: no views, foreign, unlogged or temporary tables.",
        run: unlogged_or_view,
    },
    Check { id: "types_unsupported", rule: "Columns have built-in types.", run: types_unsupported },
    Check { id: "bemi_schema", rule: "Published tables are in the schema `public`.", run: bemi_schema },
];

fn object(it: &Relation) -> String {
    format!("table {}", it.full_name())
}

fn partition_root(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(publication) = facts.the_publication() else { return Vec::new() };
    if facts.asked.is_on("capture_as_partitions") {
        let roots = facts.published().filter(|it| it.kind == "p" && publication.via_root);
        return roots
            .map(|it| {
                found(
                    object(it),
                    format!(
                        "{} captures partitions, and the publication sends changes under the name of their table.",
                        destination.name
                    ),
                    "Set `publish_via_partition_root = false` in `neonrep_publication`.",
                )
            })
            .collect();
    }
    let partitions = facts.published().filter(|it| it.is_partition && it.kind != "p" && !publication.via_root);
    partitions
        .map(|it| {
            found(
                object(it),
                "Changes of this partition arrive under its own name.",
                "Set `publish_via_partition_root = true` in `neonrep_publication`.",
            )
        })
        .collect()
}

fn generated_columns(facts: &Facts, _: &Destination) -> Vec<Found> {
    if facts.the_publication().is_some_and(|it| it.generated_columns) {
        return Vec::new();
    }
    let with = facts.published().filter(|it| !it.generated_columns.is_empty());
    with.map(|it| {
        found(
            object(it),
            format!("Its generated columns are copied once and then not sent: {}.", listed(it.generated_columns.iter().map(String::as_str))),
            "On Postgres 18, set `publish_generated_columns = \"stored\"` in `neonrep_publication`. Before, exclude them.",
        )
    })
    .collect()
}

fn unlogged_or_view(facts: &Facts, _: &Destination) -> Vec<Found> {
    let named = facts.asked.tables.iter().filter_map(|name| facts.relation(name));
    named
        .filter_map(|it| {
            let what = match it.kind.as_str() {
                "v" => "a view",
                "m" => "a materialized view",
                "f" => "a foreign table",
                _ if !it.permanent => "unlogged or temporary",
                _ => return None,
            };
            Some(found(
                object(it),
                format!("It is {what}, which cannot be published."),
                "Name the tables behind it, or take it out.",
            ))
        })
        .collect()
}

fn types_unsupported(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let with = facts.published().filter(|it| !it.foreign_types.is_empty());
    with.map(|it| {
        found(
            object(it),
            format!(
                "{} does not know the types of {}.",
                destination.name,
                listed(it.foreign_types.iter().map(String::as_str))
            ),
            "Name these columns in `text_columns` of `materialize_source_table_postgres`.",
        )
    })
    .collect()
}

fn bemi_schema(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let outside = facts.published().filter(|it| it.schema != "public");
    outside
        .map(|it| {
            found(
                object(it),
                format!("{} follows the schema `public`.", destination.name),
                "Take it out of the publication, or ask Bemi.",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Publication, Relation, Seen};
    use super::super::samples::{ids, ready, table};

    fn publishing(relations: Vec<Relation>, via_root: bool, generated_columns: bool) -> Facts {
        let facts = ready();
        let publication = Publication { via_root, generated_columns, ..facts.the_publication().cloned().unwrap() };
        Facts { publication: Seen::There(publication), relations, ..facts }
    }

    #[test]
    fn partitions_arrive_under_the_name_that_the_consumer_expects() {
        let leaf = || Relation { is_partition: true, ..table("leaf") };
        let root = || Relation { kind: "p".into(), ..table("root") };
        let none = Vec::<&str>::new();
        assert_eq!(
            ids("clickpipes", &Facts { slot: Seen::NotAsked, ..publishing(vec![leaf()], false, false) }),
            ["partition_root"]
        );
        assert_eq!(ids("clickpipes", &Facts { slot: Seen::NotAsked, ..publishing(vec![root()], true, false) }), none);
        assert_eq!(ids("fivetran", &publishing(vec![leaf()], false, false)), none, "it works with both");
        let captures = |mut facts: Facts| {
            for option in ["capture_as_partitions", "read_only_capture"] {
                facts.asked.options.insert(option.into(), "true".into());
            }
            facts.slot = Seen::NotAsked;
            ids("estuary", &facts)
        };
        assert_eq!(captures(publishing(vec![root()], true, false)), ["partition_root"]);
        assert_eq!(captures(publishing(vec![leaf()], false, false)), none);
    }

    #[test]
    fn generated_columns_are_sent_only_when_published() {
        let with = || Relation { generated_columns: vec!["total".into()], ..table("orders") };
        let check = |published| {
            ids("clickpipes", &Facts { slot: Seen::NotAsked, ..publishing(vec![with()], false, published) })
        };
        assert_eq!(check(false), ["generated_columns"]);
        assert_eq!(check(true), Vec::<&str>::new());
    }

    #[test]
    fn what_is_named_can_be_published() {
        let check = |relation: Relation| {
            let mut facts = ready();
            facts.asked.tables = vec![("public".into(), "it".into())];
            facts.relations.push(Relation { published: false, ..relation });
            ids("fivetran", &facts)
        };
        for kind in ["v", "m", "f"] {
            assert_eq!(check(Relation { kind: kind.into(), ..table("it") }), ["unlogged_or_view"], "{kind}");
        }
        assert_eq!(check(Relation { permanent: false, ..table("it") }), ["unlogged_or_view"]);
        assert_eq!(check(table("it")), Vec::<&str>::new());
    }

    #[test]
    fn types_and_schemas_are_those_that_the_consumer_knows() {
        let full = || Relation { identity: "f".into(), ..table("orders") };
        let none = Vec::<&str>::new();
        let check = |id: &str, relation: Relation| ids(id, &publishing(vec![relation], true, false));
        assert_eq!(
            check("materialize", Relation { foreign_types: vec!["mood".into()], ..full() }),
            ["types_unsupported"]
        );
        assert_eq!(check("materialize", full()), none);
        assert_eq!(check("bemi", Relation { schema: "sales".into(), ..full() }), ["bemi_schema"]);
        assert_eq!(check("bemi", full()), none);
    }
}
