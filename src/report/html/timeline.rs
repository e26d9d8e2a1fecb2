//! The sections of the page that go through the session in order: steps, records, files.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::time;
use crate::report::markup::{Markup, clip};
use crate::report::story::{Moment, Step, Story};
use crate::report::words::{self, took};
use crate::session::Event;
use crate::session::event::{GateJudged, StepOutcome};
use crate::session::time::rfc3339;

/// Of one record's further lines so many bytes are shown.
const LONGEST: usize = 4 * 1024;

pub(super) fn steps(out: &mut Markup, story: &Story) {
    out.raw("<section><h2>Steps</h2><table><thead><tr><th>entered<th>step<th>title<th>ended<th>after</tr></thead><tbody>");
    for step in &story.steps {
        row(out, step);
    }
    out.raw("</tbody></table></section>");
}

fn row(out: &mut Markup, step: &Step) {
    let (class, word) = match step.ended.as_ref().map(|(outcome, ..)| outcome) {
        Some(StepOutcome::Done) => ("", "done"),
        Some(StepOutcome::Failed) => ("bad", "FAILED"),
        Some(StepOutcome::Skipped) => ("bad", "SKIPPED"),
        Some(StepOutcome::NotApplicable) => ("dim", "does not apply"),
        Some(StepOutcome::NotChosen) => ("dim", "not chosen"),
        Some(StepOutcome::Interrupted) => ("bad", "INTERRUPTED"),
        None => ("bad", "no end recorded"),
    };
    out.put("<tr class=\"", class, "\"><td>");
    if let Some(at) = step.at {
        time(out, at);
    }
    out.put("<td>", &step.path, "");
    if step.visit > 1 {
        out.put(" (visit ", step.visit, ")");
    }
    out.put("<td>", &step.title, "").put("<td>", word, "");
    if let Some((_, ms, reason)) = &step.ended {
        out.maybe(": ", reason.as_ref(), "");
        out.raw("<td class=short>");
        if step.at.is_some() {
            out.text(took(*ms));
        }
    } else {
        out.raw("<td>");
    }
    out.raw("</tr>");
}

/// Judgements of one gate in a row that say the same.
struct Repeated {
    times: u32,
    last: DateTime<Utc>,
}

pub(super) fn records(out: &mut Markup, story: &Story) {
    out.raw(
        "<section><h2>Timeline</h2><p class=dim>Every record but readings, which are in the charts, and what was on screen. \
             Judgements of a gate that only repeat the one before are counted.</p>",
    );
    out.raw("<table class=timeline><thead><tr><th>record<th>time<th>type<th>what</tr></thead><tbody>");
    let mut day = None;
    let mut gate: Option<(&GateJudged, Repeated)> = None;
    for moment in &story.moments {
        if let Some(Event::GateJudged(judged)) = &moment.event
            && let Some((before, repeated)) = &mut gate
            && same(before, judged)
        {
            repeated.times += 1;
            repeated.last = moment.ts;
            continue;
        }
        end_repeats(out, &mut gate);
        if day != Some(moment.ts.date_naive()) {
            day = Some(moment.ts.date_naive());
            out.put("<tr class=day><td><td colspan=3>", moment.ts.format("%A, %Y-%m-%d"), "</tr>");
        }
        one(out, moment);
        if let Some(Event::GateJudged(judged)) = &moment.event {
            gate = Some((judged, Repeated { times: 0, last: moment.ts }));
        }
    }
    end_repeats(out, &mut gate);
    out.raw("</tbody></table></section>");
}

fn same(before: &GateJudged, now: &GateJudged) -> bool {
    before.path == now.path
        && before.visit == now.visit
        && before.verdict == now.verdict
        && now.final_verdict.is_none()
        && now.evidence.is_none()
}

fn end_repeats(out: &mut Markup, gate: &mut Option<(&GateJudged, Repeated)>) {
    if let Some((_, Repeated { times, last })) = gate.take().filter(|(_, repeated)| repeated.times > 0) {
        out.raw("<tr class=dim><td><td><td><td>").text(format_args!("the same {times} times more, until "));
        time(out, last);
        out.raw("</tr>");
    }
}

fn one(out: &mut Markup, moment: &Moment) {
    let mut lines = moment.event.as_ref().map_or_else(|| vec!["not known to this version".to_owned()], words::lines).into_iter();
    out.put("<tr><td>", moment.seq, "<td>");
    time(out, moment.ts);
    out.put("<td>", &moment.kind, "").put("<td>", lines.next().unwrap_or_default(), "");
    let more: Vec<String> = lines.collect();
    if !more.is_empty() {
        out.put("<details><summary>", format_args!("{} more lines", more.len()), "</summary><pre>");
        out.lines(clip(&more.join("\n"), LONGEST)).raw("</pre></details>");
    }
    out.raw("</tr>");
}

/// Files that belong to the record, and its numbers.
pub(super) fn files(out: &mut Markup, story: &Story) {
    out.raw("<section><h2>Files and numbers</h2>");
    if let Some((_, opened)) = &story.opened {
        out.raw("<table><thead><tr><th>file of the bundle, as run<th>SHA-256</tr></thead><tbody>");
        for (path, hash) in &opened.bundle.files {
            out.put("<tr><td>", path, "").put("<td><code>", hash, "</code></tr>");
        }
        out.raw("</tbody></table>");
    }
    let outputs: Vec<_> =
        story.effects.values().filter_map(|effect| Some((effect, effect.ended.as_ref()?.1.output.as_ref()?))).collect();
    if !outputs.is_empty() {
        out.raw("<table><thead><tr><th>output of<th>bytes<th>file</tr></thead><tbody>");
        for (effect, output) in outputs {
            out.put("<tr><td>", format_args!("{} effect {}", effect.intent.path, effect.intent.effect), "");
            out.put("<td>", output.bytes, "").put("<td><code>output/", &output.blob, "</code></tr>");
        }
        out.raw("</tbody></table>");
    }
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    story.moments.iter().for_each(|moment| *kinds.entry(&moment.kind).or_default() += 1);
    let counted: Vec<String> = kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let rest = story.records.saturating_sub(story.moments.len() as u64);
    out.put("<p>Records: ", counted.join(", "), "").put("; readings and screens ", rest, ".</p>");
    out.maybe("<p>Last record: ", story.last.map(rfc3339), "</p>");
    out.raw("</section>");
}
