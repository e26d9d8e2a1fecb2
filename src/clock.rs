//! The one clock: wall and monotonic time, read by the loop only.
