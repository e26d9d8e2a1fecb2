//! One session with everything that moves it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::mpsc;

use super::anchors::{Answer as AnchorAnswer, Told};
use super::doors::Doors;
use super::jumps::{self, WallWatch};
use super::logins::Logins;
use super::pen::{Pen, Written};
use super::{notices, watch};
use crate::clock::Clock;
use crate::coordination::{News, Watch};
use crate::effects::{Answer, Effects, StopSignal};
use crate::journal::{AppendError, Durable, Writer};
use crate::live::Live;
use crate::ports::Login;
use crate::redact::Redactor;
use crate::session::event::{AnchorConfirmed, Mode, SessionOutcome};
use crate::session::intent::{Intent, KubernetesRequest, Starter, What, Workload};
use crate::session::message::{Command, EffectReport, StepRef};
use crate::session::view::Prompt;
use crate::session::{At, Event, FoldError, Msg, Reading, Refusal, Session, decide, next};
use crate::signals::{SignalMessage, Watching};
use crate::world::World;

mod approving;

pub use approving::Approvals;

/// Readings are recorded at most this often.
const SAMPLE_MS: u64 = 1_000;
/// What could not be read is tried again after this long.
const RETRY_MS: u64 = 5_000;
/// So many records may follow from one message; more would be a mistake of ours.
const MOST_RECORDS: usize = 10_000;
/// While a record waits for the disk, the screen says for how long, so often.
const WAITING_TICK: std::time::Duration = std::time::Duration::from_secs(1);

/// At the end, anchors are waited for so long: a little longer than each has for itself.
const ANCHOR_PATIENCE: std::time::Duration = std::time::Duration::from_secs(6);

/// How a walk was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The session is closed.
    Closed(SessionOutcome),
    /// It can be resumed.
    Left,
}

/// One session with everything that moves it.
pub struct Walk {
    session: Session,
    pen: Pen,
    /// Decided, and not written yet because the disk is slow.
    backlog: VecDeque<(At, Event)>,
    /// Came while the disk was slow.
    deferred: VecDeque<Msg>,
    clock: Clock,
    redactor: Redactor,
    /// What the panels show.
    pub live: Live,
    effects: Effects,
    answers: mpsc::Receiver<Answer>,
    messages: mpsc::Receiver<SignalMessage>,
    watching: Option<Watching>,
    world: Option<World>,
    approvals: Approvals,
    pending: BTreeMap<String, Reading>,
    sampled_ms: Option<u64>,
    preparing: BTreeMap<StepRef, Option<u64>>,
    pinning: BTreeMap<Workload, Option<u64>>,
    stopping: BTreeSet<u64>,
    interactive: Option<Durable<Intent>>,
    scripted: bool,
    failed: Option<String>,
    /// Hash of the last record.
    head: String,
    /// The head as the last seal left it.
    sealed: Option<String>,
    anchors: Option<Told>,
    /// What there is to say of seals and anchors at the end.
    pub record_notes: Vec<String>,
    /// Standing messages for the screen.
    pub notices: Vec<String>,
    /// What was found before the session began, for the sheet.
    pub preflight: Vec<(String, String, bool)>,
    followups: Vec<String>,
    coordination: Option<Watch>,
    logins: Logins,
    wall: WallWatch,
}

