//! Logical replication is enabled: without it no slot can be created.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::settings::Settings;

pub(crate) const CHECK: Check = Check {
    id: "logical_replication_on",
    level: Level::Warning,
    rule: "Logical replication is enabled (`wal_level` is `logical`), or the same run enables it.",
};

/// Checks the server's settings.
pub(crate) fn check(settings: &Settings, at: &AttributePath) -> Option<Diagnostic> {
    if settings.is_logical() {
        return None;
    }
    let detail = format!(
        "`wal_level` is `{}`, and a slot needs `logical`.\n\nIf this configuration has a `neonrep_logical_replication`, set \
         `project_id = neonrep_logical_replication.<name>.id`, so that Terraform enables it first.",
        settings.wal_level
    );
    Some(CHECK.warning("Logical replication is disabled", detail, at.clone()))
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
