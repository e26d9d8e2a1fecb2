use chrono::{DateTime, TimeZone as _, Utc};
use proptest::prelude::*;

use super::revoked::Revoked;
use super::*;

fn signer(n: u8) -> Signer {
    Signer::from_seed(&[n; 32], Kind::Own).unwrap()
}

fn day(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, 12, 0, 0).unwrap()
}

#[test]
fn a_signature_holds_for_its_key_its_purpose_and_its_message() {
    let alice = signer(1);
    let message = Message::Bytes(b"hello");
    let signature = alice.sign(SESSION, message).unwrap();
    assert_eq!(signature.key(), alice.public());
    assert_eq!(signature.verify(SESSION, &message.sha256()), Ok(()));
    assert!(matches!(signature.verify(APPROVAL, &message.sha256()), Err(SignatureError::Namespace { .. })));
    assert!(matches!(signature.verify(SESSION, &[0; 32]), Err(SignatureError::Wrong(_))));
    // The same key signs the same thing in the same way, so that a rehearsal repeats.
    assert_eq!(alice.sign(SESSION, message).unwrap(), signature);
    assert_ne!(signer(2).sign(SESSION, message).unwrap(), signature);
}

#[test]
fn an_armor_has_one_spelling_in_a_journal_and_any_breaks_when_pasted() {
    let armor = signer(1).sign(SESSION, Message::Bytes(b"x")).unwrap().armor();
    assert_eq!(Signature::parse_canonical(&armor).unwrap().armor(), armor);
    assert!(armor.lines().all(|line| line.len() <= 70) && armor.ends_with("-----END SSH SIGNATURE-----\n"));
    let pasted = format!("\n  {}\n", armor.replace('\n', "\r\n  "));
    let rewrapped = armor.replacen('\n', "", 2).replacen("-----U", "-----\nU", 1);
    for other in [pasted, rewrapped, armor.trim_end().to_owned()] {
        assert_eq!(Signature::parse(&other), Signature::parse(&armor), "{other:?}");
        assert!(Signature::parse_canonical(&other).is_err(), "{other:?}");
    }
}

