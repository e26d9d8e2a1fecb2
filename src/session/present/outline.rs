//! The list of steps: what was walked as it was walked, what is to come as it is written.

use super::super::event::{EnteredAs, StepOutcome};
use super::super::message::StepRef;
use super::super::path::StepPath;
use super::super::plan::ListRef;
use super::super::state::{Context, Session, Visit};
use super::super::time::At;
use super::super::view::{OutlineRow, Prompt, RowState};
use super::super::{millis, walk};
use crate::runbook::model::{Action, Step};

/// How deep the outline looks into calls that were not entered yet.
const LOOK_AHEAD: usize = 4;

impl Session {
    /// One row a step: the main list, then the rollback and `finally` where they were
    /// entered.
    pub fn outline(&self, at: At) -> Vec<OutlineRow> {
        let mut outline = Outline { session: self, at, rows: Vec::new(), phase: None };
        let main = ListRef { file: String::new(), list: super::super::plan::ListId::Main };
        let top = StepPath::new("");
        outline.list(&main, &top, 0, &Context::default());
        for name in ["rollback", "finally"] {
            let path = StepPath::new(name);
            if let Some(visit) = self.visits.get(&path).and_then(|v| v.last()) {
                outline.container(visit);
            }
        }
        outline.rows
    }
}

struct Outline<'a> {
    session: &'a Session,
    at: At,
    rows: Vec<OutlineRow>,
    phase: Option<String>,
}

