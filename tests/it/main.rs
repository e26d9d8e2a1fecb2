//! All integration tests, in one binary.

mod check;
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does, by panicking")]

mod journal;
mod conformance;
mod prometheus;
mod effects;
mod ports;
mod tls;
mod world;
mod cli;
mod tidy;
mod screen;
