//! Points of a graph with its gaps.

use std::collections::VecDeque;

/// Points in time order; a `None` is a gap and is drawn as one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Milliseconds since 1970 and value.
    pub points: VecDeque<(i64, Option<f64>)>,
}
