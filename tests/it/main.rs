//! All integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does, by panicking")]

mod check;
mod cli;
mod conformance;
mod coverage;
mod crash;
mod effects;
mod effects_world;
mod export;
mod journal;
mod kubectl;
mod logins;
mod plain;
mod ports;
mod prometheus;
mod rbac;
mod readme;
mod rollback;
mod rules;
mod scenarios;
mod screen;
mod seals;
mod signature;
mod terminal;
mod tidy;
mod tls;
mod world;
