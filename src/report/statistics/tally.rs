//! The figures of one set of sessions.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, Emergency, Failed, Figure, Group, Metric, Named};
use crate::session::event::SessionOutcome;
use crate::session::figures::{Figures, Names};

/// So many of each list are shown.
const MOST: usize = 10;
/// Shorter times say nothing of how often something happens in a week.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

impl Case<'_> {
    fn kind(&self) -> &str {
        self.run.opened.kind.as_deref().unwrap_or_default()
    }

    /// Whether it is about undoing another session, and counts to that one.
    pub(super) fn rolls_back(&self) -> bool {
        self.run.opened.rolls_back.is_some()
    }

    fn outcome(&self) -> Option<SessionOutcome> {
        self.run.figures.outcome
    }

    fn completed(&self) -> bool {
        self.outcome() == Some(SessionOutcome::Completed)
    }

    /// Whether it ended before it changed anything.
    pub(super) fn is_called_off(&self) -> bool {
        !self.completed() && self.run.figures.changes == 0
    }

    /// Whether some figure is about sessions of its kind.
    pub(super) fn is_counted_kind(&self) -> bool {
        self.is_change_kind() || matches!(self.kind(), "incident" | "rollback")
    }

    fn is_change_kind(&self) -> bool {
        matches!(self.kind(), "deploy" | "hotfix" | "migration" | "maintenance")
    }

    fn is_change(&self) -> bool {
        !self.rolls_back() && !self.is_called_off() && self.is_change_kind()
    }

    pub(super) fn is_deployment(&self) -> bool {
        self.is_change() && matches!(self.kind(), "deploy" | "hotfix")
    }

    fn is_incident(&self) -> bool {
        !self.rolls_back() && !self.is_called_off() && matches!(self.kind(), "incident" | "rollback")
    }

    /// Completed, and it stayed so.
    pub(super) fn succeeded(&self) -> bool {
        self.completed() && self.undone_by.is_none()
    }

    fn was_rolled_back(&self) -> bool {
        let outcome = matches!(self.outcome(), Some(SessionOutcome::RolledBack | SessionOutcome::RollbackFailed));
        outcome || self.run.figures.rolled_back || self.undone_by.is_some()
    }

    /// From trouble to recovery, milliseconds. Outer none: it is about no recovery; inner
    /// none: it has not recovered, or the times cannot be right.
    fn recovery(&self) -> Option<Option<f64>> {
        let figures = &self.run.figures;
        let between = |from: DateTime<Utc>, to: DateTime<Utc>| Some((to - from).num_milliseconds()).filter(|ms| *ms >= 0);
        let ms = if let Some(later) = self.undone_by.filter(|_| self.is_change()) {
            between(later.opened.at, later.figures.recovered.unwrap_or(later.closed))
        } else if self.is_change() && !self.completed() {
            let trouble = figures.trouble.as_ref().filter(|_| self.outcome() == Some(SessionOutcome::RolledBack));
            trouble.and_then(|trouble| between(trouble.at, figures.recovered.unwrap_or(self.run.closed)))
        } else if self.is_incident() {
            Some(self.run).filter(|_| self.completed()).and_then(|run| between(run.opened.at, run.closed))
        } else {
            return None;
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of years fit")]
        let ms = ms.map(|ms| ms as f64);
        Some(ms)
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count(values.len()))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has that many sessions")]
fn count(n: usize) -> f64 {
    n as f64
}

/// `part` of `whole` in percent.
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * count(part) / count(whole))
}

