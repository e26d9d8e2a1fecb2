//! Seals and their verification, from the side of who wants to cheat.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use pacenote::journal::rules::{Rule, Rules};
use pacenote::journal::verify::{Options, Status, Verification, verify_with};
use pacenote::journal::{Mark, Role, Sealer, SessionDir, Witness, Writer};
use pacenote::redact::Redactor;
use pacenote::report::VERIFY_SCRIPT as SCRIPT;
use pacenote::session::Event;
use pacenote::signature::{AllowedSigners, Revoked};

use super::journal::samples;
use super::signature::installed;

mod approvals;
mod attacks;
mod evidence;
mod forge;
mod kept;
mod long;

use forge::{ALICE, Forge, SID, cases, key, list};

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

struct Bench {
    _temp: tempfile::TempDir,
    path: PathBuf,
    signers: AllowedSigners,
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join(SID);
        fs::create_dir(&folder).unwrap();
        Self { path: folder.join("journal.jsonl"), _temp: temp, signers: AllowedSigners::parse(&list()).unwrap() }
    }

    fn options(&self) -> Options<'_> {
        Options { signers: Some(&self.signers), now: now(), ..Options::default() }
    }

    fn verify(&self, bytes: &[u8]) -> Verification {
        self.by_rules(bytes, Rules::default())
    }

    fn by_rules(&self, bytes: &[u8], rules: Rules) -> Verification {
        fs::write(&self.path, bytes).unwrap();
        verify_with(&self.path, Options { rules, ..self.options() })
    }
}

/// The events of a session, sealed by the writer itself.
fn written(dir: &SessionDir) -> Vec<u8> {
    let mut writer = Writer::create(dir, Redactor::new()).unwrap();
    writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)));
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.operator.key = Some(key(1).public().fingerprint());
    }
    for (i, event) in (0..).zip([opened, samples::note("on we go"), samples::decided(1), samples::closed()]) {
        let appended = writer.append(samples::at(i * 10), &event).unwrap();
        assert_eq!((appended.seal.len(), appended.trouble), (if i == 1 { 0 } else { 2 }, None));
        assert_eq!(appended.head, writer.head());
    }
    fs::read(dir.journal()).unwrap()
}

fn sealed_session() -> (tempfile::TempDir, SessionDir, Vec<u8>) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(SID);
    fs::create_dir(&path).unwrap();
    let dir = SessionDir::new(path).unwrap();
    let bytes = written(&dir);
    (temp, dir, bytes)
}

#[test]
fn what_the_writer_seals_is_verified() {
    let (_temp, dir, _) = sealed_session();
    let bench = Bench::new();
    let found = verify_with(&dir.journal(), bench.options());
    assert_eq!((found.code, found.status, found.seals), (0, Status::Verified, 3), "{found:?}");
    let seal = found.seal.unwrap();
    assert_eq!((seal.signer.as_str(), seal.key), (ALICE, key(1).public().fingerprint()));
    let nobody = verify_with(&dir.journal(), Options::default());
    assert_eq!((nobody.code, nobody.status), (6, Status::Untrusted));
    let strict = Options { operator: true, ..bench.options() };
    assert_eq!(verify_with(&dir.journal(), strict).code, 0);
}

