//! Whatever is said to a session, in whatever order: what must hold holds, and someone
//! can always bring it to its end.

use proptest::prelude::*;

use super::*;
use crate::session::intent::{ObjectState, Resource};

const EVERYTHING: &str = "signals: {s: {prometheus: up, every: 10s, baseline: 5m}, h: {http: {url: 'http://h/'}}}
guards:
  - {id: bad, when: signals.s.value > 5, for: 20s, then: rollback, decide_within: 5m, expired: rollback, arm: start}
  - {id: odd, when: signals.h.failures > 2, then: fix}
  - {id: low, when: signals.s.value < 0.1, then: hold, automatic: true, arm: c}
steps:
  - {id: list, title: List, checklist: [One, {text: Two, check: signals.s.value < 1}]}
  - {id: w, title: W, when: signals.s.value < 4, run: {command: [w]}, undo: {run: {command: [un-w]}}, on_failure: {call: fix, then: retry}}
  - {id: c, title: C, for_each: [1, 2], call: shift, with: {n: '${{ item }}'}, undo: {call: back}}
  - {id: p, title: P, parallel: [{id: x, title: X, run: {command: [x], reads_only: true}}, {id: y, title: Y, when: signals.s.value > 0, gate: {pass: signals.s.value < 1, for: 30s}}]}
  - {id: d, title: D, decide: {question: Q?, within: 3m, otherwise: b, options: [{key: a, label: A, next: last}, {key: b, label: B}, {key: c, label: C, call: fix}, {key: d, label: D, call: rollback}]}}
  - {id: g, title: G, gate: {pass: signals.s.value < 1, fail: signals.s.value > 3, for: 1m, failures: 2, no_data: fail}, on_failure: rollback}
  - {id: last, title: Last, point_of_no_return: true, run: {command: [last]}, look: {run: {command: [see], reads_only: true}, done: result.exit == 0}}
finally:
  - {id: f, title: F, run: {command: [f]}, on_failure: abort}
  - {id: q, title: Q, confirm: {question: Q?, no: abort}, timeout: 10m}
procedures:
  fix: {steps: [{id: m, title: M, run: {command: [m]}, interrupt: kill}, {id: n, title: N, confirm: N?}]}
  back: {steps: [{id: k, title: K, run: {command: [k]}}]}
  shift: {params: {n: {type: integer}}, steps: [{id: s, title: 'S ${{ with.n }}', run: {command: [s]}, undo: {run: {command: [un-s]}}, interrupt: wait}, {id: t, title: T, wait: 20s}]}
";

const ROLLING: &str = "signals: {s: {prometheus: up, every: 10s}}
steps:
  - {id: i, title: I, kubernetes: {set_image: {deployment: web, container: app, image: 'web:2'}}, undo: restore, on_failure: rollback}
  - {id: j, title: J, kubernetes: {set_image: {deployment: web, container: app, image: 'web:3'}}, undo: {kubernetes: {rollout_undo: {deployment: web}}}}
  - {id: r, title: R, run: {command: [r], reads_only: true, capture: {n: {stdout: true}}}, repeat: {until: steps.r.n == 'x', max: 3, delay: 5s}, retry: {attempts: 2, delay: 5s}}
  - {id: h, title: H, run: {command: [h]}}
  - {id: a, title: A, approve: {by: [me], min: 1}}
  - {id: form, title: Form, input: {who: {prompt: Who}}}
procedures:
  rollback: {title: Back, steps: [{id: pre, title: Pre, run: {command: [pre]}}, {id: undo, title: Undo, undo: all}, {id: ok, title: Ok, gate: {pass: signals.s.value < 1, for: 20s}}]}
";

const PLAIN: &str = "steps:
  - {id: a, title: A, confirm: {question: A?, no: fix}, timeout: 20m}
  - {id: b, title: B, run: {command: [b]}, undo: {none: harmless}, retry: {attempts: 3, delay: 1s}}
  - {id: c, title: C, confirm: {question: C?, no: rollback}}
procedures: {fix: {steps: [{id: z, title: Z, run: {command: [z], reads_only: true}, on_failure: abort}]}}
";

/// One thing that is said or happens; the numbers choose which.
type Said = (u8, u8, u8);

fn any_step(walk: &Walk, pick: u8) -> StepRef {
    let mut step = match (pick % 4, walk.prompt()) {
        (0..=2, Prompt::When { step, .. }) => step,
        (0..=2, _) => walk.session.step_in_hand().unwrap_or(StepRef { path: StepPath::new("?"), visit: 1 }),
        _ => {
            let all = &walk.session.order;
            all.get(usize::from(pick) % all.len().max(1)).cloned().unwrap_or(StepRef { path: StepPath::new("?"), visit: 1 })
        }
    };
    if pick > 250 {
        step.visit += 1;
    }
    step
}

