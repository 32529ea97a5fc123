//! The handshake with the parent process as go-plugin does it: what the environment asks for, and the answer line.

use std::env;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::about::About;
use crate::process::address::{Address, Place};
use crate::process::arguments::{self, Wanted};

/// Terraform's and OpenTofu's public constant. It tells a start by them from a start by hand; it is no secret.
const COOKIE_KEY: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// Version of go-plugin's own protocol, the first field of the line.
const CORE_PROTOCOL: u32 = 1;
/// Terraform's plugin protocol that we speak.
pub(crate) const PROTOCOL: u32 = 6;
/// Ports for TCP where the parent names none.
const PORTS: RangeInclusive<u16> = 10_000..=25_000;

/// What the command line and the environment ask of this process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Serve the parent that started us.
    Serve(Launch),
    /// Serve for a debugger: many runs of Terraform, none of which started us.
    Debug(Place),
    /// Print this and end well.
    Tell(String),
    /// Print this on stderr and end with code 1.
    Refuse(String),
}

/// How the parent wants to be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// PEM text of the only certificate that may connect. None: the parent asks for plaintext.
    pub(crate) client_certificate: Option<String>,
    /// Whether [`PROTOCOL`] is among the versions that the parent knows.
    pub(crate) understood: bool,
    /// Whether the parent splits the line into seven fields.
    pub(crate) seventh_field: bool,
    pub(crate) place: Place,
}

