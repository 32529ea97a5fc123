//! The values of `neonrep_grant`, and what follows from them and the facts of a database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, Diagnostics, Timeouts, path};

use super::private::Ledger;
use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::acl::{self, Found, Name, Rights};
use crate::postgres::grant::{self, CLOUD_ADMIN, Entry, Wanted};
use crate::postgres::names::Relation;
use crate::postgres::privilege::{Holdings, TablePrivilege};
use crate::postgres::table::Tables;
use crate::postgres::{DatabaseName, RoleName, SchemaName, TableName};
use crate::target::{Database, GrantId};

/// Privileges that the role keeps, and who granted them; nobody for an owner's own and for default privileges.
pub(super) type Left = BTreeMap<String, BTreeSet<RoleName>>;

/// What of a database decides which privileges a scope comes to, as reads share it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) tables: Arc<Tables>,
    /// The role that writes.
    pub(super) writer: RoleName,
    /// The roles that it may act for, itself among them.
    pub(super) may_act_for: Arc<BTreeSet<RoleName>>,
}

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<GrantId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) role: Attr<RoleName>,
    pub(super) schemas: Attr<BTreeSet<SchemaName>>,
    pub(super) tables: Attr<BTreeSet<Member>>,
    pub(super) privileges: Attr<BTreeSet<TablePrivilege>>,
    pub(super) future_tables: Attr<bool>,
    pub(super) future_table_owners: Attr<BTreeSet<RoleName>>,
    pub(super) mode: Attr<GrantMode>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) missing: Attr<BTreeSet<String>>,
    pub(super) surplus: Attr<BTreeSet<String>>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// One element of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
}

/// `mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum GrantMode {
    Additive,
    Authoritative,
}

/// Whose future tables are covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Future {
    Nobodys,
    /// The connecting role's, and those of the owners of tables found.
    OwnersFound,
    These(BTreeSet<RoleName>),
}

/// The arguments, all known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scope {
    pub(super) role: RoleName,
    pub(super) database: DatabaseName,
    pub(super) schemas: BTreeSet<SchemaName>,
    pub(super) tables: BTreeSet<TableName>,
    pub(super) privileges: BTreeSet<TablePrivilege>,
    pub(super) future: Future,
    pub(super) is_authoritative: bool,
}

impl Member {
    pub(super) fn attributes() -> [(&'static str, Attribute); 2] {
        [
            ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
            ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
        ]
    }

    fn table(&self) -> Result<TableName, Diagnostics> {
        Ok(TableName::new(self.schema.need(path!(tables))?.clone(), self.name.need(path!(tables))?.clone()))
    }
}

impl GrantMode {
    pub(super) const ALL: [Self; 2] = [Self::Additive, Self::Authoritative];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Authoritative => "authoritative",
        }
    }
}

impl From<TableName> for Member {
    fn from(table: TableName) -> Self {
        Self { schema: table.schema.clone().into(), name: table.relation().clone().into() }
    }
}

impl Model {
    /// Whether it was imported and not applied yet: which privileges it stands for is not known then.
    pub(super) fn is_imported(&self) -> bool {
        self.privileges.is_null()
    }

    /// `future_tables` where the configuration does not say it: future tables are created in schemas only.
    pub(super) fn planned_future_tables(&self) -> Attr<bool> {
        match &self.schemas {
            Attr::Unknown => Attr::Unknown,
            Attr::Known(schemas) if !schemas.is_empty() => Attr::Known(true),
            Attr::Known(_) | Attr::Null => Attr::Null,
        }
    }

