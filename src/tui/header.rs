//! The header and the banners below it.
//!
//! Mode and target, tripped guards and a journal that cannot be written are laid out in
//! full at every size, on further lines where they must; the rest of the header gives
//! way in a fixed order.

use ratatui::text::{Line, Span};

use super::paint::span;
use super::ui::Ui;
use super::{Journal, Screen, text};
use crate::session::event::Mode;
use crate::session::view::{ClockView, GuardState, Prompt, after_leaving};

/// The sign and the word of a mode. The word is always there.
pub(super) fn mode_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "● LIVE",
        Mode::DryRun => "◐ DRY RUN",
        Mode::Rehearsal => "○ REHEARSAL",
    }
}

/// Sign and word of the mode, said to be of the past where it is.
pub(super) fn mode_of(screen: &Screen<'_>) -> String {
    let was = if screen.replay.is_some() { super::replay::BADGE } else { "" };
    format!("{was}{}", mode_words(screen.header.mode))
}

/// Where it happens: `production · prod-eu/shop`.
fn target(screen: &Screen<'_>) -> String {
    let h = screen.header;
    match (&h.target, h.environment.is_empty()) {
        (Some(target), true) => target.clone(),
        (Some(target), false) => format!("{} · {target}", h.environment),
        (None, false) => h.environment.clone(),
        (None, true) => "this machine".into(),
    }
}

/// A piece of the second line and how soon it gives way; 0 never does.
struct Fact {
    spans: Vec<Span<'static>>,
    gives_way: u8,
}

/// The lines of the header, banners included.
pub(super) fn lines(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let h = screen.header;
    let badge_style = match (h.mode, h.protected) {
        _ if screen.replay.is_some() => theme.selected,
        (Mode::Live, true) => theme.live_protected,
        (Mode::Live, false) => theme.live,
        (Mode::DryRun, _) => theme.dry_run,
        (Mode::Rehearsal, _) => theme.rehearsal,
    };
    let protected = if h.protected { " (protected)" } else { "" };
    let mode = mode_of(screen);
    let long = format!(" {mode} {}{protected} ", target(screen));
    let short = format!(" {mode} {} ", target(screen));
    let badge = if text::width(&long) + 24 <= width { long } else { short };
    let facts = facts(screen, ui);
    let sep = || span(" │ ", theme.border);

    let title = text::clean(&h.title).into_owned();
    let one_line = text::width(" pacenote") + 3 + text::width(&title) + 3 + text::width(&badge) + facts_width(&facts);
    let mut out = Vec::new();
    if one_line <= width {
        let mut spans = vec![span(" pacenote", theme.accent), sep(), span(title, theme.strong), sep(), span(badge, badge_style)];
        for fact in facts {
            spans.push(sep());
            spans.extend(fact.spans);
        }
        out.push(Line::from(spans));
    } else {
        first_line(&mut out, &title, badge, badge_style, width, ui);
        out.push(second_line(facts, width, ui));
    }
    banners(screen, ui, width, &mut out);
    out
}

fn first_line(
    out: &mut Vec<Line<'static>>,
    title: &str,
    badge: String,
    badge_style: ratatui::style::Style,
    width: usize,
    ui: &Ui,
) {
    let theme = &ui.theme;
    let taken = text::width(&badge);
    if taken > width {
        // Too narrow even for the target: it goes on over further lines, whole.
        out.extend(text::wrap_text(badge.trim(), badge_style, width, 0));
        return;
    }
    let room = width - taken;
    let mut spans = Vec::new();
    if room >= 13 + text::width(title) {
        spans.push(span(" pacenote", theme.accent));
        spans.push(span(" │ ", theme.border));
        spans.push(span(title.to_owned(), theme.strong));
        spans.push(span(" ", theme.border));
    } else if room >= 10 {
        spans.push(span(format!(" {} ", text::shorten(title, room - 2)), theme.strong));
    }
    // The badge stands at the right end, always at the same place.
    let used: usize = spans.iter().map(|s| text::width(&s.content)).sum();
    spans.push(span(" ".repeat(width - taken - used), theme.text));
    spans.push(span(badge, badge_style));
    out.push(Line::from(spans));
}

fn facts(screen: &Screen<'_>, ui: &Ui) -> Vec<Fact> {
    let theme = &ui.theme;
    let h = screen.header;
    let plain = |text: String, gives_way| Fact { spans: vec![span(text, theme.text)], gives_way };
    let mut facts = Vec::new();
    if let Some(ticket) = &h.ticket {
        facts.push(plain(text::clean(ticket).into_owned(), 4));
    }
    facts.push(plain(text::clean(&h.operator).into_owned(), 5));
    let mut elapsed = vec![span(text::clock(h.elapsed_ms), theme.text)];
    if let Some(estimate) = h.estimate_ms {
        let over = h.elapsed_ms > estimate;
        elapsed.push(span(format!(" of ~{}", text::duration(estimate)), if over { theme.warn } else { theme.dim }));
    }
    facts.push(Fact { spans: elapsed, gives_way: 2 });
    for clock in &h.clocks {
        facts.push(clock_fact(clock, ui));
    }
    facts.push(plain(screen.now.format("%H:%M UTC").to_string(), 3));
    facts.push(match screen.journal {
        Journal::Written(seq) => {
            Fact { spans: vec![span(format!("journal #{seq} "), theme.dim), span("✓", theme.good)], gives_way: 0 }
        }
        Journal::Waiting(seq, _) => Fact { spans: vec![span(format!("journal #{seq} … waits"), theme.warn)], gives_way: 0 },
        Journal::Recorded(seq, last) => Fact { spans: vec![span(format!("record #{seq} of {last}"), theme.dim)], gives_way: 1 },
        Journal::Failed(seq, _) => Fact { spans: vec![span(format!("journal #{seq} ✗ FAILED"), theme.bad)], gives_way: 0 },
    });
    if let Some(head) = screen.sealed {
        facts.push(plain(format!("sealed {}", text::short_hash(head)), 4));
    }
    facts
}

