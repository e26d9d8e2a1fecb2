//! From a step as written to what would be done, worked out to the last argument.
//!
//! Secrets are never looked up here: a secret input becomes a name in a [`SecretText`].
//! What cannot be worked out is [`Unknown`], with the reason; nothing is guessed.

use super::event::EnteredAs;
use super::intent::{
    FreezeRequest, HttpRequest, KubernetesRequest, NotifyRequest, PatchKind, Piece, Purpose, Resource, RunRequest, SecretText,
    UndoTarget, What, Workload,
};
use super::quote::quoted;
use super::secrets;
use super::state::{Context, Effect, Session, Visit};
use super::time::At;
use crate::runbook::Value;
use crate::runbook::expression::{Escape, Part, Scope, Template, Unknown};
use crate::runbook::model::{
    Action, Kubernetes, PatchBody, Program, ResourceRef, Run, TextOrSecret, Undo, UndoTo, WebhookFormat, WorkloadKind,
    WorkloadRef,
};

/// What a visit does.
#[derive(Debug, Clone, Copy)]
pub(super) enum ActionOf<'a> {
    /// An action of the runbook.
    Action(&'a Action),
    /// Putting back what an effect changed.
    Restore(&'a Effect),
    /// Undoing by hand: the runbook does not say how.
    ByHand,
    /// Nothing of its own: a list is walked.
    List,
}

/// What a visit does.
pub(super) fn action_of<'a>(session: &'a Session, visit: &'a Visit) -> ActionOf<'a> {
    let Some(step) = session.step_of(visit) else { return ActionOf::List };
    match visit.kind {
        EnteredAs::Step => ActionOf::Action(&step.action),
        EnteredAs::Undo => match &step.undo {
            // Nothing walks these as an undo; better by hand than never.
            Some(Undo::Action(action)) if matches!(**action, Action::Parallel(_) | Action::UndoAll | Action::Freeze { .. }) => {
                ActionOf::ByHand
            }
            Some(Undo::Action(action)) => ActionOf::Action(action),
            Some(Undo::Restore) => {
                let undone = visit.undoes.as_ref().and_then(|s| session.visit(s));
                let effect = undone.and_then(|v| {
                    let effects = v.effects.iter().filter_map(|e| session.effects.get(e));
                    effects.rev().find(|e| e.intent.purpose == Purpose::Step && e.intent.object.is_some())
                });
                effect.map_or(ActionOf::ByHand, ActionOf::Restore)
            }
            Some(Undo::None(_)) | None => ActionOf::ByHand,
        },
        EnteredAs::ForEach | EnteredAs::Procedure | EnteredAs::Rollback | EnteredAs::Finally => ActionOf::List,
    }
}

/// Whether a visit's effect changes the world.
pub(super) fn visit_changes(session: &Session, visit: &Visit) -> bool {
    match action_of(session, visit) {
        ActionOf::Action(action) => super::plan::changes(action),
        ActionOf::Restore(_) => true,
        ActionOf::ByHand | ActionOf::List => false,
    }
}

/// Whether an effect of a visit needs its object read first.
pub(super) fn needs_preparation(session: &Session, visit: &Visit) -> bool {
    match action_of(session, visit) {
        ActionOf::Action(Action::Kubernetes(k)) => !matches!(k, Kubernetes::RolloutStatus { .. }),
        ActionOf::Restore(_) => true,
        _ => false,
    }
}

/// What the visit's effect would be; `None` for steps without an effect.
pub(super) fn what_of(session: &Session, at: At, visit: &Visit) -> Result<Option<What>, Unknown> {
    match action_of(session, visit) {
        ActionOf::Action(action) => what(session, at, visit, action),
        ActionOf::Restore(effect) => restore(effect).map(Some),
        ActionOf::ByHand | ActionOf::List => Ok(None),
    }
}

/// What an action of a visit would do.
pub(super) fn what(session: &Session, at: At, visit: &Visit, action: &Action) -> Result<Option<What>, Unknown> {
    let file = visit.site.as_ref().map_or("", |site| site.list.file.as_str());
    what_at(session, at, &visit.context, file, action)
}

/// What an action would do at a place, whether or not anybody has come there. `file` is
/// where it is written.
pub(super) fn what_at(
    session: &Session,
    at: At,
    context: &Context,
    file: &str,
    action: &Action,
) -> Result<Option<What>, Unknown> {
    let scope = session.scope(at, context);
    let resolver = Resolver { session, context, scope: &scope, at, file };
    Ok(Some(match action {
        Action::Run(run) => What::Run(resolver.run(run)?),
        Action::Http(http) => {
            let body = http.body.as_ref().map(|b| b.value(&scope)).transpose()?;
            What::Http(HttpRequest {
                method: http.method.clone(),
                url: http.url.render_escaped(&scope, Escape::Url)?,
                headers: resolver.headers(&http.headers)?,
                body: body.map(|b| b.as_str().map_or_else(|| b.to_json().to_string(), str::to_owned)),
                times: http.times.max(1),
            })
        }
        Action::Kubernetes(kubernetes) => What::Kubernetes(resolver.kubernetes(kubernetes)?),
        Action::Notify(notify) => What::Notify(resolver.notify(&notify.to, notify.text.render(&scope)?, session.clock(at))?),
        Action::Freeze { reason } => What::Freeze(FreezeRequest {
            environment: session.opened().environment.name.clone(),
            reason: reason.render(&scope)?,
            by: session.operator.principal.clone(),
        }),
        _ => return Ok(None),
    }))
}

fn restore(effect: &Effect) -> Result<What, Unknown> {
    let object = effect.intent.object.as_ref().ok_or_else(|| Unknown("the object was not read before the change".to_owned()))?;
    let What::Kubernetes(request) = &effect.intent.what else {
        return Err(Unknown("only a change to a cluster can be put back".to_owned()));
    };
    Ok(What::Kubernetes(KubernetesRequest::Restore {
        resource: object.resource.clone(),
        of: Box::new(request.clone()),
        before: object.before.clone(),
    }))
}

/// More replicas than any cluster runs are a mistake in an expression.
const MOST_REPLICAS: u32 = 100_000;

struct Resolver<'a> {
    session: &'a Session,
    context: &'a Context,
    scope: &'a dyn Scope,
    at: At,
    /// The file the step stands in.
    file: &'a str,
}