    pub(super) fn scope(&self) -> Result<Scope, Diagnostics> {
        let future = match (&self.future_tables, &self.future_table_owners) {
            (Attr::Known(false), _) => Future::Nobodys,
            (_, Attr::Known(owners)) => Future::These(owners.clone()),
            _ => Future::OwnersFound,
        };
        Ok(Scope {
            role: self.role.need(path!(role))?.clone(),
            database: self.database.need(path!(database))?.clone(),
            schemas: self.schemas.known().cloned().unwrap_or_default(),
            tables: self.tables.known().into_iter().flatten().map(Member::table).collect::<Result<_, _>>()?,
            privileges: self.privileges.known().cloned().unwrap_or_default(),
            future,
            is_authoritative: self.mode == Attr::Known(GrantMode::Authoritative),
        })
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, missing: BTreeSet<String>, surplus: BTreeSet<String>) -> Self {
        let role = self.role.known().cloned();
        Self {
            id: role.map(|role| GrantId { database: at.clone(), role }).into(),
            branch_id: at.server.branch_id().cloned().into(),
            database: at.name.clone().into(),
            future_tables: self.future_tables.into_known().into(),
            missing: missing.into(),
            surplus: surplus.into(),
            ..self
        }
    }
}

/// By values alone.
impl Scope {
    /// Whether another grant of the same role declares all of it, so that both are likely to be one.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        self.shares_with(other) && self.schemas == other.schemas && self.tables == other.tables
    }

    /// Whether there is a privilege on a table, or on future tables of a schema, that both declare.
    pub(super) fn shares_with(&self, other: &Self) -> bool {
        let within = |one: &Self, two: &Self| one.tables.iter().any(|it| two.schemas.contains(&it.schema));
        let shares_members = !self.schemas.is_disjoint(&other.schemas)
            || !self.tables.is_disjoint(&other.tables)
            || within(self, other)
            || within(other, self);
        shares_members && !self.privileges.is_disjoint(&other.privileges)
    }
}

/// By what reads share.
impl Scope {
    pub(super) fn wanted_by(&self, facts: &Facts) -> Wanted {
        let mut wanted = Wanted {
            role: self.role.clone(),
            database: self.database.clone(),
            schemas: self.schemas.clone(),
            tables: self.tables.clone(),
            privileges: self.privileges.clone(),
            future_owners: BTreeSet::new(),
        };
        wanted.future_owners = match &self.future {
            Future::Nobodys => BTreeSet::new(),
            Future::These(owners) => owners.clone(),
            Future::OwnersFound => {
                let mut owners = wanted.found_owners(&facts.tables);
                owners.insert(facts.writer.clone());
                owners.retain(|it| facts.may_act_for.contains(it));
                owners
            }
        };
        wanted
    }

    pub(super) fn missing(&self, facts: &Facts, held: &Holdings) -> BTreeSet<Entry> {
        self.wanted_by(facts).missing(&facts.tables, held)
    }

    /// What the role has on the members, is not declared, and can be revoked; nothing where the grant is additive.
    pub(super) fn surplus(&self, facts: &Facts, held: &Holdings) -> BTreeSet<Entry> {
        if !self.is_authoritative {
            return BTreeSet::new();
        }
        let wanted = self.wanted_by(facts).entries(&facts.tables);
        let is_revocable = |entry: &Entry| match entry {
            Entry::Future { owner, .. } => owner.as_str() != CLOUD_ADMIN && facts.may_act_for.contains(owner),
            Entry::Table(table, _) => {
                let is_own = facts.tables.get(table).is_some_and(|it| it.owner == self.role);
                !is_own && !facts.may_act_for.is_disjoint(&grant::grantors(held, entry))
            }
            // An owner's own is by itself.
            Entry::Create(_) => {
                grant::grantors(held, entry).iter().any(|it| *it != self.role && facts.may_act_for.contains(it))
            }
            Entry::Connect(_) | Entry::Usage(_) => false,
        };
        self.held(&facts.tables, held).into_iter().filter(|it| !wanted.contains(it) && is_revocable(it)).collect()
    }

    /// What the role has on the members, whatever the privilege, without CONNECT: what an import finds.
    pub(super) fn held(&self, tables: &Tables, held: &Holdings) -> BTreeSet<Entry> {
        held.entries()
            .filter(|entry| match entry {
                Entry::Connect(_) => false,
                Entry::Usage(schema) | Entry::Create(schema) => {
                    self.schemas.contains(schema) || self.tables.iter().any(|it| it.schema == *schema)
                }
                Entry::Table(table, _) => {
                    let of_extension = tables.get(table).is_some_and(|it| it.of_extension);
                    self.tables.contains(table) || self.schemas.contains(&table.schema) && !of_extension
                }
                Entry::Future { schema, .. } => self.schemas.contains(schema),
            })
            .collect()
    }
}

