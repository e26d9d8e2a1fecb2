//! What will be done, as far as that can be told beforehand.
//!
//! Worked out from the runbook and from what a request says, and from nothing else: so
//! an approver with the same files gets the same list, and a list that differs shows that
//! something else was announced than would be done.

use std::sync::Arc;

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::runbook::expression::Unknown;
use crate::runbook::model::{Action, Step};
use crate::session::detail::detail;
use crate::session::event::{BundleRecord, ClockRecord, Event, Mode, Opened, Operator, Origin, Tool};
use crate::session::path::StepPath;
use crate::session::plan::{ListId, ListRef, Plan, action_kind};
use crate::session::resolve;
use crate::session::state::{Context, Session};
use crate::session::time::At;
use crate::session::walk;

/// A list longer than this is cut off, and says so.
const MOST: usize = 500;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Its path.
    pub path: String,
    /// Its title.
    pub title: String,
    /// What it does.
    pub does: String,
    /// The condition under which it does, as written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub when: Option<String>,
    /// What it does in full, line by line, where `does` leaves something out. None in
    /// requests of versions that did not tell it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub detail: Vec<String>,
}

/// A plan as a request without details would tell it.
pub fn without_details(plan: &[Planned]) -> Vec<Planned> {
    plan.iter().map(|step| Planned { detail: Vec::new(), ..step.clone() }).collect()
}

/// What a session that makes this request would do, step by step. The `plan` of the
/// request itself is not looked at.
///
/// # Errors
/// Why it cannot be told.
pub fn plan(of: &Arc<Plan>, request: &Request) -> Result<Vec<Planned>, String> {
    let operator = request.operators.first().cloned();
    let opened = Opened {
        mode: Mode::Live,
        attended: true,
        operator: operator
            .map(|o| Operator { principal: o.principal, os_user: String::new(), uid: 0, key: o.key })
            .unwrap_or_default(),
        origin: Origin::default(),
        tool: Tool::default(),
        bundle: BundleRecord::default(),
        runbook: request.runbook.clone(),
        title: request.title.clone(),
        change: request.change.clone(),
        environment: request.environment.clone(),
        inputs: request.inputs.clone(),
        secrets: request.secrets.clone(),
        policy: None,
        signers: None,
        window: None,
        evidence: Vec::new(),
        lock: None,
        ledger_head: None,
        clock: ClockRecord::default(),
        boot_id: None,
        rollback: String::new(),
        rolls_back: None,
        emergency: None,
        trusted_unseen: false,
        scenario: None,
        estimate_ms: None,
    };
    let at = At { wall: DateTime::UNIX_EPOCH, mono_ms: 0 };
    let session = Session::begin(Arc::clone(of), &request.session, at, &Event::SessionOpened(Box::new(opened)))
        .map_err(|e| e.to_string())?;
    let mut planner = Planner { session: &session, at, planned: Vec::new() };
    let main = ListRef { file: String::new(), list: ListId::Main };
    planner.list(&main, &StepPath::new(""), &Context::default());
    if of.has_rollback_procedure() {
        let rollback = ListRef { file: String::new(), list: ListId::Procedure("rollback".to_owned()) };
        let prefix = StepPath::new("rollback");
        planner.list(&rollback, &prefix, &Context { prefix: prefix.clone(), ..Context::default() });
    }
    let mut planned = planner.planned;
    if planned.len() > MOST {
        let more = planned.len() - MOST;
        planned.truncate(MOST);
        let does = format!("and {more} steps more; read the runbook");
        planned.push(Planned { path: "…".to_owned(), title: String::new(), does, when: None, detail: Vec::new() });
    }
    Ok(planned)
}

struct Planner<'a> {
    session: &'a Session,
    at: At,
    planned: Vec<Planned>,
}

impl Planner<'_> {
    fn list(&mut self, list: &ListRef, prefix: &StepPath, context: &Context) {
        for step in self.session.plan().steps(list) {
            if self.planned.len() > MOST {
                return;
            }
            let path = prefix.child(&step.id.value);
            match &step.for_each {
                None => self.step(list, step, &path, context),
                Some(for_each) => match walk::items(self.session, self.at, context, for_each) {
                    Ok(items) => {
                        for item in items {
                            let pass = path.item(&item.to_string());
                            self.step(list, step, &pass, &Context { item: Some(item), ..context.clone() });
                        }
                    }
                    Err(Unknown(why)) => {
                        let does = format!("once for each of a list not known yet ({why})");
                        self.say(step, &path, context, (does, Vec::new()));
                    }
                },
            }
        }
    }

    fn step(&mut self, list: &ListRef, step: &Step, path: &StepPath, context: &Context) {
        self.say(step, path, context, self.does(list, step, context));
        match &step.action {
            Action::Call(call) => {
                let target = self.session.plan().call_target(&list.file, &call.target);
                let (with, _) = walk::passed(self.session, self.at, &step.action, context);
                let inner = self.session.called(call, &target, path, &with, context);
                self.list(&target, path, &inner);
            }
            Action::Parallel(steps) => {
                for inner in steps {
                    self.step(list, inner, &path.child(&inner.id.value), context);
                }
            }
            _ => {}
        }
    }

    /// What it does, and the details.
    fn does(&self, list: &ListRef, step: &Step, context: &Context) -> (String, Vec<String>) {
        match resolve::what_at(self.session, self.at, context, &list.file, &step.action) {
            Ok(Some(what)) => (resolve::summary(&what), detail(&what)),
            Ok(None) => (action_kind(&step.action).to_owned(), Vec::new()),
            Err(Unknown(why)) => (format!("{}: known only then ({why})", action_kind(&step.action)), Vec::new()),
        }
    }

    fn say(&mut self, step: &Step, path: &StepPath, context: &Context, (does, detail): (String, Vec<String>)) {
        let scope = self.session.scope(self.at, context);
        self.planned.push(Planned {
            path: path.to_string(),
            title: step.title.render(&scope).unwrap_or_else(|_| step.title.source().to_owned()),
            does,
            when: step.when.as_ref().map(|when| when.source().to_owned()),
            detail,
        });
    }
}
