//! `pacenote preflight`: can this runbook be run from here, now.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::args::{PreflightArgs, TextOrJson, WalkArgs};
use super::console::Console;
use super::walk;
use super::{Basis, demands};
use crate::app::entry::Neighbourhood;
use crate::app::opening::{Entered, Opening};
use crate::app::preflight::{self, Around, Line, Verdict};
use crate::app::{self, watch};
use crate::clock::Clock;
use crate::error::{Exit, Problem};
use crate::inputs;
use crate::redact::{Keep, Redactor, strip_controls};
use crate::secrets::Secrets;
use crate::session::event::Mode;
use crate::session::{At, Plan, Session};

/// The id that requests are made under; no session has it.
const SID: &str = "preflight";

/// Asks, and prints a line for each answer.
///
/// # Errors
/// When the questions cannot even be asked.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &PreflightArgs) -> Result<Exit, Problem> {
    let bundle = walk::loaded(&arguments.file)?;
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), arguments.start.env.as_deref()).map_err(Problem::usage)?;
    let state = basis.state()?;
    let accepted = walk::accept(basis, &state, &bundle, arguments.trust, &WalkArgs { plain: true, ..WalkArgs::default() })?;
    let gathered = inputs::gather(&bundle.root.inputs, &arguments.start.inputs, &BTreeMap::new());
    if let Some(problem) = gathered.problems.first() {
        return Err(Problem::usage(format!("input `{}`: {}", problem.name, problem.message)));
    }
    let mut lines: Vec<Line> = plan
        .unsupported()
        .into_iter()
        .map(|u| Line { about: u.place, verdict: Verdict::Fail, found: u.why, next: None, never_asked: false })
        .collect();
    lines.extend(gathered.missing.iter().map(|name| Line {
        about: format!("input {name}"),
        verdict: Verdict::Warn,
        found: "is not given; what needs it cannot be judged".to_owned(),
        next: Some(format!("--input {name}=VALUE")),
        never_asked: false,
    }));
    let folder = walk::folder_of(&arguments.file);
    let runtime = walk::runtime()?;
    lines.extend(runtime.block_on(async {
        let clock = Clock::real();
        let (cluster, trouble) = match walk::connect(basis, &plan, SID, true).await {
            Ok(cluster) => (cluster, None),
            Err(problem) => (None, Some(problem.what().to_owned())),
        };
        let opening = Opening {
            environment: demands::environment(basis, &plan, cluster.as_ref()),
            mode: Mode::Live,
            attended: true,
            who: walk::who(basis, &state, Path::new(&arguments.file)),
            bundle: app::bundle_record(&bundle),
            inputs: gathered.values,
            secrets: gathered.secrets.into_iter().map(|s| s.name).collect(),
            emergency: None,
            trusted_unseen: accepted.trusted_unseen(),
            scenario: None,
            policy: basis.policy.sha256.clone(),
            entered: Entered::default(),
            signers: None,
            ledger_head: None,
            sealer: None,
            old: None,
            plan: Arc::new(plan),
        };
        let draft = opening.draft(SID, clock.now()).map_err(|why| Problem::usage(why).hint("give its inputs with --input"))?;
        let secrets = Secrets::new(&accepted, folder.clone(), Redactor::new());
        let secrets = app::cluster_secrets::from_cluster(secrets, cluster.as_ref());
        let headers = headers(&draft, &secrets, clock.now()).await;
        let trust = demands::trust(basis, state.path(), clock.now().wall)?;
        let neighbours = Neighbourhood { state: state.clone(), cluster: cluster.clone(), http: walk::door(basis), trust };
        let around = Around {
            draft: &draft,
            clock,
            cluster: trouble.map_or(Ok(cluster.as_ref()), Err),
            http: walk::door(basis),
            neighbours: &neighbours,
            folder: &folder,
            headers,
        };
        Ok::<_, Problem>(preflight::ask(&around).await)
    })?);
    runtime.shutdown_background();
    match arguments.format {
        TextOrJson::Json => console.json(&lines)?,
        TextOrJson::Text => text(console, &lines)?,
    }
    let failed = lines.iter().any(|line| line.verdict == Verdict::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// The secrets that signals' headers need. One that cannot be had has a line of its own.
pub(super) async fn headers(draft: &Session, secrets: &Secrets, at: At) -> watch::Headers {
    let mut headers = watch::Headers { pace: 1.0, ..watch::Headers::default() };
    for name in watch::secrets_needed(draft, at) {
        if let Ok(value) = secrets.resolve(&name).await {
            headers.secrets.insert(name, value.expose().to_owned());
        }
    }
    headers
}

/// The lines as text, each with what to do about it.
pub(super) fn rendered(lines: &[Line]) -> Vec<String> {
    let width = lines.iter().map(|line| line.about.chars().count()).max().unwrap_or(0).min(32);
    // Much of it comes from servers.
    let clean = |text: &str| strip_controls(text, Keep::NOTHING);
    let of_line = |line: &Line| {
        let first = format!("{}  {:width$}  {}", word(line.verdict), clean(&line.about), clean(&line.found));
        let next = line.next.as_ref().map(|next| format!("      {:width$}  next: {next}", ""));
        std::iter::once(first).chain(next)
    };
    lines.iter().flat_map(of_line).collect()
}

/// A verdict in four letters.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "????",
    }
}

/// How many lines say what.
pub(super) fn counted(lines: &[Line]) -> String {
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    let (failed, unknown, warned) = (count(Verdict::Fail), count(Verdict::Unknown), count(Verdict::Warn));
    format!("{failed} failed, {unknown} unknown, {warned} to look at, {} passed", count(Verdict::Pass))
}

fn text(console: &mut Console, lines: &[Line]) -> Result<(), Problem> {
    for line in rendered(lines) {
        console.line(line)?;
    }
    console.line(format!("\n{}", counted(lines)))
}
