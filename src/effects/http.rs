//! HTTP requests, one or several one after the other.

use std::time::Duration;

use bytes::Bytes;

use super::Commands;
use super::context::{Context, Stage, millis, uncertain};
use super::secret::{Filled, fill, redacted};
use super::text::{clean_text, shortened};
use crate::ports::{HttpAnswer, HttpCall, HttpFailure};
use crate::session::event::Outcome;
use crate::session::intent::{HttpRequest, Intent, SecretText};
use crate::session::message::EffectReport;

/// One exchange may take so long where the intent names no limit.
const EXCHANGE: Duration = Duration::from_secs(30);
/// So much of an answer's body is read.
const BODY: usize = 1 << 20;

/// Sends the requests; the last answer is the one reported, and the times are of all.
pub(super) async fn run(intent: &Intent, request: &HttpRequest, context: &Context) -> EffectReport {
    let (headers, carries_secret) = match filled_headers(&request.headers, context).await {
        Ok(filled) => filled,
        Err(why) => return context.not_begun(why),
    };
    let call = HttpCall {
        method: request.method.clone(),
        url: request.url.clone(),
        headers,
        carries_secret,
        body: request.body.clone().map(Bytes::from),
        timeout: exchange_limit(intent),
        limit: BODY,
    };
    let mut times = Vec::new();
    let mut last = None;
    for turn in 1..=request.times.max(1) {
        if request.times > 1 {
            context.progress(format!("request {turn} of {}", request.times)).await;
        }
        match exchange(intent, call.clone(), context).await {
            Ok(answer) => {
                times.push(answer.took);
                last = Some(answer);
            }
            Err(report) => return *report,
        }
    }
    let Some(answer) = last else { return context.not_begun("no request was sent") };
    answered(intent, &answer, &times, context)
}

/// An exchange is limited by the effect's own limit, so that the failure names it.
pub(super) fn exchange_limit(intent: &Intent) -> Duration {
    intent.timeout_ms.map_or(EXCHANGE, Duration::from_millis)
}

/// Headers with their secrets, and whether there are any.
pub(super) async fn filled_headers(
    headers: &[(String, SecretText)],
    context: &Context,
) -> Result<(Vec<(String, String)>, bool), String> {
    let mut all = Vec::new();
    let mut any = false;
    for (name, value) in headers {
        let Filled { text, carries_secret } = fill(value, context).await?;
        any |= carries_secret;
        all.push((name.clone(), text));
    }
    Ok((all, any))
}

/// Sends one request, and says what it means when no answer comes.
pub(super) async fn exchange(intent: &Intent, call: HttpCall, context: &Context) -> Result<HttpAnswer, Box<EffectReport>> {
    let before = context.known().stage;
    context.note(|known| known.stage = Stage::Sent);
    let sent = match scripted(intent, context).await {
        Some(answer) => Ok(answer),
        None => context.ports.http.send(call).await,
    };
    let failure = match sent {
        Ok(answer) if intent.changes && matches!(answer.status, 502 | 504) => {
            let why = format!("a gateway answered {} for the service, which may have acted all the same", answer.status);
            return Err(Box::new(EffectReport { status: Some(answer.status), ..uncertain(intent, &why) }));
        }
        Ok(answer) => {
            context.note(|known| known.stage = if intent.changes { Stage::Accepted } else { Stage::Before });
            return Ok(answer);
        }
        Err(failure) => failure,
    };
    let why = redacted(&failure.to_string(), context);
    Err(Box::new(match failure {
        _ if failure.before_sending() && before == Stage::Before => context.not_begun(format!("{why}; nothing was sent")),
        _ if failure.before_sending() => {
            context.report(Outcome::Failed, Some(true), format!("{why}; earlier requests were answered"))
        }
        HttpFailure::TooLarge(_) => context.report(Outcome::Failed, intent.changes.then_some(true), why),
        _ if intent.changes => uncertain(intent, &format!("{why}; the request went out, so it may have had its effect")),
        _ => uncertain(intent, &why),
    }))
}

/// What a rehearsal's scenario answers in the place of the service.
async fn scripted(intent: &Intent, context: &Context) -> Option<HttpAnswer> {
    let Commands::Scripted(script) = &context.ports.commands else { return None };
    let answer = script.response(intent)?;
    tokio::time::sleep(answer.takes).await;
    Some(HttpAnswer { status: answer.status, content_type: None, body: answer.body.into(), took: answer.takes })
}

fn answered(intent: &Intent, answer: &HttpAnswer, times: &[Duration], context: &Context) -> EffectReport {
    let total: Duration = times.iter().sum();
    let mean = total / u32::try_from(times.len()).unwrap_or(u32::MAX).max(1);
    let longest = times.iter().max().copied().unwrap_or_default();
    let body = redacted(&clean_text(&String::from_utf8_lossy(&answer.body)), context);
    let changed = match answer.status {
        _ if !intent.changes => Some(false),
        200..=299 => Some(true),
        _ => None,
    };
    let message = if times.len() > 1 {
        format!("{} answers, the last {}; mean {} ms, longest {} ms", times.len(), answer.status, millis(mean), millis(longest))
    } else {
        format!("answered {} in {} ms{}", answer.status, millis(longest), said(answer.status, &body))
    };
    let mut report = context.report(Outcome::Succeeded, changed, message);
    report.status = Some(answer.status);
    report.times_ms = Some((millis(mean), millis(longest)));
    report.took_ms = millis(total);
    report.stdout = body;
    report
}

/// What a refusing answer said, short.
pub(super) fn said(status: u16, body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if status < 400 || line.is_empty() { String::new() } else { format!(": {}", shortened(&line, 200)) }
}
