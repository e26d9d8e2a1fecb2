//! All integration tests, in one binary.

mod effects;
mod ports;
mod tls;
