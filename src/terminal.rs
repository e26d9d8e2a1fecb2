//! The terminal itself: taken, given back whatever happens, and stripped text.