fn clock_fact(clock: &ClockView, ui: &Ui) -> Fact {
    let theme = &ui.theme;
    let limit = text::duration(clock.limit_ms);
    let name = text::clean(&clock.name).into_owned();
    let (words, style) = match clock.gone_ms {
        None => (format!("{name} ? of {limit}"), theme.warn),
        Some(gone) if gone >= clock.limit_ms => (format!("{name} OVER by {}", text::duration(gone - clock.limit_ms)), theme.bad),
        Some(gone) => {
            let worth = clock.warn_ms.is_some_and(|w| gone >= w);
            let mark = if worth { "⚠ " } else { "" };
            (format!("{mark}{name} {} of {limit}", text::duration(gone)), if worth { theme.warn } else { theme.text })
        }
    };
    Fact { spans: vec![span(words, style)], gives_way: 1 }
}

fn fact_width(fact: &Fact) -> usize {
    fact.spans.iter().map(|s| text::width(&s.content)).sum()
}

/// Width of all, each with a separator before it.
fn facts_width(facts: &[Fact]) -> usize {
    facts.iter().map(|f| fact_width(f) + 3).sum()
}

fn second_line(mut facts: Vec<Fact>, width: usize, ui: &Ui) -> Line<'static> {
    while facts_width(&facts) > width + 2 {
        let Some(worst) = facts.iter().map(|f| f.gives_way).max().filter(|w| *w > 0) else { break };
        let Some(at) = facts.iter().rposition(|f| f.gives_way == worst) else { break };
        facts.remove(at);
    }
    let mut spans = vec![span(" ", ui.theme.text)];
    for (i, fact) in facts.into_iter().enumerate() {
        if i > 0 {
            spans.push(span(" │ ", ui.theme.border));
        }
        spans.extend(fact.spans);
    }
    Line::from(spans)
}

fn banners(screen: &Screen<'_>, ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    let theme = &ui.theme;
    let mut banner = |words: String, style| {
        let words = text::clean(&words).into_owned();
        for line in text::wrap_text(&words, style, width.saturating_sub(2).max(1), 0) {
            let fill = width.saturating_sub(line.width() + 1);
            let mut spans = vec![span(" ", style)];
            spans.extend(line.spans);
            spans.push(span(" ".repeat(fill), style));
            out.push(Line::from(spans));
        }
    };
    if let Some(replay) = screen.replay {
        for alarm in &replay.alarms {
            banner(alarm.clone(), theme.alarm);
        }
        banner(super::replay::banner(replay, screen.now, width), theme.notice);
    }
    if let Journal::Failed(seq, why) = screen.journal {
        banner(
            format!(
                "JOURNAL CANNOT BE WRITTEN after #{seq}: {why}. Nothing further starts; Ctrl-Y copies what would be done next. \
                 Mend it (a full disk: free space), leave with q. {}",
                after_leaving(screen.header.mode, screen.session)
            ),
            theme.alarm,
        );
    }
    if let Journal::Waiting(seq, ms) = screen.journal
        && ms >= 1_000
    {
        let since = text::duration(ms);
        banner(
            format!("THE DISK IS SLOW: record #{seq} has been waiting for {since}; nothing is decided before it is written"),
            theme.alarm,
        );
    }
    let tripped: Vec<_> = screen.guards.iter().filter(|g| g.state == GuardState::Tripped).collect();
    match tripped.as_slice() {
        [] => {}
        // The question stands below and says the rest.
        [guard] if !ui.zoom && matches!(screen.prompt, Prompt::Guard { guard: asked, .. } if *asked == guard.id) => {
            banner(format!("▲ GUARD TRIPPED {}", guard.id), theme.alarm);
        }
        [guard] => {
            let room = width.saturating_sub(21 + text::width(&guard.id)).max(8);
            banner(format!("▲ GUARD TRIPPED {}: {}", guard.id, text::shorten(&guard.condition, room)), theme.alarm);
        }
        many => {
            let ids: Vec<_> = many.iter().map(|g| g.id.as_str()).collect();
            banner(format!("▲ {} GUARDS TRIPPED: {}", ids.len(), ids.join(", ")), theme.alarm);
        }
    }
    let closed = matches!(screen.prompt, Prompt::Closed { .. });
    if screen.header.rolling_back && !closed {
        banner("↩ ROLLING BACK".into(), theme.notice);
    }
    if screen.header.paused && !closed {
        banner("‖ PAUSED: no step starts; guards are still judged".into(), theme.notice);
    }
    // Notices stand as long as the session does, so they get one line, and the sheet the rest.
    match screen.notices {
        [] => {}
        [notice] => banner(text::shorten(notice, width.saturating_sub(4) * 2).into_owned(), theme.notice),
        [first, others @ ..] => {
            let more = format!(" (and {} more: Ctrl-O)", others.len());
            let first = text::shorten(first, width.saturating_sub(text::width(&more) + 2));
            banner(format!("{first}{more}"), theme.notice);
        }
    }
}
