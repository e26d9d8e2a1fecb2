//! Effects against a small API server, loopback services and real commands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::session::event::Outcome;
use crate::session::intent::{Purpose, SecretName, SecretText, Starter};
use crate::session::path::StepPath;

mod commands;
mod fake;
mod kubernetes;
mod requests;

/// Secrets by the name of their environment variable.
struct Secrets(BTreeMap<String, String>);

impl SecretSource for Secrets {
    fn get<'a>(&'a self, name: &'a SecretName) -> futures::future::BoxFuture<'a, Result<Secret, String>> {
        let found = match name {
            SecretName::Env(name) => self.0.get(name),
            _ => None,
        };
        let found = found.map(|value| Secret::new(value.as_str())).ok_or_else(|| format!("there is no secret {name:?}"));
        Box::pin(std::future::ready(found))
    }

    fn known(&self) -> Vec<(String, Secret)> {
        self.0.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect()
    }
}

/// Keeps nothing but the text.
struct Heads;

impl OutputStore for Heads {
    fn keep(&self, _: u64, file: &Path) -> std::io::Result<OutputRef> {
        let text = std::fs::read_to_string(file)?;
        Ok(OutputRef { blob: "00".into(), bytes: text.len() as u64, head: text })
    }
}

struct Bench {
    effects: Effects,
    answers: mpsc::Receiver<Answer>,
    folder: tempfile::TempDir,
    seen: Vec<Answer>,
}

impl Bench {
    fn new(http: HttpPort, cluster: Option<Cluster>, commands: Commands) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (effects, answers) = Self::effects(folder.path(), http, cluster, commands);
        Self { effects, answers, folder, seen: Vec::new() }
    }

    /// A bench that changes nothing.
    fn dry(cluster: Option<Cluster>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (answer, answers) = mpsc::channel(64);
        let ports = EffectPorts { dry_run: true, ..Self::ports(folder.path(), HttpPort::network(), cluster, no_commands()) };
        Self { effects: Effects::new(ports, answer), answers, folder, seen: Vec::new() }
    }

    fn effects(folder: &Path, http: HttpPort, cluster: Option<Cluster>, commands: Commands) -> (Effects, mpsc::Receiver<Answer>) {
        let (answer, answers) = mpsc::channel(64);
        (Effects::new(Self::ports(folder, http, cluster, commands), answer), answers)
    }

    fn ports(folder: &Path, http: HttpPort, cluster: Option<Cluster>, commands: Commands) -> EffectPorts {
        EffectPorts {
            http,
            cluster,
            secrets: Arc::new(Secrets(BTreeMap::from([("TOKEN".to_owned(), "hunter22hunter".to_owned())]))),
            outputs: Arc::new(Heads),
            commands,
            session_dir: folder.to_owned(),
            bundle: folder.to_owned(),
            environment: vec![("PATH".into(), std::env::var("PATH").unwrap_or_default()), ("HOME".into(), "/nowhere".into())],
            sid: "sid-1".into(),
            freezes: None,
            dry_run: false,
        }
    }

    /// The next answers up to the end of the effect in hand.
    async fn end(&mut self) -> EffectReport {
        loop {
            match self.answers.recv().await.expect("the effect answers") {
                Answer::Ended(report) => return *report,
                other => self.seen.push(other),
            }
        }
    }

    /// Waits until an output line contains the text.
    async fn line_with(&mut self, text: &str) {
        let found =
            |answer: &Answer| matches!(answer, Answer::Output { lines, .. } if lines.iter().any(|l| l.text.contains(text)));
        while !self.seen.iter().any(found) {
            let answer = self.answers.recv().await.expect("the effect answers");
            assert!(!matches!(answer, Answer::Ended(_)), "ended before it printed {text:?}: {answer:?}");
            self.seen.push(answer);
        }
    }

    fn lines(&self) -> Vec<OutputLine> {
        let outputs =
            self.seen.iter().filter_map(|answer| if let Answer::Output { lines, .. } = answer { Some(lines) } else { None });
        outputs.flatten().cloned().collect()
    }

    fn progress(&self) -> Vec<&str> {
        let told = self
            .seen
            .iter()
            .filter_map(|answer| if let Answer::Progress { text, .. } = answer { Some(text.as_str()) } else { None });
        told.collect()
    }

    async fn run(&mut self, intent: Intent) -> EffectReport {
        self.effects.run(intent);
        self.end().await
    }
}

fn no_commands() -> Commands {
    struct Never;
    impl CommandScript for Never {
        fn answer(&self, _: &Intent, _: &RunRequest) -> ScriptedAnswer {
            panic!("no command is expected")
        }
    }
    Commands::Scripted(Arc::new(Never))
}

fn intent(what: What, changes: bool) -> Intent {
    Intent {
        effect: 1,
        path: StepPath::new("step"),
        visit: 1,
        purpose: Purpose::Step,
        by: Starter::Operator,
        changes,
        what,
        object: None,
        timeout_ms: None,
    }
}

#[tokio::test]
async fn a_fault_of_our_own_still_answers() {
    let mut bench = Bench::new(HttpPort::network(), None, no_commands());
    let request = RunRequest {
        argv: vec!["true".into()],
        script: None,
        env: Vec::new(),
        stdin: None,
        cwd: None,
        interactive: false,
        sensitive: false,
    };
    let report = bench.run(intent(What::Run(request), true)).await;
    assert_eq!(report.outcome, Outcome::Unknown, "{}", report.message);
    assert!(!bench.effects.stop(1, StopSignal::Kill), "nothing runs any more");
}
