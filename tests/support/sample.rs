//! A session halfway through a canary deploy, for screen tests and the frame benchmark.

#![allow(dead_code, reason = "each of the binaries that include this uses its own part")]

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use pacenote::live::output::OutputLine;
use pacenote::live::{
    GraphData, HealthCheck, HealthHistory, Live, Marker, Output, Panel, PanelData, PodRow, PodTable, Series, SourceState,
};
use pacenote::runbook::Value;
use pacenote::runbook::model::{Choices, Input, InputKind, SecretSource};
use pacenote::runbook::span::{Span, Spanned};
use pacenote::session::event::{Mode, SessionOutcome, StepOutcome, Verdict};
use pacenote::session::intent::{
    KubernetesRequest, ObjectState, PatchKind, Piece, Resource, RunRequest, SecretName, SecretText, What, Workload,
};
use pacenote::session::message::StepRef;
use pacenote::session::view::{
    ClockView, ConditionView, GateView, GuardState, GuardView, Header, ItemView, OptionView, OutlineRow, Prompt, RowState,
    StepView, UndoItem, WaitView,
};
use pacenote::tui::{Journal, Screen};

/// Owns what a [`Screen`] borrows.
pub struct Sample {
    pub header: Header,
    pub outline: Vec<OutlineRow>,
    pub step: Option<StepView>,
    pub prompt: Prompt,
    pub guards: Vec<GuardView>,
    pub undo: Vec<UndoItem>,
    pub live: Live,
    pub now: DateTime<Utc>,
    pub journal_seq: u64,
    pub journal_failed: Option<String>,
    pub notices: Vec<String>,
    pub notes: Vec<String>,
    pub followups: Vec<String>,
}

pub fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-10T02:47:10Z").expect("a time").with_timezone(&Utc)
}

pub fn step_ref(path: &str) -> StepRef {
    StepRef { path: path.into(), visit: 1 }
}

