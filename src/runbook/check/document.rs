//! What stands beside the steps: environments, signals, guards, clocks and messages.

use super::super::diagnostic::nearest;
use super::super::model::{GuardAction, Input, Signal, SignalSource, TextOrSecret};
use super::super::span::{Span, Spanned};
use super::Checker;
use super::scope::{Around, all_steps};
use super::steps::ListKind;
use super::uses::{Place, Uses};

impl<'a> Checker<'a> {
    pub(super) fn document(&mut self) {
        let runbook = self.runbook;
        self.opening();
        self.requirements();
        for signal in &runbook.signals {
            self.signal(signal);
        }
        self.running();
        self.list(&runbook.steps, ListKind::Main, None);
        self.list(&runbook.finally, ListKind::Finally, None);
        for procedure in &runbook.procedures {
            let kind = if procedure.id.value == "rollback" { ListKind::Rollback } else { ListKind::Procedure };
            self.form(&procedure.params, &self.before());
            self.list(&procedure.steps, kind, Some(&procedure.params));
            if let (ListKind::Rollback, Some(param)) = (kind, procedure.params.iter().find(|p| p.required && p.default.is_none()))
            {
                self.diagnostics
                    .error("missing-argument", param.name.span, "the rollback gets no arguments")
                    .hint("give the parameter a default, or take it out");
            }
        }
        self.unused();
    }

