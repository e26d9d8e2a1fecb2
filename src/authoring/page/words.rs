//! Actions, conditions and sources in words.

use crate::runbook::duration::format as time;
use crate::runbook::expression::Expr;
use crate::runbook::model::{
    Action, CallTarget, ChecklistItem, Confirm, ConfirmNo, Decide, Environment, Gate, HttpRequest, Kubernetes, NoData,
    OptionThen, PatchBody, Program, Run, SignalSource, TemplateValue, UndoTo, Wait, WorkloadKind, WorkloadRef,
};

use super::{code, plain, said};

/// A condition: its sides as they are written, joined by words.
pub(super) fn condition(expr: &Expr) -> String {
    expr.operands().iter().map(|side| code(side.source())).collect::<Vec<_>>().join(" and ")
}

/// A structure as JSON, expressions as written.
pub(super) fn value(value: &TemplateValue) -> String {
    fn json(value: &TemplateValue) -> serde_json::Value {
        match value {
            TemplateValue::Literal(value) => value.to_json(),
            TemplateValue::Template(template) => template.source().into(),
            TemplateValue::List(list) => list.iter().map(json).collect(),
            TemplateValue::Map(map) => map.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        }
    }
    match json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// An action on one line.
pub(super) fn line(action: &Action) -> String {
    let parts = action_parts(action).join("; ").replace(['\n', '\r'], " ");
    parts.strip_prefix("**Changes:** ").map_or(parts.clone(), str::to_owned)
}

/// An action as items of a list; the first says what it is.
pub(super) fn action(action: &Action) -> Vec<String> {
    action_parts(action)
}

/// Whether an action is itself a way back.
pub(super) fn goes_back(action: &Action) -> bool {
    matches!(action, Action::UndoAll | Action::Kubernetes(Kubernetes::RolloutUndo { .. }))
}

fn action_parts(action: &Action) -> Vec<String> {
    match action {
        Action::Confirm(Confirm { question, no }) => {
            let no = match no {
                ConfirmNo::Hold => "stays here".to_owned(),
                ConfirmNo::Abort => "ends the session".to_owned(),
                ConfirmNo::Procedure(name) => format!("runs {}", code(name)),
            };
            vec![format!("Asks: {}", said(question)), format!("No {no}")]
        }
        Action::Checklist(items) => items.iter().map(item).collect(),
        Action::Input(inputs) => inputs
            .iter()
            .map(|i| {
                format!(
                    "Asks for {}: {} ({})",
                    code(&i.name),
                    i.prompt.as_deref().map(plain).unwrap_or_default(),
                    super::answer(i)
                )
            })
            .collect(),
        Action::Decide(decide) => decision(decide),
        Action::Approve(approve) => {
            let by = approve.by.iter().map(|who| plain(who)).collect::<Vec<_>>().join(", ");
            let expires = approve.expires.map_or(String::new(), |t| format!(", good for {}", time(t)));
            let mut facts = vec![format!("Wants {} approval(s) by {by}{expires}", approve.min)];
            facts.extend(approve.text.as_ref().map(said));
            facts
        }
        Action::Run(run) => ran(run),
        Action::Kubernetes(kubernetes) => vec![cluster(kubernetes)],
        Action::Http(http) => requested(http),
        Action::Gate(gate) => judged(gate),
        Action::Wait(wait) => vec![match wait {
            Wait::For(t) => format!("Waits {}", time(*t)),
            Wait::UntilTime { time, zone } => format!("Waits until {} ({zone})", time.format("%H:%M")),
            Wait::Until { until, timeout } => {
                let most = timeout.map_or(String::new(), |t| format!(", {} at most", time(t)));
                format!("Waits until {}{most}", condition(until))
            }
        }],
        Action::Notify(notify) => vec![format!("Tells {}: {}", code(&notify.to), said(&notify.text))],
        Action::Call(call) => {
            let target = match &call.target {
                CallTarget::Procedure(name) => format!("the procedure {}", code(name)),
                CallTarget::File { path, procedure: None } => format!("the runbook {}", code(path)),
                CallTarget::File { path, procedure: Some(name) } => format!("{} of {}", code(name), code(path)),
            };
            let with = call.with.iter().map(|(name, v)| format!("{} = {}", code(name), code(&value(v)))).collect::<Vec<_>>();
            let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
            vec![format!("Walks {target}{with}")]
        }
        Action::Parallel(steps) => {
            let mut facts = vec!["Side by side, all end before the walk goes on:".to_owned()];
            facts.extend(steps.iter().map(|s| format!("{}: {}", said(&s.title), line(&s.action))));
            facts
        }
        Action::UndoAll => vec!["Undoes everything done or unknown, last first".to_owned()],
        Action::Freeze { reason } => {
            vec![format!("**Changes:** no new session on this environment until it is unfrozen: {}", said(reason))]
        }
    }
}

fn item(item: &ChecklistItem) -> String {
    let check = item.check.as_ref().map_or(String::new(), |check| format!(", ticks itself while {}", condition(check)));
    let note = if item.note_required { ", wants a note" } else { "" };
    let link = item.link.as_ref().map_or(String::new(), |link| format!(", see {}", code(link.source())));
    format!("[ ] {}{check}{note}{link}", said(&item.text))
}

fn decision(decide: &Decide) -> Vec<String> {
    let mut facts = vec![format!("Asks: {}", said(&decide.question))];
    facts.extend(decide.options.iter().map(|option| {
        let then = match &option.then {
            OptionThen::Continue => "on to the next step".to_owned(),
            OptionThen::Next(step) => format!("on to {}", code(step)),
            OptionThen::Call(name) => format!("runs {}", code(name)),
        };
        let reason = if option.reason_required { ", wants a reason" } else { "" };
        format!("{} {}: {then}{reason}", code(&option.key.value.to_string()), said(&option.label))
    }));
    facts.extend(decide.within.map(|t| {
        let otherwise = decide.otherwise.as_ref().map_or_else(
            || "holds".to_owned(),
            |key| match key.as_str() {
                "hold" => "holds".to_owned(),
                key => format!("chooses {}", code(key)),
            },
        );
        format!("Without an answer within {}: {otherwise}", time(t))
    }));
    facts
}

/// What a reader looks for first: whether something is changed.
fn changes(changes: bool) -> &'static str {
    if changes { "**Changes:**" } else { "Reads:" }
}

