//! Secrets that this client has sent or received: no error text repeats one, whoever wrote the text.

use std::sync::{Mutex, PoisonError};

use super::error::Error;
use crate::secret::Secret;

/// A shorter secret would be found in ordinary words.
const SHORTEST: usize = 6;

/// The API key, and passwords as they come in.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<Vec<Secret>>);

impl Secrets {
    pub(crate) fn learn(&self, secret: &Secret) {
        let trimmed = secret.expose().trim();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if trimmed.len() >= SHORTEST && !known.iter().any(|it| it.expose() == trimmed) {
            known.push(Secret::new(trimmed));
        }
    }

    /// The error with each known secret replaced.
    pub(crate) fn hide(&self, error: Error) -> Error {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        error.with_texts(|text| {
            known.iter().fold(text, |text, secret| {
                if text.contains(secret.expose()) { text.replace(secret.expose(), "***") } else { text }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Kind;
    use super::*;

    #[test]
    fn known_secrets_are_replaced_and_words_are_not() {
        let secrets = Secrets::default();
        for secret in [" napi_key\n", "npg_pass", "a", ""] {
            secrets.learn(&Secret::new(secret));
        }
        let error = Error::new(Kind::Rejected, "key napi_key of a user, npg_pass and npg_pass again")
            .with_api_fields(Some("napi_key".to_owned()), Some("npg_pass".to_owned()))
            .context("sending napi_key");
        let text = secrets.hide(error).to_string();
        assert_eq!(text, "sending ***: key *** of a user, *** and *** again (code `***`, request id `***`)");
    }
}
