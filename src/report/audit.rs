//! What auditors ask of a change, and what this journal answers.
//!
//! One list for all forms of report, after SOC 2 CC8.1, ISO 27001 A.8.32, PCI DSS 10.2.2,
//! 10.3, 10.5.1, 10.6 and 6.5.1, and NIST 800-53 AU-3, 5, 8, 9 and 10. Every question is
//! always in the list: what the journal does not say is answered by why not, so that a
//! gap is seen and not taken for a clean record.

use std::collections::BTreeSet;

use serde::Serialize;

use super::answers::{Worth, answers, reviews};
use super::seals;
use super::story::Story;
use super::words::{self, opened::operator, took};
use crate::approval::review;
use crate::journal::summary::OpenedSummary;
use crate::journal::{SessionState, SessionSummary};
use crate::session::Event;
use crate::session::event::{EnteredAs, Mode, Outcome, SessionOutcome};
use crate::session::resolve::summary;
use crate::session::time::rfc3339;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The question in a few words.
    pub question: &'static str,
    /// What the record says, a fact each; empty where it says nothing.
    pub facts: Vec<String>,
    /// What is missing, as a sentence; absent where nothing is.
    pub missing: Option<String>,
}

impl Item {
    fn said(question: &'static str, facts: Vec<String>) -> Self {
        Self { question, facts, missing: None }
    }

    /// What is said, or why it is missing.
    fn or(question: &'static str, facts: Vec<String>, why: &str) -> Self {
        let missing = facts.is_empty().then(|| why.to_owned());
        Self { question, facts, missing }
    }

    fn but(mut self, missing: impl Into<String>) -> Self {
        self.missing = Some(missing.into());
        self
    }
}

/// The whole list for one session.
pub fn audit(story: &Story) -> Vec<Item> {
    let mut items = vec![who(story), what(story), when(story), place(story), outcome(story), resources(story)];
    items.extend(reasons(story));
    items.extend([separation(story), tested(story), back_out(story), emergency(story), log(story)]);
    items.extend([protection(story), retention(story), population(story)]);
    items
}

const NO_START: &str = "The first record could not be read.";

fn who(story: &Story) -> Item {
    let mut facts: Vec<String> = story.opened.iter().map(|(_, opened)| operator(&opened.operator)).collect();
    facts.extend(resumes(story).map(|(at, who)| format!("{who}, from {at} on")));
    let keys = story.opened.as_ref().is_some_and(|(_, opened)| opened.operator.key.is_some());
    let item = Item::or("Who did it: identity and key", facts, NO_START);
    if story.opened.is_some() && !keys {
        return item.but("No signing key is recorded for the operator: the identity is what the machine and the settings say.");
    }
    item
}

fn resumes(story: &Story) -> impl Iterator<Item = (String, String)> {
    let resumed = story.each(|event| if let Event::SessionResumed(resumed) = event { Some(resumed) } else { None });
    resumed.map(|(moment, resumed)| (rfc3339(moment.ts), operator(&resumed.operator)))
}

fn what(story: &Story) -> Item {
    let Some((_, opened)) = &story.opened else { return Item::or("What was done", Vec::new(), NO_START) };
    let mut facts = vec![format!("{} (runbook {})", opened.title, opened.runbook)];
    facts.extend(opened.change.as_ref().map(|change| {
        let named = [("service", &change.service), ("version", &change.version)];
        let named: String = named.iter().filter_map(|(name, v)| Some(format!(", {name} {}", v.as_ref()?))).collect();
        format!("{}{named}", change.kind)
    }));
    facts.push(format!("bundle SHA-256 {1}, files: {0}", opened.bundle.files.len(), opened.bundle.sha256));
    let dirty = if opened.bundle.dirty { ", with changes that were not committed" } else { "" };
    facts.extend(opened.bundle.commit.as_ref().map(|commit| format!("commit {commit}{dirty}")));
    facts.extend(opened.scenario.as_ref().map(|scenario| format!("scenario {}, seed {}", scenario.name, scenario.seed)));
    facts.extend(opened.inputs.iter().map(|(name, value)| format!("input {name} = {value}")));
    facts.extend(opened.secrets.iter().map(|name| format!("input {name}: a secret, not recorded")));
    Item::said("What was done", facts)
}

