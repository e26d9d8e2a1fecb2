//! Charts of the recorded readings, as SVG within the page.
//!
//! Points closer together than a pixel become a bar from the least to the greatest, so that a
//! short peak is never lost; where a reading had no value the line is broken. Marks say
//! where a step did something: numbered, and told in words below. Colours and widths are
//! in the style sheet; there is no attribute that the page's policy would refuse.

use std::fmt::Write as _;

use chrono::{DateTime, TimeZone as _, Utc};

use super::markup::Markup;
use super::story::{SignalFacts, Track};

/// Milliseconds.
const MINUTE: i64 = 60_000;
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 22.0;
/// A line is broken between readings further apart than this many usual distances.
const GAP: i64 = 4;

/// Something that happened, to be marked in every chart.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// Its class: `change`, `guard`, `decision`, `rollback`.
    pub(super) kind: &'static str,
    /// Its number in the list of marks.
    pub(super) number: usize,
}

/// One member of a signal over time.
type Points = [(i64, Option<f64>)];

/// The stretch of time that all charts of a report show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    fn x(self, at: i64) -> f64 {
        let whole = (self.to - self.from).max(1) as f64;
        LEFT + (at - self.from) as f64 / whole * (WIDTH - LEFT - RIGHT)
    }
}

/// Draws the members of one signal that belong into one chart.
pub(super) fn draw(out: &mut Markup, name: &str, track: &Track, facts: &SignalFacts, span: Span, marks: &[Mark]) {
    let shown: Vec<(&String, &Points)> = pick(track);
    let values = || shown.iter().flat_map(|(_, points)| points.iter().filter_map(|(_, value)| *value));
    let limits = [facts.warn, facts.critical];
    let greatest = values().fold(0.0_f64, f64::max);
    // A limit far above everything that was measured would flatten the line.
    let near = |limit: &f64| *limit <= greatest * 4.0;
    let top = limits.into_iter().flatten().filter(near).fold(greatest, f64::max);
    let bottom = values().fold(0.0_f64, f64::min);
    let scale = Scale::over(bottom, if top > bottom { top } else { bottom + 1.0 });
    out.put("<figure class=chart><figcaption><b>", facts.title.as_deref().unwrap_or(name), "</b>");
    if facts.title.is_some() {
        out.put(" <span class=dim>", name, "</span>");
    }
    if !facts.unit.is_empty() {
        out.put(" in ", &facts.unit, "");
    }
    for (n, (member, _)) in shown.iter().enumerate().filter(|_| shown.len() > 1) {
        out.put(" <span class=\"key s", n % 4, "\">").text(member).raw("</span>");
    }
    out.put(
        " <span class=dim>",
        format_args!("{} readings, {} of them without a good value", track.readings, track.problems),
        "</span>",
    );
    // Watches report changes only, so what they said stands until they say something else.
    let watched = !track.members.contains_key("value");
    out.raw(if watched { "<span class=dim>; a value stands until the next</span>" } else { "" });
    out.maybe("<br><code class=dim>", track.source.as_ref(), "</code>");
    out.raw("</figcaption>");
    if values().next().is_none() {
        out.raw("<p class=missing>No reading had a number.</p></figure>");
        return;
    }
    out.raw("<svg viewBox=\"0 0 960 170\" role=img>");
    out.put("<title>", format_args!("{name}: {} to {}", number(bottom), number(greatest)), "</title>");
    grid(out, &scale, span);
    for (limit, literal) in [(facts.warn, "<line class=warn"), (facts.critical, "<line class=critical")] {
        if let Some(limit) = limit.filter(|limit| *limit <= scale.top) {
            let y = scale.y(limit);
            out.raw(literal);
            line_between(out, (LEFT, y), (WIDTH - RIGHT, y));
        }
    }
    draw_marks(out, span, marks);
    for (n, (_, points)) in shown.iter().enumerate() {
        let line = if watched { stairs(points, &scale, span) } else { path(points, &scale, span) };
        out.put("<path class=\"s", n % 4, "\" d=\"").text(line).raw("\"/>");
    }
    out.raw("</svg></figure>");
}

/// The marks as lines, with their numbers above; those too close together share a label.
fn draw_marks(out: &mut Markup, span: Span, marks: &[Mark]) {
    let mut labels: Vec<(f64, &'static str, usize, usize)> = Vec::new();
    for mark in marks {
        let x = span.x(mark.at.timestamp_millis());
        out.put("<g class=\"mark ", mark.kind, "\"><line");
        line_between(out, (x, TOP - 4.0), (x, HEIGHT - BOTTOM));
        out.raw("</g>");
        match labels.last_mut() {
            Some((at, _, _, last)) if x - *at < 18.0 => *last = mark.number,
            _ => labels.push((x, mark.kind, mark.number, mark.number)),
        }
    }
    for (x, kind, first, last) in labels {
        out.put("<g class=\"mark ", kind, "\"><text text-anchor=middle x=").put("", format_args!("{x:.1}"), " y=11>").text(first);
        out.maybe("–", (last > first).then_some(last), "").raw("</text></g>");
    }
}

/// The members worth a line: of several the first four, `ready` and `total` first.
fn pick(track: &Track) -> Vec<(&String, &Points)> {
    let mut members: Vec<(&String, &Points)> = track.members.iter().map(|(name, points)| (name, points.as_slice())).collect();
    let order = ["value", "total", "ready", "desired", "updated", "available", "crashing", "restarts"];
    members.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(order.len()));
    members.truncate(4);
    members
}

