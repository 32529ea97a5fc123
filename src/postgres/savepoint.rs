//! Statements of a transaction that may fail without ending it.

use futures_util::future::{join, join3};

use super::connection::Connection;
use super::error::{Error, Kind, Result};
use super::sql::Statement;

/// Runs statements behind a savepoint and then a read, in one round trip. What failed is undone, and returned as the inner error, if
/// `is_tolerable`; the transaction goes on as it was before.
pub(crate) async fn run_and<T>(
    connection: &Connection,
    statements: &[Statement],
    is_tolerable: impl Fn(&Error) -> bool,
    read: impl Future<Output = Result<T>>,
) -> Result<std::result::Result<T, Error>> {
    // Sent together: a failed SAVEPOINT fails what follows it, and a failed statement the RELEASE and the read.
    let (begun, done, (released, read)) = join3(
        connection.command("SAVEPOINT neonrep"),
        connection.run(statements),
        join(connection.command("RELEASE SAVEPOINT neonrep"), read),
    )
    .await;
    begun?;
    match done {
        Ok(_) => {
            released?;
            read.map(Ok)
        }
        Err(error) if is_tolerable(&error) => {
            connection.take_error();
            connection.command("ROLLBACK TO SAVEPOINT neonrep; RELEASE SAVEPOINT neonrep").await?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

impl Error {
    /// Whether an object went away between the read that found it and the statement that names it: 42P01 and 3F000, and
    /// what the server says of a catalogue row that is gone under its hands, which all is XX000.
    pub(crate) fn is_of_vanished(&self) -> bool {
        let is_internal = || {
            let message = self.message();
            message == "tuple concurrently deleted"
                || message.starts_with("cache lookup failed for relation")
                || message.starts_with("could not open relation with OID")
        };
        match self.kind() {
            Kind::UndefinedTable | Kind::UndefinedSchema => true,
            _ => self.sqlstate() == Some("XX000") && is_internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_vanished_is_told_by_state_and_for_internal_errors_by_text() {
        for (sqlstate, message, vanished) in [
            ("42P01", "relation \"t\" does not exist", true),
            ("3F000", "schema \"s\" does not exist", true),
            ("XX000", "tuple concurrently deleted", true),
            ("XX000", "cache lookup failed for relation 16400", true),
            ("XX000", "tuple concurrently updated", false),
            ("42501", "tuple concurrently deleted", false),
        ] {
            let error = Error::of_server(sqlstate, message, None, None);
            assert_eq!(error.is_of_vanished(), vanished, "{sqlstate} {message}");
        }
    }
}