impl Resolver<'_> {
    fn run(&self, run: &Run) -> Result<RunRequest, Unknown> {
        let (argv, script) = match &run.program {
            Program::Command(args) => (args.iter().map(|a| self.argument(a)).collect::<Result<_, _>>()?, None),
            Program::Script { script, shell } => {
                let shell = shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-eu".to_owned()]);
                (shell, Some(script.value.clone()))
            }
        };
        Ok(RunRequest {
            argv,
            script,
            env: run.env.iter().map(|(k, v)| Ok((k.clone(), self.secret_text(v)?))).collect::<Result<_, Unknown>>()?,
            stdin: run.stdin.as_ref().map(|s| self.secret_text(s)).transpose()?,
            cwd: run.cwd.as_ref().map(|c| c.render(self.scope)).transpose()?,
            interactive: run.interactive,
            sensitive: run.sensitive,
        })
    }

    /// An argument. One that an expression makes begin with `-` would be taken for an
    /// option, so it is refused.
    fn argument(&self, template: &Template) -> Result<String, Unknown> {
        let text = template.render(self.scope)?;
        if text.starts_with('-') && matches!(template.parts().first(), Some(Part::Expr(_))) {
            return Err(Unknown(format!("the argument `{}` would begin with `-` through an expression", template.source())));
        }
        Ok(text)
    }

    fn headers(&self, headers: &[(String, TextOrSecret)]) -> Result<Vec<(String, SecretText)>, Unknown> {
        headers.iter().map(|(k, v)| Ok((k.clone(), self.secret_text(v)?))).collect()
    }

    fn secret_text(&self, text: &TextOrSecret) -> Result<SecretText, Unknown> {
        match text {
            TextOrSecret::Secret(source) => Ok(SecretText(vec![Piece::Secret(secrets::of_source(source))])),
            TextOrSecret::Text(template) => self.pieces(template),
        }
    }

    fn pieces(&self, template: &Template) -> Result<SecretText, Unknown> {
        let mut pieces = Vec::new();
        for part in template.parts() {
            match part {
                Part::Text(text) => pieces.push(Piece::Text(text.clone())),
                Part::Expr(expr) => match secrets::named(self.session, self.context, expr.source()) {
                    Some(name) => pieces.push(Piece::Secret(name)),
                    None => pieces.push(Piece::Text(expr.eval(self.scope)?.to_string())),
                },
            }
        }
        Ok(SecretText(pieces))
    }

    fn workload(&self, workload: &WorkloadRef) -> Result<Workload, Unknown> {
        Ok(Workload { kind: kind_name(workload.kind).to_owned(), name: workload.name.render(self.scope)? })
    }

    fn kubernetes(&self, kubernetes: &Kubernetes) -> Result<KubernetesRequest, Unknown> {
        Ok(match kubernetes {
            Kubernetes::SetImage { workload, container, image } => KubernetesRequest::SetImage {
                workload: self.workload(workload)?,
                container: container.render(self.scope)?,
                image: image.render(self.scope)?,
            },
            Kubernetes::Patch { resource, patch } => {
                let (kind, body) = match patch {
                    PatchBody::Merge(body) => (PatchKind::Merge, body),
                    PatchBody::Strategic(body) => (PatchKind::Strategic, body),
                    PatchBody::Json(body) => (PatchKind::Json, body),
                };
                KubernetesRequest::Patch { resource: self.resource(resource)?, kind, body: body.value(self.scope)? }
            }
            Kubernetes::RolloutUndo { workload, to } => {
                let workload = self.workload(workload)?;
                let to = match to {
                    UndoTo::Previous => UndoTarget::Previous,
                    UndoTo::Revision(revision) => UndoTarget::Revision { revision: *revision },
                    UndoTo::SessionStart => {
                        let pin = self.session.pins.iter().find(|p| p.workload == workload);
                        let pin = pin.ok_or_else(|| Unknown(format!("{workload} was not read when the session opened")))?;
                        UndoTarget::Pinned(Box::new(pin.clone()))
                    }
                };
                KubernetesRequest::RolloutUndo { workload, to }
            }
            Kubernetes::Apply { file: Some(file), force, .. } => {
                let file = super::plan::join(self.file, &file.value);
                KubernetesRequest::Apply { file: Some(file), documents: Vec::new(), force: *force }
            }
            Kubernetes::Apply { inline, force, .. } => {
                let documents = match inline.as_ref().map(|inline| inline.value(self.scope)).transpose()? {
                    Some(Value::List(documents)) => documents,
                    one => one.into_iter().collect(),
                };
                KubernetesRequest::Apply { file: None, documents, force: *force }
            }
            Kubernetes::DeletePod { name: Some(name), .. } => {
                KubernetesRequest::DeletePod { name: name.render(self.scope)?, selector: false }
            }
            Kubernetes::DeletePod { name: None, selector } => {
                let selector = selector.as_ref().map(|selector| selector.render(self.scope)).transpose()?;
                // An empty selector would mean every pod there is.
                let selector = selector.filter(|selector| !selector.trim().is_empty());
                let name = selector.ok_or_else(|| Unknown("the selector of the pods to delete comes out empty".to_owned()))?;
                KubernetesRequest::DeletePod { name, selector: true }
            }
            Kubernetes::RolloutRestart { workload } => {
                // As kubectl writes it: to the second.
                let at = self.at.wall.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                KubernetesRequest::RolloutRestart { workload: self.workload(workload)?, at }
            }
            Kubernetes::RolloutPause { workload } => KubernetesRequest::RolloutPause { workload: self.workload(workload)? },
            Kubernetes::RolloutResume { workload } => KubernetesRequest::RolloutResume { workload: self.workload(workload)? },
            Kubernetes::Scale { workload, replicas } => {
                KubernetesRequest::Scale { workload: self.workload(workload)?, replicas: self.replicas(replicas)? }
            }
            Kubernetes::RolloutStatus { workload } => KubernetesRequest::RolloutStatus { workload: self.workload(workload)? },
        })
    }

    /// A number of replicas; an expression may come out as anything.
    fn replicas(&self, template: &Template) -> Result<u32, Unknown> {
        let text = template.render(self.scope)?;
        let whole = text.trim().parse().ok().filter(|number| *number <= MOST_REPLICAS);
        whole.ok_or_else(|| Unknown(format!("`{}` gives {text:?}, which is no number of replicas", template.source())))
    }

    fn resource(&self, resource: &ResourceRef) -> Result<Resource, Unknown> {
        Ok(Resource {
            group: resource.group.clone(),
            version: resource.version.clone(),
            kind: resource.kind.clone(),
            name: resource.name.render(self.scope)?,
        })
    }

    fn notify(&self, to: &str, text: String, clock_ms: u64) -> Result<NotifyRequest, Unknown> {
        let session = self.session;
        let targets = &session.plan().runbook().notify;
        let target =
            targets.iter().find(|t| t.name.value == to).ok_or_else(|| Unknown(format!("there is no notify target `{to}`")))?;
        Ok(NotifyRequest {
            to: to.to_owned(),
            url: self.secret_text(&target.url)?,
            format: match target.format {
                WebhookFormat::Slack => "slack",
                WebhookFormat::Json => "json",
            }
            .to_owned(),
            headers: self.headers(&target.headers)?,
            text,
            facts: super::announce::facts(session, clock_ms),
        })
    }
}

