//! The program on a real terminal, as its user has it: how soon the whole screen is
//! there, how long a key takes while 500 pods a second change, what 5,000 pods cost in
//! memory, and what it does when nothing happens. `cargo bench --bench terminal`.
//!
//! The cluster is a small API server of this bench on loopback, with pods as a real one
//! sends them (about 3 KB each, managed fields included).

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

/// Pods of the large cluster, and their changes a second.
const PODS: usize = 5_000;
const CHANGES: u32 = 500;
const STARTS: usize = 20;
const KEYS: usize = 300;
const IDLE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// What a cluster holds and how fast it changes.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    pods: usize,
    changes: u32,
}

fn pod(number: usize, version: u64) -> Value {
    let name = format!("checkout-7f9c4d5b6-{number:05}");
    let labels = json!({"app": "checkout", "pod-template-hash": "7f9c4d5b6"});
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}}, "f:spec": {
        "f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:env": {}, "f:image": {}, "f:resources": {}}}}});
    let managed: Vec<Value> = ["kube-controller-manager", "kubelet"]
        .iter()
        .map(|who| json!({"manager": who, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("00000000-0000-0000-0000-{number:012}"),
            "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-01T08:00:00Z", "labels": labels,
            "managedFields": managed},
        "spec": {"nodeName": format!("node-{}", number % 100), "containers": [{"name": "app",
            "image": "registry.example.com/checkout:v1.2.3", "env": (0..12).map(|i| json!({"name": format!("SETTING_{i}"),
            "value": "a value of some length, as they are"})).collect::<Vec<_>>()}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-11-01T08:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-01T08:00:05Z"}],
            "containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": version % 7,
                "image": "registry.example.com/checkout:v1.2.3", "imageID": "sha256:0", "containerID": "containerd://0",
                "state": {"running": {"startedAt": "2026-11-01T08:00:03Z"}}, "lastState": {}}]}
    })
}

async fn pods(State(cluster): State<Cluster>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let asked = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    if asked("watch").is_none_or(|watch| watch == "false" || watch == "0") {
        let items: Vec<Value> = (0..cluster.pods).map(|number| pod(number, 1)).collect();
        let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": items});
        return axum::Json(list).into_response();
    }
    let changes = futures::stream::unfold(1_u64, move |version| async move {
        if cluster.changes == 0 {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_secs(1) / cluster.changes).await;
        let number = usize::try_from(version).unwrap_or(0) * 7919 % cluster.pods;
        let event = json!({"type": "MODIFIED", "object": pod(number, version + 1)});
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(format!("{event}\n"))), version + 1))
    });
    Body::from_stream(changes).into_response()
}

/// Serves a cluster from a thread of its own; its address.
fn serve(cluster: Cluster) -> Result<String, Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) })?;
    std::thread::spawn(move || {
        let version = || async { axum::Json(json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0"})) };
        let routes = Router::new().route("/version", get(version)).route("/api/v1/namespaces/shop/pods", get(pods));
        // It ends with the bench.
        let _ = runtime.block_on(async { axum::serve(listener, routes.with_state(cluster)).await });
    });
    Ok(format!("http://{address}"))
}

const RUNBOOK: &str = "\
pacenote: 1
runbook: bench
title: Nothing but pods
owner: bench
environments: {here: {kubernetes: {context: bench, namespace: shop}}}
signals: {pods: {pods: {selector: app=checkout}}}
steps: [{id: wait, title: Look, confirm: Seen enough?}]
";

/// The program on a terminal of its own.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    _master: Box<dyn MasterPty + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    fn start(home: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let pair = native_pty_system().openpty(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 })?;
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pacenote"));
        command.args(arguments);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
            command.env(name, value);
        }
        command.env("HOME", home);
        command.env("KUBECONFIG", home.join("kubeconfig"));
        command.env("PACENOTE_STATE_DIR", home.join("state"));
        command.cwd(home);
        let child = pair.slave.spawn_command(command)?;
        let mut reader = pair.master.try_clone_reader()?;
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer()?;
        Ok(Self { child, keys, _master: pair.master, bytes, screen: vt100::Parser::new(40, 120, 0) })
    }

    fn until(&mut self, holds: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.screen.screen().contents()) {
            match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(_) => return Err(format!("it never came:\n{}", self.screen.screen().contents()).into()),
            }
        }
        Ok(())
    }

    /// Seconds of processor time used so far, and resident memory in bytes.
    fn used(&self) -> Result<(f64, u64), Failure> {
        let pid = self.child.process_id().ok_or("it has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: u64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
        // The kernel's clock tick is a hundredth of a second on every Linux there is.
        Ok((ticks as f64 / 100.0, kilobytes * 1024))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ended already: as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn home(cluster: Cluster) -> Result<tempfile::TempDir, Failure> {
    let home = tempfile::tempdir()?;
    let server = serve(cluster)?;
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": server}}], "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "shop"}}]});
    std::fs::write(home.path().join("kubeconfig"), kubeconfig.to_string())?;
    std::fs::write(home.path().join("bench.yaml"), RUNBOOK)?;
    Ok(home)
}

