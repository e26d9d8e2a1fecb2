//! Cluster steps.

use super::super::expression::Template;
use super::super::model::{Kubernetes, PatchBody, ResourceRef, TemplateValue, UndoTo, WorkloadKind, WorkloadRef};
use super::super::span::Span;
use super::super::tree::{Kind, Node};
use super::field::{Fields, Lower};
use super::shape::{self, words};

impl Lower<'_> {
    pub(super) fn kubernetes(&mut self, node: &Node) -> Option<Kubernetes> {
        let fields = self.fields(node, shape::KUBERNETES)?;
        let entry = self.one_of(&fields, shape::KUBERNETES.keys, "something to do")?;
        let node = &entry.value;
        match entry.key.as_str() {
            "set_image" => {
                let fields = self.fields(node, shape::SET_IMAGE)?;
                let workload = self.workload(&fields);
                let (container, image) = (self.template(fields.get("container")), self.template(fields.get("image")));
                Some(Kubernetes::SetImage { workload: workload?, container: container?, image: image? })
            }
            "apply" => self.apply(node),
            "patch" => self.patch(node),
            "scale" => {
                let fields = self.fields(node, shape::SCALE)?;
                let workload = self.workload(&fields);
                let replicas = self.replicas(fields.get("replicas"));
                Some(Kubernetes::Scale { workload: workload?, replicas: replicas? })
            }
            "rollout_restart" => Some(Kubernetes::RolloutRestart { workload: self.rollout(node, shape::ROLLOUT)? }),
            "rollout_undo" => {
                let fields = self.fields(node, shape::ROLLOUT_UNDO)?;
                let workload = self.workload(&fields);
                let to = match fields.get("to") {
                    Some(to) => self.undo_to(to),
                    None => Some(UndoTo::SessionStart),
                };
                Some(Kubernetes::RolloutUndo { workload: workload?, to: to? })
            }
            "rollout_pause" => Some(Kubernetes::RolloutPause { workload: self.rollout(node, shape::ROLLOUT_DEPLOYMENT)? }),
            "rollout_resume" => Some(Kubernetes::RolloutResume { workload: self.rollout(node, shape::ROLLOUT_DEPLOYMENT)? }),
            "rollout_status" => Some(Kubernetes::RolloutStatus { workload: self.rollout(node, shape::ROLLOUT)? }),
            _ => self.delete_pod(node),
        }
    }

    fn rollout(&mut self, node: &Node, shape: shape::Shape) -> Option<WorkloadRef> {
        let fields = self.fields(node, shape)?;
        self.workload(&fields)
    }

    /// `deployment: NAME`, `statefulset: NAME` or `daemonset: NAME`.
    fn workload(&mut self, fields: &Fields) -> Option<WorkloadRef> {
        let keys: Vec<&str> = shape::WORKLOADS.iter().copied().filter(|k| fields.shape.keys.contains(k)).collect();
        // A workload of the wrong kind is reported already: as an unknown key, or a missing one.
        let wrong_kind =
            fields.entries.iter().any(|e| shape::WORKLOADS.contains(&e.key.as_str()) && !keys.contains(&e.key.as_str()));
        if wrong_kind || (fields.shape.required.contains(&"deployment") && fields.entry("deployment").is_none()) {
            return None;
        }
        let entry = self.one_of(fields, &keys, "a workload")?;
        let kind = match entry.key.as_str() {
            "deployment" => WorkloadKind::Deployment,
            "statefulset" => WorkloadKind::StatefulSet,
            _ => WorkloadKind::DaemonSet,
        };
        Some(WorkloadRef { kind, name: self.template(Some(&entry.value))? })
    }

    /// A number, or an expression that gives one.
    fn replicas(&mut self, node: Option<&Node>) -> Option<Template> {
        let template = self.word_template(node)?;
        if template.is_literal() {
            self.whole(node, 0, 100_000)?;
        }
        Some(template)
    }

    fn undo_to(&mut self, node: &Node) -> Option<UndoTo> {
        if matches!(node.kind, Kind::Map(_)) {
            let fields = self.fields(node, shape::REVISION)?;
            return self.whole(fields.get("revision"), 1, u32::MAX).map(|n| UndoTo::Revision(n.into()));
        }
        let word = self.word_of(Some(node), &["session-start", "previous"])?;
        Some(if word == 0 { UndoTo::SessionStart } else { UndoTo::Previous })
    }

    /// `apply: ./file.yaml`, or `{file, inline, force}`.
    fn apply(&mut self, node: &Node) -> Option<Kubernetes> {
        if !matches!(node.kind, Kind::Map(_)) {
            let file = self.spanned(Some(node))?;
            return Some(Kubernetes::Apply { file: Some(file), inline: None, force: false });
        }
        let fields = self.fields(node, shape::APPLY)?;
        let entry = self.one_of(&fields, &["file", "inline"], "something to apply")?;
        let force = self.flag(fields.get("force"));
        if entry.key == "file" {
            return Some(Kubernetes::Apply { file: Some(self.spanned(Some(&entry.value))?), inline: None, force });
        }
        if !matches!(entry.value.kind, Kind::Map(_) | Kind::List(_)) {
            return self.wrong_type(&entry.value, "`inline` is an object or a list of objects");
        }
        Some(Kubernetes::Apply { file: None, inline: Some(self.template_value(&entry.value)?), force })
    }

    fn patch(&mut self, node: &Node) -> Option<Kubernetes> {
        let fields = self.fields(node, shape::PATCH)?;
        let resource = fields.get("resource").and_then(|n| self.resource(n));
        let entry = self.one_of(&fields, &["merge", "strategic", "json"], "a patch")?;
        let body = if entry.key == "json" {
            self.json_patch(&entry.value);
            PatchBody::Json(self.template_value(&entry.value)?)
        } else {
            if !matches!(entry.value.kind, Kind::Map(_)) {
                return self.wrong_type(&entry.value, "this patch is a mapping");
            }
            let body: TemplateValue = self.template_value(&entry.value)?;
            if entry.key == "merge" { PatchBody::Merge(body) } else { PatchBody::Strategic(body) }
        };
        Some(Kubernetes::Patch { resource: resource?, patch: body })
    }

    /// The operations of a JSON patch, RFC 6902.
    fn json_patch(&mut self, node: &Node) {
        let Some(items) = self.list(node, "a JSON patch") else { return };
        self.not_empty(items, node, "the patch");
        for item in items {
            let Some(fields) = self.fields(item, shape::JSON_PATCH) else { continue };
            let op = self.word_of(fields.get("op"), words::PATCH_OP).map(|i| words::PATCH_OP[i]);
            for key in ["path", "from"] {
                if let Some(node) = fields.get(key)
                    && let Some(path) = self.template(Some(node))
                    && !path.source().starts_with('/')
                {
                    self.diagnostics
                        .error("bad-pointer", node.span, format!("`{key}` begins with `/`"))
                        .hint("for instance `/spec/replicas`; a `/` within a name is `~1`");
                }
            }
            let needed = match op {
                Some("add" | "replace" | "test") => "value",
                Some("move" | "copy") => "from",
                _ => continue,
            };
            if fields.entry(needed).is_none() {
                let span = fields.get("op").map_or(item.span, |n| n.span);
                self.diagnostics.error("missing-key", span, format!("`{}` needs `{needed}`", op.unwrap_or_default()));
            }
        }
    }

    /// `group/version/Kind/name`, or `version/Kind/name` in the core group.
    fn resource(&mut self, node: &Node) -> Option<ResourceRef> {
        let scalar = self.text_node(node)?;
        let text = &scalar.text;
        let fixed = text.get(..text.find("${{").unwrap_or(text.len())).unwrap_or_default();
        let slashes: Vec<usize> = fixed.match_indices('/').map(|(i, _)| i).collect();
        let parts: Vec<&str> = fixed.split('/').collect();
        let named = slashes.last().is_some_and(|last| last + 1 < text.len());
        let (group, version, kind) = match parts.as_slice() {
            [version, kind, _] if named => ("", *version, *kind),
            [group, version, kind, _] if named => (*group, *version, *kind),
            _ => ("", "", ""),
        };
        let is_version = version.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
        let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_version || !is_kind || (parts.len() == 4 && group.is_empty()) {
            self.diagnostics.error("bad-resource", node.span, format!("`{text}` does not name an object")).hint(
                "`group/version/Kind/name`, for instance `apps/v1/Deployment/checkout`; `v1/ConfigMap/flags` in the core group",
            );
            return None;
        }
        let skip = slashes.last().map_or(0, |last| last + 1);
        let map = node.text_map(self.source);
        let span = Span { end: node.span.end, ..map.span(text, skip..text.len()) };
        let name = Template::parse_mapped(text.get(skip..).unwrap_or_default(), span, &map.from_offset(text, skip));
        match name {
            Ok(name) => Some(ResourceRef { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned(), name }),
            Err(error) => {
                self.diagnostics.error("bad-expression", node.span, error.message).maybe_hint(error.hint);
                None
            }
        }
    }

    fn delete_pod(&mut self, node: &Node) -> Option<Kubernetes> {
        let fields = self.fields(node, shape::DELETE_POD)?;
        let entry = self.one_of(&fields, shape::DELETE_POD.keys, "a pod")?;
        if entry.key == "name" {
            return Some(Kubernetes::DeletePod { name: Some(self.template(Some(&entry.value))?), selector: None });
        }
        Some(Kubernetes::DeletePod { name: None, selector: Some(self.selector(Some(&entry.value))?) })
    }
}
