//! What would be done, as the operator reads it before saying yes, and as a command to
//! copy. Nothing is left out of a request: what cannot be shown in words is shown as it
//! will be sent.

use ratatui::text::{Line, Span};

use super::theme::{Depth, Theme, ThemeName};
use crate::session::intent::{KubernetesRequest, PatchKind, Resource, UndoTarget, What};
use crate::session::quote::{quote, quoted};

/// One line: what it does, to what.
pub fn summary(what: &What) -> String {
    match what {
        What::Run(run) if run.script.is_some() => format!("runs a script with {}", run.argv.first().map_or("", String::as_str)),
        What::Run(run) => format!("runs {}", run.argv.first().map_or("", String::as_str)),
        What::Http(http) => format!("{} {}", http.method, http.url),
        What::Notify(notify) => format!("sends a message to {}", notify.to),
        What::Freeze(freeze) => format!("freezes {}: no new session starts there", freeze.environment),
        What::Kubernetes(request) => match request {
            KubernetesRequest::SetImage { workload, .. } => format!("sets the image of {workload}"),
            KubernetesRequest::Patch { resource, .. } => format!("patches {resource}"),
            KubernetesRequest::Scale { workload, replicas } => format!("scales {workload} to {replicas} replicas"),
            KubernetesRequest::RolloutRestart { workload, .. } => format!("restarts the pods of {workload}"),
            KubernetesRequest::RolloutPause { workload } => format!("pauses the rollout of {workload}"),
            KubernetesRequest::RolloutResume { workload } => format!("resumes the rollout of {workload}"),
            KubernetesRequest::Apply { force: true, .. } => format!("applies {}, with force", request.resource()),
            KubernetesRequest::Apply { .. } => format!("applies {}", request.resource()),
            KubernetesRequest::DeletePod { name, selector: false } => format!("deletes pod {name}"),
            KubernetesRequest::DeletePod { name, selector: true } => format!("deletes the pods with {name}"),
            KubernetesRequest::RolloutUndo { workload, to } => format!("takes {workload} back to {}", undo_target(to)),
            KubernetesRequest::Restore { resource, .. } => format!("puts back the fields of {resource}"),
            KubernetesRequest::RolloutStatus { workload } => format!("waits for the rollout of {workload}"),
            KubernetesRequest::Get { resource } => format!("reads {resource}"),
        },
    }
}

/// The whole request as text without styles, line by line.
pub fn text_lines(what: &What) -> Vec<String> {
    lines(what, &Theme::new(ThemeName::None, Depth::Basic)).iter().map(ToString::to_string).collect()
}

/// The whole request, line by line.
pub(super) fn lines(what: &What, theme: &Theme) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let code = |text: String| Line::from(Span::styled(text, theme.code));
    let fact = |name: &str, value: String| {
        Line::from(vec![Span::styled(format!("{name:<11}"), theme.dim), Span::styled(value, theme.code)])
    };
    match what {
        What::Run(run) => {
            out.push(code(format!("$ {}", quoted(&run.argv))));
            if let Some(script) = &run.script {
                out.extend(script.lines().map(|l| code(format!("  {l}"))));
            }
            for (name, value) in &run.env {
                out.push(fact("env", format!("{name}={value}")));
            }
            if let Some(stdin) = &run.stdin {
                out.push(fact("stdin", stdin.to_string()));
            }
            if let Some(cwd) = &run.cwd {
                out.push(fact("in", cwd.clone()));
            }
            if run.interactive {
                out.push(fact("terminal", "it gets this terminal until it ends".into()));
            }
            if run.sensitive {
                out.push(fact("output", "is not kept".into()));
            }
        }
        What::Http(http) => {
            out.push(code(format!("{} {}", http.method, http.url)));
            for (name, value) in &http.headers {
                out.push(fact("header", format!("{name}: {value}")));
            }
            if let Some(body) = &http.body {
                out.extend(body.lines().map(|l| code(format!("  {l}"))));
            }
            if http.times > 1 {
                out.push(fact("times", format!("{}, one after the other", http.times)));
            }
        }
        What::Notify(notify) => {
            out.push(fact("to", notify.to.clone()));
            for (name, value) in &notify.headers {
                out.push(fact("header", format!("{name}: {value}")));
            }
            out.extend(notify.text.lines().map(|l| Line::from(Span::styled(l.to_owned(), theme.text))));
        }
        What::Freeze(freeze) => {
            out.push(fact("freezes", freeze.environment.clone()));
            out.push(fact("reason", freeze.reason.clone()));
        }
        What::Kubernetes(request) => kubernetes(request, &mut out, &fact, &code),
    }
    out
}

