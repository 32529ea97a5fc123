//! Errors of the lower layers as diagnostics: what was tried, what was answered, what to do.
//!
//! Told apart by kind, never by text. A resource explains what is particular to it itself, and leaves the rest to these.

use tfplugin::{AttributePath, Diagnostic, Diagnostics, path};

use crate::session::{Container, Error, WrongSettings};
use crate::{neon, postgres};

/// `doing` is what was tried, as in `create publication "p"`: the summary is `Cannot` and that.
pub fn session(doing: &str, error: &Error) -> Diagnostic {
    let (answered, advice, at) = match error {
        Error::Gone { container, .. } => {
            let (advice, at) = match container {
                Container::Branch => ("Name a branch that is there, or leave `branch_id` out for the default branch.", path!(branch_id)),
                Container::Database => ("Create the database first, or name one that is there.", path!(database)),
            };
            (format!("The API answers that {error}."), advice.to_owned(), at)
        }
        Error::ProjectNotFound { project, source } => (
            format!("Neon's API answers that project `{project}` is not there, or that the key may not see it: {source}."),
            "Look at `project_id` and at the key. Nothing was dropped from the state: if the project is really gone, \
             `terraform destroy -refresh=false` or `terraform state rm` take its objects out of it."
                .to_owned(),
            path!(project_id),
        ),
        Error::PooledHost { .. } => (
            format!("{}.", sentence(&error.to_string())),
            "The provider needs the direct host. Look at the endpoint's pooling settings.".to_owned(),
            AttributePath::root(),
        ),
        Error::NoPassword { role } => (
            format!("The project does not store passwords, so the API cannot give the one of `{role}`."),
            "The provider logs in with the password that the API gives: switch the storing of passwords on for the project.".to_owned(),
            path!(project_id),
        ),
        Error::NoCompute { what } => {
            (format!("{}.", sentence(what)), "Add or enable a read-write compute on the branch.".to_owned(), AttributePath::root())
        }
        Error::Neon(error) => return neon(doing, error),
        Error::Postgres(error) => return postgres(doing, error),
    };
    Diagnostic::error(format!("Cannot {doing}"), format!("{answered}\n\n{advice}")).at(at)
}

/// The same for Neon's API alone.
pub fn neon(doing: &str, error: &neon::Error) -> Diagnostic {
    use neon::Kind;
    let (advice, at) = match error.kind() {
        Kind::Unauthorized => (
            "Neon's API does not accept the key, the provider's `api_key` or `NEON_API_KEY` in the environment: it is wrong or was revoked.",
            AttributePath::root(),
        ),
        Kind::Forbidden => (
            "The key, the provider's `api_key` or `NEON_API_KEY` in the environment, is known but may not do this. A key of an \
             organization, of a person, or one scoped to this project with the right to change it can.",
            AttributePath::root(),
        ),
        Kind::NotFound => ("The object is not there, or the key may not see it.", AttributePath::root()),
        Kind::Conflict => ("Something of that name is there already.", AttributePath::root()),
        Kind::Locked => (
            "Another operation runs on the project. It was tried again until the time was over: raise `timeouts`, or wait for it to end.",
            AttributePath::root(),
        ),
        Kind::RateLimited => (
            "Too many requests were made with this key: try again later, or with a lower `-parallelism`.",
            AttributePath::root(),
        ),
        Kind::PasswordsNotStored => ("The project does not store passwords.", path!(project_id)),
        Kind::NotJson => (
            "This is not an answer of Neon's API: look at `api_url` (or `NEON_API_URL`), and at proxies in between.",
            AttributePath::root(),
        ),
        Kind::Unavailable | Kind::Network => {
            ("Neon's API is not well or not reached: try again later.", AttributePath::root())
        }
        Kind::AnswerLost => (
            "Whether it took effect could not be found out. Plan again: what was made shows then, and can be imported. Where a page \
             answered in place of the API, look at `api_url` (or `NEON_API_URL`), and at proxies in between.",
            AttributePath::root(),
        ),
        Kind::OperationFailed => (
            "Neon took the request and failed to carry it out. Its console shows the operation; plan again to see what is there.",
            AttributePath::root(),
        ),
        Kind::TimedOut => ("Raise the resource's `timeouts` if it only needs longer.", AttributePath::root()),
        Kind::Cancelled => ("The run was interrupted. Plan again to see what is there.", AttributePath::root()),
        Kind::Rejected => ("Neon's API refuses what was asked.", AttributePath::root()),
    };
    Diagnostic::error(format!("Cannot {doing}"), format!("{}.\n\n{advice}", sentence(&error.to_string()))).at(at)
}

