//! Names that the API accepts for a role.

use crate::postgres::RoleName;

/// Reserved by Postgres or Neon (Neon's documentation on roles), beside all that begins with `pg_`.
const RESERVED: [&str; 5] = ["neon_superuser", "cloud_admin", "zenith_admin", "public", "none"];

/// A legal name; the sentence says what is wrong.
pub(super) fn parse(text: &str) -> Result<RoleName, String> {
    let name = RoleName::parse(text).map_err(|wrong| wrong.to_string())?;
    if text.starts_with("pg_") {
        return Err(format!("`{text}` begins with `pg_`, which Postgres reserves for its own roles"));
    }
    if RESERVED.contains(&text) {
        return Err(format!("`{text}` is reserved by Postgres or Neon"));
    }
    if text == "." || text == ".." {
        return Err(format!("`{text}` cannot be sent to Neon's API"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused_and_their_neighbours_are_not() {
        let long = "a".repeat(64);
        for wrong in
            ["", "pg_x", "pg_", "neon_superuser", "cloud_admin", "zenith_admin", "public", "none", ".", "..", &long]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let longest = "ä".repeat(31);
        for right in ["pgx", "pg", "PUBLIC", "public_", "neon_superuser2", "...", "a\"b'; --", "mit leer", &longest] {
            assert!(parse(right).is_ok(), "{right}");
        }
    }
}
