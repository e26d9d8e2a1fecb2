//! Where secrets go: `env`, `stdin` and headers, and nowhere else.

use super::super::diagnostic::Collector;
use super::super::expression::Part;
use super::super::model::{Action, Input, Runbook, TemplateValue};
use super::super::span::Span;
use super::scope::{Around, holds_secret};
use super::uses::Place;

/// Whether a path leads to a secret.
pub(super) fn is_secret(runbook: &Runbook, around: &Around, path: &[String]) -> bool {
    let secret = |inputs: &[Input], name: &str| inputs.iter().any(|i| i.name.value == name && holds_secret(i));
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["inputs", name, ..] => secret(&runbook.inputs, name),
        ["with", name, ..] => around.params.is_some_and(|params| secret(params, name)),
        ["steps", id, name, ..] => around.list.iter().any(|s| match &s.action {
            Action::Input(inputs) => s.id.value == *id && secret(inputs, name),
            _ => false,
        }),
        _ => false,
    }
}

/// Reports a secret that would be shown or kept.
pub(super) fn report(diagnostics: &mut Collector, span: Span, name: &str, place: Place) {
    diagnostics
        .error("secret-here", span, format!("`{name}` is a secret and cannot go into {}", place.describe()))
        .hint("a secret goes into `env`, `stdin` or a header; whether it was given is asked with `has(…)`");
}

/// Whether a value is exactly one secret, as it must be to stay one when it is passed on.
pub(super) fn passes_secret(runbook: &Runbook, around: &Around, value: &TemplateValue) -> bool {
    let TemplateValue::Template(template) = value else { return false };
    let [Part::Expr(expr)] = template.parts() else { return false };
    matches!(expr.references(), [reference] if expr.source() == reference.to_string() && is_secret(runbook, around, &reference.path))
}
