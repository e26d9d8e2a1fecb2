//! The sections of the page that tell what people and the session decided, and on what.

use super::time;
use crate::report::answers::{self, Answer};
use crate::report::markup::{Markup, clip};
use crate::report::story::{Effect, Moment, Story, reading_of};
use crate::report::words::{by, took, verdict};
use crate::session::Event;
use crate::session::event::{ApprovalAnswer, DecisionMade, Deviation, Evidence, GateJudged, GuardTripped, Outcome};
use crate::session::intent::{Purpose, What};
use crate::session::resolve::summary;

/// Of one difference or script so many bytes are shown.
const LONGEST: usize = 16 * 1024;

/// A section with a heading, or one sentence where there is nothing to tell.
fn section<T>(out: &mut Markup, heading: &'static str, none: &'static str, items: Vec<T>, mut each: impl FnMut(&mut Markup, T)) {
    out.put("<section><h2>", heading, "</h2>");
    if items.is_empty() {
        out.put("<p>", none, "</p>");
    }
    for item in items {
        each(out, item);
    }
    out.raw("</section>");
}

pub(super) fn decisions(out: &mut Markup, story: &Story) {
    let all: Vec<(&Moment, &DecisionMade)> =
        story.each(|event| if let Event::DecisionMade(decision) = event { Some(&**decision) } else { None }).collect();
    section(out, "Decisions, and the evidence they were taken on", "Nothing was decided.", all, |out, (moment, decision)| {
        out.raw("<article><h3>");
        time(out, moment.ts);
        let about = decision.path.as_ref().map(|path| path.as_str()).or(decision.guard.as_deref()).unwrap_or("the session");
        out.put(" ", about, ": ").text(if decision.label.is_empty() { &decision.choice } else { &decision.label });
        out.put("</h3><p>chose <b>", &decision.choice, "</b>").put(" by ", by(decision.by), "");
        out.maybe(": <q>", decision.reason.as_ref(), "</q>");
        record(out, moment);
        out.raw("</p>");
        evidence(out, &decision.evidence);
        out.raw("</article>");
    });
}

pub(super) fn deviations(out: &mut Markup, story: &Story) {
    let all: Vec<(&Moment, &Deviation)> =
        story.each(|event| if let Event::DeviationRecorded(deviation) = event { Some(&**deviation) } else { None }).collect();
    section(out, "Deviations from the runbook", "None was recorded.", all, |out, (moment, deviation)| {
        out.raw("<article class=deviation><h3>");
        time(out, moment.ts);
        out.put(" ", &deviation.what, "");
        out.maybe(" at ", deviation.path.as_ref(), "");
        out.put("</h3><p>by ", by(deviation.by), ": ").put("<q>", &deviation.reason, "</q>");
        record(out, moment);
        out.raw("</p>");
        evidence(out, &deviation.evidence);
        out.raw("</article>");
    });
}

pub(super) fn approvals(out: &mut Markup, story: &Story) {
    let answer = |verb: &'static str, answer: &ApprovalAnswer| {
        let reason = answer.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        (verb, answer.path.clone(), format!("{}{reason}", answer.by))
    };
    let all: Vec<_> = story
        .each(move |event| match event {
            Event::ApprovalRequested(asked) => {
                let expires = asked.expires.as_ref().map(|at| format!(", until {at}")).unwrap_or_default();
                Some(("requested", asked.path.clone(), format!("{} of {}{expires}", asked.min, asked.by.join(", "))))
            }
            Event::ApprovalGiven(given) => Some(answer("given", given)),
            Event::ApprovalRefused(refused) => Some(answer("refused", refused)),
            Event::ApprovalVoided(voided) => Some(("void", voided.path.clone(), voided.reason.clone())),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        out.raw("<section><h2>Approvals</h2><p>None was asked for.</p></section>");
        return;
    }
    out.raw(
        "<section><h2>Approvals</h2><table class=answers><thead><tr><th>time<th>step<th>what<th>who, and why<th>key<th>its worth<th>record</tr></thead><tbody>",
    );
    let answers = answers::answers(story);
    for (moment, (verb, path, who)) in all {
        out.raw("<tr><td>");
        time(out, moment.ts);
        out.put("<td>", path, "").put("<td>", verb, "").put("<td>", who, "");
        let answer = answers.iter().find(|answer| answer.seq == moment.seq);
        out.put("<td><code>", answer.and_then(|answer| answer.key.as_deref()).unwrap_or_default(), "</code>");
        out.put("<td>", answer.map(Answer::verdict).unwrap_or_default(), "").put("<td>", moment.seq, "</tr>");
    }
    out.raw("</tbody></table></section>");
}