/// Reads command line and environment. Nothing is opened and nothing printed.
pub(crate) fn ask(
    about: &About,
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Ask {
    // An empty variable counts as absent, as go-plugin has it.
    let variable = |name: &str| environment(name).filter(|it| !it.is_empty());
    let text = |name: &str| variable(name).and_then(|it| it.into_string().ok());
    let number = |name: &str| text(name).and_then(|it| it.parse::<u16>().ok());
    let place = Place {
        folder: variable("PLUGIN_UNIX_SOCKET_DIR").map_or_else(env::temp_dir, PathBuf::from),
        #[cfg(unix)]
        group: text("PLUGIN_UNIX_SOCKET_GROUP"),
        ports: number("PLUGIN_MIN_PORT").unwrap_or(*PORTS.start())..=number("PLUGIN_MAX_PORT").unwrap_or(*PORTS.end()),
    };

    match arguments::read(arguments) {
        Ok(Wanted::Service) => {}
        Ok(Wanted::Version) => return Ask::Tell(format!("{} {}", about.binary(), about.version)),
        Ok(Wanted::Help) => return Ask::Tell(help(about)),
        Ok(Wanted::Debug) => return Ask::Debug(place),
        Err(problem) => return Ask::Refuse(format!("{problem}. See `--help`.")),
    }
    if text(COOKIE_KEY).as_deref() != Some(COOKIE) {
        return Ask::Refuse(by_hand(about));
    }
    Ask::Serve(Launch {
        // Bytes that are no text are a broken certificate, not a wish for plaintext.
        client_certificate: variable("PLUGIN_CLIENT_CERT").map(|it| it.to_string_lossy().into_owned()),
        understood: text("PLUGIN_PROTOCOL_VERSIONS").is_none_or(|it| understands(&it)),
        seventh_field: variable("PLUGIN_MULTIPLEX_GRPC").is_some(),
        place,
    })
}

/// Whether the comma list, in any order, has our protocol version.
fn understands(versions: &str) -> bool {
    versions.split(',').any(|it| it.trim().parse() == Ok(PROTOCOL))
}

fn by_hand(about: &About) -> String {
    format!(
        "This program is a provider of Terraform and OpenTofu: they start it themselves, it does nothing when run by hand. \
         Name `{}` under `required_providers` in a configuration and run `terraform init`. \
         `{} --help` says what else it can do.",
        about.source(),
        about.binary(),
    )
}

fn help(about: &About) -> String {
    let binary = about.binary();
    format!(
        "{binary} {version}\n\
         {purpose}\n\n\
         Terraform and OpenTofu start this program themselves. By hand:\n\n\
         \x20 {binary} --version   print the version\n\
         \x20 {binary} --debug     serve until Ctrl-C; prints TF_REATTACH_PROVIDERS for runs that are to use this process\n\
         \x20 {binary} --help      print this text\n\n\
         Logs go to stderr, by TF_LOG, TF_LOG_PROVIDER or TF_LOG_PROVIDER_{upper} (TRACE, DEBUG, INFO, WARN, ERROR, OFF).",
        version = about.version,
        purpose = about.purpose,
        upper = about.variable_suffix(),
    )
}

/// The one line on stdout that tells the parent where and how to connect, without its newline.
///
/// Seven fields only where the parent asks for the seventh: others split into six. Multiplexing is declined.
/// `certificate` is base64 of the DER form, or empty without TLS.
pub(crate) fn line(address: &Address, certificate: &str, seventh_field: bool) -> String {
    let seventh = if seventh_field { "|false" } else { "" };
    format!("{CORE_PROTOCOL}|{PROTOCOL}|{}|{}|grpc|{certificate}{seventh}", address.network(), address.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About = About {
        name: "sample",
        version: "1.2.3",
        purpose: "Samples.",
        log_crates: &[],
        addresses: &["registry.terraform.io/acme/sample", "registry.opentofu.org/acme/sample"],
    };

    fn asked(arguments: &[&str], environment: &[(&str, &str)]) -> Ask {
        ask(&ABOUT, arguments.iter().map(OsString::from), |name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn launched(environment: &[(&str, &str)]) -> Launch {
        let mut all = vec![(COOKIE_KEY, COOKIE)];
        all.extend_from_slice(environment);
        match asked(&[], &all) {
            Ask::Serve(launch) => launch,
            other => panic!("asked for {other:?}"),
        }
    }

    #[test]
    fn a_start_by_hand_is_explained() {
        for environment in [&[][..], &[(COOKIE_KEY, "wrong")]] {
            let Ask::Refuse(text) = asked(&[], environment) else { panic!("served") };
            assert!(text.contains("`acme/sample`"), "{text}");
        }
    }

    #[test]
    fn version_help_debug_and_unknown_arguments() {
        let by_hand = asked(&["-debug=false"], &[]);
        assert!(matches!(&by_hand, Ask::Refuse(text) if text.contains("required_providers")), "{by_hand:?}");
        assert_eq!(asked(&["--version"], &[]), Ask::Tell("terraform-provider-sample 1.2.3".into()));
        assert!(matches!(asked(&["--help"], &[]), Ask::Tell(text) if text.contains("TF_LOG_PROVIDER_SAMPLE")));
        assert!(matches!(asked(&["-debug"], &[]), Ask::Debug(_)));
        assert!(matches!(asked(&["--frob"], &[(COOKIE_KEY, COOKIE)]), Ask::Refuse(text) if text.contains("--frob")));
    }

    #[test]
    fn versions_come_in_any_order() {
        for (versions, understood) in
            [("5,6", true), ("6,5", true), ("6", true), ("5", false), ("", true), ("16,66", false)]
        {
            assert_eq!(launched(&[("PLUGIN_PROTOCOL_VERSIONS", versions)]).understood, understood, "{versions}");
        }
    }

    #[test]
    fn the_parent_says_where_to_listen() {
        let place = launched(&[
            ("PLUGIN_UNIX_SOCKET_DIR", "/run/x"),
            ("PLUGIN_MIN_PORT", "20000"),
            ("PLUGIN_MAX_PORT", "no number"),
        ])
        .place;
        assert_eq!((place.folder, place.ports), (PathBuf::from("/run/x"), 20_000..=25_000));
        let place = launched(&[]).place;
        assert_eq!((place.folder, place.ports), (env::temp_dir(), PORTS));
    }

    #[cfg(unix)]
    #[test]
    fn the_parent_says_whose_socket_it_is() {
        assert_eq!(launched(&[("PLUGIN_UNIX_SOCKET_GROUP", "staff")]).place.group.as_deref(), Some("staff"));
        assert_eq!(launched(&[]).place.group, None);
    }

    #[test]
    fn plaintext_only_without_a_certificate() {
        assert_eq!(launched(&[]).client_certificate, None);
        assert_eq!(launched(&[("PLUGIN_CLIENT_CERT", "PEM")]).client_certificate.as_deref(), Some("PEM"));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_do_not_turn_tls_off() {
        use std::os::unix::ffi::OsStringExt;
        let Ask::Serve(launch) = ask(&ABOUT, [], |name| match name {
            COOKIE_KEY => Some(COOKIE.into()),
            "PLUGIN_CLIENT_CERT" => Some(OsString::from_vec(vec![0xff])),
            _ => None,
        }) else {
            panic!("not served");
        };
        assert!(launch.client_certificate.is_some());
    }

    #[test]
    fn the_line_has_six_fields_or_seven_when_asked() {
        let address = Address::Tcp("127.0.0.1:10000".parse().unwrap());
        assert_eq!(line(&address, "QUJD", false), "1|6|tcp|127.0.0.1:10000|grpc|QUJD");
        assert_eq!(line(&address, "", false), "1|6|tcp|127.0.0.1:10000|grpc|");
        assert_eq!(line(&address, "QUJD", true), "1|6|tcp|127.0.0.1:10000|grpc|QUJD|false");
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_told_by_its_path() {
        assert_eq!(line(&Address::Unix("/tmp/s".into()), "", false), "1|6|unix|/tmp/s|grpc|");
    }
}
