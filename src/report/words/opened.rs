//! The first record of a session, and that of going on with it: who, where, with what.

use crate::session::event::{ChangeRecord, EnvironmentRecord, Mode, Opened, Operator, Origin, Resumed, Tool};

/// The facts of `session.opened`, one a line.
pub(super) fn opened(opened: &Opened) -> Vec<String> {
    let mode = match opened.mode {
        Mode::Live => "LIVE",
        Mode::DryRun => "DRY RUN",
        Mode::Rehearsal => "REHEARSAL",
    };
    let environment = &opened.environment;
    let place = if environment.name.is_empty() { String::new() } else { format!(" on {}", environment.name) };
    let protected = if environment.protected { " (protected)" } else { "" };
    let mut lines = vec![format!("OPENED {} ({})  {mode}{place}{protected}", opened.title, opened.runbook)];
    let mut fact = |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("{name:<12}{value}")));
    fact("operator", Some(operator(&opened.operator)));
    fact("attended", (!opened.attended).then(|| "no, by an answers file".to_owned()));
    fact("from", Some(origin(&opened.origin)));
    fact("tool", Some(tool(&opened.tool)));
    let bundle = &opened.bundle;
    let commit = bundle.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let dirty = if bundle.dirty { " with uncommitted changes" } else { "" };
    let files = if bundle.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", bundle.files.len()) };
    fact("bundle", Some(format!("{} ({files}{commit}{dirty})", bundle.sha256)));
    fact("rolls back", opened.rolls_back.as_ref().map(|old| format!("session {}, head {}", old.session, old.head)));
    fact("trusted", opened.trusted_unseen.then(|| "unseen, by --trust".to_owned()));
    fact("emergency", opened.emergency.clone());
    fact("change", opened.change.as_ref().map(change));
    fact("cluster", cluster(environment));
    fact("window", opened.window.clone());
    opened.evidence.iter().for_each(|met| fact("evidence", Some(met.clone())));
    fact("lock", opened.lock.clone());
    let clock = match opened.clock.synchronised {
        Some(true) => "synchronised",
        Some(false) => "NOT synchronised",
        None => "not known whether synchronised",
    };
    fact("clock", Some(clock.to_owned()));
    fact("scenario", opened.scenario.as_ref().map(|s| format!("{}, seed {}", s.name, s.seed)));
    fact("rollback", Some(opened.rollback.clone()).filter(|rollback| !rollback.is_empty()));
    for (name, value) in &opened.inputs {
        fact("input", Some(format!("{name} = {value}")));
    }
    for name in &opened.secrets {
        fact("input", Some(format!("{name} = (secret)")));
    }
    lines
}

/// The facts of `session.resumed`.
pub(super) fn resumed(resumed: &Resumed) -> Vec<String> {
    let mut lines = vec![
        format!("RESUMED by {}", operator(&resumed.operator)),
        format!("{:<12}{}", "from", origin(&resumed.origin)),
        format!("{:<12}{}", "tool", tool(&resumed.tool)),
    ];
    lines.extend(resumed.accept_loss.as_ref().map(|reason| format!("{:<12}records are missing: {reason}", "loss")));
    lines
}

pub(in crate::report) fn operator(operator: &Operator) -> String {
    let key = operator.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
    format!("{} (login {}, uid {}{key})", operator.principal, operator.os_user, operator.uid)
}

pub(in crate::report) fn origin(origin: &Origin) -> String {
    let tty = origin.tty.as_ref().map(|tty| format!(", {tty}")).unwrap_or_default();
    let ssh = origin.ssh_client.as_ref().map(|ssh| format!(", over SSH from {ssh}")).unwrap_or_default();
    format!("{}{tty}{ssh}", origin.host)
}

pub(in crate::report) fn tool(tool: &Tool) -> String {
    format!("pacenote {}, SHA-256 {}", tool.version, tool.sha256.as_deref().unwrap_or("not known"))
}

fn change(change: &ChangeRecord) -> String {
    let details: String = change.named().map(|(name, value)| format!(", {name} {value}")).collect();
    format!("{}{details}", change.kind)
}

pub(in crate::report) fn cluster(environment: &EnvironmentRecord) -> Option<String> {
    let named = [
        ("context", &environment.context),
        ("namespace", &environment.namespace),
        ("server", &environment.server),
        ("CA", &environment.ca_fingerprint),
    ];
    let parts: Vec<String> = named.iter().filter_map(|(name, v)| v.as_ref().map(|v| format!("{name} {v}"))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
