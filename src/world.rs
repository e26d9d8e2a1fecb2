//! The simulated world for rehearsals: one Router that answers like a cluster, a
//! Prometheus and the services themselves.
