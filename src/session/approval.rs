//! Approvals by somebody else: what is asked of them, who may, and when it stops counting.
//!
//! Pure. [`Request`] is what an approver signs, to the byte; [`plan`] is what it says will
//! be done, worked out in the same way where it is asked and where it is approved.
//! *Invariant:* no step that changes something starts behind an `approve` whose approvals
//! do not count any more; a rollback always may. *Invariant:* an approver is none of the
//! session's operators, later ones included, and no two approvals are by one person or one
//! key. Whether a signature is good and whose it is, is judged by [`crate::approval`].
//!
//! `expires` bounds how long an approval may wait for its use: once a change was started
//! under it, it is used. To stop in the middle of a change would be worse than to go on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{
    ApprovalAnswer, ApprovalRequested, ApprovalVoided, ChangeRecord, Deviation, EnvironmentRecord, Event, Mode, Operator,
    StepOutcome,
};
use super::intent::Starter;
use super::message::StepRef;
use super::resolve::{ActionOf, action_of};
use super::state::{Session, Visit};
use super::time::{At, rfc3339};
use crate::runbook::Value;
use crate::runbook::model::{Action, Approve};

mod plan;

pub use plan::{Planned, plan, without_details};

/// The version of the request's form.
const FORM: u32 = 1;

/// What an approver signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of this form. Its name says what this is: a text with another first
    /// name is no request.
    #[serde(rename = "pacenote-approval-request")]
    pub form: u32,
    /// The session.
    pub session: String,
    /// The step that waits.
    pub path: String,
    /// Its visit.
    pub visit: u32,
    /// Random: no two requests are the same.
    pub nonce: String,
    /// When it was made.
    pub asked: String,
    /// Until when an approval may be used.
    pub expires: Option<String>,
    /// Who may approve: principals and groups.
    pub by: Vec<String>,
    /// How many of them.
    pub min: u32,
    /// What they should read.
    pub text: String,
    /// Who has the session in hand, and had: none of them may approve.
    pub operators: Vec<RequestOperator>,
    /// Id of the runbook.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// SHA-256 of the bundle: the runbook and every file it calls.
    pub bundle: String,
    /// The git commit of it, where there is one.
    pub commit: Option<String>,
    /// The change, in change-management terms.
    pub change: Option<ChangeRecord>,
    /// Where.
    pub environment: EnvironmentRecord,
    /// With what.
    pub inputs: BTreeMap<String, Value>,
    /// Names of the secrets among the inputs.
    pub secrets: Vec<String>,
    /// SHA-256 of the last line of the journal then.
    pub head: String,
    /// What will be done, in order; what depends on what happens is shown as it is written.
    pub plan: Vec<Planned>,
    /// How it would be rolled back.
    pub rollback: String,
}

/// An operator, as a request names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestOperator {
    /// Who they say they are.
    pub principal: String,
    /// Fingerprint of their key.
    pub key: Option<String>,
}

/// What a refusal says. It is signed as it stands, on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The version of this form.
    #[serde(rename = "pacenote-approval-refusal")]
    pub form: u32,
    /// SHA-256 of the request.
    pub request: String,
    /// Why.
    pub reason: String,
}

impl Request {
    /// Reads a request. What is not understood to the last name is none.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let request: Self = serde_json::from_str(text).map_err(|e| format!("this is no request for an approval: {e}"))?;
        if request.form == FORM {
            Ok(request)
        } else {
            Err(format!("its form is {}, and this version knows {FORM} only", request.form))
        }
    }

    /// The bytes that are signed.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// When it expires, where it does.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.expires.as_deref().and_then(time)
    }
}

impl Refusal {
    /// A refusal of a request.
    pub fn of(request: &str, reason: &str) -> Self {
        Self { form: FORM, request: request.to_owned(), reason: reason.to_owned() }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refusal: Self = serde_json::from_str(text).map_err(|e| format!("this is no refusal: {e}"))?;
        if refusal.form == FORM { Ok(refusal) } else { Err(format!("the form {} of a refusal is not known", refusal.form)) }
    }

    /// The bytes that are signed.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// What approvals a step still waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted<'a> {
    /// The step.
    pub step: StepRef,
    /// The request as it was recorded; empty where it is simulated.
    pub request: &'a str,
    /// Who may.
    pub by: &'a [String],
}

