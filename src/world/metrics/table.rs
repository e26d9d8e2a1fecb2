//! The samples: one row a series, one column a scrape.

use std::collections::BTreeMap;

use crate::world::cluster::Millis;

/// From one scrape to the next.
pub(crate) const SCRAPE_EVERY: Millis = 5_000;
/// How far an instant selector looks back.
const LOOKBACK: Millis = 300_000;

/// Names and values of labels, `__name__` among them.
pub(crate) type Labels = BTreeMap<String, String>;

/// One series. What was not seen at a scrape is NaN.
#[derive(Debug)]
pub(crate) struct Series {
    /// Its labels.
    pub(crate) labels: Labels,
    first: usize,
    values: Vec<f64>,
}

/// All series.
#[derive(Debug)]
pub(crate) struct Table {
    series: Vec<Series>,
    by_name: BTreeMap<String, Vec<usize>>,
    by_labels: BTreeMap<Labels, usize>,
    seen: Vec<bool>,
    begin: Millis,
}

impl Table {
    /// An empty table whose first scrape is at a moment.
    pub(crate) fn new(begin: Millis) -> Self {
        Self { series: Vec::new(), by_name: BTreeMap::new(), by_labels: BTreeMap::new(), seen: Vec::new(), begin }
    }

    /// When the next scrape is due.
    pub(crate) fn next_scrape(&self) -> Millis {
        self.time(self.seen.len())
    }

    /// The number of the last scrape, counted from the start of the world.
    pub(crate) fn tick(&self) -> i64 {
        self.next_scrape() / SCRAPE_EVERY - 1
    }

    /// Opens a column; one that is not seen stays empty.
    pub(crate) fn begin_scrape(&mut self, seen: bool) {
        self.seen.push(seen);
    }

    /// The number of a series, made where it is new.
    pub(crate) fn series(&mut self, name: &str, labels: &[(&str, &str)]) -> usize {
        let mut all: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.insert("__name__".to_owned(), name.to_owned());
        if let Some(number) = self.by_labels.get(&all) {
            return *number;
        }
        let number = self.series.len();
        self.by_name.entry(name.to_owned()).or_default().push(number);
        self.by_labels.insert(all.clone(), number);
        self.series.push(Series { labels: all, first: self.seen.len().saturating_sub(1), values: Vec::new() });
        number
    }

    /// Records a sample in the open column.
    pub(crate) fn record(&mut self, number: usize, value: f64) {
        let Some(column) = self.seen.len().checked_sub(1) else { return };
        let seen = self.seen.last() == Some(&true);
        if let Some(series) = self.series.get_mut(number).filter(|_| seen) {
            series.values.resize(column.saturating_sub(series.first), f64::NAN);
            series.values.push(value);
        }
    }

    /// The series of a name, or all of them.
    pub(crate) fn named(&self, name: Option<&str>) -> Box<dyn Iterator<Item = &Series> + '_> {
        match name {
            Some(name) => {
                Box::new(self.by_name.get(name).into_iter().flatten().filter_map(|number| self.series.get(*number)))
            }
            None => Box::new(self.series.iter()),
        }
    }

    /// The value of a series at a moment: that of the last scrape before it, unless the
    /// series was gone by then or the scrape is too long ago.
    pub(crate) fn at(&self, series: &Series, at: Millis) -> Option<f64> {
        let last = self.column(at)?;
        let column = (0..=last).rev().take_while(|c| self.time(*c) > at - LOOKBACK).find(|c| self.seen.get(*c) == Some(&true))?;
        series.value(column)
    }

    /// The samples of a series between two moments, both included.
    pub(crate) fn between(&self, series: &Series, from: Millis, to: Millis) -> Vec<(Millis, f64)> {
        let Some(last) = self.column(to) else { return Vec::new() };
        let first = usize::try_from((from - self.begin + SCRAPE_EVERY - 1).div_euclid(SCRAPE_EVERY)).unwrap_or(0);
        (first..=last).filter_map(|column| Some((self.time(column), series.value(column)?))).collect()
    }

    fn time(&self, column: usize) -> Millis {
        self.begin + i64::try_from(column).unwrap_or(i64::MAX / SCRAPE_EVERY) * SCRAPE_EVERY
    }

    /// The last column at or before a moment.
    fn column(&self, at: Millis) -> Option<usize> {
        let column = usize::try_from((at - self.begin).div_euclid(SCRAPE_EVERY)).ok()?;
        Some(column.min(self.seen.len().checked_sub(1)?))
    }
}

impl Series {
    fn value(&self, column: usize) -> Option<f64> {
        let value = *self.values.get(column.checked_sub(self.first)?)?;
        (!value.is_nan()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_ends_and_lookback() {
        let mut table = Table::new(0);
        let mut number = 0;
        for column in 0..100 {
            table.begin_scrape(!(10..20).contains(&column));
            number = table.series("a", &[]);
            if column < 30 {
                table.record(number, f64::from(column));
            }
        }
        let series = table.named(Some("a")).next().unwrap();
        assert_eq!(table.at(series, 49_999), Some(9.0));
        assert_eq!(table.at(series, 99_999), Some(9.0), "what was not scraped looks back");
        assert_eq!(table.at(series, 150_000), None, "what is gone is gone at once");
        assert_eq!(table.at(series, -1), None);
        let samples = table.between(series, 40_001, 104_999);
        assert_eq!(samples, [(45_000, 9.0), (100_000, 20.0)]);
        assert_eq!(number, 0);
    }
}
