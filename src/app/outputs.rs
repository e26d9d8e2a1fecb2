//! Whole outputs, kept with the session by their hash.

use std::io::{self, Read as _};
use std::path::Path;

use crate::effects::OutputStore;
use crate::journal::{OutputSink, SessionDir};
use crate::redact::Redactor;
use crate::session::event::OutputRef;

/// The session's own folder as a store of outputs.
pub(super) struct SessionOutputs {
    pub(super) dir: SessionDir,
    pub(super) redactor: Redactor,
}

impl OutputStore for SessionOutputs {
    fn keep(&self, file: &Path) -> io::Result<OutputRef> {
        let mut from = std::fs::File::open(file)?;
        // The name of the sink's own file; an effect keeps one output at most.
        let mut sink = OutputSink::create(&self.dir, u64::from(fastrand::u32(..)), &self.redactor)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|b| !b.is_empty()) else { break };
            sink.push(bytes)?;
        }
        sink.finish().map(|(kept, _)| kept)
    }
}