fn line_between(out: &mut Markup, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    out.text(format_args!(" x1={x1:.1} y1={y1:.1} x2={x2:.1} y2={y2:.1}")).raw(" />");
}

fn grid(out: &mut Markup, scale: &Scale, span: Span) {
    for tick in scale.ticks() {
        let y = scale.y(tick);
        out.raw("<line class=grid");
        line_between(out, (LEFT, y), (WIDTH - RIGHT, y));
        out.put("<text class=tick text-anchor=end x=52 y=", format_args!("{:.1}", y + 3.5), ">").put("", number(tick), "</text>");
    }
    let step = step_of(span);
    let form = if step % MINUTE == 0 { "%H:%M" } else { "%H:%M:%S" };
    for at in moments(span, step) {
        let x = span.x(at);
        out.raw("<line class=grid");
        line_between(out, (x, TOP), (x, HEIGHT - BOTTOM));
        let time = Utc.timestamp_millis_opt(at).single().map(|t| t.format(form).to_string()).unwrap_or_default();
        out.put("<text class=tick text-anchor=middle x=", format_args!("{x:.1}"), " y=164>").put("", time, "</text>");
    }
}

/// Milliseconds between the moments written below a chart: round ones, so that there are
/// at most nine.
fn step_of(span: Span) -> i64 {
    let seconds = [1, 2, 5, 10, 15, 30].map(|seconds| seconds * 1_000);
    let minutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 10_080].map(|minutes| minutes * MINUTE);
    let length = (span.to - span.from).max(1);
    seconds.into_iter().chain(minutes).find(|step| length / step <= 8).unwrap_or(length)
}

fn moments(span: Span, step: i64) -> Vec<i64> {
    let first = span.from.div_euclid(step) * step + step;
    (0..9).map(|n| first + n * step).take_while(|at| *at < span.to).collect()
}

/// From values to places.
pub(super) struct Scale {
    bottom: f64,
    top: f64,
    step: f64,
}

impl Scale {
    /// A scale with round steps that holds all from `low` to `high`.
    pub(super) fn over(low: f64, high: f64) -> Self {
        let rough = (high - low) / 3.0;
        let magnitude = 10_f64.powf(rough.abs().max(f64::MIN_POSITIVE).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|step| *step >= rough).unwrap_or(rough);
        Self { bottom: (low / step).floor() * step, top: (high / step).ceil() * step, step }
    }

    /// A scale of durations in milliseconds, from nothing, with steps that are round for people.
    pub(super) fn of_time(high: f64) -> Self {
        const SECONDS: [f64; 17] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0,
            86_400.0,
        ];
        let rough = high / 3.0;
        match SECONDS.into_iter().map(|seconds| seconds * 1_000.0).find(|step| *step >= rough) {
            Some(step) => Self { bottom: 0.0, top: (high / step).ceil().max(1.0) * step, step },
            None => Self::over(0.0, high),
        }
    }

    /// The greatest value on it.
    pub(super) fn top(&self) -> f64 {
        self.top
    }

    /// The place of a value.
    pub(super) fn y(&self, value: f64) -> f64 {
        let part = (value - self.bottom) / (self.top - self.bottom);
        TOP + (1.0 - part) * (HEIGHT - TOP - BOTTOM)
    }

    /// Round values to draw lines at.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let (bottom, step, top) = (self.bottom, self.step, self.top);
        (0..6).map(move |n| bottom + f64::from(n) * step).take_while(move |tick| *tick <= top + step / 2.0)
    }
}

