//! The sample session at every kind of question and in every state of its panels.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use pacenote::live::output::OutputLine;
use pacenote::live::{Output, PanelData, PodRow, RequestFile, Series, SourceState};
use pacenote::runbook::Value;
use pacenote::runbook::model::{Choices, Input, InputKind, SecretSource};
use pacenote::runbook::span::{Span, Spanned};
use pacenote::session::event::{Mode, SessionOutcome, StepOutcome, Verdict};
use pacenote::session::intent::{
    KubernetesRequest, ObjectState, PatchKind, Piece, Resource, RunRequest, SecretName, SecretText, What, Workload,
};
use pacenote::session::view::{ClockView, GuardState, ItemView, OptionView, Prompt, RowState, WaitView};

use super::{Sample, condition, empty, graph, panel, pod, series, step, step_ref, table};

impl Sample {
    /// Every prompt and every state of a panel, by name.
    pub(crate) fn all() -> Vec<(&'static str, Self)> {
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

    pub(crate) fn checklist() -> Self {
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

    pub(crate) fn confirm() -> Self {
        let prompt = Prompt::Confirm {
            step: step_ref("verdict"),
            question: "Has support been told that checkout may be slow for a minute?".into(),
            no: "stay here".into(),
        };
        Self::at("verdict", 11, "Tell support", "confirm", "They answer in `#support-eu` within **five minutes**.", prompt)
    }

    pub(crate) fn decide() -> Self {
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

    pub(crate) fn patch() -> What {
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
    pub(crate) fn start() -> Self {
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
    pub(crate) fn start_run() -> Self {
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

    pub(crate) fn start_image() -> Self {
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

    pub(crate) fn start_unknown() -> Self {
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
    pub(crate) fn running() -> Self {
        let mut sample = Self::start_run();
        let Prompt::Start { what: Ok(what), .. } = &sample.prompt else { unreachable!() };
        let what = (**what).clone();
        if let Some(step) = &mut sample.step {
            step.effect = Some(3);
            step.what = Some(what);
            step.timeout_left_ms = Some(1_460_000);
        }
        let lines = (1..=48).map(|i| OutputLine {
            text: if i % 9 == 0 { format!("warning: chunk {i} was slow") } else { format!("copied chunk {i} of 60, 64 MiB") },
            stderr: i % 9 == 0,
        });
        let mut output: Output = empty();
        output.lines = lines.collect();
        sample.live.outputs = BTreeMap::from([(3, output)]);
        sample.live.progress = BTreeMap::from([(3, "48 of 60 chunks".into())]);
        sample.prompt = Prompt::Busy { step: step_ref("promote") };
        sample
    }

    pub(crate) fn waiting() -> Self {
        let mut sample = Self::at("watch", 14, "Let it settle", "wait", "", Prompt::Busy { step: step_ref("watch") });
        if let Some(step) = &mut sample.step {
            step.wait = Some(WaitView { gone_ms: 192_000, total_ms: Some(600_000), text: "for 10m".into() });
        }
        sample
    }

    pub(crate) fn input() -> Self {
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

    pub(crate) fn approve() -> Self {
        let prompt = Prompt::Approve {
            step: step_ref("approve"),
            by: vec!["release-managers".into(), "bob@example.com".into()],
            min: 2,
            given: vec!["carol@example.com".into()],
            expires: Some("2026-11-21T08:00:00.000Z".into()),
            text: "Deploys **checkout v1.2.4** to production:\n\n- 10 % for ten minutes\n- then 50 %".into(),
        };
        let mut sample = Self::at("approve", 2, "Production approval", "approve", "", prompt);
        sample.live.request = Some(RequestFile {
            path: "/home/alice/.local/state/pacenote/sessions/20261121-033344-canary-deploy-7f3a9c/request.json".into(),
            text: "{}\n".into(),
        });
        sample
    }

    pub(crate) fn failure() -> Self {
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

    pub(crate) fn unknown() -> Self {
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

    pub(crate) fn interrupt() -> Self {
        let mut sample = Self::running();
        sample.header.rolling_back = true;
        sample.prompt = Prompt::Interrupt { step: step_ref("promote"), title: "Take a backup".into() };
        sample
    }

    pub(crate) fn guard() -> Self {
        let mut sample = Self::gate();
        sample.guards[1].state = GuardState::Tripped;
        sample.prompt = Prompt::Guard {
            guard: "errors-up".into(),
            title: "Errors are half again above the baseline".into(),
            action: "roll back".into(),
            left_ms: Some(894_000),
            expired: "it keeps holding".into(),
            caution: None,
        };
        sample.live.panels[2].data = graph(series(sample.now, 120, 15_000, 0.9, 4.4), "%", 1.0, 5.0, Some(0.38));
        if let PanelData::Graph(g) = &mut sample.live.panels[2].data {
            for (i, p) in g.series.points.iter_mut().rev().take(12).enumerate() {
                p.1 = Some(7.9 - 0.5 * i as f64);
            }
        }
        sample
    }

    pub(crate) fn gate_hold() -> Self {
        let mut sample = Self::gate();
        if let Some(gate) = sample.step.as_mut().and_then(|s| s.gate.as_mut()) {
            gate.conditions[1] = condition("pass", "signals.p95.value < 0.5", "", Err("p95: stale, 240 s old"));
            gate.conditions[1].age_ms = Some(240_000);
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

    pub(crate) fn when() -> Self {
        let prompt = Prompt::When {
            step: step_ref("watch"),
            title: "Watch it".into(),
            condition: "signals.traffic.value > 10".into(),
            why: "traffic: no connection to Prometheus".into(),
        };
        Self::at("watch", 14, "Watch it", "gate", "", prompt)
    }

    pub(crate) fn paused() -> Self {
        let mut sample = Self::gate();
        sample.header.paused = true;
        sample.prompt = Prompt::Paused;
        sample
    }

    pub(crate) fn closed(outcome: SessionOutcome) -> Self {
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
        sample.prompt = Prompt::Closed { outcome, deviations: 0 };
        for guard in &mut sample.guards {
            guard.state = GuardState::Over;
        }
        sample
    }

    /// Sources that are lost, degraded and not there yet.
    pub(crate) fn sources() -> Self {
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
    pub(crate) fn worst() -> Self {
        let mut sample = Self::guard();
        sample.guards[0].state = GuardState::Tripped;
        sample.header.back_to = vec!["checkout-canary rev 41 (v1.2.3)".into(), "checkout rev 108 (v1.2.3)".into()];
        sample.journal_failed = Some("no space left on device".into());
        sample.header.paused = true;
        sample
    }
}

fn virtual_service() -> Resource {
    Resource { group: "networking.istio.io".into(), version: "v1".into(), kind: "VirtualService".into(), name: "checkout".into() }
}

/// One question, with defaults.
pub(crate) fn input(name: &str, kind: InputKind, prompt: &str) -> Input {
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
pub(crate) fn inputs() -> Vec<Input> {
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
