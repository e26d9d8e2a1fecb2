//! Each kind of record in words: the first line says what happened, the others more.
//!
//! The one place where a record becomes text: `show`, the timeline of a report, its CSV and
//! its cast say the same. Texts come out as the journal has them; whoever prints them
//! takes out what a terminal or a browser would obey.

use crate::session::Event;
use crate::session::event::{
    ApprovalAnswer, DecisionMade, Deviation, EffectEnded, Evidence, GateEnd, GateJudged, GuardTripped, JournalRecovered, Outcome,
    SessionClosed, SignalSampled, StepEnded, StepEntered, StepOutcome, Verdict,
};
use crate::session::intent::{Intent, Purpose, Starter, What};
use crate::session::reading::Reading;
use crate::session::resolve::summary;

pub(super) mod opened;

/// A record as lines of text. None for what only the screen and statistics use.
pub fn lines(event: &Event) -> Vec<String> {
    match event {
        Event::SessionOpened(o) => opened::opened(o),
        Event::SessionResumed(r) => opened::resumed(r),
        Event::StepEntered(entered) => one(entered_line(entered)),
        Event::StepEnded(ended) => one(ended_line(ended)),
        Event::ItemTicked(i) => {
            let how = if i.by_check { " by its check" } else { "" };
            let what = if i.ticked { "ticked" } else { "unticked" };
            with_evidence(format!("{} {what}{how}: {}{}", i.path, i.text, because(i.note.as_ref())), i.evidence.as_ref())
        }
        Event::InputGiven(i) => {
            let mut lines = one(format!("{} answered", i.path));
            lines.extend(i.values.iter().map(|(name, value)| format!("{name} = {value}")));
            lines.extend(i.secrets.iter().map(|name| format!("{name} = (secret)")));
            lines
        }
        Event::InputsChanged(i) => {
            let mut lines = one(format!("inputs changed: {}", i.reason));
            lines.extend(i.values.iter().map(|(name, value)| format!("{name} = {value}")));
            lines
        }
        Event::DecisionMade(decision) => decision_lines(decision),
        Event::ApprovalRequested(a) => one(format!("{} asks {} of {} to approve", a.path, a.min, a.by.join(", "))),
        Event::ApprovalGiven(a) => one(approval(a, "approved")),
        Event::ApprovalRefused(a) => one(approval(a, "refused")),
        Event::ApprovalVoided(a) => one(format!("{} approval void: {}", a.path, a.reason)),
        Event::EffectIntended(intent) => intent_lines(intent),
        Event::EffectEnded(ended) => effect_lines(ended),
        Event::OutcomeSettled(s) => {
            let how = if s.looked { "by looking" } else { "by the operator" };
            let what = if s.done { "was done" } else { "was not done" };
            one(format!("{} effect {} {what}, settled {how}: {}", s.path, s.effect, s.reason))
        }
        Event::GateJudged(gate) => gate_lines(gate),
        Event::GuardTripped(guard) => tripped_lines(guard),
        Event::DeviationRecorded(deviation) => deviation_lines(deviation),
        Event::SignalSampled(sampled) => sampled_lines(sampled),
        other => of_the_session(other),
    }
}

