//! Consumers of a slot: one that decodes on request, and a real subscription that keeps the slot busy.

use super::sql::{identifier, literal};
use super::stand_in::StandIn;

/// A change as the plugin `pgoutput` (protocol version 1) tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// `insert`, `update`, `delete` or `truncate`.
    pub(crate) kind: &'static str,
    /// `schema.table`
    pub(crate) table: String,
    /// Values of the new row (of the old one for `delete`), as text; null and unsent ones are `None`.
    pub(crate) values: Vec<Option<String>>,
}

/// All changes the slot still holds for this publication; the slot moves on. Errors are the server's words.
pub(crate) fn take(stand_in: &StandIn, slot: &str, publication: &str) -> Result<Vec<Change>, String> {
    read(stand_in, "get", slot, publication)
}

/// The same, and the slot stays where it is.
pub(crate) fn peek(stand_in: &StandIn, slot: &str, publication: &str) -> Result<Vec<Change>, String> {
    read(stand_in, "peek", slot, publication)
}

fn read(stand_in: &StandIn, verb: &str, slot: &str, publication: &str) -> Result<Vec<Change>, String> {
    let query = format!(
        "SELECT encode(data, 'hex') FROM pg_catalog.pg_logical_slot_{verb}_binary_changes({}, NULL, NULL, \
         'proto_version', '1', 'publication_names', {})",
        literal(slot),
        literal(&identifier(publication)),
    );
    let session = stand_in.session();
    let rows = session.run(&query).map_err(|error| error.to_string())?;
    let mut relations = std::collections::BTreeMap::new();
    let messages = rows.iter().filter_map(|row| row.first().cloned().flatten());
    Ok(messages.filter_map(|hex| Message::new(&hex).change(&mut relations)).collect())
}

/// A message of `pgoutput` as a change, if it is one; what it says of relations is kept in `relations`.
pub(crate) fn decode(bytes: Vec<u8>, relations: &mut std::collections::BTreeMap<u32, String>) -> Option<Change> {
    Message { bytes, at: 0 }.change(relations)
}

/// The bytes of one message, read from the front.
struct Message {
    bytes: Vec<u8>,
    at: usize,
}

impl Message {
    fn new(hex: &str) -> Self {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        Self { bytes: (0..hex.len()).step_by(2).map(digit).collect(), at: 0 }
    }

    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }

    fn number(&mut self, width: usize) -> u32 {
        (0..width).fold(0, |so_far, _| so_far << 8 | u32::from(self.byte()))
    }

    fn text(&mut self) -> String {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == 0).expect("an end of the string");
        let text = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        text
    }

    fn row(&mut self) -> Vec<Option<String>> {
        let columns = self.number(2);
        (0..columns)
            .map(|_| match self.byte() {
                b't' | b'b' => {
                    let length = self.number(4) as usize;
                    self.at += length;
                    Some(String::from_utf8_lossy(&self.bytes[self.at - length..self.at]).into_owned())
                }
                _ => None,
            })
            .collect()
    }

    fn change(mut self, relations: &mut std::collections::BTreeMap<u32, String>) -> Option<Change> {
        match self.byte() {
            b'R' => {
                let id = self.number(4);
                let name = format!("{}.{}", self.text(), self.text());
                relations.insert(id, name);
                None
            }
            b'I' => {
                let table = relations.get(&self.number(4)).cloned().unwrap_or_default();
                self.byte();
                Some(Change { kind: "insert", table, values: self.row() })
            }
            b'U' => {
                let table = relations.get(&self.number(4)).cloned().unwrap_or_default();
                if self.byte() != b'N' {
                    self.row(); // the old key or the old row
                    self.byte();
                }
                Some(Change { kind: "update", table, values: self.row() })
            }
            b'D' => {
                let table = relations.get(&self.number(4)).cloned().unwrap_or_default();
                self.byte();
                Some(Change { kind: "delete", table, values: self.row() })
            }
            b'T' => Some(Change { kind: "truncate", table: String::new(), values: Vec::new() }),
            _ => None,
        }
    }
}

/// A subscription in a second database of the same server, which streams from the slot while this lives.
pub(crate) struct Subscription<'a> {
    stand_in: &'a StandIn,
    slot: String,
}

/// The database the subscription lives in.
const DATABASE: &str = "it_consumer";

