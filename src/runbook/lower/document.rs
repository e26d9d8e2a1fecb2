//! The top of a runbook file.

use super::super::model::{
    Change, ChangeKind, Clock, Contact, Followup, NotifyTarget, Procedure, Risk, Runbook, Updates, WebhookFormat,
};
use super::super::span::Spanned;
use super::super::tree::{Entry, Kind, Node};
use super::field::{Fields, Lower, Naming};
use super::shape::{self, words};

impl Lower<'_> {
    pub(super) fn runbook(&mut self, root: &Node) -> Option<Runbook> {
        self.version(root)?;
        let fields = self.fields(root, shape::RUNBOOK)?;
        let id = self.name(fields.get("runbook"), Naming::Dashed);
        let title = self.text(fields.get("title"));
        let risk = self.word_of(fields.get("risk"), words::RISK);
        let runbook = Runbook {
            description: self.text(fields.get("description")),
            owner: self.text(fields.get("owner")),
            risk: risk.map(|i| [Risk::Low, Risk::Medium, Risk::High][i]),
            estimate: self.duration(fields.get("estimate")),
            contacts: self.contacts(fields.get("contacts")),
            links: self.links(fields.get("links")),
            inputs: self.inputs(fields.get("inputs"), "inputs"),
            change: fields.get("change").and_then(|n| self.change(n)),
            environments: self.environments(fields.get("environments")),
            lock: self.template(fields.get("lock")),
            signals: self.signals(fields.get("signals")),
            guards: self.guards(fields.get("guards")),
            steps: self.required_steps(&fields),
            finally: fields.get("finally").map(|n| self.steps(n)).unwrap_or_default(),
            followups: self.followups(fields.get("followups")),
            procedures: self.procedures(fields.get("procedures")),
            notify: self.notify_targets(fields.get("notify")),
            clocks: self.clocks(fields.get("clocks")),
            updates: fields.get("updates").and_then(|n| self.updates(n)),
            id: id.unwrap_or_else(|| Spanned::new(String::new(), fields.span)),
            title: title.unwrap_or_default(),
        };
        Some(runbook)
    }

    /// `pacenote: 1` says that the rest is of this format; without it nothing else is judged.
    fn version(&mut self, root: &Node) -> Option<()> {
        let Kind::Map(entries) = &root.kind else {
            self.diagnostics
                .error("not-a-runbook", root.span, format!("a runbook is a mapping, not {}", root.describe()))
                .hint("a runbook begins with `pacenote: 1`");
            return None;
        };
        let Some(entry) = entries.iter().find(|e| e.key == "pacenote") else {
            if entries.iter().any(|e| e.key == "pacenote-scenario") {
                self.diagnostics
                    .error("not-a-runbook", entries[0].key_span, "this is a scenario, not a runbook")
                    .hint("check the runbook it names; `pacenote test` reads its scenarios");
            } else {
                let span = entries.first().map_or(root.span, |e| e.key_span);
                self.diagnostics
                    .error("not-a-runbook", span, "this is not a runbook: it has no `pacenote`")
                    .hint("a runbook begins with `pacenote: 1`");
            }
            return None;
        };
        let number = self.number(Some(&entry.value))?;
        if number == 1.0 {
            return Some(());
        }
        self.diagnostics
            .error("unknown-version", entry.value.span, format!("version {number} of the format is not known"))
            .hint("this program reads version 1: `pacenote: 1`; a newer file wants a newer program");
        None
    }

    fn required_steps(&mut self, fields: &Fields) -> Vec<super::super::model::Step> {
        let Some(node) = fields.get("steps") else { return Vec::new() };
        if let Kind::List(items) = &node.kind {
            self.not_empty(items, node, "the list of steps");
        }
        self.steps(node)
    }

    fn contacts(&mut self, node: Option<&Node>) -> Vec<Contact> {
        let Some(items) = node.and_then(|n| self.list(n, "contacts")) else { return Vec::new() };
        let mut contacts = Vec::new();
        for item in items {
            let Some(fields) = self.fields(item, shape::CONTACT) else { continue };
            let (role, reach) = (self.text(fields.get("role")), self.text(fields.get("reach")));
            let after = self.duration(fields.get("after"));
            if let (Some(role), Some(reach)) = (role, reach) {
                contacts.push(Contact { role, reach, after });
            }
        }
        contacts
    }

    fn links(&mut self, node: Option<&Node>) -> Vec<(String, super::super::expression::Template)> {
        let Some(entries) = node.and_then(|n| self.entries(n, "links")) else { return Vec::new() };
        entries.iter().filter_map(|e| Some((e.key.clone(), self.address(Some(&e.value))?))).collect()
    }

    fn change(&mut self, node: &Node) -> Option<Change> {
        let fields = self.fields(node, shape::CHANGE)?;
        let kind = self.word_of(fields.get("kind"), words::CHANGE_KIND);
        let change = Change {
            service: self.template(fields.get("service")),
            version: self.template(fields.get("version")),
            ticket: self.template(fields.get("ticket")),
            reason: self.template(fields.get("reason")),
            requester: self.template(fields.get("requester")),
            committed: self.template(fields.get("committed")),
            kind: match words::CHANGE_KIND[kind?] {
                "migration" => ChangeKind::Migration,
                "maintenance" => ChangeKind::Maintenance,
                "rollback" => ChangeKind::Rollback,
                "hotfix" => ChangeKind::Hotfix,
                "incident" => ChangeKind::Incident,
                _ => ChangeKind::Deploy,
            },
        };
        Some(change)
    }

    fn followups(&mut self, node: Option<&Node>) -> Vec<Followup> {
        let Some(items) = node.and_then(|n| self.list(n, "followups")) else { return Vec::new() };
        let mut followups = Vec::new();
        for item in items {
            let followup = if matches!(item.kind, Kind::Map(_)) {
                let Some(fields) = self.fields(item, shape::FOLLOWUP) else { continue };
                let within = self.duration(fields.get("within"));
                self.template(fields.get("text")).map(|text| Followup { text, within })
            } else {
                self.template(Some(item)).map(|text| Followup { text, within: None })
            };
            followups.extend(followup);
        }
        followups
    }

    fn procedures(&mut self, node: Option<&Node>) -> Vec<Procedure> {
        self.each(node, "procedures", Self::procedure)
    }

    fn procedure(&mut self, entry: &Entry) -> Option<Procedure> {
        let id = self.named(&entry.key, entry.key_span, Naming::Dashed)?;
        if words::RESERVED.contains(&id.as_str()) {
            self.diagnostics
                .error("reserved-name", id.span, format!("a procedure cannot be called `{id}`: the word means something else"))
                .hint("choose another name");
        }
        let fields = self.fields(&entry.value, shape::PROCEDURE)?;
        Some(Procedure {
            title: self.text(fields.get("title")),
            params: self.inputs(fields.get("params"), "params"),
            steps: self.required_steps(&fields),
            id,
        })
    }

    fn notify_targets(&mut self, node: Option<&Node>) -> Vec<NotifyTarget> {
        self.each(node, "notify", Self::notify_target)
    }

    fn notify_target(&mut self, entry: &Entry) -> Option<NotifyTarget> {
        let name = self.named(&entry.key, entry.key_span, Naming::Dashed)?;
        let target = self.fields(&entry.value, shape::NOTIFY_TARGET)?;
        let webhook = self.fields(target.get("webhook")?, shape::WEBHOOK)?;
        let format = self.word_of(webhook.get("format"), words::WEBHOOK_FORMAT);
        let headers = self.headers(webhook.get("headers"));
        let url = webhook.get("url")?;
        let url = if matches!(url.kind, Kind::Map(_)) {
            self.text_or_secret(url)?
        } else {
            super::super::model::TextOrSecret::Text(self.address(Some(url))?)
        };
        let format = if format == Some(0) { WebhookFormat::Slack } else { WebhookFormat::Json };
        Some(NotifyTarget { name, url, format, headers })
    }

    fn clocks(&mut self, node: Option<&Node>) -> Vec<Clock> {
        self.each(node, "clocks", Self::clock)
    }

    fn clock(&mut self, entry: &Entry) -> Option<Clock> {
        let name: Spanned<String> = self.named(&entry.key, entry.key_span, Naming::Dashed)?;
        let fields = self.fields(&entry.value, shape::CLOCK)?;
        let from = self.expr(fields.get("from"));
        let warn = self.duration(fields.get("warn"));
        let limit = self.duration(fields.get("limit"))?;
        if let (Some(warn), Some(node)) = (warn, fields.get("warn"))
            && warn >= limit
        {
            self.diagnostics.error("out-of-range", node.span, "`warn` is not before `limit`");
        }
        Some(Clock { name, from, limit, warn })
    }

    fn updates(&mut self, node: &Node) -> Option<Updates> {
        let fields = self.fields(node, shape::UPDATES)?;
        let to = self.spanned(fields.get("to"));
        let every = self.duration(fields.get("every"));
        let text = self.template(fields.get("text"));
        Some(Updates { to: to?, every: every?, text })
    }
}
