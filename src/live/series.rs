//! Points of a graph with its gaps.
//!
//! Prometheus leaves a gap by leaving points out and by NaN; a graph that joins the
//! points around it shows health where nothing was measured. So gaps are kept as points
//! without a value, and everything that reads a series sees them.

use std::collections::VecDeque;

/// No series keeps more points than this, whatever its window.
const MAX_POINTS: usize = 20_000;

/// What a column of a graph shows: least, greatest and last value within it.
pub type Column = Option<(f64, f64, f64)>;

/// Points in time order; a `None` is a gap and is drawn as one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Milliseconds since 1970 and value.
    pub points: VecDeque<(i64, Option<f64>)>,
}

/// What the points of a time range add up to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The arithmetic mean of the values.
    pub value: f64,
    /// How many values there are.
    pub values: usize,
    /// How many gaps are between them.
    pub gaps: usize,
}

impl Series {
    /// Adds a point taken at `at_ms`; points come every `step_ms`. Where one or more
    /// were left out since the last, a gap is put in. NaN and infinities are gaps.
    pub fn push(&mut self, at_ms: i64, value: Option<f64>, step_ms: u64) {
        let value = finite(value);
        let step = i64::try_from(step_ms).unwrap_or(i64::MAX);
        // Points come as they are taken. What is much later than this one was taken
        // before the wall clock was set back, and would pass for the latest for long.
        while self.points.back().is_some_and(|(last, _)| *last > at_ms.saturating_add(step)) {
            self.points.pop_back();
        }
        match self.points.back().copied() {
            Some((last, _)) if at_ms <= last => self.insert(at_ms, value),
            Some((last, known)) => {
                let missed = at_ms - last > step.saturating_add(step / 4 * 3);
                if step > 0 && known.is_some() && missed {
                    self.points.push_back((last + step, None));
                }
                self.points.push_back((at_ms, value));
            }
            None => self.points.push_back((at_ms, value)),
        }
        self.bound();
    }

    /// Merges history by time. Within the time it covers, gaps known so far give way to
    /// it; values measured before stay.
    pub fn backfill(&mut self, points: &[(i64, Option<f64>)]) {
        let (Some(first), Some(last)) = (points.iter().map(|p| p.0).min(), points.iter().map(|p| p.0).max()) else { return };
        let known = self.points.drain(..).filter(|(at, value)| value.is_some() || *at < first || *at > last);
        let mut merged: Vec<_> = known.chain(points.iter().map(|(at, value)| (*at, finite(*value)))).collect();
        // Of two points at one time the one with a value comes first and stays.
        merged.sort_by_key(|(at, value)| (*at, value.is_none()));
        merged.dedup_by_key(|(at, _)| *at);
        self.points = merged.into();
        self.bound();
    }

    /// Forgets what is older than `from_ms`.
    pub fn keep_from(&mut self, from_ms: i64) {
        while self.points.front().is_some_and(|(at, _)| *at < from_ms) {
            self.points.pop_front();
        }
    }

    /// The last value, with its time, gaps after it ignored.
    pub fn last_value(&self) -> Option<(i64, f64)> {
        self.points.iter().rev().find_map(|(at, value)| value.map(|value| (*at, value)))
    }

