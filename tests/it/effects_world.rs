//! Effects against the simulated world: what a rehearsal without sockets does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pacenote::effects::{Answer, CommandScript, Commands, EffectPorts, Effects, ScriptedAnswer, Secret, SecretSource};
use pacenote::journal::{Durable, SessionDir, Writer};
use pacenote::outputs::SessionOutputs;
use pacenote::ports::{Cluster, HttpPort};
use pacenote::redact::Redactor;
use pacenote::runbook::Value;
use pacenote::session::event::{EffectEnded, Outcome};
use pacenote::session::intent::{
    Intent, KubernetesRequest, ObjectState, PatchKind, PinnedTarget, Purpose, Resource, RunRequest, SecretName, Starter,
    UndoTarget, What, Workload,
};
use pacenote::session::message::{EffectReport, StepRef};
use pacenote::session::path::StepPath;
use pacenote::session::{At, Event};
use pacenote::signals::{self, HttpTarget, ResolvedSignal, ResolvedSource, SignalPorts};
use pacenote::state::StateDir;
use pacenote::world::{Clock, Scenario, Surroundings, World, serve};
use serde_json::json;
use tokio::sync::mpsc;

use crate::journal::samples;

const SID: &str = "20261121-033344-canary-deploy-7f3a9c";
const SCENARIO: &str = r#"
pacenote-scenario: 1
scenario: test
runbook: x.yaml
seed: 7
world:
  namespace: shop
  services:
    checkout:
      rps: 200
      route: {virtualservice: checkout, stable: checkout, canary: checkout-canary}
      versions:
        v1.2.3: {errors: 0.3, ready_after: 4s}
        v1.2.4: {errors: 8, ready_after: 6s}
  deployments:
    checkout: {image: "registry.example.com/checkout:v1.2.3", replicas: 4}
    checkout-canary: {image: "registry.example.com/checkout:v1.2.3", replicas: 1}
"#;

/// No secrets, and no commands.
struct Nothing;

impl SecretSource for Nothing {
    fn get<'a>(&'a self, _: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Err("there are no secrets".into())))
    }
    fn known(&self) -> Vec<(String, Secret)> {
        Vec::new()
    }
}

impl CommandScript for Nothing {
    fn answer(&self, _: &Intent, _: &RunRequest) -> ScriptedAnswer {
        panic!("no command is expected")
    }
}

fn world() -> World {
    let scenario = Scenario::read("test.yaml", SCENARIO).unwrap();
    World::new(&scenario, Surroundings::default(), Clock::start("2026-11-21T03:33:44Z".parse().unwrap()))
}

/// A world, the effects that act on it, and the journal that lets them.
struct Rehearsal {
    world: World,
    client: kube::Client,
    effects: Effects,
    answers: mpsc::Receiver<Answer>,
    writer: Writer,
    next: u64,
    _folder: tempfile::TempDir,
}

impl Rehearsal {
    /// Without sockets.
    fn new() -> Self {
        let world = world();
        let cluster = Cluster::from_router(world.router(), world.namespace(), SID);
        Self::through(HttpPort::router(world.router()), cluster, world)
    }

    fn through(http: HttpPort, cluster: Cluster, world: World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir: SessionDir = StateDir::open(&folder.path().join("state")).unwrap().create_session(SID).unwrap();
        let redactor = Redactor::new();
        let mut writer = Writer::create(&dir, redactor.clone()).unwrap();
        writer.append(samples::at(0), &samples::opened()).unwrap();
        let (answer, answers) = mpsc::channel(64);
        let ports = EffectPorts {
            http,
            cluster: Some(cluster.clone()),
            secrets: Arc::new(Nothing),
            outputs: Arc::new(SessionOutputs::new(dir.clone(), redactor)),
            commands: Commands::Scripted(Arc::new(Nothing)),
            session_dir: dir.path().to_owned(),
            bundle: dir.bundle(),
            environment: Vec::new(),
            sid: SID.into(),
            freezes: None,
            dry_run: false,
        };
        let effects = Effects::new(ports, answer);
        Self { world, client: cluster.client, effects, answers, writer, next: 1, _folder: folder }
    }

