//! All integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does, by panicking")]

mod approve;
mod authoring;
mod check;
mod cli;
mod conformance;
mod coverage;
mod crash;
mod effects;
mod effects_world;
mod export;
mod guide;
mod journal;
mod kubectl;
mod logins;
mod plain;
mod population;
mod ports;
mod prometheus;
mod rbac;
mod readme;
mod reference;
mod replay;
mod rollback;
mod rules;
mod scenarios;
mod screen;
mod seals;
mod signature;
mod stats;
mod terminal;
mod tidy;
mod tls;
mod world;
