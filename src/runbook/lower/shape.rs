//! The keys of every mapping of the format, in one table.
//!
//! Reading a mapping reports keys that are not in its shape; the JSON schema is built
//! from the same table, so the two cannot drift apart.

/// A mapping of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its name in the schema.
    pub name: &'static str,
    /// What it is, with an article, for messages.
    pub what: &'static str,
    /// Every key it may have.
    pub keys: &'static [&'static str],
    /// Those it must have.
    pub required: &'static [&'static str],
}

macro_rules! shapes {
    ($($constant:ident = $name:literal, $what:literal, [$($key:literal),* $(,)?], [$($required:literal),* $(,)?];)*) => {
        $(
            #[doc = concat!("Keys of ", $what, ".")]
            pub const $constant: Shape =
                Shape { name: $name, what: $what, keys: &[$($key),*], required: &[$($required),*] };
        )*
        /// Every shape.
        pub const ALL: &[Shape] = &[$($constant),*];
    };
}

shapes! {
    RUNBOOK = "runbook", "a runbook",
        ["pacenote", "runbook", "title", "description", "owner", "risk", "estimate", "contacts", "links", "inputs", "change",
         "environments", "lock", "signals", "guards", "steps", "finally", "followups", "procedures", "notify", "clocks", "updates"],
        ["pacenote", "runbook", "title", "steps"];
    CONTACT = "contact", "a contact", ["role", "reach", "after"], ["role", "reach"];
    CHANGE = "change", "the change", ["kind", "service", "version", "ticket", "reason", "requester", "committed"], ["kind"];
    INPUT = "input", "an input",
        ["type", "prompt", "help", "example", "default", "required", "pattern", "min", "max", "choices", "from"], [];
    CHOICES = "choices", "the choices", ["command", "lines"], ["command"];
    SECRET = "secret", "a secret", ["from"], ["from"];
    SECRET_SOURCE = "secret_source", "the source of a secret", ["env", "file", "command", "kubernetes"], [];
    SECRET_KEY = "secret_key", "a key of a Kubernetes Secret", ["name", "key"], ["name", "key"];
    ENVIRONMENT = "environment", "an environment",
        ["kubernetes", "prometheus", "vars", "protected", "require", "window"], [];
    CLUSTER = "cluster", "a cluster", ["context", "namespace"], [];
    PROMETHEUS = "prometheus_server", "a Prometheus server", ["url", "headers"], ["url"];
    REQUIRE = "require", "what a start requires", ["passed_in", "rehearsed_within", "notified", "evidence"], [];
    WINDOW = "window", "a window", ["allow", "freeze"], [];
    ALLOWED = "allowed_time", "an allowed time", ["days", "from", "to", "zone"], ["days", "from", "to"];
    FREEZE_PERIOD = "freeze_period", "a freeze", ["from", "to", "reason", "zone"], ["from", "to", "reason"];
    SIGNAL = "signal", "a signal",
        ["pods", "rollout", "resources", "events", "logs", "http", "prometheus", "command", "every", "timeout", "window", "unit",
         "warn", "critical", "baseline", "empty", "title"],
        [];
    PODS = "pods", "pods", ["selector"], ["selector"];
    RESOURCES = "resources", "resources", ["selector"], ["selector"];
    EVENTS = "events", "events", ["selector"], [];
    LOGS = "logs", "logs", ["selector", "container"], ["selector"];
    HTTP_CHECK = "http_check", "an HTTP check", ["url", "method", "headers", "expect"], ["url"];
    HTTP_CHECK_EXPECT = "http_check_expect", "what a healthy answer is", ["status", "json"], [];
    COMMAND_SIGNAL = "command_signal", "a command that is watched", ["command", "value"], ["command"];
    BASELINE = "baseline", "a baseline", ["window", "offset"], ["window"];
    GUARD = "guard", "a guard",
        ["id", "title", "when", "then", "for", "arm", "decide_within", "expired", "automatic"], ["id", "when", "then"];
    FOLLOWUP = "followup", "a follow-up", ["text", "within"], ["text"];
    PROCEDURE = "procedure", "a procedure", ["title", "params", "steps"], ["steps"];
    NOTIFY_TARGET = "notify_target", "a notification target", ["webhook"], ["webhook"];
    WEBHOOK = "webhook", "a webhook", ["url", "format", "headers"], ["url"];
    CLOCK = "clock", "a clock", ["from", "limit", "warn"], ["limit"];
    UPDATES = "updates", "the updates", ["to", "every", "text"], ["to", "every"];
    STEP = "step", "a step",
        ["id", "title", "text", "phase", "when", "estimate", "timeout", "retry", "on_failure", "danger", "interrupt", "undo", "look",
         "point_of_no_return", "for_each", "repeat", "confirm", "checklist", "input", "decide", "approve", "run", "kubernetes",
         "http", "gate", "wait", "notify", "call", "with", "parallel", "freeze"],
        ["id", "title"];
    RETRY = "retry", "a retry", ["attempts", "delay"], ["attempts"];
    ON_FAILURE = "on_failure", "what follows a failure", ["call", "then"], ["call"];
    UNDO_ACTION = "undo_action", "an undo", ["confirm", "run", "kubernetes", "http", "notify", "call", "with"], [];
    UNDO_NONE = "undo_none", "an undo", ["none"], ["none"];
    LOOK = "look", "a look", ["run", "http", "kubernetes", "done"], ["done"];
    REPEAT = "repeat", "a repetition", ["until", "max", "delay"], ["until", "max"];
    CONFIRM = "confirm", "a confirmation", ["question", "no"], ["question"];
    ITEM = "checklist_item", "a checklist item", ["text", "check", "note", "link"], ["text"];
    DECIDE = "decide", "a decision", ["question", "options", "within", "otherwise"], ["question", "options"];
    OPTION = "option", "an option", ["key", "label", "next", "call", "reason"], ["key", "label"];
    APPROVE = "approve", "an approval", ["by", "min", "expires", "text"], ["by"];
    RUN = "run", "a command",
        ["command", "script", "shell", "env", "stdin", "cwd", "reads_only", "interactive", "sensitive", "expect", "capture"], [];
    RUN_EXPECT = "run_expect", "what a good end is", ["exit", "stdout", "when"], [];
    CAPTURE = "capture", "a capture", ["json", "regex", "stdout"], [];
    KUBERNETES = "kubernetes", "a cluster step",
        ["set_image", "apply", "patch", "scale", "rollout_restart", "rollout_undo", "rollout_pause", "rollout_resume",
         "rollout_status", "delete_pod"],
        [];
    SET_IMAGE = "set_image", "set_image", ["deployment", "statefulset", "daemonset", "container", "image"], ["container", "image"];
    APPLY = "apply", "apply", ["file", "inline", "force"], [];
    PATCH = "patch", "a patch", ["resource", "merge", "strategic", "json"], ["resource"];
    JSON_PATCH = "json_patch", "an operation of a JSON patch", ["op", "path", "value", "from"], ["op", "path"];
    SCALE = "scale", "scale", ["deployment", "statefulset", "replicas"], ["replicas"];
    ROLLOUT = "rollout", "a rollout", ["deployment", "statefulset", "daemonset"], [];
    ROLLOUT_DEPLOYMENT = "rollout_deployment", "a rollout", ["deployment"], ["deployment"];
    ROLLOUT_UNDO = "rollout_undo", "rollout_undo", ["deployment", "statefulset", "daemonset", "to"], [];
    REVISION = "revision", "a revision", ["revision"], ["revision"];
    DELETE_POD = "delete_pod", "delete_pod", ["name", "selector"], [];
    HTTP = "http", "an HTTP request", ["method", "url", "headers", "body", "expect", "times", "capture"], ["url"];
    HTTP_EXPECT = "http_expect", "what a good answer is", ["status", "json", "mean", "max"], [];
    GATE = "gate", "a gate", ["pass", "fail", "for", "settle", "failures", "min", "every", "no_data"], [];
    WAIT = "wait", "a wait", ["until", "zone", "timeout"], ["until"];
    NOTIFY = "notify", "a notification", ["to", "text"], ["to", "text"];
    FREEZE = "freeze", "a freeze", ["reason"], ["reason"];
}

