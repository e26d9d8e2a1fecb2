//! The only loop: it wires keys, deadlines, signals and effects to the session.
