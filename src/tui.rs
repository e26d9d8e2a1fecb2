//! How it looks: keys to commands, state to frames.