/// The keys of a step that name an action; `undo: all` is one more.
pub const ACTIONS: &[&str] = &[
    "confirm",
    "checklist",
    "input",
    "decide",
    "approve",
    "run",
    "kubernetes",
    "http",
    "gate",
    "wait",
    "notify",
    "call",
    "parallel",
    "freeze",
];
/// The keys of a signal that say what is watched.
pub const SOURCES: &[&str] = &["pods", "rollout", "resources", "events", "logs", "http", "prometheus", "command"];
/// The keys that name a workload.
pub const WORKLOADS: &[&str] = &["deployment", "statefulset", "daemonset"];

/// Words for a closed choice.
pub mod words {
    /// `risk`
    pub const RISK: &[&str] = &["low", "medium", "high"];
    /// `change.kind`
    pub const CHANGE_KIND: &[&str] = &["deploy", "migration", "maintenance", "rollback", "hotfix", "incident"];
    /// `type` of an input
    pub const INPUT_TYPE: &[&str] = &["string", "text", "integer", "number", "boolean", "choice", "duration", "time", "secret"];
    /// `format` of a webhook
    pub const WEBHOOK_FORMAT: &[&str] = &["slack", "json"];
    /// `method` of an HTTP check
    pub const CHECK_METHOD: &[&str] = &["GET", "HEAD"];
    /// `method` of an HTTP request
    pub const METHOD: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    /// `expired` of a guard
    pub const EXPIRED: &[&str] = &["hold", "rollback"];
    /// `interrupt`
    pub const INTERRUPT: &[&str] = &["wait", "ask", "kill"];
    /// `on_failure.then`
    pub const AFTER_CALL: &[&str] = &["retry", "continue", "abort"];
    /// `no_data` of a gate
    pub const NO_DATA: &[&str] = &["hold", "fail"];
    /// `op` of a JSON patch
    pub const PATCH_OP: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];
    /// Words a procedure cannot be named, since they mean something where procedures are named.
    pub const RESERVED: &[&str] = &["ask", "retry", "continue", "abort", "hold", "all", "restore", "none"];
    /// Days of the week.
    pub const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
}