fn kubernetes(
    request: &KubernetesRequest,
    out: &mut Vec<Line<'static>>,
    fact: &dyn Fn(&str, String) -> Line<'static>,
    code: &dyn Fn(String) -> Line<'static>,
) {
    let object = request.resource();
    out.push(fact("object", object.to_string()));
    match request {
        KubernetesRequest::SetImage { container, image, .. } => {
            out.push(fact("container", container.clone()));
            out.push(fact("image", image.clone()));
            out.push(fact("then", "waits for the rollout".into()));
        }
        KubernetesRequest::Patch { kind, body, .. } => {
            out.push(fact("patch", patch_kind(*kind).to_owned()));
            match (kind, body.to_json()) {
                // One operation a line reads as the list of changes it is.
                (PatchKind::Json, serde_json::Value::Array(operations)) => {
                    out.extend(operations.iter().map(|o| code(format!("  {o}"))));
                }
                (_, json) => {
                    let json = serde_json::to_string_pretty(&json).unwrap_or_else(|_| body.to_string());
                    out.extend(json.lines().map(|l| code(format!("  {l}"))));
                }
            }
        }
        KubernetesRequest::Scale { replicas, .. } => {
            out.push(fact("replicas", replicas.to_string()));
            out.push(fact("then", "waits for them to be available".into()));
        }
        KubernetesRequest::RolloutRestart { .. } => {
            out.push(fact("does", "has every pod replaced, by the workload's own strategy".into()));
            out.push(fact("then", "waits for the rollout".into()));
        }
        KubernetesRequest::RolloutPause { .. } => {
            out.push(fact("does", "stops the rollout where it is; what is changed meanwhile waits".into()));
        }
        KubernetesRequest::RolloutResume { .. } => {
            out.push(fact("does", "goes on with the rollout".into()));
            out.push(fact("then", "waits for the rollout".into()));
        }
        KubernetesRequest::Apply { file, documents, force } => {
            out.extend(file.iter().map(|file| fact("file", file.clone())));
            for document in documents {
                let json = document.to_json();
                let shown = serde_json::to_string_pretty(&json).unwrap_or_else(|_| json.to_string());
                out.extend(shown.lines().map(|l| code(format!("  {l}"))));
            }
            let over = if *force {
                "the field manager pacenote; fields of others are TAKEN OVER, those shown below"
            } else {
                "the field manager pacenote; fields of others are not taken over"
            };
            out.push(fact("as", over.into()));
            out.push(fact("then", "waits for the rollouts of the workloads in it".into()));
        }
        KubernetesRequest::DeletePod { .. } => {
            out.push(fact("does", "deletes the pods listed, by their uids, and no others".into()));
            out.push(fact("then", "waits until they are gone".into()));
        }
        KubernetesRequest::RolloutUndo { to, .. } => {
            out.push(fact("back to", undo_target(to)));
            out.push(fact("then", "waits for the rollout".into()));
        }
        KubernetesRequest::Restore { of, .. } => {
            out.push(fact("restores", format!("what this changed: {}", summary(&What::Kubernetes((**of).clone())))));
        }
        KubernetesRequest::RolloutStatus { .. } => out.push(fact("does", "waits for the rollout; only reads".into())),
        KubernetesRequest::Get { .. } => out.push(fact("does", "only reads".into())),
    }
}

fn undo_target(to: &UndoTarget) -> String {
    match to {
        UndoTarget::Pinned(pinned) => {
            format!("rev {} ({}), as found when the session opened", pinned.revision, pinned.images.join(", "))
        }
        UndoTarget::Previous => "the revision before".into(),
        UndoTarget::Revision { revision } => format!("revision {revision}"),
    }
}

fn patch_kind(kind: PatchKind) -> &'static str {
    match kind {
        PatchKind::Merge => "merge (RFC 7386)",
        PatchKind::Strategic => "strategic merge",
        PatchKind::Json => "JSON patch (RFC 6902)",
    }
}

/// The request as a command to copy into a shell; secrets stand by name. `target` is
/// `context/namespace`.
pub(super) fn as_text(what: &What, target: Option<&str>) -> String {
    match what {
        What::Run(run) => {
            let env: String = run.env.iter().map(|(name, value)| format!("{name}={} ", quote(&value.to_string()))).collect();
            match &run.script {
                Some(script) => format!("{env}{} <<'SCRIPT'\n{script}\nSCRIPT", quoted(&run.argv)),
                None => format!("{env}{}", quoted(&run.argv)),
            }
        }
        What::Http(http) => {
            let mut out = format!("curl -X {} {}", quote(&http.method), quote(&http.url));
            for (name, value) in &http.headers {
                out.push_str(&format!(" -H {}", quote(&format!("{name}: {value}"))));
            }
            if let Some(body) = &http.body {
                out.push_str(&format!(" --data-raw {}", quote(body)));
            }
            out
        }
        What::Notify(notify) => notify.text.clone(),
        What::Freeze(freeze) => {
            format!("pacenote freeze {} --reason {}", quote(&freeze.environment), quote(&freeze.reason))
        }
        What::Kubernetes(request) => kubectl(request, target),
    }
}

