//! pacenote walks an on-call engineer through a YAML runbook in a terminal.
//!
//! The modules, in reading order: what was written ([`runbook`]), what happened and
//! what follows ([`session`]), the record on disk ([`journal`]), who vouches for it ([`signature`])
//! and who agreed ([`approval`]), the tables and series behind the panels ([`live`]), the two doors to the network ([`ports`]), how the world
//! is watched ([`signals`]), what is done to it ([`effects`]), the simulated world
//! ([`world`]), how it looks ([`tui`]) and
//! how it reads as lines of text ([`plain`]), the one loop that wires everything ([`app`]) and
//! the commands ([`cli`]). ARCHITECTURE.md says how data flows through them.

pub mod runbook;

pub mod session;

pub mod journal;

pub mod signature;

pub mod approval;

pub mod live;

pub mod ports;

pub mod signals;

pub mod coordination;

pub mod effects;

pub mod world;

pub mod tui;

pub mod plain;

pub mod app;
pub mod authoring;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod inputs;
pub mod outputs;
pub mod redact;
pub mod replay;
pub mod report;
pub mod secrets;
pub mod state;
pub mod subprocess;
pub mod supervise;
pub mod terminal;
