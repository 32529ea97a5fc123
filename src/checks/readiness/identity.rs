//! Replica identities: what the consumer learns of the old row.

use super::facts::{Facts, Relation};
use super::finding::{Check, Found, found};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "identity_none",
        rule: "A table published for updates or deletes has a usable replica identity, its partitions too.",
        run: identity_none,
    },
    Check { id: "primary_key", rule: "Published tables have a primary key.", run: primary_key },
    Check {
        id: "identity_full",
        rule: "Published tables have the replica identity FULL, their partitions too.",
        run: identity_full,
    },
    Check {
        id: "toast",
        rule: "Published tables have no columns for large values, or the replica identity FULL.",
        run: toast,
    },
    Check {
        id: "column_list_full",
        rule: "No table has both the replica identity FULL and a column list.",
        run: column_list_full,
    },
];

fn object(it: &Relation) -> String {
    format!("table {}", it.full_name())
}

const SET_FULL: &str = "Set `mode = \"full\"` with a `neonrep_replica_identity` for this table.";

/// Whether UPDATE and DELETE of this very table can be published.
fn is_usable(it: &Relation) -> bool {
    match it.identity.as_str() {
        "f" => true,
        "d" => it.has_primary_key,
        "i" => it.identity_index_valid,
        _ => false,
    }
}

fn identity_none(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(publication) = facts.the_publication() else { return Vec::new() };
    if !publication.update && !publication.delete {
        return Vec::new();
    }
    let without = facts.published_rows().filter(|it| !is_usable(it));
    without
        .map(|it| {
            found(
                object(it),
                "It is published for updates or deletes and has no usable identity: the application's own UPDATE and DELETE fail.",
                "Give it a primary key, or a `neonrep_replica_identity` that `replica_identity_id` of the publication names.",
            )
        })
        .collect()
}

fn primary_key(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let without = facts.published_rows().filter(|it| !it.has_primary_key);
    without
        .map(|it| {
            found(
                object(it),
                format!(
                    "It has no primary key. {} then copies it in full each time, or loses deletes.",
                    destination.name
                ),
                "Add a primary key.",
            )
        })
        .collect()
}

fn identity_full(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let others = facts.published_rows().filter(|it| it.identity != "f");
    others
        .map(|it| {
            found(
                object(it),
                format!("Its identity is not full, so {} does not get the old row.", destination.name),
                SET_FULL,
            )
        })
        .collect()
}

fn toast(facts: &Facts, _: &Destination) -> Vec<Found> {
    let large = facts.published_rows().filter(|it| it.identity != "f" && it.has_large_columns);
    large
        .map(|it| {
            found(
                object(it),
                "It has columns that may hold large values. An UPDATE that leaves such a value unchanged does not send it.",
                format!("If the consumer needs it: {SET_FULL}"),
            )
        })
        .collect()
}

fn column_list_full(facts: &Facts, _: &Destination) -> Vec<Found> {
    let both = facts.relations.iter().filter(|it| it.has_column_list && it.identity == "f");
    both.map(|it| {
        found(
            object(it),
            "Its identity is full and the publication has a column list for it: the application's own UPDATE fails.",
            "Take `columns` out of `tables` of `neonrep_publication`, or use another identity.",
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Publication, Relation, Seen};
    use super::super::samples::{ids, ready, table};

    fn with(change: impl FnOnce(&mut Relation)) -> Facts {
        let mut relation = table("orders");
        change(&mut relation);
        Facts { relations: vec![relation], ..ready() }
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let none = Vec::<&str>::new();
        let keyless = |it: &mut Relation| it.has_primary_key = false;
        assert_eq!(ids("debezium", &with(keyless)), ["identity_none"]);
        assert_eq!(ids("debezium", &with(|_| ())), none);
        assert_eq!(ids("debezium", &with(|it| it.identity = "n".into())), ["identity_none"]);
        assert_eq!(ids("debezium", &with(|it| it.identity = "i".into())), ["identity_none"]);
        assert_eq!(ids("debezium", &with(|it| (it.identity, it.identity_index_valid) = ("i".into(), true))), none);
        assert_eq!(ids("debezium", &with(|it| (it.identity, it.has_primary_key) = ("f".into(), false))), none);
        let insert_only = |facts: Facts| {
            let publication = Publication { update: false, delete: false, ..facts.the_publication().cloned().unwrap() };
            Facts { publication: Seen::There(publication), ..facts }
        };
        assert_eq!(ids("debezium", &insert_only(with(keyless))), ["publish_ops"]);

        let full = |it: &mut Relation| (it.identity, it.has_primary_key) = ("f".into(), false);
        assert_eq!(ids("airbyte", &with(full)), ["primary_key"]);
        assert_eq!(ids("materialize", &with(|_| ())), ["identity_full"]);
        assert_eq!(ids("materialize", &with(full)), none);
        assert_eq!(ids("airbyte", &with(|it| it.has_large_columns = true)), ["toast"]);
        assert_eq!(ids("airbyte", &with(|it| (it.has_large_columns, it.identity) = (true, "f".into()))), none);
        assert_eq!(
            ids("debezium", &with(|it| (it.has_column_list, it.identity) = (true, "f".into()))),
            ["column_list_full"]
        );
        assert_eq!(ids("debezium", &with(|it| it.has_column_list = true)), none);
    }

    /// Postgres looks at the identity of the table that holds the row.
    #[test]
    fn partitions_stand_for_their_table() {
        let root = || Relation { kind: "p".into(), has_primary_key: false, ..table("root") };
        let leaf = |key| Relation { published: false, published_by_root: true, has_primary_key: key, ..table("leaf") };
        let check = |key| ids("debezium", &Facts { relations: vec![root(), leaf(key)], ..ready() });
        assert_eq!(check(false), ["identity_none"]);
        assert_eq!(check(true), Vec::<&str>::new());
    }
}