impl Outline<'_> {
    fn list(&mut self, list: &ListRef, prefix: &StepPath, depth: usize, context: &Context) {
        let plan = self.session.plan.0.clone();
        for step in plan.steps(list) {
            let path = prefix.child(&step.id);
            self.step(step, list, path, depth, context);
        }
    }

    fn step(&mut self, step: &Step, list: &ListRef, path: StepPath, depth: usize, context: &Context) {
        let session = self.session;
        let visit = session.visits.get(&path).and_then(|v| v.last());
        self.row(Some(step), path.clone(), depth, visit, context);
        if let Some(visit) = visit.filter(|v| v.kind == EnteredAs::ForEach) {
            self.passes(visit, step, list, depth);
            return;
        }
        if step.for_each.is_none() {
            self.below(step, list, &path, depth, context, visit);
        }
        self.procedures(&path, depth);
    }

    /// The passes of a `for_each` that were entered.
    fn passes(&mut self, owner: &Visit, step: &Step, list: &ListRef, depth: usize) {
        let session = self.session;
        let mut seen: Vec<StepPath> = Vec::new();
        for entered in &session.order {
            let is_pass = entered.path.as_str().strip_prefix(owner.step.path.as_str());
            if !is_pass.is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']') && !rest.contains('/'))
                || seen.contains(&entered.path)
            {
                continue;
            }
            seen.push(entered.path.clone());
            let visit = session.visits.get(&entered.path).and_then(|v| v.last());
            let context = visit.map(|v| v.context.clone()).unwrap_or_default();
            self.row(Some(step), entered.path.clone(), depth + 1, visit, &context);
            self.below(step, list, &entered.path, depth + 1, &context, visit);
            self.procedures(&entered.path, depth + 1);
        }
    }

    /// The steps a call or parallel leads into.
    fn below(&mut self, step: &Step, list: &ListRef, path: &StepPath, depth: usize, context: &Context, visit: Option<&Visit>) {
        let session = self.session;
        match &step.action {
            // Of a call that lies ahead only the call is shown: its steps appear when it is
            // entered.
            Action::Call(call) if depth < LOOK_AHEAD && visit.is_some_and(|v| v.step.visit > 0) => {
                let target = session.plan.call_target(&list.file, &call.target);
                let entered = session.frames.iter().find(|f| f.prefix == *path);
                let context = entered.map_or_else(|| context.clone(), |f| f.context.clone());
                self.list(&target, path, depth + 1, &context);
            }
            Action::Parallel(children) if visit.is_some() => {
                for child in children {
                    let child_path = path.child(&child.id);
                    let visit = session.visits.get(&child_path).and_then(|v| v.last());
                    self.row(Some(child), child_path, depth + 1, visit, context);
                }
            }
            Action::UndoAll => {
                if let Some(visit) = visit {
                    self.undos(&visit.step, depth);
                }
            }
            _ => {}
        }
    }

    /// Procedures run below a step because of a failure or an answer.
    fn procedures(&mut self, path: &StepPath, depth: usize) {
        let session = self.session;
        let prefix = format!("{path}!");
        let found: Vec<&Visit> = session
            .visits
            .iter()
            .filter(|(p, _)| p.as_str().strip_prefix(&prefix).is_some_and(|r| !r.contains('/')))
            .filter_map(|(_, v)| v.last())
            .collect();
        for visit in found {
            self.row(None, visit.step.path.clone(), depth + 1, Some(visit), &visit.context);
            let id = visit.step.path.as_str().rsplit_once('!').map_or("", |(_, id)| id).to_owned();
            let list = ListRef { file: visit.context.file.clone(), list: super::super::plan::ListId::Procedure(id) };
            self.list(&list, &visit.step.path, depth + 2, &visit.context);
        }
    }

    /// The rollback or `finally`, and what is below it.
    fn container(&mut self, visit: &Visit) {
        use super::super::plan::ListId;
        self.phase = None;
        self.row(None, visit.step.path.clone(), 0, Some(visit), &visit.context);
        let root = |list| ListRef { file: String::new(), list };
        match visit.kind {
            EnteredAs::Rollback if self.session.plan.has_rollback_procedure() => {
                self.list(&root(ListId::Procedure("rollback".to_owned())), &visit.step.path, 1, &Context::default());
            }
            EnteredAs::Rollback => self.undos(&visit.step, 0),
            _ => self.list(&root(ListId::Finally), &visit.step.path, 1, &Context::default()),
        }
    }

    fn undos(&mut self, owner: &StepRef, depth: usize) {
        let session = self.session;
        let mut seen: Vec<&StepPath> = Vec::new();
        for entered in &session.order {
            let Some(visit) = session.visits.get(&entered.path).and_then(|v| v.last()) else { continue };
            if visit.kind == EnteredAs::Undo && entered.path.is_within(&owner.path) && !seen.contains(&&entered.path) {
                seen.push(&entered.path);
                self.row(None, entered.path.clone(), depth + 1, Some(visit), &visit.context);
            }
        }
    }

    fn row(&mut self, step: Option<&Step>, path: StepPath, depth: usize, visit: Option<&Visit>, context: &Context) {
        let session = self.session;
        let phase = step.and_then(|s| s.phase.clone()).filter(|p| depth == 0 && self.phase.as_ref() != Some(p));
        if phase.is_some() {
            self.phase.clone_from(&phase);
        }
        let title = visit.filter(|v| v.step.visit > 0).map(|v| v.title.clone());
        let title = title.or_else(|| step.map(|s| self.title(s, context)));
        let now = session.clock(self.at);
        let took =
            visit.filter(|v| v.step.visit > 0).map(|v| v.ended.as_ref().map_or(now, |e| e.at_ms).saturating_sub(v.entered_ms));
        self.rows.push(OutlineRow {
            treatment: visit.and_then(|v| v.ended.as_ref()).and_then(|e| e.treatment),
            title: title.unwrap_or_else(|| path.to_string()),
            depth,
            phase,
            state: self.state(visit),
            visit: visit.map_or(0, |v| v.step.visit),
            took_ms: took,
            estimate_ms: step.and_then(|s| s.estimate).map(millis),
            conditional: step.is_some_and(|s| s.when.is_some()),
            path,
        });
    }

    /// The title of a step that was not entered; of a `for_each` with all its items.
    fn title(&self, step: &Step, context: &Context) -> String {
        let session = self.session;
        match step.for_each.as_ref().and_then(|each| walk::items(session, self.at, context, each).ok()) {
            Some(items) => walk::title_of_all(session, self.at, step, context, &items),
            None => step.title.render(&session.scope(self.at, context)).unwrap_or_else(|_| step.title.source().to_owned()),
        }
    }

    fn state(&self, visit: Option<&Visit>) -> RowState {
        let session = self.session;
        let Some(visit) = visit else {
            let over = session.closed.is_some() || session.ending.is_some();
            return if over { RowState::Dropped } else { RowState::Pending };
        };
        if let Some(ended) = &visit.ended {
            // A failed step that nobody has answered is what the session waits for.
            let asked = || walk::unanswered(session, self.at).as_ref() == Some(&visit.step);
            let waits = session.closed.is_none() && ended.outcome == StepOutcome::Failed && asked();
            return if waits { RowState::Waiting } else { RowState::Ended(ended.outcome) };
        }
        let in_hand = session.visit_in_hand().is_some_and(|v| v.step == visit.step);
        if !in_hand {
            return RowState::Running;
        }
        match session.prompt(self.at) {
            Prompt::Unknown { .. } => RowState::Unknown,
            Prompt::Busy { .. } => RowState::Running,
            _ => RowState::Waiting,
        }
    }
}