/// A session that watches a cluster, once it shows all its pods.
fn session(cluster: Cluster) -> Result<(tempfile::TempDir, Terminal), Failure> {
    let home = home(cluster)?;
    let mut terminal = Terminal::start(home.path(), &["run", "bench.yaml", "--trust"])?;
    let ready = format!("{0}/{0} ready", cluster.pods);
    terminal.until(|screen| screen.contains(&ready))?;
    Ok((home, terminal))
}

fn percentile(sorted: &[Duration], part: usize) -> f64 {
    sorted[(sorted.len() - 1) * part / 100].as_secs_f64() * 1000.0
}

/// From the start of `rehearse` to the first screen with its steps, question, pods, graphs.
fn first_screen() -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let home = tempfile::tempdir()?;
        let begun = Instant::now();
        let mut terminal = Terminal::start(home.path(), &["rehearse", "canary-deploy"])?;
        terminal
            .until(|screen| ["REHEARSAL", "Pre-deployment", "back to: checkout", "pods"].iter().all(|w| screen.contains(w)))?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

/// From a key to the frame that shows it.
fn keys(terminal: &mut Terminal) -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::new();
    for n in 0..KEYS {
        let (key, open) = if n % 2 == 0 { ("?", true) } else { ("\x1b", false) };
        let begun = Instant::now();
        terminal.keys.write_all(key.as_bytes())?;
        terminal.keys.flush()?;
        terminal.until(|screen| screen.contains("Everywhere") == open)?;
        took.push(begun.elapsed());
        // Not in step with its frames.
        std::thread::sleep(Duration::from_millis(fastrand::u64(30..60)));
    }
    took.sort_unstable();
    Ok(took)
}

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Result<(), Failure> {
    let first = first_screen()?;
    println!("rehearse to the first screen: median {:.0} ms, slowest {:.0} ms", percentile(&first, 50), percentile(&first, 100));

    let (_home, idle) = session(Cluster { pods: 12, changes: 0 })?;
    std::thread::sleep(Duration::from_secs(2));
    let before = idle.used()?;
    std::thread::sleep(IDLE);
    let after = idle.used()?;
    let load = (after.0 - before.0) / IDLE.as_secs_f64() * 100.0;
    println!("idle, 12 pods: {load:.1} % of a processor, {} KiB resident", after.1 / 1024);
    drop(idle);

    let (_home, mut large) = session(Cluster { pods: PODS, changes: CHANGES })?;
    std::thread::sleep(Duration::from_secs(5));
    let took = keys(&mut large)?;
    let used = large.used()?;
    let more = used.1.saturating_sub(after.1) as f64 / f64::from(1 << 20);
    println!("{PODS} pods, {CHANGES} changes a second: {more:.1} MiB more than with 12");
    println!("key to frame meanwhile: median {:.1} ms, p99 {:.1} ms", percentile(&took, 50), percentile(&took, 99));
    Ok(())
}
