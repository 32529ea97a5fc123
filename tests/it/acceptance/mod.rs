//! Stories that a user lives through, on the real CLI.
