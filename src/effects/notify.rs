//! Messages to webhooks.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::http::{exchange, exchange_limit, filled_headers, said};
use super::secret::{fill, redacted};
use super::text::clean_text;
use crate::ports::HttpCall;
use crate::session::event::Outcome;
use crate::session::intent::{Intent, NotifyRequest};
use crate::session::message::EffectReport;

/// Sends the message once.
pub(super) async fn run(intent: &Intent, request: &NotifyRequest, context: &Context) -> EffectReport {
    let url = match fill(&request.url, context).await {
        Ok(url) => url,
        Err(why) => return context.not_begun(why),
    };
    let (mut headers, secret_header) = match filled_headers(&request.headers, context).await {
        Ok(filled) => filled,
        Err(why) => return context.not_begun(why),
    };
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("Content-Type".into(), "application/json".into()));
    }
    let call = HttpCall {
        method: "POST".into(),
        url: url.text,
        headers,
        carries_secret: url.carries_secret || secret_header,
        body: Some(redacted(&body(request).to_string(), context).into()),
        timeout: exchange_limit(intent),
        limit: 64 << 10,
    };
    let answer = match exchange(intent, call, context).await {
        Ok(answer) => answer,
        Err(report) => return *report,
    };
    let good = (200..300).contains(&answer.status);
    let text = redacted(&clean_text(&String::from_utf8_lossy(&answer.body)), context);
    let mut report = if good {
        context.report(Outcome::Succeeded, Some(true), format!("{} was told", request.to))
    } else {
        let why = format!("{} was not told: its webhook answered {}{}", request.to, answer.status, said(answer.status, &text));
        context.report(Outcome::Failed, Some(false), why)
    };
    report.status = Some(answer.status);
    report.stdout = text;
    report
}

fn body(request: &NotifyRequest) -> Value {
    let text = harmless(&request.text);
    if request.format != "json" {
        return json!({ "text": format!("{text}{}", standing(request)) });
    }
    let facts: Map<String, Value> = request.facts.iter().map(|(name, value)| (name.clone(), harmless(value).into())).collect();
    json!({ "text": text, "facts": facts })
}

/// Where the journal stands, below a message of the program's own: whoever gets it can
/// tell later whether the journal is still the same.
fn standing(request: &NotifyRequest) -> String {
    let fact = |wanted: &str| request.facts.iter().find(|(name, _)| name == wanted).map(|(_, value)| harmless(value));
    match (fact("event"), fact("session"), fact("record"), fact("head")) {
        (Some(_), Some(session), Some(record), Some(head)) => {
            format!("\nSession {session}, journal record {record}, head {head}")
        }
        _ => String::new(),
    }
}

/// A message must not call a whole channel out of bed because a value in it says so:
/// mentions keep their letters and lose their power.
fn harmless(text: &str) -> String {
    let text = clean_text(text).replace("<!", "< !").replace("<@", "< @").replace("<#", "< #");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        if ["here", "channel", "everyone", "all", "group"].iter().any(|word| starts_with_word(rest, word)) {
            out.push(' ');
        }
    }
    out.push_str(rest);
    out
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && !text.get(word.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::intent::SecretText;

    fn request(format: &str, text: &str) -> NotifyRequest {
        NotifyRequest {
            to: "deploys".into(),
            url: SecretText::plain("https://hooks.example.com/x"),
            format: format.into(),
            headers: Vec::new(),
            text: text.into(),
            facts: vec![("outcome".into(), "completed <!channel>".into())],
        }
    }

    #[test]
    fn mentions_lose_their_power() {
        let cases = [
            ("<!channel> look", "< !channel> look"),
            ("hi @here", "hi @ here"),
            ("hi @HERE!", "hi @ HERE!"),
            ("<@U123|bob>", "< @U123|bob>"),
            ("alice@hereford.example.com", "alice@hereford.example.com"),
            ("@everyone and @channel", "@ everyone and @ channel"),
            ("red \u{1b}[31malert\u{1b}[0m\n", "red alert\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(body(&request("slack", text)), json!({ "text": expected }), "{text:?}");
        }
    }

    #[test]
    fn json_has_the_facts_in_fields() {
        let body = body(&request("json", "done"));
        assert_eq!(body, json!({ "text": "done", "facts": { "outcome": "completed < !channel>" } }));
    }
}
