//! The approvals of a journal under verification.
//!
//! The operator, who seals the journal, is whom approvals are there to watch. So nothing
//! of them is believed because it was sealed: that a request is for this session, this
//! step and visit, these inputs and files, that a signature is over it, that nobody
//! approved twice or operates, is checked here from the records and the request itself.
//! Whether the approvers' keys are theirs is the verifier's list's to say ([`Approvals::untrusted`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::blob::Found;
use super::super::content;
use super::super::format::hex;
use super::super::rules::{Rule, Rules};
use super::super::scan::Line;
use super::report::ApprovalFound;
use crate::approval::{self, Approvers};
use crate::runbook::Value;
use crate::session::approval::{Request, RequestOperator};
use crate::session::event::{EnvironmentRecord, Mode, Opened, Operator, SessionOutcome, Signed, StepOutcome};
use crate::session::path::StepPath;
use crate::signature::{PublicKey, Signature};

/// A step and its visit.
type Step = (String, u32);

/// What approvals there are, and what they are for.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    rules: Rules,
    live: bool,
    session: String,
    bundle: String,
    environment: EnvironmentRecord,
    inputs: BTreeMap<String, Value>,
    operators: Vec<Operator>,
    nonces: BTreeSet<String>,
    /// Requests in force.
    asked: BTreeMap<Step, Asked>,
    /// Every step that ever asked.
    ever: BTreeSet<Step>,
    /// Steps whose approvals are not there: asked for and not given, or made void.
    open: BTreeMap<String, String>,
    /// An emergency was declared, which passes approvals.
    emergency: bool,
    given: Vec<Given>,
    /// What was passed without an approval, for people.
    passed: Vec<String>,
}

#[derive(Debug)]
struct Asked {
    /// Absent where it is simulated, or a rule that is switched off let it through.
    request: Option<Request>,
    sha256: String,
    min: u32,
    by: Vec<String>,
    given: Vec<(String, String)>,
}

/// An answer whose key is to be looked up.
#[derive(Debug)]
struct Given {
    seq: u64,
    step: Step,
    approves: bool,
    by: String,
    may: Vec<String>,
    key: PublicKey,
}

/// `approval.requested` as it stands in the line.
#[derive(Deserialize)]
struct Requested {
    path: String,
    visit: u32,
    by: Vec<String>,
    min: u32,
    expires: Option<String>,
    simulated: bool,
    request: Option<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    blob: String,
}

#[derive(Deserialize)]
struct Answered {
    path: String,
    visit: u32,
    by: String,
    reason: Option<String>,
    simulated: bool,
    signed: Option<Signed>,
}

#[derive(Deserialize)]
struct Voided {
    path: String,
    visit: u32,
    reason: String,
}

#[derive(Deserialize)]
struct Ended {
    path: String,
    visit: u32,
    outcome: StepOutcome,
}

#[derive(Deserialize)]
struct Intended {
    path: StepPath,
    changes: bool,
}

#[derive(Deserialize)]
struct Deviated {
    what: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Changed {
    values: BTreeMap<String, Value>,
}

/// Reads the text of a file beside the journal, by its hash.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<String, String>;

impl Approvals {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    pub(super) fn opened(&mut self, sid: &str, opened: &Opened) {
        self.session = sid.to_owned();
        self.live = opened.mode == Mode::Live;
        self.bundle = opened.bundle.sha256.clone();
        // Names of the operator's own kubeconfig are not part of a request.
        self.environment = EnvironmentRecord { context: None, ..opened.environment.clone() };
        self.inputs = opened.inputs.clone();
        self.operators.push(opened.operator.clone());
        self.emergency = opened.emergency.is_some();
    }

    /// The session was closed: what was to be approved and was not, although all was done.
    pub(super) fn closed(&mut self, outcome: SessionOutcome) {
        if outcome == SessionOutcome::Completed {
            let open = std::mem::take(&mut self.open);
            self.passed.extend(open.into_iter().map(|(path, why)| format!("the session was completed, and {path} {why}")));
        }
    }

    pub(super) fn resumed(&mut self, operator: &Operator) {
        self.operators.push(operator.clone());
    }

    /// Whether a type of record says something of approvals, as things stand.
    pub(super) fn wants(&self, kind: &str) -> bool {
        match kind {
            "step.ended" | "effect.intended" => !self.ever.is_empty(),
            "deviation.recorded" | "inputs.changed" => true,
            _ => kind.starts_with("approval."),
        }
    }

    /// Takes a record that says something of approvals.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, record: &Line<'_>, read: Read<'_>) -> Result<(), String> {
        match record.kind {
            "approval.requested" => self.requested(&data(record, read)?, read),
            "approval.given" => self.answered(&data(record, read)?, record, true),
            "approval.refused" => self.answered(&data(record, read)?, record, false),
            "approval.voided" => {
                let at: Voided = data(record, read)?;
                self.open.insert(at.path.clone(), format!("had its approval made void ({}), and none since", at.reason));
                self.asked.remove(&(at.path, at.visit));
                Ok(())
            }
            "step.ended" => self.ended(&data(record, read)?),
            "effect.intended" => self.intended(&data(record, read)?),
            "inputs.changed" => {
                let changed: Changed = data(record, read)?;
                self.inputs.extend(changed.values);
                Ok(())
            }
            "deviation.recorded" => self.deviated(data(record, read)?),
            _ => Ok(()),
        }
    }

