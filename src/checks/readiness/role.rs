//! The consumer's role: it logs in, replicates, and reads what is published.

use std::collections::BTreeSet;

use super::facts::{Facts, Seen};
use super::finding::{Check, Found, found, listed};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "role_login", rule: "The role exists and may log in.", run: role_login },
    Check {
        id: "role_replication",
        rule: "The role has REPLICATION, or the membership that stands for it on RDS and Aurora.",
        run: role_replication,
    },
    Check { id: "role_usage", rule: "The role has USAGE on the schemas of published tables.", run: role_usage },
    Check { id: "role_select", rule: "The role may read every published table.", run: role_select },
    Check { id: "role_rls", rule: "Row security hides no rows of published tables from the role.", run: role_rls },
    Check {
        id: "future_tables",
        rule: "Default privileges let the role read tables that are created later.",
        run: future_tables,
    },
];

fn object(facts: &Facts) -> String {
    format!("role {}", facts.asked.role.as_deref().unwrap_or_default())
}

fn role_login(facts: &Facts, _: &Destination) -> Vec<Found> {
    match &facts.role {
        Seen::Absent => vec![found(object(facts), "There is no such role.", "Create it with `neonrep_role`.")],
        Seen::There(role) if !role.login => {
            vec![found(
                object(facts),
                "It may not log in.",
                "Use a role that `neonrep_role` creates, or give it LOGIN.",
            )]
        }
        _ => Vec::new(),
    }
}

fn role_replication(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let said_by_rds_replication = destination.checks().iter().any(|it| it.check == "rds_replication");
    match facts.the_role() {
        Some(role) if !role.replication && !role.replicates_by_membership => vec![found(
            object(facts),
            "It lacks REPLICATION, so it may not use a slot.",
            "Use a role that the Neon API creates (`neonrep_role`), or give it REPLICATION on Postgres 16 and later.",
        )],
        Some(role) if !role.replication && !role.is_replication_member && !said_by_rds_replication => vec![found(
            object(facts),
            "It is not a member of `rds_replication`, which stands for REPLICATION here.",
            "Run `GRANT rds_replication` to this role.",
        )],
        _ => Vec::new(),
    }
}

fn role_usage(facts: &Facts, _: &Destination) -> Vec<Found> {
    if facts.the_role().is_none() {
        return Vec::new();
    }
    let schemas: BTreeSet<&str> = facts.published().filter(|it| !it.usage).map(|it| it.schema.as_str()).collect();
    let one = |schema: &str| {
        found(
            object(facts),
            format!("It lacks USAGE on schema `{schema}`, which has published tables."),
            format!("Add `{schema}` to `schemas` of `neonrep_grant`."),
        )
    };
    schemas.into_iter().map(one).collect()
}

fn role_select(facts: &Facts, _: &Destination) -> Vec<Found> {
    if facts.the_role().is_none() {
        return Vec::new();
    }
    let unread = facts.published().filter(|it| !it.select).map(super::facts::Relation::full_name).collect::<Vec<_>>();
    if unread.is_empty() {
        return Vec::new();
    }
    vec![found(
        object(facts),
        format!(
            "It may not read {}, so the first copy of the tables fails.",
            listed(unread.iter().map(String::as_str))
        ),
        "Add their schemas to `schemas` of `neonrep_grant`, or the tables to `tables`.",
    )]
}

fn role_rls(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(role) = facts.the_role() else { return Vec::new() };
    let hidden = facts.published().filter(|it| {
        let owner_is_exempt = it.is_owned && !it.forces_row_security;
        it.row_security && !role.bypass_rls && !owner_is_exempt
    });
    let one = |it: &super::facts::Relation| {
        found(
            format!("table {}", it.full_name()),
            "Row security is on, so the first copy may lack rows that the role cannot see.",
            "Use a role that the Neon API creates (`neonrep_role`), or give it BYPASSRLS.",
        )
    };
    hidden.map(one).collect()
}

fn future_tables(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let Some(role) = facts.the_role() else { return Vec::new() };
    // It reads nothing, or everything.
    if destination.privileges.is_empty() || role.reads_all {
        return Vec::new();
    }
    let schemas: BTreeSet<&str> =
        facts.published().filter(|it| !it.future && !it.is_owned).map(|it| it.schema.as_str()).collect();
    if schemas.is_empty() {
        return Vec::new();
    }
    vec![found(
        object(facts),
        format!("It will not be able to read tables that are created later in {}.", listed(schemas)),
        "Set `future_tables = true` in `neonrep_grant`.",
    )]
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Role, Seen};
    use super::super::samples::{ids, ready, table};
    use crate::destinations::Severity;

    fn with(change: impl FnOnce(&mut Role)) -> Facts {
        let mut facts = ready();
        let mut role = facts.the_role().cloned().unwrap();
        change(&mut role);
        facts.role = Seen::There(role);
        facts
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let plain = |it: &mut Role| (it.reads_all, it.bypass_rls) = (false, false);
        let tables = |change: fn(&mut super::super::facts::Relation)| {
            let mut facts = with(plain);
            facts.relations[0].future = true;
            change(&mut facts.relations[0]);
            facts
        };
        for (facts, expected) in [
            (Facts { role: Seen::Absent, ..ready() }, vec!["role_login"]),
            (Facts { role: Seen::NotAsked, ..ready() }, vec![]),
            (with(|it| it.login = false), vec!["role_login"]),
            (with(|it| it.replication = false), vec!["role_replication"]),
            (with(|it| (it.replication, it.replicates_by_membership) = (false, true)), vec!["role_replication"]),
            (
                with(|it| {
                    (it.replication, it.replicates_by_membership, it.is_replication_member) = (false, true, true);
                }),
                vec![],
            ),
            (tables(|_| ()), vec![]),
            (tables(|it| it.usage = false), vec!["role_usage"]),
            (tables(|it| it.select = false), vec!["role_select"]),
            (tables(|it| it.future = false), vec!["future_tables"]),
            (tables(|it| (it.future, it.is_owned) = (false, true)), vec![]),
            (tables(|it| it.row_security = true), vec!["role_rls"]),
            (tables(|it| (it.row_security, it.is_owned) = (true, true)), vec![]),
            (
                tables(|it| (it.row_security, it.is_owned, it.forces_row_security) = (true, true, true)),
                vec!["role_rls"],
            ),
        ] {
            assert_eq!(ids("airbyte", &facts), expected, "{facts:?}");
        }
        let mut exempt = with(|it| it.bypass_rls = true);
        exempt.relations[0].row_security = true;
        assert_eq!(ids("airbyte", &exempt), Vec::<&str>::new());
        // What is not published need not be read.
        let mut other = with(plain);
        other.relations[0].future = true;
        other.relations.push(super::super::facts::Relation { published: false, select: false, ..table("other") });
        assert_eq!(ids("airbyte", &other), Vec::<&str>::new());
    }

    #[test]
    fn row_security_weighs_as_the_destination_says() {
        let mut facts = with(|it| it.bypass_rls = false);
        facts.relations[0].row_security = true;
        facts.relations[0].identity = "f".into();
        let severity = |id: &str| {
            let all = super::super::findings(id, &facts).unwrap();
            all.into_iter().find(|it| it.check == "role_rls").map(|it| it.severity)
        };
        assert_eq!(severity("airbyte"), Some(Severity::Warning));
        assert_eq!(severity("materialize"), Some(Severity::Error));
        assert_eq!(severity("bemi"), None, "it copies nothing");
        assert!(crate::destinations::find("bemi").unwrap().privileges.is_empty());
    }
}
