//! Secrets are taken out where text from outside comes in.