    /// On a protected environment nothing but an emergency passes an approval.
    fn deviated(&mut self, deviated: Deviated) -> Result<(), String> {
        let path = deviated.path.unwrap_or_default();
        match deviated.what.as_str() {
            "emergency" => self.emergency = true,
            "approval" => {
                let may = self.emergency || !self.live || !self.environment.protected;
                self.rules
                    .hold(Rule::ApprovalEnough, may, || format!("the approval at {path} was passed without an emergency"))?;
                let by = if self.emergency { "an emergency" } else { "the operator" };
                self.passed.push(format!("{by} passed the approval at {path}"));
                self.open.remove(&path);
                self.asked.retain(|(asked, _), _| *asked != path);
                self.ever.retain(|(asked, _)| *asked != path);
            }
            _ => {}
        }
        Ok(())
    }

    fn requested(&mut self, requested: &Requested, read: Read<'_>) -> Result<(), String> {
        let step = (requested.path.clone(), requested.visit);
        let simulated = requested.simulated != self.live;
        self.rules.hold(
            Rule::ApprovalSimulated,
            simulated,
            || "the request is simulated where the session is not, or the reverse",
        )?;
        let mut asked = Asked {
            request: None,
            sha256: String::new(),
            min: requested.min.max(1),
            by: requested.by.clone(),
            given: Vec::new(),
        };
        if !requested.simulated {
            let blob = requested.request.as_ref().map(|blob| blob.blob.clone()).unwrap_or_default();
            let request = read(&blob).and_then(|text| Request::parse(&text));
            self.rules.hold(Rule::ApprovalRequest, request.is_ok(), || {
                format!("the request cannot be read: {}", request.as_ref().err().map_or("", String::as_str))
            })?;
            if let Ok(request) = request {
                let fits = self.fits(&request, requested);
                self.rules.hold(Rule::ApprovalRequest, fits.is_ok(), || {
                    format!("the request is not one of this step: its {} differs", fits.err().unwrap_or_default())
                })?;
                let fresh = self.nonces.insert(request.nonce.clone());
                self.rules.hold(Rule::ApprovalRequest, fresh, || "the request was made before; its nonce is used twice")?;
                asked.request = Some(request);
            }
            asked.sha256 = blob;
        }
        self.open.entry(step.0.clone()).or_insert_with(|| "was not approved".to_owned());
        self.ever.insert(step.clone());
        self.asked.insert(step, asked);
        Ok(())
    }

