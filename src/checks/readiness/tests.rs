//! The checks as a whole: each is in the table of a destination, and findings are sorted, weighed and printed.

use std::collections::BTreeSet;

use super::facts::{Seen, wanted};
use super::samples::{ids, ready, table};
use super::*;

#[test]
fn each_check_applies_somewhere_and_each_that_applies_is_there() {
    let there: Vec<&str> = ALL.iter().copied().flatten().map(|it| it.id).collect();
    let unique: BTreeSet<&str> = there.iter().copied().collect();
    assert_eq!(unique.len(), there.len(), "two checks of one id");
    let applied: BTreeSet<&str> = destinations::ALL.iter().flat_map(|it| it.checks()).map(|it| it.check).collect();
    assert_eq!(applied, unique);
}

#[test]
fn every_destination_can_be_ready() {
    for destination in destinations::ALL {
        let mut facts = ready();
        facts.relations[0].identity = "f".into();
        if !destination.slot.is_own(|_| None) && destination.slot.made_by != destinations::Maker::Either {
            facts.slot = Seen::Absent;
        }
        assert_eq!(ids(destination.id, &facts), Vec::<&str>::new(), "{}", destination.id);
    }
    assert_eq!(findings("no_such", &ready()), None);
    assert!(destinations().contains(&"databricks_lakeflow"));
}

#[test]
fn findings_are_sorted_and_only_errors_stop() {
    let mut facts = ready();
    facts.server.wal_sender_timeout = 10_000;
    facts.host.allowed_ips = 1;
    let softer = findings("airbyte", &facts).unwrap();
    assert_eq!(softer.iter().map(|it| it.severity).collect::<Vec<_>>(), [Severity::Warning, Severity::Info]);
    assert!(is_ready(&softer));
    facts.relations.extend([table("b"), table("a")]);
    facts.relations.iter_mut().for_each(|it| it.has_primary_key = false);
    let found = findings("airbyte", &facts).unwrap();
    let objects: Vec<&str> =
        found.iter().filter(|it| it.check == "identity_none").map(|it| it.object.as_str()).collect();
    assert_eq!(objects, ["table public.a", "table public.b", "table public.orders"]);
    assert!(!is_ready(&found));
    assert!(found.is_sorted());
}

#[test]
fn a_report_is_a_table_that_names_cannot_break() {
    assert_eq!(report("airbyte", &[]), "### Airbyte: ready\n\nNo findings.\n");
    let mut facts = ready();
    facts.asked.tables = vec![("public".into(), "a|b\n## c".into())];
    let found = findings("airbyte", &facts).unwrap();
    let text = report("airbyte", &found);
    assert_eq!(
        text,
        "### Airbyte: not ready\n\n| | check | object | reason | remedy |\n|---|---|---|---|---|\n| error | `table_not_published` | \
         table public.a\\|b ## c | There is no such table. | Add it to `tables` of `neonrep_publication`, or take it out of what \
         Airbyte reads. |\n"
    );
}

/// What a user does about it is in every remedy, and no sentence is left open.
#[test]
fn each_finding_says_why_and_what_to_do() {
    let mut facts = Facts { publication: Seen::Absent, role: Seen::Absent, slot: Seen::Absent, ..Facts::default() };
    facts.server.wal_level = "replica".into();
    for destination in destinations::ALL {
        for it in findings(destination.id, &facts).unwrap() {
            for sentence in [&it.reason, &it.remedy] {
                assert!(sentence.ends_with('.') || sentence.ends_with('`'), "{}: {sentence}", it.check);
            }
        }
    }
}

#[test]
fn what_to_read_follows_from_the_names() {
    let asked = Asked::default();
    let inngest = wanted("inngest", &asked).unwrap();
    assert_eq!((inngest.publication.as_deref(), inngest.slot.as_deref()), (Some("inngest"), Some("inngest_cdc")));
    let estuary = wanted("estuary", &asked).unwrap();
    assert_eq!(estuary.tables, [("public".to_owned(), "flow_watermarks".to_owned())]);
    assert_eq!((estuary.publication, estuary.slot), (None, None), "nothing is guessed");
    let mut named = ready().asked;
    named.tables = vec![("sales".into(), "orders".into())];
    named.options.insert("heartbeat_table".into(), "beat".into());
    let airbyte = wanted("airbyte", &named).unwrap();
    assert_eq!(airbyte.tables, [("sales".to_owned(), "orders".to_owned()), ("public".to_owned(), "beat".to_owned())]);
    assert_eq!(wanted("no_such", &asked), None);
}
