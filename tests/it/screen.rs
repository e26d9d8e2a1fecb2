//! The screen: every question and every state of a panel at three sizes, and what must
//! hold at all of them.

use std::fmt::Write as _;

use pacenote::tui::{self, Depth, ThemeName, Ui};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

#[path = "../support/sample.rs"]
mod sample;

use sample::Sample;

/// The three sizes of the snapshots.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// Draws twice, a second apart, so that the prompt takes answers.
fn frame(sample: &Sample, ui: &mut Ui, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    tui::draw(&mut terminal, &sample.screen(), ui, 1_000).expect("drawn");
    tui::draw(&mut terminal, &sample.screen(), ui, 2_000).expect("drawn");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[test]
fn show() {
    let Ok(name) = std::env::var("SHOW") else { return };
    let (w, h) = std::env::var("SIZE")
        .ok()
        .and_then(|s| {
            let (w, h) = s.split_once('x')?;
            Some((w.parse().ok()?, h.parse().ok()?))
        })
        .unwrap_or((120, 40));
    for (n, sample) in Sample::all() {
        if name == "all" || n == name {
            println!("== {n} {w}x{h}\n{}", text(&frame(&sample, &mut Ui::default(), (w, h))));
        }
    }
    let _ = (Depth::Basic, ThemeName::Dark, SIZES);
}
