//! Errors of the lower layers as diagnostics: what was tried, what was answered, what to do.
//!
//! Told apart by kind, never by text. A resource explains what is particular to it itself, and leaves the rest to these.

use tfplugin::{AttributePath, Diagnostic, Diagnostics, path};

use super::remedies;
use super::words::{enumerate, sentence};
use crate::neon::ProjectId;
use crate::target::{Container, Error, WrongSettings};
use crate::{neon, postgres};

/// `doing` is what was attempted, as in `create publication "p"`: the summary is `Cannot` and that.
pub(crate) fn target(doing: &str, error: &Error) -> Diagnostic {
    let (answered, advice, at) = match error {
        Error::Gone { container, instead, .. } => {
            let (advice, at) = match container {
                Container::Branch => {
                    let advice = "Name an existing branch, or remove `branch_id` to use the default branch.";
                    (advice.to_owned(), path!(branch_id))
                }
                Container::Database => {
                    let advice = "Create the database first, or name an existing one.";
                    let there = match instead.as_slice() {
                        [] => String::new(),
                        there => format!(" There is {}. If the database was renamed, set `database` to its new name.", enumerate(there)),
                    };
                    (format!("{advice}{there}"), path!(database))
                }
            };
            (format!("{} does not exist.", sentence(&error.to_string())), advice, at)
        }
        Error::NoDatabase(_) => (
            format!("{}.", sentence(&error.to_string())),
            "Create a database on the branch first.".to_owned(),
            AttributePath::root(),
        ),
        Error::ProjectNotFound { project, source } => (
            format!("The Neon API answered that project `{project}` does not exist, or that the key cannot see it: {source}."),
            "Check `project_id` and the API key. Nothing was removed from the state. If the project is permanently gone, run \
             `terraform destroy -refresh=false` or `terraform state rm` to remove its objects from the state."
                .to_owned(),
            path!(project_id),
        ),
        Error::PooledHost { .. } => (
            format!("{}.", sentence(&error.to_string())),
            "The provider needs the direct host. Check the pooling settings of the endpoint.".to_owned(),
            AttributePath::root(),
        ),
        Error::NoPassword { role, why } => (
            format!("The password of role `{role}` is not available: {}.", why.trim_end_matches('.')),
            format!(
                "Add the password to the provider's `role_passwords`, as in `role_passwords = {{ {role} = var.password }}`, or set \
                 `connect_as` to a role that can log in. An import does not know `connect_as`: for it, add a role that can log in to \
                 `role_passwords`."
            ),
            AttributePath::root(),
        ),
        Error::LoginRejected { role, source } => (
            format!("{}.", sentence(source.message())),
            format!(
                "Check the password of role `{role}`: `password` of the provider's `sql` block (or `PGPASSWORD`), or its entry in \
                 `role_passwords`."
            ),
            AttributePath::root(),
        ),
        Error::NoCompute { what } => (
            format!("{}.", sentence(what)),
            "SQL runs on the read-write compute (endpoint) of a branch. It may have been deleted. Add one in the Neon console, \
             then try again. Nothing was removed from the state."
                .to_owned(),
            AttributePath::root(),
        ),
        Error::NotNeon => (
            "The provider's `sql` block connects to one server directly, and this object belongs to a Neon project.".to_owned(),
            "Use a provider configuration without `sql`.".to_owned(),
            AttributePath::root(),
        ),
        Error::NotDirect => (
            "This object belongs to a server that is reached directly, and the provider has no `sql` block.".to_owned(),
            "Use the provider configuration with the `sql` block that created it.".to_owned(),
            AttributePath::root(),
        ),
        Error::Neon(error) => return neon(doing, error),
        Error::Postgres(error) => return postgres(doing, error),
    };
    Diagnostic::error(format!("Cannot {doing}"), format!("{answered}\n\n{advice}")).at(at)
}

/// A key that may only read.
pub(crate) fn read_only(doing: &str, project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The API key may only read project `{project}` (its permission is `VIEWER`), so the Neon API would refuse the change.\n\nSet \
         `api_key`, or the environment variable `NEON_API_KEY`, to a key that may change this project."
    );
    Diagnostic::error(format!("Cannot {doing}"), detail).at(path!(project_id))
}

