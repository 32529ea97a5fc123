//! What the tests take from npm, at the versions of `tests/it/npm`: Neon's own CLI, and Neon's `OpenAPI` document.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder with `node_modules`, installed once below the build folder.
pub(crate) fn folder() -> &'static PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| {
        let folder = super::cli::scratch().expect("a test").join("npm");
        let wanted = include_str!("../npm/package-lock.json");
        let done = folder.join("installed");
        if fs::read_to_string(&done).is_ok_and(|it| it == wanted) {
            return folder;
        }
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("package.json"), include_str!("../npm/package.json")).expect("a file");
        fs::write(folder.join("package-lock.json"), wanted).expect("a file");
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        let output = npm.output().expect("npm is on the PATH");
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(&done, wanted).expect("a file");
        folder
    })
}
