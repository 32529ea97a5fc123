//! The kinds of errors that code branches on.

/// What to do about an error depends on this. By SQLSTATE (manual, appendix A) unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// 42710, 42P06, 42P07: an object of that name is there.
    AlreadyExists,
    /// 42704: a role, publication, slot … that is not there.
    UndefinedObject,
    /// 42P01.
    UndefinedTable,
    /// 3F000.
    UndefinedSchema,
    /// 3D000: the database does not exist.
    UndefinedDatabase,
    /// 42501.
    InsufficientPrivilege,
    /// 55006: a slot with a consumer, a role or database in use.
    ObjectInUse,
    /// 25006, and 0A000 in answer to `BEGIN … READ WRITE`: the server is a standby, which accepts no changes.
    ReadOnlyServer,
    /// 55000: not in the state that is needed, such as `wal_level` below `logical`.
    NotInState,
    /// 42602: a name that the object does not allow.
    InvalidName,
    /// 42809, 22023, 42P17: the object is of the wrong kind for that, such as a view in a publication.
    WrongObject,
    /// 2BP01: other objects depend on it.
    DependentObjects,
    /// 53400: all replication slots are in use.
    NoFreeSlot,
    /// 58P01 with a plugin: the library is not installed.
    UndefinedFile,
    /// 57014: cancelled, by us or by `statement_timeout`.
    QueryCancelled,
    /// 55P03: a lock was not to be had within `lock_timeout`.
    LockNotAvailable,
    /// 42601, 42883, 42703: the server is too old for this, or a bug of ours.
    NotUnderstood,
    /// 08xxx, 57P01 to 57P05, an IO error: the connection is gone or could not be made; another try may succeed.
    ConnectionLost,
    /// 08xxx, said by a subscriber of its publisher: it is unreachable, or refused a command.
    Publisher,
    /// 53300: the server, the role or the database has all the connections that it may have.
    TooManyConnections,
    /// The connection was lost after COMMIT was sent: only reading tells whether it took effect.
    CommitUnknown,
    /// 40001, 40P01, `tuple concurrently updated` or `deleted`, and 23505 of a system catalog, which another session gets that
    /// creates an object of the same name at the same moment: run the transaction again.
    Serialization,
    /// 28P01: the password is not accepted.
    AuthFailed,
    /// 28000: the role does not exist or may not log in, or no line of `pg_hba.conf` admits it.
    LoginRefused,
    /// The server asks for the password in clear text or as MD5.
    WeakAuthentication,
    /// Neon: a quota of the account, project or branch is used up.
    QuotaExceeded,
    /// The server's certificate or its TLS was refused.
    Tls,
    /// Neon's proxy: this address is not allowed (IP Allow).
    IpNotAllowed,
    /// Neon's proxy: public access is blocked for this project.
    BlockedNetwork,
    /// Neon's proxy: the endpoint is disabled.
    EndpointDisabled,
    /// Neon's proxy: no such endpoint.
    EndpointNotFound,
    /// Neon's proxy: no SNI, so it does not know the endpoint.
    EndpointNotNamed,
    /// Neon's proxy: the pooled host was used.
    PooledHost,
    /// Our own deadline passed.
    Timeout,
    /// Our own deadline passed while all sessions were in use; the message names what uses them.
    SessionsBusy,
    /// An answer that does not have the columns or values that it must have: a bug of ours.
    Decode,
    /// Settings that cannot work, such as a root certificate file that cannot be read.
    Config,
    /// Anything else.
    Other,
}
