//! Colours and the ASCII fallback.
//!
//! Colours only ever repeat what a word or a shape already says. A [`Theme`] is a set of
//! styles by meaning; drawing code names the meaning and never a colour. Where the
//! locale is not UTF-8 the finished frame is rewritten by [`to_ascii`], so that no
//! drawing code needs a second set of shapes.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Which colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeName {
    /// For dark backgrounds.
    #[default]
    Dark,
    /// For light backgrounds.
    Light,
    /// Blue and orange instead of green and red, for dark backgrounds.
    ColourBlind,
    /// No colours at all (`NO_COLOR`).
    None,
}

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Sixteen.
    Basic,
    /// 256 or more.
    #[default]
    Indexed,
}

/// Styles by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// What is there but not now.
    pub dim: Style,
    /// Headings, titles of panes, names.
    pub strong: Style,
    /// Frames.
    pub border: Style,
    /// Frame of the pane that has the keys.
    pub focus: Style,
    /// Accent: the current step, graph lines.
    pub accent: Style,
    /// Good.
    pub good: Style,
    /// Worth a look.
    pub warn: Style,
    /// Bad.
    pub bad: Style,
    /// Baselines.
    pub baseline: Style,
    /// A key to press.
    pub key: Style,
    /// A key that is not listened to yet.
    pub key_off: Style,
    /// Commands and code.
    pub code: Style,
    /// Links.
    pub link: Style,
    /// The selected row.
    pub selected: Style,
    /// A match of the search.
    pub found: Style,
    /// Badge of a live session.
    pub live: Style,
    /// Badge of a live session on a protected environment.
    pub live_protected: Style,
    /// Badge of a dry run.
    pub dry_run: Style,
    /// Badge of a rehearsal.
    pub rehearsal: Style,
    /// A banner that must not be missed.
    pub alarm: Style,
    /// A banner that matters.
    pub notice: Style,
    /// Data that is too old to trust.
    pub stale: Style,
    /// Added lines of a diff.
    pub added: Style,
    /// Removed lines of a diff.
    pub removed: Style,
}

struct Colours {
    text: Color,
    dim: Color,
    border: Color,
    accent: Color,
    good: Color,
    warn: Color,
    bad: Color,
    baseline: Color,
    code: Color,
    selected_back: Color,
    on_badge: Color,
    live: Color,
    protected: Color,
    dry_run: Color,
    rehearsal: Color,
}

impl Theme {
    /// The theme of a name, for a terminal of this depth.
    pub fn new(name: ThemeName, depth: Depth) -> Self {
        use Color::Indexed as I;
        let colours = match (name, depth) {
            (ThemeName::None, _) => return Self::plain(),
            (ThemeName::Dark, Depth::Indexed) => Colours {
                text: Color::Reset,
                dim: I(246),
                border: I(240),
                accent: I(80),
                good: I(114),
                warn: I(221),
                bad: I(203),
                baseline: I(141),
                code: I(180),
                selected_back: I(236),
                on_badge: I(16),
                live: I(215),
                protected: I(203),
                dry_run: I(117),
                rehearsal: I(114),
            },
            (ThemeName::Light, Depth::Indexed) => Colours {
                text: Color::Reset,
                dim: I(242),
                border: I(249),
                accent: I(25),
                good: I(28),
                warn: I(130),
                bad: I(160),
                baseline: I(91),
                code: I(94),
                selected_back: I(254),
                on_badge: I(231),
                live: I(130),
                protected: I(160),
                dry_run: I(25),
                rehearsal: I(28),
            },
            (ThemeName::ColourBlind, Depth::Indexed) => Colours {
                text: Color::Reset,
                dim: I(246),
                border: I(240),
                accent: I(153),
                good: I(75),
                warn: I(228),
                bad: I(208),
                baseline: I(183),
                code: I(187),
                selected_back: I(236),
                on_badge: I(16),
                live: I(228),
                protected: I(208),
                dry_run: I(153),
                rehearsal: I(75),
            },
            (name, Depth::Basic) => basic(name),
        };
        Self::from_colours(&colours, name == ThemeName::ColourBlind)
    }

