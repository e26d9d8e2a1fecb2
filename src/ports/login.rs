//! Who the cluster takes us for, for as long as a session lasts.
//!
//! A credential ends before a long session does. So a [`Login`] keeps the client that
//! requests go through together with what it was made of, asks a credential plugin again
//! before its credential ends or once the server refuses it, and exchanges the client
//! below those that use it, so that watches go on by themselves. What it cannot do without
//! the operator it says ([`LoginState`]) and leaves to them: [`Login::again`], for which
//! the terminal must have been given up.
//!
//! No request is sent again here, whatever it was answered. A plugin that fails, or whose
//! credentials are refused, is not asked again for a while, however many requests want it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use kube::config::{AuthInfo, ExecConfig, Kubeconfig};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect::{ConnectError, ConnectOptions, KubeTarget, read_narrowed, settings};
use super::credentials::{self, Credential, Limits, PluginError};

/// A credential is asked for anew when it has less than this left.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// What failed is not tried again sooner.
const PAUSE: Duration = Duration::from_secs(15);
/// The operator is told so long before a credential ends that could not be renewed.
const NOTICE: TimeDelta = TimeDelta::minutes(5);
/// How often it is looked whether a credential is about to end. The wall clock may be set
/// at any time, so nothing sleeps until then.
const LOOK: Duration = Duration::from_secs(5);

/// How a login stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginState {
    /// The kubeconfig's name of the user.
    pub user: String,
    /// What the plugin says on standard error while it runs, line by line: where to log
    /// in, a code to type there. Cleaned of control characters, and not of secrets.
    pub saying: Vec<String>,
    /// When the credential ends; absent: nobody said.
    pub expires: Option<DateTime<Utc>>,
    /// It ends soon, and no longer one is to be had without the operator.
    pub ends_soon: bool,
    /// Nothing goes through without a new login, and why.
    pub needed: Option<String>,
}

/// A login and the means to renew it. Clones are the same login.
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    target: KubeTarget,
    options: ConnectOptions,
    parts: Mutex<Parts>,
    state: watch::Sender<LoginState>,
}

/// A run of the plugin that several requests may wait for.
type Running = Shared<BoxFuture<'static, Result<(), PluginError>>>;

struct Parts {
    /// Everything for a client but who we are.
    config: kube::Config,
    kubeconfig: Arc<Kubeconfig>,
    exec: Option<ExecConfig>,
    client: kube::Client,
    credential: Option<Credential>,
    obtained: Instant,
    obtained_at: DateTime<Utc>,
    /// The server has refused this credential.
    refused: bool,
    /// How often it has refused us since it last did not.
    refusals: u32,
    /// Somebody logs in on the terminal.
    logging_in: bool,
    running: Option<(Running, tokio::task::AbortHandle)>,
    failed: Option<(Instant, PluginError)>,
    /// Counts credentials, so that a late refusal of an old one says nothing of the new.
    generation: u64,
}

/// What a request is sent with.
pub(super) struct Dressed {
    pub client: kube::Client,
    pub token: Option<String>,
    pub generation: u64,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.0.state.borrow().user)
    }
}

impl Login {
    /// Gets the first credential, on the terminal where there is one, and sets up the
    /// client. `target` names a context.
    pub(super) async fn new(
        target: KubeTarget,
        options: ConnectOptions,
        kubeconfig: Arc<Kubeconfig>,
        mut config: kube::Config,
    ) -> Result<Self, ConnectError> {
        let exec = config.auth_info.exec.take();
        let credential = match &exec {
            None => None,
            Some(exec) if options.terminal => Some(credentials::run_on_terminal(exec, options.login_timeout).await?),
            Some(exec) => {
                let limits = Limits { quiet: options.plugin_timeout, speaking: options.plugin_timeout };
                Some(credentials::run(exec, limits, |_| {}).await?)
            }
        };
        let client = client_with(config.clone(), credential.as_ref()).await?;
        let user = kubeconfig.auth_infos.first().map(|user| user.name.clone()).unwrap_or_default();
        let expires = credential.as_ref().and_then(|credential| credential.expires);
        let parts = Parts {
            config,
            kubeconfig,
            exec,
            client,
            credential,
            obtained: Instant::now(),
            obtained_at: Utc::now(),
            refused: false,
            refusals: 0,
            logging_in: false,
            running: None,
            failed: None,
            generation: 0,
        };
        let state = watch::Sender::new(LoginState { user, expires, ..LoginState::default() });
        Ok(Self(Arc::new(Inner { target, options, parts: Mutex::new(parts), state })))
    }

