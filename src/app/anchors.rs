//! Telling places outside the journal the head of each seal: files, commands and URLs of
//! the site's choice.
//!
//! A head that somebody else saw cannot be rewritten afterwards. Nothing waits for an
//! anchor: what confirms is recorded as `anchor.confirmed` while the session is open, and
//! what does not is told to the operator.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::journal::{Mark, Role, Witness};
use crate::ports::{HttpCall, HttpPort};
use crate::session::event::AnchorConfirmed;
use crate::session::time::rfc3339;
use crate::subprocess;

/// A command or a URL may take so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many seals wait for a slow anchor; of more, the newest are not told.
const WAITING: usize = 256;

/// An anchor that is a file: an absolute path, or one behind `file:`.
pub fn file(place: &str) -> Option<PathBuf> {
    let path = Path::new(place.strip_prefix("file:").unwrap_or(place));
    path.is_absolute().then(|| path.to_owned())
}

/// What an anchor said: confirmed, or why not.
pub type Answer = Result<AnchorConfirmed, String>;

/// Tells the anchors, from a task of its own.
#[derive(Debug)]
pub struct Anchors {
    seals: mpsc::Sender<(Mark, String)>,
}

impl Anchors {
    /// Begins to tell `places`. The seal of the opening is the first.
    pub fn start(places: Vec<String>) -> (Self, Told) {
        let count = places.len();
        let (seals, mut told) = mpsc::channel::<(Mark, String)>(WAITING);
        let (answer, answers) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            while let Some((mark, line)) = told.recv().await {
                for place in &places {
                    let said = tell(place, &mark, &line).await;
                    let said = said.map_err(|why| format!("the anchor {place} did not take record {}: {why}", mark.seq));
                    let (place, seq, head) = (place.clone(), mark.seq, mark.head.clone());
                    let said = said.map(|()| AnchorConfirmed { place, seq, head });
                    if answer.send(said).await.is_err() {
                        return;
                    }
                }
            }
        });
        (Self { seals }, Told { answers, places: count, pending: count })
    }
}

impl Witness for Anchors {
    fn sealed(&mut self, role: Role, mark: &Mark, at: chrono::DateTime<chrono::Utc>) -> Result<(), String> {
        let told = serde_json::json!({ "sid": mark.sid, "seq": mark.seq, "head": mark.head, "role": role, "ts": rfc3339(at) });
        let full = |_| "the anchors are slow, and were not told of this seal".to_owned();
        self.seals.try_send((mark.clone(), told.to_string())).map_err(full)
    }
}

/// Tells one place.
async fn tell(place: &str, mark: &Mark, line: &str) -> Result<(), String> {
    if let Some(path) = file(place) {
        return append(&path, line).map_err(|e| e.to_string());
    }
    if place.starts_with("https://") || place.starts_with("http://") {
        return post(place, line).await;
    }
    let Some(command) = place.strip_prefix("command:") else {
        return Err("it is neither a path, a `command:` nor an https address".to_owned());
    };
    let words: Vec<String> = command.split_ascii_whitespace().map(str::to_owned).collect();
    let (mark, line) = (mark.clone(), line.to_owned());
    let run = move || {
        let (program, arguments) = words.split_first().ok_or("it names no command")?;
        let mut command = Command::new(program);
        command.args(arguments).env("PACENOTE_SID", &mark.sid).env("PACENOTE_HEAD", &mark.head);
        command.env("PACENOTE_SEQ", mark.seq.to_string()).env("PACENOTE_ANCHOR", line);
        let finished = subprocess::run(command.stdin(Stdio::null()), PATIENCE).map_err(|e| e.to_string())?;
        if finished.code == Some(0) { Ok(()) } else { Err(format!("it ended with {:?}", finished.code)) }
    };
    tokio::task::spawn_blocking(run).await.map_err(|e| e.to_string())?
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

async fn post(url: &str, line: &str) -> Result<(), String> {
    let call = HttpCall {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        // A head is no secret, but one that was exchanged on the way would be no anchor.
        carries_secret: true,
        body: Some(line.to_owned().into()),
        timeout: PATIENCE,
        limit: 64 * 1024,
    };
    let answer = HttpPort::network().send(call).await.map_err(|e| e.to_string())?;
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("it answered {}", answer.status)) }
}

/// What was told and is not answered yet.
#[derive(Debug)]
pub struct Told {
    answers: mpsc::Receiver<Answer>,
    places: usize,
    pending: usize,
}

impl Told {
    /// One more seal was made.
    pub fn sealed(&mut self) {
        self.pending += self.places;
    }

    /// The next answer; never, where none is to come.
    pub async fn next(&mut self) -> Answer {
        if self.pending == 0 {
            return std::future::pending().await;
        }
        match self.answers.recv().await {
            Some(answer) => {
                self.pending -= 1;
                answer
            }
            None => {
                self.pending = 0;
                Err("the anchors are not told any more: a mistake of the program".to_owned())
            }
        }
    }

    /// Whether every anchor has answered.
    pub fn is_settled(&self) -> bool {
        self.pending == 0
    }
}
