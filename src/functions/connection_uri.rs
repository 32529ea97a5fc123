//! `connection_uri(host, port, database, username, password)`: a connection string in Neon's own form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::refusal::{Result, named, refused};

/// What a URI leaves as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `postgresql://…?sslmode=require&channel_binding=require`; without a password where that is null.
pub fn connection_uri(host: &str, port: u16, database: &str, username: &str, password: Option<&str>) -> Result<String> {
    let host = named("host", host)?;
    if host.contains(['/', '@', '?', '#', ' ']) {
        return refused("host", format!("`{host}` is no host name."));
    }
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    let (database, username) = (escaped(named("database", database)?), escaped(named("username", username)?));
    let password = password.map_or_else(String::new, |it| format!(":{}", escaped(it)));
    // An address of IPv6 has colons of its own.
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = if port == 5432 { String::new() } else { format!(":{port}") };
    Ok(format!("postgresql://{username}{password}@{host}{port}/{database}?sslmode=require&channel_binding=require"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_neon() {
        assert_eq!(
            connection_uri("ep-x.neon.tech", 5432, "neondb", "alex", Some("AbC123dEf")).unwrap(),
            "postgresql://alex:AbC123dEf@ep-x.neon.tech/neondb?sslmode=require&channel_binding=require"
        );
    }

    #[test]
    fn what_is_special_in_a_uri_is_escaped() {
        assert_eq!(
            connection_uri("2001:db8::1", 6432, "d/1?", "a@b", Some("p:w@/%")).unwrap(),
            "postgresql://a%40b:p%3Aw%40%2F%25@[2001:db8::1]:6432/d%2F1%3F?sslmode=require&channel_binding=require"
        );
        assert_eq!(
            connection_uri("h", 5432, "d", "u", None).unwrap(),
            "postgresql://u@h/d?sslmode=require&channel_binding=require"
        );
    }

    #[test]
    fn parts_that_would_make_another_uri_are_refused() {
        assert_eq!(connection_uri("h/d", 5432, "d", "u", None).unwrap_err().parameter, "host");
        assert_eq!(connection_uri("", 5432, "d", "u", None).unwrap_err().parameter, "host");
        assert_eq!(connection_uri("h", 5432, "", "u", None).unwrap_err().parameter, "database");
        assert_eq!(connection_uri("h", 5432, "d", "", None).unwrap_err().parameter, "username");
    }
}
