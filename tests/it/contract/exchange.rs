//! One exchange as the stand-in's journal has it, held against the document.

use serde_json::Value;

use super::document::{Document, Route};
use super::schema::mismatches;

/// What Neon answers and does not document.
const LIVE: &[(&str, &str)] = &[
    // Names of permissions that live projects have had since 2026.
    ("effective_project_permission", "\"ADMIN\""),
    ("effective_project_permission", "\"EDITOR\""),
    ("effective_project_permission", "\"VIEWER\""),
];

pub(super) struct Exchange<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    body: &'a Value,
    status: Option<u16>,
    answer: Option<&'a Value>,
    user_agent: &'a str,
    is_fault: bool,
}

impl<'a> Exchange<'a> {
    pub(super) fn read(entry: &'a Value) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        Self {
            method: text("method"),
            path: text("path"),
            query: text("query"),
            body: &entry["body"],
            status: entry["status"].as_u64().and_then(|it| u16::try_from(it).ok()),
            answer: entry.get("answer"),
            user_agent: text("user_agent"),
            is_fault: !entry["fault"].is_null(),
        }
    }

    /// Whether a client asked whose requests must be in order. Tests send others themselves, wrong ones on purpose.
    fn is_of_a_client(&self) -> bool {
        ["terraform-provider-", "neon"].iter().any(|it| self.user_agent.starts_with(it))
    }

    pub(super) fn mismatches(&self, document: &Document) -> Vec<String> {
        let Some(route) = document.route(self.method, self.path) else {
            if self.is_of_a_client() || self.status.is_some_and(|it| it < 300) {
                return vec![format!("{} {} is not in Neon's document", self.method, self.path)];
            }
            return Vec::new();
        };
        let mut found = Vec::new();
        if self.is_of_a_client() {
            self.request(document, &route, &mut found);
        }
        // What a fault of a test answers is not the stand-in's, and what is not modelled is said so.
        if !self.is_fault && !matches!(self.status, Some(501 | 307) | None) {
            self.response(document, &route, &mut found);
        }
        let is_live =
            |sentence: &String| LIVE.iter().any(|(at, value)| sentence.contains(at) && sentence.contains(value));
        found.retain(|sentence| !is_live(sentence));
        found.iter().map(|it| format!("{} {}: {it}", self.method, route.template)).collect()
    }

    fn request(&self, document: &Document, route: &Route<'_>, found: &mut Vec<String>) {
        let sent: Vec<(&str, &str)> = self.query.split('&').filter_map(|it| it.split_once('=')).collect();
        let of_query = || route.parameters.iter().filter(|it| it["in"] == "query");
        for (name, _) in &sent {
            if !of_query().any(|it| it["name"] == *name) {
                found.push(format!("query `{name}` is not documented"));
            }
        }
        for needed in of_query().filter(|it| it["required"] == true) {
            if !sent.iter().any(|(name, _)| needed["name"] == *name) {
                found.push(format!("query {} is missing", needed["name"]));
            }
        }
        let body = document.resolved(&route.operation["requestBody"]);
        let schema = &body["content"]["application/json"]["schema"];
        match (self.body, schema) {
            (Value::Null, _) if body["required"] == true => found.push("a body is missing".to_owned()),
            (Value::Null, _) => {}
            (sent, Value::Null) => found.push(format!("the body {sent} is not documented")),
            (sent, schema) => found.extend(mismatches(document, schema, sent, "body")),
        }
    }

    fn response(&self, document: &Document, route: &Route<'_>, found: &mut Vec<String>) {
        let Some(status) = self.status else { return };
        let Some(response) = route.response(document, status) else {
            found.push(format!("status {status} is not documented"));
            return;
        };
        let schema = &response["content"]["application/json"]["schema"];
        match (self.answer, schema) {
            (Some(answer), Value::Object(_)) => {
                found.extend(mismatches(document, schema, answer, &format!("{status}")));
            }
            (Some(Value::Null) | None, _) => {}
            (Some(answer), _) => found.push(format!("{status}: the body {answer} is not documented")),
        }
    }
}
