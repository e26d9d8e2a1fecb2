//! All integration tests, in one binary.

mod world;
