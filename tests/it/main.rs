//! All integration tests, in one binary.

mod check;
mod cli;
mod effects;
mod ports;
mod tidy;
mod tls;