/// What others said afterwards; nothing where nobody did.
pub(super) fn reviews(out: &mut Markup, story: &Story) {
    let reviews = answers::reviews(story);
    if reviews.is_empty() {
        return;
    }
    out.raw("<section><h2>Reviewed afterwards</h2><p>These stand beside the journal, each signed over its head.</p><ul>");
    for review in reviews {
        out.put("<li>", review, "</li>");
    }
    out.raw("</ul></section>");
}

/// Gates and guards: what the session itself judged.
pub(super) fn judgements(out: &mut Markup, story: &Story) {
    enum Judged<'a> {
        Gate(&'a GateJudged),
        Guard(&'a GuardTripped),
    }
    // Judgements in between repeat the one before; they are counted in the timeline.
    let all: Vec<(&Moment, Judged<'_>)> = story
        .each(|event| match event {
            Event::GateJudged(gate) if gate.evidence.is_some() || gate.final_verdict.is_some() => Some(Judged::Gate(gate)),
            Event::GuardTripped(guard) => Some(Judged::Guard(guard)),
            _ => None,
        })
        .collect();
    section(out, "Gates and guards", "None was judged.", all, |out, (moment, judged)| {
        out.raw("<article><h3>");
        time(out, moment.ts);
        match judged {
            Judged::Gate(gate) => {
                let (verdict, end) = verdict(gate);
                out.put(" gate ", &gate.path, ": ").text(verdict).text(end).put("</h3><p>", &gate.why, "");
                record(out, moment);
                out.raw("</p>");
                gate.evidence.iter().for_each(|found| evidence(out, found));
            }
            Judged::Guard(guard) => {
                out.put(" guard ", &guard.guard, " TRIPPED").put("</h3><p><code>", &guard.condition, "</code>");
                out.maybe(", to be answered by ", guard.decide_by.map(|by| by.format("%H:%M:%S").to_string()), "");
                out.raw(if guard.automatic { ", acts without asking" } else { "" });
                record(out, moment);
                out.raw("</p>");
                evidence(out, &guard.evidence);
            }
        }
        out.raw("</article>");
    });
}

/// Effects that could change something, with what would differ and what came out.
pub(super) fn changes(out: &mut Markup, story: &Story) {
    let all: Vec<&Effect> = story.changes().collect();
    section(out, "What was done", "Nothing that changes anything was started.", all, |out, effect| {
        let intent = &effect.intent;
        out.raw("<article><h3>");
        time(out, effect.at);
        out.put(" ", &intent.path, ": ").text(summary(&intent.what)).raw("</h3><p>");
        out.put("effect ", intent.effect, ", started by ").text(by(intent.by));
        if let Purpose::Undo { of, .. } = &intent.purpose {
            out.put(", to undo ", of, "");
        }
        out.put(" <span class=dim>record ", effect.seq, "</span></p>");
        result(out, effect);
        if let What::Run(run) = &intent.what {
            run.script.iter().for_each(|script| fold(out, "Script", script));
        }
        if let Some(object) = &intent.object {
            out.put("<p>", &object.resource, "").put(" in ", &object.namespace, "");
            out.put(" at resourceVersion ", &object.resource_version, "</p>");
            fold(out, "What would differ", &object.diff);
        }
        for output in effect.ended.iter().filter_map(|(_, ended)| ended.output.as_ref()) {
            out.put("<p>Output, ", output.bytes, " bytes, ").put("<code>output/", &output.blob, "</code>; it begins:</p>");
            out.raw("<pre>").lines(clip(&output.head, LONGEST)).raw("</pre>");
        }
        out.raw("</article>");
    });
}

fn result(out: &mut Markup, effect: &Effect) {
    let Some((_, ended)) = &effect.ended else {
        out.raw("<p class=missing>Its end is not in the journal: whether it had its effect is not known.</p>");
        return;
    };
    let (class, word) = match ended.outcome {
        Outcome::Succeeded => ("good", "succeeded"),
        Outcome::Failed => ("bad", "FAILED"),
        Outcome::Unknown => ("bad", "OUTCOME UNKNOWN"),
    };
    out.put("<p><span class=\"badge ", class, "\">").put("", word, "</span>").put(" after ", took(ended.took_ms), ": ");
    out.text(&ended.message);
    out.maybe(", exit ", ended.exit, "").maybe(", status ", ended.status, "");
    out.maybe(", resourceVersion ", ended.resource_version.as_ref(), "").maybe(", Audit-Id ", ended.audit_id.as_ref(), "");
    out.raw("</p>");
    for (name, value) in &ended.captured {
        out.put("<p><code>", name, "</code> = ").text(value).raw("</p>");
    }
    if let Some(settled) = &effect.settled {
        let how = if settled.looked { "by looking" } else { "by the operator" };
        let done = if settled.done { "it had its effect" } else { "it had none" };
        out.put("<p>Settled ", how, ": ").text(done).put(": <q>", &settled.reason, "</q></p>");
    }
}

pub(super) fn notes(out: &mut Markup, story: &Story) {
    let all: Vec<_> = story
        .each(|event| match event {
            Event::NoteAdded(note) => Some((note.path.as_ref().map_or("note", |path| path.as_str()), note.text.clone())),
            Event::FollowupNoted(owed) => {
                let due = owed.due.map(|due| format!(" (by {})", due.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
                Some(("owed", format!("{}{due}", owed.text)))
            }
            _ => None,
        })
        .collect();
    section(out, "Notes, and what is owed", "None.", all, |out, (moment, (place, text))| {
        out.raw("<p>");
        time(out, moment.ts);
        out.put(" <b>", place, "</b> ").raw("<span class=note>").lines(text).raw("</span>");
        record(out, moment);
        out.raw("</p>");
    });
}

fn record(out: &mut Markup, moment: &Moment) {
    out.put(" <span class=dim>record ", moment.seq, "</span>");
}

/// A text that can be folded away; open where it is short, and always in print.
fn fold(out: &mut Markup, summary: &'static str, text: &str) {
    if text.is_empty() {
        return;
    }
    let short = text.lines().count() <= 24;
    out.raw(if short { "<details open><summary>" } else { "<details><summary>" }).text(summary);
    out.raw("</summary><pre>").lines(clip(text, LONGEST)).raw("</pre></details>");
}

/// What was known at that moment.
fn evidence(out: &mut Markup, evidence: &Evidence) {
    if evidence.signals.is_empty() && evidence.guards.is_empty() {
        out.raw("<p class=missing>No evidence is recorded: no signal was declared.</p>");
        return;
    }
    out.raw("<table class=evidence><thead><tr><th>signal<th>said<th>age<th>baseline<th>from</tr></thead><tbody>");
    for (name, signal) in &evidence.signals {
        let bad = signal.stale || signal.reading.as_ref().is_none_or(|r| r.problem.is_some() || r.ok == Some(false));
        out.raw(if bad { "<tr class=bad><td>" } else { "<tr><td>" }).text(name).put("<td>", reading_of(signal), "");
        out.put("<td>", signal.age_ms.map(took).unwrap_or_default(), "");
        out.raw(if signal.stale { " <b>STALE</b>" } else { "" });
        out.put("<td>", signal.baseline.map(|baseline| baseline.to_string()).unwrap_or_default(), "");
        out.put("<td><code>", &signal.source, "</code></tr>");
        for reading in signal.reading.iter().filter(|reading| !reading.detail.is_empty()) {
            out.raw("<tr class=detail><td><td colspan=4><pre>").lines(reading.detail.join("\n")).raw("</pre></tr>");
        }
    }
    out.raw("</tbody></table>");
    for guard in &evidence.guards {
        out.put("<p>guard ", guard, "</p>");
    }
}
