//! Ids of objects as types: what makes an object the same object, and its text form in states, references and imports.
//!
//! The text form is `project/branch/…` with percent-escaped parts ([`tfplugin::identity`]), or `sql/-/…` for a server
//! that is reached directly.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tfplugin::identity;

use super::database::{Database, Server};
use super::natural_keys::NaturalKey;
use crate::postgres::{DatabaseName, PublicationName, RoleName, SchemaName, SlotName, SubscriptionName, TableName};

/// An id that a `neonrep_*` resource has.
pub(crate) trait ObjectId: fmt::Display + FromStr<Err = String> {
    /// The form as documentation writes it.
    const FORM: &'static str;

    /// What one object can have only one of, whatever Terraform calls it.
    fn natural_key(&self) -> NaturalKey;

    /// The same on whichever branch of the project: what an object and the one that replaces it have in common.
    fn key_on_any_branch(&self) -> NaturalKey;

    /// Where the object is.
    fn server(&self) -> &Server;
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ }, $kind:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)+
        }

        impl ObjectId for $name {
            const FORM: &'static str = $form;

            fn natural_key(&self) -> NaturalKey {
                NaturalKey::new($kind, self.key_parts())
            }

            fn key_on_any_branch(&self) -> NaturalKey {
                let parts = self.key_parts();
                NaturalKey::new($kind, parts.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, part)| *part))
            }

            fn server(&self) -> &Server {
                self.on()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&identity::id(&self.parts()))
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let parts = identity::split(text)?;
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                Self::of_parts(&parts).unwrap_or_else(|| {
                    let wanted = $form.split('/').count();
                    Err(format!("`{text}` has {} parts, not {wanted}", parts.len()))
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

object_id!(
    /// A role of a server.
    RoleId { server: Server, name: RoleName },
    "role",
    "<project_id>/<branch_id>/<name>"
);
object_id!(
    /// A publication of a database.
    PublicationId { database: Database, name: PublicationName },
    "publication",
    "<project_id>/<branch_id>/<database>/<name>"
);
object_id!(
    /// A replication slot. Its name is unique on the server; the database is the one that it decodes.
    SlotId { database: Database, name: SlotName },
    "slot",
    "<project_id>/<branch_id>/<database>/<slot>"
);
object_id!(
    /// A subscription of a database.
    SubscriptionId { database: Database, name: SubscriptionName },
    "subscription",
    "<project_id>/<branch_id>/<database>/<name>"
);
object_id!(
    /// What a role is granted in a database.
    GrantId { database: Database, role: RoleName },
    "grant",
    "<project_id>/<branch_id>/<database>/<role>"
);
object_id!(
    /// The replica identity of a table.
    ReplicaIdentityId { database: Database, table: TableName },
    "replica_identity",
    "<project_id>/<branch_id>/<database>/<schema>/<table>"
);
object_id!(
    /// A table that a consumer writes.
    SignalTableId { database: Database, table: TableName },
    "signal_table",
    "<project_id>/<branch_id>/<database>/<schema>/<table>"
);

/// Parts of an id that were counted, parsed; `None` when their number is wrong.
type Parsed<T> = Option<Result<T, String>>;

fn name<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|wrong: T::Err| wrong.to_string())
}

impl Database {
    /// The database that the first three parts of an id name. The error is a sentence without its period.
    pub(crate) fn parse(project: &str, branch: &str, database: &str) -> Result<Self, String> {
        Ok(Self { server: Server::parse(project, branch)?, name: name::<DatabaseName>(database)? })
    }

    /// The first three parts of an id.
    pub(crate) fn parts(&self) -> [&str; 3] {
        let [project, branch] = self.server.parts();
        [project, branch, self.name.as_str()]
    }
}

impl RoleId {
    fn on(&self) -> &Server {
        &self.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.server.parts()[..], &[self.name.as_str()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, role] = parts else { return None };
        Some(Server::parse(project, branch).and_then(|server| Ok(Self { server, name: name(role)? })))
    }
}

