//! Which secret a name stands for, where a step is written.
//!
//! A secret has a name in the session and never a value: what is passed on with `with`
//! stays the name of the secret it was at first, through calls of calls. It leaves the
//! value to `secrets`, at the moment one is sent.

use std::collections::BTreeMap;

use super::intent::SecretName;
use super::state::{Context, Session};
use crate::runbook::expression::Part;
use crate::runbook::model::{Action, Call, Input, InputKind, SecretSource, TemplateValue};

/// The secret an expression names, where it is exactly the name of one.
pub(super) fn named(session: &Session, context: &Context, source: &str) -> Option<SecretName> {
    let path: Vec<&str> = source.trim().split('.').collect();
    match path.as_slice() {
        ["inputs", name] => match &context.input_secrets {
            Some(passed) => passed.get(*name).cloned(),
            None => declared(&session.plan().runbook().inputs, name),
        },
        ["with", name] => context.with_secrets.get(*name).cloned(),
        ["steps", id, name] => {
            let visit = session.latest_in(context, id)?;
            match &session.step_of(visit)?.action {
                Action::Input(inputs) => declared(inputs, name),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The secrets that a call passes on, by the names of its parameters.
pub(super) fn passed(session: &Session, context: &Context, call: &Call) -> BTreeMap<String, SecretName> {
    let secret = |value: &TemplateValue| match value {
        TemplateValue::Template(template) => match template.parts() {
            [Part::Expr(expr)] => named(session, context, expr.source()),
            _ => None,
        },
        _ => None,
    };
    call.with.iter().filter_map(|(name, value)| Some((name.value.clone(), secret(value)?))).collect()
}

/// The name of a secret by where it comes from.
pub(super) fn of_source(source: &SecretSource) -> SecretName {
    match source {
        SecretSource::Env(name) => SecretName::Env(name.clone()),
        SecretSource::File(path) => SecretName::File(path.clone()),
        SecretSource::Command(argv) => SecretName::Command(argv.clone()),
        SecretSource::Kubernetes { name, key } => SecretName::Kubernetes { name: name.clone(), key: key.clone() },
    }
}

fn declared(inputs: &[Input], name: &str) -> Option<SecretName> {
    match &inputs.iter().find(|input| input.name.value == name)?.kind {
        InputKind::Secret(Some(source)) => Some(of_source(source)),
        InputKind::Secret(None) => Some(SecretName::Input(name.to_owned())),
        _ => None,
    }
}