    /// What is known before the session opens: inputs and the environment.
    fn before(&self) -> Around<'a> {
        Around { list: &[], index: None, params: None, item: false, signals: false, steps: false }
    }

    fn used(&mut self, uses: Uses<'a>, around: &Around<'a>) {
        for used in &uses.found {
            self.names(used, around);
        }
    }

    fn form(&mut self, inputs: &'a [Input], around: &Around<'a>) {
        let mut uses = Uses::default();
        inputs.iter().for_each(|i| uses.input(i));
        self.used(uses, around);
    }

    /// What is worked out when the session opens.
    fn opening(&mut self) {
        let runbook = self.runbook;
        let mut uses = Uses::default();
        uses.templates(runbook.links.iter().map(|(_, link)| link), Place::Url);
        if let Some(change) = &runbook.change {
            let fields = [&change.service, &change.version, &change.ticket, &change.reason, &change.requester, &change.committed];
            uses.templates(fields.into_iter().flatten(), Place::Text);
        }
        uses.templates(&runbook.lock, Place::Text);
        for environment in &runbook.environments {
            if let Some(prometheus) = &environment.prometheus {
                uses.template(&prometheus.url, Place::Url);
                uses.named(&prometheus.headers, Place::Header);
            }
        }
        for target in &runbook.notify {
            if let TextOrSecret::Text(url) = &target.url {
                uses.template(url, Place::Url);
            }
            uses.named(&target.headers, Place::Header);
        }
        self.used(uses, &self.before());
        self.form(&runbook.inputs, &self.before());
    }

    /// What is worked out while the session runs, beside the steps.
    fn running(&mut self) {
        let runbook = self.runbook;
        let around = Around { list: &runbook.steps, index: None, params: None, item: false, signals: true, steps: true };
        let mut uses = Uses::default();
        for guard in &runbook.guards {
            uses.condition(Some(&guard.when));
        }
        runbook.clocks.iter().for_each(|clock| uses.condition(clock.from.as_ref()));
        uses.templates(runbook.followups.iter().map(|f| &f.text), Place::Text);
        uses.templates(runbook.updates.iter().filter_map(|u| u.text.as_ref()), Place::Text);
        self.used(uses, &around);
        for guard in &runbook.guards {
            if let GuardAction::Procedure(name) = &guard.then {
                self.procedure_named(name, ListKind::Main, "then");
            }
            self.armed_by(&guard.arm);
            self.guard_judges(guard);
        }
        if let Some(updates) = &runbook.updates {
            self.target_named(&updates.to);
        }
    }

    fn guard_judges(&mut self, guard: &super::super::model::Guard) {
        let references = guard.when.references();
        let judges = references.iter().any(|r| r.path.first().is_some_and(|root| root == "signals" || root == "session"));
        if !judges {
            self.diagnostics
                .warning("no-signal", guard.when.span(), "this guard judges no signal")
                .hint("a condition that does not change belongs to a step");
        }
    }

    fn signal(&mut self, signal: &'a Signal) {
        let mut uses = Uses::default();
        match &signal.source {
            SignalSource::Pods { selector } | SignalSource::Resources { selector } | SignalSource::Logs { selector, .. } => {
                uses.template(selector, Place::Query);
            }
            SignalSource::Events { selector } => uses.templates(selector, Place::Query),
            SignalSource::Rollout { workload } => uses.template(&workload.name, Place::Object),
            SignalSource::Http(check) => {
                uses.template(&check.url, Place::Url);
                uses.named(&check.headers, Place::Header);
            }
            SignalSource::Prometheus { query } => uses.template(query, Place::Query),
            SignalSource::Command { command, .. } => uses.templates(command, Place::Argument),
        }
        self.used(uses, &self.before());
        match &signal.source {
            SignalSource::Prometheus { .. } => self.needs_prometheus(signal.name.span),
            SignalSource::Http(_) | SignalSource::Command { .. } => {}
            _ => self.needs_cluster(signal.name.span),
        }
        if let (Some(timeout), Some(every)) = (signal.timeout, signal.every)
            && timeout > every
        {
            self.diagnostics
                .warning(
                    "slow-signal",
                    signal.name.span,
                    format!("`{}` may take longer than the time between its readings", signal.name),
                )
                .hint("make `timeout` at most `every`");
        }
    }

    /// Something that needs a cluster in every environment. Where there are none, the
    /// current context is one.
    pub(super) fn needs_cluster(&mut self, span: Span) {
        let missing: Vec<&str> = self.environments.iter().filter(|e| e.kubernetes.is_none()).map(|e| e.name.as_str()).collect();
        if !missing.is_empty() && missing.len() <= self.environments.len() {
            self.diagnostics
                .error("no-cluster", span, format!("this needs a cluster, and {} has none", missing.join(", ")))
                .hint("add `kubernetes: {context: …, namespace: …}` to the environment");
        }
    }

    fn needs_prometheus(&mut self, span: Span) {
        if self.environments.is_empty() {
            self.diagnostics
                .error("no-prometheus", span, "nothing says where Prometheus is")
                .hint("add `environments` with `prometheus: {url: …}`");
            return;
        }
        let missing: Vec<&str> = self.environments.iter().filter(|e| e.prometheus.is_none()).map(|e| e.name.as_str()).collect();
        if !missing.is_empty() {
            self.diagnostics
                .error("no-prometheus", span, format!("this needs Prometheus, and {} has none", missing.join(", ")))
                .hint("add `prometheus: {url: …}` to the environment");
        }
    }

    fn requirements(&mut self) {
        for environment in &self.runbook.environments {
            let Some(passed_in) = environment.require.as_ref().and_then(|r| r.passed_in.as_ref()) else { continue };
            if passed_in.value == environment.name.value {
                self.diagnostics
                    .error("unknown-environment", passed_in.span, "an environment cannot require itself")
                    .hint("name the environment that comes before it");
            } else if !self.runbook.environments.iter().any(|e| e.name.value == passed_in.value)
                && !self.lost.contains(&passed_in.value)
            {
                let near = nearest(passed_in, self.runbook.environments.iter().map(|e| e.name.as_str()));
                self.diagnostics
                    .error("unknown-environment", passed_in.span, format!("there is no environment `{passed_in}`"))
                    .maybe_hint(near.map(|n| format!("did you mean `{n}`?")));
            }
        }
    }

    /// A name under `notify`. A called file may use its caller's.
    pub(super) fn target_named(&mut self, name: &Spanned<String>) {
        let known: Vec<&str> =
            self.runbook.notify.iter().chain(self.root.iter().flat_map(|r| &r.notify)).map(|t| t.name.as_str()).collect();
        if known.contains(&name.as_str()) || self.lost.contains(&name.value) {
            return;
        }
        let hint = nearest(name, known.iter().copied())
            .map_or_else(|| format!("add it: `notify: {{{name}: {{webhook: {{url: …}}}}}}`"), |n| format!("did you mean `{n}`?"));
        self.diagnostics.error("unknown-target", name.span, format!("there is nobody called `{name}` to notify")).hint(hint);
    }

    /// What is written and never used.
    fn unused(&mut self) {
        // What could not be read may have used it.
        if self.root.is_some() || !self.lost.is_empty() {
            return;
        }
        let called = super::calls::named_procedures(self.runbook);
        for procedure in &self.runbook.procedures {
            if procedure.id.value != "rollback" && !called.contains(&procedure.id.value) {
                self.diagnostics.advice(
                    "unused",
                    procedure.id.span,
                    format!("nothing in this file calls the procedure `{}`", procedure.id),
                );
            }
        }
        let notified: Vec<&str> = all_steps(self.runbook)
            .filter_map(|s| match &s.action {
                super::super::model::Action::Notify(n) => Some(n.to.as_str()),
                _ => None,
            })
            .chain(self.runbook.updates.iter().map(|u| u.to.as_str()))
            .collect();
        for target in &self.runbook.notify {
            if !notified.contains(&target.name.as_str()) {
                self.diagnostics.advice("unused", target.name.span, format!("nothing in this file notifies `{}`", target.name));
            }
        }
    }
}