impl PublicationId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.name.as_str()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, database, publication] = parts else { return None };
        Some(
            Database::parse(project, branch, database)
                .and_then(|database| Ok(Self { database, name: name(publication)? })),
        )
    }
}

impl SlotId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.name.as_str()]].concat()
    }

    /// Names of slots are unique on the server, whatever the database.
    fn key_parts(&self) -> Vec<&str> {
        [&self.database.server.parts()[..], &[self.name.as_str()]].concat()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, database, slot] = parts else { return None };
        Some(Database::parse(project, branch, database).and_then(|database| Ok(Self { database, name: name(slot)? })))
    }
}

impl SubscriptionId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.name.as_str()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, database, subscription] = parts else { return None };
        Some(
            Database::parse(project, branch, database)
                .and_then(|database| Ok(Self { database, name: name(subscription)? })),
        )
    }
}

impl GrantId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.role.as_str()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, database, role] = parts else { return None };
        Some(Database::parse(project, branch, database).and_then(|database| Ok(Self { database, role: name(role)? })))
    }
}

/// The import id of a grant: the grant, and the members that it covers. The server does not know which of the role's
/// privileges a grant stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantImport {
    pub(crate) id: GrantId,
    pub(crate) schemas: BTreeSet<SchemaName>,
    pub(crate) tables: BTreeSet<TableName>,
}

impl GrantImport {
    /// A member is `schema` or `schema.table`.
    pub(crate) const FORM: &'static str = "<project_id>/<branch_id>/<database>/<role>/<member>[,<member>…]";
}

impl FromStr for GrantImport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The last part is a list, whose members are escaped one by one.
        let (id, list) = text.rsplit_once('/').ok_or_else(|| format!("`{text}` has 1 part, not 5"))?;
        let wanted = |wrong| match id.split('/').count() {
            4 => wrong,
            parts => format!("`{text}` has {} parts, not 5", parts + 1),
        };
        let id = id.parse().map_err(wanted)?;
        let (mut schemas, mut tables) = (BTreeSet::new(), BTreeSet::new());
        for member in list.split(',') {
            let parts: Vec<String> = member.split('.').map(identity::unescape).collect::<Result<_, _>>()?;
            match parts.as_slice() {
                [schema] => drop(schemas.insert(name(schema)?)),
                [schema, table] => drop(tables.insert(TableName::new(name(schema)?, name(table)?))),
                _ => {
                    return Err(format!(
                        "`{member}` is not `schema` or `schema.table`; within a name, `.` is written `%2E`"
                    ));
                }
            }
        }
        Ok(Self { id, schemas, tables })
    }
}

impl ReplicaIdentityId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.table.schema.as_str(), self.table.name()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        let [project, branch, database, schema, table] = parts else { return None };
        Some(Database::parse(project, branch, database).and_then(|database| {
            let table = TableName::parse(schema, table).map_err(|wrong| wrong.to_string())?;
            Ok(Self { database, table })
        }))
    }
}

impl SignalTableId {
    fn on(&self) -> &Server {
        &self.database.server
    }

    fn parts(&self) -> Vec<&str> {
        [&self.database.parts()[..], &[self.table.schema.as_str(), self.table.name()]].concat()
    }

    fn key_parts(&self) -> Vec<&str> {
        self.parts()
    }