/// The figures of some sessions over some time.
pub(super) fn group(name: String, cases: &[Case<'_>], span: Option<TimeDelta>) -> Group {
    let deployments: Vec<&Case<'_>> = cases.iter().filter(|case| case.is_deployment()).collect();
    let changes: Vec<&Case<'_>> = cases.iter().filter(|case| case.is_change()).collect();
    let completed = || deployments.iter().filter(|case| case.completed());
    let ms = |ms: u64| count(usize::try_from(ms).unwrap_or(usize::MAX));
    let walked: Vec<f64> = completed().map(|case| ms(case.run.figures.walked_ms)).collect();
    let estimated: Vec<(f64, f64)> = completed()
        .filter_map(|case| Some((ms(case.run.figures.walked_ms), ms(case.run.opened.estimate_ms.filter(|e| *e > 0)?))))
        .collect();
    let (spent, planned) = estimated.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let succeeded = deployments.iter().filter(|case| case.succeeded()).count();
    let rolled_back = deployments.iter().filter(|case| case.was_rolled_back()).count();
    let failed = changes.iter().filter(|case| !case.succeeded()).count();
    let recovered: Vec<f64> = cases.iter().filter_map(Case::recovery).flatten().collect();
    let lead: Vec<f64> = deployments.iter().filter(|case| case.succeeded()).filter_map(|case| lead(case)).collect();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of years fit")]
    let weeks = span.filter(|span| *span >= SHORTEST).map(|span| span.num_milliseconds() as f64 / 604_800_000.0);
    let figure = |metric: Metric, value: Option<f64>, over: usize| Figure {
        metric,
        value,
        over: over as u64,
        target: metric.target(),
        met: metric.target().zip(value).map(|(target, value)| target.is_met(value)),
    };
    let figures = vec![
        figure(Metric::SuccessRate, share(succeeded, deployments.len()), deployments.len()),
        figure(Metric::DeployTime, mean(&walked), walked.len()),
        figure(Metric::AgainstEstimate, (planned > 0.0).then(|| 100.0 * spent / planned), estimated.len()),
        figure(Metric::RollbackRate, share(rolled_back, deployments.len()), deployments.len()),
        figure(Metric::Recovery, mean(&recovered), recovered.len()),
        figure(Metric::ChangeFailure, share(failed, changes.len()), changes.len()),
        figure(
            Metric::Frequency,
            weeks.filter(|_| !deployments.is_empty()).map(|weeks| count(succeeded) / weeks),
            deployments.len(),
        ),
        figure(Metric::LeadTime, mean(&lead), lead.len()),
    ];
    let not_recovered = cases.iter().filter_map(Case::recovery).filter(Option::is_none).count() as u64;
    Group { name, figures, succeeded: succeeded as u64, deployments: deployments.len() as u64, not_recovered }
}

/// From the commit to the close, milliseconds.
fn lead(case: &Case<'_>) -> Option<f64> {
    let ms = (case.run.closed - case.run.opened.committed?).num_milliseconds();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of years fit")]
    (ms >= 0).then_some(ms as f64)
}

/// The steps that take longest on average.
pub(super) fn slowest(cases: &[Case<'_>]) -> Vec<Named> {
    let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for case in cases {
        for step in &case.run.figures.slowest {
            let sum = sums.entry((&case.run.opened.runbook, &step.path)).or_default();
            *sum = (sum.0 + 1, sum.1.saturating_add(step.ms));
        }
    }
    let mut all: Vec<Named> = sums
        .into_iter()
        .map(|((runbook, name), (times, ms))| Named {
            runbook: runbook.to_owned(),
            name: name.to_owned(),
            times,
            mean_ms: ms.checked_div(times),
        })
        .collect();
    all.sort_by_key(|step| std::cmp::Reverse(step.mean_ms));
    all.truncate(MOST);
    all
}

/// What a list of the sessions names most often.
pub(super) fn named(cases: &[Case<'_>], list: impl Fn(&Figures) -> &Names) -> Vec<Named> {
    let mut times: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for case in cases {
        let names = list(&case.run.figures);
        for name in &names.names {
            *times.entry((&case.run.opened.runbook, name)).or_default() += 1;
        }
        if names.more > 0 {
            *times.entry((&case.run.opened.runbook, "(further ones)")).or_default() += u64::from(names.more);
        }
    }
    let named = |((runbook, name), times): ((&str, &str), u64)| Named {
        runbook: runbook.to_owned(),
        name: name.to_owned(),
        times,
        mean_ms: None,
    };
    let mut all: Vec<Named> = times.into_iter().map(named).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.times));
    all.truncate(MOST);
    all
}

/// Changes that failed, newest first.
pub(super) fn failed(cases: &[Case<'_>]) -> Vec<Failed> {
    let mut failed: Vec<&Case<'_>> = cases.iter().filter(|case| case.is_change() && !case.succeeded()).collect();
    failed.sort_by_key(|case| std::cmp::Reverse(case.run.closed));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole milliseconds, never negative")]
    let whole = |ms: f64| ms as u64;
    let one = |case: &&Case<'_>| {
        Some(Failed {
            sid: case.run.sid.clone(),
            title: case.run.opened.title.clone(),
            service: case.run.opened.service.clone(),
            outcome: case.outcome()?,
            rolled_back_by: case.undone_by.map(|later| later.sid.clone()),
            trouble: case.run.figures.trouble.as_ref().map(|trouble| trouble.what.clone()),
            recovery_ms: case.recovery().flatten().map(whole),
        })
    };
    failed.iter().filter_map(one).collect()
}

/// Sessions that were emergencies, newest first.
pub(super) fn emergencies(cases: &[Case<'_>]) -> Vec<Emergency> {
    let mut found: Vec<&Case<'_>> = cases.iter().filter(|case| case.run.opened.emergency || case.run.figures.emergency).collect();
    found.sort_by_key(|case| std::cmp::Reverse(case.run.closed));
    found.iter().map(|case| Emergency { sid: case.run.sid.clone(), reviewed: case.run.reviewed.clone() }).collect()
}
