//! Ids, keys and passwords that look like Neon's, and how a name is written into a URL.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::Rng;
use rand::seq::IndexedRandom;

const ADJECTIVES: [&str; 12] =
    ["aged", "bold", "calm", "cool", "dawn", "late", "lucky", "muddy", "quiet", "royal", "still", "young"];
const NOUNS: [&str; 12] =
    ["base", "bird", "brook", "field", "glade", "lake", "moon", "pine", "river", "snow", "sun", "wind"];
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What need not be escaped anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name, password or database as part of a URL.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn characters(alphabet: &[u8], count: usize) -> String {
    let mut random = rand::rng();
    (0..count).filter_map(|_| alphabet.choose(&mut random).copied().map(char::from)).collect()
}

fn two_words() -> String {
    let mut random = rand::rng();
    let word = |words: &[&'static str], random: &mut _| words.choose(random).copied().unwrap_or("calm");
    format!("{}-{}", word(&ADJECTIVES, &mut random), word(&NOUNS, &mut random))
}

/// A project id: `quiet-river-12345678`.
pub(crate) fn project_id() -> String {
    format!("{}-{}", two_words(), rand::rng().random_range(10_000_000..99_999_999))
}

/// A branch id: `br-cool-sun-a1b2c3d4`.
pub(crate) fn branch_id() -> String {
    format!("br-{}-{}", two_words(), characters(LOWER, 8))
}

/// A snapshot id: `snap-calm-moon-a1b2c3d4`.
pub(crate) fn snapshot_id() -> String {
    format!("snap-{}-{}", two_words(), characters(LOWER, 8))
}

/// An endpoint id: `ep-late-moon-a1b2c3d4`.
pub(crate) fn endpoint_id() -> String {
    format!("ep-{}-{}", two_words(), characters(LOWER, 8))
}

/// An API key: `napi_` and 64 characters.
pub(crate) fn api_key() -> String {
    format!("napi_{}", characters(MIXED, 64))
}

/// The secret part of the admin routes' address.
pub(crate) fn admin_token() -> String {
    characters(MIXED, 32)
}

/// A role's password: `npg_` and 12 characters.
pub(crate) fn password() -> String {
    format!("npg_{}", characters(MIXED, 12))
}

/// A number that was not given before.
pub(crate) fn number() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(1_000_000);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
    }
    text
}

/// Now, as the API writes times: RFC 3339, UTC, whole seconds.
pub(crate) fn now() -> String {
    time(jiff::Timestamp::now())
}

/// A time, written so.
pub(crate) fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Why the API refuses a role's or database's name, if it does.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    const RESERVED_NAMES: [&str; 5] = ["neon_superuser", "cloud_admin", "zenith_admin", "public", "none"];
    if name.is_empty() {
        Some("name must not be empty")
    } else if name.len() > 63 {
        Some("name is longer than 63 bytes")
    } else if name.contains('\0') {
        Some("name contains a zero byte")
    } else if name.starts_with("pg_") || RESERVED_NAMES.contains(&name) {
        Some("name is reserved")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_match_the_patterns_of_the_api() {
        let legal = |id: &str| {
            (1..=60).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        for _ in 0..50 {
            let (project, branch, endpoint) = (project_id(), branch_id(), endpoint_id());
            assert!(legal(&project), "{project}");
            assert!(legal(&branch) && branch.starts_with("br-"), "{branch}");
            assert!(legal(&endpoint) && endpoint.starts_with("ep-"), "{endpoint}");
        }
    }

    #[test]
    fn an_operation_id_is_a_uuid() {
        let id = uuid();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert_ne!(uuid(), id);
    }

    #[test]
    fn names_are_escaped_for_urls() {
        assert_eq!(escaped("a b/c%d@e:f"), "a%20b%2Fc%25d%40e%3Af");
        assert_eq!(escaped("npg_aZ-9.~"), "npg_aZ-9.~");
    }

    #[test]
    fn reserved_and_long_names_are_refused() {
        for name in ["", "pg_x", "neon_superuser", "public", &"x".repeat(64)] {
            assert!(refused(name).is_some(), "{name}");
        }
        for name in ["x", "a b/c%d", &"x".repeat(63), "Ünïcode", "app_pg_"] {
            assert!(refused(name).is_none(), "{name}");
        }
    }
}
