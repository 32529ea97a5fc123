//! The table is complete, and no value contradicts another.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The systems of Neon's list of logical replication guides, from Neon and to Neon.
const ROWS: &[&str] = &[
    "Airbyte",
    "Bemi",
    "ClickHouse",
    "Confluent (Kafka)",
    "Databricks Lakeflow Connect",
    "Databricks through Airbyte",
    "Decodable",
    "Estuary Flow",
    "Fivetran",
    "Inngest",
    "Materialize",
    "Neon to Neon",
    "Neon to PostgreSQL",
    "Prisma Pulse",
    "Sequin",
    "Snowflake through Airbyte",
];

const SOURCES: &[&str] = &["AlloyDB", "Aurora", "Azure PostgreSQL", "Cloud SQL", "PostgreSQL", "RDS", "Supabase"];

#[test]
fn each_system_of_the_guides_has_its_facts() {
    let rows: BTreeSet<&str> = ALL.iter().map(|it| it.row).collect();
    assert_eq!(Vec::from_iter(rows), ROWS);
    let sources: BTreeSet<&str> = sources::ALL.iter().map(|it| it.name).collect();
    assert_eq!(Vec::from_iter(sources), SOURCES);
    assert_eq!(ROWS.len() + SOURCES.len(), 23);
}

#[test]
fn ids_are_sorted_and_unlike() {
    let ids: Vec<&str> = ALL.iter().map(|it| it.id).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let sources: Vec<&str> = sources::ALL.iter().map(|it| it.id).collect();
    assert!(sources.is_sorted_by(|one, next| one < next), "{sources:?}");
    for id in ids.iter().chain(&sources) {
        assert!(id.chars().all(|it| it.is_ascii_lowercase() || it == '_'), "{id}");
    }
    let names: BTreeSet<&str> = ALL.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), ALL.len(), "two of one name");
}

fn has(it: &Destination, check: &str) -> Option<Severity> {
    it.checks().iter().find(|one| one.check == check).map(|one| one.severity)
}

#[test]
fn checks_follow_from_the_facts() {
    for it in ALL {
        let id = it.id;
        assert!(has(it, "publication_absent").is_some(), "{id}: every consumer reads a publication");
        let own = it.slot.made_by == Maker::Terraform || it.slot.own_if.is_some();
        if has(it, "slot_absent").is_some() {
            assert!(own, "{id}: a slot that the consumer creates may be absent");
        }
        if it.slot.made_by == Maker::Terraform {
            assert!(has(it, "slot_absent").is_some(), "{id}: a slot that it does not create must be there");
        }
        assert_eq!(has(it, "role_select").is_some(), !it.privileges.is_empty(), "{id}: privileges");
        let full = it.identity == Identity::Full;
        assert_eq!(has(it, "identity_full") == Some(Severity::Error), full, "{id}: FULL is demanded");
        let needed = matches!(it.heartbeat, Heartbeat::Needed(_) | Heartbeat::Useful(_));
        assert_eq!(has(it, "heartbeat").is_some(), needed, "{id}: a heartbeat that the user sets up");
        assert_eq!(has(it, "watermarks_table").is_some(), it.writes.is_some(), "{id}: its table");
        let via_root = it.publication.via_root == ViaRoot::Required;
        assert_eq!(has(it, "partition_root") == Some(Severity::Error), via_root, "{id}: via root is demanded");
        assert_eq!(it.slot.plugin, "pgoutput", "{id}");
        assert!(it.slot.count > 0 && !it.publication.forms.is_empty(), "{id}");
        assert!(it.postgres.newest.is_none_or(|newest| Some(newest) > it.postgres.oldest), "{id}");
        assert_eq!(
            it.postgres.newest.is_some(),
            has(it, "pg_version").is_some() && id != "databricks_lakeflow",
            "{id}"
        );
    }
}

