//! Approvals in a sealed journal, from the side of an operator who wants to do without:
//! who has the key that seals, and whom approvals are there to watch.

use std::collections::BTreeMap;
use std::fs;

use pacenote::approval::{Answer, hash};
use pacenote::journal::rules::{Rule, Rules};
use pacenote::journal::verify::{Options, Verification, verify_with};
use pacenote::session::Event;
use pacenote::session::approval::{Request, RequestOperator};
use pacenote::session::event::{ApprovalAnswer, Mode, Operator, Signed};
use pacenote::signature::{AllowedSigners, Message, SESSION, Signature, Signer};
use serde_json::{Value, json};

use super::forge::{ALICE, Forge, SID, key};
use super::{Bench, now, samples};

/// Keys: 5 is Ann's, 6 Bob's.
const ANN: u8 = 5;
const BOB: u8 = 6;

fn opened() -> pacenote::session::event::Opened {
    samples::header()
}

/// A request as the program makes it for the sample session.
fn request() -> Request {
    let opened = opened();
    Request::parse(
        &json!({
            "pacenote-approval-request": 1, "session": SID, "path": "approve", "visit": 1, "nonce": "n-1",
            "asked": "2026-11-21T03:33:44.000Z", "expires": "2026-11-21T04:33:44.000Z", "by": ["managers"], "min": 2, "text": "",
            "operators": [RequestOperator { principal: ALICE.into(), key: Some(key(1).public().fingerprint()) }],
            "runbook": "r", "title": "R", "bundle": opened.bundle.sha256, "commit": null, "change": opened.change,
            "environment": opened.environment, "inputs": opened.inputs, "secrets": [], "head": "", "plan": [], "rollback": "",
        })
        .to_string(),
    )
    .unwrap()
}

/// A journal with its files.
struct Case {
    forge: Forge,
    files: BTreeMap<String, String>,
}

impl Case {
    fn new() -> Self {
        Self { forge: Forge::begin(Mode::Live), files: BTreeMap::new() }
    }

    /// Asks, in a record that says what the request says unless it is changed.
    fn asks(&mut self, request: &Request, change: impl FnOnce(&mut Value)) -> &mut Self {
        let text = request.text();
        let mut data = json!({
            "path": request.path, "visit": request.visit, "by": request.by, "min": request.min, "expires": request.expires,
            "simulated": false, "request": { "blob": hash(&text), "bytes": text.len(), "head": "" },
        });
        change(&mut data);
        self.files.insert(hash(&text), text);
        self.forge.line(&json!({ "type": "approval.requested", "data": data }));
        self
    }

    fn answers(&mut self, given: bool, answer: &ApprovalAnswer) -> &mut Self {
        let event = if given { Event::ApprovalGiven(answer.clone()) } else { Event::ApprovalRefused(answer.clone()) };
        self.forge.event(&event);
        self
    }

    fn approves(&mut self, by: &str, n: u8, request: &Request) -> &mut Self {
        self.answers(true, &approval(by, n, request))
    }

    fn step_done(&mut self) -> &mut Self {
        self.forge.line(&json!({ "type": "step.ended", "data": { "path": "approve", "visit": 1, "outcome": "done" } }));
        self
    }

    fn voided(&mut self) -> &mut Self {
        self.forge.line(&json!({ "type": "approval.voided", "data": { "path": "approve", "visit": 1, "reason": "x" } }));
        self
    }

    fn resumed(&mut self, by: &str, n: u8) -> &mut Self {
        let operator = Operator { principal: by.into(), key: Some(key(n).public().fingerprint()), ..Operator::default() };
        self.forge.event(&samples::resumed(operator));
        self
    }

    fn changes(&mut self) -> &mut Self {
        self.forge.event(&samples::intended(1, 10));
        self
    }

    fn verify(self, bench: &Bench, options: Options<'_>) -> Verification {
        let output = bench.path.with_file_name("output");
        fs::create_dir_all(&output).unwrap();
        for (name, text) in &self.files {
            fs::write(output.join(name), text).unwrap();
        }
        fs::write(&bench.path, self.forge.finish()).unwrap();
        verify_with(&bench.path, options)
    }
}

/// An approval as the program records it.
fn approval(by: &str, n: u8, request: &Request) -> ApprovalAnswer {
    let text = request.text();
    let answer = Answer::approve(&key(n), None, &text).unwrap();
    record(by, &key(n), &text, None, &answer.signature)
}