    /// How it stands now.
    pub fn state(&self) -> LoginState {
        self.0.state.borrow().clone()
    }

    /// The kubeconfig it was made from, with nothing but its context.
    pub(super) fn kubeconfig(&self) -> Arc<Kubeconfig> {
        self.parts().kubeconfig.clone()
    }

    /// Keeps an eye on it: asks for another credential before this one ends, and tells
    /// what changes.
    pub fn watch(&self) -> LoginWatch {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut news = self.0.state.subscribe();
        news.mark_changed();
        LoginWatch { login: self.clone(), news, look }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut LoginState)) {
        self.0.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    /// What the next request is sent with: asks the plugin where its credential does not
    /// do any more, and waits for it a while.
    pub(super) async fn dressed(&self) -> Result<Dressed, PluginError> {
        let running = {
            let mut parts = self.parts();
            if parts.is_good(Utc::now()) {
                return Ok(parts.dressed());
            }
            let failed = parts.failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE).map(|(_, why)| why.clone());
            match failed {
                Some(why) => Err(why),
                None if parts.logging_in => Err(PluginError::Waiting { command: parts.command(), stderr: String::new() }),
                None => Ok(self.running(&mut parts)),
            }
        };
        let renewed = match running {
            Ok(running) => tokio::time::timeout(self.0.options.plugin_timeout, running).await.unwrap_or_else(|_| {
                Err(PluginError::Waiting { command: self.parts().command(), stderr: self.0.state.borrow().saying.join(" ") })
            }),
            Err(why) => Err(why),
        };
        let parts = self.parts();
        match renewed {
            // Another could not be had; this one has not ended yet.
            Err(why) if !parts.still_counts(Utc::now()) => Err(why),
            _ => Ok(parts.dressed()),
        }
    }

    /// The run of the plugin that is under way, or a new one.
    fn running(&self, parts: &mut Parts) -> Running {
        if let Some((running, _)) = &parts.running {
            return running.clone();
        }
        let login = self.clone();
        let task = tokio::spawn(async move { login.renew().await });
        let abort = task.abort_handle();
        let command = parts.command();
        let ended = task.map(move |ended| {
            ended.unwrap_or_else(|_| {
                Err(PluginError::Failed { command, why: "its run was broken off".into(), stderr: String::new() })
            })
        });
        let running = ended.boxed().shared();
        parts.running = Some((running.clone(), abort));
        running
    }

    /// Runs the plugin behind the screen, once.
    async fn renew(&self) -> Result<(), PluginError> {
        let Some(exec) = self.parts().exec.clone() else { return Ok(()) };
        let options = &self.0.options;
        // Where nobody sits, nobody logs in however long one waits.
        let speaking = if options.terminal { options.login_timeout } else { options.plugin_timeout };
        let limits = Limits { quiet: options.plugin_timeout, speaking };
        let outcome = credentials::run(&exec, limits, |lines| self.tell(|state| state.saying = lines.to_vec())).await;
        let outcome = match outcome {
            Ok(credential) => self.take(credential, None).await.map_err(|why| PluginError::Failed {
                command: exec.command.clone().unwrap_or_default(),
                why: why.to_string(),
                stderr: String::new(),
            }),
            Err(why) => Err(why),
        };
        let mut parts = self.parts();
        parts.running = None;
        let counts = parts.still_counts(Utc::now());
        if let Err(why) = &outcome {
            parts.failed = Some((Instant::now(), why.clone()));
        }
        drop(parts);
        self.tell(|state| {
            state.saying.clear();
            if let Err(why) = &outcome
                && !counts
            {
                state.needed = Some(why.to_string());
            }
        });
        outcome
    }

    /// Takes a new credential (and, after a login, what else is new) into use.
    async fn take(&self, credential: Credential, anew: Option<Anew>) -> Result<(), ConnectError> {
        let config = anew.as_ref().map_or_else(|| self.parts().config.clone(), |anew| anew.config.clone());
        // A token is put on each request; only a certificate is part of the client.
        let client = if credential.certificate.is_some() || anew.is_some() {
            Some(client_with(config, Some(&credential)).await?)
        } else {
            None
        };
        let expires = credential.expires;
        let mut parts = self.parts();
        if let Some(anew) = anew {
            (parts.config, parts.kubeconfig, parts.exec) = (anew.config, anew.kubeconfig, anew.exec);
            parts.refusals = 0;
        }
        if let Some(client) = client {
            parts.client = client;
        }
        // The same again, from the plugin's own store, is as old as it was.
        if parts.credential.as_ref().is_none_or(|before| before.expires != expires) {
            parts.obtained_at = Utc::now();
        }
        parts.credential = parts.exec.is_some().then_some(credential);
        parts.obtained = Instant::now();
        parts.refused = false;
        parts.failed = None;
        parts.generation += 1;
        let refused = parts.refusals > 1;
        drop(parts);
        self.tell(|state| {
            state.saying.clear();
            state.ends_soon &= state.expires == expires;
            state.expires = expires;
            if !refused {
                state.needed = None;
            }
        });
        Ok(())
    }

    /// The server did not accept who we are.
    pub(super) fn refused(&self, generation: u64) {
        let mut parts = self.parts();
        if parts.generation != generation {
            return;
        }
        parts.refused = true;
        parts.refusals = parts.refusals.saturating_add(1);
        // A plugin is asked once more first: what it gave may have been withdrawn.
        let at_wits_end = parts.exec.is_none() || parts.refusals > 1;
        let server = parts.config.cluster_url.to_string();
        drop(parts);
        if at_wits_end {
            self.tell(|state| {
                state.needed = Some(format!("the API server {server} does not accept the login of user {:?} (401)", state.user));
            });
        }
    }

    /// The server knows us.
    pub(super) fn accepted(&self, generation: u64) {
        let mut parts = self.parts();
        if parts.generation == generation && parts.refusals > 0 {
            (parts.refused, parts.refusals) = (false, 0);
            drop(parts);
            self.tell(|state| state.needed = None);
        }
    }

    /// Logs in again, on this program's own terminal, which must have been given up: reads
    /// the kubeconfig again and runs its plugin, which gets the keys as its
    /// `interactiveMode` says. May be dropped: the plugin is ended then, and the login
    /// stays as it was.
    ///
    /// # Errors
    /// When the kubeconfig leads elsewhere by now, and when there is no credential. The
    /// login then stays as it was.
    pub async fn again(&self) -> Result<(), ConnectError> {
        let _mine = LoggingIn::begin(self);
        self.tell(|state| state.saying.clear());
        let (kubeconfig, mut config) = {
            let files = self.0.options.kubeconfig.clone();
            let kubeconfig = read_narrowed(files, &self.0.target).await?;
            let config = settings(&kubeconfig).await?;
            (kubeconfig, config)
        };
        let cluster = |config: &Kubeconfig| serde_json::to_value(&config.clusters).ok();
        if cluster(&kubeconfig) != cluster(&self.kubeconfig()) {
            return Err(ConnectError::Elsewhere(config.cluster_url.to_string()));
        }
        let exec = config.auth_info.exec.take();
        let credential = match &exec {
            Some(exec) => credentials::run_on_terminal(exec, self.0.options.login_timeout).await?,
            None => Credential::default(),
        };
        self.take(credential, Some(Anew { kubeconfig: Arc::new(kubeconfig), config, exec })).await?;
        self.tell(|state| state.needed = None);
        Ok(())
    }

    /// Looks whether the credential is about to end: asks the plugin for another, and says
    /// so where that gives none that lasts longer.
    fn look(&self, now: DateTime<Utc>) {
        let mut parts = self.parts();
        let Some(expires) = parts.credential.as_ref().and_then(|credential| credential.expires) else { return };
        let lasts = expires - parts.obtained_at;
        let soon = expires - now < NOTICE.min(lasts / 3).max(MARGIN);
        let quiet = parts.exec.as_ref().is_none_or(credentials::wants_terminal);
        let tried = parts.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < Duration::from_secs(60));
        let young = parts.obtained.elapsed() < Duration::from_secs(60) && parts.generation > 0;
        if parts.logging_in {
            return;
        }
        if soon && !quiet && !tried && !young {
            // What comes of it is told by the run itself, and seen at the next look.
            drop(self.running(&mut parts));
            return;
        }
        let ended = now >= expires;
        drop(parts);
        self.tell(|state| {
            state.ends_soon = soon;
            if ended && quiet && state.needed.is_none() {
                state.needed = Some(format!("the login of user {:?} has ended", state.user));
            }
        });
    }
}

