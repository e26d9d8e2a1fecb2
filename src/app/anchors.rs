//! Telling places outside the journal the head of each seal: files, commands and URLs of
//! the site's choice.
//!
//! A head that somebody else saw cannot be rewritten afterwards. Nothing waits for an
//! anchor: what confirms is recorded as `anchor.confirmed` while the session is open, and
//! what does not is told to the operator. Each place has a task of its own, so that one
//! that hangs keeps no other waiting. A place that is behind is told the newest head only,
//! which covers the earlier ones; the closing one is told at once, whatever is under way.
//! *Invariant:* what was started for an anchor has ended, or was killed with its process
//! group, when [`Told::stop`] returns.

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::journal::{Mark, Role, Witness};
use crate::ports::{HttpCall, HttpPort};
use crate::session::event::AnchorConfirmed;
use crate::session::time::rfc3339;

/// A place may take so long for one seal.
const PATIENCE: Duration = Duration::from_secs(5);
/// One that took longer than this is behind, if there is more to tell.
const SLOW: Duration = Duration::from_secs(1);
/// So many seals wait for a slow anchor; of more, the newest are not told.
const WAITING: usize = 256;

/// An anchor that is a file: an absolute path, or one behind `file:`.
pub fn file(place: &str) -> Option<PathBuf> {
    let path = Path::new(place.strip_prefix("file:").unwrap_or(place));
    path.is_absolute().then(|| path.to_owned())
}

/// What an anchor said: confirmed, or why not.
pub type Answer = Result<AnchorConfirmed, String>;

/// A seal as it is told.
#[derive(Debug, Clone)]
struct Seal {
    mark: Mark,
    line: String,
    closes: bool,
}

/// An answer, of which place, and of how many seals it is the end.
#[derive(Debug)]
struct Reply {
    place: usize,
    settles: usize,
    answer: Answer,
}

/// Tells the anchors, from tasks of their own.
#[derive(Debug)]
pub struct Anchors {
    places: Vec<mpsc::Sender<Seal>>,
}

impl Anchors {
    /// Begins to tell `places`. The seal of the opening is the first.
    pub fn start(places: Vec<String>) -> (Self, Told) {
        let (reply, replies) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        let senders = places.iter().enumerate().map(|(number, place)| {
            let (send, seals) = mpsc::channel(WAITING);
            tasks.spawn(keep_telling(number, place.clone(), seals, reply.clone()));
            send
        });
        let anchors = Self { places: senders.collect() };
        (anchors, Told { replies, places: places.into_iter().map(|place| (place, 1)).collect(), tasks })
    }
}

impl Witness for Anchors {
    fn sealed(&mut self, role: Role, mark: &Mark, at: chrono::DateTime<chrono::Utc>) -> Result<(), String> {
        let told = serde_json::json!({ "sid": mark.sid, "seq": mark.seq, "head": mark.head, "role": role, "ts": rfc3339(at) });
        let seal = Seal { mark: mark.clone(), line: told.to_string(), closes: role == Role::Close };
        let full = self.places.iter().filter(|place| place.try_send(seal.clone()).is_err()).count();
        if full == 0 { Ok(()) } else { Err("an anchor is slow, and was not told of this seal".to_owned()) }
    }
}

/// The seals one place has still to be told of.
struct Queue {
    coming: mpsc::Receiver<Seal>,
    here: VecDeque<Seal>,
}

impl Queue {
    /// The next seal; none when there will be no more.
    async fn next(&mut self) -> Option<Seal> {
        match self.here.pop_front() {
            Some(seal) => Some(seal),
            None => self.coming.recv().await,
        }
    }

    /// What has come after a seal already, and instead of which it need not be told.
    fn newest(&mut self) -> (usize, Option<Seal>) {
        while let Ok(seal) = self.coming.try_recv() {
            self.here.push_back(seal);
        }
        let newest = self.here.pop_back();
        (self.here.drain(..).count() + usize::from(newest.is_some()), newest)
    }

    /// Comes back when the closing seal waits.
    async fn closing(&mut self) {
        while let Some(seal) = self.coming.recv().await {
            let closes = seal.closes;
            self.here.push_back(seal);
            if closes {
                return;
            }
        }
        std::future::pending().await
    }
}