    /// Whether a request is for this session, this step, and what is done in it.
    fn fits(&self, request: &Request, requested: &Requested) -> Result<(), &'static str> {
        let operators: Vec<RequestOperator> = self.operators.iter().map(RequestOperator::from).collect();
        let facts = [
            ("session", request.session == self.session),
            ("path", request.path == requested.path),
            ("visit", request.visit == requested.visit),
            ("expiry", request.expires == requested.expires),
            ("list of approvers", request.by == requested.by),
            ("minimum", request.min == requested.min),
            ("bundle", request.bundle == self.bundle),
            ("environment", request.environment == self.environment),
            ("inputs", self.inputs == request.inputs),
            ("operators", request.operators == operators),
        ];
        facts.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(what, _)| Err(what))
    }

    fn answered(&mut self, answer: &Answered, record: &Line<'_>, given: bool) -> Result<(), String> {
        let step = (answer.path.clone(), answer.visit);
        let rules = self.rules;
        rules.hold(
            Rule::ApprovalSimulated,
            answer.simulated != self.live,
            || "the approval is simulated where the session is not, or the reverse",
        )?;
        let asked = self.asked.get(&step);
        rules.hold(Rule::ApprovalRequest, asked.is_some(), || {
            format!("nobody was asked to approve {} visit {}", step.0, step.1)
        })?;
        let Some(signed) = answer.signed.as_ref().filter(|_| !answer.simulated) else {
            rules.hold(Rule::ApprovalSignature, answer.simulated, || "the approval carries no signature")?;
            if given {
                self.gave(&step, &answer.by, "");
            }
            return Ok(());
        };
        let signature = Signature::parse_canonical(&signed.sig).map_err(|e| e.to_string());
        let key = signature.as_ref().ok().map(|signature| signature.key().clone());
        let good = signature.and_then(|signature| over(&signature, signed, answer, asked, given));
        rules.hold(Rule::ApprovalSignature, good.is_ok(), || {
            format!("the approval's signature does not count: {}", good.as_ref().err().map_or("", String::as_str))
        })?;
        let expires = asked.and_then(|asked| asked.request.as_ref()).and_then(Request::expires);
        let now = DateTime::parse_from_rfc3339(record.ts).map(|t| t.to_utc()).unwrap_or_default();
        rules.hold(Rule::ApprovalTime, expires.is_none_or(|expires| now < expires), || "the request had expired")?;
        self.not_an_operator(&answer.by, &signed.key)?;
        let twice = |(by, key): &(String, String)| *by == answer.by || *key == signed.key;
        let once = !given || !asked.is_some_and(|asked| asked.given.iter().any(twice));
        rules.hold(Rule::ApprovalTwice, once, || format!("{} has approved already, by name or by key", answer.by))?;
        if given {
            self.gave(&step, &answer.by, &signed.key);
        }
        if let (Some(asked), Some(key)) = (self.asked.get(&step), key) {
            let (by, may) = (answer.by.clone(), asked.by.clone());
            self.given.push(Given { seq: record.seq, step, approves: given, by, may, key });
        }
        Ok(())
    }

    /// An approval counts.
    fn gave(&mut self, step: &Step, by: &str, key: &str) {
        let Some(asked) = self.asked.get_mut(step) else { return };
        asked.given.push((by.to_owned(), key.to_owned()));
        if asked.given.len() >= usize::try_from(asked.min).unwrap_or(usize::MAX) {
            self.open.remove(&step.0);
        }
    }

    fn not_an_operator(&self, by: &str, key: &str) -> Result<(), String> {
        let own = |operator: &&Operator| operator.principal == by || operator.key.as_deref() == Some(key);
        let operator = self.operators.iter().find(own);
        self.rules.hold(Rule::ApprovalOperator, operator.is_none(), || format!("{by} approved and operates the session"))
    }

    /// A step that asked is done only with as many approvals as it asked for.
    fn ended(&mut self, ended: &Ended) -> Result<(), String> {
        let step = (ended.path.clone(), ended.visit);
        if !self.ever.contains(&step) {
            return Ok(());
        }
        if ended.outcome == StepOutcome::Skipped {
            self.passed.push(format!("the approval at {} was skipped", ended.path));
        }
        if ended.outcome != StepOutcome::Done {
            return Ok(());
        }
        let have = self.asked.get(&step).map_or((0, 1), |asked| (asked.given.len(), asked.min));
        let enough = have.0 >= usize::try_from(have.1).unwrap_or(usize::MAX);
        self.rules
            .hold(Rule::ApprovalEnough, enough, || format!("{} is done with {} of {} approvals", ended.path, have.0, have.1))
    }

    /// Nothing is changed while an approver has the session in hand; a rollback may be.
    fn intended(&mut self, intended: &Intended) -> Result<(), String> {
        let ending = ["rollback", "finally"].iter().any(|of| intended.path.is_within(&StepPath::new(*of)));
        if !intended.changes || ending {
            return Ok(());
        }
        for (path, why) in std::mem::take(&mut self.open) {
            self.passed.push(format!("{} was changed, and {path} {why}", intended.path));
        }
        let mut given = self.asked.values().flat_map(|asked| &asked.given);
        given.try_for_each(|(by, key)| self.not_an_operator(by, key))
    }

    /// Each answer that is signed, and whether the verifier's list has its key for one who
    /// may answer. All of them are good answers: the rules have judged that.
    pub(super) fn judged(&self, approvers: Option<&Approvers<'_>>, at: DateTime<Utc>) -> Vec<ApprovalFound> {
        let judge = |given: &Given| ApprovalFound {
            seq: given.seq,
            path: given.step.0.clone(),
            visit: given.step.1,
            approves: given.approves,
            by: given.by.clone(),
            key: given.key.fingerprint(),
            untrusted: match approvers {
                None => Some("there is no list of allowed signers to trust its key by".to_owned()),
                Some(approvers) => approvers.trusts(&given.by, &given.key, &given.may, at).err().map(|why| why.to_string()),
            },
        };
        self.given.iter().map(judge).collect()
    }

    /// What was passed without an approval, for people.
    pub(super) fn passed(&self) -> &[String] {
        &self.passed
    }
}

/// Whether a signature is over the request of its step, or over a refusal of it.
fn over(signature: &Signature, signed: &Signed, answer: &Answered, asked: Option<&Asked>, given: bool) -> Result<(), String> {
    let fingerprint = signature.key().fingerprint();
    if fingerprint != signed.key {
        return Err(format!("it is made with the key {fingerprint}"));
    }
    if asked.is_some_and(|asked| asked.sha256 != signed.request) {
        return Err("it answers another request".to_owned());
    }
    let refused = approval::is_over(signature, &signed.request, signed.refusal.as_deref()).map_err(|e| e.to_string())?;
    match (given, refused) {
        (true, None) => Ok(()),
        (false, Some(reason)) if Some(&reason) == answer.reason.as_ref() => Ok(()),
        (true, Some(_)) => Err("what was signed is a refusal".to_owned()),
        (false, _) => Err("what was signed is not that refusal".to_owned()),
    }
}

/// What a record says, texts kept in files put back; a request stays the file that it is.
fn data<T: DeserializeOwned>(record: &Line<'_>, read: Read<'_>) -> Result<T, String> {
    let mut load = |hash, _| Ok(read(&hex(&hash)).map_or(Found::Missing, Found::Whole));
    content::data(record, "request", &mut load).map_err(|why| why.to_string())
}
