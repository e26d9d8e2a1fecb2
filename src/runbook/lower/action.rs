//! What steps do, each action's own mapping.

use std::time::Duration;

use super::super::model::{
    Action, Approve, Call, CallTarget, Capture, ChecklistItem, Confirm, ConfirmNo, Decide, DecideOption, Gate, HttpExpect,
    HttpRequest, NoData, Notify, OptionThen, Program, Run, RunExpect, Wait,
};
use super::super::pattern;
use super::super::span::Spanned;
use super::super::tree::{Entry, Kind, Node};
use super::field::{Fields, Lower, Naming};
use super::input::STEP_MEMBERS;
use super::shape::{self, words};

/// Letters the screen keeps for itself, compared without case.
const KEYS_OF_THE_SCREEN: &str = "jkhlgnpqzr";

impl Lower<'_> {
    /// An action, from its key in a step.
    pub(super) fn action(&mut self, entry: &Entry, with: Option<&Node>) -> Option<Action> {
        let node = &entry.value;
        match entry.key.as_str() {
            "confirm" => self.confirm(node).map(Action::Confirm),
            "checklist" => self.checklist(node).map(Action::Checklist),
            "input" => self.form(node),
            "decide" => self.decide(node).map(Action::Decide),
            "approve" => self.approve(node).map(Action::Approve),
            "run" => self.run(node).map(Action::Run),
            "kubernetes" => self.kubernetes(node).map(Action::Kubernetes),
            "http" => self.http(node).map(Action::Http),
            "gate" => self.gate(node).map(Action::Gate),
            "wait" => self.wait(node).map(Action::Wait),
            "notify" => self.notify(node).map(Action::Notify),
            "call" => self.call(node, with).map(Action::Call),
            "parallel" => {
                if let Kind::List(items) = &node.kind {
                    self.not_empty(items, node, "the list of steps");
                }
                Some(Action::Parallel(self.steps(node)))
            }
            "freeze" => {
                let fields = self.fields(node, shape::FREEZE)?;
                Some(Action::Freeze { reason: self.template(fields.get("reason"))? })
            }
            _ => None,
        }
    }

    fn confirm(&mut self, node: &Node) -> Option<Confirm> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(Confirm { question: self.template(Some(node))?, no: ConfirmNo::Hold });
        }
        let fields = self.fields(node, shape::CONFIRM)?;
        let no = self.spanned(fields.get("no")).map(|word| match word.as_str() {
            "hold" => ConfirmNo::Hold,
            "abort" => ConfirmNo::Abort,
            _ => ConfirmNo::Procedure(word),
        });
        Some(Confirm { question: self.template(fields.get("question"))?, no: no.unwrap_or(ConfirmNo::Hold) })
    }

    fn checklist(&mut self, node: &Node) -> Option<Vec<ChecklistItem>> {
        let items = self.list(node, "a checklist")?;
        self.not_empty(items, node, "the checklist");
        Some(items.iter().filter_map(|n| self.checklist_item(n)).collect())
    }

    fn checklist_item(&mut self, node: &Node) -> Option<ChecklistItem> {
        if !matches!(node.kind, Kind::Map(_)) {
            let text = self.template(Some(node))?;
            return Some(ChecklistItem { text, check: None, note_required: false, link: None });
        }
        let fields = self.fields(node, shape::ITEM)?;
        let check = self.expr(fields.get("check"));
        let note = self.word_of(fields.get("note"), &["required"]);
        let link = fields.get("link").and_then(|n| self.address(Some(n)));
        Some(ChecklistItem { text: self.template(fields.get("text"))?, check, note_required: note.is_some(), link })
    }

    fn form(&mut self, node: &Node) -> Option<Action> {
        let entries = self.entries(node, "a form")?;
        if entries.is_empty() {
            self.diagnostics.error("empty-list", node.span, "the form asks nothing");
        }
        let inputs = self.inputs(Some(node), "a form");
        for input in &inputs {
            self.no_step_member(&input.name);
        }
        Some(Action::Input(inputs))
    }

    /// Values of a step must not hide what every step has.
    fn no_step_member(&mut self, name: &Spanned<String>) {
        if STEP_MEMBERS.contains(&name.as_str()) {
            self.diagnostics
                .error("reserved-name", name.span, format!("`{name}` is a member every step has"))
                .hint("choose another name");
        }
    }

    fn decide(&mut self, node: &Node) -> Option<Decide> {
        let fields = self.fields(node, shape::DECIDE)?;
        let question = self.template(fields.get("question"));
        let items = fields.get("options").and_then(|n| {
            let items = self.list(n, "options")?;
            self.not_empty(items, n, "the list of options");
            Some(items)
        });
        let options: Vec<DecideOption> = items.unwrap_or_default().iter().filter_map(|n| self.option(n)).collect();
        let keys: Vec<_> =
            options.iter().map(|o| Spanned::new(o.key.value.to_ascii_lowercase().to_string(), o.key.span)).collect();
        self.unique(&keys, "the key");
        let within = self.duration(fields.get("within"));
        let otherwise = self.spanned(fields.get("otherwise")).filter(|word| word.as_str() != "hold");
        if let Some(key) = &otherwise
            && !keys.iter().any(|k| k.value == key.to_ascii_lowercase())
            && keys.len() == items.map_or(0, <[Node]>::len)
        {
            self.diagnostics
                .error("unknown-option", key.span, format!("there is no option `{key}`"))
                .hint("the key of an option, or `hold`");
        }
        if let (Some(entry), None) = (fields.entry("otherwise"), fields.entry("within")) {
            self.diagnostics
                .warning("no-effect", entry.key_span, "`otherwise` does nothing without `within`")
                .hint("say how long the operator has: `within: 15m`");
        }
        Some(Decide { question: question?, options, within, otherwise })
    }

    fn option(&mut self, node: &Node) -> Option<DecideOption> {
        let fields = self.fields(node, shape::OPTION)?;
        let key = self.option_key(fields.get("key"));
        let label = self.template(fields.get("label"));
        let ways = fields.among(&["next", "call"]);
        if let [_, second] = ways.as_slice() {
            self.diagnostics
                .error("too-many", second.key_span, "an option has either `next` or `call`")
                .hint("take one of them out");
        }
        let then = match ways.first() {
            Some(entry) => {
                let name = self.spanned(Some(&entry.value))?;
                if entry.key == "next" { OptionThen::Next(name) } else { OptionThen::Call(name) }
            }
            None => OptionThen::Continue,
        };
        let reason = self.word_of(fields.get("reason"), &["required"]);
        Some(DecideOption { key: key?, label: label?, then, reason_required: reason.is_some() })
    }

    fn option_key(&mut self, node: Option<&Node>) -> Option<Spanned<char>> {
        let node = node?;
        let scalar = self.word_node(node)?;
        let mut chars = scalar.text.chars();
        let (Some(key), None) = (chars.next(), chars.next()) else {
            self.diagnostics.error("bad-key", node.span, "the key of an option is one letter").hint("for instance `key: y`");
            return None;
        };
        if KEYS_OF_THE_SCREEN.contains(key.to_ascii_lowercase()) {
            self.diagnostics
                .error("bad-key", node.span, format!("the screen keeps the key `{key}` for itself"))
                .hint(format!("any letter but {}", KEYS_OF_THE_SCREEN.chars().map(String::from).collect::<Vec<_>>().join(" ")));
        } else if !key.is_ascii_alphabetic() {
            self.diagnostics.error("bad-key", node.span, "the key of an option is one letter").hint("for instance `key: y`");
        }
        Some(Spanned::new(key, node.span))
    }

    fn approve(&mut self, node: &Node) -> Option<Approve> {
        let fields = self.fields(node, shape::APPROVE)?;
        let by = fields.get("by")?;
        let items = self.list(by, "`by`")?;
        self.not_empty(items, by, "the list of approvers");
        let by = items.iter().filter_map(|n| self.text(Some(n))).collect();
        let min = self.whole(fields.get("min"), 1, 100).unwrap_or(1);
        Some(Approve { by, min, expires: self.duration(fields.get("expires")), text: self.template(fields.get("text")) })
    }

    fn run(&mut self, node: &Node) -> Option<Run> {
        let fields = self.fields(node, shape::RUN)?;
        let program = self.program(&fields);
        let expect = fields.get("expect").and_then(|n| self.run_expect(n));
        let run = Run {
            env: self.variables(fields.get("env")),
            stdin: fields.get("stdin").and_then(|n| self.text_or_secret(n)),
            cwd: self.template(fields.get("cwd")),
            reads_only: self.flag(fields.get("reads_only")),
            interactive: self.flag(fields.get("interactive")),
            sensitive: self.flag(fields.get("sensitive")),
            expect: expect.unwrap_or_default(),
            capture: self.captures(fields.get("capture")),
            program: program?,
        };
        let kept = [("interactive", run.interactive), ("sensitive", run.sensitive)];
        if let (Some((word, _)), Some(entry)) = (kept.iter().find(|(_, on)| *on), fields.entry("capture")) {
            self.diagnostics
                .error("key-not-here", entry.key_span, format!("nothing is captured from {word} output, which is not kept"))
                .hint(format!("take `capture` or `{word}` out"));
        }
        if run.interactive
            && let Some(entry) = fields.entry("stdin")
        {
            self.diagnostics.error("key-not-here", entry.key_span, "an interactive command reads the terminal, not `stdin`");
        }
        Some(run)
    }

    fn program(&mut self, fields: &Fields) -> Option<Program> {
        let entry = self.one_of(fields, &["command", "script"], "a program")?;
        if entry.key == "command" {
            if let Some(shell) = fields.entry("shell") {
                self.diagnostics
                    .error("key-not-here", shell.key_span, "`shell` belongs to `script`")
                    .hint("a `command` is started without a shell");
            }
            return self.command(&entry.value).map(Program::Command);
        }
        let scalar = self.text_node(&entry.value)?;
        let map = entry.value.text_map(self.source);
        for (at, _) in scalar.text.match_indices("${{") {
            let span = map.span(&scalar.text, at..at + 3);
            self.diagnostics
                .error("expression-in-script", span, "no expression can stand in a script")
                .hint("pass it as a variable: `env: {NAME: \"${{ … }}\"}`, and write \"$NAME\" in the script");
        }
        let shell = match fields.get("shell") {
            Some(node) => Some(self.shell(node)?),
            None => None,
        };
        Some(Program::Script { script: Spanned::new(scalar.text.clone(), entry.value.span), shell })
    }

    /// `bash`, or the shell with its arguments.
    fn shell(&mut self, node: &Node) -> Option<Vec<String>> {
        match &node.kind {
            Kind::List(items) => {
                self.not_empty(items, node, "the shell");
                items.iter().map(|n| self.word(n)).collect()
            }
            _ => self.text(Some(node)).map(|text| vec![text]),
        }
    }

    fn run_expect(&mut self, node: &Node) -> Option<RunExpect> {
        let fields = self.fields(node, shape::RUN_EXPECT)?;
        let exit = match fields.get("exit") {
            Some(node) => match &node.kind {
                Kind::List(items) => {
                    self.not_empty(items, node, "the list of exit codes");
                    items.iter().filter_map(|n| self.whole(Some(n), 0, 255)).collect()
                }
                _ => self.whole(Some(node), 0, 255).into_iter().collect::<Vec<u32>>(),
            },
            None => Vec::new(),
        };
        let stdout = self.regex(fields.get("stdout"));
        let exit = exit.into_iter().filter_map(|code| i32::try_from(code).ok()).collect();
        Some(RunExpect { exit, stdout, when: self.expr(fields.get("when")) })
    }

    fn regex(&mut self, node: Option<&Node>) -> Option<Spanned<String>> {
        let pattern = self.spanned(node)?;
        self.check_pattern(&pattern, pattern::anywhere(&pattern).err());
        Some(pattern)
    }

    fn captures(&mut self, node: Option<&Node>) -> Vec<(Spanned<String>, Capture)> {
        self.each(node, "capture", |this, entry| {
            let name = this.named(&entry.key, entry.key_span, Naming::Plain)?;
            this.no_step_member(&name);
            Some((name, this.capture(&entry.value)?))
        })
    }

    /// How a value is taken from an output.
    pub(super) fn capture(&mut self, node: &Node) -> Option<Capture> {
        let fields = self.fields(node, shape::CAPTURE)?;
        let entry = self.one_of(&fields, shape::CAPTURE.keys, "a way to take a value")?;
        match entry.key.as_str() {
            "json" => self.text(Some(&entry.value)).map(Capture::Json),
            "regex" => self.regex(Some(&entry.value)).map(Capture::Regex),
            _ => {
                if self.boolean(Some(&entry.value)) == Some(false) {
                    self.diagnostics.error(
                        "wrong-type",
                        entry.value.span,
                        "`stdout: true` takes the whole output; there is no `false`",
                    );
                }
                Some(Capture::Stdout)
            }
        }
    }

    fn http(&mut self, node: &Node) -> Option<HttpRequest> {
        let fields = self.fields(node, shape::HTTP)?;
        let method = self.word_of(fields.get("method"), words::METHOD).map_or("GET", |i| words::METHOD[i]).to_owned();
        let url = self.address(fields.get("url"));
        let expect = fields.get("expect").and_then(|n| self.fields(n, shape::HTTP_EXPECT)).map(|f| HttpExpect {
            status: self.statuses(f.get("status")),
            json: f.get("json").and_then(|n| self.value(n)),
            mean: self.duration(f.get("mean")),
            max: self.duration(f.get("max")),
        });
        let times = self.whole(fields.get("times"), 1, 10_000).unwrap_or(1);
        let request = HttpRequest {
            headers: self.headers(fields.get("headers")),
            body: fields.get("body").and_then(|n| self.template_value(n)),
            expect: expect.unwrap_or_default(),
            capture: self.captures(fields.get("capture")),
            times,
            url: url?,
            method,
        };
        if let (true, Some(entry)) = (matches!(request.method.as_str(), "GET" | "HEAD"), fields.entry("body")) {
            self.diagnostics
                .error("key-not-here", entry.key_span, format!("a {} request has no body", request.method))
                .hint("say `method: POST` or another that changes something");
        }
        Some(request)
    }

    fn gate(&mut self, node: &Node) -> Option<Gate> {
        let fields = self.fields(node, shape::GATE)?;
        if fields.among(&["pass", "fail"]).is_empty() {
            let span = fields.entries.first().map_or(node.span, |e| e.key_span);
            self.diagnostics
                .error("missing-key", span, "a gate needs `pass` or `fail`")
                .hint("for instance `pass: signals.api.ok`");
        }
        let mut min = Vec::new();
        for entry in fields.get("min").and_then(|n| self.entries(n, "min")).unwrap_or_default() {
            if let Some(number) = self.number(Some(&entry.value)) {
                min.push((Spanned::new(entry.key.clone(), entry.key_span), number));
            }
        }
        let no_data = self.word_of(fields.get("no_data"), words::NO_DATA);
        Some(Gate {
            pass: self.expr(fields.get("pass")),
            fail: self.expr(fields.get("fail")),
            hold_for: self.duration(fields.get("for")),
            settle: self.duration_or_zero(fields.get("settle")).unwrap_or(Duration::ZERO),
            failures: self.whole(fields.get("failures"), 1, 1000).unwrap_or(1),
            min,
            every: self.duration(fields.get("every")),
            no_data: if no_data == Some(1) { NoData::Fail } else { NoData::Hold },
        })
    }

    fn wait(&mut self, node: &Node) -> Option<Wait> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.duration(Some(node)).map(Wait::For);
        }
        let fields = self.fields(node, shape::WAIT)?;
        let until = fields.get("until")?;
        let is_time = matches!(&until.kind, Kind::Scalar(s) if is_time_of_day(&s.text));
        let stray = if is_time { "timeout" } else { "zone" };
        if let Some(entry) = fields.entry(stray) {
            let what = if is_time { "a condition" } else { "a time of day" };
            self.diagnostics.error("key-not-here", entry.key_span, format!("`{stray}` belongs to {what}")).hint("take it out");
        }
        if is_time {
            let time = self.time_of_day(Some(until));
            return Some(Wait::UntilTime { zone: self.zone(fields.get("zone"))?, time: time? });
        }
        let timeout = self.duration(fields.get("timeout"));
        Some(Wait::Until { until: self.expr(Some(until))?, timeout })
    }

    fn notify(&mut self, node: &Node) -> Option<Notify> {
        let fields = self.fields(node, shape::NOTIFY)?;
        let to = self.spanned(fields.get("to"));
        Some(Notify { text: self.template(fields.get("text"))?, to: to? })
    }

    fn call(&mut self, node: &Node, with: Option<&Node>) -> Option<Call> {
        let target = self.spanned(Some(node))?;
        let target = if target.contains('/') || target.ends_with(".yaml") || target.ends_with(".yml") {
            self.file_target(target)?
        } else {
            CallTarget::Procedure(target)
        };
        let mut values = Vec::new();
        for entry in with.and_then(|n| self.entries(n, "with")).unwrap_or_default() {
            if let Some(value) = self.template_value(&entry.value) {
                values.push((Spanned::new(entry.key.clone(), entry.key_span), value));
            }
        }
        Some(Call { target, with: values })
    }

    fn file_target(&mut self, target: Spanned<String>) -> Option<CallTarget> {
        let (path, procedure) = match target.split_once('#') {
            Some((path, procedure)) => (path.to_owned(), Some(procedure.to_owned())),
            None => (target.value.clone(), None),
        };
        if !path.starts_with("./") || path.ends_with('/') || procedure.as_deref() == Some("") {
            self.diagnostics
                .error("bad-call", target.span, format!("`{target}` is neither a procedure nor a file beside this one"))
                .hint("a file is called as `./other.yaml` or `./other.yaml#procedure`");
            return None;
        }
        Some(CallTarget::File { path: Spanned::new(path, target.span), procedure })
    }
}

/// Whether `until` names a time of day rather than a condition.
fn is_time_of_day(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.len() <= 2 && part.chars().all(|c| c.is_ascii_digit());
    text.split_once(':').is_some_and(|(hour, minute)| digits(hour) && digits(minute))
}
