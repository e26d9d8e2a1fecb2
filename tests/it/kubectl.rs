//! kubectl, pointed at the world of a scenario that the real program serves.
//!
//! `PACENOTE_KUBECTL` names a further kubectl to be tried beside the one that is installed.
//! Where none is, the tests pass over themselves, unless `PACENOTE_REQUIRE_COMPONENTS` is
//! set.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use pacenote::signals::pods::row_from_json;
use serde_json::Value;

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(90);

const SCENARIO: &str = r#"
pacenote-scenario: 1
scenario: kubectl
runbook: none.yaml
seed: 7
world:
  namespace: shop
  services:
    checkout:
      rps: 50
      versions:
        v1: {ready_after: 1s}
        v2: {ready_after: 1s}
        bad: {ready_after: 1s, crash_after: 1s}
  deployments: {checkout: {image: "registry.example.com/checkout:v1", replicas: 3}}
  statefulsets: {db: {image: "db:1", replicas: 1}}
"#;

/// The kubectls there are.
#[expect(clippy::print_stdout, reason = "a test that passes over itself says so")]
fn kubectls() -> Vec<PathBuf> {
    let named = std::env::var_os("PACENOTE_KUBECTL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.exists());
    let found: Vec<PathBuf> = named.into_iter().chain(installed).collect();
    if found.is_empty() {
        assert!(std::env::var_os("PACENOTE_REQUIRE_COMPONENTS").is_none(), "kubectl is not installed");
        println!("skipped: kubectl is not installed");
    }
    found
}

/// A served world and a kubectl that is pointed at it.
struct Rig {
    folder: tempfile::TempDir,
    program: PathBuf,
    world: Child,
}

impl Rig {
    fn new(program: &Path, speed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("kubectl.yaml");
        std::fs::write(&scenario, SCENARIO).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.arg("world").arg(&scenario).args(["--speed", speed, "--kubeconfig-out"]).arg(folder.path().join("config"));
        let world = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut rig = Self { folder, program: program.to_path_buf(), world };
        let began = Instant::now();
        while !rig.config().exists() {
            assert!(rig.world.try_wait().unwrap().is_none(), "the world has ended");
            assert!(began.elapsed() < PATIENCE, "the world does not begin");
            std::thread::yield_now();
        }
        rig
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments.split_whitespace()).env("KUBECONFIG", self.config()).env("HOME", self.folder.path());
        command.current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command prints; it has to do well.
    fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{} {arguments}: {errors}", self.program.display());
        String::from_utf8(output.stdout).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.world.kill();
        let _ = self.world.wait();
    }
}