    fn of_parts(parts: &[&str]) -> Parsed<Self> {
        ReplicaIdentityId::of_parts(parts)
            .map(|parsed| parsed.map(|ReplicaIdentityId { database, table }| Self { database, table }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_and_back() {
        fn there_and_back<T: ObjectId>(text: &str) {
            match text.parse::<T>() {
                Ok(id) => assert_eq!(id.to_string(), text),
                Err(wrong) => panic!("{text}: {wrong}"),
            }
        }
        there_and_back::<RoleId>("shiny-wind-028834/br-aged-salad-637688/a%2Fb");
        there_and_back::<PublicationId>("shiny-wind-028834/br-aged-salad-637688/neondb/a \"b\".c%2Fd%25");
        there_and_back::<SlotId>("sql/-/neondb/s_1");
        there_and_back::<SubscriptionId>("sql/-/neondb/My%2Fsub \"x\"");
        there_and_back::<GrantId>("sql/-/my%2Fdb/r");
        there_and_back::<SignalTableId>("sql/-/neondb/my%2Fschema/flow_watermarks");
        there_and_back::<ReplicaIdentityId>("shiny-wind-028834/br-aged-salad-637688/neondb/my%2Fschema/a.b");
    }

    #[test]
    fn a_wrong_id_says_what_is_wrong_with_it() {
        let wrong = |text: &str| text.parse::<PublicationId>().unwrap_err();
        assert_eq!(wrong("a/b/c"), "`a/b/c` has 3 parts, not 4");
        assert!(wrong("Big/br-a/d/p").contains("holds `B`"));
        assert!(wrong(&format!("p/br-a/d/{}", "x".repeat(64))).contains("63 bytes"));
        assert!("p/br-a/d/Upper".parse::<SlotId>().unwrap_err().contains("lower"));
        assert!("p/br-a/d/s/".parse::<ReplicaIdentityId>().is_err());
    }

    #[test]
    fn a_grant_is_imported_with_its_members() {
        let imported: GrantImport = "p/br-a/neon%2Fdb/r%2F1/public,sales.orders,a%2Eb.c%2Cd".parse().unwrap();
        assert_eq!(imported.id.to_string(), "p/br-a/neon%2Fdb/r%2F1");
        assert_eq!(imported.schemas, [SchemaName::parse("public").unwrap()].into());
        let table = |schema: &str, name: &str| TableName::parse(schema, name).unwrap();
        assert_eq!(imported.tables, [table("sales", "orders"), table("a.b", "c,d")].into());
        let wrong = |text: &str| text.parse::<GrantImport>().unwrap_err();
        assert_eq!(wrong("p/br-a/d/r"), "`p/br-a/d/r` has 4 parts, not 5");
        assert_eq!(wrong("x/p/br-a/d/r/a"), "`x/p/br-a/d/r/a` has 6 parts, not 5");
        assert!(wrong("P/br-a/d/r/a").contains("holds `P`"));
        assert!(wrong("p/br-a/d//a").contains("empty part"));
        assert!(wrong("p/br-a/d/r/a.b.c").contains("`schema.table`"));
        for members in ["", "a,", ",a", "a.", ".a", "a%", "a..b"] {
            assert!(format!("p/br-a/d/r/{members}").parse::<GrantImport>().is_err(), "{members}");
        }
    }

    #[test]
    fn a_replacement_has_the_same_key_on_any_branch() {
        let key = |text: &str| text.parse::<PublicationId>().unwrap().key_on_any_branch();
        assert_eq!(key("p/br-a/d/s"), key("p/br-b/d/s"));
        for other in ["q/br-a/d/s", "p/br-a/e/s", "p/br-a/d/t"] {
            assert_ne!(key("p/br-a/d/s"), key(other));
        }
        assert_ne!(key("p/br-a/d/s"), "p/br-a/d/s".parse::<SlotId>().unwrap().key_on_any_branch());
    }

    #[test]
    fn a_slot_is_the_same_from_every_database() {
        let key = |text: &str| text.parse::<SlotId>().unwrap().natural_key();
        assert_eq!(key("p/br-a/d/s"), key("p/br-a/e/s"));
        assert_ne!(key("p/br-a/d/s"), key("p/br-b/d/s"));
        let publication = |text: &str| text.parse::<PublicationId>().unwrap().natural_key();
        assert_ne!(publication("p/br-a/d/s"), publication("p/br-a/e/s"));
    }
}
