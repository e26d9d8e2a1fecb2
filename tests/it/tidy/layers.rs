//! Which module may use which: the table of ARCHITECTURE.md, kept true.

use super::source::Source;

/// What a module may use of ours, and which crates and parts of std it never names.
struct Layer {
    module: &'static str,
    uses: &'static [&'static str],
    never: &'static [&'static str],
}

const SCREEN: [&str; 2] = ["ratatui", "crossterm"];
const NETWORK: [&str; 7] = ["kube", "k8s_openapi", "reqwest", "axum", "tower", "std::net::TcpStream", "std::net::TcpListener"];
/// What would make a pure module impure.
const WORLD: [&str; 9] = [
    "tokio",
    "rustix",
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "std::time::SystemTime",
    "std::time::Instant",
    "chrono::Local",
];

const LAYERS: &[Layer] = &[
    Layer { module: "runbook", uses: &[], never: &["tokio", "std::process", "std::thread", "std::time::SystemTime"] },
    Layer { module: "session", uses: &["runbook", "inputs"], never: &WORLD },
    Layer { module: "journal", uses: &["session", "runbook", "clock", "redact", "signature", "approval"], never: &[] },
    Layer { module: "signature", uses: &["subprocess"], never: &["tokio", "std::net"] },
    Layer { module: "approval", uses: &["session", "signature"], never: &WORLD },
    Layer { module: "outputs", uses: &["journal", "effects", "session", "redact"], never: &["tokio"] },
    Layer { module: "state", uses: &["journal", "session", "signature"], never: &["tokio"] },
    Layer { module: "live", uses: &["session", "runbook"], never: &WORLD },
    Layer { module: "ports", uses: &["redact"], never: &[] },
    Layer { module: "signals", uses: &["session", "runbook", "live", "ports", "redact"], never: &[] },
    Layer { module: "coordination", uses: &["session", "journal", "ports"], never: &[] },
    Layer {
        module: "effects",
        uses: &["session", "runbook", "live", "ports", "redact", "journal", "supervise", "coordination"],
        never: &[],
    },
    Layer { module: "supervise", uses: &["redact"], never: &[] },
    Layer { module: "world", uses: &["runbook"], never: &["reqwest"] },
    Layer { module: "tui", uses: &["session", "live", "runbook", "inputs"], never: &WORLD },
    Layer {
        module: "report",
        uses: &["session", "journal", "runbook", "redact", "approval"],
        never: &[
            "tokio",
            "rustix",
            "std::process",
            "std::thread",
            "std::env",
            "std::time::SystemTime",
            "std::time::Instant",
            "chrono::Local",
        ],
    },
    Layer { module: "replay", uses: &["session", "journal", "live", "runbook", "report", "redact"], never: &WORLD },
    Layer { module: "redact", uses: &[], never: &WORLD },
    Layer { module: "clock", uses: &["session"], never: &["std::fs", "std::process"] },
    Layer { module: "terminal", uses: &["tui"], never: &["kube", "reqwest"] },
    Layer { module: "plain", uses: &["session", "live", "runbook", "inputs", "redact", "tui"], never: &WORLD },
    Layer { module: "inputs", uses: &["runbook"], never: &WORLD },
    Layer { module: "authoring", uses: &["runbook"], never: &WORLD },
    Layer { module: "secrets", uses: &["runbook", "session", "effects", "redact", "subprocess"], never: &[] },
    Layer { module: "config", uses: &[], never: &["tokio", "std::process", "std::thread"] },
    Layer { module: "subprocess", uses: &[], never: &["tokio", "std::fs"] },
    Layer { module: "error", uses: &[], never: &["tokio", "std::fs"] },
    Layer { module: "app", uses: &["*"], never: &[] },
];

/// Modules that may talk to a network, and those that may draw.
const ON_THE_NETWORK: [&str; 6] = ["ports", "signals", "coordination", "effects", "world", "app"];
const ON_THE_SCREEN: [&str; 3] = ["tui", "terminal", "app"];

