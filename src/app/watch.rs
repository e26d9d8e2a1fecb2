//! The runbook's signals, worked out to the last address, for `signals`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::live::BaselineSpan;
use crate::runbook::expression::{Escape, Template, Unknown};
use crate::runbook::model::{HttpCheck, Signal, SignalSource, TextOrSecret, Unit, WorkloadKind};
use crate::session::intent::{Piece, SecretName};
use crate::session::resolve::{outside, outside_text};
use crate::session::{At, Session};
use crate::signals::{Header, HttpTarget, PrometheusQuery, ResolvedSignal, ResolvedSource, Workload};

/// What secrets of headers are worth, and how fast the session's time passes.
#[derive(Default)]
pub struct Headers {
    /// Values by name; a header whose secret is not here is left out.
    pub secrets: BTreeMap<SecretName, String>,
    /// Seconds of the session in one second.
    pub pace: f64,
}

/// The secrets that headers of signals need.
pub fn secrets_needed(session: &Session, at: At) -> Vec<SecretName> {
    let mut needed = Vec::new();
    for (_, text) in all_headers(session) {
        if let Ok(text) = outside_text(session, at, text) {
            needed.extend(text.0.into_iter().filter_map(|p| match p {
                Piece::Secret(name) => Some(name),
                Piece::Text(_) => None,
            }));
        }
    }
    needed
}

fn all_headers(session: &Session) -> impl Iterator<Item = &(String, TextOrSecret)> {
    let prometheus = session.plan().environment().and_then(|e| e.prometheus.as_ref());
    let checks = session.plan().runbook().signals.iter().filter_map(|s| match &s.source {
        SignalSource::Http(check) => Some(&check.headers),
        _ => None,
    });
    prometheus.into_iter().map(|p| &p.headers).chain(checks).flatten()
}

/// All signals, resolved.
///
/// # Errors
/// A sentence that names the signal that cannot be worked out.
pub fn resolve(session: &Session, at: At, headers: &Headers) -> Result<Vec<ResolvedSignal>, String> {
    let one = |signal: &Signal| {
        let source = source(session, at, headers, signal).map_err(|Unknown(why)| format!("signal `{}`: {why}", signal.name))?;
        Ok(ResolvedSignal {
            name: signal.name.value.clone(),
            title: signal.title.clone().unwrap_or_else(|| signal.name.value.replace('_', " ")),
            every: signal.every.unwrap_or(default_every(&signal.source)),
            timeout: signal.timeout.unwrap_or(Duration::from_secs(5)),
            window: signal.window.unwrap_or(Duration::from_secs(30 * 60)),
            unit: unit(signal.unit.as_ref()),
            warn: signal.warn,
            critical: signal.critical,
            baseline: signal.baseline.map(|b| BaselineSpan {
                window_ms: crate::session::millis(b.window),
                offset_ms: crate::session::millis(b.offset),
            }),
            empty: signal.empty,
            pace: if headers.pace > 0.0 { headers.pace } else { 1.0 },
            source,
        })
    };
    session.plan().runbook().signals.iter().map(one).collect()
}

fn default_every(source: &SignalSource) -> Duration {
    match source {
        SignalSource::Prometheus { .. } | SignalSource::Resources { .. } => Duration::from_secs(15),
        _ => Duration::from_secs(10),
    }
}

fn source(session: &Session, at: At, headers: &Headers, signal: &Signal) -> Result<ResolvedSource, Unknown> {
    let text = |template: &Template, escape| outside(session, at, template, escape);
    match &signal.source {
        SignalSource::Pods { selector } => Ok(ResolvedSource::Pods { selector: text(selector, Escape::Plain)? }),
        SignalSource::Http(check) => http(session, at, headers, check).map(ResolvedSource::Http),
        SignalSource::Prometheus { query } => {
            let target = session.plan().environment().and_then(|e| e.prometheus.as_ref());
            let target = target.ok_or_else(|| Unknown("the environment names no `prometheus`".to_owned()))?;
            Ok(ResolvedSource::Prometheus(PrometheusQuery {
                url: text(&target.url, Escape::Url)?,
                headers: fill(session, at, headers, &target.headers)?,
                query: text(query, Escape::Promql)?,
            }))
        }
        SignalSource::Rollout { workload } => Ok(ResolvedSource::Rollout {
            workload: match workload.kind {
                WorkloadKind::Deployment => Workload::Deployment,
                WorkloadKind::StatefulSet => Workload::StatefulSet,
                WorkloadKind::DaemonSet => Workload::DaemonSet,
            },
            name: text(&workload.name, Escape::Plain)?,
        }),
        SignalSource::Resources { selector } => Ok(ResolvedSource::Resources { selector: text(selector, Escape::Plain)? }),
        SignalSource::Events { selector } => {
            Ok(ResolvedSource::Events { selector: selector.as_ref().map(|selector| text(selector, Escape::Plain)).transpose()? })
        }
        SignalSource::Logs { selector, container } => {
            Ok(ResolvedSource::Logs { selector: text(selector, Escape::Plain)?, container: container.clone() })
        }
        SignalSource::Command { command, value } => Ok(ResolvedSource::Command {
            command: command.iter().map(|part| text(part, Escape::Plain)).collect::<Result<_, _>>()?,
            value: value.clone(),
        }),
    }
}

fn http(session: &Session, at: At, headers: &Headers, check: &HttpCheck) -> Result<HttpTarget, Unknown> {
    let limits = [check.expect.mean, check.expect.max];
    Ok(HttpTarget {
        url: outside(session, at, &check.url, Escape::Url)?,
        method: check.method.clone().unwrap_or_else(|| "GET".to_owned()),
        headers: fill(session, at, headers, &check.headers)?,
        status: check.expect.status.clone(),
        json: check.expect.json.as_ref().map(crate::runbook::Value::to_json),
        max: limits.into_iter().flatten().min(),
    })
}

/// Headers with their secrets; one whose secret is not known is left out, and the source
/// then says what it thinks of that.
fn fill(session: &Session, at: At, known: &Headers, headers: &[(String, TextOrSecret)]) -> Result<Vec<Header>, Unknown> {
    let mut filled = Vec::new();
    for (name, text) in headers {
        let pieces = outside_text(session, at, text)?;
        let secret = pieces.0.iter().any(|p| matches!(p, Piece::Secret(_)));
        let value: Option<String> = pieces
            .0
            .iter()
            .map(|p| match p {
                Piece::Text(text) => Some(text.clone()),
                Piece::Secret(name) => known.secrets.get(name).cloned(),
            })
            .collect();
        filled.extend(value.map(|value| Header { name: name.clone(), value, secret }));
    }
    Ok(filled)
}

fn unit(unit: Option<&Unit>) -> String {
    unit.map(Unit::sign).unwrap_or_default().to_owned()
}
