//! What is going wrong just now.
//!
//! Keeps the scenario's events, when each begins and ends, and which hold. A new kind of
//! fault is a variant of [`Fault`] and a question here that the answering side asks.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Millis;
use super::period::Period;
use super::scenario::{ApiFault, Event, Fault, HealthFault, PrometheusFault, Trigger};

/// A fault begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It begins, or happens once.
    Begins(Fault),
    /// It is over.
    Ends(Fault),
}

/// The events of a scenario and which of them hold.
#[derive(Debug)]
pub(crate) struct Faults {
    events: Vec<Event>,
    queue: BTreeMap<(Millis, u64), (usize, bool)>,
    queued: u64,
    active: BTreeSet<usize>,
}

impl Faults {
    /// The events of a scenario; those with a time wait for it.
    ///
    /// Chance is asked once for each event, in their order, so that what one event does
    /// changes nothing for the others.
    pub(crate) fn new(events: &[Event], seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xfa017);
        let mut events = events.to_vec();
        for event in &mut events {
            let later = random.i64(0..=event.jitter.millis().clamp(0, i64::MAX - 1));
            let happens = random.u8(1..=100) <= event.chance;
            event.delay = Period(event.delay.0 + std::time::Duration::from_millis(later.unsigned_abs()));
            event.chance = if happens { 100 } else { 0 };
        }
        let mut faults = Self { queue: BTreeMap::new(), queued: 0, active: BTreeSet::new(), events: events.clone() };
        for (index, event) in events.iter().enumerate() {
            if let Trigger::At(at) = event.trigger {
                faults.begin_later(index, at.millis());
            }
        }
        faults
    }

    /// When something begins or ends next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Begins or ends the next thing that is due, and says what.
    pub(crate) fn take_due(&mut self, to: Millis) -> Option<Turn> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= to)?;
        let ((at, _), (index, begins)) = entry.remove_entry();
        let event = self.events.get(index)?;
        let fault = event.fault.clone();
        if !begins {
            self.active.remove(&index);
            return Some(Turn::Ends(fault));
        }
        self.active.insert(index);
        if let Some(lasts) = event.lasts {
            self.later(index, at + lasts.millis(), false);
        }
        Some(Turn::Begins(fault))
    }

    /// A step was entered.
    pub(crate) fn step_entered(&mut self, path: &str, now: Millis) {
        for index in self.waiting_for(|trigger| matches!(trigger, Trigger::During(step) if step == path)) {
            self.begin_later(index, now);
        }
    }

    /// A step has ended.
    pub(crate) fn step_ended(&mut self, path: &str, now: Millis) {
        for index in self.waiting_for(|trigger| matches!(trigger, Trigger::During(step) if step == path)) {
            self.queue.retain(|_, (other, _)| *other != index);
            if self.active.contains(&index) {
                self.later(index, now, false);
            }
        }
        for index in self.waiting_for(|trigger| matches!(trigger, Trigger::After(step) if step == path)) {
            self.begin_later(index, now);
        }
    }

    /// What is the matter with Prometheus.
    pub(crate) fn prometheus(&self) -> Option<PrometheusFault> {
        self.holding().find_map(|fault| match fault {
            Fault::Prometheus(fault) => Some(*fault),
            _ => None,
        })
    }

    /// What is the matter with the health endpoint of a service.
    pub(crate) fn health(&self, service: &str) -> Option<HealthFault> {
        self.holding().find_map(|fault| match fault {
            Fault::Health(fault, None) => Some(*fault),
            Fault::Health(fault, Some(only)) if only.as_str() == service => Some(*fault),
            _ => None,
        })
    }

    /// Whether the API server is down.
    pub(crate) fn api_is_down(&self) -> bool {
        self.holding().any(|fault| matches!(fault, Fault::Kubernetes(ApiFault::Down)))
    }

    /// How long the API server takes for everything, where it is slow.
    pub(crate) fn api_is_slow(&self) -> Option<Period> {
        self.holding().find_map(|fault| match fault {
            Fault::Kubernetes(ApiFault::Slow(period)) => Some(*period),
            _ => None,
        })
    }

    /// Whether the login has expired, so that every request is answered 401.
    pub(crate) fn login_expired(&self) -> bool {
        self.holding().any(|fault| matches!(fault, Fault::LoginExpired))
    }

    /// Whether the network is cut: nothing answers.
    pub(crate) fn network_is_cut(&self) -> bool {
        self.holding().any(|fault| matches!(fault, Fault::NetworkCut))
    }

    /// Whether the disk under the session's journal has no room left.
    pub(crate) fn disk_is_full(&self) -> bool {
        self.holding().any(|fault| matches!(fault, Fault::DiskFull))
    }

    /// Whether a verb on a resource, by plural, is refused. Who names a resource means its
    /// subresources too; who names a subresource (`pods/log`) means that alone. `name` is
    /// empty where a request names no object.
    pub(crate) fn forbids(&self, verb: &str, plural: &str, sub: &str, name: &str) -> bool {
        let whole = format!("{plural}/{sub}");
        let covers = |list: &[String], words: &[&str]| list.is_empty() || list.iter().any(|one| words.contains(&one.as_str()));
        self.holding().any(|fault| match fault {
            Fault::Forbid(forbidden) => {
                let spared = !name.is_empty() && forbidden.except.iter().any(|one| one == name);
                !spared && covers(&forbidden.verbs, &[verb]) && covers(&forbidden.resources, &[plural, &whole])
            }
            _ => false,
        })
    }

    /// Whether everything is allowed.
    pub(crate) fn forbids_nothing(&self) -> bool {
        !self.holding().any(|fault| matches!(fault, Fault::Forbid(_)))
    }

    fn holding(&self) -> impl Iterator<Item = &Fault> {
        self.active.iter().filter_map(|index| self.events.get(*index)).map(|event| &event.fault)
    }

    fn waiting_for(&self, trigger: impl Fn(&Trigger) -> bool) -> Vec<usize> {
        self.events.iter().enumerate().filter(|(_, event)| trigger(&event.trigger)).map(|(index, _)| index).collect()
    }

    fn begin_later(&mut self, index: usize, from: Millis) {
        if self.events.get(index).is_none_or(|event| event.chance == 0) {
            return;
        }
        let delay = self.events.get(index).map_or(0, |event| event.delay.millis());
        self.later(index, from + delay, true);
    }

    fn later(&mut self, index: usize, at: Millis, begins: bool) {
        self.queued += 1;
        self.queue.insert((at, self.queued), (index, begins));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::scenario::{Forbidden, KillPod, Name};

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    fn event(trigger: Trigger, delay: &str, fault: Fault, lasts: Option<&str>) -> Event {
        Event { trigger, delay: period(delay), fault, lasts: lasts.map(period), jitter: Period::default(), chance: 100 }
    }

    fn advance(faults: &mut Faults, to: Millis) -> usize {
        std::iter::from_fn(|| faults.take_due(to)).filter(|turn| matches!(turn, Turn::Begins(_))).count()
    }

    #[test]
    fn faults_begin_and_end_by_time() {
        let at = Trigger::At(period("6m"));
        let mut faults = Faults::new(&[event(at, "0s", Fault::Prometheus(PrometheusFault::Down), Some("2m"))], 1);
        advance(&mut faults, 359_999);
        assert_eq!((faults.prometheus(), faults.next_due()), (None, Some(360_000)));
        advance(&mut faults, 360_000);
        assert_eq!(faults.prometheus(), Some(PrometheusFault::Down));
        advance(&mut faults, 480_000);
        assert_eq!((faults.prometheus(), faults.next_due()), (None, None));
    }

    #[test]
    fn faults_follow_steps() {
        let kill = Fault::KillPod(KillPod { selector: "app=a".to_owned(), count: 1 });
        let hang = Fault::Health(HealthFault::Hang, Some(Name::from("a")));
        let mut faults = Faults::new(
            &[
                event(Trigger::After("shift[10]".to_owned()), "5s", kill, None),
                event(Trigger::During("watch".to_owned()), "0s", hang, None),
            ],
            1,
        );
        faults.step_ended("shift[10]", 1_000);
        assert_eq!((advance(&mut faults, 5_999), advance(&mut faults, 6_000)), (0, 1));
        faults.step_entered("watch", 7_000);
        advance(&mut faults, 7_000);
        assert_eq!((faults.health("a"), faults.health("b")), (Some(HealthFault::Hang), None));
        faults.step_ended("watch", 8_000);
        advance(&mut faults, 8_000);
        assert_eq!(faults.health("a"), None);
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let hang = Fault::Health(HealthFault::Hang, None);
        let at = |seed| {
            let maybe = Event { jitter: period("5m"), chance: 50, ..event(Trigger::At(period("1m")), "0s", hang.clone(), None) };
            Faults::new(&vec![maybe; 8], seed).queue.keys().map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let (first, other) = (at(7), at(8));
        assert!(first == at(7) && first != other);
        assert!((1..8).contains(&first.len()) && first.iter().all(|at| (60_000..=360_000).contains(at)), "{first:?}");
    }

    #[test]
    fn a_withdrawn_permission_covers_what_it_names() {
        let forbidden = Forbidden { verbs: vec!["patch".to_owned()], resources: vec![], except: vec!["checkout".to_owned()] };
        let mut faults = Faults::new(&[event(Trigger::At(period("0s")), "0s", Fault::Forbid(forbidden), None)], 1);
        advance(&mut faults, 0);
        assert!(faults.forbids("patch", "deployments", "", "") && !faults.forbids("get", "deployments", "", ""));
        assert!(faults.forbids("patch", "deployments", "", "other") && !faults.forbids("patch", "deployments", "", "checkout"));
    }
}