/// A number in a few characters.
fn number(value: f64) -> String {
    let (divided, suffix) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{divided:.3}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// What falls into one column of pixels.
struct Column {
    x: f64,
    first: f64,
    least: f64,
    greatest: f64,
    last: f64,
}

/// The line through some points, broken where there is no value and in long silences.
fn path(points: &Points, scale: &Scale, span: Span) -> String {
    let mut steps: Vec<i64> = points.windows(2).filter_map(|w| Some(w.get(1)?.0 - w.first()?.0)).collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0).max(1000);
    let mut text = String::new();
    let mut column: Option<Column> = None;
    let mut before: Option<i64> = None;
    let flush = |column: &mut Option<Column>, text: &mut String, moved: bool| {
        let Some(c) = column.take() else { return };
        let letter = if moved { 'L' } else { 'M' };
        let _ = write!(text, "{letter}{:.1} {:.1}", c.x, scale.y(c.first));
        for value in [c.least, c.greatest, c.last] {
            if c.least < c.greatest {
                let _ = write!(text, "L{:.1} {:.1}", c.x, scale.y(value));
            }
        }
    };
    let mut joined = false;
    for &(at, value) in points {
        let gap = before.is_some_and(|before| at - before > usual * GAP);
        before = Some(at);
        let x = span.x(at);
        let Some(value) = value else {
            flush(&mut column, &mut text, joined);
            joined = false;
            continue;
        };
        match &mut column {
            Some(c) if !gap && x - c.x < 1.0 => {
                (c.least, c.greatest, c.last) = (c.least.min(value), c.greatest.max(value), value);
            }
            _ => {
                let had = column.is_some();
                flush(&mut column, &mut text, joined);
                joined = (joined || had) && !gap;
                column = Some(Column { x, first: value, least: value, greatest: value, last: value });
            }
        }
    }
    flush(&mut column, &mut text, joined);
    text
}

/// The line through values that stand until the next one, up to the end.
fn stairs(points: &Points, scale: &Scale, span: Span) -> String {
    let mut text = String::new();
    let mut stands: Option<f64> = None;
    for &(at, value) in points {
        let x = span.x(at);
        let _ = match (stands, value) {
            (Some(was), Some(value)) if was == value => continue,
            (Some(_), Some(value)) => write!(text, "H{x:.1}V{:.1}", scale.y(value)),
            (None, Some(value)) => write!(text, "M{x:.1} {:.1}", scale.y(value)),
            (Some(_), None) => write!(text, "H{x:.1}"),
            (None, None) => Ok(()),
        };
        stands = value;
    }
    if stands.is_some() {
        let _ = write!(text, "H{:.1}", span.x(span.to));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_shorter_than_a_pixel_is_drawn() {
        let mut points: Vec<(i64, Option<f64>)> = (0..100_000).map(|n| (n * 1000, Some(1.0))).collect();
        points[51_234].1 = Some(90.0);
        let scale = Scale::over(0.0, 90.0);
        let path = path(&points, &scale, Span { from: 0, to: 100_000_000 });
        assert!(path.contains(&format!("{:.1}", scale.y(90.0))), "{path}");
        assert!(path.len() < 40_000, "{}", path.len());
        assert_eq!(path.matches('M').count(), 1);
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value_and_in_a_silence() {
        let minute = 60_000;
        let points = [(0, Some(1.0)), (minute, Some(2.0)), (2 * minute, None), (3 * minute, Some(1.0)), (30 * minute, Some(1.0))];
        let path = path(&points, &Scale::over(0.0, 2.0), Span { from: 0, to: 40 * minute });
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (3, 1), "{path}");
    }

    #[test]
    fn what_a_watch_said_stands_until_it_says_something_else() {
        let points = [(0, Some(1.0)), (10, Some(1.0)), (20, Some(2.0)), (30, None), (40, Some(1.0))];
        let line = stairs(&points, &Scale::over(0.0, 2.0), Span { from: 0, to: 60 });
        let (letters, to_the_end): (String, _) =
            (line.chars().filter(char::is_ascii_uppercase).collect(), line.ends_with("H950.0"));
        assert_eq!((letters.as_str(), to_the_end), ("MHVHMH", true), "{line}");
    }

    #[test]
    fn moments_are_round_and_few() {
        let cases = [(8, 7, 1), (62, 6, 10), (240, 8, 30), (600, 5, 120), (14_400, 8, 1_800)];
        for (seconds, count, step) in cases {
            let from = 1_767_607_201_000;
            let span = Span { from, to: from + seconds * 1_000 };
            let found = moments(span, step_of(span));
            assert!(found.iter().all(|at| at % step_of(span) == 0 && *at > span.from), "{seconds} s");
            assert_eq!((found.len(), step_of(span)), (count, step * 1_000), "{seconds} s");
        }
    }

    #[test]
    fn scales_are_round_and_hold_everything() {
        for (low, high) in [(0.0, 0.42), (0.0, 8.3), (-3.0, 12.0), (0.0, 1e7), (0.0, 1e-6)] {
            let scale = Scale::over(low, high);
            assert!(scale.bottom <= low && scale.top >= high, "{low} {high}");
            assert!((2..=6).contains(&scale.ticks().count()), "{low} {high}: {:?}", scale.ticks().collect::<Vec<_>>());
        }
        for (high, step, top) in
            [(0.0, 1_000.0, 1_000.0), (400_000.0, 300_000.0, 600_000.0), (1_800_000.0, 600_000.0, 1_800_000.0)]
        {
            let scale = Scale::of_time(high);
            assert_eq!((scale.step, scale.top), (step, top), "{high}");
        }
        assert_eq!([0.5, 12_000.0, 3.0, 0.0].map(number), ["0.5", "12k", "3", "0"]);
    }
}
