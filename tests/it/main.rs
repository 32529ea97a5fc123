//! One binary for all tests that need more than values.

mod generated;
