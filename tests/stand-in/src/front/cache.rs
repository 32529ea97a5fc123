//! What Neon's proxy keeps of the control plane's answers, on request: errors for 30 s, secrets of roles and lists of
//! addresses for 4 min (`proxy/src/config.rs`). Until then a change is not seen: a disabled endpoint stays refused, a new
//! password is wrong, a new address is not let in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::refusal::Refusal;

/// The caches, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    errors: BTreeMap<String, (Instant, Refusal)>,
    lists: BTreeMap<String, (Instant, Value)>,
    secrets: BTreeMap<(String, String), (Instant, Option<String>)>,
}

impl Caches {
    /// The error that was answered for this endpoint not longer than `keep` ago.
    pub(crate) fn error(&self, now: Instant, endpoint: &str, keep: Duration) -> Option<Refusal> {
        let (at, refusal) = self.errors.get(endpoint)?;
        (now.duration_since(*at) < keep).then(|| refusal.clone())
    }

    /// Keeps an error if it is the control plane's.
    pub(crate) fn keep_error(&mut self, now: Instant, endpoint: &str, refusal: &Refusal) {
        if matches!(refusal, Refusal::Asked(_) | Refusal::AskedWithState(..) | Refusal::Missing | Refusal::Disabled) {
            self.errors.insert(endpoint.to_owned(), (now, refusal.clone()));
        }
    }

    /// The list of addresses as it is known: `current`, or what it was not longer than `keep` ago.
    pub(crate) fn list(&mut self, now: Instant, endpoint: &str, current: &Value, keep: Duration) -> Value {
        let entry = self.lists.entry(endpoint.to_owned()).or_insert_with(|| (now, current.clone()));
        if now.duration_since(entry.0) >= keep {
            *entry = (now, current.clone());
        }
        entry.1.clone()
    }

    /// Whether the role's secret as it is known is the one that it has.
    pub(crate) fn knows_secret(
        &mut self,
        now: Instant,
        endpoint: &str,
        role: &str,
        current: Option<&str>,
        keep: Duration,
    ) -> bool {
        let key = (endpoint.to_owned(), role.to_owned());
        let entry = self.secrets.entry(key).or_insert_with(|| (now, current.map(str::to_owned)));
        if now.duration_since(entry.0) >= keep {
            *entry = (now, current.map(str::to_owned));
        }
        entry.1.as_deref() == current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEEP: Duration = Duration::from_secs(30);

    #[test]
    fn an_error_is_kept_for_its_time() {
        let (mut caches, now) = (Caches::default(), Instant::now());
        caches.keep_error(now, "ep", &Refusal::Disabled);
        caches.keep_error(now, "other", &Refusal::NoCompute);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(caches.error(after(29), "ep", KEEP), Some(Refusal::Disabled));
        assert_eq!(caches.error(after(30), "ep", KEEP), None);
        assert_eq!(caches.error(now, "ep", Duration::ZERO), None);
        assert_eq!(caches.error(now, "other", KEEP), None, "not the control plane's");
    }

    #[test]
    fn a_list_and_a_secret_are_what_they_were() {
        let (mut caches, now) = (Caches::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let (old, new) = (json!(["a"]), json!(["b"]));
        assert_eq!(caches.list(now, "ep", &old, KEEP), old);
        assert_eq!(caches.list(after(10), "ep", &new, KEEP), old);
        assert_eq!(caches.list(after(30), "ep", &new, KEEP), new);
        assert!(caches.knows_secret(now, "ep", "r", None, KEEP), "no secret is the right answer");
        assert!(!caches.knows_secret(after(10), "ep", "r", Some("npg"), KEEP), "and stays one");
        assert!(caches.knows_secret(after(30), "ep", "r", Some("npg"), KEEP));
        assert!(caches.knows_secret(after(31), "ep", "r", Some("new"), Duration::ZERO));
    }
}