fn kind_name(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "Deployment",
        WorkloadKind::StatefulSet => "StatefulSet",
        WorkloadKind::DaemonSet => "DaemonSet",
    }
}

/// Text, headers and addresses of things the loop needs resolved outside a step, such as
/// the Prometheus server: secrets by name.
///
/// # Errors
/// When an expression cannot be worked out.
pub fn outside_text(session: &Session, at: At, text: &TextOrSecret) -> Result<SecretText, Unknown> {
    let context = Context::default();
    let scope = session.scope(at, &context);
    Resolver { session, context: &context, scope: &scope, at, file: "" }.secret_text(text)
}

/// A message of the program's own to one of the runbook's targets.
pub(super) fn message(session: &Session, at: At, to: &str, text: String) -> Result<NotifyRequest, Unknown> {
    let context = Context::default();
    let scope = session.scope(at, &context);
    Resolver { session, context: &context, scope: &scope, at, file: "" }.notify(to, text, session.clock(at))
}

/// A template resolved outside a step.
///
/// # Errors
/// When an expression cannot be worked out.
pub fn outside(session: &Session, at: At, template: &Template, escape: Escape) -> Result<String, Unknown> {
    let context = Context::default();
    template.render_escaped(&session.scope(at, &context), escape)
}

/// Every workload whose earlier template a rollback may need, found by reading the plan.
pub(super) fn workloads_to_pin(session: &Session, at: At) -> Vec<Workload> {
    let plan = session.plan();
    let runbook = plan.runbook();
    let steps = runbook.steps.iter().chain(runbook.procedures.iter().flat_map(|p| &p.steps));
    let context = Context::default();
    let scope = session.scope(at, &context);
    let mut found = Vec::new();
    for step in steps {
        let undo = match &step.undo {
            Some(Undo::Action(action)) => Some(&**action),
            _ => None,
        };
        for action in [Some(&step.action), undo].into_iter().flatten() {
            if let Action::Kubernetes(
                Kubernetes::SetImage { workload, .. }
                | Kubernetes::RolloutUndo { workload, .. }
                | Kubernetes::RolloutRestart { workload }
                | Kubernetes::Scale { workload, .. },
            ) = action
                && let Ok(name) = workload.name.render(&scope)
            {
                let workload = Workload { kind: kind_name(workload.kind).to_owned(), name };
                if !found.contains(&workload) {
                    found.push(workload);
                }
            }
        }
    }
    found
}