/// While somebody logs in, the plugin is not run behind the screen.
struct LoggingIn<'a>(&'a Login);

impl<'a> LoggingIn<'a> {
    fn begin(login: &'a Login) -> Self {
        let mut parts = login.parts();
        parts.logging_in = true;
        if let Some((_, abort)) = parts.running.take() {
            abort.abort();
        }
        drop(parts);
        Self(login)
    }
}

impl Drop for LoggingIn<'_> {
    fn drop(&mut self) {
        self.0.parts().logging_in = false;
    }
}

/// What a login replaces.
struct Anew {
    kubeconfig: Arc<Kubeconfig>,
    config: kube::Config,
    exec: Option<ExecConfig>,
}

impl Parts {
    fn command(&self) -> String {
        self.exec.as_ref().and_then(|exec| exec.command.clone()).unwrap_or_default()
    }

    fn dressed(&self) -> Dressed {
        let token = self.credential.as_ref().and_then(|credential| credential.token.clone());
        Dressed { client: self.client.clone(), token, generation: self.generation }
    }

    /// Whether requests go out without asking the plugin again.
    fn is_good(&self, now: DateTime<Utc>) -> bool {
        let Some(credential) = &self.credential else { return self.exec.is_none() };
        let young = self.obtained.elapsed() < PAUSE;
        let lasts = credential.expires.is_none_or(|expires| expires - now > MARGIN);
        match (self.refused, self.refusals) {
            (false, _) => lasts || young,
            // Once it is asked again at once; from then on as often as anything that fails.
            (true, ..=1) => false,
            (true, _) => young,
        }
    }