fn refusal(by: &str, n: u8, request: &Request, reason: &str) -> ApprovalAnswer {
    let text = request.text();
    let answer = Answer::refuse(&key(n), None, &text, reason).unwrap();
    ApprovalAnswer { reason: Some(reason.into()), ..record(by, &key(n), &text, answer.refusal, &answer.signature) }
}

fn record(by: &str, signer: &Signer, request: &str, refusal: Option<String>, signature: &Signature) -> ApprovalAnswer {
    ApprovalAnswer {
        path: "approve".into(),
        visit: 1,
        by: by.into(),
        reason: None,
        simulated: false,
        signed: Some(Signed { request: hash(request), refusal, key: signer.public().fingerprint(), sig: signature.armor() }),
        evidence: pacenote::session::event::Evidence::default(),
    }
}

fn approved() -> Case {
    let mut case = Case::new();
    case.asks(&request(), |_| ()).approves("ann", ANN, &request()).approves("bob", BOB, &request());
    case
}

type Attack = (&'static str, Rule, Box<dyn Fn() -> Case>);

fn with(change: fn(&mut Case)) -> Box<dyn Fn() -> Case> {
    Box::new(move || {
        let mut case = Case::new();
        change(&mut case);
        case
    })
}

/// Everything somebody with the operator's key may try.
fn attacks() -> Vec<Attack> {
    wrong_requests().into_iter().chain(wrong_signatures()).chain(wrong_people()).collect()
}

/// Requests that are not of this step, and answers to none.
fn wrong_requests() -> Vec<Attack> {
    /// A request that is not quite what the session does.
    fn asked(change: fn(&mut Request)) -> Box<dyn Fn() -> Case> {
        Box::new(move || {
            let mut request = request();
            change(&mut request);
            let mut case = Case::new();
            case.asks(&request, |data| {
                data["path"] = "approve".into();
                data["visit"] = 1.into();
                data["min"] = 2.into();
                data["by"] = json!(["managers"]);
                data["expires"] = "2026-11-21T04:33:44.000Z".into();
            });
            case.approves("ann", ANN, &request).approves("bob", BOB, &request).step_done();
            case
        })
    }
    vec![
        ("moved from another session", Rule::ApprovalRequest, asked(|r| r.session.push('0'))),
        ("moved from another step", Rule::ApprovalRequest, asked(|r| r.path = "earlier".into())),
        ("moved from another visit", Rule::ApprovalRequest, asked(|r| r.visit = 2)),
        ("for other inputs", Rule::ApprovalRequest, asked(|r| drop(r.inputs.insert("version".into(), "v1.2.3".into())))),
        ("for fewer inputs", Rule::ApprovalRequest, asked(|r| drop(r.inputs.remove("version")))),
        ("for another runbook", Rule::ApprovalRequest, asked(|r| r.bundle = "cd".repeat(32))),
        ("for another environment", Rule::ApprovalRequest, asked(|r| r.environment.name = "staging".into())),
        ("for another cluster", Rule::ApprovalRequest, asked(|r| r.environment.ca_fingerprint = Some("SHA256:x".into()))),
        ("by one where two were to", Rule::ApprovalRequest, asked(|r| r.min = 1)),
        ("by anybody", Rule::ApprovalRequest, asked(|r| r.by = vec!["everybody".into()])),
        ("for longer", Rule::ApprovalRequest, asked(|r| r.expires = None)),
        ("without its operator", Rule::ApprovalRequest, asked(|r| r.operators.clear())),
        (
            "the same request again",
            Rule::ApprovalRequest,
            with(|c| {
                c.asks(&request(), |_| ()).voided().asks(&request(), |_| ());
                c.approves("ann", ANN, &request()).approves("bob", BOB, &request()).step_done();
            }),
        ),
        (
            "never asked for",
            Rule::ApprovalRequest,
            with(|c| {
                c.approves("ann", ANN, &request());
            }),
        ),
        (
            "after it was void",
            Rule::ApprovalRequest,
            with(|c| {
                c.asks(&request(), |_| ()).voided().approves("ann", ANN, &request());
            }),
        ),
    ]
}

/// Signatures over something else, or by another key.
fn wrong_signatures() -> Vec<Attack> {
    /// An answer that is not quite one.
    fn answered(make: fn() -> (bool, ApprovalAnswer)) -> Box<dyn Fn() -> Case> {
        Box::new(move || {
            let mut case = Case::new();
            let (given, answer) = make();
            case.asks(&request(), |_| ()).answers(given, &answer);
            case
        })
    }
    vec![
        (
            "without a signature",
            Rule::ApprovalSignature,
            answered(|| (true, ApprovalAnswer { signed: None, ..approval("ann", ANN, &request()) })),
        ),
        (
            "a signature over another request",
            Rule::ApprovalSignature,
            answered(|| {
                let mut other = request();
                other.nonce = "n-0".into();
                let mut answer = approval("ann", ANN, &other);
                answer.signed.as_mut().unwrap().request = hash(&request().text());
                (true, answer)
            }),
        ),
        (
            "an answer to another request",
            Rule::ApprovalSignature,
            answered(|| {
                let mut other = request();
                other.nonce = "n-0".into();
                (true, approval("ann", ANN, &other))
            }),
        ),
        (
            "a seal used as an approval",
            Rule::ApprovalSignature,
            answered(|| {
                let text = request().text();
                let seal = key(ANN).sign(SESSION, Message::Bytes(text.as_bytes())).unwrap();
                (true, record("ann", &key(ANN), &text, None, &seal))
            }),
        ),
        (
            "another key than it names",
            Rule::ApprovalSignature,
            answered(|| {
                let mut answer = approval("ann", ANN, &request());
                answer.signed.as_mut().unwrap().key = key(BOB).public().fingerprint();
                (true, answer)
            }),
        ),
        (
            "an armor wrapped anew",
            Rule::ApprovalSignature,
            answered(|| {
                let mut answer = approval("ann", ANN, &request());
                let signed = answer.signed.as_mut().unwrap();
                signed.sig = signed.sig.replacen('\n', "", 2).replacen("-----U", "-----\nU", 1);
                (true, answer)
            }),
        ),
        (
            "a refusal turned into an approval",
            Rule::ApprovalSignature,
            answered(|| (true, ApprovalAnswer { reason: None, ..refusal("ann", ANN, &request(), "no") })),
        ),
        (
            "an approval turned into a refusal",
            Rule::ApprovalSignature,
            answered(|| (false, ApprovalAnswer { reason: Some("no".into()), ..approval("ann", ANN, &request()) })),
        ),
        (
            "a refusal with another reason",
            Rule::ApprovalSignature,
            answered(|| (false, ApprovalAnswer { reason: Some("yes".into()), ..refusal("ann", ANN, &request(), "no") })),
        ),
    ]
}

/// Approvals too late, by the wrong people, or too few of them.
fn wrong_people() -> Vec<Attack> {
    vec![
        (
            "too late",
            Rule::ApprovalTime,
            with(|c| {
                let mut request = request();
                request.expires = Some("2026-11-21T03:33:44.120Z".into());
                c.asks(&request, |_| ()).approves("ann", ANN, &request);
            }),
        ),
        (
            "the operator, by name",
            Rule::ApprovalOperator,
            with(|c| {
                c.asks(&request(), |_| ()).approves(ALICE, ANN, &request());
            }),
        ),
        (
            "the operator, by key",
            Rule::ApprovalOperator,
            with(|c| {
                c.asks(&request(), |_| ()).approves("ann", 1, &request());
            }),
        ),
        (
            "an approver who operates later",
            Rule::ApprovalOperator,
            Box::new(|| {
                let mut case = approved();
                case.step_done().resumed("ann", 1).changes().resumed(ALICE, 1);
                case
            }),
        ),
        (
            "the same name twice",
            Rule::ApprovalTwice,
            with(|c| {
                c.asks(&request(), |_| ()).approves("ann", ANN, &request()).approves("ann", BOB, &request());
            }),
        ),
        (
            "the same key twice",
            Rule::ApprovalTwice,
            with(|c| {
                c.asks(&request(), |_| ()).approves("ann", ANN, &request()).approves("bob", ANN, &request());
            }),
        ),
        (
            "one approval too few",
            Rule::ApprovalEnough,
            with(|c| {
                c.asks(&request(), |_| ()).approves("ann", ANN, &request()).step_done();
            }),
        ),
        (
            "done although it was void",
            Rule::ApprovalEnough,
            Box::new(|| {
                let mut case = approved();
                case.voided().step_done();
                case
            }),
        ),
        (
            "simulated in a session that is not",
            Rule::ApprovalSimulated,
            with(|c| {
                c.asks(&request(), |data| {
                    data["simulated"] = true.into();
                    data.as_object_mut().unwrap().remove("request");
                });
            }),
        ),
    ]
}

/// Each attack is found, and by the rule that is there for it. Returns the rules shown.
pub(super) fn every_rule_is_needed() -> Vec<Rule> {
    let bench = Bench::new();
    let mut shown = Vec::new();
    for (name, rule, case) in attacks() {
        let found = case().verify(&bench, bench.options());
        assert_eq!(found.code, 1, "{name}: {found:?}");
        let without = case().verify(&bench, Options { rules: Rules::without(rule), ..bench.options() });
        assert_eq!(without.code, 0, "{name}, without {rule:?}: {without:?}");
        shown.push(rule);
    }
    shown
}

#[test]
fn approvals_as_the_program_makes_them_are_in_order() {
    let bench = Bench::new();
    let mut case = approved();
    case.step_done().changes();
    assert_eq!(case.verify(&bench, bench.options()).code, 0);
    let mut refused = Case::new();
    refused.asks(&request(), |_| ()).answers(false, &refusal("ann", ANN, &request(), "not today"));
    assert_eq!(refused.verify(&bench, bench.options()).code, 0);
    // An approver may take it in hand: to roll back, or after the approval was made void.
    let mut voided = approved();
    voided.resumed("ann", ANN).voided();
    let mut again = request();
    again.nonce = "n-2".into();
    again.operators.push(RequestOperator { principal: "ann".into(), key: Some(key(ANN).public().fingerprint()) });
    again.min = 1;
    voided.asks(&again, |_| ()).approves("bob", BOB, &again).step_done().changes().resumed(ALICE, 1);
    assert_eq!(voided.verify(&bench, bench.options()).code, 0);
}

#[test]
fn a_request_that_is_missing_or_changed_is_found() {
    let bench = Bench::new();
    for change in [|text: &mut String| text.push(' '), |text: &mut String| *text = text.replacen("v1.2.4", "v1.2.5", 1)] {
        let mut case = approved();
        case.files.values_mut().for_each(change);
        let found = case.verify(&bench, bench.options());
        assert!(found.code == 1 && found.problem.as_ref().unwrap().what.contains("changed"), "{found:?}");
    }
    let bench = Bench::new();
    let mut case = approved();
    case.files.clear();
    let found = case.verify(&bench, bench.options());
    assert!(found.code == 1 && found.problem.as_ref().unwrap().what.contains("missing"), "{found:?}");
}

/// Whose the approvers' keys are is for the verifier to say, when asked.
#[test]
fn required_approvals_are_by_trusted_keys_of_those_who_may() {
    let bench = Bench::new();
    let line = |who: &str, options: &str, n| format!("{who} {options} {}\n", key(n).public().line());
    let policy = BTreeMap::from([("managers".to_owned(), vec!["ann".to_owned(), "bob".to_owned()])]);
    let judge = |more: String, groups: &BTreeMap<String, Vec<String>>| {
        let signers = AllowedSigners::parse(&(super::list() + &more)).unwrap();
        let options =
            Options { signers: Some(&signers), now: now(), approvals: true, groups: Some(groups), ..Options::default() };
        let mut case = approved();
        case.step_done();
        case.verify(&bench, options)
    };
    let both = line("ann", "", ANN) + &line("bob", "", BOB);
    assert_eq!(judge(both.clone(), &policy).code, 0);
    let members = line("ann,managers", "", ANN) + &line("bob,managers", "", BOB);
    assert_eq!(judge(members, &BTreeMap::new()).code, 0);
    for (more, groups, about) in [
        (both.clone(), BTreeMap::new(), "none of those who may approve"),
        (line("ann", "", ANN), policy.clone(), "not in the list"),
        (line("ann", "", ANN) + &line("bob", "valid-before=\"20260101Z\"", BOB), policy.clone(), "expired"),
        (line("ann", "", ANN) + &line("bob", "namespaces=\"pacenote-session\"", BOB), policy.clone(), "not allowed for"),
        (line("ann", "", ANN) + &line("*", "", BOB), policy.clone(), "for everybody"),
        (line("ann", "", ANN) + &line("cid", "", BOB), policy.clone(), "is not bob's"),
    ] {
        let found = judge(more, &groups);
        assert_eq!(found.code, 6, "{about}: {found:?}");
        assert!(found.untrusted.join(" ").contains(about), "{about}: {:?}", found.untrusted);
    }
}

fn deviates(case: &mut Case, what: &str, path: Option<&str>) {
    let data = json!({ "what": what, "path": path, "reason": "x", "by": "session" });
    case.forge.line(&json!({ "type": "deviation.recorded", "data": data }));
}

/// What is not approved is no approval, whatever came of the step that asked.
#[test]
fn what_was_passed_over_is_missing_where_approvals_are_required() {
    let signers = |bench: &Bench| {
        let line = |who: &str, n| format!("{who},managers {}\n", key(n).public().line());
        assert!(bench.options().signers.is_some());
        AllowedSigners::parse(&(super::list() + &line("ann", ANN) + &line("bob", BOB))).unwrap()
    };
    let ended = |case: &mut Case, outcome: &str| {
        case.forge.line(&json!({ "type": "step.ended", "data": { "path": "approve", "visit": 1, "outcome": outcome } }));
    };
    type Make<'a> = &'a dyn Fn(&mut Case);
    let asked = |case: &mut Case| {
        case.asks(&request(), |_| ());
    };
    let cases: [(&str, Make<'_>); 7] = [
        ("an emergency passed", &|case| {
            deviates(case, "emergency", None);
            deviates(case, "approval", Some("approve"));
        }),
        // The request was there before the emergency was declared.
        ("an emergency passed", &|case| {
            asked(case);
            deviates(case, "emergency", None);
            deviates(case, "approval", Some("approve"));
            case.step_done();
        }),
        ("approve was not approved", &|case| asked(case)),
        ("approve was not approved", &|case| {
            asked(case);
            ended(case, "failed");
        }),
        ("was skipped", &|case| {
            asked(case);
            ended(case, "skipped");
        }),
        ("was changed, and approve was not approved", &|case| {
            asked(case);
            ended(case, "failed");
            case.changes();
        }),
        ("made void (x), and none since", &|case| {
            *case = approved();
            case.step_done().voided();
        }),
    ];
    for (about, make) in cases {
        let found = [false, true].map(|approvals| {
            let bench = Bench::new();
            let mut case = Case::new();
            make(&mut case);
            let signers = signers(&bench);
            case.verify(&bench, Options { approvals, signers: Some(&signers), now: now(), ..Options::default() })
        });
        assert_eq!((found[0].code, found[1].code), (0, 6), "{about}: {found:?}");
        assert!(found[1].untrusted.join(" ").contains(about), "{about}: {:?}", found[1].untrusted);
    }
}

/// On a protected environment nothing but an emergency passes an approval.
#[test]
fn without_an_emergency_no_approval_is_passed_on_a_protected_environment() {
    let passed = || {
        let mut case = Case::new();
        case.asks(&request(), |_| ());
        deviates(&mut case, "approval", Some("approve"));
        case
    };
    let bench = Bench::new();
    let found = passed().verify(&bench, bench.options());
    assert!(found.code == 1 && found.problem.as_ref().unwrap().what.contains("without an emergency"), "{found:?}");
    let rules = Rules::without(Rule::ApprovalEnough);
    assert_eq!(passed().verify(&bench, Options { rules, ..bench.options() }).code, 0);
}

/// The program keeps long texts beside the journal; they are part of what was signed all the same.
#[test]
fn long_reasons_and_inputs_are_read_from_their_files() {
    let reference = |text: &str| json!({ "blob": hash(text), "bytes": text.len(), "head": &text[..256] });
    let (why, input) = ("w".repeat(5000), "i".repeat(5000));
    let mut request = request();
    request.inputs.insert("note".into(), pacenote::runbook::Value::String(input.clone()));
    let mut case = Case::new();
    case.forge.line(&json!({ "type": "inputs.changed", "data": {
        "path": "approve", "values": { "note": reference(&input) }, "secrets": [],
    } }));
    case.asks(&request, |_| ());
    let mut refused = serde_json::to_value(Event::ApprovalRefused(refusal("ann", ANN, &request, &why))).unwrap();
    let statement = refused["data"]["signed"]["refusal"].as_str().unwrap().to_owned();
    refused["data"]["reason"] = reference(&why);
    refused["data"]["signed"]["refusal"] = reference(&statement);
    case.forge.line(&refused);
    case.files.extend([why, statement, input].map(|text| (hash(&text), text)));
    let bench = Bench::new();
    let found = case.verify(&bench, bench.options());
    assert_eq!((found.code, found.approvals.len()), (0, 1), "{found:?}");
}