/// The same for Neon's API alone.
pub(crate) fn neon(doing: &str, error: &neon::Error) -> Diagnostic {
    use neon::Kind;
    let (advice, at) = match error.kind() {
        Kind::Unauthorized => (
            "The Neon API rejected the key. Check the provider's `api_key`, or the environment variable `NEON_API_KEY`: the key is wrong or was revoked.",
            AttributePath::root(),
        ),
        Kind::Forbidden => (
            "The Neon API accepts the key, but the key may not do this. Set `api_key`, or the environment variable `NEON_API_KEY`, to a key \
             that has write access to this project.",
            AttributePath::root(),
        ),
        Kind::NotFound => ("The object does not exist, or the key cannot see it.", AttributePath::root()),
        Kind::Conflict => ("An object with this name already exists.", AttributePath::root()),
        Kind::Locked => (
            "Another operation is running on the project, and did not finish in time. Wait for it to finish, or raise `timeouts`.",
            AttributePath::root(),
        ),
        Kind::RateLimited => (
            "This key has made too many requests. Try again later, or with a lower `-parallelism`.",
            AttributePath::root(),
        ),
        Kind::PasswordsNotStored => ("The project does not store passwords.", path!(project_id)),
        Kind::NotJson => (
            "This answer does not come from the Neon API. Check `api_url` (or `NEON_API_URL`), and any proxy in between.",
            AttributePath::root(),
        ),
        Kind::Unavailable | Kind::Network => (
            "The Neon API is unavailable or unreachable. Check `api_url` (or `NEON_API_URL`), `HTTPS_PROXY` and your network, then try again.",
            AttributePath::root(),
        ),
        Kind::UntrustedServer => (
            "Set `SSL_CERT_FILE` to the root certificates to trust, for example those of a proxy that inspects TLS, or check `api_url` \
             (or `NEON_API_URL`) and `HTTPS_PROXY`.",
            AttributePath::root(),
        ),
        Kind::UnknownHost => (
            "Check the host in `api_url` (or `NEON_API_URL`), the host in `HTTPS_PROXY` if one is set, and name resolution on this machine.",
            AttributePath::root(),
        ),
        Kind::ProxyRefused => (
            "Check `HTTPS_PROXY` and its user and password, or exclude the host of the API with `NO_PROXY`.",
            AttributePath::root(),
        ),
        Kind::AnswerLost => (
            "The provider could not find out whether the request took effect. Plan again: an object that was created shows up then, and can be \
             imported. If a web page answered instead of the API, check `api_url` (or `NEON_API_URL`), and any proxy in between.",
            AttributePath::root(),
        ),
        Kind::OperationFailed => (
            "Neon accepted the request and then failed to carry it out. The Neon console shows the operation. Plan again to see the current state.",
            AttributePath::root(),
        ),
        Kind::TimedOut => {
            ("If the operation only needs more time, raise the resource's `timeouts`.", AttributePath::root())
        }
        Kind::Cancelled => ("The run was interrupted. Plan again to see the current state.", AttributePath::root()),
        Kind::Rejected => ("The Neon API rejected the request.", AttributePath::root()),
    };
    Diagnostic::error(format!("Cannot {doing}"), format!("{}.\n\n{advice}", sentence(&error.to_string()))).at(at)
}

/// The same for Postgres alone. The server's own detail and hint are kept.
pub(crate) fn postgres(doing: &str, error: &postgres::Error) -> Diagnostic {
    let advice = match error.remedy() {
        Some(remedy) => remedies::advice(remedy),
        None if error.is_interruption() => "Plan again to see the current state.",
        None => of_kind(error.kind()),
    };
    let mut detail = format!("{}.", sentence(error.message()));
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        detail = format!("{detail}\n{more}");
    }
    if let Some(sqlstate) = error.sqlstate() {
        detail = format!("{detail} (SQLSTATE {sqlstate})");
    }
    if let Some(statement) = error.statement() {
        detail = format!("{detail}\n\nThe statement: {statement}");
    }
    if !advice.is_empty() {
        detail = format!("{detail}\n\n{advice}");
    }
    Diagnostic::error(format!("Cannot {doing}"), detail)
}

