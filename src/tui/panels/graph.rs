//! A graph: points as braille dots, gaps as gaps, lines for warn, critical and baseline.
//!
//! Each cell has 2 × 4 dots. Points that follow each other are joined, except over a gap.
//! What lies at or above a line is drawn in that line's style, and where the last point
//! is older than it should be the rest up to now is hatched, so that an old graph cannot
//! be read as a calm one.

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::paint::{self, span};
use super::super::theme::Theme;
use super::super::ui::Ui;
use super::super::{Screen, text};
use super::block;
use crate::live::GraphData;

/// Points further apart than so many intervals are not joined.
const JOINED_INTERVALS: i64 = 3;

fn last(data: &GraphData) -> Option<(i64, f64)> {
    data.series.points.iter().rev().find_map(|(t, v)| v.filter(|v| v.is_finite()).map(|v| (*t, v)))
}

/// Style and word of a value against the lines.
fn judged(data: &GraphData, value: f64, theme: &Theme) -> (&'static str, Style) {
    if data.critical.is_some_and(|c| value >= c) {
        (" CRITICAL", theme.bad)
    } else if data.warn.is_some_and(|w| value >= w) {
        (" WARN", theme.warn)
    } else {
        ("", theme.good)
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => text::number(value),
        "/s" => format!("{}/s", text::number(value)),
        unit => format!("{} {unit}", text::number(value)),
    }
}

/// What is said where there is no value now.
pub(super) const NO_DATA: &str = "no data";

/// The value, with its unit and the word of the line it has passed.
pub(super) fn summary(data: &GraphData, ui: &Ui) -> (String, Style) {
    // A gap at the end is the latest news: there is no value now.
    let gap = matches!(data.series.points.back(), Some((_, None)));
    match last(data) {
        None => (NO_DATA.into(), ui.theme.warn),
        Some((_, value)) if gap => (format!("{NO_DATA}, was {}", with_unit(value, &data.unit)), ui.theme.warn),
        Some((_, value)) => {
            let (word, style) = judged(data, value, &ui.theme);
            let style = style.add_modifier(ratatui::style::Modifier::BOLD);
            (format!("{}{word}", with_unit(value, &data.unit)), style)
        }
    }
}

/// Greatest value of each of `columns` equal parts of the window; `None` where there is
/// none.
fn columns(data: &GraphData, columns: usize, now: DateTime<Utc>) -> Vec<Option<f64>> {
    let mut out = vec![None; columns];
    let window = data.window_ms.max(1) as i64;
    let from = now.timestamp_millis() - window;
    for (t, v) in &data.series.points {
        let at = (t - from).saturating_mul(columns as i64) / window;
        if let (true, Some(v), Some(cell)) = (*t >= from, v.filter(|v| v.is_finite()), out.get_mut(at.max(0) as usize)) {
            *cell = Some(cell.map_or(v, |old: f64| old.max(v)));
        }
    }
    out
}

/// The window in one line of blocks.
pub(super) fn strip(data: &GraphData, width: usize, now: DateTime<Utc>, ui: &Ui) -> Line<'static> {
    let values = columns(data, width, now);
    let most = values.iter().flatten().copied().fold(data.warn.unwrap_or(0.0), f64::max).max(f64::MIN_POSITIVE);
    let least = values.iter().flatten().copied().fold(0.0, f64::min);
    let mut spans: Vec<ratatui::text::Span<'static>> = Vec::new();
    for value in values {
        let (sign, style) = match value {
            Some(v) => (block((v - least) / (most - least) * 0.99), judged(data, v, &ui.theme).1),
            None => (" ", ui.theme.dim),
        };
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(sign),
            _ => spans.push(span(sign, style)),
        }
    }
    Line::from(spans)
}

/// Values to dots.
struct Scale {
    low: f64,
    high: f64,
    dots: i64,
    from_ms: i64,
    window_ms: i64,
    across: i64,
}

impl Scale {
    /// Dot row of a value, 0 at the top; clamped.
    fn y(&self, value: f64) -> i64 {
        let part = (value - self.low) / (self.high - self.low);
        (self.dots - 1) - ((part * (self.dots - 1) as f64).round() as i64).clamp(0, self.dots - 1)
    }