/// Whatever bit of a signature is flipped, it is not good any more.
#[test]
fn every_flipped_bit_of_a_signature_is_noticed() {
    let message = Message::Bytes(b"hello");
    let armor = signer(1).sign(SESSION, message).unwrap().armor();
    for at in 0..armor.len() {
        for bit in 0..8 {
            let mut bytes = armor.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let good = Signature::parse_canonical(&text).is_ok_and(|s| s.verify(SESSION, &message.sha256()).is_ok());
            assert!(!good, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_key_is_judged_by_principal_namespace_and_time() {
    let key = signer(1).public().clone();
    let line = key.line();
    let list = |options: &str| AllowedSigners::parse(&format!("# ours\nalice@example.com {options}{line} alice\n")).unwrap();
    let judge = |list: &AllowedSigners, who: &str| list.judge(who, &key, SESSION, day(15));
    assert_eq!(judge(&list(""), "alice@example.com"), Ok(Trusted { line: 2, anyone: false }));
    assert!(matches!(judge(&list(""), "bob@example.com"), Err(Distrust::Principal { .. })));
    assert!(matches!(judge(&list(r#"namespaces="file,git" "#), "alice@example.com"), Err(Distrust::Namespace { .. })));
    assert!(judge(&list(r#"namespaces="pacenote-*",valid-after="20261101Z" "#), "alice@example.com").is_ok());
    assert!(matches!(judge(&list(r#"valid-after="20261116Z" "#), "alice@example.com"), Err(Distrust::NotYet { .. })));
    assert!(matches!(judge(&list(r#"valid-before="20261115115959Z" "#), "alice@example.com"), Err(Distrust::Expired { .. })));
    assert!(judge(&list(r#"valid-before="20261115120000Z" "#), "alice@example.com").is_ok());
    assert!(matches!(judge(&list("cert-authority "), "alice@example.com"), Err(Distrust::Authority(_))));
    let unknown = AllowedSigners::default().judge("alice@example.com", &key, SESSION, day(15));
    assert_eq!(unknown, Err(Distrust::Unknown(key.fingerprint())));
}

#[test]
fn principals_are_patterns() {
    let key = signer(1).public().clone();
    let fits = |patterns: &str, who: &str| {
        let list = AllowedSigners::parse(&format!("{patterns} {}", key.line())).unwrap();
        list.judge(who, &key, SESSION, day(1)).map(|trusted| trusted.anyone).ok()
    };
    for (patterns, who, expected) in [
        ("*@example.com", "alice@example.com", Some(false)),
        ("*@example.com", "alice@example.com.evil", None),
        ("*@example.com,!bob@*", "bob@example.com", None),
        ("!bob@*,*@example.com", "alice@example.com", Some(false)),
        ("!bob", "alice", None),
        ("alice,bob", "bob", Some(false)),
        ("\"alice smith,bob\"", "alice smith", Some(false)),
        ("al?ce", "alice", Some(false)),
        ("al?ce", "alce", None),
        ("a*b*c*d", "aXbXcXd", Some(false)),
        ("*", "alice", Some(true)),
        ("**", "alice", Some(true)),
        ("Alice", "alice", None),
    ] {
        assert_eq!(fits(patterns, who), expected, "{patterns} {who}");
    }
}

#[test]
fn what_is_not_understood_is_an_error_with_its_line() {
    let line = signer(1).public().line();
    for (text, about) in [
        (format!("alice {line}\nbob verify-required {line}"), "verify-required"),
        (format!("\nalice valid-after=\"soon\" {line}"), "soon"),
        (format!("\nalice valid-after=\"20261301\" {line}"), "20261301"),
        (format!("\nalice namespaces=\"a\",namespaces=\"b\" {line}"), "twice"),
        (format!("\n\"alice {line}"), "quote"),
        (format!("\n,alice {line}"), "empty"),
        ("\nalice ssh-ed25519 AAAA".to_owned(), "no public SSH key"),
        ("\nalice".to_owned(), "no public SSH key"),
        (format!("\nalice valid-after=\"20261102Z\",valid-before=\"20261101Z\" {line}"), "behind"),
    ] {
        let (n, what) = AllowedSigners::parse(&text).unwrap_err();
        assert!(n == 2 && what.contains(about), "{text:?}: {n} {what}");
    }
}

#[test]
fn a_revoked_key_counts_for_nobody() {
    let (alice, bob) = (signer(1).public().clone(), signer(2).public().clone());
    let list = AllowedSigners::parse(&format!("alice {}\nbob {}", alice.line(), bob.line())).unwrap();
    let revoked = Revoked::parse(format!("# stolen\n{} alice\n", alice.line()).as_bytes()).unwrap();
    let list = list.without(revoked);
    assert_eq!(list.judge("alice", &alice, SESSION, day(1)), Err(Distrust::Revoked(alice.fingerprint())));
    assert!(list.judge("bob", &bob, SESSION, day(1)).is_ok());
    assert!(Revoked::parse(b"not a key").is_err());
}

#[test]
fn the_key_of_a_folder_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Signer::local(folder.path()).unwrap();
    let again = Signer::local(folder.path()).unwrap();
    assert_eq!((first.public(), first.kind()), (again.public(), Kind::SelfIssued));
    let signature = again.sign(SESSION, Message::Bytes(b"x")).unwrap();
    assert!(signature.verify(SESSION, &Message::Bytes(b"x").sha256()).is_ok());
    assert_ne!(Signer::generate().unwrap().public(), first.public());
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    Signer::local(folder.path()).unwrap();
    let path = folder.path().join("self-issued-key");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(matches!(Signer::open(&path), Err(SignError::Open { mode: 0o640, .. })));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(Signer::open(&path).unwrap().kind(), Kind::Own);
    assert!(matches!(Signer::open(&folder.path().join("none")), Err(SignError::Unreadable { .. })));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..300) {
        let _ = PublicKey::from_blob(&bytes);
        let mut list = b"SSHKRL\n\0\0\0\0\x01".to_vec();
        list.extend(&bytes);
        let _ = Revoked::parse(&list);
        let mut sig = signer(1).sign(SESSION, Message::Bytes(b"x")).unwrap().armor();
        sig.truncate(cut.min(sig.len()));
        let _ = Signature::parse(&sig);
    }

    #[test]
    fn no_text_makes_a_list_panic(text in "\\PC{0,80}") {
        let _ = AllowedSigners::parse(&text);
    }
}
