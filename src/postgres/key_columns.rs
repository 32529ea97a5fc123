//! SQL that several queries share: the key columns of an index.

/// Names of the key columns of the index `i`.
macro_rules! key_columns {
    () => {
        "ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) AS at
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[at])"
    };
}
pub(super) use key_columns;
