use chrono::{TimeZone as _, Utc};

use super::*;
use crate::session::approval::RequestOperator;
use crate::session::event::EnvironmentRecord;
use crate::signature::{Kind, Revoked, SESSION};

fn signer(n: u8) -> Signer {
    Signer::from_seed(&[n; 32], Kind::Own).unwrap()
}

fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, hour, 0, 0).unwrap()
}

fn request(by: &[&str]) -> String {
    let request = Request {
        form: 1,
        session: "s-1".into(),
        path: "approve".into(),
        visit: 1,
        nonce: "00".into(),
        asked: "2026-11-21T03:00:00.000Z".into(),
        expires: Some("2026-11-21T05:00:00.000Z".into()),
        by: by.iter().map(|s| (*s).to_owned()).collect(),
        min: 1,
        text: String::new(),
        operators: Vec::new(),
        runbook: "r".into(),
        title: "R".into(),
        bundle: "b".repeat(64),
        commit: None,
        change: None,
        environment: EnvironmentRecord::default(),
        inputs: BTreeMap::new(),
        secrets: Vec::new(),
        head: String::new(),
        plan: Vec::new(),
        rollback: String::new(),
    };
    request.text()
}

fn list(lines: &[(&str, &str, u8)]) -> AllowedSigners {
    let lines = lines.iter().map(|(who, options, key)| format!("{who} {options} {}\n", signer(*key).public().line()));
    AllowedSigners::parse(&lines.collect::<String>()).unwrap()
}

fn no_groups() -> BTreeMap<String, Vec<String>> {
    BTreeMap::new()
}

#[test]
fn an_answer_survives_being_passed_on() {
    let request = request(&["ann"]);
    for answer in [
        Answer::approve(&signer(1), Some("ann@example.com"), &request).unwrap(),
        Answer::approve(&signer(1), None, &request).unwrap(),
        Answer::refuse(&signer(1), Some("ann@example.com"), &request, "not \"today\"\n<b>").unwrap(),
    ] {
        let text = answer.text();
        assert_eq!(Answer::parse(&text), Ok(answer.clone()));
        let pasted = format!("\r\n  {}  \r\n", text.replace('\n', "  \r\n"));
        assert_eq!(Answer::parse(&pasted), Ok(answer));
    }
    let armor = Answer::approve(&signer(1), None, &request).unwrap().text();
    for wrong in [
        "",
        "by: ann",
        "hello\n",
        &format!("hello\n{armor}"),
        &format!("by: a\nby: b\n{armor}"),
        &armor[..90],
        &"x".repeat(70_000),
    ] {
        assert!(matches!(Answer::parse(wrong), Err(Rejected::Malformed(_))), "{wrong:.40}");
    }
}

#[test]
fn only_a_signature_over_this_request_counts() {
    let (request, other) = (request(&["ann"]), request(&["ann", "bob"]));
    let signers = list(&[("ann", "", 1)]);
    let groups = no_groups();
    let approvers = Approvers { signers: &signers, groups: &groups };
    let judged = |answer: &Answer| judge(&request, answer, &approvers, at(4));
    let good = Answer::approve(&signer(1), None, &request).unwrap();
    let found = judged(&good).unwrap();
    assert_eq!((found.by.as_str(), found.refused.as_deref(), found.signed.request == hash(&request)), ("ann", None, true));
    let refusal = Answer::refuse(&signer(1), None, &request, "no").unwrap();
    assert_eq!(judged(&refusal).unwrap().refused.as_deref(), Some("no"));

    // Another request, a request changed in one letter, a refusal of another one.
    assert_eq!(judged(&Answer::approve(&signer(1), None, &other).unwrap()), Err(Rejected::Other));
    let changed = request.replacen("s-1", "s-2", 1);
    assert_eq!(judge(&changed, &good, &approvers, at(4)), Err(Rejected::Other));
    assert_eq!(judged(&Answer::refuse(&signer(1), None, &other, "no").unwrap()), Err(Rejected::Other));
    // A refusal is never an approval, and its reason cannot be changed.
    assert_eq!(judged(&Answer { refusal: None, ..refusal.clone() }), Err(Rejected::Other));
    let reworded = refusal.refusal.clone().map(|text| text.replace("\"no\"", "\"yes\""));
    assert!(matches!(judged(&Answer { refusal: reworded, ..refusal }), Err(Rejected::Signature(_))));
    // A request is no refusal.
    assert!(matches!(judged(&Answer { refusal: Some(request.clone()), ..good.clone() }), Err(Rejected::Malformed(_))));
    // A seal is no approval, whatever it is over.
    let seal = signer(1).sign(SESSION, Message::Bytes(request.as_bytes())).unwrap();
    let sealed = judged(&Answer { by: None, refusal: None, signature: seal });
    assert!(matches!(sealed, Err(Rejected::Signature(SignatureError::Namespace { .. }))), "{sealed:?}");
}

#[test]
fn a_request_is_answered_before_it_expires() {
    let request = request(&["ann"]);
    let signers = list(&[("ann", "", 1)]);
    let approvers = Approvers { signers: &signers, groups: &no_groups() };
    let answer = Answer::approve(&signer(1), None, &request).unwrap();
    judge(&request, &answer, &approvers, at(4)).unwrap();
    assert!(matches!(judge(&request, &answer, &approvers, at(5)), Err(Rejected::Expired(_))));
}

