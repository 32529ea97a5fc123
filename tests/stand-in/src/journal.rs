//! The journal: every call of the API as it was seen, for tests that count or compare them.

use serde::Serialize;
use serde_json::Value;

/// One call.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Method.
    pub(crate) method: String,
    /// Path below `/api/v2` as the client wrote it.
    pub(crate) path: String,
    /// Query as the client wrote it; empty when there was none.
    pub(crate) query: String,
    /// `User-Agent` of the client.
    pub(crate) user_agent: String,
    /// The body as JSON, as text when it is no JSON, null when there was none.
    pub(crate) body: Value,
    /// Members of the body that Neon's API does not document for this call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown: Vec<String>,
    /// Status of the answer; null while there is none, or when the connection was cut.
    pub(crate) status: Option<u16>,
    /// The body of the answer, like `body`; absent unless the setting `journal_answers` is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Value>,
    /// What a fault did, if one applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<crate::faults::Action>,
}

/// All calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    last: u64,
}

impl Journal {
    /// Adds a call and says its number.
    pub(crate) fn add(&mut self, entry: Entry) -> u64 {
        self.last += 1;
        self.entries.push(Entry { number: self.last, ..entry });
        self.last
    }

    /// Notes the answer's status, and its body if that is kept.
    pub(crate) fn answered(&mut self, number: u64, status: u16, answer: Option<Value>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.number == number) {
            entry.status = Some(status);
            entry.answer = answer;
        }
    }

    /// The calls.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets the calls; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A body as the journal keeps it.
pub(crate) fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_kept_as_what_they_are() {
        assert_eq!(body(b""), Value::Null);
        assert_eq!(body(br#"{"a":1}"#), json!({"a": 1}));
        assert_eq!(body(b"no json"), json!("no json"));
    }

    #[test]
    fn numbers_go_on_after_a_clear() {
        let entry = Entry {
            number: 0,
            method: "GET".to_owned(),
            path: "/auth".to_owned(),
            query: String::new(),
            user_agent: String::new(),
            body: Value::Null,
            unknown: Vec::new(),
            status: None,
            answer: None,
            fault: None,
        };
        let mut journal = Journal::default();
        let first = journal.add(entry.clone());
        journal.answered(first, 200, Some(json!({"a": 1})));
        assert_eq!((journal.entries()[0].status, &journal.entries()[0].answer), (Some(200), &Some(json!({"a": 1}))));
        journal.clear();
        assert_eq!(journal.add(entry), first + 1);
    }
}