fn row(path: &str, depth: usize, title: &str, phase: Option<&str>, state: RowState, took_s: Option<u64>) -> OutlineRow {
    OutlineRow {
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

pub fn pod(i: usize, version: &str, now: DateTime<Utc>) -> PodRow {
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

pub fn table(rows: impl IntoIterator<Item = PodRow>) -> PodTable {
    let mut table = PodTable::default();
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
pub fn series(now: DateTime<Utc>, points: usize, step_ms: i64, level: f64, bump: f64) -> Series {
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

pub fn graph(series: Series, unit: &str, warn: f64, critical: f64, baseline: Option<f64>) -> PanelData {
    let mut data = GraphData::default();
    data.series = series;
    data.warn = Some(warn);
    data.critical = Some(critical);
    data.baseline = baseline;
    data.unit = unit.into();
    data.query = "sum(rate(http_requests_total{app=\"checkout\",status=~\"5..\"}[1m]))".into();
    data.window_ms = 1_800_000;
    PanelData::Graph(data)
}

pub fn live(now: DateTime<Utc>) -> Live {
    let checks = (0..60).map(|i| HealthCheck {
        at: now - TimeDelta::seconds(2 + 10 * (59 - i)),
        ok: !(31..33).contains(&i),
        latency_ms: 80 + (i as u64 * 37) % 29,
        status: if (31..33).contains(&i) { Ok(503) } else { Ok(200) },
        problem: None,
    });
    let health = HealthHistory { url: "https://checkout.example.com/health".into(), checks: checks.collect(), failures: 0 };
    let mut live = Live::default();
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

pub fn gate() -> GateView {
    GateView {
        conditions: vec![
            condition("pass", "signals.error_rate.value < 1", "0.42", Ok(true)),
            condition("pass", "signals.p95.value < 0.5", "0.31", Ok(true)),
            condition("fail", "signals.error_rate.value > 5", "0.42", Ok(false)),
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
        timeout_ms: None,
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
    pub fn screen(&self) -> Screen<'_> {
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
            notices: &self.notices,
            notes: &self.notes,
            followups: &self.followups,
            session: "2026-03-10-canary-deploy-4f2a",
        }
    }

    /// Watching the canary: nothing is asked.
    pub fn gate() -> Self {
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
                GuardView { id: "health-failing".into(), condition: "signals.api.failures > 3".into(), state: GuardState::Armed },
                GuardView {
                    id: "errors-up".into(),
                    condition: "signals.error_rate.value > signals.error_rate.baseline * 1.5 && signals.error_rate.value > 0.5"
                        .into(),
                    state: GuardState::Armed,
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
            notices: Vec::new(),
            notes: Vec::new(),
            followups: Vec::new(),
        }
    }

    fn at(path: &str, number: usize, title: &str, kind: &'static str, text: &str, prompt: Prompt) -> Self {
        let mut sample = Self::gate();
        for row in &mut sample.outline {
            if row.path.as_str() == path {
                row.state = RowState::Waiting;
                row.took_ms = Some(21_000);
            }
        }
        let mut step = step(path, number, title, kind, text);
        step.elapsed_ms = 21_000;
        sample.step = Some(step);
        sample.prompt = prompt;
        sample
    }

    pub fn checklist() -> Self {
        let item = |text: &str| ItemView {
            text: text.into(),
            ticked: false,
            has_check: false,
            check: None,
            note_required: false,
            note: None,
            link: None,
        };
        let items = vec![
            ItemView { ticked: true, ..item("All tests pass in CI") },
            ItemView {
                note_required: true,
                link: Some("https://oncall.example.com/now".into()),
                ..item("On-call engineer notified")
            },
            ItemView { has_check: true, ticked: true, check: Some(Ok(true)), ..item("Errors are normal now") },
            ItemView { has_check: true, check: Some(Err("p95: no reading yet".into())), ..item("Latency is normal now") },
        ];
        let mut sample = Self::at(
            "preflight",
            1,
            "Pre-deployment checklist",
            "checklist",
            "",
            Prompt::Checklist { step: step_ref("preflight"), items },
        );
        sample.undo.clear();
        for guard in &mut sample.guards {
            guard.state = GuardState::Disarmed;
        }
        for row in sample.outline.iter_mut().skip(1) {
            row.state = RowState::Pending;
            row.took_ms = None;
        }
        sample
    }

    pub fn confirm() -> Self {
        let prompt = Prompt::Confirm {
            step: step_ref("verdict"),
            question: "Has support been told that checkout may be slow for a minute?".into(),
            no: "stay here".into(),
        };
        Self::at("verdict", 11, "Tell support", "confirm", "They answer in `#support-eu` within **five minutes**.", prompt)
    }

    pub fn decide() -> Self {
        let option = |key, label: &str, leads_to: &str, reason_required| OptionView {
            key,
            label: label.into(),
            leads_to: leads_to.into(),
            reason_required,
        };
        let prompt = Prompt::Decide {
            step: step_ref("verdict"),
            question: "Is version v1.2.4 good?".into(),
            options: vec![option('y', "Keep it", "goes on", false), option('b', "Back out", "rolls back", true)],
            left_ms: Some(731_000),
            otherwise: "hold".into(),
        };
        Self::at(
            "verdict",
            11,
            "Keep it?",
            "decide",
            "Look at the graphs of the *whole* hour, not only at the last minutes.",
            prompt,
        )
    }

    pub fn patch() -> What {
        let body = serde_json::json!([
            {"op": "test", "path": "/spec/http/0/route/1/destination/host", "value": "checkout-canary"},
            {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50},
            {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 50},
        ]);
        What::Kubernetes(KubernetesRequest::Patch {
            resource: virtual_service(),
            kind: PatchKind::Json,
            body: Value::from_json(&body),
        })
    }

    /// A change to a cluster, its object read.
    pub fn start() -> Self {
        let step = step_ref("shift[50]/weights");
        let prompt = Prompt::Start {
            step: step.clone(),
            what: Ok(Box::new(Self::patch())),
            changes: true,
            type_first: None,
            needs_preparation: true,
        };
        let mut sample = Self::at("shift[50]/weights", 9, "Route 50 % to the canary", "kubernetes", "", prompt);
        let state = ObjectState {
            resource: virtual_service(),
            namespace: "shop".into(),
            uid: "3b7f".into(),
            resource_version: "48151".into(),
            before: "{}".into(),
            diff: "   - destination: {host: checkout}\n-    weight: 90\n+    weight: 50\n   - destination: {host: checkout-canary}\n-    weight: 10\n+    weight: 50".into(),
        };
        sample.live.preparations.insert(step, Ok(state));
        sample
    }

    /// A command with a secret in its environment, on a dangerous step.
    pub fn start_run() -> Self {
        let run = RunRequest {
            argv: vec!["./backup.sh".into(), "v1.2.4".into(), "--label".into(), "before canary".into()],
            script: None,
            env: vec![
                ("TARGET".into(), SecretText::plain("checkout.example.com")),
                ("TOKEN".into(), SecretText(vec![Piece::Secret(SecretName::Input("token".into()))])),
            ],
            stdin: None,
            cwd: Some("scripts".into()),
            interactive: false,
            sensitive: false,
        };
        let prompt = Prompt::Start {
            step: step_ref("promote"),
            what: Ok(Box::new(What::Run(run))),
            changes: true,
            type_first: Some("checkout".into()),
            needs_preparation: false,
        };
        Self::at("promote", 12, "Take a backup", "run", "A backup harms nobody. It takes about **two minutes**.", prompt)
    }

    pub fn start_image() -> Self {
        let request = KubernetesRequest::SetImage {
            workload: Workload { kind: "Deployment".into(), name: "checkout".into() },
            container: "app".into(),
            image: "registry.example.com/checkout:v1.2.4".into(),
        };
        let prompt = Prompt::Start {
            step: step_ref("promote"),
            what: Ok(Box::new(What::Kubernetes(request))),
            changes: true,
            type_first: None,
            needs_preparation: true,
        };
        let mut sample = Self::at("promote", 12, "Deploy it everywhere", "kubernetes", "", prompt);
        sample.header.mode = Mode::DryRun;
        sample
            .live
            .preparations
            .insert(step_ref("promote"), Err("deployments.apps \"checkout\" is forbidden: cannot get".into()));
        sample
    }

    pub fn start_unknown() -> Self {
        let prompt = Prompt::Start {
            step: step_ref("promote"),
            what: Err("steps.backup.snapshot was never captured".into()),
            changes: true,
            type_first: None,
            needs_preparation: false,
        };
        Self::at("promote", 12, "Deploy it everywhere", "kubernetes", "", prompt)
    }

    /// A command at work, with output.
    pub fn running() -> Self {
        let mut sample = Self::start_run();
        let Prompt::Start { what: Ok(what), .. } = &sample.prompt else { unreachable!() };
        let what = (**what).clone();
        if let Some(step) = &mut sample.step {
            step.effect = Some(3);
            step.what = Some(what);
            step.timeout_ms = Some(1_800_000);
        }
        let lines = (1..=48).map(|i| OutputLine {
            text: if i % 9 == 0 { format!("warning: chunk {i} was slow") } else { format!("copied chunk {i} of 60, 64 MiB") },
            stderr: i % 9 == 0,
        });
        let mut output = Output::default();
        output.lines = lines.collect();
        sample.live.outputs = BTreeMap::from([(3, output)]);
        sample.live.progress = BTreeMap::from([(3, "48 of 60 chunks".into())]);
        sample.prompt = Prompt::Busy { step: step_ref("promote") };
        sample
    }

    pub fn waiting() -> Self {
        let mut sample = Self::at("watch", 14, "Let it settle", "wait", "", Prompt::Busy { step: step_ref("watch") });
        if let Some(step) = &mut sample.step {
            step.wait = Some(WaitView { gone_ms: 192_000, total_ms: Some(600_000), text: "for 10m".into() });
        }
        sample
    }

    pub fn input() -> Self {
        let fields = inputs();
        Self::at(
            "verdict",
            11,
            "What was agreed",
            "input",
            "Write down what the call decided.",
            Prompt::Input { step: step_ref("verdict"), fields },
        )
    }

    pub fn approve() -> Self {
        let prompt = Prompt::Approve {
            step: step_ref("approve"),
            by: vec!["release-managers".into(), "bob@example.com".into()],
            min: 2,
            given: vec!["carol@example.com".into()],
            text: "Deploys **checkout v1.2.4** to production:\n\n- 10 % for ten minutes\n- then 50 %".into(),
        };
        Self::at("approve", 2, "Production approval", "approve", "", prompt)
    }

    pub fn failure() -> Self {
        let prompt = Prompt::Failure {
            step: step_ref("promote"),
            why: "the rollout did not finish within 15m: 3 of 6 updated, checkout-6d9f7c8b54-2x5kq is in ImagePullBackOff".into(),
            changes: true,
            can_continue: true,
        };
        let mut sample = Self::at("promote", 12, "Deploy it everywhere", "kubernetes", "", prompt);
        let now = sample.now;
        if let PanelData::Pods(pods) = &mut sample.live.panels[0].data {
            let rows = pods.rows.values().cloned().collect::<Vec<_>>();
            let bad = [("ImagePullBackOff", 0, None), ("CrashLoopBackOff", 7, Some("OOMKilled")), ("Running", 2, Some("Error"))];
            let bad = bad.into_iter().enumerate().map(|(i, (status, restarts, last))| PodRow {
                status: status.into(),
                ready: 0,
                is_ready: false,
                crashing: status != "Running",
                restarts,
                last_restart: (restarts > 0).then(|| now - TimeDelta::seconds(95)),
                last_termination: last.map(Into::into),
                ..pod(60 + i, "v1.2.4", now)
            });
            *pods = table(rows.into_iter().chain(bad));
        }
        sample
    }

    pub fn unknown() -> Self {
        let prompt = Prompt::Unknown {
            step: step_ref("promote"),
            what: "sets the image of deployment/checkout".into(),
            why: "The connection broke before the answer came.".into(),
            can_look: true,
            looking: false,
        };
        let mut sample = Self::at("promote", 12, "Deploy it everywhere", "kubernetes", "", prompt);
        sample.outline[11].state = RowState::Unknown;
        sample
    }

    pub fn interrupt() -> Self {
        let mut sample = Self::running();
        sample.header.rolling_back = true;
        sample.prompt = Prompt::Interrupt { step: step_ref("promote"), title: "Take a backup".into() };
        sample
    }

    pub fn guard() -> Self {
        let mut sample = Self::gate();
        sample.guards[1].state = GuardState::Tripped;
        sample.prompt = Prompt::Guard {
            guard: "errors-up".into(),
            title: "Errors are half again above the baseline".into(),
            action: "roll back".into(),
            left_ms: Some(894_000),
            expired: "hold".into(),
        };
        sample.live.panels[2].data = graph(series(sample.now, 120, 15_000, 0.9, 4.4), "%", 1.0, 5.0, Some(0.38));
        if let PanelData::Graph(g) = &mut sample.live.panels[2].data {
            for (i, p) in g.series.points.iter_mut().rev().take(12).enumerate() {
                p.1 = Some(7.9 - 0.5 * i as f64);
            }
        }
        sample
    }

    pub fn gate_hold() -> Self {
        let mut sample = Self::gate();
        if let Some(gate) = sample.step.as_mut().and_then(|s| s.gate.as_mut()) {
            gate.conditions[1] = condition("pass", "signals.p95.value < 0.5", "?", Err("p95: the last reading is 4 min old"));
            gate.last = Some((Verdict::Inconclusive, "p95 is stale".into()));
            gate.timeout_left_ms = 0;
        }
        sample.live.panels[3].updated = Some(sample.now - TimeDelta::seconds(245));
        if let PanelData::Graph(g) = &mut sample.live.panels[3].data {
            g.series.points.retain(|(t, _)| *t <= sample.now.timestamp_millis() - 245_000);
        }
        sample.prompt =
            Prompt::GateHold { step: step_ref("shift[10]/soak"), why: "no verdict within 30m, p95 cannot be told".into() };
        sample
    }

    pub fn when() -> Self {
        let prompt = Prompt::When {
            step: step_ref("watch"),
            title: "Watch it".into(),
            condition: "signals.traffic.value > 10".into(),
            why: "traffic: no connection to Prometheus".into(),
        };
        Self::at("watch", 14, "Watch it", "gate", "", prompt)
    }

    pub fn paused() -> Self {
        let mut sample = Self::gate();
        sample.header.paused = true;
        sample.prompt = Prompt::Paused;
        sample
    }

    pub fn closed(outcome: SessionOutcome) -> Self {
        let mut sample = Self::gate();
        for row in &mut sample.outline {
            row.state = RowState::Ended(StepOutcome::Done);
        }
        sample.outline[9].state = RowState::Ended(StepOutcome::Skipped);
        sample.outline[13].state = RowState::Ended(StepOutcome::NotApplicable);
        sample.step = None;
        sample.followups =
            vec!["Completion summary to stakeholders, within 1h".into(), "Look at the dashboards again, within 24h".into()];
        sample.notes = vec!["02:31 peak of the night batch, expected".into()];
        sample.header.progress = (19, 19);
        sample.prompt = Prompt::Closed { outcome };
        sample
    }

    /// Sources that are lost, degraded and not there yet.
    pub fn sources() -> Self {
        let mut sample = Self::gate();
        let now = sample.now;
        sample.live.panels[0].source = SourceState::Lost("connection refused".into(), now - TimeDelta::seconds(75));
        sample.live.panels[0].updated = Some(now - TimeDelta::seconds(80));
        sample.live.panels[1].source = SourceState::Degraded("answers slowly".into());
        sample.live.panels[2].updated = Some(now - TimeDelta::seconds(245));
        if let PanelData::Graph(g) = &mut sample.live.panels[2].data {
            g.series.points.retain(|(t, _)| *t <= now.timestamp_millis() - 245_000);
        }
        sample.live.panels[3] = panel("p95", "p95", graph(Series::default(), "s", 0.5, 2.0, None), now, 0);
        sample.live.panels[3].updated = None;
        sample.live.panels[3].source = SourceState::Connecting;
        sample.live.panels.push(panel(
            "logs",
            "logs",
            PanelData::Unavailable("signals of kind `logs` are not drawn".into()),
            now,
            1,
        ));
        sample.guards[0].state = GuardState::CannotJudge("api: no reading".into());
        sample.guards[1].state = GuardState::Pending(20_000, 60_000);
        sample.header.clocks =
            vec![ClockView { name: "rto".into(), gone_ms: Some(11_200_000), limit_ms: 14_400_000, warn_ms: Some(10_800_000) }];
        sample
    }

    /// Everything at once that must never be dropped.
    pub fn worst() -> Self {
        let mut sample = Self::guard();
        sample.guards[0].state = GuardState::Tripped;
        sample.header.back_to = vec!["checkout-canary rev 41 (v1.2.3)".into(), "checkout rev 108 (v1.2.3)".into()];
        sample.journal_failed = Some("no space left on device".into());
        sample.header.paused = true;
        sample
    }

    /// 5,000 pods and three graphs of 2,000 points.
    pub fn large() -> Self {
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

    /// Every prompt and every state of a panel, by name.
    pub fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("gate", Self::gate()),
            ("checklist", Self::checklist()),
            ("confirm", Self::confirm()),
            ("decide", Self::decide()),
            ("start", Self::start()),
            ("start_run", Self::start_run()),
            ("start_unprepared", Self::start_image()),
            ("start_unknown", Self::start_unknown()),
            ("running", Self::running()),
            ("waiting", Self::waiting()),
            ("input", Self::input()),
            ("approve", Self::approve()),
            ("failure", Self::failure()),
            ("unknown", Self::unknown()),
            ("interrupt", Self::interrupt()),
            ("guard", Self::guard()),
            ("gate_hold", Self::gate_hold()),
            ("when", Self::when()),
            ("paused", Self::paused()),
            ("closed", Self::closed(SessionOutcome::Completed)),
            ("closed_failed", Self::closed(SessionOutcome::RollbackFailed)),
            ("sources", Self::sources()),
            ("worst", Self::worst()),
        ]
    }
}

fn virtual_service() -> Resource {
    Resource { group: "networking.istio.io".into(), version: "v1".into(), kind: "VirtualService".into(), name: "checkout".into() }
}

/// One question, with defaults.
pub fn input(name: &str, kind: InputKind, prompt: &str) -> Input {
    Input {
        name: Spanned::new(name.into(), Span::default()),
        kind,
        prompt: Some(prompt.into()),
        help: None,
        example: None,
        default: None,
        required: true,
        pattern: None,
        min: None,
        max: None,
    }
}

/// A question of every type.
pub fn inputs() -> Vec<Input> {
    let mut version = input("version", InputKind::String, "Version to deploy");
    version.pattern = Some(Spanned::new(r"v\d+\.\d+\.\d+".into(), Span::default()));
    version.example = Some("v1.2.4".into());
    let mut count = input("count", InputKind::Integer, "How many replicas");
    (count.min, count.max) = (Some(1.0), Some(20.0));
    let mut share = input("share", InputKind::Number, "Share of the traffic");
    share.required = false;
    let mut reason = input("reason", InputKind::Text, "Why now?");
    reason.help = Some("Two sentences are enough.".into());
    vec![
        version,
        reason,
        count,
        share,
        input("told", InputKind::Boolean, "Has support been told?"),
        input("region", InputKind::Choice(Choices::List(vec!["eu".into(), "us".into(), "ap".into()])), "Region"),
        input("for", InputKind::Duration, "For how long"),
        input("at", InputKind::Time, "From when on"),
        input("token", InputKind::Secret(None), "Deploy token"),
        input("other", InputKind::Secret(Some(SecretSource::Env("DEPLOY_TOKEN".into()))), "Other token"),
    ]
}
