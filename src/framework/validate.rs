//! Written by the framework helper.
