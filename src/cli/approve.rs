//! `pacenote approve`: what is asked is read, worked out anew, and signed with one's own key.
//!
//! Runs on the approver's machine and needs nothing of the operator's but the request. What
//! would be done is worked out from the approver's own copy of the runbook and compared
//! with what the request says; a difference ends it. Everything is shown before anything
//! is signed, and nothing but the typed word signs. The answer alone goes to standard
//! output, all else to standard error, so that it can be sent on with a redirection.

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::args::ApproveArgs;
use super::console::Console;
use super::foreign::{self, Page};
use super::{Basis, signing, walk};
use crate::approval::{Answer, hash};
use crate::error::{Exit, Problem};
use crate::redact::{Keep, strip_controls};
use crate::runbook::load::load;
use crate::session::Plan;
use crate::session::approval::{Planned, Request, plan, without_details};
use crate::signature::Signer;

/// A reason longer than this belongs into a ticket.
const LONGEST_REASON: usize = 1_000;
/// A request longer than this is none.
const LONGEST_REQUEST: u64 = 4 << 20;

/// What the approver's own copy of the runbook says.
enum Compared {
    /// The same files, and the same is done.
    Same,
    /// The same files, and the same is done as far as the request says it; it gives no
    /// details, and these are the missing ones.
    Brief(Vec<Planned>),
    /// There is no copy to compare with; why.
    Unknown(String),
}

