//! The programs under test: `terraform`, or whatever `NEONREP_CLI` names, the provider, the stand-in and its Postgres.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// What `NEONREP_CLI` says, else `terraform`, else `tofu`. Panics in one sentence when there is none: a test that
/// needs it must not pass without it.
pub(crate) fn program() -> &'static PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os("NEONREP_CLI").filter(|it| !it.is_empty()) {
            return PathBuf::from(named);
        }
        ["terraform", "tofu"]
            .into_iter()
            .find(|name| Command::new(name).arg("version").env("CHECKPOINT_DISABLE", "1").output().is_ok())
            .map(PathBuf::from)
            .expect("neither `terraform` nor `tofu` is on the PATH, and NEONREP_CLI names no other")
    })
}

/// The built provider, which Cargo builds before the tests of this package; `NEONREP_PROVIDER` names another.
pub(crate) fn provider() -> PathBuf {
    if let Some(named) = std::env::var_os("NEONREP_PROVIDER").filter(|it| !it.is_empty()) {
        return PathBuf::from(named);
    }
    if let Some(built) = option_env!("CARGO_BIN_EXE_terraform-provider-neonrep") {
        return PathBuf::from(built);
    }
    beside_tests("terraform-provider-neonrep")
}

/// The built stand-in: `NEON_STAND_IN`, else the program in the folder of this build.
pub(crate) fn stand_in() -> PathBuf {
    std::env::var_os("NEON_STAND_IN").map_or_else(|| beside_tests("neon-stand-in"), PathBuf::from)
}

/// A program in the profile's folder (`target/debug`), where tests and examples are one folder deeper.
fn beside_tests(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let profile = own.parent().and_then(std::path::Path::parent).expect("a program in target/<profile>/deps");
    let found = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(found.is_file(), "{} is not built: `make build` builds it", found.display());
    found
}

/// A folder below the build folder that outlives a run; none in an example.
pub(crate) fn scratch() -> Option<PathBuf> {
    option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from)
}