/// Name, ready, status, restarts and age of the lines of a table.
fn lines(table: &str) -> Vec<String> {
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The same as our own screen would show it, so many seconds ago.
fn ours(list: &str, ago: i64) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    let now = Utc::now() - chrono::Duration::seconds(ago);
    let row = |pod: &Value| {
        let row = row_from_json(&pod.to_string()).unwrap();
        let name = pod["metadata"]["name"].as_str().unwrap();
        format!("{name} {} {} {} {}", row.ready_column(), row.status, row.restarts_column(now), row.age_column(now))
    };
    list["items"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn its_pods_are_printed_as_ours_are() {
    for program in kubectls() {
        let rig = Rig::new(&program, "1");
        rig.ok("set image deployment/checkout app=registry.example.com/checkout:bad");
        let began = Instant::now();
        let (mut crashed, mut same) = (false, 0);
        while !crashed || same < 5 {
            let seen = rig.ok("get pods -o json");
            // The world's clock began on a whole second, so it is up to one behind.
            let before = [ours(&seen, 0), ours(&seen, 1)];
            let printed = lines(&rig.ok("get pods --no-headers"));
            let seen = rig.ok("get pods -o json");
            let after = [ours(&seen, 0), ours(&seen, 1)];
            // Only where nothing went on meanwhile, not even the clock.
            if before == after {
                let [now, then] = &before;
                assert_eq!(printed.len(), now.len());
                for (at, line) in printed.iter().enumerate() {
                    assert!(
                        [&now[at], &then[at]].contains(&line),
                        "{}: {line} is none of {} and {}",
                        program.display(),
                        now[at],
                        then[at]
                    );
                }
                same += 1;
            }
            crashed |= printed.iter().any(|line| line.contains("CrashLoopBackOff"));
            assert!(began.elapsed() < PATIENCE, "never the same: {before:?} {printed:?} {after:?}");
        }
    }
}

#[test]
fn a_rollout_is_made_watched_and_undone() {
    for program in kubectls() {
        let rig = Rig::new(&program, "10");
        assert!(lines(&rig.ok("get deployments")).contains(&"checkout 3/3 3 3 26h".to_owned()));
        rig.ok("set image deployment/checkout app=registry.example.com/checkout:v2");
        let watched = rig.ok("rollout status deployment/checkout --timeout=60s");
        assert!(watched.ends_with("deployment \"checkout\" successfully rolled out\n"), "{watched}");
        let history = lines(&rig.ok("rollout history deployment/checkout"));
        assert!(history.contains(&"1 <none>".to_owned()) && history.contains(&"2 <none>".to_owned()), "{history:?}");
        let described = rig.ok("describe deployment checkout");
        for expected in
            ["registry.example.com/checkout:v2", "NewReplicaSetAvailable", "ScalingReplicaSet", "3 desired | 3 updated"]
        {
            assert!(described.contains(expected), "{expected}: {described}");
        }
        assert!(rig.ok("rollout undo deployment/checkout").contains("rolled back"));
        rig.ok("rollout status deployment/checkout --timeout=60s");
        assert!(rig.ok("get replicasets -o wide").contains("registry.example.com/checkout:v1"));
        rig.ok("rollout restart statefulset/db");
        rig.ok("rollout status statefulset/db --timeout=60s");
        let history = rig.ok("rollout history statefulset/db");
        assert_eq!(history.lines().filter(|line| line.ends_with("<none>")).count(), 2, "{history}");
        rig.ok("rollout undo statefulset/db");
        rig.ok("scale deployment/checkout --replicas=4");
        rig.ok("rollout status deployment/checkout --timeout=60s");
        assert!(lines(&rig.ok("get all")).iter().any(|line| line.starts_with("deployment.apps/checkout 4/4")));
        assert_eq!(rig.ok("logs deployment/checkout --tail=2").lines().count(), 2);
        let pod = rig.ok("get pods -l app=checkout -o name").lines().next().unwrap().to_owned();
        let described = rig.ok(&format!("describe {pod}"));
        assert!(described.contains("Successfully assigned") && described.contains("Started container app"), "{described}");
        assert!(rig.ok("describe service checkout").contains(":8080"));
    }
}

#[test]
fn configurations_are_applied_in_both_ways() {
    for program in kubectls() {
        let rig = Rig::new(&program, "10");
        let flags =
            |value: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: flags}}\ndata: {{a: \"{value}\"}}\n");
        rig.write("flags.yaml", &flags("1"));
        assert_eq!(rig.ok("apply -f flags.yaml"), "configmap/flags created\n");
        assert_eq!(rig.ok("apply -f flags.yaml"), "configmap/flags unchanged\n");
        rig.write("flags.yaml", &flags("2"));
        assert_eq!(rig.ok("apply --dry-run=server -f flags.yaml"), "configmap/flags configured (server dry run)\n");
        assert_eq!(rig.ok("get configmap flags -o jsonpath={.data.a}"), "1");
        assert_eq!(rig.ok("apply -f flags.yaml"), "configmap/flags configured\n");
        rig.write("flags.yaml", &flags("3"));
        let refused = rig.run("apply --server-side --field-manager=me -f flags.yaml");
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && errors.contains("conflict with \"kubectl"), "{errors}");
        rig.ok("apply --server-side --force-conflicts --field-manager=me -f flags.yaml");
        assert_eq!(rig.ok("get configmap flags -o jsonpath={.data.a}"), "3");
        assert_eq!(lines(&rig.ok("delete configmap flags")), ["configmap \"flags\" deleted"]);

        rig.write("deployment.yaml", DEPLOYMENT);
        assert_eq!(rig.ok("apply -f deployment.yaml"), "deployment.apps/cart created\n");
        rig.ok("rollout status deployment/cart --timeout=60s");
        rig.write("deployment.yaml", &DEPLOYMENT.replace("replicas: 1", "replicas: 2"));
        assert_eq!(rig.ok("apply -f deployment.yaml"), "deployment.apps/cart configured\n");
        rig.write("deployment.yaml", &DEPLOYMENT.replace("image: \"cart:1\"", "image: \"\""));
        let refused = rig.run("apply -f deployment.yaml");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("image: Required value"));
    }
}

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, image: "cart:1"}]}
"#;

#[test]
fn what_there_is_and_what_one_may_is_told() {
    for program in kubectls() {
        let mut rig = Rig::new(&program, "1");
        assert_eq!(rig.ok("auth can-i patch deployments"), "yes\n");
        assert!(rig.ok("auth can-i --list").contains("*.*"));
        let resources = lines(&rig.ok("api-resources"));
        for expected in
            ["deployments deploy apps/v1 true Deployment", "virtualservices vs networking.istio.io/v1 true VirtualService"]
        {
            assert!(resources.contains(&expected.to_owned()), "{expected}: {resources:?}");
        }
        assert!(rig.ok("version").contains("v1.36.0"));
        assert_eq!(lines(&rig.ok("get nodes --no-headers")).len(), 3);
        assert!(rig.ok("top pod").contains("checkout-"));
        let missing = rig.run("get pod nothing");
        assert!(String::from_utf8_lossy(&missing.stderr).contains("pods \"nothing\" not found"));

        let pid = rustix::process::Pid::from_child(&rig.world);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(rig.world.wait().unwrap().code(), Some(0));
        assert!(!rig.config().exists(), "a kubeconfig that leads nowhere is left");
    }
}

#[test]
fn a_world_is_for_this_machine_alone_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("kubectl.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, "apiVersion: v1\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pacenote")).arg("world").arg(&scenario).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, why) = run(&["--listen", "0.0.0.0:0"]);
    assert!(code == Some(2) && why.contains("can be reached from other machines"), "{why}");
    let (code, why) = run(&["--kubeconfig-out", config.to_str().unwrap()]);
    assert!(code == Some(3) && why.contains("there is a file already"), "{why}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "apiVersion: v1\n");
}