/// The contract's recipe: three lines of shell prove who sealed.
#[test]
fn stock_tools_prove_who_sealed() {
    if !installed() {
        return;
    }
    let (_temp, dir, _) = sealed_session();
    let signers = dir.path().join("allowed_signers");
    fs::write(&signers, list()).unwrap();
    let recipe = r#"cd "$1"
n=$(( $(wc -c <journal.jsonl) - $(tail -n1 journal.jsonl | wc -c) ))
tail -n1 journal.jsonl | jq -e '.type=="journal.sealed" and .data.role=="close" and .data.bytes=='"$n" &&
tail -n1 journal.jsonl | jq -r .data.sig >x.sig &&
head -c "$n" journal.jsonl | ssh-keygen -Y verify -f allowed_signers -I alice@example.com -n pacenote-session -s x.sig"#;
    let done = Command::new("sh").args(["-c", recipe, "sh"]).arg(dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Each rule of the verifier, switched off, lets something through.
#[test]
fn every_rule_is_needed() {
    let bench = Bench::new();
    let mut shown: Vec<Rule> = Vec::new();
    for (name, bytes, code, rule) in cases() {
        let found = bench.verify(&bytes);
        assert_eq!(found.code, code, "{name}: {found:?}");
        if let Some(rule) = rule {
            let without = bench.by_rules(&bytes, Rules::without(rule));
            assert_eq!(without.code, 0, "{name}, without {rule:?}: {without:?}");
            shown.push(rule);
        }
    }
    // The list itself is a rule too.
    let unknown = Bench { signers: AllowedSigners::default(), ..Bench::new() };
    let good = Forge::begin(pacenote::session::event::Mode::Live).finish();
    assert_eq!((unknown.verify(&good).code, unknown.by_rules(&good, Rules::without(Rule::Trusted)).code), (6, 0));
    shown.push(Rule::Trusted);
    shown.extend(approvals::every_rule_is_needed());
    for rule in Rule::ALL {
        assert!(shown.contains(&rule), "no journal shows what {rule:?} is for");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let bench = Bench::new();
    for (name, bytes, code, _) in cases() {
        let problem = bench.verify(&bytes).problem;
        assert_eq!(problem.is_some(), code == 1, "{name}");
        let lines = bytes.split_inclusive(|&b| b == b'\n').count() as u64;
        assert!(problem.is_none_or(|p| (1..=lines).contains(&p.line) && !p.what.is_empty()), "{name}");
    }
}

#[test]
fn no_cut_verifies() {
    let (_temp, dir, bytes) = sealed_session();
    let bench = Bench::new();
    let path = dir.journal();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..bytes.len()).rev() {
        file.set_len(length as u64).unwrap();
        let found = verify_with(&path, bench.options());
        assert_eq!(found.code, 5, "cut to {length}: {found:?}");
    }
}

#[test]
fn no_flipped_bit_verifies() {
    use std::os::unix::fs::FileExt as _;
    let bench = Bench::new();
    let bytes = Forge::begin(pacenote::session::event::Mode::Live).finish();
    assert_eq!(bench.verify(&bytes).code, 0);
    let file = fs::OpenOptions::new().write(true).open(&bench.path).unwrap();
    for (at, &byte) in (0..).zip(&bytes) {
        for bit in 0..8 {
            file.write_all_at(&[byte ^ (1 << bit)], at).unwrap();
            let code = verify_with(&bench.path, bench.options()).code;
            // The last newline is the one byte without which nothing was changed.
            let torn = at == bytes.len() as u64 - 1;
            assert!(code == 1 || (torn && code == 5), "bit {bit} of byte {at}: {code}");
        }
        file.write_all_at(&[byte], at).unwrap();
    }
    assert_eq!(verify_with(&bench.path, bench.options()).code, 0);
}

#[test]
fn no_moved_dropped_doubled_or_inserted_record_verifies() {
    let (_temp, dir, bytes) = sealed_session();
    let bench = Bench::new();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
    let mut other = Forge::begin(pacenote::session::event::Mode::Live);
    other.note("from elsewhere");
    let foreign: Vec<&[u8]> = other.bytes.split_inclusive(|&b| b == b'\n').collect();
    let judge = |lines: &[&[u8]]| {
        fs::write(dir.journal(), lines.concat()).unwrap();
        verify_with(&dir.journal(), bench.options()).code
    };
    assert_eq!(judge(&lines), 0);
    for i in 0..lines.len() {
        for j in i + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(i, j);
            assert_ne!(judge(&swapped), 0, "swap {i} and {j}");
        }
        let mut dropped = lines.clone();
        dropped.remove(i);
        assert_ne!(judge(&dropped), 0, "drop {i}");
        for line in lines.iter().chain(&foreign) {
            for place in [i, i + 1] {
                let mut inserted = lines.clone();
                inserted.insert(place, line);
                assert_ne!(judge(&inserted), 0, "insert at {place}");
            }
        }
    }
}

#[test]
fn who_is_trusted_depends_on_list_time_and_revocation() {
    let bench = Bench::new();
    let good = Forge::begin(pacenote::session::event::Mode::Live).finish();
    let line = key(1).public().line();
    let mut revoked = Revoked::default();
    revoked.add(key(1).public());
    let list = |text: String| AllowedSigners::parse(&text).unwrap();
    let judge = |signers: AllowedSigners| Bench { signers, ..Bench::new() }.verify(&good);
    for (signers, code, about) in [
        (list(format!("alice@example.com valid-before=\"20261120Z\" {line}")), 6, "expired"),
        (list(format!("alice@example.com valid-after=\"20261122Z\" {line}")), 6, "valid from"),
        (list(format!("alice@example.com namespaces=\"git\" {line}")), 6, "not allowed for"),
        (list(format!("alice@example.com cert-authority {line}")), 6, "authority"),
        (list(format!("mallory@example.com {line}")), 6, "is not alice@example.com's"),
        (list(format!("alice@example.com {}", key(2).public().line())), 6, "not in the list"),
        (list(forge::list()).without(revoked), 6, "revoked"),
        (list(format!("*@example.com {line}")), 0, ""),
    ] {
        let found = judge(signers);
        assert_eq!(found.code, code, "{about}: {found:?}");
        assert!(found.untrusted.join(" ").contains(about), "{about}: {:?}", found.untrusted);
    }
    let anyone = judge(list(format!("* {line}")));
    assert!(anyone.code == 0 && anyone.warnings[0].contains("for `*`"), "{anyone:?}");

    // An anchor's time counts, where one is asked for.
    let expired = list(format!("alice@example.com valid-before=\"20261120Z\" {line}"));
    fs::write(&bench.path, &good).unwrap();
    let place = || "a ticket".to_owned();
    let known = |mark: &Mark| {
        assert_eq!(mark.sid, SID);
        Ok(pacenote::journal::verify::Anchored { place: place(), at: "2026-11-19T00:00:00Z".parse().unwrap() })
    };
    let options = Options { signers: Some(&expired), anchors: Some(&known), now: now(), ..Options::default() };
    assert_eq!(verify_with(&bench.path, options).code, 0);
    let unknown = |_: &Mark| Err("nobody has it".to_owned());
    let options = Options { anchors: Some(&unknown), ..bench.options() };
    let found = verify_with(&bench.path, options);
    assert!(found.code == 6 && found.untrusted[0].contains("nobody has it"), "{found:?}");
}

/// A whole file, freshly made and sealed by somebody else under the operator's name.
#[test]
fn a_replaced_file_is_not_trusted() {
    let bench = Bench::new();
    let mut mallory = Forge::new();
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.operator.key = Some(key(4).public().fingerprint());
    }
    mallory.event(&opened).good_seal("open", 4).note("nothing happened").close().good_seal("close", 4);
    let found = bench.verify(&mallory.bytes);
    assert_eq!((found.code, found.status), (6, Status::Untrusted), "{found:?}");
}

