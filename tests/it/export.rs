//! Exports of real journals: what is in them, what must not be, and what a browser makes
//! of the page.

use std::path::{Path, PathBuf};

use pacenote::app::{headless, opening};
use pacenote::journal::SessionDir;
use pacenote::report::{self, Beside, Source, Story};
use pacenote::runbook::load;
use pacenote::state::StateDir;
use pacenote::world::Scenario;

mod attacks;
mod auditors;
mod browser;
mod damage;
mod sealed;

/// A rehearsed session, its journal on disk.
pub(super) struct Walked {
    _temp: tempfile::TempDir,
    pub(super) dir: SessionDir,
}

/// Walks a scenario of the library.
pub(super) fn walk(runbook: &str, scenario: &str) -> Walked {
    pacenote::ports::install_crypto();
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session(&format!("20260105-100000-{scenario}-00002a")).unwrap();
    let path = format!("scenarios/{runbook}-{scenario}.yaml");
    let (_, text) = load::library().iter().find(|(shown, _)| *shown == path).expect("a scenario");
    let bundle = load::load(runbook).unwrap_or_else(|_| panic!("{runbook} has mistakes"));
    opening::keep_bundle(&dir, &bundle).unwrap();
    headless::walk(&bundle, &Scenario::read(&path, text).unwrap(), &dir).unwrap();
    Walked { _temp: temp, dir }
}

/// The story of a journal.
pub(super) fn story(journal: &Path) -> Story {
    let source = Source::read(journal).unwrap();
    let signals = Beside::signals_of(&source);
    Story::of(source, Beside { signals, ..Beside::default() })
}

/// Where pages are kept for a look at them.
pub(super) fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// All forms of a report but the pack, by the ending of their files.
pub(super) fn forms(story: &Story) -> [(&'static str, String); 5] {
    [
        ("html", report::html(story)),
        ("md", report::markdown(story)),
        ("json", report::json(story)),
        ("csv", report::csv(story)),
        ("cast", report::asciicast(story)),
    ]
}

#[test]
fn a_session_comes_out_in_every_form() {
    for (scenario, outcome) in [("bad-canary", "rolled-back"), ("all-good", "completed")] {
        let walked = walk("canary-deploy", scenario);
        let story = story(&walked.dir.journal());
        for (form, text) in forms(&story) {
            std::fs::write(kept(&format!("{scenario}.{form}")), &text).unwrap();
            assert!(text.contains("Canary deploy of checkout") && text.contains(outcome), "{form}");
            assert!(text.contains("REHEARSAL"), "{form} says what stands out");
            assert_eq!(text.contains("rollback/undo"), outcome == "rolled-back", "{form}");
        }
        let page = report::html(&story);
        for item in report::audit::audit(&story) {
            assert!(page.contains(item.question), "{}", item.question);
            assert!(!item.facts.is_empty() || item.missing.is_some(), "{} is answered or named as missing", item.question);
        }
        let mut drawn = 0;
        for (signal, track) in &story.tracks {
            let numbers = track.members.values().flatten().any(|(_, value)| value.is_some());
            assert!(track.readings > 10, "{signal} was read");
            assert_eq!(page.contains(&format!("<title>{signal}: ")), numbers, "{signal} is drawn");
            drawn += usize::from(numbers);
        }
        assert!(drawn >= 4 && (drawn == story.tracks.len()) != page.contains("No reading had a number"));
        let effects = story.changes().count();
        assert_eq!(page.matches("<g class=\"mark change\"><line").count(), effects * drawn);
        assert!(page.contains(&story.head) && page.contains("+ spec.template.spec.containers[app].image"));
    }
}

#[test]
fn the_documents_say_what_the_journal_says() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let story = story(&journal);
    let lines = std::fs::read_to_string(&journal).unwrap();
    let count = |kind: &str| lines.matches(&format!("\"type\":\"{kind}\"")).count();
    let document: serde_json::Value = serde_json::from_str(&report::json(&story)).unwrap();
    let length = |name: &str| document[name].as_array().map_or(0, Vec::len);
    assert_eq!(length("decisions"), count("decision.made"));
    assert_eq!(length("effects"), count("effect.intended"));
    assert_eq!(length("gates"), count("gate.judged"));
    assert_eq!(length("steps"), count("step.entered"));
    assert_eq!(document["journal"]["head"], pacenote::journal::verify::verify_journal(&journal).head);
    assert_eq!(document["session"]["outcome"], "rolled-back");
    assert_eq!(document["signals"]["error_rate"]["warn"], "1");
    let told = lines.lines().count() - count("signal.sampled") - count("view.changed");
    let rows = regex::Regex::new(r"(?m)^\d+,2026-").unwrap();
    assert_eq!(rows.find_iter(&report::csv(&story)).count(), told);

    let cast = report::asciicast(&story);
    let mut events = cast.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert_eq!(events.next().expect("a header")["version"], 3);
    let length: f64 = events.map(|event| event[0].as_f64().unwrap()).sum();
    assert!((490.0..492.0).contains(&length), "8m10s and the last second: {length}");
}