/// What to do about an error of Postgres, where its kind says it.
fn of_kind(kind: postgres::Kind) -> &'static str {
    use postgres::Kind;
    match kind {
        Kind::InsufficientPrivilege => {
            "The connecting role lacks the privilege. Set `connect_as` to a role that has it."
        }
        Kind::ReadOnlyServer => {
            "The server is a standby (a read replica), and accepts no changes. Use the host of its primary server: check `host` of the \
             provider's `sql` block."
        }
        Kind::ConnectionLost => "The server is unreachable, or closed the connection. Try again.",
        Kind::CommitUnknown => "The connection was lost during COMMIT. Plan again to see the current state.",
        Kind::AuthFailed => {
            "Postgres rejected the password. It may have been changed with SQL, or the endpoint may no longer exist. Reset the password in Neon, or check `branch_id`."
        }
        Kind::Tls => {
            "The server's certificate is not trusted. Set the provider's `sslrootcert` (or `PGSSLROOTCERT`) to a file of root certificates."
        }
        Kind::Timeout => {
            "If the operation only needs more time, raise the resource's `timeouts` (or the provider's `connect_timeout`)."
        }
        Kind::TooManyConnections => {
            "Lower the provider's `max_connections`, or raise the connection limit of the role, database or server."
        }
        Kind::LoginRefused => {
            "The role does not exist or may not log in to this database, or no line of `pg_hba.conf` admits it. Set `connect_as` to a role \
             that may log in."
        }
        Kind::WeakAuthentication => {
            "Let the server ask for the password with SCRAM (`password_encryption = scram-sha-256`). To send the password in another way, \
             set `require_auth` in the provider's `sql` block."
        }
        Kind::SessionsBusy => "Raise the provider's `max_connections`, or lower `-parallelism`.",
        Kind::LockNotAvailable => {
            "Another transaction held a lock on the object the whole time. End that transaction, or raise `timeouts`."
        }
        Kind::DependentObjects => {
            "Other objects depend on it. Drop them first, or destroy them together with it, then destroy again."
        }
        Kind::QueryCancelled => "The statement was cancelled, by a time limit or by another session.",
        Kind::NotUnderstood => "This version of Postgres does not support the statement.",
        Kind::Decode => "This is a bug in the provider. Please report it with this text.",
        _ => "",
    }
}