#[test]
fn an_unsealed_opening_counts_where_operators_are_required() {
    let bench = Bench::new();
    let mut forge = Forge::new();
    forge.opened(pacenote::session::event::Mode::Live).note("nobody sealed this");
    let bytes = forge.finish();
    assert_eq!(bench.verify(&bytes).code, 0, "the closing seal covers it all");
    let found = verify_with(&bench.path, Options { operator: true, ..bench.options() });
    assert_eq!(found.code, 6, "{found:?}");
}

/// The printed script, in all it claims, agrees with the program.
#[test]
fn the_script_says_the_same() {
    if !installed() {
        return;
    }
    assert!(SCRIPT.lines().count() <= 80);
    let bench = Bench::new();
    let folder = bench.path.parent().unwrap();
    let (script, signers) = (folder.join("verify.sh"), folder.join("signers"));
    fs::write(&script, SCRIPT).unwrap();
    fs::write(&signers, list()).unwrap();
    let says = |path: &Path| {
        let mut command = Command::new("sh");
        command.arg(&script).arg(path).arg(&signers).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    for (name, bytes, code, _) in cases() {
        fs::write(&bench.path, &bytes).unwrap();
        let (said, text) = says(&bench.path);
        assert_eq!(said, Some(i32::from(code)), "{name}: {text}");
    }
    let mut broken: Vec<(&str, Vec<u8>)> = Vec::new();
    let good = Forge::begin(pacenote::session::event::Mode::Live).finish();
    let text = String::from_utf8(good.clone()).unwrap();
    for (name, from, to) in [
        ("a space", "\"type\":", "\"type\": "),
        ("another word", "as it was", "as it is"),
        ("a fraction", "\"mono_ms\":10,", "\"mono_ms\":1.5,"),
        ("another time", "\"ts\":\"2026", "\"ts\":\"x026"),
        ("another version", "{\"v\":1,", "{\"v\":2,"),
        ("a key twice", "\"mono_ms\":10,", "\"mono_ms\":10,\"mono_ms\":10,"),
    ] {
        broken.push((name, text.replacen(from, to, 1).into_bytes()));
    }
    broken.push(("empty", Vec::new()));
    broken.push(("cut in the last line", good[..good.len() - 100].to_vec()));
    for (name, bytes) in broken {
        let ours = bench.verify(&bytes).code;
        let (said, text) = says(&bench.path);
        assert_eq!(said, Some(i32::from(ours)), "{name}: {text}");
    }
    // A sealed session of the writer, its files beside it.
    let (_temp, dir, _) = sealed_session();
    assert_eq!(says(&dir.journal()).0, Some(0));
}

#[derive(Debug)]
struct Listening(std::sync::mpsc::Sender<(Role, Mark)>);

impl Witness for Listening {
    fn sealed(&mut self, role: Role, mark: &Mark, _at: DateTime<Utc>) -> Result<(), String> {
        self.0.send((role, mark.clone())).map_err(|e| e.to_string())
    }
}

#[test]
fn witnesses_are_told_of_each_seal_and_their_failure_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(SID);
    fs::create_dir(&path).unwrap();
    let mut writer = Writer::create(&SessionDir::new(path).unwrap(), Redactor::new()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)).witnessed(Box::new(Listening(tell))));
    let appended = writer.append(samples::at(0), &samples::opened()).unwrap();
    let (role, mark) = told.recv().unwrap();
    assert_eq!((role, mark.seq, mark.head), (Role::Open, 2, appended.head));
    drop(told);
    let appended = writer.append(samples::at(1), &samples::decided(1)).unwrap();
    assert_eq!(appended.seal.len(), 2, "the seal stands all the same");
    assert!(appended.trouble.unwrap().contains("could not be noted"));
}