impl Walk {
    /// Puts a session that was just opened or resumed together with its doors, and lets
    /// follow what follows.
    ///
    /// # Errors
    /// When a signal cannot be watched, for people.
    pub fn new(session: Session, writer: Writer, clock: Clock, redactor: Redactor, doors: Doors) -> Result<Self, String> {
        let at = clock.now();
        let specs = watch::resolve(&session, at, &doors.headers)?;
        let live = Live::new(specs.iter().map(crate::signals::ResolvedSignal::panel).collect());
        let (answer_tx, answers) = mpsc::channel(256);
        let (message_tx, messages) = mpsc::channel(256);
        let watching = crate::signals::start(specs, &doors.signals, &message_tx)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let open: Vec<Intent> = session.open_intents().cloned().collect();
        let head = writer.head();
        let sealed = writer.is_sealed().then(|| head.clone());
        let mut walk = Self {
            session,
            pen: Pen::new(writer),
            backlog: VecDeque::new(),
            deferred: VecDeque::new(),
            clock,
            redactor,
            live,
            effects: Effects::new(doors.effects, answer_tx),
            answers,
            messages,
            watching: Some(watching),
            world: doors.world,
            approvals: doors.approvals,
            pending: BTreeMap::new(),
            sampled_ms: None,
            preparing: BTreeMap::new(),
            pinning: BTreeMap::new(),
            stopping: BTreeSet::new(),
            interactive: None,
            scripted: doors.scripted,
            failed: None,
            head,
            sealed,
            anchors: doors.anchors,
            record_notes: Vec::new(),
            notices: doors.notices,
            preflight: Vec::new(),
            followups: Vec::new(),
            coordination: doors.coordination,
            logins: Logins::new(doors.login),
            wall: WallWatch::default(),
        };
        walk.tell_head();
        walk.lay_down_request();
        // Effects that were under way when the program ended: found again, or unknown.
        for intent in open {
            walk.effects.attach(intent);
        }
        walk.settle();
        Ok(walk)
    }

    /// The session as it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What time it is for the session.
    pub fn now(&self) -> At {
        self.clock.now()
    }

    /// Follow-ups noted so far.
    pub fn followups(&self) -> &[String] {
        &self.followups
    }

    /// Number of the last record.
    pub fn last_record(&self) -> u64 {
        self.pen.records().saturating_sub(1)
    }

    /// The head as the last seal left it.
    pub fn sealed(&self) -> Option<&str> {
        self.sealed.as_deref()
    }