/// Settings of the provider that cannot work.
pub(crate) fn settings(wrong: &WrongSettings) -> Diagnostics {
    let at = match wrong {
        WrongSettings::RootCertificates(_) => path!(sslrootcert),
        WrongSettings::Neon(error) if error.kind() == neon::Kind::Unauthorized => path!(api_key),
        WrongSettings::Neon(_) => path!(api_url),
    };
    Diagnostic::error("Invalid provider configuration", format!("{}.", sentence(&wrong.to_string()))).at(at).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neon::BranchId;
    use crate::target::Branch;

    /// Summary, detail and path in one text.
    fn said(diagnostic: &Diagnostic) -> String {
        format!("{}|{}|{}", diagnostic.path, diagnostic.summary, diagnostic.detail)
    }

    #[test]
    fn each_way_of_not_getting_in_says_what_to_do() {
        let project = ProjectId::parse("p-1").unwrap();
        let branch = Branch { project: project.clone(), id: BranchId::parse("br-1").unwrap() };
        let not_found = neon::Error::new(neon::Kind::NotFound, "project not found");
        for (error, parts) in [
            (Error::branch_gone(&branch), &["branch_id|", "`br-1` of project `p-1`", "default branch"][..]),
            (
                Error::Gone {
                    container: Container::Database,
                    what: "database `d`".to_owned(),
                    instead: vec!["e".to_owned(), "f".to_owned()],
                },
                &["database|", "Create the database", "`e` and `f`", "renamed"],
            ),
            (
                Error::ProjectNotFound { project, source: not_found },
                &["project_id|", "`p-1`", "destroy -refresh=false", "state rm", "the key"],
            ),
            (Error::PooledHost { host: "ep-x-pooler.neon.tech".to_owned() }, &["ep-x-pooler.neon.tech", "direct host"]),
            (
                Error::NoPassword { role: "owner".to_owned(), why: "the API says so.".to_owned() },
                &[
                    "`owner`",
                    "not available: the API says so.
",
                    "role_passwords",
                    "connect_as",
                ],
            ),
            (
                Error::LoginRejected {
                    role: "me".to_owned(),
                    source: postgres::Error::new(postgres::Kind::AuthFailed, "it is wrong"),
                },
                &["It is wrong.", "role `me`", "`sql`", "PGPASSWORD", "role_passwords"],
            ),
            (
                Error::NoCompute { what: "branch `br-1` has no read-write compute".to_owned() },
                &["Branch `br-1` has no", "Add one", "deleted", "state"],
            ),
        ] {
            let text = said(&target("look", &error));
            for part in parts {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(text.contains("Cannot look"), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_refused_is_named_by_where_it_comes_from() {
        for kind in [neon::Kind::Unauthorized, neon::Kind::Forbidden] {
            let text = said(&neon("look", &neon::Error::new(kind, "no")));
            assert!(text.contains("`api_key`") && text.contains("NEON_API_KEY"), "{text}");
        }
        let text = said(&neon("look", &neon::Error::new(neon::Kind::NotJson, "a page")));
        assert!(text.contains("api_url"), "{text}");
    }

    /// The texts of Neon's proxy and control plane, each with what the message says to do. `None`: it goes away by itself.
    #[test]
    fn each_error_of_the_proxy_says_what_cures_it() {
        let transient = "Try again.";
        for (sqlstate, text, cure) in [
            ("XX000", "the database system is starting up", transient),
            ("XX000", "sorry, too many clients already", "max_connections"),
            (
                "XX000",
                "remaining connection slots are reserved for roles with the SUPERUSER attribute",
                "max_connections",
            ),
            ("53300", "too many connections for role \"x\"", "connection limit of the role"),
            ("XX000", "database \"d\" does not exist", "Create the database first"),
            ("XX000", "error communicating with the server: early eof", transient),
            ("28P01", "password authentication failed for user \"x\"", "changed with SQL. Reset the password"),
            ("XX000", "password authentication failed for user 'x'", "the compute was deleted: check `branch_id`"),
            (
                "28000",
                "The endpoint has been disabled. Enable it using the API and retry.",
                "Enable it in the Neon console",
            ),
            (
                "XX000",
                "The endpoint has been disabled. Enable it using Neon API and retry.",
                "Enable it in the Neon console",
            ),
            ("28000", "role \"x\" is not permitted to log in", "Set `connect_as`"),
            ("28000", "no pg_hba.conf entry for host \"192.0.2.1\"", "pg_hba.conf"),
            ("08006", "couldn't connect to compute node", transient),
            ("XX000", "Couldn't connect to compute node", transient),
            (
                "XX000",
                "Your project already has running operations. Please wait until they complete, and then try again.",
                transient,
            ),
            (
                "XX000",
                "The requested endpoint could not be found, or you don't have access to it.",
                "Check `branch_id`",
            ),
            ("XX000", "You've exceeded the rate limit. Please wait a moment and try again.", transient),
            ("XX000", "You have exceeded the limit of concurrently active endpoints.", "Suspend or delete computes"),
            (
                "XX000",
                "Your account or project has exceeded the compute time quota. Upgrade your plan.",
                "Raise the quota",
            ),
            ("XX000", "You've exceeded the compute time for this branch.", "Raise the quota"),
            ("XX000", "The role you're attempting to use is protected", "`connect_as` to a role that may"),
            (
                "XX000",
                "Inconsistent project name inferred from SNI ('a') and project option ('b').",
                "server name of TLS",
            ),
            ("XX000", "connection is insecure (try using `sslmode=require`)", "Neon requires TLS"),
            ("XX000", "This IP address 192.0.2.1 is not allowed to connect to this endpoint.", "IP Allow list"),
            ("XX000", "unsupported startup parameter: replication", "direct host"),
        ] {
            let error = postgres::Error::of_server(sqlstate, text, None, None);
            let told = said(&postgres("look", &error));
            assert!(told.contains(cure) && told.contains(sqlstate), "{text}: {told}");
            let waits = matches!(error.kind(), postgres::Kind::ConnectionLost | postgres::Kind::TooManyConnections);
            assert_eq!(waits, cure == transient || cure.contains("connection"), "{text} is waited for: {waits}");
        }
    }

    #[test]
    fn what_the_server_says_is_kept() {
        use postgres::{Error, Kind};
        for (kind, part) in [
            (Kind::AuthFailed, "password"),
            (Kind::DependentObjects, "destroy them together"),
            (Kind::WeakAuthentication, "`require_auth`"),
            (Kind::InsufficientPrivilege, "connect_as"),
            (Kind::ReadOnlyServer, "`host` of the provider's `sql` block"),
            (Kind::Other, "The server's words"),
        ] {
            let text = said(&postgres("look", &Error::new(kind, "the server's words.")));
            assert!(text.contains(part) && text.contains("The server's words."), "{text}");
            assert!(!text.contains(".."), "{text}");
        }
    }
}
