//! A session halfway through a canary deploy, for screen tests and the frame benchmark.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use pacenote::live::{
    GraphData, HealthCheck, HealthHistory, Live, Marker, Panel, PanelData, PodRow, PodTable, Series, SourceState,
};
use pacenote::session::event::{Mode, StepOutcome, Verdict};
use pacenote::session::message::StepRef;
use pacenote::session::sheet::{ContactView, Sheet};
use pacenote::session::view::{
    ConditionView, GateView, GuardState, GuardView, Header, OutlineRow, Prompt, ReadingView, RowState, StepView, UndoItem,
};
use pacenote::tui::{Journal, Replay, Screen};

#[path = "sample_prompts.rs"]
pub(crate) mod prompts;

#[path = "sample_panels.rs"]
pub(crate) mod panels;

/// An empty one, to be filled in field by field: not all fields are ours to write.
fn empty<T: Default>() -> T {
    T::default()
}

/// Owns what a [`Screen`] borrows.
pub(crate) struct Sample {
    pub(crate) header: Header,
    pub(crate) outline: Vec<OutlineRow>,
    pub(crate) step: Option<StepView>,
    pub(crate) prompt: Prompt,
    pub(crate) guards: Vec<GuardView>,
    pub(crate) undo: Vec<UndoItem>,
    pub(crate) live: Live,
    pub(crate) now: DateTime<Utc>,
    pub(crate) journal_seq: u64,
    pub(crate) journal_failed: Option<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) sealed: Option<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) followups: Vec<String>,
    pub(crate) sheet: Sheet,
    pub(crate) replay: Option<Replay>,
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-10T02:47:10Z").expect("a time").with_timezone(&Utc)
}

fn sheet() -> Sheet {
    let contact = |role: &str, reach: &str, after: Option<&str>, due| ContactView {
        role: role.into(),
        reach: reach.into(),
        after: after.map(str::to_owned),
        due,
    };
    Sheet {
        owner: Some("payments-oncall".into()),
        contacts: vec![
            contact("on-call", "#payments-oncall", None, true),
            contact("escalation", "+49 30 123456", Some("15 min"), true),
            contact("director", "boss@example.com", Some("1 h"), false),
        ],
        links: vec![("dashboard".into(), "https://grafana.example.com/d/checkout".into())],
        clocks: Vec::new(),
        followups: vec!["Completion summary to stakeholders (within 1 h)".into()],
        preflight: Vec::new(),
    }
}

pub(crate) fn step_ref(path: &str) -> StepRef {
    StepRef { path: path.into(), visit: 1 }
}

fn row(path: &str, depth: usize, title: &str, phase: Option<&str>, state: RowState, took_s: Option<u64>) -> OutlineRow {
    OutlineRow {
        treatment: None,
        path: path.into(),
        depth,
        title: title.into(),
        phase: phase.map(Into::into),
        state,
        visit: 1,
        took_ms: took_s.map(|s| s * 1000),
        estimate_ms: None,
        conditional: false,
    }
}

fn outline() -> Vec<OutlineRow> {
    use RowState::{Ended, Pending, Running};
    let done = Ended(StepOutcome::Done);
    let mut rows = vec![
        row("preflight", 0, "Pre-deployment checklist", Some("Prepare"), done, Some(130)),
        row("approve", 0, "Production approval", None, done, Some(242)),
        row("image", 0, "Start the canary", Some("Canary"), done, Some(80)),
        row("shift", 0, "Shift 10, 50 % of the traffic", None, Running, Some(372)),
        row("shift[10]", 1, "Shift 10 % of the traffic", None, Running, Some(372)),
        row("shift[10]/weights", 2, "Route 10 % to the canary", None, done, Some(4)),
        row("shift[10]/soak", 2, "Watch it", None, Running, Some(340)),
        row("shift[50]", 1, "Shift 50 % of the traffic", None, Pending, None),
        row("shift[50]/weights", 2, "Route 50 % to the canary", None, Pending, None),
        row("shift[50]/soak", 2, "Watch it", None, Pending, None),
        row("verdict", 0, "Keep it?", None, Pending, None),
        row("promote", 0, "Deploy it everywhere", Some("Promote"), Pending, None),
        row("drain", 0, "Send no more traffic to the canary", None, Pending, None),
        row("watch", 0, "Watch it", None, Pending, None),
        row("tell", 0, "Tell everyone", Some("Finally"), Pending, None),
    ];
    rows[11].estimate_ms = Some(900_000);
    rows[13].estimate_ms = Some(900_000);
    rows[13].conditional = true;
    rows
}

