//! A session as one HTML file: read on any machine, printed, and checked without network.
//!
//! The page holds everything it shows and the journal's own bytes. Its policy
//! (`Content-Security-Policy`) forbids everything but its one style sheet and its one
//! script, both named by hash: nothing can be fetched, and no script that came in with
//! the data could run even if it got past the escaping. The script recomputes the chain
//! from the embedded bytes and says what that does not prove.
//!
//! The same journal gives the same page: no clock is read.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::audit::audit;
use super::chart::{self, Mark, Span};
use super::markup::Markup;
use super::seals;
use super::story::{SignalFacts, Story};
use super::words::took;
use crate::journal::format::sha256;
use crate::session::Event;
use crate::session::event::{EnteredAs, Mode};
use crate::session::time::rfc3339;

mod events;
mod timeline;

pub(super) const STYLE: &str = include_str!("../../assets/report/report.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");

/// A longer journal is left out of the page, which would be too large to be opened; the
/// page then says so and has no button.
const MOST_EMBEDDED: usize = 64 << 20;

/// Marks above this number would cover the charts; the timeline has all of them.
const MOST_MARKS: usize = 60;

/// The page.
pub fn html(story: &Story) -> String {
    let marks = marks(story);
    let mut out = Markup::default();
    head(&mut out, story);
    out.raw("<body><main>");
    banners(&mut out, story);
    title(&mut out, story);
    verify(&mut out, story);
    summary(&mut out, story);
    charts(&mut out, story, &marks);
    events::decisions(&mut out, story);
    events::deviations(&mut out, story);
    events::approvals(&mut out, story);
    events::reviews(&mut out, story);
    events::judgements(&mut out, story);
    events::changes(&mut out, story);
    events::notes(&mut out, story);
    timeline::steps(&mut out, story);
    timeline::records(&mut out, story);
    timeline::files(&mut out, story);
    out.put("<footer>Made by pacenote ", super::VERSION, " from the journal alone. Times are UTC.</footer>");
    out.raw("</main>");
    if is_embedded(story) {
        out.put("<script type=\"application/octet-stream\" id=journal>", packed(&story.raw), "</script>");
        out.raw("<script>").raw(SCRIPT).raw("</script>");
    }
    out.raw("</body></html>\n");
    out.into_string()
}

fn is_embedded(story: &Story) -> bool {
    story.raw.len() <= MOST_EMBEDDED
}

/// A source for the policy: the hash of an inline style or script.
pub(super) fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(sha256(text.as_bytes())))
}

fn head(out: &mut Markup, story: &Story) {
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        source(SCRIPT),
        source(STYLE)
    );
    out.raw("<!doctype html><html lang=en><head><meta charset=utf-8>");
    // Hashes need their apostrophes; in an attribute they may as well be escaped.
    out.put("<meta http-equiv=\"Content-Security-Policy\" content=\"", policy, "\">");
    out.raw("<meta name=viewport content=\"width=device-width\"><meta name=referrer content=no-referrer>");
    out.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    out.put("<title>", format_args!("{} – {}", heading(story), story.outcome()), "</title>");
    out.raw("<style>").raw(STYLE).raw("</style></head>");
}

fn heading(story: &Story) -> &str {
    story.opened.as_ref().map_or("A journal that cannot be read", |(_, opened)| opened.title.as_str())
}

fn banners(out: &mut Markup, story: &Story) {
    for flaw in &story.flaws {
        out.raw(if flaw.severe { "<p class=\"banner severe\" role=alert>" } else { "<p class=banner>" });
        out.sentence(&flaw.text).raw("</p>");
    }
}

