//! How a source is, seen over time.
//!
//! For the worse at once; for the better only after several good answers, so that a
//! source that comes and goes does not look well in between.

use chrono::{DateTime, Utc};

use crate::live::SourceState;

/// So many good answers in a row make a source well again.
const GOOD_AGAIN: u32 = 3;

/// The state of a source.
#[derive(Debug)]
pub(crate) struct Source {
    state: SourceState,
    answers: u32,
    good: u32,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self { state: SourceState::Connecting, answers: 0, good: 0 }
    }

    /// It answered as it should. The new state, where that changes it.
    pub(crate) fn good(&mut self) -> Option<SourceState> {
        self.answers += 1;
        self.good += 1;
        match &self.state {
            SourceState::Connected => None,
            SourceState::Connecting => self.become_(SourceState::Connected),
            _ if self.good >= GOOD_AGAIN => self.become_(SourceState::Connected),
            SourceState::Lost(..) if self.answers >= GOOD_AGAIN => {
                self.become_(SourceState::Degraded("answers again, not yet reliably".to_owned()))
            }
            _ => None,
        }
    }

    /// It answered, but not well. The new state, where that changes it.
    pub(crate) fn degraded(&mut self, why: &str) -> Option<SourceState> {
        self.answers += 1;
        self.good = 0;
        match &self.state {
            SourceState::Lost(_, since) if self.answers < GOOD_AGAIN => self.become_(SourceState::Lost(why.to_owned(), *since)),
            _ => self.become_(SourceState::Degraded(why.to_owned())),
        }
    }

    /// It did not answer. The new state, where that changes it.
    pub(crate) fn lost(&mut self, why: &str, at: DateTime<Utc>) -> Option<SourceState> {
        (self.answers, self.good) = (0, 0);
        let since = if let SourceState::Lost(_, since) = self.state { since } else { at };
        self.become_(SourceState::Lost(why.to_owned(), since))
    }

    fn become_(&mut self, state: SourceState) -> Option<SourceState> {
        (self.state != state).then(|| {
            self.state = state.clone();
            state
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(why: &str) -> SourceState {
        SourceState::Lost(why.into(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn worse_at_once_better_only_after_three_good_answers() {
        let mut source = Source::new();
        assert_eq!(source.good(), Some(SourceState::Connected));
        assert_eq!(source.good(), None);
        assert_eq!(source.lost("refused", DateTime::UNIX_EPOCH), Some(lost("refused")));
        let later = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(9);
        assert_eq!(source.lost("timed out", later), Some(lost("timed out")), "still lost since the first");
        assert_eq!([source.good(), source.good()], [None, None]);
        assert_eq!(source.lost("timed out", later), None);
        assert_eq!([source.good(), source.good(), source.good()], [None, None, Some(SourceState::Connected)]);
    }

    #[test]
    fn a_lost_source_that_answers_badly_becomes_degraded() {
        let mut source = Source::new();
        source.lost("refused", DateTime::UNIX_EPOCH);
        assert_eq!(source.degraded("status 503"), Some(lost("status 503")));
        assert_eq!(source.degraded("status 503"), None);
        assert_eq!(source.degraded("status 503"), Some(SourceState::Degraded("status 503".into())));
        assert_eq!([source.good(), source.good()], [None, None]);
        assert_eq!(source.good(), Some(SourceState::Connected));
    }

    #[test]
    fn good_and_bad_answers_in_turn_never_look_well() {
        let mut source = Source::new();
        for _ in 0..5 {
            source.degraded("a warning");
            source.good();
            source.good();
            assert_eq!(source.state, SourceState::Degraded("a warning".into()));
        }
    }
}
