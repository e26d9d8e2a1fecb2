//! Lines typed or piped, read on a thread of its own, which can be kept from reading while
//! somebody else has the terminal.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::input::{Shared, wait};

/// So many lines may wait to be taken.
const WAITING: usize = 256;

/// The reader. Dropping it ends its thread.
#[derive(Debug)]
pub struct LineReader {
    shared: Arc<Shared>,
    wake: PipeWriter,
}

impl LineReader {
    /// Begins to read standard input. The channel closes at its end.
    ///
    /// # Errors
    /// When standard input cannot be read or no thread be started.
    pub fn start() -> io::Result<(Self, mpsc::Receiver<String>)> {
        let input = BufReader::new(File::from(io::stdin().as_fd().try_clone_to_owned()?));
        let (wake_in, wake) = io::pipe()?;
        let (send, receive) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared::new());
        let thread = Thread { shared: Arc::clone(&shared), input, wake: wake_in, send };
        std::thread::Builder::new().name("lines".into()).spawn(move || thread.run())?;
        Ok((Self { shared, wake }, receive))
    }

    /// Stops reading until [`LineReader::resume`]. Returns once nothing is read any more.
    pub fn pause(&mut self) {
        self.shared.pause(&mut self.wake);
    }

    /// Reads again.
    pub fn resume(&mut self) {
        self.shared.resume();
    }
}

impl Drop for LineReader {
    fn drop(&mut self) {
        self.shared.end(&mut self.wake);
    }
}

struct Thread {
    shared: Arc<Shared>,
    input: BufReader<File>,
    wake: PipeReader,
    send: mpsc::Sender<String>,
}

impl Thread {
    fn run(mut self) {
        while self.shared.may_read() {
            let Some(line) = self.line() else { break };
            if line.is_some_and(|line| self.send.blocking_send(line).is_err()) {
                break;
            }
        }
        self.shared.ended();
    }

    /// The next line; inner none: it was woken; none: the input has ended.
    fn line(&mut self) -> Option<Option<String>> {
        if self.input.buffer().is_empty() {
            let seen = wait(self.input.get_ref().as_fd(), self.wake.as_fd()).ok()?;
            if seen.woken {
                let mut byte = [0; 16];
                let _ = self.wake.read(&mut byte);
                return Some(None);
            }
        }
        let mut bytes = Vec::new();
        match self.input.read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => None,
            Ok(_) => {
                let line = String::from_utf8_lossy(&bytes);
                Some(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
            }
        }
    }
}
