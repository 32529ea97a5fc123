//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// A stand-in for Neon on one machine: its control plane over HTTP in front of a real Postgres server.
///
/// Prints one JSON line when it is ready and ends all that it started on SIGINT, SIGTERM or when its parent ends.
#[derive(Debug, Parser)]
#[command(name = "neon-stand-in", version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Cli {
    /// Major version of Postgres: 14 to 18
    #[arg(long, env = "NEON_STAND_IN_POSTGRES", default_value_t = 17, value_parser = clap::value_parser!(u16).range(14..=18))]
    pub(crate) postgres: u16,

    /// Address of the API; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// A name that clients call us by, in place of localhost; may be repeated, the first one is announced
    #[arg(long = "name", env = "NEON_STAND_IN_NAME", value_name = "NAME", value_delimiter = ',')]
    pub(crate) names: Vec<String>,

    /// Port of Postgres on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) postgres_port: u16,

    /// Print `export` lines instead of the JSON line
    #[arg(long)]
    pub(crate) env: bool,

    /// Begin with logical replication enabled
    #[arg(long)]
    pub(crate) logical: bool,

    /// The API key to accept instead of a random one; arguments show in `ps`, the environment does not
    #[arg(long, env = "NEON_STAND_IN_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// A further line of postgresql.conf, as in `log_statement = 'all'`; may be repeated
    #[arg(long = "set", value_name = "LINE")]
    pub(crate) settings: Vec<String>,

    /// Folder that keeps the unpacked servers
    #[arg(long, env = "NEON_STAND_IN_CACHE")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Go to the background once all is ready, and stay when the parent process ends
    #[arg(long)]
    pub(crate) detached: bool,

    /// File that holds the process id as long as this runs
    #[arg(long, value_name = "PATH")]
    pub(crate) pid_file: Option<PathBuf>,

    /// The secret part of the admin URL instead of a random one
    #[arg(env = "NEON_STAND_IN_ADMIN_TOKEN", long, hide_env_values = true, value_parser = token)]
    pub(crate) admin_token: Option<String>,

    /// Fetch and unpack the server, then end: later starts are quick
    #[arg(long)]
    pub(crate) fetch: bool,
}

/// A token that nobody guesses, and that needs no escape in a URL.
fn token(text: &str) -> Result<String, String> {
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("at least 16 letters and digits".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_call_is_enough() {
        let cli = Cli::try_parse_from(["neon-stand-in", "--postgres", "17"]).expect("documented");
        assert_eq!(cli.postgres, 17);
        assert!(!cli.env && !cli.logical && !cli.detached);
    }

    #[test]
    fn a_token_is_long_and_plain() {
        assert!(token("abcdefgh12345678").is_ok());
        assert!(token("short").is_err() && token("abcdefgh/1234567").is_err());
    }

    #[test]
    fn other_majors_are_refused() {
        for major in ["13", "19", "x"] {
            assert!(Cli::try_parse_from(["neon-stand-in", "--postgres", major]).is_err());
        }
    }
}