impl Session {
    /// The step whose approvals are awaited now.
    pub fn approval_wanted(&self) -> Option<Wanted<'_>> {
        let visit = waiting(self)?;
        let request = visit.approvals.request.as_ref()?;
        Some(Wanted { step: visit.step.clone(), request: &request.request, by: &request.by })
    }

    /// The step for which approvals must be asked now. Live sessions only: a rehearsal
    /// simulates them, and in a dry run nobody is asked.
    pub fn approval_due(&self) -> Option<StepRef> {
        if self.opened.mode != Mode::Live || self.emergency().is_some() || self.is_held() || self.paused {
            return None;
        }
        let visit = waiting(self)?;
        let asked = visit.approvals.request.is_some() || visit.approvals.refused.is_some() || visit.pass.is_some();
        (!asked && visit.skip.is_none()).then(|| visit.step.clone())
    }

    /// The record that asks for the approvals of a step. `nonce` is random, `head` the
    /// hash of the journal's last line.
    pub fn ask_for_approval(&self, at: At, step: &StepRef, nonce: &str, head: &str) -> Option<Event> {
        let visit = self.visit(step)?;
        let ActionOf::Action(Action::Approve(approve)) = action_of(self, visit) else { return None };
        let mut asked = requested(self, at, visit, approve);
        let opened = &self.opened;
        let mut environment = opened.environment.clone();
        // Names of the operator's own kubeconfig mean nothing elsewhere.
        environment.context = None;
        let request = Request {
            form: FORM,
            session: self.id.clone(),
            path: step.path.to_string(),
            visit: step.visit,
            nonce: nonce.to_owned(),
            asked: rfc3339(at.wall),
            expires: asked.expires.clone(),
            by: approve.by.clone(),
            min: asked.min,
            text: approve.text.as_ref().and_then(|t| t.render(&self.scope(at, &visit.context)).ok()).unwrap_or_default(),
            operators: self.operators.iter().map(RequestOperator::from).collect(),
            runbook: opened.runbook.clone(),
            title: opened.title.clone(),
            bundle: opened.bundle.sha256.clone(),
            commit: opened.bundle.commit.clone().filter(|_| !opened.bundle.dirty),
            change: opened.change.clone(),
            environment,
            inputs: self.inputs.clone(),
            secrets: opened.secrets.clone(),
            head: head.to_owned(),
            plan: Vec::new(),
            rollback: opened.rollback.clone(),
        };
        // From the text, as the approver will: a fraction, say, is another value there.
        let request = Request::parse(&request.text()).unwrap_or(request);
        let planned = plan(&self.plan.0, &request).unwrap_or_default();
        asked.request = Request { plan: planned, ..request }.text();
        Some(Event::ApprovalRequested(asked))
    }
}

impl From<&Operator> for RequestOperator {
    fn from(operator: &Operator) -> Self {
        Self { principal: operator.principal.clone(), key: operator.key.clone() }
    }
}

/// The record of a request, without its text.
pub(super) fn requested(session: &Session, at: At, visit: &Visit, approve: &Approve) -> ApprovalRequested {
    let expires = approve.expires.and_then(|e| chrono::Duration::from_std(e).ok()).and_then(|e| at.wall.checked_add_signed(e));
    ApprovalRequested {
        path: visit.step.path.clone(),
        visit: visit.step.visit,
        by: approve.by.clone(),
        min: approve.min.max(1),
        expires: expires.map(rfc3339),
        simulated: session.opened.mode == Mode::Rehearsal,
        request: String::new(),
        evidence: session.evidence(at),
    }
}

/// The `approve` that is waited for: the step in hand, or one that is over and whose
/// approvals do not count any more.
fn waiting(session: &Session) -> Option<&Visit> {
    if session.ending.is_some() || session.was_entered("finally") || session.closed.is_some() {
        return None;
    }
    let in_hand = session.visit_in_hand().filter(|v| v.is_open() && asks(session, v).is_some());
    in_hand.or_else(|| lacking(session))
}

fn asks<'a>(session: &'a Session, visit: &'a Visit) -> Option<&'a Approve> {
    match action_of(session, visit) {
        ActionOf::Action(Action::Approve(approve)) => Some(approve),
        _ => None,
    }
}

fn enough(visit: &Visit, approve: &Approve) -> bool {
    visit.approvals.given.len() >= usize::try_from(approve.min.max(1)).unwrap_or(usize::MAX)
}

/// What a deviation is called that passes over an approval.
pub(super) const PASSED: &str = "approval";

/// Whether nobody may pass over a step: an approval on a protected environment, unless it
/// is an emergency.
pub(super) fn is_binding(session: &Session, action: &Action) -> bool {
    let real = session.opened.environment.protected && session.opened.mode == Mode::Live;
    real && matches!(action, Action::Approve(_)) && session.emergency().is_none()
}

/// What an operator is told who would pass over it.
pub(super) const BINDING: &str =
    "On a protected environment an approval cannot be passed over; leave, and resume with --emergency instead.";

/// An approval that an emergency passes, for the record.
pub(super) fn passed_by_emergency(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    let reason = session.emergency()?;
    Some(Event::DeviationRecorded(Box::new(Deviation {
        what: PASSED.to_owned(),
        path: Some(visit.step.path.clone()),
        reason: format!("not asked for: emergency: {reason}"),
        by: Starter::Session,
        evidence: session.evidence(at),
    })))
}