fn title(out: &mut Markup, story: &Story) {
    out.raw("<header>");
    out.put("<h1>", heading(story), "</h1>");
    let good = story.outcome() == "completed";
    out.raw(if good { "<p class=facts><span class=\"badge good\">" } else { "<p class=facts><span class=\"badge bad\">" });
    out.text(story.outcome()).raw("</span>");
    if let Some((at, opened)) = &story.opened {
        let mode = match opened.mode {
            Mode::Live => "LIVE",
            Mode::DryRun => "DRY RUN",
            Mode::Rehearsal => "REHEARSAL",
        };
        out.put(" <span class=badge>", mode, "</span>");
        if !opened.environment.name.is_empty() {
            out.put(" <span class=badge>", &opened.environment.name, "</span>");
        }
        out.maybe(" <span class=badge>", opened.change.as_ref().and_then(|change| change.ticket.as_ref()), "</span>");
        out.put(" ", &opened.operator.principal, "");
        out.put(", ", at.format("%Y-%m-%d %H:%M:%S"), " UTC");
    }
    if let Some((_, closed)) = &story.closed {
        out.put(", ", took(closed.took_ms), "");
        out.maybe("</p><p class=facts>", closed.reason.as_ref(), "");
    }
    out.put("</p><p class=dim>", &story.sid, "</p></header>");
}

fn verify(out: &mut Markup, story: &Story) {
    out.raw("<section id=check><h2>Is this record intact?</h2>");
    out.put("<p>The journal has ", story.records, " records. ");
    out.put("The hash of its last line, its <b>head</b>: <code id=head>", &story.head, "</code></p>");
    out.put("<p>SHA-256 of the whole file: <code id=whole>", &story.sha256, "</code></p>");
    sealed(out, story);
    if !is_embedded(story) {
        out.put("<p class=missing>The journal has ", story.raw.len(), " bytes and is too large to be within this page: ");
        out.raw("take the pack (<code>pacenote export --format pack</code>) and <code>pacenote verify</code>.</p></section>");
        return;
    }
    out.raw(
        "<p class=screen><button id=run-check type=button>Verify</button> <button id=save-journal type=button>Save journal.jsonl</button></p>\
         <p id=verdict role=status></p><noscript><p>Scripts are off; use <code>pacenote verify</code>.</p></noscript>\
         <p>The button works out the chain of hashes anew from the journal within this page, in this browser and without network. \
         It <b>cannot prove</b>:</p><ul>\
         <li>who recorded it: the button judges no signature and knows no list of keys. What stands above about seals was found by the \
         program that made this page, with the list of keys of whoever made it;</li>\
         <li>that the text of this page is what the journal says: whoever can change the page can change the button too;</li>\
         <li>that the whole journal was not replaced: compare the head with where it was shown at the time (ticket, chat, ledger);</li>\
         <li>that the files of long outputs are unchanged: this page has only their beginnings;</li>\
         <li>that what was recorded is true.</li></ul>\
         <p>For these, save the journal, or take the pack (<code>pacenote export --format pack</code>), and run \
         <code>pacenote verify</code> with your own list of trusted keys.</p></section>",
    );
}

/// Who sealed it, and what that is worth.
fn sealed(out: &mut Markup, story: &Story) {
    let good = seals::judged(story).is_some_and(|judged| judged.found.code == 0);
    out.raw(if good { "<p id=seals class=good><b>" } else { "<p id=seals class=missing><b>" })
        .text(seals::verdict(story))
        .raw("</b></p>");
    out.maybe("<p>", seals::basis(story), "</p>");
    let all = seals::seals(story);
    if !all.is_empty() {
        out.raw(
            "<table class=seals><thead><tr><th>records<th>from<th>seal<th>signer<th>key<th>whose<th>verdict</tr></thead><tbody>",
        );
        for seal in all {
            out.put("<tr><td>", seal.records(), "</td><td>").put("", seal.at.format("%Y-%m-%d %H:%M:%S"), "</td>");
            out.put("<td>", seal.purpose(), "</td>").put("<td>", &seal.signer, "</td>");
            out.put("<td><code>", &seal.key, "</code></td>").put("<td>", seal.whose(), "</td>");
            out.put("<td>", seal.verdict(), "</td></tr>");
        }
        out.raw("</tbody></table>");
    }
    out.maybe("<p>Anchored: ", seals::anchor(story), "</p>");
    for warning in seals::warnings(story) {
        out.raw("<p class=missing>Warning: ").sentence(warning).raw("</p>");
    }
    for missing in seals::missing(story) {
        out.raw("<p class=missing>Missing: ").sentence(missing).raw("</p>");
    }
}

