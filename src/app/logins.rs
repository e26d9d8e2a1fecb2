//! The cluster's login while a session is walked: what there is to say of it, and handing
//! the terminal over to renew it.
//!
//! The session goes on meanwhile: guards are judged, panels are kept, and whatever comes of
//! the login nothing that was refused is sent again.

use futures::future::pending;

use super::walk::Walk;
use crate::ports::{Login, LoginState, LoginWatch};
use crate::redact::Redactor;
use crate::terminal::modes::Modes;
use crate::terminal::signals::{Signals, TerminalSignal};

/// Standing notices of logins begin so.
const LOGIN: &str = "LOGIN ";
/// How one logs in, on the screen and in lines.
const HOW: &str = "Ctrl-G (or `login`) logs in again, on this terminal";

/// The login of the session's cluster, where it has one.
#[derive(Default)]
pub(super) struct Logins {
    watch: Option<LoginWatch>,
    state: LoginState,
    asked: bool,
}

impl Logins {
    pub(super) fn new(watch: Option<LoginWatch>) -> Self {
        Self { watch, ..Self::default() }
    }

    /// Waits until something has changed; never, where there is no login.
    pub(super) async fn next(&mut self) -> LoginState {
        match &mut self.watch {
            Some(watch) => watch.next().await,
            None => pending().await,
        }
    }

    /// Keeps the standing notices in step; those of the login come first, since nothing
    /// goes through without it.
    pub(super) fn take(&mut self, notices: &mut Vec<String>, redactor: &Redactor, state: LoginState) {
        notices.retain(|notice| !notice.starts_with(LOGIN));
        let said = said(&state).into_iter().map(|text| redactor.clean(text));
        notices.splice(0..0, said);
        self.state = state;
    }

    /// Why nothing goes through without a new login, where that is so.
    pub(super) fn needed(&self) -> Option<&str> {
        self.state.needed.as_deref()
    }

    /// Somebody wants to log in again.
    ///
    /// # Errors
    /// Where there is nothing to log in to.
    pub(super) fn ask(&mut self) -> Result<(), String> {
        if self.watch.is_none() {
            return Err("this session has no login of a cluster to renew".to_owned());
        }
        self.asked = true;
        Ok(())
    }

    /// The login that is to be made again, once.
    pub(super) fn asked(&mut self) -> Option<Login> {
        let asked = std::mem::take(&mut self.asked);
        self.watch.as_ref().filter(|_| asked).map(|watch| watch.login().clone())
    }
}

/// The notices of a login.
fn said(state: &LoginState) -> Vec<String> {
    let user = &state.user;
    let mut said: Vec<String> =
        state.saying.iter().map(|line| format!("{LOGIN}of {user}: its credential plugin says: {line}")).collect();
    if let Some(why) = &state.needed {
        said.push(format!("{LOGIN}NEEDED: {why}. {HOW}."));
    } else if let Some(expires) = state.expires.filter(|_| state.ends_soon) {
        said.push(format!(
            "{LOGIN}of {user} ENDS at {} and could not be renewed without you. {HOW}.",
            expires.format("%H:%M:%S UTC")
        ));
    }
    said
}

/// How logging in went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoggedIn {
    /// It did, or why not.
    Done(Result<String, String>),
    /// A signal asked to leave meanwhile.
    Left,
}

/// What is on the terminal while it is lent.
pub(super) fn announcement(login: &Login) -> String {
    let user = login.state().user;
    format!("Logging in again as {user}, for the session. Ctrl-C gives up; the session goes on either way.")
}

/// Logs in on the terminal, which must have been given up, while the session goes on. The
/// terminal's modes are afterwards what they were, whatever a plugin did to them.
pub(super) async fn log_in(walk: &mut Walk, login: &Login, signals: &mut Signals) -> LoggedIn {
    let _modes = Modes::kept();
    let again = login.again();
    tokio::pin!(again);
    let done = loop {
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                TerminalSignal::Terminate | TerminalSignal::Hangup => return LoggedIn::Left,
                // Ctrl-C is for the plugin.
                TerminalSignal::Interrupt | TerminalSignal::Resize => {}
            },
            done = &mut again => break done,
            () = walk.turn() => {}
        }
    };
    signals.forget_interrupts();
    let user = login.state().user;
    LoggedIn::Done(match done {
        Ok(()) => Ok(format!("logged in again as {user}; what was refused meanwhile was not sent again")),
        Err(why) => Err(format!("not logged in: {why}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_of_the_login_come_first_and_go_with_their_reason() {
        let mut logins = Logins::default();
        let mut notices = vec!["other".to_owned()];
        let redactor = Redactor::new();
        let state = LoginState { user: "ada".into(), ..LoginState::default() };
        let saying = LoginState { saying: vec!["open https://a".into(), "type ABCD".into()], ..state.clone() };
        logins.take(&mut notices, &redactor, saying);
        assert_eq!(
            notices,
            [
                "LOGIN of ada: its credential plugin says: open https://a",
                "LOGIN of ada: its credential plugin says: type ABCD",
                "other"
            ]
        );
        let expires = chrono::DateTime::from_timestamp(1_800_000_000, 0);
        logins.take(&mut notices, &redactor, LoginState { expires, ends_soon: true, ..state.clone() });
        assert_eq!(
            notices,
            [
                "LOGIN of ada ENDS at 08:00:00 UTC and could not be renewed without you. Ctrl-G (or `login`) logs in again, on this \
              terminal.",
                "other"
            ]
        );
        assert_eq!(logins.needed(), None);
        logins.take(&mut notices, &redactor, LoginState { expires, needed: Some("401".into()), ..state.clone() });
        assert!(notices[0].starts_with("LOGIN NEEDED: 401. Ctrl-G"), "{notices:?}");
        assert_eq!(logins.needed(), Some("401"));
        logins.take(&mut notices, &redactor, LoginState { expires, ..state });
        assert_eq!(notices, ["other"]);
    }

    #[test]
    fn there_is_nothing_to_log_in_to_without_a_cluster() {
        let mut logins = Logins::new(None);
        assert!(logins.ask().is_err() && logins.asked().is_none());
    }
}