/// A pack as `export` makes it: everything in one folder.
fn pack(path: &Path, files: &[(&str, &[u8], tar::EntryType)]) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, bytes, kind) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        // `set_path` refuses what a cheat would write.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.finish().unwrap();
}

#[test]
fn packs_are_verified_where_they_lie_and_their_tricks_are_refused() {
    use tar::EntryType;
    let bench = Bench::new();
    let path = bench.path.with_file_name("evidence.tar");
    let good = Forge::begin(pacenote::session::event::Mode::Live).finish();
    let file = EntryType::Regular;
    let judge = |files: &[(&str, &[u8], EntryType)]| {
        pack(&path, files);
        verify_with(&path, bench.options())
    };
    for folder in ["", "session-1/"] {
        let (journal, note) = (format!("{folder}journal.jsonl"), format!("{folder}VERIFY.md"));
        let found = judge(&[(&journal, &good, file), (&note, b"read me", file)]);
        assert_eq!(found.code, 0, "{folder}: {found:?}");
    }
    let journal = ("journal.jsonl", good.as_slice(), file);
    for (name, kind, about) in [
        ("../journal.jsonl", file, "leads elsewhere"),
        ("/etc/passwd", file, "leads elsewhere"),
        ("a/./b", file, "leads elsewhere"),
        ("output/x", EntryType::Symlink, "neither a file nor a folder"),
        ("output/x", EntryType::Link, "neither a file nor a folder"),
        ("journal.jsonl", file, "two files"),
    ] {
        let found = judge(&[journal, (name, b"", kind)]);
        let what = found.problem.clone().map(|p| p.what).unwrap_or_default();
        assert!(found.code == 1 && what.contains(about), "{name}: {found:?}");
    }
    assert_eq!(judge(&[("a/journal.jsonl", &good, file), ("b/more", b"", file)]).code, 1);
    assert_eq!(judge(&[("VERIFY.md", b"nothing else", file)]).code, 1);
    // Cut anywhere, it does not verify.
    pack(&path, &[journal]);
    let length = fs::metadata(&path).unwrap().len();
    let cut = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..length).rev().step_by(97) {
        cut.set_len(length).unwrap();
        let code = verify_with(&path, bench.options()).code;
        // Of the two blocks of zeros at the end one is enough.
        // Cut within its first header it is no pack at all, but something torn.
        assert!(code == 1 || (code == 5 && length < 512) || (code == 0 && length > good.len() as u64 + 1024), "{length}: {code}");
    }
}