fn object() -> Box<ObjectState> {
    let resource = Resource { group: "apps".into(), version: "v1".into(), kind: "Deployment".into(), name: "web".into() };
    let (before, uid) = ("{}".to_owned(), "u".to_owned());
    Box::new(ObjectState { resource, namespace: "shop".into(), uid, resource_version: "1".into(), before, diff: String::new() })
}

fn prepared(step: StepRef) -> Command {
    Command::Start { step, prepared: Some(object()), baselines: BTreeMap::new() }
}

fn pin() -> Msg {
    Msg::Pinned(Box::new(PinnedTarget {
        workload: Workload { kind: "Deployment".into(), name: "web".into() },
        uid: "u".into(),
        replica_set_uid: None,
        hash: None,
        revision: 1,
        images: vec![],
        template: "{}".into(),
    }))
}

fn command(walk: &Walk, which: u8, pick: u8) -> Command {
    let step = any_step(walk, pick);
    let even = which.is_multiple_of(2);
    let reason = (!pick.is_multiple_of(5)).then(|| "because".to_owned());
    let text = reason.clone().unwrap_or_default();
    let failures = [FailureChoice::Retry, FailureChoice::Continue, FailureChoice::Abort, FailureChoice::Rollback];
    let settles = [SettleChoice::Look, SettleChoice::Done, SettleChoice::Failed];
    let guards = [GuardChoice::Act, GuardChoice::Rollback, GuardChoice::Hold, GuardChoice::Snooze(60_000)];
    match which % 32 {
        0..=7 => prepared(step),
        8..=10 => Command::Confirm { step, yes: !even },
        11 | 12 => Command::Tick { step, item: u32::from(pick % 3), ticked: pick < 200, note: reason },
        13 => Command::CompleteChecklist { step },
        14 => Command::Give { step, values: BTreeMap::from([("who".into(), "me".into())]), secrets: vec![] },
        15 | 16 => Command::Choose { step, key: char::from(b'a' + pick % 5), reason },
        17 | 18 => Command::Failure { step, choice: failures[usize::from(pick / 4 % 4)], reason },
        19 | 20 => Command::Settle { step, choice: settles[usize::from(pick / 4 % 3)], reason },
        21 => Command::When { step, run: pick < 150, reason: text },
        22 => Command::OverrideGate { step, reason: text },
        23 => Command::Skip { step, reason: text },
        24 | 25 => {
            let guard = ["bad", "odd", "low", "none"][usize::from(pick % 4)].to_owned();
            Command::Guard { guard, choice: guards[usize::from(pick / 4 % 4)], reason }
        }
        26 if pick < 60 => Command::Rollback { reason },
        27 => Command::Interrupt { step, kill: pick < 128 },
        28 if pick < 20 => Command::Abort { reason: text },
        29 => Command::Pause { reason },
        30 => Command::Stop { step, signal: "SIGINT".into() },
        _ => Command::Unpause,
    }
}

fn happen(walk: &mut Walk, (kind, which, pick): Said) {
    let _refused = match kind % 12 {
        0..=4 => {
            let command = command(walk, which, pick);
            walk.say(&Msg::Command(command, Starter::Operator))
        }
        5 | 6 => {
            let open: Vec<u64> = walk.session.open_intents().map(|i| i.effect).collect();
            let effect = open.get(usize::from(which) % open.len().max(1)).copied().unwrap_or(u64::from(which));
            let outcomes = [Outcome::Succeeded, Outcome::Succeeded, Outcome::Failed, Outcome::Unknown];
            let outcome = outcomes[usize::from(pick % 4)];
            let exit = pick.is_multiple_of(3).then_some(i32::from(pick % 2));
            let changed = [None, Some(true), Some(false)][usize::from(which % 3)];
            let report = EffectReport { exit, changed, stdout: "x".into(), ..EffectReport::new(effect, outcome, "it ended") };
            walk.say(&Msg::EffectEnded(Box::new(report)))
        }
        7 | 8 => {
            let value = [0.0, 0.5, 2.0, 9.0, f64::NAN][usize::from(which % 5)];
            let failed = u32::from(pick % 5);
            let h = Reading { ok: Some(failed == 0), failures: failed, unreachable: failed == 4, ..reading(walk.at, 0.1) };
            let s = if pick == 4 { unreachable(walk.at) } else { reading(walk.at, value) };
            walk.say(&Msg::Sampled(BTreeMap::from([
                ("s".to_owned(), s),
                ("h".to_owned(), h),
                ("gone".to_owned(), reading(walk.at, 1.0)),
            ])))
        }
        9 => {
            walk.pass(u64::from(which) * 100 + u64::from(pick) * u64::from(pick) * 10);
            Ok(())
        }
        10 => {
            let due = walk.session.next_deadline(walk.at).unwrap_or(0);
            walk.pass(due);
            Ok(())
        }
        _ if walk.closed().is_none() && which < 100 => {
            walk.resume_after(i64::from(pick) * 10_000);
            Ok(())
        }
        _ => walk.say(&pin()),
    };
}