fn when(story: &Story) -> Item {
    let Some((at, opened)) = &story.opened else { return Item::or("When, and by which clock", Vec::new(), NO_START) };
    let mut facts = vec![format!("opened {}", rfc3339(*at))];
    facts.extend(story.closed.iter().map(|(at, closed)| format!("closed {}, {} walked", rfc3339(*at), took(closed.took_ms))));
    facts.extend(opened.clock.offset_ms.map(|offset| format!("estimated error of the clock {offset} ms")));
    facts.extend(opened.clock.synchronised.filter(|yes| *yes).map(|_| "the system's clock was synchronised".to_owned()));
    let item = Item::said("When, and by which clock", facts);
    match opened.clock.synchronised {
        Some(true) => item,
        Some(false) => item.but("The system's clock was NOT synchronised."),
        None => item.but("Whether the system's clock was synchronised is not recorded."),
    }
}

fn place(story: &Story) -> Item {
    let Some((_, opened)) = &story.opened else { return Item::or("Where: host, address, target", Vec::new(), NO_START) };
    let known = |known: bool, fact: String| known.then_some(fact);
    let mut facts: Vec<String> =
        known(!opened.origin.host.is_empty(), words::opened::origin(&opened.origin)).into_iter().collect();
    facts.extend(known(!opened.tool.version.is_empty(), words::opened::tool(&opened.tool)));
    let environment = &opened.environment;
    if !environment.name.is_empty() {
        let protected = if environment.protected { " (protected)" } else { "" };
        facts.push(format!("environment {}{protected}", environment.name));
    }
    facts.extend(words::opened::cluster(environment));
    let item = Item::said("Where: host, address, target", facts);
    if opened.origin.host.is_empty() {
        return item.but("Neither the host nor a network address is recorded.");
    }
    if opened.origin.ssh_client.is_none() && opened.mode == Mode::Live {
        return item.but("No network address of the operator is recorded: they did not come over SSH, or it was not known.");
    }
    item
}

fn outcome(story: &Story) -> Item {
    let facts = story.closed.iter().map(|(_, closed)| {
        let reason = closed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{}{reason}; steps done {}, skipped {}", closed.outcome.as_str(), closed.done, closed.skipped)
    });
    Item::or("Outcome", facts.collect(), "The session is not closed; there is no outcome.")
}

fn resources(story: &Story) -> Item {
    let mut seen = BTreeSet::new();
    let mut facts = Vec::new();
    for effect in story.changes() {
        let what = match &effect.intent.object {
            Some(object) => format!("{} in {}", object.resource, object.namespace),
            None => format!("{}: {}", effect.intent.path, summary(&effect.intent.what)),
        };
        let end = match effect.ended.as_ref().map(|(_, ended)| ended.outcome) {
            Some(Outcome::Succeeded) => "succeeded",
            Some(Outcome::Failed) => "failed",
            Some(Outcome::Unknown) => "outcome unknown",
            None => "no end recorded",
        };
        if seen.insert((what.clone(), end)) {
            facts.push(format!("{what} ({end})"));
        }
    }
    if facts.is_empty() {
        facts.push("no change to anything was started".to_owned());
    }
    Item::said("What was affected", facts)
}

fn reasons(story: &Story) -> Vec<Item> {
    let change = story.opened.as_ref().and_then(|(_, opened)| opened.change.as_ref());
    let of = |pick: fn(&crate::session::event::ChangeRecord) -> &Option<String>| {
        change.and_then(|change| pick(change).clone()).into_iter().collect::<Vec<_>>()
    };
    vec![
        Item::or("Why: the reason given", of(|c| &c.reason), "The runbook's `change` gives no reason."),
        Item::or("Ticket", of(|c| &c.ticket), "The runbook's `change` names no ticket."),
        Item::or("Risk", of(|c| &c.risk), "The runbook's `change` names no risk."),
        Item::or("Impact", Vec::new(), "The record has no field for the expected impact; look into the ticket."),
    ]
}

