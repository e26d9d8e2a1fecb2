//! Approvals of a walk: requests are made and laid down here, answers judged.
//!
//! A live session asks with a text to sign, which lies as `request.json` in its folder as
//! well as in the record, and takes what the approver gives back: pasted, or as a file. A
//! rehearsal's approvals come by themselves, from the scenario.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Walk;
use crate::approval::{Answer, Approvers, LONGEST, judge};
use crate::live::RequestFile;
use crate::session::event::{ApprovalAnswer, Evidence};
use crate::session::message::StepRef;
use crate::session::view::Prompt;
use crate::session::{At, Event, Msg, Refusal};
use crate::signature::{self, AllowedSigners};
use crate::world::scenario::SimulatedApproval;

/// The name of the request in the session's folder.
const REQUEST: &str = "request.json";

/// Where the approvals of a session come from.
#[derive(Debug, Default)]
pub struct Approvals {
    /// A rehearsal's, by path.
    simulated: BTreeMap<String, SimulatedApproval>,
    /// Whose signatures count in a live session; absent: nobody's.
    signers: Option<AllowedSigners>,
    /// Groups of the policy.
    groups: BTreeMap<String, Vec<String>>,
    /// The session's folder, where requests are laid down.
    folder: Option<PathBuf>,
    /// When the simulated one comes.
    due: Option<(StepRef, u64)>,
}

impl Approvals {
    /// A rehearsal's.
    pub fn simulated(simulated: BTreeMap<String, SimulatedApproval>) -> Self {
        Self { simulated, ..Self::default() }
    }

    /// A live session's, signed. Requests are laid down in the session's folder.
    pub fn signed(signers: Option<AllowedSigners>, groups: BTreeMap<String, Vec<String>>, folder: &Path) -> Self {
        Self { signers, groups, folder: Some(folder.to_owned()), ..Self::default() }
    }

    /// When something comes by itself.
    pub(super) fn due(&self) -> Option<u64> {
        self.due.as_ref().map(|(_, due)| *due)
    }
}

impl Walk {
    /// Takes what an approver gave back: the answer itself, or the path of its file.
    ///
    /// # Errors
    /// [`Refusal`]: why it does not count, and what to do.
    pub fn answer_approval(&mut self, given: &str) -> Result<(), Refusal> {
        self.writable()?;
        let refuse = |why: String| Refusal(format!("This does not count as an answer: {why}."));
        let (step, request) = match self.session.approval_wanted() {
            Some(wanted) if !wanted.request.is_empty() => (wanted.step, wanted.request.to_owned()),
            _ => return Err(Refusal("No approval is asked for now.".to_owned())),
        };
        let text = if given.contains("-----BEGIN") { given.to_owned() } else { read(given.trim()).map_err(refuse)? };
        let answer = Answer::parse(&text).map_err(|e| refuse(e.to_string()))?;
        let Some(signers) = &self.approvals.signers else {
            return Err(refuse("there is no list of allowed signers here to know its key by".to_owned()));
        };
        let approvers = Approvers { signers, groups: &self.approvals.groups };
        let judged = judge(&request, &answer, &approvers, self.clock.now().wall).map_err(|e| refuse(e.to_string()))?;
        let given = judged.refused.is_none();
        let answer = ApprovalAnswer {
            path: step.path,
            visit: step.visit,
            by: judged.by,
            reason: judged.refused,
            simulated: false,
            signed: Some(judged.signed),
            evidence: Evidence::default(),
        };
        self.send(&Msg::Approval { answer, given })?;
        self.settle();
        Ok(())
    }

    /// Asks for the approvals that are due; true when something may follow.
    pub(super) fn ask_for_approval(&mut self, at: At) -> bool {
        let Some(step) = self.session.approval_due() else { return false };
        let nonce = match signature::random() {
            Ok(nonce) => nonce,
            Err(error) => {
                self.notice(format!("approvals cannot be asked for: {error}"));
                return false;
            }
        };
        let Some(event) = self.session.ask_for_approval(at, &step, &nonce, self.pen.head()) else { return false };
        self.backlog.push_back((at, event));
        self.write();
        true
    }

    /// Lays down the request in force, where people find it.
    pub(super) fn lay_down_request(&mut self) {
        let wanted = self.session.approval_wanted().map(|wanted| wanted.request.to_owned());
        let Some((folder, request)) = self.approvals.folder.clone().zip(wanted.filter(|request| !request.is_empty())) else {
            self.live.request = None;
            return;
        };
        let path = folder.join(REQUEST);
        if let Err(error) = lay_down(&path, &request) {
            self.notice(format!("the request could not be written to {}: {error}", path.display()));
        }
        self.live.request = Some(RequestFile { path: path.display().to_string(), text: request });
        self.live.changed = true;
    }

    /// A rehearsal's simulated approvals come in their time.
    pub(super) fn approve_simulated(&mut self, at: At, prompt: &Prompt) -> bool {
        let Prompt::Approve { step, by, given, .. } = prompt else {
            self.approvals.due = None;
            return false;
        };
        if self.world.is_none() {
            return false;
        }
        let simulated = self.approvals.simulated.get(step.path.as_str());
        let after = simulated.map_or(5_000, |s| u64::try_from(s.after.0.as_millis()).unwrap_or(0));
        let due = match &self.approvals.due {
            Some((asked, due)) if asked == step => *due,
            _ => {
                self.approvals.due = Some((step.clone(), at.mono_ms + after));
                return false;
            }
        };
        if at.mono_ms < due {
            return false;
        }
        let name = simulated.map_or_else(|| by.first().cloned().unwrap_or_else(|| "reviewer".to_owned()), |s| s.by.clone());
        let name = if given.contains(&name) { format!("{name} ({})", given.len() + 1) } else { name };
        let answer = ApprovalAnswer {
            path: step.path.clone(),
            visit: step.visit,
            by: name,
            reason: None,
            simulated: true,
            signed: None,
            evidence: Evidence::default(),
        };
        self.approvals.due = None;
        self.send(&Msg::Approval { answer, given: true }).is_ok()
    }

    /// What a record says about approvals, for what is shown.
    pub(super) fn follow_approvals(&mut self, event: &Event) {
        if matches!(event, Event::ApprovalRequested(_) | Event::ApprovalVoided(_) | Event::StepEnded(_) | Event::SessionClosed(_))
        {
            self.lay_down_request();
        }
    }
}

/// Reads a small ordinary file: a pipe would wait for ever.
fn read(path: &str) -> Result<String, String> {
    let unreadable = |e: io::Error| format!("it holds no SSH signature, and as the path of a file it cannot be read: {e}");
    if path.contains('\n') {
        return Err("it holds no SSH signature".to_owned());
    }
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{path} is no file"));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Written whole or not at all: it may be read at any moment.
fn lay_down(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}