#[test]
fn the_same_journal_gives_the_same_bytes() {
    let walked = walk("rolling-deploy", "all-good");
    let (one, two) = (story(&walked.dir.journal()), story(&walked.dir.journal()));
    assert_eq!(forms(&one), forms(&two));
    let pack = |story| report::pack(story, walked.dir.path(), None, None).unwrap();
    assert!(pack(&one) == pack(&two));
}

/// A pack is taken apart and checked with the tools an auditor has.
#[test]
fn a_pack_is_checked_with_common_tools() {
    let walked = walk("canary-deploy", "bad-canary");
    let sid = walked.dir.sid();
    let blob = b"what a command said\n";
    let name = pacenote::journal::format::hex(&pacenote::journal::format::sha256(blob));
    std::fs::write(walked.dir.output().join(&name), blob).unwrap();
    std::fs::write(walked.dir.output().join("effect-9.part"), "half").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", walked.dir.bundle().join("link")).unwrap();
    let ledger = format!("{{\"sid\":\"other\"}}\n{{\"sid\":\"{sid}\"}}\n");
    let story = story(&walked.dir.journal());
    let pack = report::pack(&story, walked.dir.path(), Some(ledger.as_bytes()), Some(b"alice ssh-ed25519 AAAA\n")).unwrap();
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("pack.tar"), pack).unwrap();
    let sh = |script: &str| {
        let output = std::process::Command::new("sh").arg("-c").arg(script).current_dir(temp.path()).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = sh("tar xvf pack.tar").replace(&format!("{sid}/"), "");
    let files = format!(
        "journal.jsonl output/{name} bundle/canary-deploy.yaml ledger.jsonl allowed_signers verify.sh VERIFY.md SHA256SUMS"
    );
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>().join(" "), files);
    assert_eq!(sh(&format!("cd {sid} && sha256sum -c SHA256SUMS | grep -c OK")), "7\n");
    assert_eq!(sh(&format!("cat {sid}/ledger.jsonl")), format!("{{\"sid\":\"{sid}\"}}\n"));
    let unpacked = temp.path().join(sid).join("journal.jsonl");
    assert_eq!(std::fs::read(&unpacked).unwrap(), std::fs::read(walked.dir.journal()).unwrap());
    assert_eq!(pacenote::journal::verify::verify_journal(&unpacked).code, 6, "sealed by a key nobody trusts");

    // What it says about the runbook, too.
    let text = std::fs::read_to_string(temp.path().join(sid).join("VERIFY.md")).unwrap();
    let runbook = text.lines().find(|line| line.contains(".bundle.files")).expect("how to check the runbook");
    let checked = format!("cd {sid} && {runbook} 2>&1 || true");
    assert_eq!(sh(&checked), "");
    std::fs::write(temp.path().join(sid).join("bundle/canary-deploy.yaml"), "other").unwrap();
    assert!(sh(&checked).starts_with("bundle/canary-deploy.yaml: FAILED"));

    // What VERIFY.md says about the chain is true, of a good journal and of a bad one.
    assert!(text.contains(&story.head) && text.contains("What the record does not say"));
    let (_, script) = text.split_once("```\nprev=").expect("the script");
    let script = format!("cd {sid}\nprev={}\necho $prev", script.split_once("```").expect("its end").0);
    assert_eq!(sh(&script).trim(), story.head);
    let bad = std::fs::read_to_string(&unpacked).unwrap().replacen("Pre-deployment", "pre-deployment", 1);
    std::fs::write(&unpacked, bad).unwrap();
    assert!(sh(&script).starts_with("wrong: "));
}