fn ran(run: &Run) -> Vec<String> {
    let changes = changes(!run.reads_only);
    let mut facts = vec![match &run.program {
        Program::Command(command) => {
            let words = command.iter().map(|word| word.source().to_owned()).collect::<Vec<_>>().join(" ");
            format!("{changes} runs {}", code(&words))
        }
        Program::Script { script, shell } => {
            let shell = shell.as_ref().map_or_else(|| "/bin/sh -eu".to_owned(), |words| words.join(" "));
            format!("{changes} runs in {}:{}", code(&shell), block(script))
        }
    }];
    if !run.expect.exit.is_empty() {
        let codes = run.expect.exit.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
        facts.push(format!("Good exit codes: {codes}"));
    }
    facts.extend(run.expect.stdout.as_ref().map(|p| format!("Its output must match {}", code(p))));
    facts.extend(run.expect.when.as_ref().map(|when| format!("Good when {}", condition(when))));
    facts.extend(run.sensitive.then(|| "Nothing of its output is kept".to_owned()));
    facts
}

/// A block of code within an item of a list.
fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines = text.trim_end().lines().map(|line| format!("\n  {line}")).collect::<String>();
    format!("\n\n  {fence}sh{lines}\n  {fence}")
}

fn requested(http: &HttpRequest) -> Vec<String> {
    let changes = changes(!matches!(http.method.as_str(), "GET" | "HEAD"));
    let times = if http.times == 1 { String::new() } else { format!(", {} times", http.times) };
    let mut facts = vec![format!("{changes} {} {}{times}", plain(&http.method), code(http.url.source()))];
    facts.extend(http.body.as_ref().map(|body| format!("Sends {}", code(&value(body)))));
    if !http.expect.status.is_empty() {
        let all = http.expect.status.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        facts.push(format!("Good status: {all}"));
    }
    facts.extend(http.expect.json.as_ref().map(|json| format!("The answer has {}", code(&json.to_json().to_string()))));
    facts.extend(http.expect.mean.map(|t| format!("The mean time is under {}", time(t))));
    facts.extend(http.expect.max.map(|t| format!("No answer takes longer than {}", time(t))));
    facts
}

fn judged(gate: &Gate) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(gate.pass.as_ref().map(|pass| {
        let long = gate.hold_for.map_or(String::new(), |t| format!(", without a break for {}", time(t)));
        format!("Passes when {}{long}", condition(pass))
    }));
    facts.extend(gate.fail.as_ref().map(|fail| {
        let times = if gate.failures == 1 { String::new() } else { format!(", {} times running", gate.failures) };
        format!("Fails when {}{times}", condition(fail))
    }));
    facts.extend((!gate.settle.is_zero()).then(|| format!("Does not count the first {}", time(gate.settle))));
    facts.extend(gate.min.iter().map(|(name, least)| format!("Judges only while {} is at least {least}", code(name))));
    facts.extend(gate.every.map(|t| format!("Judged every {}", time(t))));
    facts.push(match gate.no_data {
        NoData::Hold => "Without data: neither, the clock stops".to_owned(),
        NoData::Fail => "Without data: fails".to_owned(),
    });
    facts
}

fn workload(workload: &WorkloadRef) -> String {
    let kind = match workload.kind {
        WorkloadKind::Deployment => "deployment",
        WorkloadKind::StatefulSet => "statefulset",
        WorkloadKind::DaemonSet => "daemonset",
    };
    code(&format!("{kind}/{}", workload.name.source()))
}

