//! One figure over time, as SVG within the page, with its target as a line.

use super::define::{Metric, Target, Unit};
use super::words::{NO_DATA, quantity};
use super::{Figure, Group};
use crate::report::chart::Scale;
use crate::report::markup::Markup;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 10.0;
/// Where labels of periods stand.
const FOOT: f64 = 164.0;
/// At most so many periods are labelled.
const LABELS: usize = 10;

/// The places of the periods, from left to right.
#[derive(Clone, Copy)]
struct Columns {
    width: f64,
}

impl Columns {
    fn of(groups: &[Group]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "few periods")]
        let count = groups.len().max(1) as f64;
        Self { width: (WIDTH - LEFT - RIGHT) / count }
    }

    /// The middle of a column.
    fn x(self, n: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "few periods")]
        let n = n as f64;
        LEFT + (n + 0.5) * self.width
    }
}

/// Draws a figure: a bar where there is data, and a word where there is none at all.
pub(super) fn figure(out: &mut Markup, metric: Metric, groups: &[Group]) {
    let values: Vec<Option<&Figure>> = groups.iter().map(|group| group.figure(metric).filter(|f| f.value.is_some())).collect();
    out.put("<figure class=chart><figcaption><b>", metric.name(), "</b>");
    if let Some(target) = metric.target() {
        let word = if matches!(target, Target::Above(_)) { "should be above" } else { "should be below" };
        out.put(" <span class=dim>", word, " ").put("", quantity(metric.unit(), target.limit()), "</span>");
    }
    out.raw("</figcaption>");
    let greatest = values.iter().flatten().filter_map(|figure| figure.value).reduce(f64::max);
    let Some(greatest) = greatest else {
        out.put("<p class=missing>", NO_DATA, "</p></figure>");
        return;
    };
    let limit = metric.target().map(Target::limit);
    let top = limit.map_or(greatest, |limit| limit.max(greatest));
    let top = if metric.unit() == Unit::Percent { top.min(100.0).max(greatest) } else { top };
    let scale = match metric.unit() {
        Unit::Time => Scale::of_time(top),
        Unit::Percent | Unit::PerWeek => Scale::over(0.0, if top > 0.0 { top } else { 1.0 }),
    };
    out.raw("<svg viewBox=\"0 0 960 170\" role=img>");
    out.put("<title>", format_args!("{}: at most {}", metric.name(), quantity(metric.unit(), greatest)), "</title>");
    grid(out, metric.unit(), &scale, groups);
    let columns = Columns::of(groups);
    for (n, figure) in values.iter().enumerate() {
        let Some((figure, value)) = figure.and_then(|figure| Some((figure, figure.value?))) else { continue };
        out.raw(if figure.met == Some(false) { "<rect class=\"bar bad\"" } else { "<rect class=bar" });
        let (y, foot) = (scale.y(value), scale.y(0.0));
        let width = (columns.width * 0.7).max(1.0);
        // A bar of nothing is drawn all the same: it is data.
        let height = (foot - y).max(1.5);
        out.text(format_args!(" x={:.1} y={:.1} width={width:.1} height={height:.1}", columns.x(n) - width / 2.0, foot - height));
        let name = groups.get(n).map_or("", |group| group.name.as_str());
        out.put("><title>", format_args!("{name}: {} over {}", quantity(metric.unit(), value), figure.over), "</title></rect>");
    }
    if let Some(limit) = limit.filter(|limit| *limit <= scale.top()) {
        out.raw("<line class=critical");
        line(out, (LEFT, scale.y(limit)), (WIDTH - RIGHT, scale.y(limit)));
    }
    out.raw("</svg></figure>");
}

fn line(out: &mut Markup, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    out.text(format_args!(" x1={x1:.1} y1={y1:.1} x2={x2:.1} y2={y2:.1}")).raw(" />");
}

fn grid(out: &mut Markup, unit: Unit, scale: &Scale, groups: &[Group]) {
    for tick in scale.ticks() {
        let y = scale.y(tick);
        out.raw("<line class=grid");
        line(out, (LEFT, y), (WIDTH - RIGHT, y));
        let label = if tick == 0.0 { "0".to_owned() } else { quantity(unit, tick) };
        out.put("<text class=tick text-anchor=end x=64 y=", format_args!("{:.1}", y + 3.5), ">").put("", label, "</text>");
    }
    let columns = Columns::of(groups);
    let every = groups.len().div_ceil(LABELS).max(1);
    for (n, group) in groups.iter().enumerate().step_by(every) {
        out.put("<text class=tick text-anchor=middle x=", format_args!("{:.1}", columns.x(n)), " y=");
        out.put("", FOOT, ">").put("", &group.name, "</text>");
    }
}
