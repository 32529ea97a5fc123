//! `connection_uri(host, port, database, username, password)`: a connection string in Neon's own form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tfplugin::{Attr, Function, FunctionError, Parameter, Signature, Type};

use super::refusal::{Result, given, named, refused};

/// What a URI leaves as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `postgresql://…?sslmode=require&channel_binding=require`; without a password where that is null.
pub(crate) fn connection_uri(
    host: &str,
    port: u16,
    database: &str,
    username: &str,
    password: Option<&str>,
) -> Result<String> {
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

/// `provider::neonrep::connection_uri`
pub(crate) struct ConnectionUri;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    host: Attr<String>,
    port: Attr<u16>,
    database: Attr<String>,
    username: Attr<String>,
    password: Attr<String>,
}

impl Function for ConnectionUri {
    const NAME: &'static str = "connection_uri";
    type Arguments = Arguments;
    type Result = String;

    fn signature() -> Signature {
        Signature::new("Connection URI of a database.", "Builds a connection URI in the form that Neon gives, with `sslmode=require` and `channel_binding=require`. Names and password are escaped. Port `5432` is left out.", Type::String)
            .parameter(Parameter::new("host", Type::String, "Direct host."))
            .parameter(Parameter::new("port", Type::Number, "Port."))
            .parameter(Parameter::new("database", Type::String, "Name of the database."))
            .parameter(Parameter::new("username", Type::String, "Name of the role."))
            .parameter(Parameter::new("password", Type::String, "Password of the role. Null leaves it out.").nullable())
    }

    fn call(arguments: Arguments) -> std::result::Result<String, FunctionError> {
        let (host, port) = (given("host", arguments.host)?, given("port", arguments.port)?);
        let (database, username) = (given("database", arguments.database)?, given("username", arguments.username)?);
        Ok(connection_uri(&host, port, &database, &username, arguments.password.known().map(String::as_str))?)
    }
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