pub(crate) fn pod(i: usize, version: &str, now: DateTime<Utc>) -> PodRow {
    let hash = if version == "v1.2.4" { "6d9f7c8b54" } else { "7f9c6d5b88" };
    let alphabet = b"bcdfghjklmnpqrstvwxz2456789";
    let suffix: String = (0..5).map(|k| alphabet[(i * 31 + k * 7 + i / 27) % alphabet.len()] as char).collect();
    PodRow {
        name: format!("checkout-{hash}-{suffix}"),
        ready: 1,
        total: 1,
        status: "Running".into(),
        restarts: 0,
        last_restart: None,
        created: Some(now - TimeDelta::minutes(if version == "v1.2.4" { 14 } else { 60 * 24 * 9 })),
        last_termination: None,
        node: Some(format!("node-{}", i % 7)),
        template_hash: Some(hash.into()),
        image: Some(format!("registry.example.com/checkout:{version}")),
        is_ready: true,
        crashing: false,
    }
}

pub(crate) fn table(rows: impl IntoIterator<Item = PodRow>) -> PodTable {
    let mut table: PodTable = empty();
    table.selector = "app=checkout".into();
    table.rows = rows.into_iter().map(|r| (r.name.clone(), r)).collect();
    table
}

fn panel(name: &str, title: &str, data: PanelData, now: DateTime<Utc>, age_s: i64) -> Panel {
    Panel {
        name: name.into(),
        title: title.into(),
        data,
        source: SourceState::Connected,
        updated: Some(now - TimeDelta::seconds(age_s)),
        every_ms: 15_000,
    }
}

/// A wavy series with a gap and a bump, a point every `step_s`.
pub(crate) fn series(now: DateTime<Utc>, points: usize, step_ms: i64, level: f64, bump: f64) -> Series {
    let end = now.timestamp_millis() - 2_000;
    let points = (0..points).map(|i| {
        let back = (points - 1 - i) as f64 / points as f64;
        let x = i as f64;
        let wave = (x / 5.0).sin() * 0.18 + (x / 1.7).cos() * 0.1;
        let hump = bump * (-((back - 0.3) * 14.0).powi(2)).exp();
        let gap = (0.62..0.68).contains(&back);
        (end - (points - 1 - i) as i64 * step_ms, (!gap).then_some((level * (1.0 + wave) + hump).max(0.0)))
    });
    Series { points: points.collect::<VecDeque<_>>() }
}

pub(crate) fn graph(series: Series, unit: &str, warn: f64, critical: f64, baseline: Option<f64>) -> PanelData {
    let mut data: GraphData = empty();
    data.series = series;
    data.warn = Some(warn);
    data.critical = Some(critical);
    data.baseline = baseline;
    data.unit = unit.into();
    data.query = "sum(rate(http_requests_total{app=\"checkout\",status=~\"5..\"}[1m]))".into();
    data.window_ms = 1_800_000;
    PanelData::Graph(data)
}

pub(crate) fn live(now: DateTime<Utc>) -> Live {
    let checks = (0..60).map(|i| HealthCheck {
        at: now - TimeDelta::seconds(2 + 10 * (59 - i)),
        ok: !(31..33).contains(&i),
        latency_ms: Some(80 + (i as u64 * 37) % 29),
        status: if (31..33).contains(&i) { Ok(503) } else { Ok(200) },
        problem: None,
    });
    let health = HealthHistory { url: "https://checkout.example.com/health".into(), checks: checks.collect(), failures: 0 };
    let mut live: Live = empty();
    let rows = (0..11).map(|i| pod(i, "v1.2.3", now)).chain([pod(40, "v1.2.4", now)]);
    live.panels = vec![
        panel("pods", "pods", PanelData::Pods(table(rows)), now, 2),
        panel("api", "api", PanelData::Health(health), now, 2),
        panel("error_rate", "error rate", graph(series(now, 120, 15_000, 0.42, 0.5), "%", 1.0, 5.0, Some(0.38)), now, 2),
        panel("p95", "p95", graph(series(now, 120, 15_000, 0.31, 0.0), "s", 0.5, 2.0, None), now, 4),
    ];
    live.markers = VecDeque::from([
        Marker { at: now - TimeDelta::seconds(470), label: "image set".into() },
        Marker { at: now - TimeDelta::seconds(344), label: "10 %".into() },
    ]);
    live
}

fn condition(role: &'static str, text: &str, values: &str, holds: Result<bool, &str>) -> ConditionView {
    ConditionView { role, text: text.into(), values: values.into(), holds: holds.map_err(Into::into), age_ms: Some(2_000) }
}

fn reading(name: &str, value: Result<&str, &str>, baseline: Option<&str>) -> ReadingView {
    ReadingView {
        name: name.into(),
        value: value.map(str::to_owned).map_err(str::to_owned),
        baseline: baseline.map(str::to_owned),
        age_ms: Some(2_000),
    }
}