/// Who a key belongs to, and what it may be used for, is the list's to say.
#[test]
fn keys_count_only_as_the_list_says() {
    let request = request(&["ann", "*@example.com"]);
    let answer = |by: Option<&str>| Answer::approve(&signer(1), by, &request).unwrap();
    let judged = |lines: &[(&str, &str, u8)], by: Option<&str>| {
        let signers = list(lines);
        judge(&request, &answer(by), &Approvers { signers: &signers, groups: &no_groups() }, at(4)).map(|judged| judged.by)
    };
    assert_eq!(judged(&[("ann", "", 1)], None), Ok("ann".into()));
    assert_eq!(judged(&[("ann", "", 1)], Some("ann")), Ok("ann".into()));
    assert_eq!(judged(&[("ann", "namespaces=\"pacenote-approval\"", 1)], None), Ok("ann".into()));
    assert!(matches!(judged(&[("ann", "", 2)], None), Err(Rejected::Key(Distrust::Unknown(_)))));
    assert!(matches!(judged(&[("ann", "", 1)], Some("bob")), Err(Rejected::Key(Distrust::Principal { .. }))));
    let session_only = judged(&[("ann", "namespaces=\"pacenote-session\"", 1)], None);
    assert!(matches!(session_only, Err(Rejected::Key(Distrust::Namespace { .. }))));
    let expired = judged(&[("ann", "valid-before=\"20260101Z\"", 1)], None);
    assert!(matches!(expired, Err(Rejected::Key(Distrust::Expired { .. }))));
    let not_yet = judged(&[("ann", "valid-after=\"20270101Z\"", 1)], None);
    assert!(matches!(not_yet, Err(Rejected::Key(Distrust::NotYet { .. }))));
    assert!(matches!(judged(&[("*", "", 1)], None), Err(Rejected::Everybody(_))));
    assert!(matches!(judged(&[("*", "", 1)], Some("ann")), Err(Rejected::Everybody(_))));
    assert!(matches!(judged(&[("ann,bob", "", 1)], None), Err(Rejected::Whose { .. })));
    assert_eq!(judged(&[("ann,bob", "", 1)], Some("ann")), Ok("ann".into()));
    assert!(matches!(judged(&[("cid,bob", "", 1)], Some("bob")), Err(Rejected::MayNot { .. })));
    let mut revoked = Revoked::default();
    revoked.add(signer(1).public());
    let signers = list(&[("ann", "", 1)]).without(revoked);
    let found = judge(&request, &answer(None), &Approvers { signers: &signers, groups: &no_groups() }, at(4));
    assert!(matches!(found, Err(Rejected::Key(Distrust::Revoked(_)))));
}

/// A key that the list has for an operator too is the operator's, whatever else it is.
#[test]
fn an_operators_key_does_not_approve_under_another_name() {
    let mut asked = Request::parse(&request(&["ann", "bob"])).unwrap();
    asked.operators.push(RequestOperator { principal: "ann".into(), key: None });
    let request = asked.text();
    let signers = list(&[("ann,bob", "", 1), ("bob", "", 2)]);
    let approvers = Approvers { signers: &signers, groups: &no_groups() };
    let judged = |key| judge(&request, &Answer::approve(&signer(key), Some("bob"), &request).unwrap(), &approvers, at(4));
    assert_eq!(judged(1), Err(Rejected::Operates("ann".into())));
    assert_eq!(judged(2).unwrap().by, "bob");
}

#[test]
fn a_group_is_a_policys_or_one_of_the_lists_principals() {
    let request = request(&["managers"]);
    let answer = Answer::approve(&signer(1), None, &request).unwrap();
    let judged = |lines: &[(&str, &str, u8)], groups: &BTreeMap<String, Vec<String>>| {
        let signers = list(lines);
        judge(&request, &answer, &Approvers { signers: &signers, groups }, at(4)).map(|judged| judged.by)
    };
    let policy = BTreeMap::from([("managers".to_owned(), vec!["ann@example.com".to_owned()])]);
    assert_eq!(judged(&[("ann@example.com", "", 1)], &policy), Ok("ann@example.com".into()));
    assert!(matches!(judged(&[("ann@example.com", "", 1)], &no_groups()), Err(Rejected::MayNot { .. })));
    let two = [("ann@example.com,managers", "", 1), ("bob@example.com,managers", "", 2)];
    assert_eq!(judged(&two, &no_groups()), Ok("ann@example.com".into()));
    assert!(matches!(judged(&[("ann,managers", "", 1)], &no_groups()), Err(Rejected::Whose { .. })), "a group of one is a name");
    assert_eq!(
        judged(&[("ann,managers", "", 1)], &policy.clone()),
        Err(Rejected::MayNot { by: "ann".into(), may: "managers".into() })
    );
    // A policy that names the members of a group is the last word on them.
    let others = BTreeMap::from([("managers".to_owned(), vec!["bob@example.com".to_owned()])]);
    assert!(matches!(judged(&[("ann@example.com,managers", "", 1)], &others), Err(Rejected::MayNot { .. })));
    assert_eq!(judged(&[("managers", "", 1)], &no_groups()), Ok("managers".into()));
}
