//! What keeps a stream moving on a quiet database: a heartbeat, or a table that the consumer writes.

use super::facts::{Facts, Named, Relation};
use super::finding::{Check, Found, found};
use crate::destinations::{Destination, Heartbeat};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "heartbeat",
        rule: "A heartbeat is declared in `options`, and its table, if it has one, is published and can be written.",
        run: heartbeat,
    },
    Check {
        id: "watermarks_table",
        rule: "The table that the consumer writes exists, with its columns and key.",
        run: watermarks_table,
    },
    Check { id: "watermarks_write", rule: "The role may SELECT, INSERT and UPDATE that table.", run: watermarks_write },
    Check { id: "watermarks_published", rule: "That table is published.", run: watermarks_published },
];

fn object(name: &Named) -> String {
    format!("table {}.{}", name.0, name.1)
}

fn heartbeat(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let (Heartbeat::Needed(option) | Heartbeat::Useful(option)) = destination.heartbeat else { return Vec::new() };
    if facts.asked.options.get(option).is_none_or(|it| it.trim().is_empty()) {
        return vec![found(
            "consumer",
            format!(
                "No heartbeat is declared. On a quiet database the stream of {} stands still or breaks.",
                destination.name
            ),
            format!(
                "Set `{option}` there, such as `SELECT pg_logical_emit_message(true, 'heartbeat', '')`, and in `options` here."
            ),
        )];
    }
    let Some(name) = facts.asked.heartbeat_table() else { return Vec::new() };
    let what_is_wrong = match facts.relation(&name) {
        None => "It does not exist",
        Some(it) if it.kind != "r" => "It is no table",
        Some(it) if !it.published => "It is not in the publication",
        Some(it) if facts.the_role().is_some() && !(it.insert || it.update) => "The role may neither INSERT nor UPDATE",
        Some(_) => return Vec::new(),
    };
    vec![found(
        object(&name),
        format!("{what_is_wrong}, so the heartbeat does not reach the stream."),
        "Create it with `neonrep_signal_table` (`shape = \"heartbeat\"`), list it in `tables` of `neonrep_publication`, and grant INSERT and \
         UPDATE with `neonrep_grant`.",
    )]
}

/// The table that the consumer writes, if it exists as a table with the columns that it expects.
fn fitting<'a>(facts: &'a Facts, destination: &Destination, name: &Named) -> Option<&'a Relation> {
    let columns = destination.writes?.columns;
    let table = facts.relation(name).filter(|it| it.kind == "r")?;
    let has_all = columns.iter().all(|column| table.columns.iter().any(|it| it == column));
    let keyed = columns.first().is_some_and(|first| table.key == [*first]);
    (has_all && keyed).then_some(table)
}

fn watermarks_table(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(name) = facts.asked.written_table(destination) else { return Vec::new() };
    if fitting(facts, destination, &name).is_some() {
        return Vec::new();
    }
    let reason = if facts.relation(&name).is_some() {
        "It lacks a column that the consumer writes, or its key is another column."
    } else {
        "It does not exist, and the role cannot create it."
    };
    let shape = destination.writes.map_or("", |it| it.shape);
    vec![found(object(&name), reason, format!("Create it with `neonrep_signal_table` (`shape = \"{shape}\"`)."))]
}

fn watermarks_write(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(name) = facts.asked.written_table(destination) else { return Vec::new() };
    let (Some(table), Some(_)) = (fitting(facts, destination, &name), facts.the_role()) else { return Vec::new() };
    let held = [("SELECT", table.select), ("INSERT", table.insert), ("UPDATE", table.update)];
    let missing: Vec<&str> = held.into_iter().filter_map(|(name, held)| (!held).then_some(name)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![found(
        object(&name),
        format!("The role lacks {}.", missing.join(", ")),
        "Add a second `neonrep_grant` with this table and `privileges = [\"SELECT\", \"INSERT\", \"UPDATE\"]`.",
    )]
}

fn watermarks_published(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(name) = facts.asked.written_table(destination) else { return Vec::new() };
    let exists = fitting(facts, destination, &name);
    if facts.the_publication().is_none() || exists.is_none_or(|it| it.published) {
        return Vec::new();
    }
    vec![found(
        object(&name),
        "It is not in the publication, and the consumer cannot add it.",
        "Add it to `tables` of `neonrep_publication`.",
    )]
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Relation, Seen};
    use super::super::samples::{ids, ready, table};

    fn heartbeat(options: &[(&str, &str)], relation: Option<Relation>) -> Vec<&'static str> {
        let mut facts = ready();
        facts.asked.options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        facts.relations.extend(relation);
        ids("airbyte", &facts)
    }

    #[test]
    fn a_heartbeat_is_declared_and_arrives() {
        let query = ("heartbeat_action_query", "UPDATE public.beat SET beat = now()");
        let named = ("heartbeat_table", "beat");
        let none = Vec::<&str>::new();
        let beat = || Relation { update: true, ..table("beat") };
        assert_eq!(heartbeat(&[], None), ["heartbeat"]);
        assert_eq!(heartbeat(&[("heartbeat_action_query", " ")], None), ["heartbeat"]);
        assert_eq!(heartbeat(&[query], None), none);
        assert_eq!(heartbeat(&[query, named], None), ["heartbeat"]);
        assert_eq!(heartbeat(&[query, named], Some(beat())), none);
        assert_eq!(heartbeat(&[query, named], Some(Relation { update: false, ..beat() })), ["heartbeat"]);
        assert_eq!(heartbeat(&[query, named], Some(Relation { published: false, ..beat() })), ["heartbeat"]);
        assert_eq!(heartbeat(&[query, named], Some(Relation { kind: "v".into(), ..beat() })), ["heartbeat"]);
        assert_eq!(ids("fivetran", &Facts { asked: super::super::Asked::default(), ..ready() }), none, "it has none");
    }

    #[test]
    fn the_watermarks_table_is_there_writable_and_published() {
        let fits = || Relation {
            columns: vec!["slot".into(), "watermark".into()],
            key: vec!["slot".into()],
            insert: true,
            update: true,
            ..table("flow_watermarks")
        };
        let check = |relation: Option<Relation>, option: Option<(&str, &str)>| {
            let mut facts = Facts { slot: Seen::Absent, ..ready() };
            facts.asked.options = option.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            facts.relations.extend(relation);
            ids("estuary", &facts)
        };
        let none = Vec::<&str>::new();
        assert_eq!(check(Some(fits()), None), none);
        assert_eq!(check(None, None), ["watermarks_table"]);
        assert_eq!(check(None, Some(("read_only_capture", "true"))), none);
        assert_eq!(check(Some(Relation { columns: vec!["slot".into()], ..fits() }), None), ["watermarks_table"]);
        assert_eq!(check(Some(Relation { key: vec![], ..fits() }), None), ["watermarks_table"]);
        assert_eq!(check(Some(Relation { insert: false, ..fits() }), None), ["watermarks_write"]);
        assert_eq!(check(Some(Relation { published: false, ..fits() }), None), ["watermarks_published"]);
        let elsewhere = Relation { schema: "flow".into(), name: "marks".into(), ..fits() };
        assert_eq!(check(Some(elsewhere), Some(("watermarks_table", "flow.marks"))), none);
    }
}