    /// Whether a credential that should be renewed can still be used.
    fn still_counts(&self, now: DateTime<Utc>) -> bool {
        let lasts = |credential: &Credential| credential.expires.is_none_or(|expires| expires > now);
        !self.refused && self.credential.as_ref().is_some_and(lasts)
    }
}

/// A client that shows a plugin's certificate, where it gave one. Its key goes through
/// serde because that is the one way to fill the client's secret field.
async fn client_with(mut config: kube::Config, credential: Option<&Credential>) -> Result<kube::Client, ConnectError> {
    use base64::Engine;
    if let Some((certificate, key)) = credential.and_then(|credential| credential.certificate.as_ref()) {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let shown = json!({"client-certificate-data": encode(certificate), "client-key-data": encode(key)});
        config.auth_info = serde_json::from_value::<AuthInfo>(shown)
            .map_err(|_| ConnectError::Unusable("the plugin's certificate cannot be used".into()))?;
    }
    tokio::task::spawn_blocking(move || kube::Client::try_from(config))
        .await
        .map_err(|error| ConnectError::Unusable(error.to_string()))?
        .map_err(|error| ConnectError::Unusable(error.to_string()))
}

/// Watches a login; see [`Login::watch`].
pub struct LoginWatch {
    login: Login,
    news: watch::Receiver<LoginState>,
    look: tokio::time::Interval,
}

impl LoginWatch {
    /// The login that is watched.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Waits until something has changed; how it stands then, at once the first time. May
    /// be dropped while it waits.
    pub async fn next(&mut self) -> LoginState {
        loop {
            tokio::select! {
                changed = self.news.changed() => {
                    if changed.is_err() {
                        // Its sender lives in the login, which lives in here.
                        std::future::pending::<()>().await;
                    }
                    return self.news.borrow_and_update().clone();
                }
                _ = self.look.tick() => self.login.look(Utc::now()),
            }
        }
    }
}
