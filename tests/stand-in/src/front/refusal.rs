//! The words in which Neon's proxy refuses a connection, and the SQLSTATE that it sends with them.
//! `proxy/src/stream.rs` and `proxy/src/control_plane` of <https://github.com/neondatabase/neon>; live Neon is newer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::cache::Caches;
use crate::allowed_ips;
use crate::world::{EndpointKind, World};

/// Which generation of the proxy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProxyErrors {
    /// The server's own errors pass whole, with their SQLSTATE; the proxy's are XX000.
    Postgres,
    /// Every error before the login is over is XX000 with its bare text, the server's too.
    Proxy,
    /// The same, with the SQLSTATEs that live Neon has begun to send: 28P01, 28000, 08006.
    Live,
}

/// Why a connection is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// In these words, on request of a test.
    Asked(String),
    /// In these words and with this SQLSTATE, on request of a test.
    AskedWithState(String, String),
    /// There is no such endpoint.
    Missing,
    /// It is disabled.
    Disabled,
    /// IP Allow.
    Address(IpAddr),
    /// The compute was stopped on request.
    NoCompute,
    /// No TLS.
    Insecure,
    /// Two names for the endpoint.
    Inconsistent(String, String),
    /// The secret that is kept is another.
    Password,
    /// A walsender through the pooler.
    Pooled,
    /// A moment of the past. On Neon a compute is made for it; the head would be another answer.
    Past,
}

impl Refusal {
    /// SQLSTATE and text.
    pub(crate) fn words(&self, style: ProxyErrors, user: &str) -> (String, String) {
        let live = style == ProxyErrors::Live;
        let (state, text) = match self {
            Self::Asked(text) => ("XX000", text.clone()),
            Self::AskedWithState(state, text) => (state.as_str(), text.clone()),
            // An endpoint that is not known is answered as a wrong password would be.
            Self::Missing if live => ("28P01", wrong_password(user)),
            Self::Password => (if style == ProxyErrors::Proxy { "XX000" } else { "28P01" }, wrong_password(user)),
            Self::Missing => ("XX000", "Control plane request failed: endpoint cannot be found".to_owned()),
            Self::Disabled if live => {
                ("28000", "The endpoint has been disabled. Enable it using the API and retry.".to_owned())
            }
            Self::Disabled => ("XX000", "Control plane request failed: endpoint is disabled".to_owned()),
            Self::Address(peer) => (
                "XX000",
                format!(
                    "This IP address {peer} is not allowed to connect to this endpoint. Please add it to the allowed \
                     list in the Neon console."
                ),
            ),
            Self::NoCompute => (if live { "08006" } else { "XX000" }, no_compute(live)),
            Self::Insecure => ("XX000", "connection is insecure (try using `sslmode=require`)".to_owned()),
            Self::Inconsistent(sni, option) => (
                "XX000",
                format!("Inconsistent project name inferred from SNI ('{sni}') and project option ('{option}')."),
            ),
            Self::Past => (
                "XX000",
                "the stand-in does not model connections to a moment of the past: create a branch of that moment"
                    .to_owned(),
            ),
            Self::Pooled => (
                "XX000",
                "unsupported startup parameter: replication. Please use unpooled connection or remove this parameter \
                 from the startup package. More details: \
                 https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter"
                    .to_owned(),
            ),
        };
        (state.to_owned(), text)
    }
}

fn no_compute(live: bool) -> String {
    let text = if live { "couldn't connect to compute node" } else { "Couldn't connect to compute node" };
    text.to_owned()
}

/// The proxy quotes the user as nobody else does.
fn wrong_password(user: &str) -> String {
    format!("password authentication failed for user '{user}'")
}

/// SQLSTATE and text of an error that the server answered before the login was over.
pub(crate) fn relayed(style: ProxyErrors, state: &str, text: &str, user: &str) -> (String, String) {
    let text = if state == "28P01" { wrong_password(user) } else { text.to_owned() };
    let state = if style == ProxyErrors::Live && state == "28P01" { state } else { "XX000" };
    (state.to_owned(), text)
}

/// The compute of an endpoint: its branch's, or its own if it only reads.
pub(crate) fn compute_of(world: &World, endpoint: &str) -> Option<String> {
    let (_, branch, endpoint) = world.endpoint(endpoint)?;
    Some(match endpoint.kind {
        EndpointKind::ReadWrite => branch.id.clone(),
        EndpointKind::ReadOnly => endpoint.id.clone(),
    })
}

/// The compute that a connection to this endpoint goes to, or why Neon's proxy would refuse it; a refusal that was asked
/// for counts down.
pub(crate) fn of(
    world: &mut World,
    caches: &mut Caches,
    endpoint: &str,
    user: &str,
    peer: IpAddr,
) -> Result<String, Refusal> {
    let now = Instant::now();
    let keep = Duration::from_millis(world.knobs.proxy_error_cache_ms);
    if let Some(kept) = caches.error(now, endpoint, keep) {
        return Err(kept);
    }
    let admitted = admit(world, caches, now, endpoint, user, peer);
    if let Err(refusal) = &admitted {
        caches.keep_error(now, endpoint, refusal);
    }
    admitted
}

