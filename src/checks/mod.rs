//! Plan-time checks: one rule per file, a pure function over observed facts.
//!
//! A check refuses what this run would cause; what has already happened outside, or what another resource of the run
//! may still cure, is a warning. Each has an id for `skip_checks`; the guide page is rendered from [`ALL`].

mod check;
mod policy;

pub(crate) mod all_tables_without_key;
pub(crate) mod branch_lasts;
pub(crate) mod branch_protected;
pub(crate) mod children_not_published;
pub(crate) mod logical_replication_is_one_way;
pub(crate) mod logical_replication_on;
pub(crate) mod mode_serves_publications;
pub(crate) mod partitioned_without_root;
pub(crate) mod password_cannot_be_known;
pub(crate) mod publication_exists;
pub(crate) mod publication_replaced_behind_slot;
pub(crate) mod readiness;
pub(crate) mod signal_table_fits;
pub(crate) mod slot_has_consumer;
pub(crate) mod slots_nearly_used_up;
pub(crate) mod subscription_copies_rows;
pub(crate) mod subscription_on_same_branch;
pub(crate) mod supported_by_server;
pub(crate) mod tables_exist;
pub(crate) mod tables_grantable;
pub(crate) mod tables_have_identity;
pub(crate) mod tables_owned;
pub(crate) mod tables_publishable;

pub use check::{Check, Level};
pub(crate) use policy::{Mode, Policy};

/// All checks, in the order of the guide.
pub const ALL: &[Check] = &[
    logical_replication_is_one_way::CHECK,
    password_cannot_be_known::CHECK,
    branch_protected::CHECK,
    branch_lasts::CHECK,
    publication_exists::CHECK,
    publication_replaced_behind_slot::CHECK,
    supported_by_server::CHECK,
    tables_have_identity::CHECK,
    tables_exist::CHECK,
    tables_publishable::CHECK,
    tables_owned::CHECK,
    tables_grantable::CHECK,
    partitioned_without_root::CHECK,
    children_not_published::CHECK,
    all_tables_without_key::CHECK,
    mode_serves_publications::CHECK,
    logical_replication_on::CHECK,
    slots_nearly_used_up::CHECK,
    slot_has_consumer::CHECK,
    subscription_on_same_branch::CHECK,
    subscription_copies_rows::CHECK,
    signal_table_fits::CHECK,
];

/// Whether a text is the id of a check, for `skip_checks`.
pub(crate) fn known_id(id: &str) -> Result<(), String> {
    if ALL.iter().any(|check| check.id == id) {
        return Ok(());
    }
    let ids: Vec<&str> = ALL.iter().map(|check| check.id).collect();
    Err(format!("`{id}` is not the id of a check. There are: {}", ids.join(", ")))
}

/// Facts as tests of the checks need them.
#[cfg(test)]
pub(crate) mod samples {
    use crate::postgres::replica_identity::Mode;
    use crate::postgres::table::{Kind, Table};
    use crate::postgres::{PublicationName, RoleName, TableName};

    /// An ordinary table of `public` with a primary key.
    pub(crate) fn table(name: &str) -> Table {
        // Any number that a name does not share with another.
        let oid = 20_000 + name.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 9_000);
        Table {
            oid,
            name: TableName::parse("public", name).unwrap(),
            kind: Kind::Table,
            owner: RoleName::parse("owner").unwrap(),
            is_permanent: true,
            has_primary_key: true,
            identity: Mode::Default,
            key_columns: [crate::postgres::ColumnName::parse("id").unwrap()].into(),
            identity_index_valid: false,
            identity_index_columns: std::collections::BTreeSet::new(),
            generated: std::collections::BTreeMap::new(),
            inherited_by: std::collections::BTreeSet::new(),
            partition_of: None,
            row_security: false,
            of_extension: false,
        }
    }

    /// A publication's name.
    pub(crate) fn publication() -> PublicationName {
        PublicationName::parse("p").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids stand in users' `skip_checks`: they stay.
    #[test]
    fn ids_are_those_that_users_name() {
        let ids: Vec<&str> = ALL.iter().map(|it| it.id).collect();
        let expected = [
            "logical_replication_is_one_way",
            "password_cannot_be_known",
            "branch_protected",
            "branch_lasts",
            "publication_exists",
            "publication_replaced_behind_slot",
            "supported_by_server",
            "tables_have_identity",
            "tables_exist",
            "tables_publishable",
            "tables_owned",
            "tables_grantable",
            "partitioned_without_root",
            "children_not_published",
            "all_tables_without_key",
            "mode_serves_publications",
            "logical_replication_on",
            "slots_nearly_used_up",
            "slot_has_consumer",
            "subscription_on_same_branch",
            "subscription_copies_rows",
            "signal_table_fits",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn an_id_is_that_of_a_check() {
        assert!(known_id("publication_exists").is_ok() && known_id("nonsense").is_err());
    }
}