/// The same for Postgres alone. The server's own detail and hint are kept.
pub fn postgres(doing: &str, error: &postgres::Error) -> Diagnostic {
    use postgres::Kind;
    let advice = match error.kind() {
        Kind::InsufficientPrivilege => {
            "The connecting role may not do this. `connect_as` names another one, such as the owner of the table."
        }
        Kind::ConnectionLost => "The server was not reached, or dropped the connection: try again.",
        Kind::CommitUnknown => {
            "The connection was lost while the transaction was committed. Plan again to see what is there."
        }
        Kind::AuthFailed => {
            "The server does not accept the password that Neon's API gives: it may have been changed by SQL."
        }
        Kind::Tls => {
            "The server's certificate is not trusted. `sslrootcert` of the provider (or `PGSSLROOTCERT`) names a file of roots to trust."
        }
        Kind::IpNotAllowed => "The address of this machine is not in the project's IP Allow list: add it there.",
        Kind::BlockedNetwork => "The project refuses connections from this network.",
        Kind::EndpointDisabled => "The compute is disabled: enable it in Neon's console.",
        Kind::Timeout => {
            "Raise the resource's `timeouts` (or the provider's `connect_timeout`) if it only needs longer."
        }
        Kind::TooManyConnections => {
            "Lower the provider's `max_connections`, or raise the connection limit of the role, database or server."
        }
        Kind::LoginRefused => "The role does not exist, or may not log in to this database.",
        Kind::WeakAuthentication => {
            "Let the server ask for the password by SCRAM (`password_encryption = scram-sha-256`)."
        }
        Kind::QuotaExceeded => "Raise the quota in Neon's console, or wait for the next period.",
        Kind::EndpointNotFound => "The compute was deleted, or the branch is another one: look at `branch_id`.",
        Kind::SessionsBusy => "Raise the provider's `max_connections`, or lower `-parallelism`.",
        Kind::LockNotAvailable => {
            "Another transaction holds a lock on it until the time was over: end that one, or raise `timeouts`."
        }
        Kind::QueryCancelled => "It was cancelled, by the time limit or by somebody.",
        Kind::NotUnderstood => "This server is too old for it.",
        Kind::Decode => "This is a mistake in the provider. Please report it with this text.",
        _ => "",
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

/// Settings of the provider that cannot work.
pub fn settings(wrong: &WrongSettings) -> Diagnostics {
    let at = match wrong {
        WrongSettings::RootCertificates(_) => path!(sslrootcert),
        WrongSettings::Neon(error) if error.kind() == neon::Kind::Unauthorized => path!(api_key),
        WrongSettings::Neon(_) => path!(api_url),
    };
    Diagnostic::error("Provider cannot work with these settings", format!("{}.", sentence(&wrong.to_string())))
        .at(at)
        .into()
}

/// The text with a capital at its start and without a period at its end.
pub fn sentence(text: &str) -> String {
    let text = text.trim_end().trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neon::{BranchId, ProjectId};

    /// Summary, detail and path in one text.
    fn said(diagnostic: &Diagnostic) -> String {
        format!("{}|{}|{}", diagnostic.path, diagnostic.summary, diagnostic.detail)
    }

    #[test]
    fn each_way_of_not_getting_in_says_what_to_do() {
        let (project, branch) = (ProjectId::parse("p-1").unwrap(), BranchId::parse("br-1").unwrap());
        let not_found = neon::Error::new(neon::Kind::NotFound, "project not found");
        for (error, parts) in [
            (Error::branch_gone(&project, &branch), &["branch_id|", "`br-1` of project `p-1`", "default branch"][..]),
            (
                Error::Gone { container: Container::Database, what: "database `d`".to_owned() },
                &["database|", "Create the database"],
            ),
            (
                Error::ProjectNotFound { project, source: not_found },
                &["project_id|", "`p-1`", "destroy -refresh=false", "state rm", "the key"],
            ),
            (Error::PooledHost { host: "ep-x-pooler.neon.tech".to_owned() }, &["ep-x-pooler.neon.tech", "direct host"]),
            (Error::NoPassword { role: "owner".to_owned() }, &["project_id|", "`owner`", "does not store passwords"]),
            (
                Error::NoCompute { what: "the compute is disabled".to_owned() },
                &["The compute is disabled.", "read-write"],
            ),
        ] {
            let text = said(&session("look", &error));
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

    #[test]
    fn what_the_server_says_is_kept() {
        use postgres::{Error, Kind};
        for (kind, part) in [
            (Kind::IpNotAllowed, "IP Allow"),
            (Kind::EndpointDisabled, "enable it"),
            (Kind::AuthFailed, "password"),
            (Kind::InsufficientPrivilege, "connect_as"),
            (Kind::Other, "The server's words"),
        ] {
            let text = said(&postgres("look", &Error::new(kind, "the server's words.")));
            assert!(text.contains(part) && text.contains("The server's words."), "{text}");
            assert!(!text.contains(".."), "{text}");
        }
    }

    #[test]
    fn a_sentence_has_a_capital_and_no_period() {
        for (text, expected) in [("it is. ", "It is"), ("über", "Über"), ("", ""), ("`x` is", "`x` is")] {
            assert_eq!(sentence(text), expected);
        }
    }
}