    /// Least and greatest value within the range, both ends included.
    pub fn extent(&self, from_ms: i64, to_ms: i64) -> Option<(f64, f64)> {
        let values = self.range(from_ms, to_ms).filter_map(|(_, value)| value);
        values.fold(None, |extent, value| {
            Some(extent.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
        })
    }

    /// The mean over the range, start included and end not; `None` without any value.
    pub fn mean(&self, from_ms: i64, to_ms: i64) -> Option<Mean> {
        let (mut sum, mut values, mut gaps) = (0.0, 0_usize, 0_usize);
        for (_, value) in self.range(from_ms, to_ms - 1) {
            match value {
                Some(value) => {
                    sum += value;
                    values += 1;
                }
                None => gaps += 1,
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a series has few points")]
        let count = values as f64;
        (values > 0).then(|| Mean { value: sum / count, values, gaps })
    }

    /// The range cut into `columns` columns for drawing. A column holds least, greatest
    /// and last value of its points, so that no peak is lost however narrow the graph.
    /// Where points are farther apart than columns, the columns between two values that
    /// have no gap between them hold the first; a gap stays empty, and so does
    /// everything after the last point.
    pub fn columns(&self, from_ms: i64, to_ms: i64, columns: usize) -> Vec<Column> {
        let mut drawn: Vec<Column> = vec![None; columns];
        if columns == 0 || to_ms <= from_ms {
            return drawn;
        }
        // The value a line is being drawn from, and the first column it does not fill yet.
        let mut line: Option<(f64, usize)> = None;
        let start = self.points.partition_point(|(at, _)| *at < from_ms).saturating_sub(1);
        for (at, value) in self.points.range(start..).take_while(|(at, _)| *at <= to_ms) {
            let Some(value) = *value else {
                line = None;
                continue;
            };
            if *at < from_ms {
                line = Some((value, 0));
                continue;
            }
            let column = column_of(*at, from_ms, to_ms, columns);
            if let Some((held, next)) = line {
                for empty in drawn.iter_mut().take(column).skip(next) {
                    *empty = Some((held, held, held));
                }
            }
            if let Some(cell) = drawn.get_mut(column) {
                *cell = Some(cell.map_or((value, value, value), |(low, high, _)| (low.min(value), high.max(value), value)));
            }
            line = Some((value, column + 1));
        }
        drawn
    }

    fn range(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, Option<f64>)> {
        let start = self.points.partition_point(|(at, _)| *at < from_ms);
        self.points.range(start..).copied().take_while(move |(at, _)| *at <= to_ms)
    }

    /// Puts a point that came late where it belongs; a value wins over a gap.
    fn insert(&mut self, at_ms: i64, value: Option<f64>) {
        let place = self.points.partition_point(|(at, _)| *at < at_ms);
        match self.points.get_mut(place) {
            Some((at, known)) if *at == at_ms => *known = value.or(*known),
            _ => self.points.insert(place, (at_ms, value)),
        }
    }

    fn bound(&mut self) {
        while self.points.len() > MAX_POINTS {
            self.points.pop_front();
        }
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn column_of(at: i64, from: i64, to: i64, columns: usize) -> usize {
    let place = i128::from(at - from) * i128::try_from(columns).unwrap_or(i128::MAX) / i128::from(to - from);
    usize::try_from(place).unwrap_or(0).min(columns - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(points: &[(i64, Option<f64>)]) -> Series {
        Series { points: points.iter().copied().collect() }
    }

    fn drawn(columns: &[Column]) -> String {
        columns.iter().map(|column| column.map_or("-".to_owned(), |(_, _, last)| last.to_string())).collect()
    }

    #[test]
    fn a_missed_step_is_a_gap() {
        let mut s = Series::default();
        for (at, value) in [(0, Some(1.0)), (10, Some(2.0)), (35, Some(3.0)), (48, Some(4.0))] {
            s.push(at, value, 10);
        }
        assert_eq!(s, series(&[(0, Some(1.0)), (10, Some(2.0)), (20, None), (35, Some(3.0)), (48, Some(4.0))]));
    }

    #[test]
    fn nan_and_infinities_are_gaps() {
        let mut s = Series::default();
        for (at, value) in [(0, f64::NAN), (10, f64::INFINITY), (20, f64::NEG_INFINITY)] {
            s.push(at, Some(value), 10);
        }
        assert_eq!(s, series(&[(0, None), (10, None), (20, None)]));
    }

    #[test]
    fn a_late_point_goes_where_it_belongs() {
        let mut s = series(&[(0, Some(1.0)), (10, None), (20, Some(3.0))]);
        s.push(10, Some(2.0), 10);
        s.push(12, Some(1.5), 10);
        s.push(20, None, 10);
        assert_eq!(s, series(&[(0, Some(1.0)), (10, Some(2.0)), (12, Some(1.5)), (20, Some(3.0))]));
    }

    #[test]
    fn a_clock_set_back_leaves_no_points_in_the_future() {
        let mut s = series(&[(0, Some(1.0)), (3_600_000, Some(2.0))]);
        s.push(60_000, Some(3.0), 10_000);
        assert_eq!(s.last_value(), Some((60_000, 3.0)));
    }

    #[test]
    fn history_fills_the_hole_an_outage_left() {
        let mut s = series(&[(0, Some(1.0)), (10, None), (20, None), (30, None), (40, Some(5.0))]);
        s.backfill(&[(12, Some(2.0)), (22, None), (32, Some(4.0))]);
        assert_eq!(s, series(&[(0, Some(1.0)), (10, None), (12, Some(2.0)), (22, None), (32, Some(4.0)), (40, Some(5.0))]));
        s.backfill(&[]);
        assert_eq!(s.points.len(), 6);
    }

    #[test]
    fn a_measured_value_stays_when_history_has_a_gap_there() {
        let mut s = series(&[(10, Some(1.0))]);
        s.backfill(&[(10, None), (20, Some(2.0))]);
        assert_eq!(s, series(&[(10, Some(1.0)), (20, Some(2.0))]));
    }

    #[test]
    fn the_mean_is_over_values_and_counts_gaps() {
        let s = series(&[(0, Some(100.0)), (10, Some(1.0)), (20, None), (30, Some(3.0)), (40, Some(100.0))]);
        assert_eq!(s.mean(10, 40), Some(Mean { value: 2.0, values: 2, gaps: 1 }));
        assert_eq!(s.mean(11, 30), None);
        assert_eq!(s.extent(10, 30), Some((1.0, 3.0)));
        assert_eq!(s.extent(11, 29), None);
        assert_eq!(s.last_value(), Some((40, 100.0)));
    }

    #[test]
    fn columns_keep_peaks_and_gaps() {
        let s = series(&[(0, Some(1.0)), (1, Some(9.0)), (2, Some(2.0)), (10, Some(3.0)), (20, None), (30, Some(4.0))]);
        let columns = s.columns(0, 40, 4);
        assert_eq!(columns, [Some((1.0, 9.0, 2.0)), Some((3.0, 3.0, 3.0)), None, Some((4.0, 4.0, 4.0))]);
    }

    #[test]
    fn columns_between_two_values_hold_the_first_and_nothing_follows_the_last() {
        let s = series(&[(-5, Some(7.0)), (4, Some(1.0)), (8, Some(2.0))]);
        assert_eq!(drawn(&s.columns(0, 12, 12)), "7777".to_owned() + "1111" + "2---");
        let gap = series(&[(-5, Some(7.0)), (2, None), (4, Some(1.0)), (5, None), (8, Some(2.0))]);
        assert_eq!(drawn(&gap.columns(0, 12, 12)), "----1---2---");
        assert_eq!(s.columns(5, 5, 3), [None, None, None]);
        assert!(s.columns(0, 5, 0).is_empty());
    }

    proptest! {
        #[test]
        fn points_stay_in_order_and_columns_never_invent_values(
            pushed in prop::collection::vec((0_i64..500, prop::option::of(-10.0..10.0_f64)), 0..60),
            history in prop::collection::vec((0_i64..500, prop::option::of(-10.0..10.0_f64)), 0..60),
            columns in 0_usize..90,
        ) {
            let mut s = Series::default();
            for (at, value) in pushed {
                s.push(at, value, 10);
            }
            s.backfill(&history);
            prop_assert!(s.points.iter().zip(s.points.iter().skip(1)).all(|(a, b)| a.0 < b.0));
            let known: Vec<f64> = s.points.iter().filter_map(|p| p.1).collect();
            for (low, high, last) in s.columns(50, 400, columns).into_iter().flatten() {
                prop_assert!(low <= last && last <= high);
                prop_assert!([low, high, last].iter().all(|value| known.contains(value)));
            }
        }
    }
}
