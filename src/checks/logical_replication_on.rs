//! Logical replication is on: without it no slot can be made.

use tfplugin::{AttributePath, Diagnostic};

use super::{Check, Level};
use crate::postgres::settings::Settings;

/// The rule.
pub const CHECK: Check = Check {
    id: "logical_replication_on",
    level: Level::Warning,
    rule: "Logical replication is on (`wal_level` is `logical`), or the same run enables it.",
};

/// Judges the server's settings.
pub fn check(settings: &Settings, at: &AttributePath) -> Option<Diagnostic> {
    if settings.is_logical() {
        return None;
    }
    let detail = format!(
        "`wal_level` is `{}` now, and a slot needs `logical`.\n\nA `neonrep_logical_replication` in the same run enables it; \
         take `project_id` from its `id`, so that it comes first.",
        settings.wal_level
    );
    Some(CHECK.warning("Logical replication is off", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{DatabaseName, RoleName};

    #[test]
    fn only_logical_will_do() {
        for (wal_level, warned) in [("logical", false), ("replica", true), ("minimal", true)] {
            let settings = Settings {
                wal_level: wal_level.to_owned(),
                max_replication_slots: 10,
                max_wal_senders: 10,
                in_recovery: false,
                database: DatabaseName::parse("d").unwrap(),
                database_oid: 16_384,
                current_user: RoleName::parse("r").unwrap(),
            };
            assert_eq!(check(&settings, &AttributePath::root()).is_some(), warned, "{wal_level}");
        }
    }
}
