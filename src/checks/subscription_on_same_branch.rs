//! A subscription does not connect to its own server: CREATE SUBSCRIPTION would wait for itself.

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::DatabaseName;
use crate::postgres::conninfo::ConnInfo;

pub(crate) const CHECK: Check = Check {
    id: "subscription_on_same_branch",
    level: Level::Error,
    rule: "A subscription connects to another branch or server, or uses a slot that exists already.",
};

/// Where a subscription is.
pub(crate) struct Subscriber<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a DatabaseName,
}

/// Checks a connection string against the server of the subscription.
pub(crate) fn check(
    connection: &ConnInfo,
    here: &Subscriber<'_>,
    create_slot: bool,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let (summary, detail) = found(connection, here, create_slot)?;
    Some(CHECK.error(summary, detail, at.clone()))
}

/// The same for an apply.
pub(crate) fn refusal(
    connection: &ConnInfo,
    here: &Subscriber<'_>,
    create_slot: bool,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let (summary, detail) = found(connection, here, create_slot)?;
    let detail = format!("{detail} Nothing was changed.\n\nTo skip this check: `skip_checks = [\"{}\"]`.", CHECK.id);
    Some(Diagnostic::error(summary, detail).at(at.clone()))
}

fn found(connection: &ConnInfo, here: &Subscriber<'_>, create_slot: bool) -> Option<(&'static str, String)> {
    if !connection.leads_to(here.host, here.port) {
        return None;
    }
    let (host, port, database) = (here.host, here.port, here.database);
    if connection.database() == Some(database.as_str()) {
        let detail = format!(
            "`connection_wo` leads to database `{database}` at {host}:{port}, where the subscription is. Each change would come \
             back and be applied again. Subscribe from another database."
        );
        return Some(("Subscription to its own database", detail));
    }
    create_slot.then(|| {
        let detail = format!(
            "`connection_wo` leads to {host}:{port}, where the subscription is. CREATE SUBSCRIPTION would create its slot there, \
             and creating a slot waits for every open transaction, so it would wait for itself.\n\nCreate the slot with a \
             `neonrep_slot` of the publication, and set `create_slot = false` and `slot_name = neonrep_slot.<name>.slot_name`."
        );
        ("Subscription on the branch of its publisher", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_subscription_on_the_server_of_its_publisher_needs_a_slot_that_exists() {
        let database = DatabaseName::parse("copy").unwrap();
        let here = Subscriber { host: "ep-a.eu.neon.tech", port: 5432, database: &database };
        let said = |text: &str, create_slot| {
            let connection = ConnInfo::parse(&Secret::new(text)).unwrap();
            check(&connection, &here, create_slot, &AttributePath::root()).map(|it| it.summary)
        };
        let same = Some("Subscription on the branch of its publisher".to_owned());
        let own = Some("Subscription to its own database".to_owned());
        assert_eq!(said("postgresql://u:p@ep-b.eu.neon.tech/neondb", true), None);
        assert_eq!(said("postgresql://u:p@ep-a.eu.neon.tech:5433/neondb", true), None);
        assert_eq!(said("postgresql://u:p@ep-a.eu.neon.tech/neondb", true), same);
        assert_eq!(said("postgresql://u:p@ep-a.eu.neon.tech/neondb", false), None);
        assert_eq!(said("postgresql://u:p@EP-A.eu.neon.tech/copy", false), own);
        assert_eq!(said("host=ep-a.eu.neon.tech user=copy", true), own);
    }
}
