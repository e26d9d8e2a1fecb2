//! One frame at 200x60 with 5,000 pods and three graphs of 2,000 points: the median and
//! the slowest hundredth, in microseconds. The README's figure comes from here:
//! `cargo bench --bench frame`.

use std::time::Instant;

use pacenote::tui::{self, Ui};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

#[expect(dead_code, reason = "the screen tests use the rest")]
#[path = "../tests/support/sample.rs"]
mod sample;

const FRAMES: usize = 2_000;

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sample = sample::Sample::large();
    let mut ui = Ui::default();
    let mut terminal = Terminal::new(TestBackend::new(200, 60))?;
    let mut took = Vec::with_capacity(FRAMES);
    for i in 0..FRAMES as u64 {
        // A second passes with each frame: ages tick and graphs move.
        sample.now += chrono::TimeDelta::seconds(1);
        let start = Instant::now();
        tui::draw(&mut terminal, &sample.screen(), &mut ui, i * 1_000)?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    let at = |part: usize| took[FRAMES * part / 100].as_micros();
    println!("frame 200x60, 5000 pods, 3 graphs of 2000 points: median {} us, p99 {} us", at(50), at(99));
    assert!(at(50) <= 1_000, "a frame takes more than 1 ms");
    Ok(())
}
