//! `pacenote config`: what is in force, and from where.

use serde_json::{Value, json};

use super::args::TextOrJson;
use super::console::{Console, Table};
use crate::config::policy::{self, Policy};
use crate::config::{Config, Source};
use crate::error::{Exit, Problem};

/// Prints the settings and the policy.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(console: &mut Console, config: &Config, policy: &Policy, format: TextOrJson) -> Result<Exit, Problem> {
    let rows = rows(config);
    match format {
        TextOrJson::Json => {
            let settings: serde_json::Map<String, Value> = rows
                .into_iter()
                .map(|(name, value, source)| (name.to_owned(), json!({ "value": value, "from": source.to_string() })))
                .collect();
            let policy = json!({ "path": policy::PATH, "sha256": policy.sha256, "rules": policy.rules });
            console.json(&json!({ "settings": settings, "policy": policy }))?;
        }
        TextOrJson::Text => {
            let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
            for (name, value, source) in rows {
                let value = match (name, &value) {
                    // What is used where nobody named one.
                    ("principal", Value::Null) => super::facts::operator(config).principal,
                    _ => shown(&value),
                };
                table.row([name.to_owned(), value, source.to_string()]);
            }
            console.line(table)?;
            console.line("")?;
            match &policy.sha256 {
                None => console.line(format_args!("No policy: {} is not there.", policy::PATH))?,
                Some(sha256) => {
                    console.line(format_args!("Policy {} (SHA-256 {sha256}):", policy::PATH))?;
                    let rules = serde_json::to_value(&policy.rules)
                        .map_err(|e| Problem::cannot_start(format!("the policy cannot be shown: {e}")))?;
                    for (name, rule) in rules.as_object().into_iter().flatten() {
                        console.line(format_args!("  {name}: {}", shown(rule)))?;
                    }
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn rows(config: &Config) -> [(&'static str, Value, &Source); 7] {
    [
        ("principal", json!(config.principal.value), &config.principal.source),
        ("ssh_key", json!(config.ssh_key.value), &config.ssh_key.source),
        ("allowed_signers", json!(config.allowed_signers.value), &config.allowed_signers.source),
        ("theme", json!(config.theme.value), &config.theme.source),
        ("keys", json!(config.keys.value), &config.keys.source),
        ("anchors", json!(config.anchors.value), &config.anchors.source),
        ("state_dir", json!(config.state_dir.value), &config.state_dir.source),
    ]
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Object(map) if map.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map.iter().map(|(k, v)| format!("{k}={}", shown(v))).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
