//! What is watched, and the guards that judge it.

use super::super::expression::Template;
use super::super::model::{
    Arm, Baseline, Guard, GuardAction, GuardExpiry, HttpCheck, HttpExpect, Signal, SignalSource, Unit, WorkloadKind, WorkloadRef,
};
use super::super::span::Span;
use super::super::tree::{Entry, Kind, Node};
use super::field::{Fields, Lower, Naming};
use super::shape::{self, words};

impl Lower<'_> {
    pub(super) fn signals(&mut self, node: Option<&Node>) -> Vec<Signal> {
        self.each(node, "signals", Self::signal)
    }

    fn signal(&mut self, entry: &Entry) -> Option<Signal> {
        let name = self.named(&entry.key, entry.key_span, Naming::Plain)?;
        let fields = self.fields(&entry.value, shape::SIGNAL)?;
        let source = self.one_of(&fields, shape::SOURCES, "something to watch").and_then(|e| self.source(e));
        let signal = Signal {
            name,
            every: self.duration(fields.get("every")),
            timeout: self.duration(fields.get("timeout")),
            window: self.duration(fields.get("window")),
            unit: self.text(fields.get("unit")).map(unit),
            warn: self.number(fields.get("warn")),
            critical: self.number(fields.get("critical")),
            baseline: fields.get("baseline").and_then(|n| self.baseline(n)),
            empty: self.number(fields.get("empty")),
            title: self.text(fields.get("title")),
            source: source?,
        };
        self.keys_of_source(&fields, &signal.source);
        Some(signal)
    }

    fn source(&mut self, entry: &Entry) -> Option<SignalSource> {
        let node = &entry.value;
        match entry.key.as_str() {
            "pods" => {
                let fields = self.fields(node, shape::PODS)?;
                Some(SignalSource::Pods { selector: self.selector(fields.get("selector"))? })
            }
            "rollout" => Some(SignalSource::Rollout { workload: self.workload_text(node)? }),
            "resources" => {
                let fields = self.fields(node, shape::RESOURCES)?;
                Some(SignalSource::Resources { selector: self.selector(fields.get("selector"))? })
            }
            "events" => {
                let fields = self.fields(node, shape::EVENTS)?;
                Some(SignalSource::Events { selector: self.selector(fields.get("selector")) })
            }
            "logs" => {
                let fields = self.fields(node, shape::LOGS)?;
                let container = self.text(fields.get("container"));
                Some(SignalSource::Logs { selector: self.selector(fields.get("selector"))?, container })
            }
            "http" => self.http_check(node).map(SignalSource::Http),
            "prometheus" => Some(SignalSource::Prometheus { query: self.template(Some(node))? }),
            _ => self.command_signal(node),
        }
    }

    fn command_signal(&mut self, node: &Node) -> Option<SignalSource> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(SignalSource::Command { command: self.command(node)?, value: None });
        }
        let fields = self.fields(node, shape::COMMAND_SIGNAL)?;
        let value = match fields.get("value") {
            Some(value) => Some(self.capture(value)?),
            None => None,
        };
        Some(SignalSource::Command { command: self.command(fields.get("command")?)?, value })
    }

    fn http_check(&mut self, node: &Node) -> Option<HttpCheck> {
        let fields = self.fields(node, shape::HTTP_CHECK)?;
        let method = self.word_of(fields.get("method"), words::CHECK_METHOD).map(|i| words::CHECK_METHOD[i].to_owned());
        let headers = self.headers(fields.get("headers"));
        let expect = fields.get("expect").and_then(|n| self.fields(n, shape::HTTP_CHECK_EXPECT)).map(|f| HttpExpect {
            status: self.statuses(f.get("status")),
            json: f.get("json").and_then(|n| self.value(n)),
            ..HttpExpect::default()
        });
        Some(HttpCheck { url: self.address(fields.get("url"))?, method, headers, expect: expect.unwrap_or_default() })
    }

    /// Status codes: one, or a list.
    pub(super) fn statuses(&mut self, node: Option<&Node>) -> Vec<u16> {
        let Some(node) = node else { return Vec::new() };
        let nodes = match &node.kind {
            Kind::List(items) => {
                self.not_empty(items, node, "the list of status codes");
                items.iter().collect()
            }
            _ => vec![node],
        };
        nodes.into_iter().filter_map(|n| u16::try_from(self.whole(Some(n), 100, 599)?).ok()).collect()
    }

    /// A Kubernetes label selector.
    pub(super) fn selector(&mut self, node: Option<&Node>) -> Option<Template> {
        let node = node?;
        let template = self.template(Some(node))?;
        if template.is_literal()
            && let Some(why) = selector_mistake(template.source())
        {
            self.diagnostics
                .error("bad-selector", node.span, format!("this is not a label selector: {why}"))
                .hint("for instance `app=checkout,tier!=batch` or `env in (a, b)`");
        }
        Some(template)
    }

    /// An address, or one that an expression completes.
    pub(super) fn address(&mut self, node: Option<&Node>) -> Option<Template> {
        let node = node?;
        let template = self.template(Some(node))?;
        let text = template.source();
        let begins_open = text.trim_start().starts_with("${{");
        if !begins_open && !text.starts_with("http://") && !text.starts_with("https://") {
            self.diagnostics
                .error("bad-address", node.span, "an address begins with `https://` or `http://`")
                .hint(format!("for instance `https://{}`", text.trim_start_matches('/')));
        } else if text.contains(char::is_whitespace) && template.is_literal() {
            self.diagnostics.error("bad-address", node.span, "an address holds no white space");
        }
        Some(template)
    }

    /// `deployment/checkout`
    fn workload_text(&mut self, node: &Node) -> Option<WorkloadRef> {
        let scalar = self.text_node(node)?;
        let kind = scalar.text.split_once('/').and_then(|(kind, name)| {
            let kind = match kind {
                "deployment" => WorkloadKind::Deployment,
                "statefulset" => WorkloadKind::StatefulSet,
                "daemonset" => WorkloadKind::DaemonSet,
                _ => return None,
            };
            (!name.is_empty()).then_some((kind, kind_length(kind)))
        });
        let Some((kind, skip)) = kind else {
            self.diagnostics
                .error("bad-workload", node.span, format!("`{}` is not a workload", scalar.text))
                .hint("for instance `deployment/checkout`; also statefulset and daemonset");
            return None;
        };
        let map = node.text_map(self.source);
        let name = scalar.text.get(skip..).unwrap_or_default();
        let span = Span { end: node.span.end, ..map.span(&scalar.text, skip..scalar.text.len()) };
        match Template::parse_mapped(name, span, &map.from_offset(&scalar.text, skip)) {
            Ok(name) => Some(WorkloadRef { kind, name }),
            Err(error) => {
                self.diagnostics.error("bad-expression", node.span, error.message).maybe_hint(error.hint);
                None
            }
        }
    }

    fn baseline(&mut self, node: &Node) -> Option<Baseline> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(Baseline { window: self.duration(Some(node))?, offset: std::time::Duration::ZERO });
        }
        let fields = self.fields(node, shape::BASELINE)?;
        let offset = self.duration_or_zero(fields.get("offset")).unwrap_or_default();
        Some(Baseline { window: self.duration(fields.get("window"))?, offset })
    }

    /// Keys that mean something for some sources only.
    fn keys_of_source(&mut self, fields: &Fields, source: &SignalSource) {
        let value = matches!(source, SignalSource::Http(_) | SignalSource::Prometheus { .. } | SignalSource::Command { .. });
        let percent = matches!(source, SignalSource::Resources { .. });
        let watched = !matches!(
            source,
            SignalSource::Pods { .. } | SignalSource::Rollout { .. } | SignalSource::Events { .. } | SignalSource::Logs { .. }
        );
        let rules = [
            ("unit", value, "a signal with a value"),
            ("warn", value || percent, "a signal with a value"),
            ("critical", value || percent, "a signal with a value"),
            ("baseline", value, "a signal with a value"),
            ("empty", matches!(source, SignalSource::Prometheus { .. }), "a Prometheus query"),
            ("every", watched, "a signal that is polled"),
            ("timeout", watched, "a signal that is polled"),
        ];
        for (key, fits, what) in rules {
            if let (false, Some(entry)) = (fits, fields.entry(key)) {
                self.diagnostics.error("key-not-here", entry.key_span, format!("`{key}` belongs to {what}")).hint("take it out");
            }
        }
    }

    pub(super) fn guards(&mut self, node: Option<&Node>) -> Vec<Guard> {
        let Some(items) = node.and_then(|n| self.list(n, "guards")) else { return Vec::new() };
        let guards: Vec<Guard> = items.iter().filter_map(|n| self.guard(n)).collect();
        self.unique(guards.iter().map(|g| &g.id), "the guard");
        guards
    }

    fn guard(&mut self, node: &Node) -> Option<Guard> {
        let fields = self.fields(node, shape::GUARD)?;
        let id = self.name(fields.get("id"), Naming::Dashed);
        let when = self.expr(fields.get("when"));
        let then = self.spanned(fields.get("then")).map(|word| match word.as_str() {
            "rollback" => GuardAction::Rollback,
            "hold" => GuardAction::Hold,
            _ => GuardAction::Procedure(word),
        });
        let arm = self.spanned(fields.get("arm")).map(|word| match word.as_str() {
            "first-change" => Arm::FirstChange,
            "start" => Arm::Start,
            _ => Arm::Step(word),
        });
        let expired = self.word_of(fields.get("expired"), words::EXPIRED);
        let guard = Guard {
            title: self.text(fields.get("title")),
            hold_for: self.duration(fields.get("for")),
            arm: arm.unwrap_or(Arm::FirstChange),
            decide_within: self.duration(fields.get("decide_within")),
            expired: if expired == Some(1) { GuardExpiry::Rollback } else { GuardExpiry::Hold },
            automatic: self.flag(fields.get("automatic")),
            id: id?,
            when: when?,
            then: then?,
        };
        if let (Some(entry), None) = (fields.entry("expired"), &guard.decide_within) {
            self.diagnostics
                .warning("no-effect", entry.key_span, "`expired` does nothing without `decide_within`")
                .hint("say how long the operator has: `decide_within: 15m`");
        }
        Some(guard)
    }
}

