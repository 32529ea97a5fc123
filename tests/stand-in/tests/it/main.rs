//! The binary as a test suite uses it: each test starts its own over a real Postgres server.

mod api;
mod branches;
mod front;
mod history;
mod hosting;
mod life;
mod powers;
mod projects;
mod safety;
mod snapshots;
mod support;
mod time;