    async fn answer(&mut self) -> Answer {
        let waiting = tokio::time::timeout(Duration::from_secs(600), self.answers.recv());
        waiting.await.expect("an answer in time").expect("an answer")
    }

    async fn pin(&mut self, workload: Workload) -> PinnedTarget {
        self.effects.pin(workload);
        match self.answer().await {
            Answer::Pinned { result, .. } => *result.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn prepare(&mut self, request: &KubernetesRequest) -> ObjectState {
        self.effects.prepare(StepRef { path: StepPath::new("step"), visit: 1 }, request.clone());
        match self.answer().await {
            Answer::Prepared { result, .. } => *result.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Makes an intent durable by writing it down.
    fn durable(&mut self, what: KubernetesRequest, object: ObjectState) -> Durable<Intent> {
        let intent = Intent {
            effect: self.next,
            path: StepPath::new("step"),
            visit: 1,
            purpose: Purpose::Step,
            by: Starter::Operator,
            changes: true,
            what: What::Kubernetes(what),
            object: Some(object),
            timeout_ms: Some(300_000),
        };
        self.next += 1;
        self.append(&Event::EffectIntended(Box::new(intent))).expect("an intent")
    }

    fn append(&mut self, event: &Event) -> Option<Durable<Intent>> {
        let clock = self.world.clock();
        let at = At { wall: clock.now(), mono_ms: clock.elapsed_seconds().unsigned_abs() * 1000 };
        self.writer.append(at, event).unwrap().intent
    }

    /// A change as the program makes it: looked at, written down, done, written down.
    async fn change(&mut self, request: KubernetesRequest) -> (ObjectState, EffectReport) {
        let object = self.prepare(&request).await;
        let intent = self.durable(request, object.clone());
        self.effects.start(intent);
        let report = loop {
            if let Answer::Ended(report) = self.answer().await {
                break *report;
            }
        };
        self.append(&Event::EffectEnded(Box::new(EffectEnded {
            effect: report.effect,
            path: StepPath::new("step"),
            visit: 1,
            outcome: report.outcome,
            message: report.message.clone(),
            took_ms: report.took_ms,
            changed: report.changed,
            exit: report.exit,
            status: report.status,
            captured: BTreeMap::new(),
            output: None,
            resource_version: report.resource_version.clone(),
            audit_id: report.audit_id.clone(),
        })));
        assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
        assert!(report.audit_id.is_some(), "the server's audit id is kept");
        (object, report)
    }

    /// An object as the world has it.
    async fn object(&self, path: &str) -> serde_json::Value {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// What the operator cares about: the specs of what is changed here.
    async fn specs(&self) -> (serde_json::Value, serde_json::Value) {
        let deployment = self.object("/apis/apps/v1/namespaces/shop/deployments/checkout").await;
        let route = self.object("/apis/networking.istio.io/v1/namespaces/shop/virtualservices/checkout").await;
        (deployment["spec"].clone(), route["spec"].clone())
    }
}

fn checkout() -> Workload {
    Workload { kind: "Deployment".into(), name: "checkout".into() }
}

fn shift() -> KubernetesRequest {
    let resource = Resource {
        group: "networking.istio.io".into(),
        version: "v1".into(),
        kind: "VirtualService".into(),
        name: "checkout".into(),
    };
    let body = Value::from_json(&json!([
        {"op": "test", "path": "/spec/http/0/route/1/destination/host", "value": "checkout-canary"},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 90},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 10},
    ]));
    KubernetesRequest::Patch { resource, kind: PatchKind::Json, body }
}

#[tokio::test(start_paused = true)]
async fn a_deploy_and_its_rollback_bring_the_world_back_to_its_start() {
    let mut rehearsal = Rehearsal::new();
    let start = rehearsal.specs().await;
    let target = rehearsal.pin(checkout()).await;
    assert_eq!(target.images, ["app=registry.example.com/checkout:v1.2.3"]);

    let image = "registry.example.com/checkout:v1.2.4";
    let request = KubernetesRequest::SetImage { workload: checkout(), container: "app".into(), image: image.into() };
    let (object, report) = rehearsal.change(request).await;
    assert!(object.diff.contains("v1.2.4"), "{}", object.diff);
    assert!(report.message.contains("4 of 4 updated, 4 available"), "{}", report.message);
    assert_eq!(rehearsal.world.version_of("checkout").as_deref(), Some("v1.2.4"));

    let (routes, _) = rehearsal.change(shift()).await;
    let shifted = rehearsal.specs().await.1;
    assert_eq!(shifted.pointer("/http/0/route/1/weight"), Some(&json!(10)));

    let restore = KubernetesRequest::Restore { resource: routes.resource, of: Box::new(shift()), before: routes.before };
    rehearsal.change(restore).await;
    assert_eq!(rehearsal.specs().await.1, start.1);

    let undo = KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) };
    rehearsal.change(undo).await;
    assert_eq!(rehearsal.world.version_of("checkout").as_deref(), Some("v1.2.3"));
    assert_eq!(rehearsal.specs().await, start);
    let deployment = rehearsal.object("/apis/apps/v1/namespaces/shop/deployments/checkout").await;
    assert_eq!(deployment["metadata"]["annotations"]["pacenote/session"], SID);
    assert_eq!(deployment["status"]["availableReplicas"], 4);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_change_in_between_stops_ours() {
    let mut rehearsal = Rehearsal::new();
    let object = rehearsal.prepare(&shift()).await;
    let intent = rehearsal.durable(shift(), object);
    let theirs = json!([{"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 1}]).to_string();
    let path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/checkout";
    let request = http::Request::patch(path).header("content-type", "application/json-patch+json").body(theirs.into_bytes());
    let _: serde_json::Value = rehearsal.client.request(request.unwrap()).await.unwrap();
    let theirs = rehearsal.specs().await;
    rehearsal.effects.start(intent);
    let Answer::Ended(report) = rehearsal.answer().await else { panic!("it ends") };
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("look again"), "{}", report.message);
    assert_eq!(rehearsal.specs().await, theirs);
}

#[tokio::test]
async fn the_same_works_over_loopback() {
    let world = world();
    let (address, server) = serve(world.router()).await.unwrap();
    let server = tokio::spawn(server);
    let cluster = Cluster::at(address, world.namespace(), SID).unwrap();
    let mut rehearsal = Rehearsal::through(HttpPort::redirected(address), cluster, world);
    let start = rehearsal.specs().await;
    let (object, _) = rehearsal.change(shift()).await;
    assert_eq!(rehearsal.specs().await.1.pointer("/http/0/route/1/weight"), Some(&json!(10)));
    let restore = KubernetesRequest::Restore { resource: object.resource, of: Box::new(shift()), before: object.before };
    rehearsal.change(restore).await;
    assert_eq!(rehearsal.specs().await, start);
    server.abort();
}

fn watched(name: &str, source: ResolvedSource) -> ResolvedSignal {
    ResolvedSignal {
        name: name.into(),
        title: name.into(),
        every: Duration::from_secs(5),
        timeout: Duration::from_secs(3),
        window: Duration::from_secs(600),
        unit: String::new(),
        warn: None,
        critical: None,
        baseline: None,
        empty: None,
        pace: 1.0,
        source,
    }
}

#[tokio::test(start_paused = true)]
async fn signals_see_the_world_that_effects_act_on() {
    let world = world();
    let cluster = Cluster::from_router(world.router(), world.namespace(), SID);
    let clock = world.clock();
    let ports = SignalPorts {
        commands: None,
        http: HttpPort::router(world.router()),
        kube: Some((&cluster).into()),
        clock: Arc::new(move || clock.now()),
    };
    let health = HttpTarget {
        url: "https://checkout.example.com/health".into(),
        method: "GET".into(),
        headers: Vec::new(),
        status: Vec::new(),
        json: None,
        max: None,
    };
    let signals = vec![
        watched("pods", ResolvedSource::Pods { selector: "app=checkout".into() }),
        watched("health", ResolvedSource::Http(health)),
    ];
    let (tx, mut rx) = mpsc::channel(16);
    let watching = signals::start(signals, &ports, &tx).unwrap();
    let mut good = std::collections::BTreeSet::new();
    while good.len() < 2 {
        let message = tokio::time::timeout(Duration::from_secs(60), rx.recv()).await.expect("a reading in time").unwrap();
        good.extend(message.reading.filter(|(_, reading)| reading.ok != Some(false)).map(|(name, _)| name));
    }
    watching.stop().await;
}
