//! The command line, in the form of Go's `flag` package, which providers written in Go have: one dash or two, and
//! `-debug=true` as well as `-debug`.

use std::ffi::OsString;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// Nothing: Terraform gives no arguments.
    Service,
    /// A service for a debugger.
    Debug,
    /// `--version`: print it and end.
    Version,
    /// The list of flags.
    Help,
}

/// Reads all arguments. The error names the first that is not known. Of several flags help wins, then the version.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Wanted, String> {
    let mut wanted = Wanted::Service;
    for argument in arguments {
        let unknown = || format!("Unknown argument `{}`", argument.display());
        let text = argument.to_str().ok_or_else(unknown)?;
        let flag = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).ok_or_else(unknown)?;
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let asks_for = match name {
            "debug" => Wanted::Debug,
            "version" => Wanted::Version,
            "help" | "h" => Wanted::Help,
            _ => return Err(unknown()),
        };
        let is_set = value.map_or(Some(true), boolean);
        if is_set.ok_or_else(|| format!("`{name}` is `true` or `false`, not `{}`", value.unwrap_or_default()))? {
            wanted = wanted.max(asks_for);
        }
    }
    Ok(wanted)
}

/// A bool as Go's `strconv.ParseBool` reads it.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Result<Wanted, String> {
        read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn flags_have_gos_forms() {
        for text in ["-debug", "--debug", "-debug=true", "--debug=1", "--debug=T"] {
            assert_eq!(asked(&[text]), Ok(Wanted::Debug), "{text}");
        }
        for text in ["-debug=false", "--debug=0", "--version=F"] {
            assert_eq!(asked(&[text]), Ok(Wanted::Service), "{text}");
        }
        assert_eq!(asked(&["-version"]), Ok(Wanted::Version));
        assert_eq!(asked(&["-h"]), Ok(Wanted::Help));
        assert_eq!(asked(&["--debug", "--help", "--version"]), Ok(Wanted::Help));
        assert_eq!(asked(&[]), Ok(Wanted::Service));
    }

    #[test]
    fn what_is_not_known_is_refused_wherever_it_stands() {
        for arguments in
            [&["--frob"][..], &["debug"], &["-"], &["--"], &["---debug"], &["--debug", "--frob"], &["--debug", "x"]]
        {
            let last = arguments.last().unwrap();
            assert_eq!(asked(arguments), Err(format!("Unknown argument `{last}`")));
        }
        assert_eq!(asked(&["--debug=yes"]), Err("`debug` is `true` or `false`, not `yes`".into()));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        assert!(read([OsString::from_vec(vec![b'-', 0xff])]).is_err());
    }
}