/// Records about the session as a whole.
fn of_the_session(event: &Event) -> Vec<String> {
    match event {
        Event::SessionPaused(p) => one(format!("{}{}", if p.paused { "paused" } else { "goes on" }, because(p.reason.as_ref()))),
        Event::TargetPinned(t) => {
            one(format!("rollback of {} would go back to revision {} ({})", t.workload, t.revision, t.images.join(", ")))
        }
        Event::BaselineFixed(b) => {
            let value = b.value.map_or("none".to_owned(), |value| value.to_string());
            one(format!("baseline of {}: {value} ({})", b.signal, b.detail))
        }
        Event::GuardArmed(g) => one(format!("guard {} is armed", g.guard)),
        Event::GuardSnoozed(g) => one(format!("guard {} snoozed for {} by {}: {}", g.guard, took(g.for_ms), by(g.by), g.reason)),
        Event::NoteAdded(n) => {
            let place = n.path.as_ref().map(|path| format!(" at {path}")).unwrap_or_default();
            let mut text = n.text.lines();
            let mut lines = one(format!("NOTE{place}: {}", text.next().unwrap_or_default()));
            lines.extend(text.map(str::to_owned));
            lines
        }
        Event::LockTaken(l) => one(format!("lock {} taken", l.lock)),
        Event::LockTakenOver(l) => {
            let from = l.from.as_deref().unwrap_or("an unknown holder");
            one(format!("lock {} taken over from {from}{}", l.lock, because(l.reason.as_ref())))
        }
        Event::FreezeSet(f) => one(format!("environment {} frozen: {}", f.environment, f.reason)),
        Event::RunbookChanged(r) => one(format!("the runbook on disk has changed; its bundle is now {}", r.sha256)),
        Event::AnchorConfirmed(a) => one(format!("{} knows record {} by its head {}", a.place, a.seq, a.head)),
        Event::JournalRecovered(r) => one(recovered(r)),
        Event::FollowupNoted(f) => {
            let due = f.due.map(|due| format!(" (by {})", due.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
            one(format!("owed: {}{due}", f.text))
        }
        Event::SessionClosed(closed) => closed_lines(closed),
        Event::JournalSealed(seal) => one(sealed(seal)),
        // `view.changed` is for debriefs, a seal's announcement says what the seal says;
        // every other kind is above.
        _ => Vec::new(),
    }
}

/// A length of time as people say it: no milliseconds once there are seconds.
pub(super) fn took(ms: u64) -> String {
    let rounded = if ms >= 1000 { ms / 1000 * 1000 } else { ms };
    crate::runbook::duration::format(std::time::Duration::from_millis(rounded))
}

fn one(line: String) -> Vec<String> {
    vec![line]
}

fn because(reason: Option<&String>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

pub(super) fn by(starter: Starter) -> &'static str {
    match starter {
        Starter::Operator => "the operator",
        Starter::Answers => "the answers file",
        Starter::Session => "the session",
    }
}

fn entered_line(entered: &StepEntered) -> String {
    let visit = if entered.visit > 1 { format!(" (visit {})", entered.visit) } else { String::new() };
    let undoes = entered.undoes.as_ref().map(|(path, _)| format!(", undoing {path}")).unwrap_or_default();
    let with: String = entered.with.iter().map(|(name, value)| format!(", {name} = {value}")).collect();
    format!("{}{visit} entered: {}{with}{undoes}{}", entered.path, entered.title, because(entered.cause.as_ref()))
}

fn ended_line(ended: &StepEnded) -> String {
    let outcome = match ended.outcome {
        StepOutcome::Done => "done",
        StepOutcome::Failed => "FAILED",
        StepOutcome::Skipped => "SKIPPED",
        StepOutcome::NotApplicable => "does not apply",
        StepOutcome::NotChosen => "not chosen",
        StepOutcome::Interrupted => "INTERRUPTED",
    };
    let outcome = match ended.treatment {
        Some(worth) => format!("{outcome} [{}]", worth.words()),
        None => outcome.to_owned(),
    };
    let after = if ended.visit == 0 { String::new() } else { format!(" after {}", took(ended.took_ms)) };
    format!("{} {outcome}{after}{}", ended.path, because(ended.reason.as_ref()))
}

fn decision_lines(decision: &DecisionMade) -> Vec<String> {
    let about = match (&decision.path, &decision.guard) {
        (_, Some(guard)) => format!(" about guard {guard}"),
        (Some(path), None) => format!(" at {path}"),
        (None, None) => String::new(),
    };
    let said = decision.label.is_empty() || decision.label == decision.choice;
    let label = if said { String::new() } else { format!(" ({})", decision.label) };
    let first = format!("DECIDED{about}: {}{label} by {}{}", decision.choice, by(decision.by), because(decision.reason.as_ref()));
    with_evidence(first, Some(&decision.evidence))
}

fn approval(answer: &ApprovalAnswer, what: &str) -> String {
    let simulated = if answer.simulated { " (simulated)" } else { "" };
    format!("{} {what} by {}{simulated}{}", answer.path, answer.by, because(answer.reason.as_ref()))
}

fn intent_lines(intent: &Intent) -> Vec<String> {
    let purpose = match &intent.purpose {
        Purpose::Step => String::new(),
        Purpose::Undo { of, .. } => format!(" to undo {of}"),
        Purpose::Look => " to look".to_owned(),
    };
    let verb = if intent.changes { "changes" } else { "reads" };
    let mut lines = one(format!("{} effect {}{purpose} {verb}: {}", intent.path, intent.effect, summary(&intent.what)));
    if let What::Run(run) = &intent.what {
        lines.extend(run.script.iter().flat_map(|script| script.lines()).map(|line| format!("| {line}")));
    }
    lines.extend(intent.object.iter().flat_map(|object| object.diff.lines()).map(str::to_owned));
    lines
}

fn effect_lines(ended: &EffectEnded) -> Vec<String> {
    let outcome = match ended.outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "FAILED",
        Outcome::Unknown => "OUTCOME UNKNOWN",
    };
    let mut lines =
        one(format!("{} effect {} {outcome} after {}: {}", ended.path, ended.effect, took(ended.took_ms), ended.message));
    lines.extend(ended.captured.iter().map(|(name, value)| format!("{name} = {value}")));
    lines.extend(ended.output.as_ref().map(|output| format!("output/{} ({} bytes)", output.blob, output.bytes)));
    lines
}

fn sampled_lines(sampled: &SignalSampled) -> Vec<String> {
    sampled.readings.iter().map(|(name, reading)| format!("{name}: {}", says(reading))).collect()
}

/// What a reading says: its numbers, or why there are none.
pub(super) fn says(reading: &Reading) -> String {
    let mut parts: Vec<String> = reading.members.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let failures = reading.failures;
    parts.extend(reading.ok.map(|ok| if ok { "ok".to_owned() } else { format!("not ok ({failures} in a row)") }));
    parts.extend(reading.problem.clone());
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// What a gate came to, and how it ended where it did.
pub(super) fn verdict(gate: &GateJudged) -> (&'static str, &'static str) {
    let verdict = match gate.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
    };
    let end = gate.final_verdict.map_or("", |end| match end {
        GateEnd::Passed => "; the gate passed",
        GateEnd::Failed => "; THE GATE FAILED",
        GateEnd::Hold => "; no verdict in time, it asks",
    });
    (verdict, end)
}

fn gate_lines(gate: &GateJudged) -> Vec<String> {
    let (verdict, end) = verdict(gate);
    with_evidence(format!("{} judged {verdict}: {}{end}", gate.path, gate.why), gate.evidence.as_ref())
}

fn tripped_lines(guard: &GuardTripped) -> Vec<String> {
    let acts = if guard.automatic { "; acts without asking" } else { "" };
    let until = guard.decide_by.map(|by| format!("; to be answered by {}", by.format("%H:%M:%S"))).unwrap_or_default();
    with_evidence(format!("GUARD {} TRIPPED: {}{until}{acts}", guard.guard, guard.condition), Some(&guard.evidence))
}

fn deviation_lines(deviation: &Deviation) -> Vec<String> {
    let place = deviation.path.as_ref().map(|path| format!(" at {path}")).unwrap_or_default();
    let first = format!("DEVIATION{place}: {} by {}: {}", deviation.what, by(deviation.by), deviation.reason);
    with_evidence(first, Some(&deviation.evidence))
}

fn recovered(r: &JournalRecovered) -> String {
    format!("the last record had not been written to its end: {} bytes were cut and saved to {}", r.length, r.file)
}

fn closed_lines(closed: &SessionClosed) -> Vec<String> {
    let (done, skipped, deviations) = (closed.done, closed.skipped, closed.deviations);
    vec![
        format!("CLOSED {}{}", closed.outcome.as_str(), because(closed.reason.as_ref())),
        format!("{} walked; steps done {done}, skipped {skipped}; deviations {deviations}", took(closed.took_ms)),
    ]
}

/// The line, and below it what was known at that moment.
fn with_evidence(first: String, evidence: Option<&Evidence>) -> Vec<String> {
    let mut lines = one(first);
    let Some(evidence) = evidence else { return lines };
    for (name, signal) in &evidence.signals {
        let reading = signal.reading.as_ref().map_or("no reading".to_owned(), says);
        let age = signal.age_ms.map(|age| format!(", {} old", took(age))).unwrap_or_default();
        let stale = if signal.stale { ", STALE" } else { "" };
        let baseline = signal.baseline.map(|baseline| format!(", baseline {baseline}")).unwrap_or_default();
        lines.push(format!("  {name}: {reading}{age}{stale}{baseline}"));
        lines.extend(signal.reading.iter().flat_map(|reading| &reading.detail).map(|line| format!("    {line}")));
    }
    lines.extend(evidence.guards.iter().map(|guard| format!("  guard {guard}")));
    lines
}

/// A seal in one line; whether it is good is for `verify`, and in a report for `seals`.
fn sealed(seal: &serde_json::Value) -> String {
    let field = |name| seal.get(name).and_then(serde_json::Value::as_str).unwrap_or("?");
    let what = match field("role") {
        "open" => "sealed at the beginning",
        "close" => "sealed at the end",
        _ => "sealed",
    };
    let issuer = match field("issuer") {
        "self-issued" => ", self-issued",
        "simulated" => ", simulated",
        _ => "",
    };
    format!("{what} by {} with the key {}{issuer}", field("signer"), field("key"))
}
