//! The simulated world for rehearsals: one Router that answers like a cluster, a
//! Prometheus and the services themselves.
//!
//! It guarantees that the same scenario and the same requests at the same times give
//! the same answers, byte for byte, and that its metrics follow from its cluster: a
//! rollback there cures the error rate here. It knows nothing of sessions and screens;
//! the program reaches it with its ordinary clients.

pub mod answers;
pub mod period;
pub mod scenario;

mod cluster;
mod clock;
mod faults;
mod json;
mod metrics;

pub use scenario::Scenario;