/// Effects take a durable intent and nothing else of the journal.
const ONLY_DURABLE: &str = "crate::journal::Durable";

/// What a file uses and must not.
pub(super) fn check(source: &Source) -> Vec<String> {
    let Some(module) = source.path.strip_prefix("src/").map(|p| p.split(['/', '.']).next().unwrap_or(p)) else {
        return Vec::new();
    };
    if ["lib", "main", "cli"].contains(&module) {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.module == module) else {
        return vec![format!("{}:1: the module `{module}` is not in the table of layers", source.path)];
    };
    let place = |at: usize| format!("{}:{}", source.path, source.line(at));
    let depth = source.path.matches('/').count();
    let mut found = Vec::new();
    for (at, path) in source.paths().into_iter().filter(|(at, _)| !source.is_test(*at)) {
        let mut parts = path.split("::");
        let root = parts.next().unwrap_or("");
        if root == "super" && path.split("::").take_while(|part| *part == "super").count() >= depth {
            found.push(format!("{}: `{path}` leaves the module; write it from `crate::`", place(at)));
        }
        if root == "crate" {
            let used = parts.next().unwrap_or("");
            if used != module && !layer.uses.contains(&"*") && !layer.uses.contains(&used) {
                found.push(format!("{}: `{module}` may not use `{used}`: {}", place(at), table(layer)));
            }
            if module == "effects" && used == "journal" && path != ONLY_DURABLE {
                found.push(format!("{}: `{module}` may use {ONLY_DURABLE} only, not {path}", place(at)));
            }
        }
        if let Some(never) = forbidden(layer).find(|never| within(&path, never)) {
            found.push(format!("{}: `{module}` never names `{never}`", place(at)));
        }
    }
    found
}

fn forbidden(layer: &Layer) -> impl Iterator<Item = &'static str> {
    let network = if ON_THE_NETWORK.contains(&layer.module) { &[][..] } else { &NETWORK[..] };
    let screen = if ON_THE_SCREEN.contains(&layer.module) { &[][..] } else { &SCREEN[..] };
    layer.never.iter().chain(network).chain(screen).copied()
}

fn within(path: &str, forbidden: &str) -> bool {
    path.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn table(layer: &Layer) -> String {
    if layer.uses.is_empty() { "it may use nothing of ours".to_owned() } else { format!("it may use {}", layer.uses.join(", ")) }
}

#[test]
fn what_a_layer_may_not_use_is_found() {
    let cases = [
        ("src/session/next.rs", "use crate::journal::Writer;", "may not use `journal`"),
        ("src/session.rs", "use std::{fmt, time::{Duration, SystemTime}};", "never names `std::time::SystemTime`"),
        ("src/session/a/b.rs", "fn f() { super::super::super::cli::main() }", "leaves the module"),
        ("src/tui/screen.rs", "fn f() { tokio::spawn(x); }", "never names `tokio`"),
        ("src/journal/writer.rs", "use kube::Client;", "never names `kube`"),
        ("src/signals.rs", "use crate::{live, tui};", "may not use `tui`"),
        ("src/effects/run.rs", "use crate::journal::Writer;", "may use crate::journal::Durable only"),
        ("src/nobody.rs", "", "not in the table"),
    ];
    for (path, text, expected) in cases {
        let found = check(&Source::new(path, text));
        assert!(found.iter().any(|line| line.contains(expected)), "{path}: {text}: {found:?}");
    }
    let good = [
        ("src/session/next.rs", "use crate::runbook::Value; use super::event::Event;"),
        ("src/effects/run.rs", "use crate::journal::Durable;"),
        ("src/tui/screen.rs", "#[cfg(test)]\nmod tests { use crate::journal::Writer; }"),
        ("src/cli/run.rs", "use crate::journal::Writer; use tokio::runtime;"),
    ];
    for (path, text) in good {
        assert_eq!(check(&Source::new(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
}