fn summary(out: &mut Markup, story: &Story) {
    out.raw("<section><h2>What an auditor asks</h2><table class=audit><tbody>");
    for item in audit(story) {
        out.put("<tr><th scope=row>", item.question, "</th><td>");
        for fact in &item.facts {
            out.put("<p>", fact, "</p>");
        }
        if let Some(missing) = &item.missing {
            out.raw("<p class=missing>Missing: ").sentence(missing).raw("</p>");
        }
        out.raw("</td></tr>");
    }
    out.raw("</tbody></table></section>");
}

/// What changed something, tripped or was decided: marked in all charts.
fn marks(story: &Story) -> Vec<(Mark, String)> {
    let marked = story.each(|event| match event {
        Event::EffectIntended(intent) if intent.changes => {
            Some(("change", format!("{}: {}", intent.path, crate::session::resolve::summary(&intent.what))))
        }
        Event::GuardTripped(guard) => Some(("guard", format!("guard {} tripped", guard.guard))),
        Event::StepEntered(entered) if entered.kind == EnteredAs::Rollback => Some(("rollback", "rollback entered".to_owned())),
        Event::DecisionMade(decision) => {
            let label = if decision.label.is_empty() { &decision.choice } else { &decision.label };
            let about = decision.path.as_ref().map(|path| path.as_str()).or(decision.guard.as_deref()).unwrap_or("the session");
            Some(("decision", format!("decided about {about}: {label}")))
        }
        _ => None,
    });
    let numbered = marked.zip(1..).take(MOST_MARKS);
    numbered.map(|((moment, (kind, text)), number)| (Mark { at: moment.ts, kind, number }, text)).collect()
}

fn charts(out: &mut Markup, story: &Story, marks: &[(Mark, String)]) {
    out.raw("<section class=charts><h2>What was measured</h2>");
    let drawn: Vec<_> = story.tracks.iter().filter(|(_, track)| track.readings > 0).collect();
    let (Some((from, _)), Some(to)) = (&story.opened, story.last) else {
        out.raw("<p class=missing>Nothing can be drawn.</p></section>");
        return;
    };
    if drawn.is_empty() {
        out.raw("<p>No reading was recorded.</p>");
    }
    let span = Span { from: from.timestamp_millis(), to: to.timestamp_millis().max(from.timestamp_millis() + 1000) };
    let lines: Vec<Mark> = marks.iter().map(|(mark, _)| mark.clone()).collect();
    let nothing = SignalFacts::default();
    for (name, track) in drawn {
        let facts = story.beside.signals.get(name).unwrap_or(&nothing);
        chart::draw(out, name, track, facts, span, &lines);
    }
    if !marks.is_empty() {
        out.raw("<p>The marks:</p><ol class=marks>");
        for (mark, text) in marks {
            out.put("<li class=\"", mark.kind, "\"><time>")
                .put("", mark.at.format("%H:%M:%S"), "</time> ")
                .text(shorten(text))
                .raw("</li>");
        }
        out.raw("</ol>");
    }
    if marks.len() == MOST_MARKS {
        out.raw("<p class=dim>There were more; the timeline has all of them.</p>");
    }
    out.raw("</section>");
}

/// The beginning of a text, for a list; the sections below have the whole.
fn shorten(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(110).collect();
    if chars.next().is_some() { format!("{head}…") } else { head }
}

/// Bytes so that they can stand in a page: compressed, then as Base64.
fn packed(raw: &[u8]) -> String {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::new(6));
    // Writing to memory does not fail; if it did, the page would hold what the button
    // calls unreadable.
    let written = encoder.write_all(raw).and_then(|()| encoder.finish());
    BASE64.encode(written.unwrap_or_default())
}

/// A time in a cell, exact to the millisecond for programs.
fn time(out: &mut Markup, at: chrono::DateTime<chrono::Utc>) {
    out.put("<time datetime=\"", rfc3339(at), "\">").put("", at.format("%H:%M:%S"), "</time>");
}