pub(crate) fn gate() -> GateView {
    GateView {
        conditions: vec![
            condition("pass", "signals.error_rate.value < 1", "0.42 %", Ok(true)),
            condition("pass", "signals.p95.value < 0.5", "0.31 s", Ok(true)),
            condition("fail", "signals.error_rate.value > 5", "0.42 %", Ok(false)),
            condition("min", "traffic >= 10", "184", Ok(true)),
        ],
        passed_ms: 340_000,
        for_ms: Some(600_000),
        settling_ms: 0,
        timeout_left_ms: 1_460_000,
        last: Some((Verdict::Pass, String::new())),
        failures: (0, 3),
    }
}

fn step(path: &str, number: usize, title: &str, kind: &'static str, text: &str) -> StepView {
    StepView {
        step: step_ref(path),
        number: (number, 19),
        title: title.into(),
        text: text.into(),
        kind,
        elapsed_ms: 340_000,
        estimate_ms: Some(720_000),
        timeout_left_ms: None,
        effect: None,
        what: None,
        gate: None,
        wait: None,
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::gate()
    }
}

impl Sample {
    pub(crate) fn screen(&self) -> Screen<'_> {
        Screen {
            header: &self.header,
            outline: &self.outline,
            step: self.step.as_ref(),
            prompt: &self.prompt,
            guards: &self.guards,
            undo: &self.undo,
            live: &self.live,
            now: self.now,
            journal: match &self.journal_failed {
                None => Journal::Written(self.journal_seq),
                Some(why) => Journal::Failed(self.journal_seq, why),
            },
            sealed: self.sealed.as_deref(),
            notices: &self.notices,
            notes: &self.notes,
            followups: &self.followups,
            sheet: &self.sheet,
            session: "2026-03-10-canary-deploy-4f2a",
            replay: self.replay.as_ref(),
        }
    }

    /// Watching the canary: nothing is asked.
    pub(crate) fn gate() -> Self {
        let now = now();
        let mut step = step(
            "shift[10]/soak",
            7,
            "Watch it",
            "gate",
            "Traffic: **10 %** on `v1.2.4`. Errors and latency are compared with the limits below.",
        );
        step.gate = Some(gate());
        Self {
            header: Header {
                title: "Canary deploy of checkout".into(),
                mode: Mode::Live,
                environment: "production".into(),
                protected: true,
                target: Some("prod-eu/shop".into()),
                ticket: Some("CHG-1234".into()),
                operator: "alice".into(),
                opened: now - TimeDelta::seconds(862),
                elapsed_ms: 862_000,
                estimate_ms: Some(2_700_000),
                back_to: vec!["checkout-canary rev 41 (v1.2.3)".into()],
                progress: (7, 19),
                rolling_back: false,
                paused: false,
                clocks: Vec::new(),
            },
            outline: outline(),
            prompt: Prompt::Busy { step: step.step.clone() },
            step: Some(step),
            guards: vec![
                GuardView {
                    id: "health-failing".into(),
                    condition: "signals.api.failures > 3".into(),
                    state: GuardState::Armed,
                    automatic: false,
                    past_return: false,
                    readings: vec![reading("api.failures", Ok("0"), None)],
                },
                GuardView {
                    id: "errors-up".into(),
                    condition: "signals.error_rate.value > signals.error_rate.baseline * 1.5 && signals.error_rate.value > 0.5"
                        .into(),
                    state: GuardState::Armed,
                    automatic: false,
                    past_return: false,
                    readings: vec![reading("error_rate", Ok("7.9 %"), Some("0.38 %"))],
                },
            ],
            undo: vec![
                UndoItem { step: step_ref("shift[10]/weights"), text: "route back to 0 %".into(), idle: false },
                UndoItem { step: step_ref("image"), text: "undo the image of checkout-canary".into(), idle: false },
            ],
            live: live(now),
            now,
            journal_seq: 214,
            journal_failed: None,
            replay: None,
            notices: Vec::new(),
            sealed: None,
            notes: Vec::new(),
            followups: Vec::new(),
            sheet: sheet(),
        }
    }

    /// 5,000 pods and three graphs of 2,000 points.
    pub(crate) fn large() -> Self {
        let mut sample = Self::gate();
        let now = sample.now;
        let rows = (0..5_000).map(|i| PodRow { name: format!("checkout-7f9c6d5b88-{i:05}"), ..pod(i, "v1.2.3", now) });
        sample.live.panels = vec![panel("pods", "pods", PanelData::Pods(table(rows)), now, 2)];
        for name in ["error rate", "p95", "traffic"] {
            let data = graph(series(now, 2_000, 900, 0.42, 0.5), "%", 1.0, 5.0, Some(0.38));
            sample.live.panels.push(panel(name, name, data, now, 2));
        }
        sample
    }
}