fn separation(story: &Story) -> Item {
    let question = "Requester, approver and operator are different people";
    let requester = story.opened.as_ref().and_then(|(_, o)| o.change.as_ref()).and_then(|change| change.requester.clone());
    let operators: BTreeSet<String> = story.operators().into_iter().map(|operator| operator.principal).collect();
    let given = story.each(|event| if let Event::ApprovalGiven(answer) = event { Some(answer) } else { None });
    let given: Vec<_> = given.map(|(_, answer)| answer).collect();
    let real: BTreeSet<&str> = given.iter().filter(|answer| !answer.simulated).map(|answer| answer.by.as_str()).collect();
    let simulated: BTreeSet<&str> = given.iter().filter(|answer| answer.simulated).map(|answer| answer.by.as_str()).collect();
    let mut facts: Vec<String> = requester.iter().map(|requester| format!("requester {requester}")).collect();
    facts.extend(operators.iter().map(|operator| format!("operator {operator}")));
    facts.extend(real.iter().map(|approver| format!("approver {approver}")));
    facts.extend(simulated.iter().map(|approver| format!("approver {approver} (simulated: no person approved)")));
    let mut missing = Vec::new();
    if requester.is_none() {
        missing.push("No requester is recorded.".to_owned());
    }
    if real.is_empty() {
        missing.push("Nobody approved.".to_owned());
    }
    for answer in answers(story).into_iter().filter(|answer| answer.approves) {
        let (by, step) = (&answer.by, &answer.path);
        match &answer.worth {
            Worth::Trusted => facts.push(format!("{by} approved {step}, {}", answer.line())),
            Worth::Untrusted(why) => missing.push(format!("That the approval of {step} is {by}'s is not known: {why}.")),
            Worth::NotJudged => missing.push(format!("Whose key approved {step} for {by} was not judged.")),
            Worth::Simulated => {}
        }
    }
    for one in real.iter().filter(|one| operators.contains(**one)) {
        missing.push(format!("{one} approved and operated."));
    }
    for one in requester.iter().filter(|one| operators.contains(*one)) {
        missing.push(format!("{one} requested and operated."));
    }
    for one in requester.iter().filter(|one| real.contains(one.as_str())) {
        missing.push(format!("{one} requested and approved."));
    }
    let item = Item::said(question, facts);
    if missing.is_empty() { item } else { item.but(missing.join(" ")) }
}

fn tested(story: &Story) -> Item {
    let question = "Tested before: sessions of exactly this bundle";
    let required = story.opened.iter().flat_map(|(_, opened)| &opened.evidence);
    let mut facts: Vec<String> = required.map(|met| format!("required before the start: {met}")).collect();
    let Some(kin) = &story.beside.kin else {
        return Item::said(question, facts)
            .but("Other sessions were not looked for: the journal was exported away from its machine.");
    };
    let begin = story.opened.as_ref().map(|(at, _)| *at);
    let before = kin.iter().filter_map(|other| {
        let opened = other.opened.as_ref().filter(|opened| begin.is_none_or(|begin| opened.at < begin))?;
        Some((is_evidence(other), earlier(other, opened)))
    });
    let (evidence, others): (Vec<_>, Vec<_>) = before.partition(|(is_evidence, _)| *is_evidence);
    let none = evidence.is_empty();
    facts.extend(evidence.into_iter().map(|(_, fact)| fact));
    facts.extend(others.into_iter().map(|(_, fact)| format!("no evidence: {fact}")));
    let item = Item::said(question, facts);
    if none {
        item.but(
            "This machine has no earlier session of exactly these files that went through to its end; other machines were not asked.",
        )
    } else {
        item.but("The sessions named were not verified here: `pacenote verify SESSION` judges each of them.")
    }
}

/// Whether a session says something about its files: it went through to an end that was
/// meant. One that was left, or is open, proves nothing.
fn is_evidence(session: &SessionSummary) -> bool {
    matches!(session.state, SessionState::Closed { outcome: SessionOutcome::Completed | SessionOutcome::RolledBack })
}

fn earlier(session: &SessionSummary, opened: &OpenedSummary) -> String {
    let mode = match opened.mode {
        Mode::Live => "live",
        Mode::DryRun => "dry run",
        Mode::Rehearsal => "rehearsal",
    };
    let outcome = match session.state {
        SessionState::Closed { outcome } => outcome.as_str(),
        _ => "not closed",
    };
    let environment = if opened.environment.is_empty() { "" } else { " on " };
    format!(
        "{mode}{environment}{} by {}, {}: {outcome} by its own record, not verified here",
        opened.environment, opened.operator, session.sid
    )
}

