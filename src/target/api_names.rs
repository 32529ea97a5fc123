//! Names as the API gives them, checked as Postgres has them.

use super::error::Error;
use crate::postgres::{self, DatabaseName, RoleName};

pub(super) fn role_name(text: &str) -> Result<RoleName, Error> {
    RoleName::parse(text).map_err(|wrong| postgres::Error::new(postgres::Kind::InvalidName, wrong.to_string()).into())
}

/// A database's name as the API gives it.
pub(crate) fn database_name(text: &str) -> Result<DatabaseName, Error> {
    DatabaseName::parse(text)
        .map_err(|wrong| postgres::Error::new(postgres::Kind::InvalidName, wrong.to_string()).into())
}