    fn x(&self, ms: i64) -> i64 {
        (ms - self.from_ms).saturating_mul(self.across - 1) / self.window_ms
    }
}

/// A bit for each dot of each cell.
struct Dots {
    cells: Vec<u8>,
    width: usize,
    height: usize,
}

impl Dots {
    fn set(&mut self, x: i64, y: i64) {
        if x < 0 || y < 0 {
            return;
        }
        let (cx, cy) = (x as usize / 2, y as usize / 4);
        if cx >= self.width || cy >= self.height {
            return;
        }
        // The order of the dots in U+2800..U+28FF.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let bit = BITS.get(y as usize % 4).and_then(|row| row.get(x as usize % 2)).copied().unwrap_or(0);
        if let Some(cell) = self.cells.get_mut(cy * self.width + cx) {
            *cell |= bit;
        }
    }

    /// Whether no point lies in these cells of a row.
    fn free(&self, row: u16, columns: std::ops::Range<u16>) -> bool {
        let start = usize::from(row) * self.width;
        let range = start + usize::from(columns.start)..start + usize::from(columns.end).min(self.width);
        self.cells.get(range).is_none_or(|cells| cells.iter().all(|c| *c == 0))
    }

    fn line(&mut self, (x0, y0): (i64, i64), (x1, y1): (i64, i64)) {
        let steps = (x1 - x0).abs().max((y1 - y0).abs());
        if steps == 0 {
            return self.set(x1, y1);
        }
        for i in 0..=steps {
            self.set(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps);
        }
    }
}

/// Draws the graph.
pub(super) fn draw(data: &GraphData, every_ms: u64, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let theme = &ui.theme;
    if area.height < 2 || area.width < 16 {
        if area.height > 0 {
            let strip = strip(data, usize::from(area.width), screen.now, ui);
            paint::put_line(buf, area.x, area.y, area.width, &strip);
        }
        return;
    }
    let has_markers = area.height >= 6 && markers_in(data, screen).next().is_some();
    let plot_rows = area.height - 1 - u16::from(has_markers);
    let (low, high) = range(data, screen.now, plot_rows);
    let lines = [data.baseline, data.warn, data.critical].into_iter().flatten().filter(|v| (low..=high).contains(v));
    let widest = lines.chain([low, high]).map(|v| text::width(&text::number(v))).max();
    let gutter = widest.unwrap_or(1).clamp(2, 7) as u16 + 1;
    let plot = Rect { x: area.x + gutter, y: area.y, width: area.width - gutter, height: plot_rows };
    let scale = Scale {
        low,
        high,
        dots: i64::from(plot.height) * 4,
        from_ms: screen.now.timestamp_millis() - data.window_ms as i64,
        window_ms: data.window_ms.max(1) as i64,
        across: i64::from(plot.width) * 2,
    };
    let dots = trace(data, every_ms, &scale, plot);
    hatch(buf, plot, data, every_ms, &scale, screen, theme);
    labels(buf, area, plot, gutter, &scale, data, &dots, theme);
    put_dots(buf, plot, &dots, data, &scale, theme);
    if data.series.points.is_empty() {
        paint::put(buf, plot.x + plot.width / 3, plot.y + plot.height / 2, plot.width / 2, "no data yet", theme.dim);
    }
    let axis = plot.bottom();
    time_axis(buf, plot, axis, data, screen.now, theme);
    if has_markers {
        markers(buf, plot, axis + 1, data, screen, &scale, theme);
    } else {
        for marker in markers_in(data, screen) {
            let x = plot.x + (scale.x(marker.at.timestamp_millis()) / 2).max(0) as u16;
            // The times on the axis stay readable; the foot of the plot is above them.
            let blank = buf.cell((x, axis)).is_some_and(|cell| cell.symbol() == " ");
            paint::put(buf, x, if blank { axis } else { axis - 1 }, 1, "▲", theme.accent);
        }
    }
}