impl<'a> Subscription<'a> {
    /// Makes the database, the tables (`create` statements) and the subscription, and waits until the slot is active.
    pub(crate) fn attach(stand_in: &'a StandIn, slot: &str, publication: &str, create: &str) -> Self {
        let superuser = stand_in.superuser_conninfo(&stand_in.ready.database);
        Self::attach_as(stand_in, slot, publication, create, &superuser)
    }

    /// The same, streaming as the role of this connection string.
    pub(crate) fn attach_as(
        stand_in: &'a StandIn,
        slot: &str,
        publication: &str,
        create: &str,
        conninfo: &str,
    ) -> Self {
        stand_in.sql_in("postgres", &format!("CREATE DATABASE {DATABASE}"));
        stand_in.sql_in(DATABASE, create);
        stand_in.sql_in(
            DATABASE,
            &format!(
                "CREATE SUBSCRIPTION it_subscription CONNECTION {} PUBLICATION {} \
                 WITH (create_slot = false, slot_name = {}, copy_data = false)",
                literal(conninfo),
                identifier(publication),
                literal(slot),
            ),
        );
        let it = Self { stand_in, slot: slot.to_owned() };
        it.wait_until_active();
        it
    }

    /// The process that holds the slot.
    pub(crate) fn pid(&self) -> String {
        let query = format!("SELECT active_pid FROM pg_replication_slots WHERE slot_name = {}", literal(&self.slot));
        self.stand_in.value(&query)
    }

    /// One value in the consumer's database, asked for until it is the expected one.
    pub(crate) fn wait_for(&self, query: &str, expected: &str) {
        let mut last = String::new();
        for _ in 0..300 {
            last = super::sql::single(&self.stand_in.sql_in(DATABASE, query));
            if last == expected {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the consumer has {last}, not {expected}: {query}");
    }

    fn wait_until_active(&self) {
        for _ in 0..300 {
            if !self.pid().is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("no consumer took the slot {}", self.slot);
    }

    /// Ends the subscription and leaves the slot.
    pub(crate) fn detach(self) {
        self.stand_in.sql_in(DATABASE, "ALTER SUBSCRIPTION it_subscription DISABLE");
        self.stand_in.sql_in(DATABASE, "ALTER SUBSCRIPTION it_subscription SET (slot_name = NONE)");
        self.stand_in.sql_in(DATABASE, "DROP SUBSCRIPTION it_subscription");
        for _ in 0..300 {
            if self.pid().is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the consumer did not leave the slot {}", self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_decoded_and_a_subscription_holds_the_slot() {
        let stand_in = StandIn::start_logical(17);
        stand_in.sample_table();
        stand_in.sql(
            "CREATE PUBLICATION p FOR TABLE playing_with_neon; ALTER TABLE playing_with_neon REPLICA IDENTITY FULL",
        );
        stand_in.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
        stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('a', NULL)");
        stand_in.sql("UPDATE playing_with_neon SET value = 1 WHERE name = 'a'");
        stand_in.sql("DELETE FROM playing_with_neon WHERE name = 'a'");
        stand_in.sql("TRUNCATE playing_with_neon");
        let changes = peek(&stand_in, "s", "p").expect("changes");
        let kinds: Vec<_> = changes.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["insert", "update", "delete", "truncate"]);
        assert_eq!(changes[1].values[1..], [Some("a".to_owned()), Some("1".to_owned())]);
        assert_eq!((changes[0].table.as_str(), &changes[0].values[2]), ("public.playing_with_neon", &None));
        assert_eq!(take(&stand_in, "s", "p").expect("the same once more"), changes);
        assert_eq!(take(&stand_in, "s", "p"), Ok(vec![]));
        assert!(take(&stand_in, "s", "absent").is_ok(), "no change, nobody asks for the publication");

        let table = "CREATE TABLE playing_with_neon(id INT PRIMARY KEY, name TEXT, value REAL)";
        let subscription = Subscription::attach(&stand_in, "s", "p", table);
        stand_in.sql("INSERT INTO playing_with_neon(name, value) VALUES ('b', 5)");
        subscription.wait_for("SELECT value FROM playing_with_neon WHERE name = 'b'", "5");
        assert!(take(&stand_in, "s", "p").is_err_and(|error| error.contains("55006")), "the slot is in use");
        subscription.detach();
        assert_eq!(stand_in.value("SELECT active FROM pg_replication_slots WHERE slot_name = 's'"), "f");
    }
}