/// By what a transaction reads.
impl Scope {
    /// What to read: also what an update leaves, and tables that were renamed since the privileges were granted.
    pub(super) fn to_read(&self, former: Option<&Self>, ledger: &Ledger) -> acl::Scope {
        let mut scope = self.of_acl();
        if let Some(former) = former {
            scope.schemas.extend(former.schemas.iter().cloned());
            scope.tables.extend(former.tables.iter().cloned());
        }
        scope.oids.clone_from(ledger.tables());
        scope
    }

    fn of_acl(&self) -> acl::Scope {
        acl::Scope {
            role: self.role.clone(),
            schemas: self.schemas.clone(),
            tables: self.tables.clone(),
            oids: BTreeSet::new(),
        }
    }

    pub(super) fn named_owners(&self) -> BTreeSet<RoleName> {
        match &self.future {
            Future::These(owners) => owners.clone(),
            Future::Nobodys | Future::OwnersFound => BTreeSet::new(),
        }
    }

    /// All that the role shall have.
    pub(super) fn wanted(&self, found: &Found, writer: &RoleName) -> Rights {
        let mut owners = self.owners_found(found, writer);
        owners.retain(|it| found.membership.may_set_defaults_for(it));
        found.wanted(&self.of_acl(), &self.privileges, &owners)
    }

    /// Whose future tables should be covered and cannot be.
    pub(super) fn out_of_reach(&self, found: &Found, writer: &RoleName) -> BTreeSet<RoleName> {
        let mut owners = self.owners_found(found, writer);
        owners.retain(|it| !found.membership.may_set_defaults_for(it));
        owners
    }

    fn owners_found(&self, found: &Found, writer: &RoleName) -> BTreeSet<RoleName> {
        match &self.future {
            Future::Nobodys => BTreeSet::new(),
            Future::These(owners) => owners.clone(),
            Future::OwnersFound if self.schemas.is_empty() => BTreeSet::new(),
            Future::OwnersFound => {
                let mut owners = found.owners_of_tables(&self.of_acl());
                owners.retain(|it| it.as_str() != CLOUD_ADMIN);
                owners.insert(writer.clone());
                owners
            }
        }
    }

    /// The declared privileges in the scope, whoever granted them. Of the owners found once, some may own nothing now: what
    /// was set for them stays in scope.
    pub(super) fn covered(&self, found: &Found) -> Rights {
        let owners = match &self.future {
            Future::Nobodys => BTreeSet::new(),
            Future::These(owners) => owners.clone(),
            Future::OwnersFound => owners_with_defaults(found),
        };
        found.wanted(&self.of_acl(), &self.privileges, &owners)
    }

    /// Every privilege in the scope.
    pub(super) fn everything(&self, found: &Found) -> Rights {
        let all = TablePrivilege::ALL.into_iter().collect();
        let mut rights = found.wanted(&self.of_acl(), &all, &owners_with_defaults(found));
        rights.extend(found.create_of_schemas(&self.of_acl()));
        rights
    }

    /// Whether a table is in the scope only because a schema is.
    pub(super) fn is_only_in_schema(&self, name: &Name) -> bool {
        matches!(name, Name::Table(table) if !self.tables.contains(table))
    }

    pub(super) fn wants_maintain(&self) -> bool {
        self.privileges.contains(&TablePrivilege::Maintain)
    }
}

/// Neon's own default privileges are left alone.
fn owners_with_defaults(found: &Found) -> BTreeSet<RoleName> {
    let owners = found.future.keys().map(|(owner, _)| owner.clone());
    owners.filter(|it| it.as_str() != CLOUD_ADMIN).collect()
}