    /// SHA-256 of the last record: what one notes elsewhere to know the journal again.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Why the journal cannot be written any more, if it cannot.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// For how long a record has been waiting for the disk, milliseconds, where one has.
    /// Nothing is decided until it is written.
    pub fn waiting_for_disk(&self) -> Option<u64> {
        let (_, since) = self.pen.outstanding()?;
        Some(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The end of the walk, once the session is closed.
    pub fn ended(&self) -> Option<Ended> {
        self.session.closed().map(|c| Ended::Closed(c.outcome))
    }

    /// The simulated world, in rehearsals.
    pub fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// An interactive command that became durable and wants the terminal.
    pub fn take_interactive(&mut self) -> Option<Durable<Intent>> {
        self.interactive.take()
    }

    /// Runs an interactive command on the terminal, which must have been given up.
    pub async fn run_interactive(&mut self, intent: Durable<Intent>) {
        let report = self.effects.run_interactive(intent).await;
        self.effect_ended(report);
    }

    /// Why nothing reaches the cluster without a new login, where that is so.
    pub fn login_needed(&self) -> Option<&str> {
        self.logins.needed()
    }

    /// Somebody wants to log in again; [`Walk::take_login`] then has the login for whoever
    /// can give up the terminal.
    ///
    /// # Errors
    /// A sentence where there is no login.
    pub fn ask_login(&mut self) -> Result<(), String> {
        self.logins.ask()
    }

    /// The login that is to be made again.
    pub fn take_login(&mut self) -> Option<Login> {
        self.logins.asked()
    }

    /// Says something to the session.
    ///
    /// # Errors
    /// [`Refusal`], a sentence for the operator.
    pub fn command(&mut self, command: Command, by: Starter) -> Result<(), Refusal> {
        if let Err(refusal) = self.writable() {
            // To stop what runs needs no record: stop means stop.
            let Command::Stop { step, signal } = &command else { return Err(refusal) };
            self.stop(step, signal);
            self.notice(format!("{signal} was sent to {} and could not be recorded", step.path));
            return Ok(());
        }
        let stop = match &command {
            Command::Stop { step, signal } => Some((step.clone(), signal.clone())),
            _ => None,
        };
        self.send(&Msg::Command(command, by))?;
        if let Some((step, signal)) = stop {
            self.stop(&step, &signal);
        }
        self.settle();
        Ok(())
    }

    fn writable(&self) -> Result<(), Refusal> {
        if let Some(why) = &self.failed {
            return Err(Refusal(format!(
                "The journal cannot be written ({why}), so nothing more is done. Leave with q and resume when there is room."
            )));
        }
        match self.waiting_for_disk() {
            Some(_) => Err(Refusal(format!(
                "The disk has not yet taken record {}, and nothing is decided before it has. Try again in a moment.",
                self.pen.records()
            ))),
            None => Ok(()),
        }
    }

    /// Starts the effect of a step with the baselines as they are now.
    ///
    /// # Errors
    /// [`Refusal`], a sentence for the operator.
    pub fn start(
        &mut self,
        step: StepRef,
        prepared: Option<Box<crate::session::intent::ObjectState>>,
        by: Starter,
    ) -> Result<(), Refusal> {
        let baselines = self.live.baselines(self.clock.now().wall);
        self.command(Command::Start { step, prepared, baselines }, by)
    }

    /// Reads the object of a step again.
    pub fn prepare_again(&mut self, step: &StepRef) {
        self.live.preparations.remove(step);
        self.preparing.remove(step);
        self.settle();
    }

    /// Waits for the next thing that moves the session, and lets it. May be dropped while
    /// it waits.
    pub async fn turn(&mut self) {
        let waits = self.pen.outstanding().is_some();
        let wake = if waits { Some(tokio::time::Instant::now() + WAITING_TICK) } else { self.wake() };
        let sleep = async {
            match wake {
                Some(instant) => tokio::time::sleep_until(instant).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            (at, written) = self.pen.written() => self.take_up(at, written),
            Some(answer) = self.answers.recv(), if !waits => self.answered(answer),
            Some(message) = self.messages.recv() => self.watched(message),
            news = next_news(&mut self.coordination) => self.noticed(news),
            answer = anchors_answer(&mut self.anchors), if !waits => self.anchored(answer),
            state = self.logins.next() => {
                self.logins.take(&mut self.notices, &self.redactor, state);
                self.live.changed = true;
            }
            () = sleep => {}
        }
        self.look_at_the_clock();
        // Everything that has come meanwhile is taken before anything is drawn.
        while self.pen.outstanding().is_none()
            && let Ok(answer) = self.answers.try_recv()
        {
            self.answered(answer);
        }
        while let Ok(message) = self.messages.try_recv() {
            self.watched(message);
        }
        if waits {
            self.live.changed = true;
        }
        self.flush_readings();
        self.settle();
    }

    /// A jump of the wall clock is said and noted.
    fn look_at_the_clock(&mut self) {
        let at = self.clock.now();
        if let Some(jumped) = self.wall.look(at)
            && self.session.closed().is_none()
        {
            let text = jumps::words(jumped);
            jumps::notice(&mut self.notices, at, &text);
            let _ = self.send(&Msg::Command(Command::Note { text }, Starter::Session));
            self.live.changed = true;
        }
    }

    /// An anchor has answered: recorded while the session is open, else only told.
    fn anchored(&mut self, answer: AnchorAnswer) {
        match answer {
            Ok(confirmed) if self.session.closed().is_none() => {
                self.backlog.push_back((self.clock.now(), Event::AnchorConfirmed(confirmed)));
                self.write();
            }
            Ok(AnchorConfirmed { place, seq, head }) if head == self.head => {
                self.record_notes.push(format!("{place} knows the head, record {seq}"));
            }
            Ok(AnchorConfirmed { place, seq, .. }) => self.record_notes.push(format!("{place} knows record {seq}, not the head")),
            Err(why) => self.of_the_record(why),
        }
    }

    /// Waits for the anchors, a while, and ends what is under way then. The session may be
    /// over; they need not be.
    pub async fn settle_anchors(&mut self) {
        let deadline = tokio::time::Instant::now() + ANCHOR_PATIENCE;
        while self.anchors.as_ref().is_some_and(|anchors| !anchors.is_settled()) {
            match tokio::time::timeout_at(deadline, anchors_answer(&mut self.anchors)).await {
                Ok(answer) => self.anchored(answer),
                Err(_) => break,
            }
        }
        let Some(anchors) = &mut self.anchors else { return };
        for place in anchors.stop().await {
            self.of_the_record(format!("the anchor {place} has not answered; whether it knows the head is not known"));
        }
    }

    /// Ends what watches and waits until it has ended. The lock is given back where the
    /// session is closed; why it could not be, for people.
    pub async fn stop_watching(&mut self) -> Option<String> {
        let trouble = match self.coordination.take() {
            Some(coordination) => coordination.end(self.session.closed().is_some()).await,
            None => None,
        };
        if let Some(watching) = self.watching.take() {
            watching.stop().await;
        }
        trouble
    }

    /// When something is due by itself.
    fn wake(&self) -> Option<tokio::time::Instant> {
        let at = self.clock.now();
        let deadline = self.session.next_deadline(at).map(|ms| at.mono_ms + ms);
        let sample = (!self.pending.is_empty()).then(|| self.sampled_ms.map_or(at.mono_ms, |s| s + SAMPLE_MS));
        let retries = self.preparing.values().chain(self.pinning.values()).flatten().copied().min();
        let approval = self.approvals.due();
        let due = [deadline, sample, retries, approval].into_iter().flatten().min()?;
        Some(self.clock.instant_of(due))
    }

    /// Decides, appends and folds one message. While a record waits for the disk nothing
    /// is decided: commands were refused before they come here, all else waits.
    fn send(&mut self, msg: &Msg) -> Result<(), Refusal> {
        if self.pen.outstanding().is_some() {
            self.deferred.push_back(msg.clone());
            return Ok(());
        }
        let at = self.clock.now();
        self.backlog.extend(decide(&self.session, at, msg)?.into_iter().map(|event| (at, event)));
        self.write();
        Ok(())
    }

    /// Appends what was decided, until the disk makes it wait.
    fn write(&mut self) {
        while self.failed.is_none() && self.pen.outstanding().is_none() {
            let Some((at, event)) = self.backlog.pop_front() else { return };
            let event = notices::with_head(event, self.pen.records(), self.pen.head());
            match self.pen.append(at, &event) {
                Some(written) => self.wrote(at, written),
                None => self.live.changed = true,
            }
        }
    }

    /// Goes on where the disk made it wait.
    fn take_up(&mut self, at: At, written: Written) {
        self.wrote(at, written);
        self.write();
        while self.failed.is_none() && self.pen.outstanding().is_none() {
            let Some(msg) = self.deferred.pop_front() else { return };
            // What does not fit any more is not ours any more.
            let _ = self.send(&msg);
        }
    }

    /// Folds what was written, starts what became durable.
    fn wrote(&mut self, at: At, written: Written) {
        let appended = match written {
            Ok(appended) => appended,
            Err(AppendError::Stopped { why, last }) => {
                tracing::error!(%why, "the journal cannot be written");
                self.failed = Some(why);
                if let Some(event) = last.and_then(|r| r.event) {
                    self.fold(at, &event);
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, "a record was refused");
                self.failed = Some(error.to_string());
                return;
            }
        };
        // What was written counts: it may have been redacted.
        if let Some(event) = &appended.record.event {
            self.fold(at, event);
        }
        for event in appended.seal.iter().filter_map(|record| record.event.as_ref()) {
            self.fold(at, event);
        }
        self.head = appended.head;
        if !appended.seal.is_empty() {
            self.sealed = Some(self.head.clone());
        }
        if let Some(anchors) = self.anchors.as_mut().filter(|_| !appended.seal.is_empty()) {
            anchors.sealed();
        }
        if let Some(trouble) = appended.trouble {
            self.of_the_record(trouble);
        }
        if let Some(intent) = appended.intent {
            self.begin(intent);
        }
        self.tell_head();
    }

    fn fold(&mut self, at: At, event: &Event) {
        let folded: Result<(), FoldError> = self.session.apply(at, event);
        if let Err(error) = folded {
            tracing::error!(%error, "a record does not fit the session");
            self.failed = Some(error.to_string());
        }
        match event {
            Event::StepEntered(entered) => {
                if let Some(world) = &self.world {
                    world.step_entered(entered.path.as_str());
                }
            }
            Event::StepEnded(ended) => {
                if let Some(world) = &self.world {
                    world.step_ended(ended.path.as_str());
                }
            }
            Event::BaselineFixed(fixed) => {
                if let Some(value) = fixed.value {
                    self.live.fix_baseline(&fixed.signal, value.0);
                }
            }
            Event::FollowupNoted(followup) => {
                let due = followup.due.map(|d| format!(" (by {})", d.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
                self.followups.push(format!("{}{due}", followup.text));
            }
            _ => notices::of_message(&mut self.notices, event),
        }
        self.follow_approvals(event);
        self.live.changed = true;
    }

    fn begin(&mut self, intent: Durable<Intent>) {
        let effect = intent.get();
        let dry = self.session.mode() == Mode::DryRun;
        if effect.changes && !dry {
            let label = crate::session::resolve::summary(&effect.what);
            self.live.mark(self.clock.now().wall, label);
        }
        let held_back = self.scripted || (dry && effect.changes);
        let interactive = matches!(&effect.what, What::Run(run) if run.interactive) && !held_back;
        if interactive { self.interactive = Some(intent) } else { self.effects.start(intent) }
    }

    fn stop(&mut self, step: &StepRef, signal: &str) {
        let effect = self.session.open_intents().find(|i| i.path == step.path && i.visit == step.visit).map(|i| i.effect);
        let signal = match signal {
            "SIGINT" => StopSignal::Interrupt,
            "SIGTERM" => StopSignal::Terminate,
            "SIGKILL" => StopSignal::Kill,
            _ => StopSignal::Cancel,
        };
        if let Some(effect) = effect {
            self.effects.stop(effect, signal);
        }
    }

    fn answered(&mut self, answer: Answer) {
        self.live.changed = true;
        match answer {
            Answer::Ended(report) => self.effect_ended(*report),
            Answer::Output { effect, lines } => {
                let output = self.live.output_mut(effect);
                for line in lines {
                    output.push_line(line.text, line.stderr);
                }
            }
            Answer::Progress { effect, text } => {
                self.live.progress.insert(effect, text);
            }
            Answer::Prepared { step, result } => {
                let retry = result.is_err().then(|| self.clock.now().mono_ms + RETRY_MS);
                self.preparing.insert(step.clone(), retry);
                self.live.preparations.insert(step, result.map(|o| *o));
            }
            Answer::Pinned { workload, result } => match result {
                Ok(pin) => {
                    self.pinning.insert(workload, None);
                    let _ = self.send(&Msg::Pinned(pin));
                }
                Err(why) => {
                    self.notice(format!("{workload} cannot be read: {why}"));
                    self.pinning.insert(workload, Some(self.clock.now().mono_ms + RETRY_MS));
                }
            },
        }
    }

    /// Takes what is said of the lock and of freezes.
    fn noticed(&mut self, news: News) {
        let lock = self.coordination.as_ref().and_then(Watch::lock).unwrap_or_default().to_owned();
        if let Some(noticed) = notices::take(&mut self.notices, &lock, &self.session, news) {
            let _ = self.send(&Msg::Noticed(noticed));
        }
        self.live.changed = true;
    }

    /// Tells where the journal stands to whoever puts it elsewhere.
    fn tell_head(&self) {
        if let Some(coordination) = &self.coordination {
            coordination.head(format!("{} {}", self.last_record(), self.pen.head()));
        }
    }

    /// What is wrong with seals and anchors is said now, and again at the end.
    fn of_the_record(&mut self, text: String) {
        if !self.record_notes.contains(&text) {
            self.record_notes.push(text.clone());
        }
        self.notice(text);
    }

    fn notice(&mut self, text: String) {
        if !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }

    fn effect_ended(&mut self, report: EffectReport) {
        self.live.progress.remove(&report.effect);
        // A report is never refused: what does not fit is simply not ours any more.
        let _ = self.send(&Msg::EffectEnded(Box::new(report)));
        self.settle();
    }

    /// Takes what a signal said: the panels at once, the record at its pace.
    fn watched(&mut self, message: SignalMessage) {
        for mut update in message.updates {
            update.change.texts(&mut |text| *text = self.redactor.clean(std::mem::take(text)));
            self.live.apply(update);
        }
        if let Some((name, mut reading)) = message.reading {
            reading.problem = reading.problem.map(|p| self.redactor.clean(p));
            reading.detail = reading.detail.into_iter().map(|d| self.redactor.clean(d)).collect();
            self.pending.insert(name, reading);
        }
    }

    fn flush_readings(&mut self) {
        let now = self.clock.now().mono_ms;
        let due = self.sampled_ms.is_none_or(|s| now >= s + SAMPLE_MS);
        if due && !self.pending.is_empty() && self.session.closed().is_none() && self.pen.outstanding().is_none() {
            self.sampled_ms = Some(now);
            let readings = std::mem::take(&mut self.pending);
            let _ = self.send(&Msg::Sampled(readings));
        }
    }

    /// Lets follow what follows: records of the session, then what it wants of the loop.
    fn settle(&mut self) {
        for _ in 0..MOST_RECORDS {
            if self.failed.is_some() || self.pen.outstanding().is_some() {
                return;
            }
            let at = self.clock.now();
            match next(&self.session, at) {
                Some(event) => {
                    self.backlog.push_back((at, event));
                    self.write();
                }
                None if self.wants(at) => {}
                None => return,
            }
        }
        tracing::error!("records follow from each other without an end");
        self.failed = Some("records follow from each other without an end; this is a mistake of the program".to_owned());
    }

    /// Does what the session wants of the loop; true when something may follow from it.
    fn wants(&mut self, at: At) -> bool {
        if self.session.closed().is_some() {
            return false;
        }
        for workload in self.session.unpinned(at) {
            let due = self.pinning.get(&workload).is_none_or(|retry| retry.is_some_and(|r| at.mono_ms >= r));
            if due {
                self.pinning.insert(workload.clone(), None);
                self.effects.pin(workload);
            }
        }
        for effect in self.session.effects_to_stop() {
            if self.stopping.insert(effect) {
                self.effects.stop(effect, StopSignal::Terminate);
            }
        }
        let prompt = self.session.prompt(at);
        self.prepare(at, &prompt);
        self.ask_for_approval(at) || self.approve_simulated(at, &prompt) || self.start_by_itself(at)
    }

    /// Reads the object a step in hand would change.
    fn prepare(&mut self, at: At, prompt: &Prompt) {
        let Prompt::Start { step, what: Ok(what), needs_preparation: true, .. } = prompt else { return };
        let What::Kubernetes(request) = &**what else { return };
        let due = self.preparing.get(step).is_none_or(|retry| retry.is_some_and(|r| at.mono_ms >= r));
        if due {
            self.preparing.insert(step.clone(), None);
            let request: KubernetesRequest = request.clone();
            self.effects.prepare(step.clone(), request);
        }
    }

    /// What was decided on starts once its object has been read.
    fn start_by_itself(&mut self, at: At) -> bool {
        let Some(step) = self.session.starts_when_prepared(at) else { return false };
        let Some(Ok(object)) = self.live.preparations.get(&step) else { return false };
        let command = Command::Start { step, prepared: Some(Box::new(object.clone())), baselines: BTreeMap::new() };
        self.send(&Msg::Command(command, Starter::Session)).is_ok()
    }
}

/// News of locks and freezes; never, where nobody keeps watch.
async fn next_news(coordination: &mut Option<Watch>) -> News {
    match coordination {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

async fn anchors_answer(anchors: &mut Option<Told>) -> AnchorAnswer {
    match anchors {
        Some(anchors) => anchors.next().await,
        None => std::future::pending().await,
    }
}
