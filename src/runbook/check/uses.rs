//! Every expression of a step, and what its value is for.

use super::super::expression::{Expr, Template};
use super::super::model::{
    Action, Choices, ForEach, HttpRequest, Input, InputKind, Kubernetes, PatchBody, Program, Run, Step, TemplateValue,
    TextOrSecret, Undo, Wait, WorkloadRef,
};

/// Where the value of an expression goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It decides something.
    Condition,
    /// People read it.
    Text,
    /// An argument of a command.
    Argument,
    /// An address.
    Url,
    /// A query or selector.
    Query,
    /// A field of an object in the cluster.
    Object,
    /// The body of a request.
    Body,
    /// A header of a request.
    Header,
    /// An environment variable.
    Variable,
    /// Standard input of a command.
    Stdin,
    /// An argument of a call.
    With,
}

impl Place {
    /// Whether a secret may go there.
    pub(super) fn takes_secrets(self) -> bool {
        matches!(self, Place::Header | Place::Variable | Place::Stdin)
    }

    /// The place in words, for "a secret cannot go into …".
    pub(super) fn describe(self) -> &'static str {
        match self {
            Place::Condition => "a condition",
            Place::Text => "a text",
            Place::Argument => "an argument",
            Place::Url => "an address",
            Place::Query => "a query",
            Place::Object => "an object of the cluster",
            Place::Body => "a body",
            Place::Header => "a header",
            Place::Variable => "a variable",
            Place::Stdin => "standard input",
            Place::With => "a parameter that is not a secret",
        }
    }
}

/// What `result` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResultOf {
    Run,
    Http,
    Kubernetes,
}

/// An expression and what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use<'a> {
    pub(super) expr: &'a Expr,
    pub(super) place: Place,
    /// Whether it is evaluated when the step has values of its own.
    pub(super) own: bool,
    /// Whether it sees the value of its `for_each`.
    pub(super) item: bool,
    /// What `result` is, where there is one.
    pub(super) result: Option<ResultOf>,
}

/// Collects uses.
#[derive(Default)]
pub(super) struct Uses<'a> {
    pub(super) found: Vec<Use<'a>>,
    own: bool,
}

impl<'a> Uses<'a> {
    pub(super) fn condition(&mut self, expr: Option<&'a Expr>) {
        self.found.extend(expr.map(|expr| Use { expr, place: Place::Condition, own: self.own, item: true, result: None }));
    }

    fn condition_on(&mut self, expr: Option<&'a Expr>, result: ResultOf) {
        self.found.extend(expr.map(|expr| Use {
            expr,
            place: Place::Condition,
            own: self.own,
            item: true,
            result: Some(result),
        }));
    }

    pub(super) fn template(&mut self, template: &'a Template, place: Place) {
        let own = self.own;
        self.found.extend(template.expressions().map(|expr| Use { expr, place, own, item: true, result: None }));
    }

    pub(super) fn templates(&mut self, templates: impl IntoIterator<Item = &'a Template>, place: Place) {
        templates.into_iter().for_each(|t| self.template(t, place));
    }

    pub(super) fn structure(&mut self, value: &'a TemplateValue, place: Place) {
        let mut templates = Vec::new();
        value.each_template(&mut |t| templates.push(t));
        self.templates(templates, place);
    }

    fn text_or_secret(&mut self, value: &'a TextOrSecret, place: Place) {
        if let TextOrSecret::Text(template) = value {
            self.template(template, place);
        }
    }

    pub(super) fn named(&mut self, values: &'a [(String, TextOrSecret)], place: Place) {
        values.iter().for_each(|(_, value)| self.text_or_secret(value, place));
    }

