//! The figures as one HTML page: no script, nothing fetched, data as escaped text only.

use super::define::Metric;
use super::plot;
use super::words::{NO_DATA, by_group, lists, met, over, target, value};
use super::{Failed, Statistics};
use crate::report::html::{STYLE, source};
use crate::report::markup::Markup;
use crate::report::words::took;

/// What is drawn over time.
const PLOTTED: [Metric; 7] = [
    Metric::SuccessRate,
    Metric::DeployTime,
    Metric::RollbackRate,
    Metric::Recovery,
    Metric::ChangeFailure,
    Metric::Frequency,
    Metric::LeadTime,
];

/// The page.
pub fn page(statistics: &Statistics) -> String {
    let mut out = Markup::default();
    head(&mut out);
    out.raw("<body><main><header><h1>How changes go</h1>");
    out.put("<p class=facts>", statistics.scope(), "</p>");
    out.maybe("<p class=dim>", statistics.left.words(), "</p>");
    out.raw("</header><section><h2>Figures and targets</h2><table><thead><tr><th>Figure<th>Value<th>Target<th>Is it met<th>Over</tr></thead><tbody>");
    for figure in &statistics.all.figures {
        out.put("<tr><th scope=row>", figure.metric.name(), "</th>");
        out.raw(if figure.value.is_none() { "<td class=missing>" } else { "<td>" }).text(value(figure)).raw("</td>");
        out.put("<td class=short>", target(figure.metric).unwrap_or_else(|| "–".to_owned()), "</td><td>");
        match figure.met {
            Some(true) => out.put("<span class=\"badge good\">", met(figure), "</span>"),
            Some(false) => out.put("<span class=\"badge bad\">", met(figure), "</span>"),
            None => out.put("", met(figure), ""),
        };
        out.put("</td><td>", over(&statistics.all, figure), "</td></tr>");
    }
    out.raw("</tbody></table></section>");
    groups(&mut out, statistics);
    plots(&mut out, statistics);
    failures(&mut out, &statistics.failed);
    for (heading, lines) in lists(statistics) {
        out.put("<section><h2>", heading, "</h2>");
        list(&mut out, &lines);
        out.raw("</section>");
    }
    out.raw("<section><h2>What the figures mean</h2><table class=audit><tbody>");
    for metric in Metric::ALL {
        out.put("<tr><th scope=row>", metric.name(), "</th><td>").put("<p>", metric.definition(), "</p></td></tr>");
    }
    out.raw("</tbody></table><p>Rehearsals and dry runs count in no figure. A figure without data says so.</p></section>");
    out.put(
        "<footer>Made by pacenote ",
        crate::report::VERSION,
        " from the ledger. Times are UTC.</footer></main></body></html>\n",
    );
    out.into_string()
}

fn head(out: &mut Markup) {
    let policy = format!("default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'", source(STYLE));
    out.raw("<!doctype html><html lang=en><head><meta charset=utf-8>");
    out.put("<meta http-equiv=\"Content-Security-Policy\" content=\"", policy, "\">");
    out.raw("<meta name=viewport content=\"width=device-width\"><meta name=referrer content=no-referrer>");
    out.raw("<meta name=\"color-scheme\" content=\"light dark\"><title>How changes go</title>");
    out.raw("<style>").raw(STYLE).raw("</style></head>");
}

fn groups(out: &mut Markup, statistics: &Statistics) {
    if statistics.groups.is_empty() {
        return;
    }
    out.raw("<section><h2>One by one</h2><table class=figures><thead><tr>");
    let mut rows = by_group(&statistics.groups).into_iter();
    for heading in rows.next().unwrap_or_default() {
        out.put("<th>", heading, "</th>");
    }
    out.raw("</tr></thead><tbody>");
    for row in rows {
        out.raw("<tr>");
        for cell in row {
            out.put("<td>", cell, "</td>");
        }
        out.raw("</tr>");
    }
    out.raw("</tbody></table><p class=dim>A ! marks what misses its target.</p></section>");
}

fn plots(out: &mut Markup, statistics: &Statistics) {
    out.raw("<section class=charts><h2>Over time</h2>");
    if statistics.periods.is_empty() {
        out.put("<p class=missing>", NO_DATA, "</p>");
    }
    for metric in PLOTTED.into_iter().filter(|_| !statistics.periods.is_empty()) {
        plot::figure(out, metric, &statistics.periods);
    }
    out.raw("</section>");
}

fn failures(out: &mut Markup, failed: &[Failed]) {
    out.raw("<section><h2>Changes that failed</h2>");
    if failed.is_empty() {
        out.raw("<p>None.</p></section>");
        return;
    }
    out.raw("<table><thead><tr><th>Session<th>What<th>Ended<th>First trouble<th>Recovered after</tr></thead><tbody>");
    for one in failed {
        out.put("<tr><td><code>", &one.sid, "</code></td>").put("<td>", &one.title, "</td><td>");
        out.put("", one.outcome.as_str(), "").maybe(", rolled back by ", one.rolled_back_by.as_ref(), "");
        out.put("</td><td>", one.trouble.as_deref().unwrap_or("–"), "</td>");
        out.put("<td>", one.recovery_ms.map_or_else(|| NO_DATA.to_owned(), took), "</td></tr>");
    }
    out.raw("</tbody></table></section>");
}

fn list(out: &mut Markup, lines: &[String]) {
    if lines.is_empty() {
        out.raw("<p>None.</p>");
        return;
    }
    out.raw("<ul>");
    for line in lines {
        out.put("<li>", line, "</li>");
    }
    out.raw("</ul>");
}
