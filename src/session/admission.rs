//! Whether a session may start, or be gone on with, although something speaks against it.
//!
//! Windows, freezes and `require` say what they say ([`super::window`],
//! [`super::require`]); here it is judged what follows, by the kind of the change and by
//! how far it is. A planned change (`deploy`, `migration`, `maintenance`, and one that
//! says nothing of its kind) is refused, urgent work is warned, a rehearsal and a dry run
//! are told what would be said. A change that has begun is never kept from going on: it
//! may have to be rolled back. `--emergency` passes everything, and everything it passes
//! is a deviation.

use super::event::Mode;
use crate::runbook::model::ChangeKind;

/// Something that speaks against a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// By which rule: `window`, `freeze` or `require`; also what the deviation is called.
    pub rule: &'static str,
    /// What it says, a fragment for people.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

impl Objection {
    /// By the runbook's window or one of its freezes.
    pub fn window(state: &super::window::WindowState, zone: chrono_tz::Tz) -> Option<Self> {
        use super::window::WindowState;
        let rule = match state {
            WindowState::Open { .. } => return None,
            WindowState::Closed { .. } => "window",
            WindowState::Frozen { .. } => "freeze",
        };
        Some(Self { rule, text: state.words(zone), hint: "wait for the window".to_owned() })
    }

    /// By something `require` asks for.
    pub fn require(unmet: String) -> Self {
        Self { rule: "require", text: unmet, hint: "do first what `require` asks for".to_owned() }
    }
}

/// What is to be started or gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applicant<'a> {
    /// Kind of the change, where the runbook says.
    pub kind: Option<ChangeKind>,
    /// How it acts on the world.
    pub mode: Mode,
    /// Reason of `--emergency`.
    pub emergency: Option<&'a str>,
    /// It is resumed and something was changed already.
    pub begun: bool,
}

/// What is deviated from: by which rule, and how.
pub type Deviations = Vec<(&'static str, String)>;

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It goes on.
    Granted {
        /// Said to the operator, and kept in view.
        notices: Vec<String>,
        /// For the record: what is deviated from, and how.
        deviations: Deviations,
    },
    /// It does not start.
    Refused(Vec<Objection>),
}

/// Whether a change is planned: it can wait for its window.
pub fn is_planned(kind: Option<ChangeKind>) -> bool {
    match kind {
        None | Some(ChangeKind::Deploy | ChangeKind::Migration | ChangeKind::Maintenance) => true,
        Some(ChangeKind::Rollback | ChangeKind::Hotfix | ChangeKind::Incident) => false,
    }
}

impl Admission {
    /// What is said and recorded where it goes on; nothing where it does not.
    ///
    /// # Errors
    /// What it was refused for.
    pub fn granted(self) -> Result<(Vec<String>, Deviations), Vec<Objection>> {
        match self {
            Self::Granted { notices, deviations } => Ok((notices, deviations)),
            Self::Refused(objections) => Err(objections),
        }
    }
}

/// What follows from what speaks against it.
pub fn judge(applicant: Applicant<'_>, objections: Vec<Objection>) -> Admission {
    let planned = is_planned(applicant.kind);
    let granted = |notice: &dyn Fn(&Objection) -> String, recorded: bool| Admission::Granted {
        notices: objections.iter().map(notice).collect(),
        deviations: objections.iter().filter(|_| recorded).map(|o| (o.rule, o.text.clone())).collect(),
    };
    match (applicant.mode, applicant.emergency) {
        (Mode::Rehearsal | Mode::DryRun, _) => {
            let would = if planned { "would be refused" } else { "would be warned" };
            granted(&|o| format!("for real this {would}: {}", o.text), false)
        }
        (Mode::Live, Some(_)) => granted(&|o| format!("EMERGENCY: started although {}", o.text), true),
        (Mode::Live, None) if applicant.begun => {
            granted(&|o| format!("gone on with although {}: changes have been made already", o.text), true)
        }
        (Mode::Live, None) if planned && !objections.is_empty() => Admission::Refused(objections),
        (Mode::Live, None) => granted(&|o| format!("started although {}", o.text), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(Option<ChangeKind>, bool); 7] = [
        (None, true),
        (Some(ChangeKind::Deploy), true),
        (Some(ChangeKind::Migration), true),
        (Some(ChangeKind::Maintenance), true),
        (Some(ChangeKind::Rollback), false),
        (Some(ChangeKind::Hotfix), false),
        (Some(ChangeKind::Incident), false),
    ];

    fn objections() -> Vec<Objection> {
        vec![
            Objection { rule: "window", text: "the window is closed".into(), hint: String::new() },
            Objection::require("it was never rehearsed".into()),
        ]
    }

    fn applicant(kind: Option<ChangeKind>, mode: Mode) -> Applicant<'static> {
        Applicant { kind, mode, emergency: None, begun: false }
    }

    #[test]
    fn planned_changes_are_refused_and_urgent_ones_warned() {
        for (kind, planned) in KINDS {
            let judged = judge(applicant(kind, Mode::Live), objections());
            if planned {
                assert_eq!(judged, Admission::Refused(objections()), "{kind:?}");
                continue;
            }
            let Admission::Granted { notices, deviations } = judged else { panic!("{kind:?} is refused") };
            assert_eq!(notices, ["started although the window is closed", "started although it was never rehearsed"]);
            assert_eq!(deviations.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["window", "require"]);
        }
    }

    #[test]
    fn an_emergency_passes_everything_and_records_it() {
        for (kind, _) in KINDS {
            let asked = Applicant { emergency: Some("checkout is down"), ..applicant(kind, Mode::Live) };
            let Admission::Granted { notices, deviations } = judge(asked, objections()) else { panic!("{kind:?} is refused") };
            assert!(notices.iter().all(|n| n.starts_with("EMERGENCY: ")), "{notices:?}");
            assert_eq!(deviations.len(), 2);
        }
    }

    #[test]
    fn rehearsals_and_dry_runs_are_only_told() {
        for mode in [Mode::Rehearsal, Mode::DryRun] {
            for (kind, planned) in KINDS {
                let Admission::Granted { notices, deviations } = judge(applicant(kind, mode), objections()) else {
                    panic!("{mode:?} {kind:?} is refused")
                };
                let word = if planned { "refused" } else { "warned" };
                assert_eq!(notices.first(), Some(&format!("for real this would be {word}: the window is closed")));
                assert_eq!(deviations, []);
            }
        }
    }

    #[test]
    fn what_has_begun_goes_on() {
        let begun = Applicant { begun: true, ..applicant(Some(ChangeKind::Deploy), Mode::Live) };
        let Admission::Granted { notices, deviations } = judge(begun, objections()) else { panic!("it is refused") };
        assert_eq!(
            notices.first().map(String::as_str),
            Some("gone on with although the window is closed: changes have been made already")
        );
        assert_eq!(deviations.len(), 2);
    }

    #[test]
    fn nothing_speaks_against_it() {
        let judged = judge(applicant(Some(ChangeKind::Deploy), Mode::Live), Vec::new());
        assert_eq!(judged, Admission::Granted { notices: Vec::new(), deviations: Vec::new() });
    }
}