    /// The expressions of a step; those of steps inside it are left out.
    pub(super) fn of_step(step: &'a Step) -> Vec<Use<'a>> {
        let mut uses = Self::default();
        if let Some(for_each) = &step.for_each {
            uses.for_each(for_each);
        }
        uses.template(&step.title, Place::Text);
        uses.templates(&step.text, Place::Text);
        uses.condition(step.when.as_ref());
        uses.action(&step.action);
        if let Some(look) = &step.look {
            uses.action(&look.action);
            let result = match *look.action {
                Action::Http(_) => ResultOf::Http,
                Action::Kubernetes(_) => ResultOf::Kubernetes,
                _ => ResultOf::Run,
            };
            uses.condition_on(Some(&look.done), result);
        }
        uses.own = true;
        uses.condition(step.repeat.as_ref().map(|r| &r.until));
        if let Some(Undo::Action(action)) = &step.undo {
            uses.action(action);
        }
        uses.found
    }

    fn for_each(&mut self, for_each: &'a ForEach) {
        match for_each {
            ForEach::List(values) => values.iter().for_each(|v| self.structure(v, Place::Text)),
            ForEach::Expr(expr) => {
                self.found.push(Use { expr, place: Place::Text, own: false, item: false, result: None });
            }
        }
        self.found.iter_mut().for_each(|u| u.item = false);
    }

    fn action(&mut self, action: &'a Action) {
        match action {
            Action::Confirm(confirm) => self.template(&confirm.question, Place::Text),
            Action::Checklist(items) => {
                for item in items {
                    self.template(&item.text, Place::Text);
                    self.condition(item.check.as_ref());
                    self.templates(&item.link, Place::Url);
                }
            }
            Action::Input(inputs) => inputs.iter().for_each(|i| self.input(i)),
            Action::Decide(decide) => {
                self.template(&decide.question, Place::Text);
                self.templates(decide.options.iter().map(|o| &o.label), Place::Text);
            }
            Action::Approve(approve) => self.templates(&approve.text, Place::Text),
            Action::Run(run) => self.run(run),
            Action::Kubernetes(kubernetes) => self.kubernetes(kubernetes),
            Action::Http(http) => self.http(http),
            Action::Gate(gate) => {
                self.condition(gate.pass.as_ref());
                self.condition(gate.fail.as_ref());
            }
            Action::Wait(Wait::Until { until, .. }) => self.condition(Some(until)),
            Action::Notify(notify) => self.template(&notify.text, Place::Text),
            Action::Call(call) => call.with.iter().for_each(|(_, value)| self.structure(value, Place::With)),
            Action::Freeze { reason } => self.template(reason, Place::Text),
            Action::Wait(_) | Action::Parallel(_) | Action::UndoAll => {}
        }
    }

    pub(super) fn input(&mut self, input: &'a Input) {
        if let InputKind::Choice(Choices::Command { command, .. }) = &input.kind {
            self.templates(command, Place::Argument);
        }
    }

    fn run(&mut self, run: &'a Run) {
        if let Program::Command(command) = &run.program {
            self.templates(command, Place::Argument);
        }
        self.named(&run.env, Place::Variable);
        if let Some(stdin) = &run.stdin {
            self.text_or_secret(stdin, Place::Stdin);
        }
        self.templates(&run.cwd, Place::Argument);
        self.condition_on(run.expect.when.as_ref(), ResultOf::Run);
    }

    fn http(&mut self, http: &'a HttpRequest) {
        self.template(&http.url, Place::Url);
        self.named(&http.headers, Place::Header);
        if let Some(body) = &http.body {
            self.structure(body, Place::Body);
        }
    }

    fn workload(&mut self, workload: &'a WorkloadRef) {
        self.template(&workload.name, Place::Object);
    }

    fn kubernetes(&mut self, kubernetes: &'a Kubernetes) {
        match kubernetes {
            Kubernetes::SetImage { workload, container, image } => {
                self.workload(workload);
                self.template(container, Place::Object);
                self.template(image, Place::Object);
            }
            Kubernetes::Apply { inline, .. } => {
                if let Some(inline) = inline {
                    self.structure(inline, Place::Object);
                }
            }
            Kubernetes::Patch { resource, patch } => {
                self.template(&resource.name, Place::Object);
                let (PatchBody::Merge(body) | PatchBody::Strategic(body) | PatchBody::Json(body)) = patch;
                self.structure(body, Place::Object);
            }
            Kubernetes::Scale { workload, replicas } => {
                self.workload(workload);
                self.template(replicas, Place::Object);
            }
            Kubernetes::DeletePod { name, selector } => {
                self.templates(name, Place::Object);
                self.templates(selector, Place::Query);
            }
            Kubernetes::RolloutRestart { workload }
            | Kubernetes::RolloutUndo { workload, .. }
            | Kubernetes::RolloutPause { workload }
            | Kubernetes::RolloutResume { workload }
            | Kubernetes::RolloutStatus { workload } => self.workload(workload),
        }
    }
}

/// The values a step has when it has ended, beside what every step has.
pub(super) fn values_of(action: &Action) -> Vec<&str> {
    match action {
        Action::Input(inputs) => inputs.iter().map(|i| i.name.as_str()).collect(),
        Action::Run(run) => run.capture.iter().map(|(name, _)| name.as_str()).collect(),
        Action::Http(http) => http.capture.iter().map(|(name, _)| name.as_str()).collect(),
        Action::Decide(_) => vec!["choice"],
        _ => Vec::new(),
    }
}
