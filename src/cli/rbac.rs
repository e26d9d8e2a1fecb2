//! `pacenote rbac`: the least Role for a runbook.

use serde_json::{Map, Value, json};

use super::args::RbacArgs;
use super::console::Console;
use super::walk;
use crate::error::{Exit, Problem};
use crate::session::Plan;
use crate::session::needs::{Needs, Object};

/// Prints the Role, with a RoleBinding to fill in.
///
/// # Errors
/// When the runbook has mistakes, or its environment is not named.
pub(super) fn run(console: &mut Console, arguments: &RbacArgs) -> Result<Exit, Problem> {
    let bundle = walk::loaded(&arguments.file)?;
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), arguments.env.as_deref()).map_err(Problem::usage)?;
    let needs = Needs::of(&plan);
    let runbook = plan.runbook();
    let namespace = plan.environment().and_then(|e| e.kubernetes.as_ref()).and_then(|k| k.namespace.clone());
    let name = format!("pacenote-{}", runbook.id.value);
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if let Some(namespace) = namespace {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    console.line(format!("# The least rights to run `{}`. Every right is one that a step, a signal,", runbook.id.value))?;
    console.line("# a secret or the lock of the runbook uses.")?;
    for open in &needs.open {
        console.line(format!("# Not told here, and to be added by you: {open}."))?;
    }
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": needs.rights.iter().map(|(object, verbs)| rule(object, verbs.iter().copied())).collect::<Vec<_>>()});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "WHO-MAY-RUN-IT"}]});
    for document in [role, binding] {
        let text = serde_saphyr::to_string(&document).map_err(|e| Problem::failed(format!("it cannot be written: {e}")))?;
        console.line(format!("---\n{}", text.trim_end()))?;
    }
    Ok(Exit::Done)
}

fn rule<'a>(object: &Object, verbs: impl Iterator<Item = &'a str>) -> Value {
    let mut rule = json!({"apiGroups": [object.group], "resources": [object.resource]});
    if let (Some(name), Some(map)) = (&object.name, rule.as_object_mut()) {
        map.insert("resourceNames".to_owned(), json!([name]));
    }
    if let Some(map) = rule.as_object_mut() {
        map.insert("verbs".to_owned(), verbs.collect());
    }
    rule
}
