//! stub
use crate::tui::{Action, Screen};
use std::io::{self, Write};
/// x
#[derive(Default)]
pub struct Plain;
impl Plain {
    /// x
    pub fn new() -> Self {
        Self
    }
    /// x
    /// # Errors
    /// x
    pub fn show(&mut self, _s: &Screen<'_>, _o: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
    /// x
    /// # Errors
    /// x
    pub fn line(&mut self, _l: &str, _s: &Screen<'_>, _o: &mut dyn Write) -> io::Result<Vec<Action>> {
        Ok(vec![])
    }
}
