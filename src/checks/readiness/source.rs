//! A server outside Neon that Neon subscribes to.

use std::net::IpAddr;

use super::facts::Facts;
use super::finding::{Check, Found, found};
use crate::destinations::Destination;
use crate::destinations::sources::{self, Replication, Source};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "platform",
        rule: "Names the platform of a server outside Neon, and how Neon reaches it.",
        run: platform,
    },
    Check {
        id: "rds_replication",
        rule: "On RDS and Aurora, the role is a member of `rds_replication`.",
        run: rds_replication,
    },
    Check { id: "source_pooled", rule: "The host is not a pooler of Supabase.", run: source_pooled },
    Check { id: "source_ipv6_only", rule: "The host has an IPv4 address.", run: source_ipv6_only },
    Check {
        id: "extension_tables",
        rule: "No table of the platform's own schemas is published.",
        run: extension_tables,
    },
    Check { id: "version_gap", rule: "The subscriber is not older than the publisher.", run: version_gap },
];

/// The platforms that the server may be, by the roles that it has.
fn platforms(facts: &Facts) -> Vec<&'static Source> {
    if facts.host.on_neon {
        return Vec::new();
    }
    let marked = |mark: &str| facts.server.marks.iter().any(|it| it == mark);
    sources::ALL.iter().copied().filter(|it| it.recognized_by.is_some_and(marked)).collect()
}

fn platform(facts: &Facts, _: &Destination) -> Vec<Found> {
    let found_there = platforms(facts);
    if found_there.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = found_there.iter().map(|it| it.name).collect();
    let reached: Vec<&str> = found_there.iter().map(|it| it.reached).collect();
    vec![found("server", format!("It is {}, by its roles.", names.join(" or ")), reached.join(" "))]
}

fn rds_replication(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(role) = facts.the_role() else { return Vec::new() };
    if !role.replicates_by_membership || role.replication || role.is_replication_member {
        return Vec::new();
    }
    let group = sources::ALL.iter().find_map(|it| match it.replication {
        Replication::Membership(group) => Some(group),
        _ => None,
    });
    let (name, group) = (facts.asked.role.as_deref().unwrap_or_default(), group.unwrap_or_default());
    vec![found(
        format!("role {name}"),
        format!("It is not a member of `{group}`, which stands for REPLICATION on this server."),
        format!("Run `GRANT {group} TO \"{}\"`.", name.replace('"', "\"\"")),
    )]
}

fn source_pooled(facts: &Facts, _: &Destination) -> Vec<Found> {
    let name = &facts.host.name;
    if !name.ends_with(".pooler.supabase.com") {
        return Vec::new();
    }
    vec![found(
        format!("host {name}"),
        "A pooler does not pass replication on.",
        "Use the direct host of the project, with the IPv4 add-on.",
    )]
}

fn source_ipv6_only(facts: &Facts, _: &Destination) -> Vec<Found> {
    let addresses = &facts.host.addresses;
    if addresses.is_empty() || addresses.iter().any(IpAddr::is_ipv4) {
        return Vec::new();
    }
    vec![found(
        format!("host {}", facts.host.name),
        "It has IPv6 addresses only, and Neon reaches IPv4.",
        "Give the server an IPv4 address; at Supabase, the IPv4 add-on.",
    )]
}

/// Whether a schema fits a name, in which a star stands for any end.
fn fits(pattern: &str, schema: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == schema, |start| schema.starts_with(start))
}

fn extension_tables(facts: &Facts, _: &Destination) -> Vec<Found> {
    let own: Vec<&str> = platforms(facts).iter().flat_map(|it| it.own_schemas).copied().collect();
    let published = facts.published().filter(|it| own.iter().any(|pattern| fits(pattern, &it.schema)));
    published
        .map(|it| {
            found(
                format!("table {}", it.full_name()),
                "It belongs to the platform, not to the application.",
                "Take it out of the publication.",
            )
        })
        .collect()
}

fn version_gap(facts: &Facts, _: &Destination) -> Vec<Found> {
    let Some(subscriber) = &facts.subscriber else { return Vec::new() };
    let (from, to) = (facts.server.version / 10_000, subscriber.version / 10_000);
    if to >= from {
        return Vec::new();
    }
    vec![found(
        "subscriber",
        format!("It runs Postgres {to}, and the publisher {from}: what is newer there may not be understood."),
        "Use a project of the same or a later version.",
    )]
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Relation, Role, Seen, Subscriber};
    use super::super::samples::{ids, ready, table};

    fn outside(marks: &[&str], change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
        let mut facts = Facts { slot: Seen::NotAsked, ..ready() };
        facts.host.on_neon = false;
        facts.server.marks = marks.iter().map(|it| (*it).to_owned()).collect();
        change(&mut facts);
        ids("neon_subscriber", &facts)
    }

    fn member(is_member: bool) -> Role {
        let role = Role { login: true, reads_all: true, replicates_by_membership: true, ..Role::default() };
        Role { is_replication_member: is_member, ..role }
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let none = Vec::<&str>::new();
        assert_eq!(outside(&[], |_| ()), none);
        assert_eq!(outside(&["rdsadmin"], |_| ()), ["platform"]);
        assert_eq!(outside(&["rdsadmin"], |it| it.host.on_neon = true), none);
        assert_eq!(outside(&[], |it| it.role = Seen::There(member(false))), ["rds_replication"]);
        assert_eq!(outside(&[], |it| it.role = Seen::There(member(true))), none);
        assert_eq!(
            outside(&[], |it| it.host.name = "aws-0-eu-central-1.pooler.supabase.com".into()),
            ["source_pooled"]
        );
        assert_eq!(outside(&[], |it| it.host.name = "db.abcdefghijklm.supabase.co".into()), none);
        assert_eq!(outside(&[], |it| it.host.addresses = vec!["2001:db8::1".parse().unwrap()]), ["source_ipv6_only"]);
        assert_eq!(
            outside(&[], |it| {
                it.host.addresses = vec!["2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap()];
            }),
            none
        );
        assert_eq!(outside(&[], |it| it.server.max_slot_wal = 1024), ["max_slot_wal"]);
    }

    #[test]
    fn schemas_of_the_platform_are_left_out() {
        let publishing = |schema: &str, mark: &'static str| {
            let schema = schema.to_owned();
            outside(&[mark], |it| it.relations.push(Relation { schema, ..table("t") }))
        };
        assert_eq!(publishing("auth", "supabase_admin"), ["extension_tables", "platform"]);
        assert_eq!(publishing("google_ml", "alloydbsuperuser"), ["extension_tables", "platform"]);
        assert_eq!(publishing("auth", "rdsadmin"), ["platform"], "an ordinary schema there");
        assert_eq!(publishing("authors", "supabase_admin"), ["platform"]);
    }

    #[test]
    fn an_older_subscriber_is_told() {
        let gap = |version| {
            outside(&[], |it| {
                let tables = vec![super::super::facts::Target {
                    schema: "public".into(),
                    name: "orders".into(),
                    ..Default::default()
                }];
                it.subscriber =
                    Some(Subscriber { version, may_subscribe: true, max_workers: 4, subscriptions: 0, tables });
            })
        };
        assert_eq!(gap(160_000), ["version_gap"]);
        assert_eq!(gap(180_000), Vec::<&str>::new());
    }
}