/// Answers whatever is asked until the session is closed.
fn bring_to_an_end(walk: &mut Walk) {
    let because = || Some("because".to_owned());
    for _ in 0..500 {
        let command = match walk.prompt() {
            Prompt::Closed { .. } => return,
            Prompt::Guard { guard, .. } => Command::Guard { guard, choice: GuardChoice::Hold, reason: because() },
            Prompt::Unknown { step, .. } => Command::Settle { step, choice: SettleChoice::Done, reason: because() },
            Prompt::Interrupt { step, .. } => {
                walk.say(&Msg::Command(Command::Interrupt { step, kill: true }, Starter::Operator)).unwrap();
                continue;
            }
            Prompt::Failure { step, .. } => Command::Failure { step, choice: FailureChoice::Continue, reason: because() },
            Prompt::GateHold { step, .. } => Command::OverrideGate { step, reason: "because".into() },
            Prompt::When { step, .. } => Command::When { step, run: true, reason: "because".into() },
            Prompt::Paused => Command::Unpause,
            Prompt::Start { step, what: Ok(_), .. } => prepared(step),
            Prompt::Confirm { step, .. } => Command::Confirm { step, yes: true },
            Prompt::Decide { step, .. } => Command::Choose { step, key: 'b', reason: None },
            Prompt::Start { step, .. }
            | Prompt::Checklist { step, .. }
            | Prompt::Input { step, .. }
            | Prompt::Approve { step, .. } => Command::Skip { step, reason: "because".into() },
            Prompt::Busy { step } => {
                let running = walk.session.open_intents().next().map(|i| i.effect);
                if let Some(effect) = running {
                    walk.say(&Msg::EffectEnded(Box::new(EffectReport::new(effect, Outcome::Succeeded, "done")))).unwrap();
                } else if let Some(due) = walk.session.next_deadline(walk.at) {
                    walk.pass(due);
                } else {
                    panic!("nothing is asked and nothing will happen at {step:?}: {}", walk.trail());
                }
                continue;
            }
        };
        if let Err(why) = walk.say(&Msg::Command(command.clone(), Starter::Operator)) {
            panic!("what is asked for is refused: {why} ({command:?})");
        }
    }
    panic!("it never ends; it asks {} after {}", walk.asks(), walk.trail());
}

fn check(plan: &Arc<Plan>, pinned: bool, said: Vec<Said>) {
    let mut walk = Walk::along(plan.clone());
    if pinned {
        walk.say(&pin()).unwrap();
    }
    for one in said {
        happen(&mut walk, one);
    }
    walk.say(&pin()).unwrap();
    bring_to_an_end(&mut walk);
    walk.verify();
    let mut closes = walk.records.iter().skip_while(|r| !matches!(r.event, Event::SessionClosed(_)));
    assert!(closes.next().is_some() && closes.next().is_none(), "closing is the last record");
}

fn anything() -> impl Strategy<Value = Vec<Said>> {
    prop::collection::vec(any::<Said>(), 0..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_through_everything_holds(said in anything()) {
        check(&plan(EVERYTHING), true, said);
    }

    #[test]
    fn a_walk_with_its_own_rollback_holds(pinned in any::<bool>(), said in anything()) {
        check(&plan(ROLLING), pinned, said);
    }

    #[test]
    fn a_plain_walk_holds(said in anything()) {
        check(&plan(PLAIN), true, said);
    }
}

/// A gate side by side that is tried again while its condition cannot be judged: that is asked.
#[test]
fn a_condition_that_cannot_be_judged_any_more_is_asked_side_by_side() {
    let said = [
        (139, 35, 0),
        (12, 215, 1),
        (141, 0, 55),
        (60, 32, 0),
        (29, 0, 172),
        (12, 119, 6),
        (93, 0, 45),
        (84, 151, 12),
        (0, 0, 0),
        (9, 0, 45),
        (60, 181, 1),
        (225, 0, 95),
        (12, 145, 208),
    ];
    check(&plan(EVERYTHING), true, said.to_vec());
}