/// The values the plot spans: from zero (or below) to what there is, with the lines that
/// are near enough to be worth the room.
fn range(data: &GraphData, now: DateTime<Utc>, rows: u16) -> (f64, f64) {
    let from = now.timestamp_millis() - data.window_ms as i64;
    let mut low = 0.0_f64;
    let mut high = 0.0_f64;
    for (_, v) in data.series.points.iter().filter(|(t, _)| *t >= from) {
        if let Some(v) = v.filter(|v| v.is_finite()) {
            low = low.min(v);
            high = high.max(v);
        }
    }
    for line in [data.warn, data.baseline].into_iter().flatten().filter(|l| l.is_finite()) {
        high = high.max(line * 1.1);
    }
    if let Some(critical) = data.critical.filter(|c| c.is_finite())
        && critical <= high * if rows >= 12 { 4.0 } else { 2.5 }
    {
        high = high.max(critical * 1.05);
    }
    if high <= low {
        high = low + 1.0;
    }
    (low, nice_above(high))
}

/// The next number people would write on an axis.
fn nice_above(value: f64) -> f64 {
    let magnitude = 10f64.powf(value.abs().max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.iter().map(|s| s * magnitude).find(|s| *s >= value).unwrap_or(value)
}

fn trace(data: &GraphData, every_ms: u64, scale: &Scale, plot: Rect) -> Dots {
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let mut dots = Dots { cells: vec![0; width * height], width, height };
    let join = (every_ms.max(1) as i64).saturating_mul(JOINED_INTERVALS);
    let mut before: Option<(i64, (i64, i64))> = None;
    for (t, v) in &data.series.points {
        let Some(v) = v.filter(|v| v.is_finite()) else {
            before = None;
            continue;
        };
        let here = (scale.x(*t), scale.y(v));
        if here.0 >= 0 {
            match before {
                Some((then, there)) if t - then <= join && there.0 >= 0 => dots.line(there, here),
                _ => dots.set(here.0, here.1),
            }
        }
        before = Some((*t, here));
    }
    dots
}

fn put_dots(buf: &mut Buffer, plot: Rect, dots: &Dots, data: &GraphData, scale: &Scale, theme: &Theme) {
    let row_of = |v: Option<f64>| v.map(|v| scale.y(v) / 4);
    let (warn, critical) = (row_of(data.warn), row_of(data.critical));
    for cy in 0..dots.height {
        let row = cy as i64;
        let style = if data.critical.is_some_and(|c| c <= scale.high) && critical.is_some_and(|c| row <= c) {
            theme.bad
        } else if data.warn.is_some_and(|w| w <= scale.high) && warn.is_some_and(|w| row < w) {
            theme.warn
        } else {
            theme.accent
        };
        for cx in 0..dots.width {
            let bits = dots.cells.get(cy * dots.width + cx).copied().unwrap_or(0);
            if bits == 0 {
                continue;
            }
            if let (Some(cell), Some(c)) =
                (buf.cell_mut((plot.x + cx as u16, plot.y + cy as u16)), char::from_u32(0x2800 + u32::from(bits)))
            {
                cell.set_char(c).set_style(style);
            }
        }
    }
}

/// The three lines with their names, and the numbers at the left.
#[expect(clippy::too_many_arguments, reason = "places and what stands at them")]
fn labels(buf: &mut Buffer, area: Rect, plot: Rect, gutter: u16, scale: &Scale, data: &GraphData, dots: &Dots, theme: &Theme) {
    let number = |buf: &mut Buffer, y: u16, value: f64, style| {
        paint::put_right(buf, area.x, area.x + gutter - 1, y, &text::number(value), style);
    };
    number(buf, plot.y, scale.high, theme.dim);
    number(buf, plot.bottom() - 1, scale.low, theme.dim);
    let (mut drawn, mut above) = (Vec::new(), Vec::new());
    let lines =
        [(data.baseline, "baseline", theme.baseline), (data.warn, "warn", theme.warn), (data.critical, "critical", theme.bad)];
    for (value, name, style) in lines {
        let Some(value) = value.filter(|v| v.is_finite()) else { continue };
        let words = format!("{name} {}", with_unit(value, &data.unit));
        if value > scale.high {
            above.push(format!("↑ {words}"));
        }
        if value > scale.high || value < scale.low {
            continue;
        }
        let row = (scale.y(value) / 4) as u16;
        let y = plot.y + row;
        drawn.push(row);
        paint::rule(buf, plot.x, y, plot.width, '┈', style);
        name_in(buf, plot, row, &words, dots, style);
        if y != plot.bottom() - 1 {
            number(buf, y, value, style);
        }
    }
    // What is off the scale stands in a row of its own: beside a line it would name that one.
    for words in above {
        let rows = (0..plot.height).filter(|row| !drawn.contains(row)).take(3).collect::<Vec<_>>();
        if let Some(row) = rows.into_iter().find(|row| name_in(buf, plot, *row, &words, dots, theme.dim)) {
            drawn.push(row);
        }
    }
}

/// Puts words into a row where they hide no point, as far to the right as that goes;
/// false: there is no such place.
fn name_in(buf: &mut Buffer, plot: Rect, row: u16, words: &str, dots: &Dots, style: Style) -> bool {
    let words = format!(" {words} ");
    let taken = text::width(&words) as u16;
    // At the right end no blank is needed after them.
    let Some(last) = (plot.width + 1).checked_sub(taken) else { return false };
    let Some(at) = (0..=last).rev().find(|at| dots.free(row, *at..at + taken)) else { return false };
    paint::put(buf, plot.x + at, plot.y + row, plot.width - at, words.trim_end(), style);
    if at + taken <= plot.width {
        paint::put(buf, plot.x + at + taken - 1, plot.y + row, 1, " ", style);
    }
    true
}

/// From the last point to now, where that is longer than it should be.
fn hatch(buf: &mut Buffer, plot: Rect, data: &GraphData, every_ms: u64, scale: &Scale, screen: &Screen<'_>, theme: &Theme) {
    let Some((at, _)) = last(data) else { return };
    let silent = screen.now.timestamp_millis() - at;
    if silent <= (every_ms.max(1) as i64).saturating_mul(JOINED_INTERVALS) {
        return;
    }
    let start = plot.x + ((scale.x(at) / 2).clamp(-1, i64::from(plot.width)) + 1) as u16;
    for y in plot.top()..plot.bottom() {
        for x in start..plot.right() {
            if (x + y) % 3 == 0
                && let Some(cell) = buf.cell_mut((x, y))
            {
                cell.set_char('╱').set_style(theme.stale);
            }
        }
    }
}

fn time_axis(buf: &mut Buffer, plot: Rect, y: u16, data: &GraphData, now: DateTime<Utc>, theme: &Theme) {
    let parts: u16 = if plot.width >= 60 { 4 } else { 2 };
    paint::put_right(buf, plot.x, plot.right(), y, "now", theme.dim);
    for i in 0..parts {
        let ago = data.window_ms - data.window_ms * u64::from(i) / u64::from(parts);
        let time = now - TimeDelta::milliseconds(ago as i64);
        let words = if i == 0 { format!("-{}", text::duration(ago)) } else { time.format("%H:%M").to_string() };
        let x = plot.x + plot.width * i / parts;
        paint::put(buf, x, y, plot.right().saturating_sub(x + 5), &words, theme.dim);
    }
}

fn markers_in<'a>(data: &GraphData, screen: &Screen<'a>) -> impl DoubleEndedIterator<Item = &'a crate::live::Marker> {
    let from = screen.now - TimeDelta::milliseconds(data.window_ms as i64);
    screen.live.markers.iter().filter(move |m| m.at >= from)
}

/// What steps did, under the axis: a sign at the time and the words beside it, where
/// there is room; the latest first.
fn markers(buf: &mut Buffer, plot: Rect, y: u16, data: &GraphData, screen: &Screen<'_>, scale: &Scale, theme: &Theme) {
    let mut limit = plot.right();
    for marker in markers_in(data, screen).rev() {
        let x = plot.x + (scale.x(marker.at.timestamp_millis()) / 2).clamp(0, i64::from(plot.width) - 1) as u16;
        if x >= limit {
            continue;
        }
        paint::put(buf, x, y, 1, "▲", theme.accent);
        let label = text::clean(&marker.label);
        let wanted = text::width(&label) as u16;
        let right = limit.saturating_sub(x + 2);
        let left = x.saturating_sub(plot.x + 1);
        if right >= wanted.min(12) && right > 0 {
            paint::put(buf, x + 2, y, right, &label, theme.text);
            limit = x.saturating_sub(1);
        } else if left >= wanted {
            paint::put_right(buf, plot.x, x - 1, y, &label, theme.text);
            limit = x.saturating_sub(wanted + 2);
        } else {
            limit = x.saturating_sub(1);
        }
    }
}