/// One line for people: what an action would do.
pub(super) fn describe(session: &Session, visit: &Visit, action: &Action) -> String {
    let at = At { wall: session.opened_wall, mono_ms: 0 };
    match what(session, at, visit, action) {
        Ok(Some(what)) => summary(&what),
        Ok(None) => super::plan::action_kind(action).to_owned(),
        Err(Unknown(why)) => format!("{} ({why})", super::plan::action_kind(action)),
    }
}

/// One line for people: what an intent does.
pub fn summary(what: &What) -> String {
    match what {
        What::Run(run) => match &run.script {
            Some(script) => format!("run a script of {} lines with {}", script.lines().count(), quoted(&run.argv)),
            None => format!("run {}", quoted(&run.argv)),
        },
        What::Http(http) if http.times > 1 => format!("{} {} ({} times)", http.method, http.url, http.times),
        What::Http(http) => format!("{} {}", http.method, http.url),
        What::Notify(notify) => format!("tell {}: {}", notify.to, notify.text),
        What::Freeze(freeze) => format!("freeze {}: {}", freeze.environment, freeze.reason),
        What::Kubernetes(request) => match request {
            KubernetesRequest::SetImage { workload, container, image } => {
                format!("set the image of {workload} ({container}) to {image}")
            }
            KubernetesRequest::Patch { resource, kind, body } => {
                let kind = match kind {
                    PatchKind::Merge => "merge",
                    PatchKind::Strategic => "strategic",
                    PatchKind::Json => "JSON",
                };
                format!("patch {resource} ({kind}): {}", body.to_json())
            }
            KubernetesRequest::RolloutUndo { workload, to } => match to {
                UndoTarget::Pinned(pin) => format!("{workload} back to revision {} ({})", pin.revision, pin.images.join(", ")),
                UndoTarget::Previous => format!("{workload} back to the previous revision"),
                UndoTarget::Revision { revision } => format!("{workload} back to revision {revision}"),
            },
            KubernetesRequest::Scale { workload, replicas } => format!("scale {workload} to {replicas} replicas"),
            KubernetesRequest::RolloutRestart { workload, .. } => format!("restart the pods of {workload}"),
            KubernetesRequest::RolloutPause { workload } => format!("pause the rollout of {workload}"),
            KubernetesRequest::RolloutResume { workload } => format!("resume the rollout of {workload}"),
            KubernetesRequest::Apply { force, .. } => {
                let over = if *force { ", taking fields over from their owners" } else { "" };
                format!("apply {}{over}", request.resource())
            }
            KubernetesRequest::DeletePod { name, selector: false } => format!("delete pod {name}"),
            KubernetesRequest::DeletePod { name, selector: true } => format!("delete the pods with {name}"),
            KubernetesRequest::Restore { resource, .. } => format!("put back {resource} as it was before"),
            KubernetesRequest::RolloutStatus { workload } => format!("wait for the rollout of {workload}"),
            KubernetesRequest::Get { resource } => format!("read {resource}"),
        },
    }
}