/// A journal that was put back to an earlier state is behind its mark.
#[test]
fn a_journal_that_was_put_back_is_behind_its_mark() {
    use pacenote::state::StateDir;
    use pacenote::state::marks::{Marks, Notes};
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session(SID).unwrap();
    let marks = Marks::of(&state);
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)).witnessed(Box::new(Notes::of(&state, false))));
    assert_eq!(writer.append(samples::at(0), &samples::opened()).unwrap().trouble, None);
    let before = fs::read(dir.journal()).unwrap();
    assert_eq!(marks.check(&dir), Ok(()));
    writer.append(samples::at(1), &samples::decided(1)).unwrap();
    assert_eq!(marks.check(&dir), Ok(()));
    drop(writer);
    fs::write(dir.journal(), &before).unwrap();
    let missing = marks.check(&dir).unwrap_err();
    assert!(missing.contains("ends with record 2, and record 5 was sealed"), "{missing}");
}

/// Whatever operation of the disk fails, a sealed session never verifies as more than
/// was sealed: 0 only where every record and every seal was acknowledged.
#[test]
fn no_failing_operation_makes_a_seal_that_lies() {
    use super::journal::faulty_disk::{Fault, FaultyDisk};
    let bench = Bench::new();
    let temp = tempfile::tempdir().unwrap();
    let walk = |disk: &FaultyDisk, n: u64| {
        let path = temp.path().join(format!("session-{n}"));
        fs::create_dir(&path).unwrap();
        let dir = SessionDir::new(path).unwrap();
        let Ok(mut writer) = Writer::create_on(std::sync::Arc::new(disk.clone()), &dir, Redactor::new()) else {
            return (dir, false);
        };
        writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)));
        let mut opened = samples::opened();
        if let Event::SessionOpened(opened) = &mut opened {
            opened.operator.key = Some(key(1).public().fingerprint());
        }
        let events = (0..).zip([opened, samples::decided(1), samples::closed()]);
        let mut whole = true;
        for (i, event) in events {
            match writer.append(samples::at(i), &event) {
                Ok(appended) => whole &= appended.trouble.is_none(),
                Err(_) => return (dir, false),
            }
        }
        (dir, whole)
    };
    let healthy = FaultyDisk::default();
    let (dir, whole) = walk(&healthy, 0);
    assert!(whole && verify_with(&dir.journal(), bench.options()).code == 0);
    let kinds = [5, 28].into_iter().flat_map(|e| [Fault::Once(e), Fault::Lasting(e), Fault::Torn(e), Fault::Short(e)]);
    for (i, fault) in (0_u64..).zip(kinds) {
        for operation in 1..=healthy.operations() {
            let disk = FaultyDisk::failing(operation, fault);
            let (dir, whole) = walk(&disk, 1 + i * 1000 + operation);
            if !dir.journal().exists() {
                continue;
            }
            let found = verify_with(&dir.journal(), bench.options());
            // What a failed sync left may be whole all the same; broken it never is.
            assert!(found.code == 0 || (found.code == 5 && !whole), "{operation} {fault:?}: {found:?}");
            if whole {
                assert_eq!(found.code, 0, "{operation} {fault:?}");
            }
        }
    }
}
