//! The toy provider under the real CLI: what Terraform itself refuses shows only here.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::plugin::BINARY;

/// A folder with a configuration that uses the toy provider.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plugins = folder.path().join(".plugins");
        fs::create_dir(&plugins).expect("a folder");
        std::os::unix::fs::symlink(BINARY, plugins.join("terraform-provider-toy")).expect("a link");
        let rc = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"acme/toy\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            plugins.display()
        );
        fs::write(folder.path().join(".cli.rc"), rc).expect("the CLI's configuration");
        let it = Self { folder };
        it.write(body);
        it
    }

    fn write(&self, body: &str) {
        let head = "terraform {\n  required_providers {\n    toy = { source = \"acme/toy\" }\n  }\n}\n";
        let provider = format!("provider \"toy\" {{\n  folder = \"{}\"\n}}\n", self.folder.path().display());
        fs::write(self.folder.path().join("main.tf"), format!("{head}{provider}{body}")).expect("a file");
    }

    /// The exit code, and all that was printed.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let program = std::env::var("NEONREP_CLI").unwrap_or_else(|_| "terraform".to_owned());
        let output = Command::new(program)
            .args(arguments)
            .arg("-no-color")
            .current_dir(self.folder.path())
            .env_remove("TF_LOG")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join(".cli.rc"))
            .output()
            .expect("the CLI runs");
        let text = [output.stdout, output.stderr].map(|it| String::from_utf8(it).expect("text")).concat();
        (output.status.code().expect("a code"), text)
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }

    fn plans_nothing(&self) {
        let (code, text) = self.run(&["plan", "-detailed-exitcode"]);
        assert_eq!(code, 0, "{text}");
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }
}

/// Needs Terraform or OpenTofu 1.11.
#[test]
fn ephemeral_and_write_only_values_reach_the_provider_and_no_file_of_terraform() {
    let workspace = Workspace::new(
        r#"
        ephemeral "toy_token" "me" { name = "me" }
        resource "toy_note" "a" {
          name           = "a"
          text           = provider::toy::join(null, "x", "y").text
          secret         = ephemeral.toy_token.me.token
          secret_version = 1
        }
        output "bytes" { value = toy_note.a.bytes }
        "#,
    );
    workspace.succeeds(&["apply", "-auto-approve"]);
    assert_eq!((workspace.file("a"), workspace.file("a.secret")), (Some("x-y".into()), Some("token of me".into())));
    assert!(workspace.file("me.closed").is_some());
    assert!(!workspace.file("terraform.tfstate").expect("a state").contains("token of me"));
    workspace.plans_nothing();
    workspace.succeeds(&["destroy", "-auto-approve"]);
    assert_eq!(workspace.file("a"), None);
}

#[test]
fn an_error_of_a_function_points_at_its_argument() {
    let workspace = Workspace::new("output \"it\" { value = provider::toy::join(\"-\", \"x\", \"\") }\n");
    let (code, text) = workspace.run(&["plan"]);
    assert_eq!(code, 1);
    assert!(text.contains("The part `` is empty") && text.contains("Invalid value for \"parts\" parameter"), "{text}");
}

#[test]
fn an_import_plans_nothing_afterwards() {
    let workspace = Workspace::new(
        "import {\n  to = toy_note.a\n  id = \"a\"\n}\nresource \"toy_note\" \"a\" {\n  name = \"a\"\n  text = \"t\"\n}\n",
    );
    fs::write(workspace.folder.path().join("a"), "t").expect("a file");
    let text = workspace.succeeds(&["apply", "-auto-approve"]);
    assert!(text.contains("1 imported, 0 added, 0 changed, 0 destroyed"), "{text}");
    workspace.plans_nothing();
}

#[test]
fn what_terraform_lets_through_is_refused_before_anything_changes() {
    let workspace = Workspace::new("resource \"toy_note\" \"a\" {\n  name = \"a\"\n}\n");
    workspace.succeeds(&["apply", "-auto-approve"]);
    workspace.write("resource \"toy_note\" \"a\" {\n  name = one([for it in [\"a\"] : it if it == \"b\"])\n}\n");
    let (code, text) = workspace.run(&["apply", "-auto-approve"]);
    assert!(code == 1 && text.contains("Missing required argument"), "{text}");
    assert_eq!(workspace.file("a"), Some(String::new()), "the old file is where it was");
    workspace.write("resource \"toy_note\" \"a\" {\n  name = \"a\"\n  bytes = 3\n}\n");
    let (code, text) = workspace.run(&["validate"]);
    assert!(code == 1 && text.contains("Read-only attribute is set"), "{text}");
}