fn cluster(kubernetes: &Kubernetes) -> String {
    let what = match kubernetes {
        Kubernetes::SetImage { workload: of, container, image } => {
            format!("sets the image of {}, container {}, to {}", workload(of), code(container.source()), code(image.source()))
        }
        Kubernetes::Apply { file, inline, force } => {
            let what = match (file, inline) {
                (Some(file), _) => code(file),
                (None, Some(inline)) => code(&value(inline)),
                (None, None) => String::new(),
            };
            let force = if *force { ", taking fields over from other managers" } else { "" };
            format!("applies {what}{force}")
        }
        Kubernetes::Patch { resource, patch } => {
            let group = if resource.group.is_empty() { String::new() } else { format!("{}/", resource.group) };
            let object = format!("{group}{}/{}/{}", resource.version, resource.kind, resource.name.source());
            let (kind, body) = match patch {
                PatchBody::Merge(body) => ("merge", body),
                PatchBody::Strategic(body) => ("strategic merge", body),
                PatchBody::Json(body) => ("JSON patch", body),
            };
            format!("patches {} ({kind}) with {}", code(&object), code(&value(body)))
        }
        Kubernetes::Scale { workload: of, replicas } => format!("scales {} to {}", workload(of), code(replicas.source())),
        Kubernetes::RolloutRestart { workload: of } => format!("restarts the pods of {} one by one", workload(of)),
        Kubernetes::RolloutUndo { workload: of, to } => {
            let to = match to {
                UndoTo::SessionStart => "the template found when the session opened".to_owned(),
                UndoTo::Previous => "the revision before".to_owned(),
                UndoTo::Revision(n) => format!("revision {n}"),
            };
            format!("takes {} back to {to}", workload(of))
        }
        Kubernetes::RolloutPause { workload: of } => format!("pauses the rollout of {}", workload(of)),
        Kubernetes::RolloutResume { workload: of } => format!("goes on with the rollout of {}", workload(of)),
        Kubernetes::RolloutStatus { workload: of } => return format!("Reads: waits for the rollout of {}", workload(of)),
        Kubernetes::DeletePod { name: Some(name), .. } => format!("deletes the pod {}", code(name.source())),
        Kubernetes::DeletePod { selector, .. } => {
            format!("deletes the pods of {}", code(selector.as_ref().map_or("", |s| s.source())))
        }
    };
    format!("**Changes:** {what}")
}

/// What a signal watches.
pub(super) fn source(source: &SignalSource) -> String {
    match source {
        SignalSource::Pods { selector } => format!("pods of {}", code(selector.source())),
        SignalSource::Rollout { workload: of } => format!("rollout of {}", workload(of)),
        SignalSource::Resources { selector } => format!("processor and memory of {}", code(selector.source())),
        SignalSource::Events { selector: None } => "events".to_owned(),
        SignalSource::Events { selector: Some(selector) } => format!("events of {}", code(selector.source())),
        SignalSource::Logs { selector, .. } => format!("logs of {}", code(selector.source())),
        SignalSource::Http(check) => format!("answer of {}", code(check.url.source())),
        SignalSource::Prometheus { query } => code(query.source()),
        SignalSource::Command { command, .. } => {
            code(&command.iter().map(|word| word.source().to_owned()).collect::<Vec<_>>().join(" "))
        }
    }
}

/// An environment as items of a list.
pub(super) fn environment(environment: &Environment) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(environment.kubernetes.as_ref().map(|cluster| {
        let context = cluster.context.as_deref().map_or_else(|| "the current context".to_owned(), code);
        let namespace = cluster.namespace.as_deref().map_or(String::new(), |n| format!(", namespace {}", code(n)));
        format!("Cluster: {context}{namespace}")
    }));
    facts.extend(environment.prometheus.as_ref().map(|server| format!("Prometheus: {}", code(server.url.source()))));
    facts.extend(environment.vars.iter().map(|(name, v)| format!("{} is {}", code(name), code(&v.to_string()))));
    facts.extend(environment.protected.then(|| "Protected".to_owned()));
    if let Some(require) = &environment.require {
        facts.extend(require.passed_in.as_ref().map(|name| format!("Wants the same to have completed in {}", plain(name))));
        facts.extend(require.rehearsed_within.map(|t| format!("Wants a rehearsal at most {} ago", time(t))));
        facts.extend(require.notified.map(|t| format!("Wants an announcement at least {} before", time(t))));
    }
    if let Some(window) = &environment.window {
        facts.extend(window.allow.iter().map(|slot| {
            let days = slot.days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("May start {days}, {} to {} ({})", slot.from.format("%H:%M"), slot.to.format("%H:%M"), slot.zone)
        }));
        facts.extend(
            window.freeze.iter().map(|f| format!("Frozen from {} to {} ({}): {}", f.from, f.to, f.zone, plain(&f.reason))),
        );
    }
    if facts.is_empty() {
        facts.push("Nothing of its own".to_owned());
    }
    facts
}
