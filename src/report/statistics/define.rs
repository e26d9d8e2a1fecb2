//! What each figure means, and what it should be.

use serde::{Serialize, Serializer};

/// A figure that is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`definition` says what each is")]
pub enum Metric {
    SuccessRate,
    DeployTime,
    AgainstEstimate,
    RollbackRate,
    Recovery,
    ChangeFailure,
    Frequency,
    LeadTime,
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Percent.
    Percent,
    /// Milliseconds, shown as a duration.
    Time,
    /// So many a week.
    PerWeek,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// More than that.
    Above(f64),
    /// Less than that.
    Below(f64),
}

impl Target {
    /// Whether a value is as it should be.
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::Above(limit) => value > limit,
            Self::Below(limit) => value < limit,
        }
    }

    /// The limit itself.
    pub fn limit(self) -> f64 {
        match self {
            Self::Above(limit) | Self::Below(limit) => limit,
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let word = match self {
            Self::Above(_) => "above",
            Self::Below(_) => "below",
        };
        s.collect_map([(word, self.limit())])
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.key())
    }
}

impl Metric {
    /// All, in the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::SuccessRate,
        Self::DeployTime,
        Self::AgainstEstimate,
        Self::RollbackRate,
        Self::Recovery,
        Self::ChangeFailure,
        Self::Frequency,
        Self::LeadTime,
    ];

    /// The name for programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::SuccessRate => "success_rate",
            Self::DeployTime => "deployment_time",
            Self::AgainstEstimate => "time_against_estimate",
            Self::RollbackRate => "rollback_rate",
            Self::Recovery => "mttr",
            Self::ChangeFailure => "change_failure_rate",
            Self::Frequency => "deployment_frequency",
            Self::LeadTime => "lead_time",
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::SuccessRate => "Success rate",
            Self::DeployTime => "Deployment time",
            Self::AgainstEstimate => "Time against the estimate",
            Self::RollbackRate => "Rollback rate",
            Self::Recovery => "Time to recovery (MTTR)",
            Self::ChangeFailure => "Change failure rate",
            Self::Frequency => "Deployment frequency",
            Self::LeadTime => "Lead time",
        }
    }

    /// What is counted, and what it is divided by.
    pub fn definition(self) -> &'static str {
        match self {
            Self::SuccessRate => {
                "Deployments that completed and were not rolled back later, of all deployments. A deployment is a closed live \
                 session of a change of kind deploy or hotfix that completed or changed something; one that rolls another \
                 back counts to that other."
            }
            Self::DeployTime => "Mean time walked of deployments that completed; time away from the program is not counted.",
            Self::AgainstEstimate => {
                "Time walked of completed deployments, of the time their runbooks estimate; only those with an estimate. Above \
                 100 % they take longer than planned."
            }
            Self::RollbackRate => {
                "Deployments that were rolled back, in their own session or by a later one, of all deployments."
            }
            Self::Recovery => {
                "Mean time to recovery. For a failed change that was rolled back: from the first trouble in its record (a guard \
                 that tripped, a gate that failed or held, a step or change that failed) until the rollback had worked; where \
                 a later session rolled it back, from the opening of that one. For incidents and rollbacks by runbook that \
                 completed: from opening to close. What has not recovered is not in the mean and is counted beside it."
            }
            Self::ChangeFailure => {
                "Changes (deploy, hotfix, migration, maintenance) that failed, of all that completed or changed something. \
                 Failed is what ended in any way but completed, and what a later session rolled back."
            }
            Self::Frequency => "Deployments that completed and were not rolled back, for each week of the time shown.",
            Self::LeadTime => {
                "Mean time from when the change was committed (`change: {committed: ..}` in the runbook) to the close of its \
                 deployment; only completed ones that say so."
            }
        }
    }

    /// What it should be, where there is a target.
    pub fn target(self) -> Option<Target> {
        match self {
            Self::SuccessRate => Some(Target::Above(99.0)),
            Self::DeployTime => Some(Target::Below(30.0 * 60_000.0)),
            Self::RollbackRate => Some(Target::Below(5.0)),
            Self::Recovery => Some(Target::Below(15.0 * 60_000.0)),
            Self::ChangeFailure => Some(Target::Below(10.0)),
            Self::AgainstEstimate | Self::Frequency | Self::LeadTime => None,
        }
    }

    /// What it is measured in.
    pub fn unit(self) -> Unit {
        match self {
            Self::SuccessRate | Self::AgainstEstimate | Self::RollbackRate | Self::ChangeFailure => Unit::Percent,
            Self::DeployTime | Self::Recovery | Self::LeadTime => Unit::Time,
            Self::Frequency => Unit::PerWeek,
        }
    }
}