/// Reads a request, shows it, and signs the answer.
///
/// # Errors
/// When there is nothing that can be approved, or it is not what the approver's runbook
/// says.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &ApproveArgs) -> Result<Exit, Problem> {
    let text = read(&arguments.request)?;
    let request = Request::parse(&text).map_err(|why| {
        Problem::cannot_start(why)
            .at(arguments.request.display())
            .hint("name the file that the session wrote, unchanged: request.json")
    })?;
    let now = Utc::now();
    if let Some(expired) = request.expires().filter(|expires| now >= *expires) {
        return Err(Problem::cannot_start(format!("the request expired at {}", crate::session::time::rfc3339(expired)))
            .hint("the session makes a new one by itself; ask for that"));
    }
    let signer = own_key(basis, &request)?;
    let compared = compare(&request, arguments.runbook.as_deref())?;
    console.note(shown(Page::new(), &request, &text, now));
    console.note(match &compared {
        Compared::Same => "Compared with the runbook you have: the same files, and the same would be done.".to_owned(),
        Compared::Brief(own) => brief(own),
        Compared::Unknown(why) => format!(
            "NOT COMPARED with a runbook of yours ({why}). What is above is what the session says.\n\
             To have it worked out anew here: --runbook FILE"
        ),
    });
    let by = basis.config.principal.value.as_deref();
    let key = signer.public().fingerprint();
    console
        .note(format_args!("\nYou sign as {} with {key}.", by.unwrap_or("whoever the list of allowed signers has this key for")));
    console.note("Type `approve`, or `refuse` and a reason; anything else signs nothing.");
    let failed = |e| Problem::cannot_start(format!("nothing was signed: {e}")).hint("try it by hand: see the README, Approvals");
    let answer = match asked()? {
        Said::Approve => Answer::approve(&signer, by, &text).map_err(failed)?,
        Said::Refuse(reason) => Answer::refuse(&signer, by, &text, &reason).map_err(failed)?,
        Said::Nothing => return Err(Problem::failed("nothing was signed").hint("say `approve` or `refuse REASON`")),
    };
    match &arguments.out {
        None => console.text(&answer.text())?,
        Some(path) => {
            std::fs::write(path, answer.text())
                .map_err(|e| Problem::failed(format!("the answer cannot be written: {e}")).at(path.display()))?;
            console.note(format_args!("The answer is in {}.", path.display()));
        }
    }
    console.note("Give it back to the operator: they press `a` and paste it, or name its file.");
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |e: io::Error| Problem::cannot_start(format!("the request cannot be read: {e}")).at(path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let read = file.take(LONGEST_REQUEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read as u64 > LONGEST_REQUEST {
        return Err(Problem::cannot_start("the request is too long to be one").at(path.display()));
    }
    Ok(text)
}

/// One's own key, where it is not an operator's.
fn own_key(basis: &Basis, request: &Request) -> Result<Signer, Problem> {
    let signer = signing::own_key(basis)?;
    let key = signer.public().fingerprint();
    let principal = basis.config.principal.value.as_deref();
    let own = request.operators.iter().find(|o| Some(o.principal.as_str()) == principal || o.key.as_deref() == Some(&*key));
    match own {
        Some(operator) => Err(Problem::cannot_start(format!("{} operates this session, and you are that", operator.principal))
            .hint("an approval must be somebody else's")),
        None => Ok(signer),
    }
}

/// Works out what would be done from the approver's own files.
fn compare(request: &Request, named: Option<&str>) -> Result<Compared, Problem> {
    let bundle = match (load(named.unwrap_or(&request.runbook)), named) {
        (Ok(bundle), _) => bundle,
        (Err(_), None) => return Ok(Compared::Unknown("no runbook of its name is here".to_owned())),
        (Err(_), Some(file)) => walk::loaded(file)?,
    };
    if bundle.sha256 != request.bundle {
        return match named {
            None => Ok(Compared::Unknown("the one in the library is another".to_owned())),
            Some(file) => Err(Problem::failed("the session runs other files than these").at(file).hint(format!(
                "theirs: {}, yours: {}. One of them is old, or changed; ask which",
                request.bundle, bundle.sha256
            ))),
        };
    }
    let environment = &request.environment.name;
    let own = Plan::new(bundle.root.clone(), bundle.called.clone(), Some(environment)).map_err(|e| e.to_string());
    let own = own.and_then(|own| plan(&Arc::new(own), request));
    match own {
        Ok(own) if own == request.plan => Ok(Compared::Same),
        Ok(own) if without_details(&own) == request.plan => Ok(Compared::Brief(own)),
        Ok(own) => {
            let differs = own.iter().zip(&request.plan).find(|(own, theirs)| own != theirs);
            let what =
                differs.map_or("they have not the same number of steps".to_owned(), |(own, theirs)| difference(own, theirs));
            Err(Problem::failed(format!("the request does not say what would be done: {}", strip_controls(&what, Keep::NOTHING)))
                .hint("do not approve it; ask the operator how it came about"))
        }
        Err(why) => Err(Problem::failed(format!("what would be done cannot be worked out: {why}"))
            .hint("do not approve what you cannot check; ask the operator")),
    }
}

/// What a request of an older version does not tell, from the approver's own files.
fn brief(own: &[Planned]) -> String {
    let mut page = Page::new();
    page.own("Compared with the runbook you have: the same files, and the same would be done as far as the request says it.");
    page.own("It has no details of its steps (scripts, environment, bodies). From the runbook you have:\n");
    for step in own.iter().filter(|step| !step.detail.is_empty()) {
        page.words("  ", &step.path);
        step.detail.iter().for_each(|line| page.words("        ", line));
    }
    page.into_text()
}

/// Where two steps differ, in a sentence.
fn difference(own: &Planned, theirs: &Planned) -> String {
    let line = || {
        let longer = own.detail.len().max(theirs.detail.len());
        let pair = (0..longer).map(|n| (own.detail.get(n), theirs.detail.get(n))).find(|(own, theirs)| own != theirs);
        let said = |line: Option<&String>| line.map_or("nothing".to_owned(), |line| format!("`{line}`"));
        pair.map(|(own, theirs)| (said(own), said(theirs)))
    };
    let (own_says, theirs_say) = if own.does == theirs.does { line() } else { None }
        .unwrap_or_else(|| (format!("`{}`", own.does), format!("`{}`", theirs.does)));
    format!("at {} it would be {own_says}, and the request says {theirs_say}", own.path)
}

/// The request for people, in full. Everything in it is somebody else's words.
fn shown(mut page: Page, request: &Request, text: &str, now: DateTime<Utc>) -> String {
    page.own("An approval is asked for.");
    page.own(foreign::MARKS);
    page.own("");
    facts(&mut page, request, text, now);
    if !request.text.is_empty() {
        page.own("\nWhat you are to read:\n");
        page.block(2, &request.text);
    }
    page.own("\nWhat would be done:\n");
    for step in &request.plan {
        page.words("  ", &step.path);
        page.words("      ", &step.title);
        if let Some(when) = &step.when {
            page.words("      only when: ", when);
        }
        page.words("      does: ", &step.does);
        step.detail.iter().for_each(|line| page.words("        ", line));
    }
    page.own("\nHow it would be rolled back:\n");
    page.words("  ", &request.rollback);
    page.into_text()
}

/// Who asks, where, with what; what is not known is left out.
fn facts(page: &mut Page, request: &Request, text: &str, now: DateTime<Utc>) {
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            page.fact(name, value);
        }
    };
    let known = |value: &Option<String>| value.clone().unwrap_or_default();
    let operators: Vec<String> = request
        .operators
        .iter()
        .map(|o| o.key.as_ref().map_or(o.principal.clone(), |key| format!("{} ({key})", o.principal)))
        .collect();
    fact("asked by", &operators.join(", "));
    fact("runbook", &format!("{} ({})", request.title, request.runbook));
    fact("session", &request.session);
    fact("step", &format!("{} (visit {})", request.path, request.visit));
    fact("needs", &format!("{} of {}", request.min, request.by.join(", ")));
    let left = request.expires().map(|at| (at - now).num_minutes());
    let expires = request.expires.as_ref().zip(left);
    fact("expires", &expires.map_or("never".to_owned(), |(at, left)| format!("{at} (in {left} minutes)")));
    let environment = &request.environment;
    fact("environment", &environment.name);
    fact("protected", if environment.protected { "yes" } else { "no" });
    fact("cluster", &known(&environment.server));
    fact("its CA", &known(&environment.ca_fingerprint));
    fact("namespace", &known(&environment.namespace));
    if let Some(change) = &request.change {
        fact("change", &change.kind);
        change.named().for_each(|(name, value)| fact(name, value));
    }
    for (name, value) in &request.inputs {
        fact("input", &format!("{name} = {value}"));
    }
    fact("secrets", &request.secrets.join(", "));
    fact("files", &request.bundle);
    fact("commit", &known(&request.commit));
    fact("journal", &request.head);
    fact("request", &hash(text));
}

/// What the approver typed.
enum Said {
    Approve,
    Refuse(String),
    Nothing,
}

fn asked() -> Result<Said, Problem> {
    let (word, reason) = signing::typed()?;
    match word.as_str() {
        "approve" if reason.is_empty() => Ok(Said::Approve),
        "refuse" if reason.is_empty() => Err(Problem::usage("a refusal needs a reason: `refuse REASON`")),
        "refuse" if reason.len() > LONGEST_REASON => {
            Err(Problem::usage("the reason is too long; put it into a ticket and name that"))
        }
        "refuse" => Ok(Said::Refuse(reason)),
        _ => Ok(Said::Nothing),
    }
}

#[cfg(test)]
mod tests;
