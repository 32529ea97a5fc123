//! How the consumer reaches the server.

use super::facts::Facts;
use super::finding::{Check, Found, found};
use crate::destinations::Destination;

pub(super) const CHECKS: &[Check] = &[
    Check { id: "pooled_host", rule: "The host is direct, not a pooler.", run: pooled_host },
    Check {
        id: "ip_allow",
        rule: "The project lets in every address, or the list of IP Allow has those of the consumer.",
        run: ip_allow,
    },
];

fn pooled_host(facts: &Facts, _: &Destination) -> Vec<Found> {
    let name = &facts.host.name;
    let first = name.split('.').next().unwrap_or_default();
    if !first.ends_with("-pooler") {
        return Vec::new();
    }
    vec![found(
        format!("host {name}"),
        "A pooler does not pass replication on.",
        "Use the direct host, which `data.neonrep_connection` gives: the same name without `-pooler`.",
    )]
}

fn ip_allow(facts: &Facts, destination: &Destination) -> Vec<Found> {
    let count = facts.host.allowed_ips;
    if count == 0 {
        return Vec::new();
    }
    vec![found(
        "project",
        format!("IP Allow lets in {count} entries and nobody else."),
        format!(
            "Add the addresses that {} connects from with `neonrep_allowed_ips`, if they are not in the list.",
            destination.name
        ),
    )]
}

#[cfg(test)]
mod tests {
    use super::super::samples::{ids, ready};

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        for (host, expected) in [
            ("ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech", vec!["pooled_host"]),
            ("ep-cool-darkness-123456.us-east-2.aws.neon.tech", vec![]),
            ("ep-pooler-123456.us-east-2.aws.neon.tech", vec![]),
        ] {
            let mut facts = ready();
            facts.host.name = host.to_owned();
            assert_eq!(ids("airbyte", &facts), expected, "{host}");
        }
        let mut facts = ready();
        facts.host.allowed_ips = 2;
        assert_eq!(ids("airbyte", &facts), ["ip_allow"]);
    }
}