fn kubectl(request: &KubernetesRequest, target: Option<&str>) -> String {
    let at = match target.and_then(|t| t.rsplit_once('/')) {
        Some((context, namespace)) => format!(" --context {} -n {}", quote(context), quote(namespace)),
        None => String::new(),
    };
    let named = |resource: &Resource| {
        let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
        quote(&format!("{}{group}/{}", resource.kind.to_lowercase(), resource.name))
    };
    match request {
        KubernetesRequest::SetImage { workload, container, image } => {
            format!("kubectl{at} set image {workload} {}", quote(&format!("{container}={image}")))
        }
        KubernetesRequest::Patch { resource, kind, body } => {
            let kind = match kind {
                PatchKind::Merge => "merge",
                PatchKind::Strategic => "strategic",
                PatchKind::Json => "json",
            };
            format!("kubectl{at} patch {} --type={kind} -p {}", named(resource), quote(&body.to_json().to_string()))
        }
        KubernetesRequest::Scale { workload, replicas } => format!("kubectl{at} scale {workload} --replicas={replicas}"),
        KubernetesRequest::RolloutRestart { workload, .. } => format!("kubectl{at} rollout restart {workload}"),
        KubernetesRequest::RolloutPause { workload } => format!("kubectl{at} rollout pause {workload}"),
        KubernetesRequest::RolloutResume { workload } => format!("kubectl{at} rollout resume {workload}"),
        KubernetesRequest::Apply { file: Some(file), force, .. } => {
            format!("kubectl{at} apply --server-side --field-manager=pacenote{} -f {}", forced(*force), quote(file))
        }
        KubernetesRequest::Apply { file: None, documents, force } => {
            let documents: Vec<String> = documents.iter().map(|document| document.to_json().to_string()).collect();
            let all = documents.join("\n---\n");
            let forced = forced(*force);
            format!("kubectl{at} apply --server-side --field-manager=pacenote{forced} -f - <<'DOCUMENTS'\n{all}\nDOCUMENTS")
        }
        KubernetesRequest::DeletePod { name, selector: false } => format!("kubectl{at} delete pod {}", quote(name)),
        KubernetesRequest::DeletePod { name, selector: true } => format!("kubectl{at} delete pod -l {}", quote(name)),
        KubernetesRequest::RolloutUndo { workload, to } => match to {
            UndoTarget::Pinned(pinned) => {
                format!("kubectl{at} rollout undo {workload} --to-revision={}", pinned.revision)
            }
            UndoTarget::Previous => format!("kubectl{at} rollout undo {workload}"),
            UndoTarget::Revision { revision } => format!("kubectl{at} rollout undo {workload} --to-revision={revision}"),
        },
        KubernetesRequest::Restore { resource, before, .. } => {
            format!("# put back what was changed in {}; as it was before:\n{before}", named(resource))
        }
        KubernetesRequest::RolloutStatus { workload } => format!("kubectl{at} rollout status {workload}"),
        KubernetesRequest::Get { resource } => format!("kubectl{at} get {} -o yaml", named(resource)),
    }
}

fn forced(force: bool) -> &'static str {
    if force { " --force-conflicts" } else { "" }
}

/// The lines of a diff, in colour; the sign at the front says the same.
pub(super) fn diff(text: &str, theme: &Theme) -> Vec<Line<'static>> {
    text.lines()
        .map(|line| {
            let style = match line.chars().next() {
                Some('+') => theme.added,
                Some('-') => theme.removed,
                _ => theme.dim,
            };
            Line::from(Span::styled(line.to_owned(), style))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_can_be_copied_as_kubectl() {
        let request = KubernetesRequest::Patch {
            resource: Resource {
                group: "networking.istio.io".into(),
                version: "v1".into(),
                kind: "VirtualService".into(),
                name: "checkout".into(),
            },
            kind: PatchKind::Merge,
            body: crate::runbook::Value::from_json(&serde_json::json!({"spec": {"weight": 10}})),
        };
        assert_eq!(
            as_text(&What::Kubernetes(request), Some("prod-eu/shop")),
            r#"kubectl --context prod-eu -n shop patch virtualservice.networking.istio.io/checkout --type=merge -p '{"spec":{"weight":10}}'"#
        );
    }
}
