//! While a session is walked: the lock is renewed, and freezes are looked for.
//!
//! Two tasks that never wait for the loop: what they have to say goes into a bounded
//! queue, and the same is said once.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::lease::{LeaseLock, Renewal};
use super::{DURATION, Freeze, Freezes, Kind, Lock, RENEW};

/// How often the state folder is looked at.
const LOOK_HERE: Duration = Duration::from_secs(2);
/// Every how many looks the cluster is asked as well.
const LOOK_THERE: u32 = 3;
/// More news than this are never outstanding: each kind is said once.
const QUEUE: usize = 16;

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The lock is another's now, or gone. Said once; it is not taken again.
    LockLost(String),
    /// The lock could not be renewed; others may take it over from a time on.
    LockNotRenewed(String),
    /// It is renewed again.
    LockRenewed,
    /// A freeze is in force on the environment, or none is any more.
    Freeze(Option<Freeze>),
}

/// The tasks of one session.
#[derive(Debug)]
pub struct Watch {
    news: mpsc::Receiver<News>,
    head: watch::Sender<String>,
    lock: Option<(oneshot::Sender<bool>, JoinHandle<Option<String>>)>,
    freezes: Option<JoinHandle<()>>,
    name: Option<String>,
}

impl Watch {
    /// Starts what is needed: renewals for a lock, looks for freezes of an environment.
    /// `known` is the freeze that was already spoken of. Must be used within a tokio
    /// runtime.
    pub fn start(lock: Option<Lock>, freezes: Option<(Freezes, String)>, known: Option<Freeze>) -> Self {
        let (tell, news) = mpsc::channel(QUEUE);
        let (head, heads) = watch::channel(String::new());
        let name = lock.as_ref().map(|l| l.name.clone());
        let lock = lock.map(|lock| {
            let (stop, stopped) = oneshot::channel();
            (stop, tokio::spawn(keep(lock, heads, stopped, tell.clone())))
        });
        let freezes = freezes.map(|(freezes, environment)| tokio::spawn(look(freezes, environment, known, tell)));
        Self { news, head, lock, freezes, name }
    }

    /// What there is to say next; for ever where nothing more will be.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// Where the journal stands, for the next renewal.
    pub fn head(&self, head: String) {
        self.head.send_replace(head);
    }

    /// Name of the lock, where there is one.
    pub fn lock(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Ends the tasks. The lock is given back where the session is closed, and else stays
    /// the session's. What could not be done, in words.
    pub async fn end(mut self, closed: bool) -> Option<String> {
        if let Some(task) = self.freezes.take() {
            task.abort();
        }
        let (stop, task) = self.lock.take()?;
        let _ = stop.send(closed);
        task.await.unwrap_or_else(|_| Some("the lock was not given back: a fault of this program".to_owned()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.freezes {
            task.abort();
        }
        if let Some((_, task)) = &self.lock {
            task.abort();
        }
    }
}

/// Holds a lock until told to stop, and gives it back then if it is to be.
async fn keep(
    mut lock: Lock,
    head: watch::Receiver<String>,
    mut stop: oneshot::Receiver<bool>,
    news: mpsc::Sender<News>,
) -> Option<String> {
    let give_back = match &mut lock.kind {
        // The kernel keeps it.
        Kind::File(_) => stop.await,
        Kind::Lease(lease) => tokio::select! {
            biased;
            give_back = &mut stop => give_back,
            () = renewals(lease, &head, &news) => {
                // Lost: there is nothing to give back any more.
                let _ = stop.await;
                return None;
            }
        },
    };
    if give_back != Ok(true) {
        return None;
    }
    let name = lock.name.clone();
    lock.release().await.err().map(|why| format!("the lock `{name}` was not given back: {why}"))
}

/// Renews a Lease until it is lost.
async fn renewals(lease: &mut LeaseLock, head: &watch::Receiver<String>, news: &mpsc::Sender<News>) {
    let mut renewed = Instant::now();
    let mut told = false;
    let mut pause = RENEW;
    loop {
        tokio::time::sleep(pause).await;
        let now = head.borrow().clone();
        match lease.renew(&now).await {
            Renewal::Renewed => {
                renewed = Instant::now();
                pause = RENEW;
                if std::mem::take(&mut told) {
                    let _ = news.send(News::LockRenewed).await;
                }
            }
            Renewal::Lost(why) => {
                let _ = news.send(News::LockLost(why)).await;
                return;
            }
            Renewal::Failed(why) => {
                // A read-again may just have found our own write: the next renewal tells.
                pause = RENEW / 5;
                if !told && renewed.elapsed() > RENEW * 2 {
                    told = true;
                    let left = DURATION.saturating_sub(renewed.elapsed()).as_secs();
                    let _ = news.send(News::LockNotRenewed(format!("{why}; in {left} s others may take it over"))).await;
                }
            }
        }
    }
}

async fn look(freezes: Freezes, environment: String, mut known: Option<Freeze>, news: mpsc::Sender<News>) {
    let mut remote = known.clone();
    for turn in 0_u32.. {
        if turn.is_multiple_of(LOOK_THERE) {
            // A cluster that does not answer says nothing about the freeze: what was
            // known stays.
            if let Ok(found) = freezes.remote(&environment).await {
                remote = found;
            }
        }
        let now = match freezes.local(&environment) {
            Ok(local) => local.or_else(|| remote.clone()),
            Err(_) => known.clone(),
        };
        if now != known {
            known.clone_from(&now);
            if news.send(News::Freeze(now)).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(LOOK_HERE).await;
    }
}
