//! How the world is watched: every signal becomes readings for the session and updates
//! for the panels.

pub mod pods;
