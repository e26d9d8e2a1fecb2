//! What an effect does beyond its [`summary`](super::resolve::summary), line by line.
//!
//! For whoever decides elsewhere and sees nothing but text: an approver. Everything that
//! is sent or run and that the summary leaves out stands here; secrets stand by name. The
//! same intent gives the same lines on every machine, so two lists can be compared.

use super::intent::{HttpRequest, KubernetesRequest, NotifyRequest, Piece, RunRequest, SecretText, What};

/// So many lines are shown of one effect; that there are more is said.
const MOST: usize = 400;

/// The lines.
pub fn detail(what: &What) -> Vec<String> {
    let mut lines = Lines(Vec::new());
    match what {
        What::Run(run) => lines.run(run),
        What::Http(http) => lines.http(http),
        What::Notify(notify) => lines.notify(notify),
        What::Kubernetes(request) => lines.kubernetes(request),
        What::Freeze(_) => {}
    }
    let mut lines = lines.0;
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} lines more; read the runbook"));
    }
    lines
}

struct Lines(Vec<String>);

impl Lines {
    fn fact(&mut self, fact: &str) {
        self.0.push(fact.to_owned());
    }

    /// Text under a name, each line of it by itself.
    fn text(&mut self, name: &str, text: &str) {
        self.0.extend(text.lines().map(|line| format!("{name} | {line}")));
        if !text.is_empty() && !text.ends_with('\n') && text.contains('\n') {
            self.fact(&format!("{name} ends without a line break"));
        }
    }

    /// A name and its value; one with a secret in it says so.
    fn named(&mut self, kind: &str, name: &str, between: &str, value: &SecretText) {
        match &value.0[..] {
            [Piece::Secret(_)] => self.fact(&format!("{kind} {name}: a secret, {value}")),
            pieces if pieces.iter().any(|piece| matches!(piece, Piece::Secret(_))) => {
                self.text(&format!("{kind} {name} with a secret in it"), &value.to_string());
            }
            _ => {
                let value = value.to_string();
                if value.contains('\n') {
                    self.text(&format!("{kind} {name}"), &value);
                } else {
                    self.fact(&format!("{kind} {name}{between}{value}"));
                }
            }
        }
    }

    fn run(&mut self, run: &RunRequest) {
        if let Some(script) = &run.script {
            self.text("script", script);
        }
        for (name, value) in &run.env {
            self.named("env", name, "=", value);
        }
        if let Some(stdin) = &run.stdin {
            self.text("stdin", &stdin.to_string());
        }
        if let Some(cwd) = &run.cwd {
            self.fact(&format!("in the folder {cwd}"));
        }
        if run.interactive {
            self.fact("it gets the operator's terminal until it ends");
        }
        if run.sensitive {
            self.fact("its output is not kept");
        }
    }

    fn http(&mut self, http: &HttpRequest) {
        for (name, value) in &http.headers {
            self.named("header", name, ": ", value);
        }
        if let Some(body) = &http.body {
            self.text("body", body);
        }
    }

    fn notify(&mut self, notify: &NotifyRequest) {
        self.named("to", &notify.format, " ", &notify.url);
        for (name, value) in &notify.headers {
            self.named("header", name, ": ", value);
        }
    }

    fn kubernetes(&mut self, request: &KubernetesRequest) {
        match request {
            KubernetesRequest::Patch { resource, body, .. } => {
                self.fact(&format!("object {}/{} {} {}", resource.group, resource.version, resource.kind, resource.name));
                self.json("patch", &body.to_json());
            }
            KubernetesRequest::Apply { documents, .. } => {
                for document in documents {
                    self.json("document", &document.to_json());
                }
            }
            _ => {}
        }
    }

    fn json(&mut self, name: &str, json: &serde_json::Value) {
        let shown = serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string());
        self.0.extend(shown.lines().map(|line| format!("{name} | {line}")));
    }
}

#[cfg(test)]
mod tests {
    use super::super::intent::SecretName;
    use super::*;

    fn pw() -> Piece {
        Piece::Secret(SecretName::Env("PW".into()))
    }

    #[test]
    fn nothing_that_a_command_gets_is_left_out_but_secrets() {
        let run = RunRequest {
            argv: vec!["bash".into()],
            script: Some("echo one\necho two\n".into()),
            env: vec![
                ("MODE".into(), SecretText::plain("destroy")),
                ("P".into(), SecretText(vec![pw()])),
                ("URL".into(), SecretText(vec![Piece::Text("x:".into()), pw()])),
                ("TWO".into(), SecretText::plain("a\nb\n")),
            ],
            stdin: Some(SecretText::plain("yes delete everything\n")),
            cwd: Some("sub".into()),
            interactive: true,
            sensitive: true,
        };
        let wanted = [
            "script | echo one",
            "script | echo two",
            "env MODE=destroy",
            "env P: a secret, <secret PW>",
            "env URL with a secret in it | x:<secret PW>",
            "env TWO | a",
            "env TWO | b",
            "stdin | yes delete everything",
            "in the folder sub",
            "it gets the operator's terminal until it ends",
            "its output is not kept",
        ];
        assert_eq!(detail(&What::Run(run.clone())), wanted);
        let long = RunRequest { script: Some("x\n".repeat(1_000)), ..run };
        let lines = detail(&What::Run(long));
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (401, "and 609 lines more; read the runbook"));
    }

    #[test]
    fn requests_and_patches_are_told_whole() {
        let http = HttpRequest {
            method: "POST".into(),
            url: "http://127.0.0.1/x".into(),
            headers: vec![("X-Action".into(), SecretText::plain("drop")), ("Authorization".into(), SecretText(vec![pw()]))],
            body: Some(r#"{"action":"delete-all"}"#.into()),
            times: 1,
        };
        let wanted =
            ["header X-Action: drop", "header Authorization: a secret, <secret PW>", r#"body | {"action":"delete-all"}"#];
        assert_eq!(detail(&What::Http(http)), wanted);
        let patch = KubernetesRequest::Apply {
            file: None,
            documents: vec![crate::runbook::Value::from_json(&serde_json::json!({"kind": "ConfigMap"}))],
            force: false,
        };
        let wanted = ["document | {", r#"document |   "kind": "ConfigMap""#, "document | }"];
        assert_eq!(detail(&What::Kubernetes(patch)), wanted);
    }
}
