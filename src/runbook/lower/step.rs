//! Steps: the fields they have in common, and which action they are.

use std::time::Duration;

use super::super::expression::{Part, Template};
use super::super::model::{Action, AfterCall, ForEach, Interrupt, Look, OnFailure, Repeat, Retry, Step, TemplateValue, Undo};
use super::super::tree::{Entry, Kind, Node};
use super::field::{Fields, Lower, Naming};
use super::shape::{self, words};

/// The most a step is tried or repeated.
const MOST_VISITS: u32 = 1000;

impl Lower<'_> {
    /// A list of steps, whose ids are unique.
    pub(super) fn steps(&mut self, node: &Node) -> Vec<Step> {
        let Some(items) = self.list(node, "steps") else { return Vec::new() };
        self.unique_ids(items);
        let mut steps = Vec::with_capacity(items.len());
        for item in items {
            let step = self.step(item);
            let id = id_of(item).map(|e| &e.value.kind);
            let name = if let Some(Kind::Scalar(scalar)) = id { scalar.text.as_str() } else { "" };
            steps.extend(self.or_lost(name, step));
        }
        steps
    }

    /// Ids are compared before the steps are read, so that a step that cannot be read
    /// still counts.
    fn unique_ids(&mut self, items: &[Node]) {
        let ids: Vec<_> = items
            .iter()
            .filter_map(id_of)
            .filter_map(|e| match &e.value.kind {
                Kind::Scalar(s) => Some(super::super::span::Spanned::new(s.text.clone(), e.value.span)),
                _ => None,
            })
            .collect();
        self.unique(&ids, "the step");
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let fields = self.fields(node, shape::STEP)?;
        let id = self.name(fields.get("id"), Naming::Plain);
        let title = self.template(fields.get("title"));
        let action = self.step_action(&fields);
        let on_failure = fields.get("on_failure").and_then(|n| self.on_failure(n));
        let interrupt = self.word_of(fields.get("interrupt"), words::INTERRUPT);
        let undo = match fields.get("undo") {
            Some(_) if matches!(action, Some(Action::UndoAll)) => None,
            Some(node) => self.undo(node),
            None => None,
        };
        let step = Step {
            text: self.template(fields.get("text")),
            phase: self.text(fields.get("phase")),
            when: self.expr(fields.get("when")),
            estimate: self.duration(fields.get("estimate")),
            timeout: self.duration(fields.get("timeout")),
            retry: fields.get("retry").and_then(|n| self.retry(n)),
            on_failure: on_failure.unwrap_or(OnFailure::Ask),
            danger: self.flag(fields.get("danger")),
            interrupt: interrupt.map_or(Interrupt::Ask, |i| [Interrupt::Wait, Interrupt::Ask, Interrupt::Kill][i]),
            undo,
            look: fields.get("look").and_then(|n| self.look(n)),
            point_of_no_return: self.flag(fields.get("point_of_no_return")),
            for_each: fields.get("for_each").and_then(|n| self.for_each(n)),
            repeat: fields.get("repeat").and_then(|n| self.repeat(n)),
            span: node.span,
            id: id?,
            title: title.unwrap_or_else(|| Template::literal("")),
            action: action?,
        };
        if let (Some(_), Some(entry)) = (&step.for_each, fields.entry("repeat")) {
            self.diagnostics
                .error("key-not-here", entry.key_span, "a step has either `for_each` or `repeat`")
                .hint("put the repeated part into a procedure and call that");
        }
        Some(step)
    }

    /// The one action of a step.
    fn step_action(&mut self, fields: &Fields) -> Option<Action> {
        let undoes_all = fields.entry("undo").filter(|e| matches!(&e.value.kind, Kind::Scalar(s) if s.text == "all"));
        let actions = fields.among(shape::ACTIONS);
        if let (Some(entry), [_, ..]) = (undoes_all, actions.as_slice()) {
            self.diagnostics
                .error("too-many", entry.key_span, "`undo: all` is an action of its own")
                .hint("make it a step of its own, or say how this step is undone");
        }
        if undoes_all.is_some() && actions.is_empty() {
            self.stray_with(fields);
            return Some(Action::UndoAll);
        }
        if actions.is_empty() {
            let span = fields.entries.first().map_or(fields.span, |e| e.key_span);
            self.diagnostics
                .error("no-action", span, "this step does nothing")
                .hint(format!("a step has exactly one of {} or `undo: all`", shape::ACTIONS.join(", ")));
            return None;
        }
        let entry = self.one_of(fields, shape::ACTIONS, "an action")?;
        self.stray_with(fields);
        self.action(entry, fields.get("with"))
    }

    fn stray_with(&mut self, fields: &Fields) {
        if let (Some(entry), None) = (fields.entry("with"), fields.entry("call")) {
            self.diagnostics.error("key-not-here", entry.key_span, "`with` stands beside `call` only").hint("take it out");
        }
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        let fields = self.fields(node, shape::RETRY)?;
        let delay = self.duration_or_zero(fields.get("delay")).unwrap_or(Duration::ZERO);
        Some(Retry { attempts: self.whole(fields.get("attempts"), 2, MOST_VISITS)?, delay })
    }

    fn on_failure(&mut self, node: &Node) -> Option<OnFailure> {
        if matches!(node.kind, Kind::Map(_)) {
            let fields = self.fields(node, shape::ON_FAILURE)?;
            let then = self.word_of(fields.get("then"), words::AFTER_CALL);
            let then = then.map_or(AfterCall::Ask, |i| [AfterCall::Retry, AfterCall::Continue, AfterCall::Abort][i]);
            return Some(OnFailure::Call { procedure: self.spanned(fields.get("call"))?, then });
        }
        let word = self.spanned(Some(node))?;
        Some(match word.as_str() {
            "ask" => OnFailure::Ask,
            "retry" => OnFailure::Retry,
            "continue" => OnFailure::Continue,
            "abort" => OnFailure::Abort,
            _ => OnFailure::Call { procedure: word, then: AfterCall::Ask },
        })
    }

    fn undo(&mut self, node: &Node) -> Option<Undo> {
        if let Kind::Scalar(scalar) = &node.kind {
            if scalar.text == "restore" {
                return Some(Undo::Restore);
            }
            if scalar.text != "all" {
                self.diagnostics
                    .error("bad-undo", node.span, format!("`{}` is not a way to undo", scalar.text))
                    .hint("an action such as `{run: …}`, `restore`, or `{none: why that is right}`");
            }
            return None;
        }
        let entries = self.entries(node, "an undo")?;
        if entries.iter().any(|e| e.key == "none") {
            let fields = self.fields(node, shape::UNDO_NONE)?;
            return self.text(fields.get("none")).map(Undo::None);
        }
        let fields = self.fields(node, shape::UNDO_ACTION)?;
        let actions = ["confirm", "run", "kubernetes", "http", "notify", "call"];
        let entry = self.one_of(&fields, &actions, "an action")?;
        self.stray_with(&fields);
        self.action(entry, fields.get("with")).map(|action| Undo::Action(Box::new(action)))
    }

    fn look(&mut self, node: &Node) -> Option<Look> {
        let fields = self.fields(node, shape::LOOK)?;
        let done = self.expr(fields.get("done"));
        let entry: &Entry = self.one_of(&fields, &["run", "http", "kubernetes"], "something to read")?;
        let action = self.action(entry, None)?;
        if super::super::check::changes(&action) {
            self.diagnostics
                .error("look-changes", entry.key_span, "a look must not change anything")
                .hint("only `run` with `reads_only: true`, `http` with GET or HEAD, and `rollout_status` look");
        }
        Some(Look { action: Box::new(action), done: done? })
    }

    fn for_each(&mut self, node: &Node) -> Option<ForEach> {
        match &node.kind {
            Kind::List(items) => {
                self.not_empty(items, node, "the list of `for_each`");
                let values: Vec<Option<TemplateValue>> = items.iter().map(|i| self.template_value(i)).collect();
                self.distinct(items);
                values.into_iter().collect::<Option<_>>().map(ForEach::List)
            }
            Kind::Scalar(_) => {
                let template = self.template(Some(node))?;
                if let [Part::Expr(expr)] = template.parts() {
                    return Some(ForEach::Expr(expr.clone()));
                }
                self.diagnostics
                    .error("wrong-type", node.span, "`for_each` is a list, or one expression that gives a list")
                    .hint("for instance `[10, 50]` or `\"${{ env.vars.weights }}\"`");
                None
            }
            _ => self.wrong_type(node, "`for_each` is a list, or one expression that gives a list"),
        }
    }

    /// The values name the passes, so they must differ.
    fn distinct(&mut self, items: &[Node]) {
        let texts: Vec<_> = items
            .iter()
            .filter_map(|n| match &n.kind {
                Kind::Scalar(s) => Some(super::super::span::Spanned::new(s.text.clone(), n.span)),
                _ => None,
            })
            .collect();
        self.unique(&texts, "the value");
    }

    fn repeat(&mut self, node: &Node) -> Option<Repeat> {
        let fields = self.fields(node, shape::REPEAT)?;
        let until = self.expr(fields.get("until"));
        let max = self.whole(fields.get("max"), 1, MOST_VISITS);
        let delay = self.duration_or_zero(fields.get("delay")).unwrap_or(Duration::ZERO);
        Some(Repeat { until: until?, max: max?, delay })
    }
}

/// The `id` of a step, if there is one.
fn id_of(step: &Node) -> Option<&Entry> {
    match &step.kind {
        Kind::Map(entries) => entries.iter().find(|e| e.key == "id"),
        _ => None,
    }
}
