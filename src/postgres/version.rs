//! The server's version, and questions about features instead of numbers at call sites.

/// Version of a Postgres server, as `server_version_num` gives it: `170005` is 17.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerVersion(u32);

impl ServerVersion {
    /// From `server_version_num`.
    pub(crate) const fn from_num(num: u32) -> Self {
        Self(num)
    }

    /// From the parameter `server_version` that each server sends at the start of a session, such as `17.5 (Debian 17.5-1)` or
    /// `18beta1`. `None` if it does not start with a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>();
        let major = digits(text);
        let minor = text[major.len()..].strip_prefix('.').map(digits).unwrap_or_default();
        let minor: u32 = if minor.is_empty() { 0 } else { minor.parse().ok()? };
        Some(Self(major.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(minor)?))
    }

    /// 17 of 17.5.
    pub(crate) const fn major(self) -> u32 {
        self.0 / 10_000
    }

    /// Row filters, column lists and `FOR TABLES IN SCHEMA` of publications (15).
    pub(crate) const fn has_publication_filters(self) -> bool {
        self.major() >= 15
    }

    /// `publish_generated_columns` of publications (18).
    pub(crate) const fn has_published_generated_columns(self) -> bool {
        self.major() >= 18
    }

    /// Argument `failover` of the slot function (17).
    pub(crate) const fn has_slot_failover(self) -> bool {
        self.major() >= 17
    }

    /// `ALTER DEFAULT PRIVILEGES FOR ROLE x` asks for the privileges of x, not for membership alone (16).
    pub(crate) const fn defaults_need_privileges_of_owner(self) -> bool {
        self.major() >= 16
    }

    /// Privilege MAINTAIN on tables (17).
    pub(crate) const fn has_maintain(self) -> bool {
        self.major() >= 17
    }
}

impl std::fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_say() {
        for (text, num) in
            [("17.5 (Debian 17.5-1.pgdg12+1)", 170_005), ("18beta1", 180_000), ("14.24", 140_024), ("16", 160_000)]
        {
            assert_eq!(ServerVersion::parse(text), Some(ServerVersion::from_num(num)), "{text}");
        }
        for text in ["", "x", "99999999999.1", "17.99999999999"] {
            assert_eq!(ServerVersion::parse(text), None, "{text}");
        }
        assert_eq!(ServerVersion::from_num(170_005).to_string(), "17.5");
    }

    #[test]
    fn features_begin_where_the_manual_says() {
        let at = |major: u32| ServerVersion::from_num(major * 10_000);
        assert!(!at(14).has_publication_filters() && at(15).has_publication_filters());
        assert!(!at(16).has_slot_failover() && at(17).has_slot_failover());
        assert!(!at(16).has_maintain() && at(17).has_maintain());
        assert!(!at(17).has_published_generated_columns() && at(18).has_published_generated_columns());
    }
}
