//! All integration tests, in one binary.

mod check;
mod cli;
mod effects;
mod journal;
mod ports;
mod tidy;
mod tls;
