//! What is shown of a runbook, and what counts as accepted.

use super::*;

fn state() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    (folder, state)
}

fn runbook(text: &str) -> Runbook {
    let parsed = crate::runbook::parse("deploy.yaml", text.as_bytes());
    parsed.unwrap_or_else(|found| panic!("{found:#?}")).0
}

fn review(texts: &[(&str, &str)]) -> Review {
    let runbooks: Vec<(&str, Runbook)> = texts.iter().map(|(name, text)| (*name, runbook(text))).collect();
    let borrowed: Vec<(&str, &Runbook)> = runbooks.iter().map(|(name, runbook)| (*name, runbook)).collect();
    let files = texts.iter().map(|(name, _)| ((*name).to_owned(), "f".repeat(64))).collect();
    Review::new("0".repeat(64), files, &borrowed)
}

const HEAD: &str = "pacenote: 1\nrunbook: r\ntitle: A runbook\n";

#[test]
fn the_example_of_the_format_is_shown_whole() {
    let text = include_str!("../../../tests/fixtures/runbooks/valid/canary-deploy.yaml");
    insta::assert_snapshot!(review(&[("canary-deploy.yaml", text)]));
}

#[test]
fn everything_that_runs_connects_or_reads_is_found_wherever_it_stands() {
    let text = format!(
        r#"{HEAD}inputs:
  size: {{type: choice, choices: {{command: [./sizes, --list]}}}}
  token: {{type: secret, from: {{file: ~/.token}}}}
signals:
  queue: {{command: {{command: [./queue-length, "a b"]}}}}
  api: {{http: {{url: "http://[::1]:8080/health", headers: {{X-Key: {{from: {{kubernetes: {{name: api, key: password}}}}}}}}}}}}
steps:
  - {{id: first, title: First, run: {{command: [./one, "it's"], env: {{A: {{from: {{env: FROM_HERE}}}}}}}}, undo: {{run: {{command: [./undo-one]}}}}, look: {{run: {{command: [./look-one], reads_only: true}}, done: result.exit == 0}}}}
  - id: side
    title: Side by side
    parallel:
      - {{id: inner, title: Inner, run: {{command: [./inner], reads_only: true}}}}
  - {{id: script, title: Script, run: {{script: "echo one\necho two\n", shell: [/bin/bash, -eu]}}}}
  - {{id: call, title: Call, call: p}}
  - {{id: post, title: Post, http: {{method: POST, url: "https://user@hooks.example.com:8443/x/${{{{ inputs.size }}}}"}}}}
finally:
  - {{id: last, title: Last, run: {{command: [./last]}}}}
procedures:
  p:
    steps:
      - {{id: below, title: Below, run: {{command: [./below]}}}}
"#
    );
    insta::assert_snapshot!(review(&[("deploy.yaml", &text)]));
}

#[test]
fn hosts_are_told_for_each_environment_and_left_open_where_only_the_run_knows() {
    let text = format!(
        r#"{HEAD}inputs: {{region: {{prompt: Where}}}}
environments:
  staging: {{vars: {{host: api.staging.example.com}}}}
  production: {{vars: {{host: api.example.com}}}}
steps:
  - {{id: a, title: A, http: {{url: "https://${{{{ env.vars.host }}}}/x"}}}}
  - {{id: b, title: B, http: {{url: "https://${{{{ inputs.region }}}}.example.com/x?y=http://z"}}}}
"#
    );
    let review = review(&[("deploy.yaml", &text)]);
    let hosts: Vec<&str> = review.items(Kind::Hosts).iter().map(|item| item.text.as_str()).collect();
    assert_eq!(hosts, ["https://api.example.com", "https://api.staging.example.com", "https://${{ inputs.region }}.example.com"]);
    assert_eq!(review.hosts(), ["api.example.com", "api.staging.example.com"]);
}

#[test]
fn host_names_are_taken_out_of_what_is_shown() {
    for (shown, name) in [
        ("https://a.example.com", Some("a.example.com")),
        ("http://a:8080", Some("a")),
        ("http://[::1]:8080", Some("::1")),
        ("https://${{ inputs.x }}", None),
        ("", None),
    ] {
        assert_eq!(collect::host_name(shown).as_deref(), name, "{shown}");
    }
}

#[test]
fn what_cannot_be_seen_is_spelt_out() {
    let text = format!("{HEAD}steps:\n  - {{id: a, title: A, run: {{command: [\"./a\\u202Eb\", \"\\e[2K\"]}}}}\n");
    match crate::runbook::parse("deploy.yaml", text.as_bytes()) {
        Ok((runbook, _)) => {
            let shown = Review::new("0", Vec::new(), &[("deploy.yaml", &runbook)]).to_string();
            assert!(shown.contains("u{202e}") && shown.contains("u{1b}"), "{shown}");
            assert!(!shown.contains(['\u{202e}', '\u{1b}']));
        }
        // Refused by the parser: then nobody can be shown it at all.
        Err(found) => assert!(found.iter().any(crate::runbook::Diagnostic::is_error)),
    }
}

#[test]
fn a_bundle_is_asked_about_until_accepted_and_again_when_it_changes() {
    let (_folder, state) = state();
    let mut review = review(&[("deploy.yaml", &format!("{HEAD}steps:\n  - {{id: a, title: A, confirm: Sure?}}\n"))]);
    assert!(review.to_string().contains("It runs no command"), "{review}");
    assert_eq!(without_asking(&review, &state, false), Ok(None));

    for wrong in ["", "y\n", "yes\n", "Accept\n", "accept it\n", "\n\naccept\n"] {
        let mut shown = Vec::new();
        let problem = ask_plain(&review, &mut wrong.as_bytes(), &mut shown).unwrap_err();
        assert_eq!(problem.exit().code(), 3, "{wrong:?}");
        assert!(String::from_utf8(shown).unwrap().contains("A runbook"));
    }
    assert_eq!(without_asking(&review, &state, false), Ok(None));

    ask_plain(&review, &mut "accept\n".as_bytes(), &mut Vec::new()).unwrap();
    let accepted = accept(&review, &state, "alice@example.com", DateTime::<Utc>::default()).unwrap();
    assert_eq!((accepted.sha256(), accepted.trusted_unseen()), (review.sha256.as_str(), false));
    assert_eq!(without_asking(&review, &state, true), Ok(Some(accepted)));
    review.sha256 = "1".repeat(64);
    assert_eq!(without_asking(&review, &state, false), Ok(None));
}

#[test]
fn what_was_only_trusted_was_not_accepted() {
    let (_folder, state) = state();
    let review = review(&[("deploy.yaml", &format!("{HEAD}steps:\n  - {{id: a, title: A, confirm: Sure?}}\n"))]);
    let unseen = Acceptance {
        bundle: review.sha256.clone(),
        runbook: "r".into(),
        by: "alice".into(),
        at: DateTime::<Utc>::default(),
        files: Vec::new(),
        unseen: true,
    };
    state.accept(&unseen).unwrap();
    assert_eq!(without_asking(&review, &state, false), Ok(None));
}

#[test]
fn trust_accepts_unseen_says_so_and_is_not_remembered() {
    let (_folder, state) = state();
    let review = review(&[("deploy.yaml", &format!("{HEAD}steps:\n  - {{id: a, title: A, confirm: Sure?}}\n"))]);
    let accepted = without_asking(&review, &state, true).unwrap().unwrap();
    assert!(accepted.trusted_unseen());
    assert_eq!(without_asking(&review, &state, false), Ok(None));
}
