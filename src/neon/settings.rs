//! What a client is built from, checked before anything is sent.

use reqwest::header::HeaderValue;
use url::Url;

use super::error::{Error, Kind};
use crate::secret::Secret;

/// Neon's public API.
pub(crate) const DEFAULT_BASE_URL: &str = "https://console.neon.tech/api/v2";

/// What a client is built from.
#[derive(Debug)]
pub(crate) struct ApiSettings {
    /// With its `/api/v2`. `https`, or `http` on a loopback address. A slash at the end is ignored.
    pub base_url: String,
    /// Personal, organization or project-scoped.
    pub api_key: Secret,
    /// Terraform's version, for the `User-Agent`.
    pub terraform_version: Option<String>,
    /// Appended to the `User-Agent` (`TF_APPEND_USER_AGENT`).
    pub user_agent_suffix: Option<String>,
}

/// The base URL without a slash at its end.
pub(crate) fn base_url(text: &str) -> Result<String, Error> {
    let wrong = |why: &str| Err(Error::new(Kind::Rejected, format!("the API's base URL {why}")));
    let url = match Url::parse(text.trim()) {
        Ok(url) => url,
        Err(error) => return wrong(&format!("is not a URL: {error}")),
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return wrong(
                "begins with `http://`, which would send the API key unencrypted. Use `https://`; `http://` is allowed \
                          for a loopback address only",
            );
        }
        other => return wrong(&format!("begins with `{other}:` and must begin with `https://`")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return wrong("names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user or password. The API key is set separately");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("ends in a query or fragment and must end in a path such as `/api/v2`");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether requests stay on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The `Authorization` header. The error never repeats the key.
pub(crate) fn bearer(key: &Secret) -> Result<HeaderValue, Error> {
    let key = key.expose().trim();
    if key.is_empty() {
        return Err(Error::new(Kind::Unauthorized, "the API key is empty"));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| Error::new(Kind::Unauthorized, "the API key holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `terraform-provider-neonrep/1.0 (terraform 1.11.4) suffix`, without characters that no header may hold.
pub(crate) fn user_agent(terraform: Option<&str>, suffix: Option<&str>) -> String {
    let mut agent = format!("terraform-provider-neonrep/{}", env!("CARGO_PKG_VERSION"));
    if let Some(version) = terraform.filter(|text| !text.trim().is_empty()) {
        agent = format!("{agent} (terraform {})", version.trim());
    }
    if let Some(suffix) = suffix.filter(|text| !text.trim().is_empty()) {
        agent = format!("{agent} {}", suffix.trim());
    }
    agent.retain(|c| c == ' ' || c.is_ascii_graphic());
    agent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_is_checked() {
        let given = |text| base_url(text).map_err(|error| error.to_string());
        assert_eq!(given(" https://x.example/api/v2/ "), Ok("https://x.example/api/v2".to_owned()));
        for loopback in
            ["http://127.0.0.1:8080/api/v2", "http://127.9.9.9/api", "http://[::1]:1/x", "http://localhost:8080"]
        {
            assert_eq!(given(loopback), Ok(loopback.to_owned()));
        }
        for (bad, why) in [
            ("", "is not a URL"),
            ("x.example/api/v2", "is not a URL"),
            ("ftp://x.example", "begins with `ftp:`"),
            ("https://u:pw@x.example", "holds a user or password"),
            ("https://x.example?a=1", "ends in a query"),
        ] {
            let error = given(bad).expect_err(bad);
            assert!(error.contains(why) && !error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn the_key_never_leaves_the_machine_unencrypted() {
        for foreign in [
            "http://console.neon.tech/api/v2",
            "http://localhost.example/api",
            "http://127.0.0.1.example/api",
            "http://10.0.0.1/api",
            "http://[fd00::1]/api",
            "http://0.0.0.0/api",
        ] {
            let error = base_url(foreign).expect_err(foreign).to_string();
            assert!(error.contains("would send the API key unencrypted"), "{error}");
        }
    }

    #[test]
    fn the_key_is_sensitive_and_never_repeated() {
        let key = bearer(&Secret::new("napi_x\n")).expect("legal");
        assert!(key.is_sensitive());
        assert_eq!(key.to_str().ok(), Some("Bearer napi_x"));
        let error = bearer(&Secret::new("napi_\u{7}")).expect_err("a bell");
        assert_eq!((error.kind(), error.to_string().contains("napi_")), (Kind::Unauthorized, false));
        assert_eq!(bearer(&Secret::new(" ")).expect_err("empty").kind(), Kind::Unauthorized);
    }

    #[test]
    fn the_user_agent_names_all_who_take_part() {
        let own = concat!("terraform-provider-neonrep/", env!("CARGO_PKG_VERSION"));
        assert_eq!(user_agent(None, None), own);
        assert_eq!(user_agent(Some("1.11.4"), Some("x/1\r\ny: z")), format!("{own} (terraform 1.11.4) x/1y: z"));
    }
}