/// Tells one place of each seal, as long as there are any.
async fn keep_telling(place: usize, name: String, coming: mpsc::Receiver<Seal>, reply: mpsc::Sender<Reply>) {
    let mut queue = Queue { coming, here: VecDeque::new() };
    let (mut settles, mut behind) = (0, false);
    while let Some(mut seal) = queue.next().await {
        settles += 1;
        if behind {
            let (more, newest) = queue.newest();
            settles += more;
            seal = newest.unwrap_or(seal);
        }
        let begun = Instant::now();
        let overtaken = async {
            queue.closing().await;
            tokio::time::sleep_until(begun + SLOW).await;
        };
        let said = tokio::select! {
            said = tokio::time::timeout(PATIENCE, tell(&name, &seal)) => said,
            // What is under way ends here: the closing head covers what it was told.
            () = overtaken => {
                behind = true;
                continue;
            }
        };
        let said = said.unwrap_or_else(|_| Err(format!("no answer within {} s; it was stopped", PATIENCE.as_secs())));
        behind = said.is_err() || begun.elapsed() > SLOW;
        let (seq, head) = (seal.mark.seq, seal.mark.head);
        let answer = match said {
            Ok(()) => Ok(AnchorConfirmed { place: name.clone(), seq, head }),
            Err(why) => Err(format!("the anchor {name} did not take record {seq}: {why}")),
        };
        if reply.send(Reply { place, settles: std::mem::take(&mut settles), answer }).await.is_err() {
            return;
        }
    }
}

/// Tells one place.
async fn tell(place: &str, seal: &Seal) -> Result<(), String> {
    if let Some(path) = file(place) {
        let line = seal.line.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
        return written.map_err(|e| e.to_string())?.map_err(|e| e.to_string());
    }
    if place.starts_with("https://") || place.starts_with("http://") {
        return post(place, &seal.line).await;
    }
    match place.strip_prefix("command:") {
        Some(command) => run(command, seal).await,
        None => Err("it is neither a path, a `command:` nor an https address".to_owned()),
    }
}

async fn run(command: &str, seal: &Seal) -> Result<(), String> {
    let mut words = command.split_ascii_whitespace();
    let mut command = Command::new(words.next().ok_or("it names no command")?);
    command.args(words).env("PACENOTE_SID", &seal.mark.sid).env("PACENOTE_HEAD", &seal.mark.head);
    command.env("PACENOTE_SEQ", seal.mark.seq.to_string()).env("PACENOTE_ANCHOR", &seal.line);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| format!("it cannot be started: {e}"))?;
    let mut group = Group::of(&child);
    let ended = child.wait().await.map_err(|e| e.to_string())?;
    group.0 = None;
    if ended.success() { Ok(()) } else { Err(end_in_words(ended)) }
}

fn end_in_words(ended: ExitStatus) -> String {
    match ended.code() {
        Some(code) => format!("it ended with exit code {code}"),
        None => "a signal ended it".to_owned(),
    }
}

/// A command's process group, killed when it is dropped before the command has ended.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may just have ended by itself; then there is nothing to kill.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
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
    replies: mpsc::Receiver<Reply>,
    /// Each place, and of how many seals it has not said anything.
    places: Vec<(String, usize)>,
    tasks: JoinSet<()>,
}

impl Told {
    /// One more seal was made.
    pub fn sealed(&mut self) {
        self.places.iter_mut().for_each(|(_, pending)| *pending += 1);
    }

    /// The next answer; never, where none is to come.
    pub async fn next(&mut self) -> Answer {
        if self.is_settled() {
            return std::future::pending().await;
        }
        match self.replies.recv().await {
            Some(reply) => {
                if let Some((_, pending)) = self.places.get_mut(reply.place) {
                    *pending = pending.saturating_sub(reply.settles);
                }
                reply.answer
            }
            None => {
                self.places.iter_mut().for_each(|(_, pending)| *pending = 0);
                Err("the anchors are not told any more: a mistake of the program".to_owned())
            }
        }
    }

    /// Whether every anchor has answered.
    pub fn is_settled(&self) -> bool {
        self.places.iter().all(|(_, pending)| *pending == 0)
    }

    /// Ends what is under way; who had not answered.
    pub async fn stop(&mut self) -> Vec<String> {
        self.tasks.shutdown().await;
        let silent = self.places.iter_mut().filter(|(_, pending)| *pending > 0);
        silent
            .map(|(place, pending)| {
                *pending = 0;
                place.clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
