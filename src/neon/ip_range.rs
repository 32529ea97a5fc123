//! One entry of IP Allow: an address, a CIDR block or a range `a-b`, IPv4 or IPv6.
//!
//! Neon's proxy drops an entry that it cannot parse (neondatabase/neon, `proxy/src/auth/credentials.rs`): alone in a list, such an
//! entry refuses everyone. So entries are parsed here, no more leniently than there, and sent in the form that comes out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An entry as the user writes it. Equality and order are those of the text; [`is_same`](Self::is_same) compares what it admits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct IpRange {
    text: String,
    bounds: Bounds,
    canonical: String,
}

/// First and last address, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bounds {
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    /// Parses an entry. The error is a sentence without its period.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (bounds, canonical) = parse(text).map_err(|why| format!("`{text}` {why}"))?;
        Ok(Self { text: text.to_owned(), bounds, canonical })
    }

    /// What is sent: the same form, without bits behind the prefix and in the shortest spelling.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Whether both admit the same addresses, however they are written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.bounds == other.bounds
    }

    /// Whether the address is in it.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        // Families are ordered one after the other, and both bounds are of one.
        self.bounds.first <= address && address <= self.bounds.last
    }
}

fn parse(text: &str) -> Result<(Bounds, String), String> {
    const FORMS: &str =
        "is not an IP address, a CIDR block such as `192.0.2.0/24`, or a range such as `192.0.2.1-192.0.2.9`";
    let address = |text: &str| -> Result<IpAddr, String> {
        match text.parse() {
            Ok(IpAddr::V6(it)) if it.to_ipv4_mapped().is_some() => {
                Err("is an IPv4 address in the form of IPv6, which admits nobody. Write the IPv4 address".to_owned())
            }
            Ok(it) => Ok(it),
            Err(_) => Err(FORMS.to_owned()),
        }
    };
    if let Some((network, prefix)) = text.split_once('/') {
        let network = address(network)?;
        // No sign and no leading zero: other parsers read those differently.
        let digits = !prefix.is_empty() && prefix.bytes().all(|it| it.is_ascii_digit());
        let prefix: u32 =
            if digits && (prefix == "0" || !prefix.starts_with('0')) { prefix.parse().ok() } else { None }
                .ok_or_else(|| FORMS.to_owned())?;
        let bounds = block(network, prefix)?;
        return Ok((bounds, format!("{}/{prefix}", bounds.first)));
    }
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return Err("begins with one IP version and ends with the other".to_owned());
        }
        if last < first {
            return Err("ends before it begins".to_owned());
        }
        return Ok((Bounds { first, last }, format!("{first}-{last}")));
    }
    let only = address(text)?;
    Ok((Bounds { first: only, last: only }, only.to_string()))
}

fn block(network: IpAddr, prefix: u32) -> Result<Bounds, String> {
    let bits = if network.is_ipv4() { 32 } else { 128 };
    if prefix > bits {
        return Err(format!("has a prefix of more than {bits} bits"));
    }
    Ok(match network {
        IpAddr::V4(it) => {
            let hosts = u32::MAX.checked_shr(prefix).unwrap_or_default();
            let first = it.to_bits() & !hosts;
            Bounds { first: Ipv4Addr::from_bits(first).into(), last: Ipv4Addr::from_bits(first | hosts).into() }
        }
        IpAddr::V6(it) => {
            let hosts = u128::MAX.checked_shr(prefix).unwrap_or_default();
            let first = it.to_bits() & !hosts;
            Bounds { first: Ipv6Addr::from_bits(first).into(), last: Ipv6Addr::from_bits(first | hosts).into() }
        }
    })
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for IpRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl TryFrom<String> for IpRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        range.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> IpRange {
        IpRange::parse(text).expect(text)
    }

    #[test]
    fn each_form_has_its_bounds_and_one_spelling() {
        for (text, first, last, canonical) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.77/24", "192.0.2.0", "192.0.2.255", "192.0.2.0/24"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.128/25"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"),
            ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9", "192.0.2.1-192.0.2.9"),
            ("2001:DB8:0::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"),
            ("2001:db8::5/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
            ("2001:db8::1-2001:db8::2", "2001:db8::1", "2001:db8::2", "2001:db8::1-2001:db8::2"),
        ] {
            let parsed = range(text);
            let bounds = Bounds { first: first.parse().expect(first), last: last.parse().expect(last) };
            assert_eq!((parsed.bounds(), parsed.canonical(), parsed.text.as_str()), (bounds, canonical, text));
            assert!(range(canonical).is_same(&parsed), "{text}");
        }
    }

    #[test]
    fn what_the_proxy_could_not_parse_is_refused() {
        for (text, why) in [
            ("", "is not an IP address"),
            (" 192.0.2.1", "is not an IP address"),
            ("192.0.2.1 ", "is not an IP address"),
            ("192.0.2.01", "is not an IP address"),
            ("192.0.2", "is not an IP address"),
            ("192.0.2.256", "is not an IP address"),
            ("example.com", "is not an IP address"),
            ("fe80::1%eth0", "is not an IP address"),
            ("[2001:db8::1]", "is not an IP address"),
            ("192.0.2.0/", "is not an IP address"),
            ("192.0.2.0/+8", "is not an IP address"),
            ("192.0.2.0/08", "is not an IP address"),
            ("192.0.2.0/255.255.255.0", "is not an IP address"),
            ("192.0.2.0/24/24", "is not an IP address"),
            ("192.0.2.1 - 192.0.2.9", "is not an IP address"),
            ("192.0.2.0/99999999999", "is not an IP address"),
            ("192.0.2.0/33", "more than 32 bits"),
            ("2001:db8::/129", "more than 128 bits"),
            ("192.0.2.9-192.0.2.1", "ends before it begins"),
            ("192.0.2.1-2001:db8::1", "begins with one IP version"),
            ("::ffff:192.0.2.1", "Write the IPv4 address"),
        ] {
            let error = IpRange::parse(text).expect_err(text);
            assert!(error.contains(why) && error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn an_address_is_in_it_or_not() {
        let admits = |text: &str, address: &str| range(text).admits(address.parse().expect(address));
        assert!(admits("192.0.2.0/24", "192.0.2.255") && !admits("192.0.2.0/24", "192.0.3.0"));
        assert!(admits("192.0.2.1-192.0.2.9", "192.0.2.9") && !admits("192.0.2.1-192.0.2.9", "192.0.2.10"));
        assert!(!admits("0.0.0.0/0", "2001:db8::1") && !admits("::/0", "192.0.2.1"));
    }

    #[test]
    fn the_state_has_the_text_of_the_user() {
        let read: IpRange = serde_json::from_str("\"192.0.2.77/24\"").expect("legal");
        assert_eq!(serde_json::to_string(&read).expect("text"), "\"192.0.2.77/24\"");
        assert!(serde_json::from_str::<IpRange>("\"x\"").is_err());
    }
}
