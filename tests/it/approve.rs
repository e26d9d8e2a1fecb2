//! Four eyes, in the program itself: an operator who asks, approvers on machines of their
//! own, and an auditor who asks for all of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pacenote::approval::review::{Finding, Review};
use pacenote::signature::Signer;
use serde_json::Value;

use super::signature::installed;

mod reviews;

/// More than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const RUNBOOK: &str = "pacenote: 1\nrunbook: ship\ntitle: Ship it\nchange: {kind: deploy, service: shop, version: \"${{ inputs.version }}\"}\n\
    inputs: {version: {type: string, default: v2}}\n\
    steps:\n  - {id: ok, title: Approval, approve: {by: [managers], min: 2, expires: 1h, text: \"Ships ${{ inputs.version }}.\"}}\n  \
    - {id: ship, title: Ship, run: {command: [touch, \"${{ inputs.version }}\"]}, undo: {none: it is a file}}\n";

/// Somebody with a home folder and a key of their own.
struct Person {
    home: tempfile::TempDir,
    name: &'static str,
}

impl Person {
    fn new(name: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/pacenote");
        std::fs::create_dir_all(&config).unwrap();
        Signer::local(&config).unwrap();
        std::fs::write(config.join("config.yaml"), format!("principal: {name}\nssh_key: self-issued-key\n")).unwrap();
        std::fs::write(home.path().join("ship.yaml"), RUNBOOK).unwrap();
        Self { home, name }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn key(&self) -> PathBuf {
        self.path(".config/pacenote/self-issued-key")
    }

    fn line(&self, more: &str) -> String {
        let key = Signer::open(&self.key()).unwrap();
        format!("{}{more} {}\n", self.name, key.public().line())
    }

    fn knows(&self, lines: &[String]) {
        std::fs::write(self.path(".config/pacenote/allowed_signers"), lines.concat()).unwrap();
    }

    fn pacenote(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").current_dir(self.home.path());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn says(&self, arguments: &[&str], typed: &str) -> Output {
        let mut child = self.pacenote(arguments).spawn().unwrap();
        // Who has refused already does not read it.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// `pacenote approve`, with a word typed.
    fn answers(&self, request: &Path, word: &str) -> Output {
        let request = request.to_str().unwrap();
        self.says(&["approve", request, "--runbook", "ship.yaml"], word)
    }

    fn exports(&self, sid: &str, form: &str) -> String {
        let done = self.says(&["export", sid, "--format", form], "");
        assert!(done.status.success(), "{}", err(&done));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Makes a pack, unpacks it, and does what its VERIFY.md says where it says this.
    fn follows(&self, sid: &str, what: &str) -> String {
        let packed = self.says(&["export", sid, "--format", "pack", "--output", "pack.tar"], "");
        assert!(packed.status.success(), "{}", err(&packed));
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).current_dir(self.home.path()).stdin(Stdio::null());
            let done = shell.output().unwrap();
            format!("{}{}", String::from_utf8_lossy(&done.stdout), err(&done))
        };
        let refused = self.says(&["show", "pack.tar"], "");
        assert!(err(&refused).contains("unpack it"), "{}", err(&refused));
        shell("tar xf pack.tar");
        let shown = self.says(&["replay", &format!("./{sid}"), "--plain"], "");
        assert!(shown.status.success() && !shown.stdout.is_empty(), "an unpacked one is a session: {}", err(&shown));
        let text = std::fs::read_to_string(self.path(sid).join("VERIFY.md")).unwrap();
        let script = text.split("```").skip(1).step_by(2).find(|script| script.contains(what)).expect("a script");
        let list = self.path(".config/pacenote/allowed_signers");
        shell(&format!("cd {sid}\n{}", script.replace("YOUR_LIST", list.to_str().unwrap())))
    }

    fn report(&self, sid: &str) -> Value {
        serde_json::from_str(&self.exports(sid, "json")).unwrap()
    }

    fn approves(&self, request: &Path) -> String {
        let done = self.answers(request, "approve\n");
        assert!(done.status.success(), "{}", err(&done));
        String::from_utf8(done.stdout).unwrap()
    }
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A session in lines, and somebody at it.
struct Walking {
    child: Child,
    typed: ChildStdin,
    lines: Receiver<String>,
    sid: String,
}

impl Walking {
    fn start(person: &Person, arguments: &[&str]) -> Self {
        let mut child = person.pacenote(arguments).stderr(Stdio::null()).spawn().unwrap();
        let (send, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { typed: child.stdin.take().unwrap(), child, lines, sid: String::new() }
    }

    /// The first line that holds a text.
    fn until(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} in:\n{}", seen.join("\n")),
            }
        }
    }

    /// Where the request lies.
    fn request(&mut self) -> PathBuf {
        let line = self.until("Send them ");
        let path = PathBuf::from(line.split("Send them ").nth(1).unwrap().trim());
        self.sid = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        path
    }

    fn types(&mut self, text: &str) {
        self.typed.write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Walking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Alice operates; Ann and Bob are managers, Cid is none.
fn people() -> [Person; 4] {
    let people = [Person::new("alice@example.com"), Person::new("ann"), Person::new("bob"), Person::new("cid")];
    let [alice, ann, bob, cid] = &people;
    let managers = |person: &Person| person.line(",managers");
    alice.knows(&[alice.line(""), managers(ann), managers(bob), cid.line("")]);
    people
}

#[test]
fn a_change_waits_for_two_others_and_an_auditor_can_tell() {
    let [alice, ann, bob, cid] = people();
    let mut walking = Walking::start(&alice, &["run", "ship.yaml", "--plain", "--trust"]);
    let request = walking.request();

    // Nobody signs unread, and nobody who operates, or has other files.
    let nothing = ann.answers(&request, "yes\n");
    assert!(!nothing.status.success() && nothing.stdout.is_empty(), "{}", err(&nothing));
    assert!(err(&nothing).contains("run touch v2") && err(&nothing).contains("the same would be done"), "{}", err(&nothing));
    let own = alice.answers(&request, "approve\n");
    assert!(!own.status.success() && err(&own).contains("operates this session"), "{}", err(&own));
    std::fs::write(bob.path("ship.yaml"), RUNBOOK.replace("touch", "rm")).unwrap();
    let other = bob.answers(&request, "approve\n");
    assert!(!other.status.success() && err(&other).contains("other files"), "{}", err(&other));
    std::fs::write(bob.path("ship.yaml"), RUNBOOK).unwrap();

    // Who may not, and twice the same, do not count; pasted or as a file is the same.
    walking.types(&cid.approves(&request));
    assert!(walking.until("not done:").contains("none of those who may approve"));
    let first = ann.approves(&request);
    walking.types(&first);
    walking.until("approved by ann");
    walking.types(&first);
    assert!(walking.until("not done:").contains("somebody else must"));
    let file = bob.path("answer");
    std::fs::write(&file, bob.approves(&request)).unwrap();
    walking.types(&format!("answer {}\n", file.display()));
    walking.until("touch v2");
    walking.types("start\n");
    walking.until("completed");
    assert!(walking.child.wait().unwrap().success());

    let wants = ["verify", &walking.sid, "--require", "operator,approvals"];
    let verified = alice.says(&wants, "");
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let told = alice.report(&walking.sid);
    let worth = |told: &Value, n: usize| told["verification"]["approvals"][n]["untrusted"].clone();
    assert_eq!((worth(&told, 0), worth(&told, 1)), (Value::Null, Value::Null), "{told}");
    let page = alice.exports(&walking.sid, "html");
    assert!(page.contains("<td>trusted") && !page.contains("NOT TRUSTED") && page.contains("bob approved ok"), "{page}");
    if installed() {
        let said = alice.follows(&walking.sid, "\"approval.given\"");
        for name in ["ann", "bob"] {
            assert!(said.contains(&format!("Good \"pacenote-approval\" signature for {name} with")), "{said}");
        }
    }
    // An auditor who does not know Bob for a manager is told so.
    alice.knows(&[alice.line(""), ann.line(",managers"), bob.line("")]);
    let doubted = alice.says(&wants, "");
    let said = String::from_utf8_lossy(&doubted.stdout).into_owned();
    assert!(doubted.status.code() == Some(6) && said.contains("bob is none of those who may approve"), "{said}");
    let told = alice.report(&walking.sid);
    assert_eq!(worth(&told, 0), Value::Null, "{told}");
    assert!(worth(&told, 1).as_str().unwrap().contains("bob is none of those who may approve"), "{told}");
    let markdown = alice.exports(&walking.sid, "markdown");
    assert!(markdown.contains("That the approval of ok is bob's is not known"), "{markdown}");
    std::fs::remove_file(alice.path(".config/pacenote/allowed_signers")).unwrap();
    let page = alice.exports(&walking.sid, "html");
    assert!(page.contains("NOT TRUSTED: there is no list of allowed signers") && !page.contains("<td>trusted"), "{page}");
}

#[test]
fn a_refusal_stops_the_step_and_stock_tools_can_approve() {
    let [alice, ann, bob, _] = people();
    let mut walking = Walking::start(&alice, &["run", "ship.yaml", "--plain", "--trust"]);
    let request = walking.request();
    let refused = ann.answers(&request, "refuse not on a Friday\n");
    walking.types(&String::from_utf8(refused.stdout).unwrap());
    walking.until("refused by ann: not on a Friday");
    walking.types("retry\n");
    let again = walking.request();
    if !installed() {
        return;
    }
    // The README's way, for who has no pacenote.
    for person in [&ann, &bob] {
        let copy = person.path("request.json");
        std::fs::copy(&again, &copy).unwrap();
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-Y", "sign", "-O", "hashalg=sha256", "-n", "pacenote-approval", "-f"]).arg(person.key()).arg(&copy);
        assert!(sign.output().unwrap().status.success());
        walking.types(&std::fs::read_to_string(person.path("request.json.sig")).unwrap());
    }
    walking.until("touch v2");
}

/// A session that was left while it waited goes on waiting for the same request.
#[test]
fn the_request_outlives_the_program() {
    let [alice, ann, bob, _] = people();
    let mut walking = Walking::start(&alice, &["run", "ship.yaml", "--plain", "--trust"]);
    let request = walking.request();
    let first = std::fs::read_to_string(&request).unwrap();
    walking.types(&ann.approves(&request));
    walking.until("approved by ann");
    let answer = bob.approves(&request);
    drop(walking);
    std::fs::remove_file(&request).unwrap();
    let mut again = Walking::start(&alice, &["resume", "--plain"]);
    assert_eq!(std::fs::read_to_string(again.request()).unwrap(), first);
    again.types(&answer);
    again.until("touch v2");
}

/// An emergency passes approvals and owes a review, which somebody else signs.
#[test]
fn an_emergency_owes_a_review_by_somebody_else() {
    let [alice, ann, _, _] = people();
    let arguments = ["run", "ship.yaml", "--plain", "--trust", "--emergency", "it burns"];
    let mut walking = Walking::start(&alice, &arguments);
    walking.until("touch v2");
    walking.types("start\n");
    walking.until("completed");
    assert!(walking.child.wait().unwrap().success());
    let text = |output: Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let listed = text(alice.says(&["review"], ""));
    assert!(listed.contains("it burns"), "{listed}");
    let sid = listed.split_whitespace().next().unwrap().to_owned();
    let own = alice.says(&["review", &sid], "accept mine\n");
    assert!(!own.status.success() && err(&own).contains("operated this session"), "{}", err(&own));

    // Nor does it help to put one's own beside the journal by hand.
    assert!(alice.exports(&sid, "markdown").contains("A later review is owed"));
    let folder = alice.path(".local/state/pacenote/sessions").join(&sid);
    let told = alice.report(&sid);
    let head = told["journal"]["head"].as_str().unwrap();
    let own = Review::new(&sid, head, Finding::Accepted, "all well", "2026-11-21T03:33:44Z".to_owned());
    let own = own.sign(&Signer::open(&alice.key()).unwrap(), "ann").unwrap();
    std::fs::write(folder.join("reviews.jsonl"), format!("{}\nrubbish\n", serde_json::to_string(&own).unwrap())).unwrap();
    assert!(text(alice.says(&["review"], "")).contains("it burns"), "still owed");
    let told = alice.report(&sid);
    assert!(told["reviews"][0]["untrusted"].as_str().unwrap().contains("operated this session"), "{told}");
    assert!(told["reviews"][1]["untrusted"].is_string(), "{told}");
    assert!(alice.exports(&sid, "html").contains("A later review is owed"));

    // Ann has a copy of the folder, and her own list.
    ann.knows(&[alice.line("")]);
    let copy = ann.path("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(folder.join("journal.jsonl"), copy.join("journal.jsonl")).unwrap();
    let blobs = std::fs::read_dir(folder.join("output")).unwrap().flatten();
    std::fs::create_dir(copy.join("output")).unwrap();
    for blob in blobs {
        std::fs::copy(blob.path(), copy.join("output").join(blob.file_name())).unwrap();
    }
    let nothing = ann.says(&["review", "copy", "--out", "review.json"], "yes\n");
    assert!(!nothing.status.success() && !ann.path("review.json").exists(), "{}", err(&nothing));
    let done = ann.says(&["review", "copy", "--out", "review.json"], "accept it did burn\n");
    assert!(done.status.success() && err(&done).contains("emergency: it burns"), "{}", err(&done));

    let review = ann.path("review.json");
    let added = alice.says(&["review", &sid, "--add", review.to_str().unwrap()], "");
    assert!(added.status.success(), "{}", err(&added));
    assert!(text(alice.says(&["review"], "")).contains("No review is owed"));
    let shown = text(alice.says(&["show", &sid], ""));
    assert!(shown.contains("review: accepted by ann") && shown.contains("it did burn"), "{shown}");
    assert_eq!(alice.says(&["verify", &sid], "").status.code(), Some(0), "a review touches no journal");
    for form in ["html", "markdown"] {
        let told = alice.exports(&sid, form);
        assert!(told.contains("Reviewed afterwards") && told.contains("it did burn"), "{told}");
        assert!(!told.contains("A later review is owed"), "{told}");
    }
    assert_eq!(alice.report(&sid)["reviews"][2]["untrusted"], Value::Null);
    if installed() {
        let said = alice.follows(&sid, "<reviews.jsonl");
        assert!(said.contains("Good \"pacenote-approval\" signature for ann with") && said.contains("it did burn"), "{said}");
        assert!(said.contains("Could not verify signature"), "the one by hand is not Ann's: {said}");
    }
    // It is of this journal and no other, and its words are what was signed.
    let forged = std::fs::read_to_string(&review).unwrap().replace("did burn", "did not");
    std::fs::write(&review, forged).unwrap();
    let refused = alice.says(&["review", &sid, "--add", review.to_str().unwrap()], "");
    assert!(!refused.status.success() && err(&refused).contains("is no review of"), "{}", err(&refused));
}

/// An emergency that is declared when it is gone on with passes what was asked for before.
#[test]
fn an_emergency_declared_on_resuming_is_in_order() {
    let [alice, ..] = people();
    let mut walking = Walking::start(&alice, &["run", "ship.yaml", "--plain", "--trust"]);
    walking.request();
    walking.types("quit\n");
    assert!(walking.child.wait().unwrap().code().is_some());
    let sid = walking.sid.clone();
    let mut again = Walking::start(&alice, &["resume", "--plain", "--emergency", "it burns"]);
    again.until("touch v2");
    again.types("start\n");
    again.until("Completed, with 2 deviations from the runbook.");
    assert!(again.child.wait().unwrap().success());
    let verified = |more: &[&str]| alice.says(&[&["verify", sid.as_str()], more].concat(), "");
    assert_eq!(verified(&[]).status.code(), Some(0));
    let required = verified(&["--require", "approvals"]);
    let said = String::from_utf8_lossy(&required.stdout).into_owned();
    assert!(required.status.code() == Some(6) && said.contains("an emergency passed the approval at ok"), "{said}");
}
