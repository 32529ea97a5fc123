//! IP Allow: which addresses a project lets in.

use std::net::IpAddr;

use serde_json::Value;

/// Whether `allowed_ips` (as in the project's settings) lets `peer` in. An empty list lets everyone in.
pub(crate) fn admits(allowed_ips: &Value, branch_protected: bool, peer: IpAddr) -> bool {
    let Some(ips) = allowed_ips.get("ips").and_then(Value::as_array) else {
        return true;
    };
    let protected_only = allowed_ips.get("protected_branches_only").and_then(Value::as_bool).unwrap_or_default();
    if ips.is_empty() || (protected_only && !branch_protected) {
        return true;
    }
    ips.iter().filter_map(Value::as_str).any(|entry| covers(entry, peer).unwrap_or_default())
}

/// Whether one entry (address, `a-b` range or CIDR) covers `peer`; none when the entry is none of these.
fn covers(entry: &str, peer: IpAddr) -> Option<bool> {
    let entry = entry.trim();
    if let Some((first, last)) = entry.split_once('-') {
        let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return Some(first.is_ipv4() == peer.is_ipv4() && (first..=last).contains(&peer));
    }
    if let Some((network, length)) = entry.split_once('/') {
        let length: u32 = length.parse().ok()?;
        let (network, peer, width) = match (network.parse().ok()?, peer) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => (network.to_bits().into(), peer.to_bits().into(), 32),
            (IpAddr::V6(network), IpAddr::V6(peer)) => (network.to_bits(), peer.to_bits(), 128),
            _ => return Some(false),
        };
        let below = width - length.min(width);
        return Some(shifted(network, below) == shifted(peer, below));
    }
    Some(entry.parse::<IpAddr>().ok()? == peer)
}

fn shifted(address: u128, by: u32) -> u128 {
    address.checked_shr(by).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries() {
        for (entry, peer, expected) in [
            ("192.0.2.1", "192.0.2.1", Some(true)),
            ("192.0.2.1", "192.0.2.2", Some(false)),
            ("192.0.2.0/24", "192.0.2.77", Some(true)),
            ("192.0.2.0/25", "192.0.2.200", Some(false)),
            ("0.0.0.0/0", "127.0.0.1", Some(true)),
            ("::/0", "::1", Some(true)),
            ("::/0", "127.0.0.1", Some(false)),
            ("192.0.2.1-192.0.2.9", "192.0.2.5", Some(true)),
            ("192.0.2.1-192.0.2.9", "192.0.2.10", Some(false)),
            ("2001:db8::/32", "2001:db8::5", Some(true)),
            ("not-an-ip", "192.0.2.1", None),
            ("192.0.2.1,", "192.0.2.1", None),
        ] {
            let peer = peer.parse().expect("address");
            assert_eq!(covers(entry, peer), expected, "{entry} and {peer}");
        }
    }

    #[test]
    fn an_empty_list_and_an_unprotected_branch_are_open() {
        let peer: IpAddr = "192.0.2.1".parse().expect("address");
        let list = |ips: Value, protected_only| json!({"ips": ips, "protected_branches_only": protected_only});
        assert!(admits(&list(json!([]), false), true, peer));
        assert!(!admits(&list(json!(["10.0.0.1"]), false), false, peer));
        assert!(admits(&list(json!(["10.0.0.1"]), true), false, peer));
        assert!(!admits(&list(json!(["10.0.0.1"]), true), true, peer));
    }
}
