//! A canary in a session of the real program: whatever prints it, keeps it or sends it on,
//! it is in no file afterwards, and in nothing that left the machine.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pacenote::world::{Clock, Scenario, Surroundings, World, serve};
use serde_json::Value;

use super::{Hook, Place, StatusCode, place};

/// Its parts are found in no other text.
const CANARY: &str = "cAnArY+7f3a/9c=zq\"0123456789";

/// Every file under a folder, with its bytes; the program's own settings too.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.symlink_metadata().unwrap() {
            kind if kind.is_dir() => files(&path, into),
            kind if kind.is_file() => into.push((path.display().to_string(), std::fs::read(&path).unwrap())),
            _ => {}
        }
    }
}

fn shows(bytes: &[u8]) -> Option<String> {
    let coded = STANDARD.encode(CANARY);
    let percent: String = CANARY.bytes().map(|b| format!("%{b:02X}")).collect();
    let json = serde_json::to_string(CANARY).unwrap();
    let forms = [CANARY.to_owned(), coded[4..coded.len() - 4].to_owned(), percent, json.trim_matches('"').to_owned()];
    let parts = ["cAnArY".to_owned(), "zq\"0123".to_owned()];
    let holds = |form: &String| bytes.windows(form.len()).any(|window| window == form.as_bytes());
    forms.iter().chain(&parts).find(|form| holds(form)).cloned()
}

/// A step each that prints it, in every coding; one that is sensitive; one that captures
/// it; one that fails with it in its words.
fn session(hook: &Hook, from: &str, environment: &str) -> Place {
    let step = |id: &str, script: &str, more: &str| {
        format!(
            "  - {{id: {id}, title: {id}, run: {{script: '{script}', shell: sh, env: {{TOKEN: '${{{{ secrets.token }}}}'}}{more}}}, \
             undo: {{none: harmless}}}}\n"
        )
    };
    let more = [
        step("plain", r#"printf "%s\n" "token=$TOKEN" >&2; printf "a%sb\n" "$TOKEN""#, ""),
        step("coded", r#"printf %s "$TOKEN" | base64; printf "u:%s" "$TOKEN" | base64; printf %s "$TOKEN" | od -An -tx1 | tr -d "\n" | sed "s/ /%/g""#, ""),
        step("chunks", r#"i=0; while [ $i -lt 2000 ]; do printf "%s %s\n" "$i" "$TOKEN"; i=$((i+1)); done"#, ""),
        step("quiet", r#"printf "%s hu%s\n" "$TOKEN" sh"#, ", sensitive: true"),
        step("keeps", r#"printf "%s" "$TOKEN""#, ", capture: {kept: {stdout: true}}"),
        "  - {id: tell, title: Tell, notify: {to: ops, text: 'kept ${{ steps.keeps.kept }}'}}\n".to_owned(),
    ]
    .concat();
    let place = place("deploy", environment, &format!("{more}updates: {{to: ops, every: 15m}}\n{}", hook.runbook("json")));
    let text = std::fs::read_to_string(place.runbook()).unwrap();
    let inputs = format!("inputs:\n  token: {{type: secret, from: {from}}}\n");
    std::fs::write(place.runbook(), text.replacen("inputs:\n", &inputs, 1).replace("secrets.token", "inputs.token")).unwrap();
    place
}

/// A cluster with the canary in a Secret, and the settings that lead there.
struct Shop {
    runtime: tokio::runtime::Runtime,
    config: String,
}

impl Shop {
    fn open() -> Self {
        pacenote::ports::install_crypto();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let text = format!(
            "pacenote-scenario: 1\nscenario: secrets\nrunbook: none.yaml\nseed: 7\nworld:\n  namespace: shop\n  objects:\n    \
             - {{apiVersion: v1, kind: Secret, metadata: {{name: deploy}}, data: {{token: {}}}}}\n",
            STANDARD.encode(CANARY)
        );
        let scenario = Scenario::read("test.yaml", &text).unwrap();
        let world = World::new(&scenario, Surroundings::default(), Clock::start_at_speed(chrono::Utc::now(), 1.0));
        let (address, serving) = runtime.block_on(serve(world.router())).unwrap();
        runtime.spawn(serving);
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: world\n\
             clusters:\n- {{name: world, cluster: {{server: \"http://{address}\"}}}}\nusers:\n- {{name: me, user: {{}}}}\n\
             contexts:\n- {{name: world, context: {{cluster: world, user: me, namespace: shop}}}}\n"
        );
        Self { runtime, config }
    }
}

/// Walks the session and looks at everything it leaves and says.
fn walk(from: &str, environment: &str, set_up: impl FnOnce(&Place)) {
    let hook = Hook::new(StatusCode::OK);
    let place = session(&hook, from, environment);
    set_up(&place);
    let arguments = ["--log", "trace", "run", "deploy.yaml", "--trust", "--answers", "answers.yaml"];
    let mut command = place.command(&arguments);
    if from.contains("env") {
        command.env("CANARY_TOKEN", CANARY);
    }
    let done = command.stdin(std::process::Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{from}: {out}\n{err}");
    let sid = place.records()[0]["sid"].as_str().unwrap().to_owned();
    for form in ["html", "markdown", "json", "csv", "cast", "pack"] {
        let name = format!("report.{form}");
        place.pacenote(&["export", &sid, "--format", form, "--output", &name]).is(0);
    }
    let shown = place.pacenote(&["show", &sid]);
    let told: Vec<Value> = hook.told();
    assert!(told.len() >= 3, "{told:?}");
    let mut all = Vec::new();
    files(place.home.path(), &mut all);
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for kind in ["journal.jsonl", "ledger.jsonl", "/marks/", "/output/", "/bundle/", ".log", "report.pack", "report.html"] {
        assert!(names.iter().any(|name| name.contains(kind)), "{kind} is among what was looked at: {names:?}");
    }
    all.push(("stdout".into(), done.stdout.clone()));
    all.push(("stderr".into(), done.stderr.clone()));
    all.push(("show".into(), shown.out.into_bytes()));
    all.push(("sent".into(), serde_json::to_vec(&told).unwrap()));
    for (name, bytes) in &all {
        assert_eq!(shows(bytes), None, "{from}: {name}");
    }
    let told = all.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("[redacted "));
    assert!(told, "{from}: it came by, and was taken out");
    for (name, bytes) in &all {
        assert!(!String::from_utf8_lossy(bytes).contains("hush"), "{name} keeps the output of a sensitive step");
    }
}

#[test]
fn a_canary_of_the_environment_is_in_no_file_and_in_nothing_that_was_sent() {
    walk("{env: CANARY_TOKEN}", "", |_| {});
}

#[test]
fn neither_is_one_of_a_file_or_of_a_command() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    walk(&format!("{{file: '{}'}}", file.display()), "", |_| {});
    walk(&format!("{{command: [cat, '{}']}}", file.display()), "", |_| {});
}

#[test]
fn neither_is_one_of_the_cluster() {
    let shop = Shop::open();
    walk("{kubernetes: {name: deploy, key: token}}", "kubernetes: {context: world, namespace: shop}", |place| {
        std::fs::create_dir(place.path(".kube")).unwrap();
        std::fs::write(place.path(".kube/config"), &shop.config).unwrap();
    });
    shop.runtime.shutdown_background();
}