/// What a user would notice: the names that a consumer does not let one choose.
#[test]
fn fixed_names_are_those_of_the_consumers() {
    let fixed: BTreeMap<&str, (Option<&str>, Option<&str>)> = ALL
        .iter()
        .map(|it| {
            let only = |name| if let Name::Fixed(name) = name { Some(name) } else { None };
            (it.id, (only(it.publication.name), only(it.slot.name)))
        })
        .filter(|(_, (publication, slot))| publication.is_some() || slot.is_some())
        .collect();
    let expected = BTreeMap::from([
        ("bemi", (Some("bemi"), Some("bemi"))),
        ("decodable", (Some("dbz_publication"), None)),
        ("inngest", (Some("inngest"), Some("inngest_cdc"))),
    ]);
    assert_eq!(fixed, expected);
}

/// What decides whether a guide has a `neonrep_slot`.
#[test]
fn slots_are_created_by_whom_the_consumer_expects() {
    let by = |maker| ALL.iter().filter(|it| it.slot.made_by == maker).map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(
        by(Maker::Terraform),
        [
            "airbyte",
            "confluent_cloud",
            "databricks_airbyte",
            "databricks_lakeflow",
            "debezium",
            "fivetran",
            "prisma_pulse",
            "sequin",
            "snowflake_airbyte",
        ]
    );
    assert_eq!(by(Maker::Either), ["inngest"]);
    let own_if: Vec<_> = ALL.iter().filter_map(|it| Some((it.id, it.slot.own_if?))).collect();
    assert_eq!(
        own_if,
        [
            ("clickpipes", ("replication_mode", "cdc_only")),
            ("neon_subscriber", ("create_slot", "false")),
            ("peerdb", ("do_initial_copy", "false")),
            ("postgres_subscriber", ("create_slot", "false")),
        ]
    );
}

#[test]
fn a_check_in_two_groups_has_the_severity_of_the_last() {
    assert_eq!(has(&materialize::FACTS, "role_rls"), Some(Severity::Error));
    assert_eq!(has(&airbyte::FACTS, "role_rls"), Some(Severity::Warning));
    for it in ALL {
        let all = it.checks();
        let ids: BTreeSet<&str> = all.iter().map(|one| one.check).collect();
        assert_eq!(ids.len(), all.len(), "{}", it.id);
    }
}

#[test]
fn a_source_says_how_it_becomes_logical() {
    for it in sources::ALL {
        let from_the_start = it.restart == sources::Restart::NotNeeded;
        assert_eq!(it.parameters.is_empty(), from_the_start, "{}", it.id);
        assert!(it.reached.ends_with('.'), "{}", it.id);
        assert_eq!(it.id == "postgresql", it.recognized_by.is_none(), "{}: only a plain server has no mark", it.id);
    }
}

/// `databricks_lakeflow` → `databricks-lakeflow`
fn example(id: &str) -> Option<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides").join(id.replace('_', "-"));
    std::fs::read_to_string(folder.join("main.tf")).ok()
}

/// An example that creates what the facts do not say, or the other way round, would mislead whoever copies it.
#[test]
fn each_example_follows_its_facts() {
    let mut looked_at = 0;
    for it in ALL {
        let Some(main) = example(it.id) else { continue };
        looked_at += 1;
        let id = it.id;
        let creates = |kind: &str| main.contains(&format!("resource \"{kind}\""));
        assert_eq!(creates("neonrep_slot"), it.slot.made_by != Maker::Consumer, "{id}: the slot");
        assert_eq!(creates("neonrep_grant"), !it.privileges.is_empty(), "{id}: the grant");
        if it.identity == Identity::Full {
            assert!(main.contains("mode       = \"full\""), "{id}: a full identity");
        }
        if it.publication.via_root == ViaRoot::Required {
            assert!(main.contains("publish_via_partition_root = true"), "{id}: via root");
        }
        let (Name::Free(name) | Name::Fixed(name) | Name::Chosen(name)) = it.publication.name;
        assert!(main.contains(&format!("name       = \"{name}\"")), "{id}: publication {name}");
        if it.slot.made_by != Maker::Consumer {
            let (Name::Free(name) | Name::Fixed(name) | Name::Chosen(name)) = it.slot.name;
            assert!(main.contains(&format!("name           = \"{name}\"")), "{id}: slot {name}");
            // A destroy that meets a connected consumer then changes nothing else.
            assert!(main.contains("depends_on = [neonrep_grant."), "{id}: the slot depends on the grant");
        }
    }
    assert!(looked_at >= 15, "{looked_at} examples were found");
}