fn admit(
    world: &mut World,
    caches: &mut Caches,
    now: Instant,
    endpoint: &str,
    user: &str,
    peer: IpAddr,
) -> Result<String, Refusal> {
    let keep = Duration::from_millis(world.knobs.proxy_role_cache_ms);
    let knobs = &mut world.knobs;
    if let Some(message) = knobs.refuse_connections.clone()
        && knobs.refuse_times != Some(0)
    {
        knobs.refuse_times = knobs.refuse_times.map(|left| left - 1);
        return Err(match knobs.refuse_sqlstate.clone() {
            Some(state) => Refusal::AskedWithState(state, message),
            None => Refusal::Asked(message),
        });
    }
    let (project, branch, found) = world.endpoint(endpoint).ok_or(Refusal::Missing)?;
    if branch.endpoints_hidden {
        return Err(Refusal::Missing);
    }
    if found.disabled {
        return Err(Refusal::Disabled);
    }
    let restricted = project.settings.get("allowed_ips").unwrap_or(&serde_json::Value::Null);
    let restricted = caches.list(now, endpoint, restricted, keep);
    if !allowed_ips::admits(&restricted, branch.protected, peer) {
        return Err(Refusal::Address(peer));
    }
    let secret = branch.roles.get(user).and_then(|role| role.password.as_deref());
    if !caches.knows_secret(now, endpoint, user, secret, keep) {
        return Err(Refusal::Password);
    }
    compute_of(world, endpoint).ok_or(Refusal::Missing)
}

/// `ErrorResponse` of the protocol.
pub(crate) fn error_response(state: &str, message: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (kind, text) in [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', state), (b'M', message)] {
        fields.push(kind);
        fields.extend_from_slice(text.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    let mut response = vec![b'E'];
    response.extend_from_slice(&length.to_be_bytes());
    response.extend_from_slice(&fields);
    response
}

/// One field of an `ErrorResponse`'s body.
pub(crate) fn field(body: &[u8], wanted: u8) -> String {
    let mut fields = body.split(|&byte| byte == 0);
    let found = fields.find(|field| field.first() == Some(&wanted));
    found.map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn an_error_response_has_its_own_length() {
        let response = error_response("XX000", "no");
        assert_eq!(response[0], b'E');
        let length = u32::from_be_bytes([response[1], response[2], response[3], response[4]]);
        assert_eq!(length as usize, response.len() - 1);
        assert!(response.ends_with(b"CXX000\0Mno\0\0"));
        assert_eq!(field(&response[5..], b'M'), "no");
    }

    fn world() -> (World, String, String) {
        let world = World::new(17, false);
        let branch = world.first_branch().expect("a branch");
        let (branch, endpoint) = (branch.id.clone(), branch.endpoints[0].id.clone());
        (world, branch, endpoint)
    }

    fn seen(world: &mut World, endpoint: &str) -> Result<String, Refusal> {
        of(world, &mut Caches::default(), endpoint, "me", HERE)
    }

    #[test]
    fn a_refusal_counts_down() {
        let (mut world, branch, endpoint) = world();
        assert_eq!(seen(&mut world, &endpoint), Ok(branch.clone()));
        world.knobs.refuse_connections = Some("busy".to_owned());
        world.knobs.refuse_times = Some(1);
        assert_eq!(seen(&mut world, &endpoint), Err(Refusal::Asked("busy".to_owned())));
        assert_eq!(seen(&mut world, &endpoint), Ok(branch));
        assert_eq!(seen(&mut world, "ep-none"), Err(Refusal::Missing));
    }

    #[test]
    fn a_list_without_this_machine_refuses_and_names_it() {
        let (mut world, _, endpoint) = world();
        let list = |ip: &str| json!({"ips": [ip], "protected_branches_only": false});
        world.projects[0].settings["allowed_ips"] = list("192.0.2.1");
        let refused = seen(&mut world, &endpoint).expect_err("refused");
        assert!(refused.words(ProxyErrors::Live, "me").1.contains("127.0.0.1"));
        world.projects[0].settings["allowed_ips"] = list("127.0.0.0/8");
        assert!(seen(&mut world, &endpoint).is_ok());
    }

    #[test]
    fn states_by_generation() {
        let of = |refusal: &Refusal, style| refusal.words(style, "me").0;
        assert_eq!(of(&Refusal::Disabled, ProxyErrors::Proxy), "XX000");
        assert_eq!(of(&Refusal::Disabled, ProxyErrors::Live), "28000");
        assert_eq!(of(&Refusal::NoCompute, ProxyErrors::Live), "08006");
        assert_eq!(Refusal::Missing.words(ProxyErrors::Live, "me").1, "password authentication failed for user 'me'");
        assert_eq!(relayed(ProxyErrors::Proxy, "28P01", "x", "me").0, "XX000");
        assert_eq!(relayed(ProxyErrors::Live, "28P01", "x", "me").0, "28P01");
        assert_eq!(relayed(ProxyErrors::Live, "3D000", "gone", "me"), ("XX000".to_owned(), "gone".to_owned()));
    }
}
