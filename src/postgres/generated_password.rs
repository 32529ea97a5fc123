//! Passwords that the provider generates for roles whose password Neon then keeps.

use rustls::crypto::aws_lc_rs;

use super::error::{Error, Kind, Result};
use crate::secret::Secret;

/// Letters and digits: no client has to escape them. Their count divides 256 with a rest, so that bytes from the rest on are left out.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// 190 bits; Neon asks for 60 (<https://neon.com/docs/manage/roles>).
const LENGTH: usize = 32;

/// A new password. Error: `Other`, if the system has no random numbers.
pub(crate) fn generate() -> Result<Secret> {
    let random = aws_lc_rs::default_provider().secure_random;
    let even = u8::try_from(256 - 256 % ALPHABET.len()).unwrap_or(u8::MAX);
    let mut text = String::with_capacity(LENGTH);
    while text.len() < LENGTH {
        let mut bytes = [0_u8; LENGTH];
        random.fill(&mut bytes).map_err(|_| Error::new(Kind::Other, "the system has no random numbers"))?;
        let characters = bytes.iter().filter(|it| **it < even).map(|it| ALPHABET[usize::from(*it) % ALPHABET.len()]);
        text.extend(characters.map(char::from).take(LENGTH - text.len()).collect::<Vec<_>>());
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ_and_need_no_escapes() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), LENGTH);
        assert!(one.expose().chars().all(|it| it.is_ascii_alphanumeric()));
    }
}
