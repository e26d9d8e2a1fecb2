//! Environments: clusters, servers, variables, requirements and windows.

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

use super::super::diagnostic::nearest;
use super::super::model::{AllowedTime, Environment, FreezePeriod, KubernetesTarget, PrometheusTarget, Require, Window};
use super::super::tree::{Entry, Kind, Node};
use super::field::{Lower, Naming};
use super::shape::{self, words};

const DAYS: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

impl Lower<'_> {
    pub(super) fn environments(&mut self, node: Option<&Node>) -> Vec<Environment> {
        self.each(node, "environments", Self::environment)
    }

    fn environment(&mut self, entry: &Entry) -> Option<Environment> {
        let name = self.named(&entry.key, entry.key_span, Naming::Free)?;
        let fields = self.fields(&entry.value, shape::ENVIRONMENT)?;
        let kubernetes = fields
            .get("kubernetes")
            .and_then(|n| self.fields(n, shape::CLUSTER))
            .map(|f| KubernetesTarget { context: self.text(f.get("context")), namespace: self.text(f.get("namespace")) });
        let prometheus = fields.get("prometheus").and_then(|n| self.fields(n, shape::PROMETHEUS)).and_then(|f| {
            let headers = self.headers(f.get("headers"));
            Some(PrometheusTarget { url: self.address(f.get("url"))?, headers })
        });
        let vars = self.each(fields.get("vars"), "vars", |this, var| {
            this.named(&var.key, var.key_span, Naming::Plain);
            Some((var.key.clone(), this.value(&var.value)?))
        });
        Some(Environment {
            name,
            kubernetes,
            prometheus,
            vars,
            protected: self.flag(fields.get("protected")),
            require: fields.get("require").and_then(|n| self.require(n)),
            window: fields.get("window").and_then(|n| self.window(n)),
        })
    }

    fn require(&mut self, node: &Node) -> Option<Require> {
        let fields = self.fields(node, shape::REQUIRE)?;
        let evidence = fields.get("evidence").and_then(|n| self.list(n, "evidence")).unwrap_or_default();
        Some(Require {
            passed_in: self.spanned(fields.get("passed_in")),
            rehearsed_within: self.duration(fields.get("rehearsed_within")),
            notified: self.duration(fields.get("notified")),
            evidence: evidence.iter().filter_map(|n| self.text(Some(n))).collect(),
        })
    }

    fn window(&mut self, node: &Node) -> Option<Window> {
        let fields = self.fields(node, shape::WINDOW)?;
        let allow = fields.get("allow").and_then(|n| self.list(n, "allow")).unwrap_or_default();
        let freeze = fields.get("freeze").and_then(|n| self.list(n, "freeze")).unwrap_or_default();
        Some(Window {
            allow: allow.iter().filter_map(|n| self.allowed_time(n)).collect(),
            freeze: freeze.iter().filter_map(|n| self.freeze_period(n)).collect(),
        })
    }

    fn allowed_time(&mut self, node: &Node) -> Option<AllowedTime> {
        let fields = self.fields(node, shape::ALLOWED)?;
        let days = fields.get("days").and_then(|n| self.days(n));
        let (from, to) = (self.time_of_day(fields.get("from")), self.time_of_day(fields.get("to")));
        let zone = self.zone(fields.get("zone"));
        let (from, to) = (from?, to?);
        if to <= from {
            let span = fields.get("to").map_or(node.span, |n| n.span);
            self.diagnostics
                .error("out-of-range", span, "the slot ends before it begins")
                .hint("a slot over midnight is two slots: one to 23:59, one from 00:00");
        }
        Some(AllowedTime { days: days?, from, to, zone: zone? })
    }

    fn freeze_period(&mut self, node: &Node) -> Option<FreezePeriod> {
        let fields = self.fields(node, shape::FREEZE_PERIOD)?;
        let (from, to) = (self.date(fields.get("from")), self.date(fields.get("to")));
        let reason = self.text(fields.get("reason"));
        let zone = self.zone(fields.get("zone"));
        let (from, to) = (from?, to?);
        if to < from {
            let span = fields.get("to").map_or(node.span, |n| n.span);
            self.diagnostics.error("out-of-range", span, "the freeze ends before it begins");
        }
        Some(FreezePeriod { from, to, reason: reason?, zone: zone? })
    }

    /// `Mon-Thu`, `Mon`, `Mon,Wed` or a list of days.
    fn days(&mut self, node: &Node) -> Option<Vec<Weekday>> {
        if let Kind::List(items) = &node.kind {
            self.not_empty(items, node, "the list of days");
            let days: Vec<_> = items.iter().filter_map(|n| self.word_of(Some(n), words::DAYS)).collect();
            return Some(in_order(&days));
        }
        let scalar = self.text_node(node)?;
        let day = |name: &str| words::DAYS.iter().position(|d| *d == name.trim());
        let mut days = Vec::new();
        for part in scalar.text.split(',') {
            let range = match part.split_once('-') {
                Some((first, last)) => day(first).zip(day(last)),
                None => day(part).zip(day(part)),
            };
            let Some((first, last)) = range else {
                self.diagnostics
                    .error("unknown-word", node.span, format!("`{}` is no day or range of days", part.trim()))
                    .hint("days are written like `Mon-Thu`, `Sat` or `Mon,Wed`");
                return None;
            };
            let length = (last + 7 - first) % 7;
            days.extend((0..=length).map(|i| (first + i) % 7));
        }
        Some(in_order(&days))
    }

    /// `09:00`
    pub(super) fn time_of_day(&mut self, node: Option<&Node>) -> Option<NaiveTime> {
        let node = node?;
        let scalar = self.text_node(node)?;
        let time = NaiveTime::parse_from_str(&scalar.text, "%H:%M").ok();
        if time.is_none() {
            self.diagnostics
                .error("bad-time", node.span, format!("`{}` is not a time of day", scalar.text))
                .hint("for instance \"09:00\"");
        }
        time
    }

    fn date(&mut self, node: Option<&Node>) -> Option<NaiveDate> {
        let node = node?;
        let scalar = self.text_node(node)?;
        let date = NaiveDate::parse_from_str(&scalar.text, "%Y-%m-%d").ok();
        if date.is_none() {
            self.diagnostics
                .error("bad-date", node.span, format!("`{}` is not a date", scalar.text))
                .hint("for instance 2026-12-20");
        }
        date
    }

    /// A time zone; UTC where none is written.
    pub(super) fn zone(&mut self, node: Option<&Node>) -> Option<Tz> {
        let Some(node) = node else { return Some(Tz::UTC) };
        let scalar = self.text_node(node)?;
        let zone = scalar.text.parse::<Tz>().ok();
        if zone.is_none() {
            let hint = nearest(&scalar.text, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()));
            let hint =
                hint.map_or_else(|| "for instance `Europe/Berlin` or `UTC`".to_owned(), |z| format!("did you mean `{z}`?"));
            self.diagnostics.error("unknown-zone", node.span, format!("`{}` is not a time zone", scalar.text)).hint(hint);
        }
        zone
    }
}

fn in_order(days: &[usize]) -> Vec<Weekday> {
    DAYS.iter().enumerate().filter(|(i, _)| days.contains(i)).map(|(_, day)| *day).collect()
}