fn kind_length(kind: WorkloadKind) -> usize {
    match kind {
        WorkloadKind::Deployment => "deployment/".len(),
        WorkloadKind::StatefulSet => "statefulset/".len(),
        WorkloadKind::DaemonSet => "daemonset/".len(),
    }
}

fn unit(text: String) -> Unit {
    match text.as_str() {
        "percent" => Unit::Percent,
        "seconds" => Unit::Seconds,
        "milliseconds" => Unit::Milliseconds,
        "bytes" => Unit::Bytes,
        "per_second" => Unit::PerSecond,
        "count" => Unit::Count,
        _ => Unit::Other(text),
    }
}

impl Unit {
    /// Its sign, as it stands beside a number; empty for a plain count.
    pub fn sign(&self) -> &str {
        match self {
            Self::Percent => "%",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Bytes => "B",
            Self::PerSecond => "/s",
            Self::Count => "",
            Self::Other(other) => other,
        }
    }
}

/// What is wrong with a label selector, as far as its characters tell.
fn selector_mistake(text: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./=!,() ".contains(c);
    if !text.chars().all(allowed) {
        return Some("it has characters no label has");
    }
    let depth = text.chars().try_fold(0_i32, |depth, c| match c {
        '(' if depth == 0 => Some(1),
        ')' if depth == 1 => Some(0),
        '(' | ')' => None,
        _ => Some(depth),
    });
    if depth != Some(0) {
        return Some("its brackets do not match");
    }
    let mut terms = Vec::new();
    let mut inside = false;
    let mut start = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => {
                terms.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms.iter().any(|t| t.trim().is_empty() || t.trim().starts_with('=')).then_some("a term of it is empty")
}