fn back_out(story: &Story) -> Item {
    let question = "Back-out plan, and whether it was used";
    let mut facts: Vec<String> = story.opened.iter().map(|(_, o)| o.rollback.clone()).filter(|plan| !plan.is_empty()).collect();
    let planned = !facts.is_empty();
    let pins = story.each(|event| if let Event::TargetPinned(pin) = event { Some(pin) } else { None });
    facts.extend(
        pins.map(|(_, pin)| format!("{} would go back to revision {} ({})", pin.workload, pin.revision, pin.images.join(", "))),
    );
    facts.extend(story.steps.iter().filter(|step| step.kind == Some(EnteredAs::Rollback)).map(|step| {
        let at = step.at.map(rfc3339).unwrap_or_default();
        format!("used: the rollback was entered {at}; the session ended {}", story.outcome())
    }));
    if !story.rolled_back() {
        facts.push("not used".to_owned());
    }
    let item = Item::said(question, facts);
    if planned { item } else { item.but("The record names no plan for a rollback.") }
}

fn emergency(story: &Story) -> Item {
    let opened = story.opened.as_ref().and_then(|(_, opened)| opened.emergency.clone());
    let later = |event: &Event| match event {
        Event::DeviationRecorded(deviation) if deviation.what == "emergency" => Some(deviation.reason.clone()),
        _ => None,
    };
    let reason = opened.clone().or_else(|| story.each(later).next().map(|(_, reason)| reason));
    let mut facts = vec![match (&opened, &reason) {
        (Some(reason), _) => format!("opened as an emergency: {reason}"),
        (None, Some(reason)) => format!("gone on with as an emergency: {reason}"),
        (None, None) => "not an emergency".to_owned(),
    }];
    let deviations = story.each(|event| if let Event::DeviationRecorded(deviation) = event { Some(deviation) } else { None });
    facts.extend(deviations.map(|(_, deviation)| format!("deviation: {}: {}", deviation.what, deviation.reason)));
    facts.extend(reviews(story).into_iter().map(|review| format!("review: {review}")));
    let item = Item::said("Emergency, what was bypassed and why, later review", facts);
    if reason.is_some() && !story.beside.reviews.iter().any(review::Judged::counts) {
        item.but("A later review is owed: none that counts stands beside the journal.")
    } else {
        item
    }
}

fn log(story: &Story) -> Item {
    let told = story.each(|event| match event {
        Event::SessionOpened(_) => Some("started"),
        Event::SessionResumed(_) => Some("resumed"),
        Event::SessionPaused(paused) if paused.paused => Some("paused"),
        Event::SessionPaused(_) => Some("went on"),
        Event::JournalRecovered(_) => Some("a torn record was cut off and saved"),
        Event::SessionClosed(_) => Some("closed"),
        _ => None,
    });
    let facts = told.map(|(moment, what)| format!("{what} {} (record {})", rfc3339(moment.ts), moment.seq)).collect();
    let item = Item::or("The log itself: started, stopped, resumed, failed", facts, NO_START);
    let severe: Vec<&str> = story.flaws.iter().filter(|flaw| flaw.severe).map(|flaw| flaw.text.as_str()).collect();
    if severe.is_empty() { item } else { item.but(severe.join(" ")) }
}

fn protection(story: &Story) -> Item {
    let mut facts = vec![
        format!("{} records, each with the SHA-256 of the one before", story.records),
        format!("head {}", story.head),
        format!("seals: {}", seals::verdict(story)),
    ];
    facts.extend(seals::basis(story));
    facts.extend(seals::seals(story).iter().map(|seal| format!("sealed, {}", seal.line())));
    facts.extend(seals::anchor(story).map(|anchor| format!("anchored: {anchor}")));
    facts.extend(seals::warnings(story).iter().map(|warning| format!("warning: {warning}")));
    let anchors = story.each(|event| if let Event::AnchorConfirmed(anchor) = event { Some(anchor) } else { None });
    facts.extend(anchors.map(|(_, a)| format!("anchored: {} knows record {} by its head {}", a.place, a.seq, a.head)));
    let item = Item::said("Protection against later change", facts);
    let missing = seals::missing(story);
    if missing.is_empty() { item } else { item.but(missing.join(" ")) }
}

fn retention(_: &Story) -> Item {
    let why = "A journal does not know how long it is kept (12 months, 3 of them at hand, are usual): \
               that is for the machine and its archive to show.";
    Item::or("Kept long enough", Vec::new(), why)
}

fn population(story: &Story) -> Item {
    let head = story.opened.as_ref().and_then(|(_, opened)| opened.ledger_head.clone());
    let facts = head.map(|head| format!("entered in the machine's ledger behind {head}")).into_iter().collect();
    let why = "The record names no ledger. `pacenote sessions` lists all sessions of a machine; without a ledger a removed one is not missed.";
    Item::or("The population: a list of all sessions to draw samples from", facts, why)
}