    fn from_colours(c: &Colours, colour_blind: bool) -> Self {
        let fg = |color| Style::new().fg(color);
        let badge = |color| Style::new().fg(c.on_badge).bg(color).add_modifier(Modifier::BOLD);
        Self {
            text: fg(c.text),
            dim: fg(c.dim),
            strong: fg(c.text).add_modifier(Modifier::BOLD),
            border: fg(c.border),
            focus: fg(c.accent),
            accent: fg(c.accent),
            good: fg(c.good),
            warn: fg(c.warn),
            bad: fg(c.bad).add_modifier(if colour_blind { Modifier::BOLD } else { Modifier::empty() }),
            baseline: fg(c.baseline),
            key: fg(c.accent).add_modifier(Modifier::BOLD),
            key_off: fg(c.dim).add_modifier(Modifier::DIM),
            code: fg(c.code),
            link: fg(c.accent).add_modifier(Modifier::UNDERLINED),
            selected: Style::new().bg(c.selected_back).add_modifier(Modifier::BOLD),
            found: badge(c.warn),
            live: badge(c.live),
            live_protected: badge(c.protected),
            dry_run: badge(c.dry_run),
            rehearsal: badge(c.rehearsal),
            alarm: badge(c.bad),
            notice: badge(c.warn),
            stale: fg(c.dim).add_modifier(Modifier::DIM),
            added: fg(c.good),
            removed: fg(c.bad),
        }
    }

    fn plain() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let badge = plain.add_modifier(Modifier::REVERSED | Modifier::BOLD);
        Self {
            text: plain,
            dim,
            strong: bold,
            border: dim,
            focus: bold,
            accent: bold,
            good: plain,
            warn: bold,
            bad: bold,
            baseline: dim,
            key: bold,
            key_off: dim,
            code: plain,
            link: plain.add_modifier(Modifier::UNDERLINED),
            selected: plain.add_modifier(Modifier::REVERSED),
            found: badge,
            live: badge,
            live_protected: badge,
            dry_run: badge,
            rehearsal: badge,
            alarm: badge,
            notice: badge,
            stale: dim,
            added: plain,
            removed: plain,
        }
    }
}

/// Sixteen colours, as the terminal defines them.
fn basic(name: ThemeName) -> Colours {
    let light = name == ThemeName::Light;
    let blind = name == ThemeName::ColourBlind;
    let bad = if blind { Color::LightYellow } else { Color::Red };
    let good = if blind { Color::LightBlue } else { Color::Green };
    Colours {
        text: Color::Reset,
        dim: if light { Color::DarkGray } else { Color::Gray },
        border: if light { Color::Gray } else { Color::DarkGray },
        accent: if light { Color::Blue } else { Color::Cyan },
        good,
        warn: Color::Yellow,
        bad,
        baseline: Color::Magenta,
        code: if light { Color::Magenta } else { Color::Yellow },
        selected_back: if light { Color::Gray } else { Color::DarkGray },
        on_badge: if light { Color::White } else { Color::Black },
        live: Color::Yellow,
        protected: bad,
        dry_run: Color::Cyan,
        rehearsal: good,
    }
}

/// Rewrites a finished frame so that it holds nothing but ASCII.
pub fn to_ascii(buffer: &mut Buffer) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let mut step = 1;
            if let Some(cell) = buffer.cell_mut((x, y))
                && !cell.symbol().is_ascii()
            {
                let wide = super::text::width(cell.symbol());
                let c = cell.symbol().chars().next().map_or(' ', ascii_of);
                cell.set_char(c);
                if wide > 1 {
                    if let Some(next) = buffer.cell_mut((x + 1, y)) {
                        next.set_char(' ');
                    }
                    step = 2;
                }
            }
            x += step;
        }
    }
}

/// The ASCII character that comes closest in meaning.
fn ascii_of(c: char) -> char {
    match c {
        '─' | '┄' | '┈' | '–' | '—' | '‒' | '╌' | '━' => '-',
        '│' | '┊' | '┃' | '▏' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => '+',
        '✓' | '✔' => 'v',
        '✗' | '✘' | '×' => 'x',
        '▶' | '▸' | '→' | '›' | '»' => '>',
        '◀' | '←' | '‹' | '«' | '↩' => '<',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '·' | '•' | '∙' => '.',
        '●' | '◆' | '★' => '*',
        '◐' => '%',
        '○' | '◯' | '◇' => 'o',
        '↷' | '⤼' => '/',
        '…' => '~',
        '⏸' | '‖' => '"',
        '⚠' => '!',
        '“' | '”' | '„' => '"',
        '‘' | '’' => '\'',
        '≥' => '>',
        '≤' => '<',
        '▁' => '_',
        '▂' => '.',
        '▃' => '-',
        '▄' => '=',
        '▅' => '+',
        '▆' => '*',
        '▇' => '%',
        '█' => '#',
        '░' => '.',
        '▒' | '▓' => ':',
        '╱' => '/',
        'ä' | 'à' | 'á' | 'â' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'ö' | 'ó' => 'o',
        'ü' | 'ú' => 'u',
        '\u{2800}'..='\u{28FF}' => match (c as u32 & 0xff).count_ones() {
            0 => ' ',
            1..=2 => '.',
            3..=5 => ':',
            _ => '#',
        },
        '\u{a0}' => ' ',
        _ => '?',
    }
}