/// The `approve` that is over, and whose approvals were made void since. Nothing that
/// changes anything may start before they are given anew.
pub(super) fn lacking(session: &Session) -> Option<&Visit> {
    if session.opened.mode == Mode::DryRun {
        return None;
    }
    let visits = session.order.iter().skip(session.inherited).filter_map(|step| session.visit(step));
    let mut done = visits.filter(|visit| visit.outcome() == Some(StepOutcome::Done) && visit.pass.is_none());
    done.find(|visit| asks(session, visit).is_some_and(|approve| !enough(visit, approve)))
}

/// An approval that does not count any more is recorded as void, and one that an emergency
/// passes as passed.
pub(super) fn next(session: &Session, at: At) -> Option<Event> {
    if session.ending.is_some() || session.was_entered("finally") {
        return None;
    }
    if let Some(passed) = lacking(session).and_then(|visit| passed_by_emergency(session, at, visit)) {
        return Some(passed);
    }
    let asked = session.order.iter().filter_map(|step| session.visit(step)).filter(|v| v.approvals.request.is_some());
    // What ended without being approved needs no approval any more.
    let mut asked = asked.filter(|v| v.is_open() || v.outcome() == Some(StepOutcome::Done));
    let (visit, reason) = asked.find_map(|visit| void(session, at, visit).map(|why| (visit, why)))?;
    Some(Event::ApprovalVoided(ApprovalVoided {
        path: visit.step.path.clone(),
        visit: visit.step.visit,
        reason,
        evidence: session.evidence(at),
    }))
}

/// Why what was approved, or asked for, counts no more.
fn void(session: &Session, at: At, visit: &Visit) -> Option<String> {
    let approvals = &visit.approvals;
    if let Some(why) = &approvals.outdated {
        return Some(why.clone());
    }
    let operates = |(by, key): &&(String, Option<String>)| operators_objection(session, by, key.as_deref()).is_some();
    if let Some((by, _)) = approvals.given.iter().find(operates) {
        return Some(format!("{by} approved it, and has the session in hand since"));
    }
    let expires = approvals.request.as_ref().and_then(|r| r.expires.as_deref()).and_then(time)?;
    (at.wall >= expires && !is_used(session, visit)).then(|| format!("it expired at {}", rfc3339(expires)))
}

/// Whether a change was started under the approvals of a step that is over.
fn is_used(session: &Session, visit: &Visit) -> bool {
    visit
        .ended
        .as_ref()
        .is_some_and(|ended| session.effects.values().any(|effect| effect.intent.changes && effect.started_ms >= ended.at_ms))
}

/// When an approval or a request expires by itself, on the session's clock.
pub(super) fn deadline(session: &Session, at: At) -> Option<u64> {
    if session.ending.is_some() {
        return None;
    }
    let visits = session.order.iter().filter_map(|step| session.visit(step));
    let open = visits.filter(|v| v.is_open() || v.outcome() == Some(StepOutcome::Done)).filter(|v| !is_used(session, v));
    let expires = open.filter_map(|v| v.approvals.request.as_ref()?.expires.as_deref().and_then(time));
    let left = expires.map(|expires| u64::try_from((expires - at.wall).num_milliseconds()).unwrap_or(0)).min()?;
    Some(session.clock(at) + left)
}

/// The names of those who approved.
pub(super) fn names(given: &[(String, Option<String>)]) -> Vec<String> {
    given.iter().map(|(by, _)| by.clone()).collect()
}

/// What the signature of an answer shows of who gave it.
pub(super) fn objection(session: &Session, visit: &Visit, answer: &ApprovalAnswer, given: bool) -> Option<String> {
    let key = answer.signed.as_ref().map(|signed| signed.key.as_str());
    if let Some(why) = operators_objection(session, &answer.by, key) {
        return Some(why);
    }
    let twice = |(by, earlier): &&(String, Option<String>)| *by == answer.by || (earlier.is_some() && earlier.as_deref() == key);
    let (by, _) = visit.approvals.given.iter().find(twice).filter(|_| given)?;
    Some(if *by == answer.by {
        format!("{by} has approved already; somebody else must.")
    } else {
        format!("The key of this approval is the one {by} approved with; somebody else must.")
    })
}

/// Operators do not approve what they do, by name or by key.
fn operators_objection(session: &Session, by: &str, key: Option<&str>) -> Option<String> {
    let operator = session
        .operators
        .iter()
        .find(|operator| operator.principal == by || (key.is_some() && operator.key.as_deref() == key))?;
    Some(format!("{} operates this session; an approval must be somebody else's.", operator.principal))
}
