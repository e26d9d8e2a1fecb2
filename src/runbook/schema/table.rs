//! What each key of the format holds, and what it is for.

use super::super::lower::shape::words;

/// Kinds of value.
#[derive(Debug)]
pub(super) enum Kind {
    /// Anything.
    Any,
    /// Text that is not empty; expressions stand in `${{ }}` where they are evaluated.
    Text,
    /// Text, a number or a truth value, taken as written.
    Word,
    /// CEL.
    Expression,
    Bool,
    Number,
    Whole(u32, u32),
    /// The number 1.
    One,
    Duration,
    /// A name expressions can spell.
    Name,
    /// A name that may have dashes.
    Dashed,
    /// The name of an environment variable.
    Variable,
    Address,
    /// Text of a pattern, with an example.
    Pattern(&'static str, &'static str),
    Words(&'static [&'static str]),
    Const(&'static str),
    /// A mapping of the format.
    Of(&'static str),
    List(&'static Kind),
    /// A list that is not empty.
    Some(&'static Kind),
    /// A mapping from names to values.
    Map(&'static Kind, &'static Kind),
    /// A mapping from names to values that is not empty.
    Some2(&'static Kind, &'static Kind),
    /// Any mapping.
    Object,
    Either(&'static [Kind]),
}

use Kind::{
    Address, Any, Bool, Const, Dashed, Duration, Either, Expression, List, Map, Name, Number, Object, Of, One, Pattern, Some,
    Some2, Text, Variable, Whole, Word, Words,
};

const TEXT: &Kind = &Text;
const STEPS: Kind = Some(&Of("step"));
const INPUTS: Kind = Map(&Name, &Of("input"));
const SECRET_OR_TEXT: Kind = Either(&[Word, Of("secret")]);
const HEADERS: Kind = Map(&Pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "Authorization"), &SECRET_OR_TEXT);
const COMMAND: Kind = Some(&Word);
const CAPTURES: Kind = Map(&Name, &Of("capture"));
const STATUS: Kind = Either(&[Whole(100, 599), Some(&Whole(100, 599))]);
const TIME: Kind = Pattern("^\\d{1,2}:\\d{1,2}$", "09:00");
const DATE: Kind = Pattern("^\\d+-\\d{1,2}-\\d{1,2}$", "2026-12-20");
const POINTER: Kind = Pattern("^/", "/spec/replicas");
const WORKLOAD: Kind = Pattern("^(deployment|statefulset|daemonset)/.", "deployment/checkout");
const RESOURCE: Kind = Pattern("^([^/]+/)?v[0-9][^/]*/[A-Z][A-Za-z0-9]*/.", "apps/v1/Deployment/checkout");
const FILE: Kind = Text;

type Property = (&'static str, Kind, &'static str);

/// Every key of every shape, in the order of the shapes.
pub(super) const PROPERTIES: &[(&str, &[Property])] = &[
    (
        "runbook",
        &[
            ("pacenote", One, "Version of the format: 1."),
            ("runbook", Dashed, "Id of the runbook, unique in a team's library."),
            ("title", Text, "One line for people."),
            ("description", Text, "What it is for, Markdown."),
            ("owner", Text, "Who answers for it."),
            ("risk", Words(words::RISK), "How dangerous a walk is."),
            ("estimate", Duration, "How long a walk takes, a rollback included."),
            ("contacts", List(&Of("contact")), "Whom to reach, in order of escalation."),
            ("links", Map(&Any, &Address), "Named addresses."),
            ("inputs", INPUTS, "What is asked before the session opens."),
            ("change", Of("change"), "What the session changes, for the record."),
            (
                "environments",
                Map(&Pattern("^[A-Za-z0-9][A-Za-z0-9_.-]*$", "production"), &Of("environment")),
                "Where it can run, chosen with --env.",
            ),
            ("lock", Text, "Name of the lock that keeps two sessions apart."),
            ("signals", Map(&Name, &Of("signal")), "What is watched."),
            ("guards", List(&Of("guard")), "Conditions judged in the background."),
            ("steps", STEPS, "What is done, in order."),
            ("finally", List(&Of("step")), "Steps that run at every end."),
            ("followups", List(&Either(&[Text, Of("followup")])), "What is owed after the end."),
            ("procedures", Map(&Dashed, &Of("procedure")), "Named lists of steps; `rollback` is one."),
            ("notify", Map(&Dashed, &Of("notify_target")), "Where notifications go."),
            ("clocks", Map(&Dashed, &Of("clock")), "Clocks in the header."),
            ("updates", Of("updates"), "A progress message that repeats."),
        ],
    ),
    (
        "contact",
        &[
            ("role", Text, "What they are to this runbook."),
            ("reach", Text, "How to reach them."),
            ("after", Duration, "After how long to involve them."),
        ],
    ),
    (
        "change",
        &[
            ("kind", Words(words::CHANGE_KIND), "Decides whether windows and requirements refuse or warn."),
            ("service", Text, "The service that changes."),
            ("version", Text, "The version it changes to."),
            ("ticket", Text, "The ticket it is filed under."),
            ("reason", Text, "Why it is done."),
            ("requester", Text, "Who asked for it."),
            ("committed", Text, "When it was committed, as `git log --format=%cI` says it; the lead time is counted from then."),
        ],
    ),
    (
        "input",
        &[
            ("type", Words(words::INPUT_TYPE), "What kind of answer it takes."),
            ("prompt", Text, "The question."),
            ("help", Text, "More about it."),
            ("example", Word, "An example of a good answer."),
            ("default", Any, "The answer where none is given."),
            ("required", Bool, "Whether an answer is needed."),
            ("pattern", Text, "Regular expression for the whole answer; \\d is ASCII."),
            ("min", Number, "Least number."),
            ("max", Number, "Greatest number."),
            ("choices", Either(&[Some(&Word), Of("choices")]), "What can be chosen."),
            ("from", Of("secret_source"), "Where a secret comes from; asked for where absent."),
        ],
    ),
    (
        "choices",
        &[
            ("command", COMMAND, "A command that prints one choice a line."),
            ("lines", Whole(1, 10_000), "At most so many lines."),
        ],
    ),
    ("secret", &[("from", Of("secret_source"), "Where it comes from.")]),
    (
        "secret_source",
        &[
            ("env", Variable, "An environment variable."),
            ("file", Text, "A file, without its last newline."),
            ("command", COMMAND, "What a command prints, without the last newline."),
            ("kubernetes", Of("secret_key"), "A key of a Kubernetes Secret."),
        ],
    ),
    ("secret_key", &[("name", Text, "Name of the Secret."), ("key", Text, "Key within it.")]),
    (
        "environment",
        &[
            ("kubernetes", Of("cluster"), "The cluster."),
            ("prometheus", Of("prometheus_server"), "The Prometheus server."),
            ("vars", Map(&Name, &Any), "Free values, `env.vars.<name>`."),
            ("protected", Bool, "Red, and steps marked danger want the service's name typed."),
            ("require", Of("require"), "What must be true to start."),
            ("window", Of("window"), "When a session may start."),
        ],
    ),
    (
        "cluster",
        &[
            ("context", Text, "Context of the kubeconfig; the current one where absent."),
            ("namespace", Text, "Namespace of all steps and signals; the context's where absent."),
        ],
    ),
    ("prometheus_server", &[("url", Address, "Base address, without /api/v1."), ("headers", HEADERS, "Headers of every query.")]),
    (
        "require",
        &[
            ("passed_in", Text, "The same runbook and version completed in this environment."),
            ("rehearsed_within", Duration, "A rehearsal at most this long ago."),
            ("notified", Duration, "An announcement at least this long before the start."),
            ("evidence", List(TEXT), "Where journals of other machines are found."),
        ],
    ),
    (
        "window",
        &[
            ("allow", List(&Of("allowed_time")), "Times of the week when starting is allowed."),
            ("freeze", List(&Of("freeze_period")), "Periods when it is not."),
        ],
    ),
    (
        "allowed_time",
        &[
            ("days", Either(&[Text, Some(&Words(words::DAYS))]), "Days, `Mon-Thu`, `Mon,Wed` or a list."),
            ("from", TIME, "Start, inclusive."),
            ("to", TIME, "End, exclusive."),
            ("zone", Text, "Time zone."),
        ],
    ),
    (
        "freeze_period",
        &[("from", DATE, "First day."), ("to", DATE, "Last day."), ("reason", Text, "Why."), ("zone", Text, "Time zone.")],
    ),
    (
        "signal",
        &[
            ("pods", Of("pods"), "Pods of a selector."),
            ("rollout", WORKLOAD, "The rollout of a workload."),
            ("resources", Of("resources"), "CPU and memory, percent of limits."),
            ("events", Of("events"), "Events of the namespace."),
            ("logs", Of("logs"), "Logs of pods."),
            ("http", Of("http_check"), "An HTTP endpoint."),
            ("prometheus", Text, "A PromQL query that gives one series."),
            ("command", Either(&[COMMAND, Of("command_signal")]), "A command that only reads and prints a number."),
            (
                "every",
                Duration,
                "Time between readings; 15s for prometheus and resources, 2s for logs, 10s for others where absent.",
            ),
            ("timeout", Duration, "How long one reading may take."),
            ("window", Duration, "How much history the panel shows."),
            ("unit", Text, "Unit of the value: percent, seconds, milliseconds, bytes, per_second, count, or any other word."),
            ("warn", Number, "From here on it is worth a look."),
            ("critical", Number, "From here on it is bad."),
            ("baseline", Either(&[Duration, Of("baseline")]), "The mean before the first change."),
            ("empty", Number, "Value of an empty result; no data where absent."),
            ("title", Text, "Heading of the panel."),
        ],
    ),
    ("pods", &[("selector", Text, "Label selector.")]),
    ("resources", &[("selector", Text, "Label selector.")]),
    ("events", &[("selector", Text, "Label selector; all where absent.")]),
    ("logs", &[("selector", Text, "Label selector."), ("container", Text, "One container; all where absent.")]),
    (
        "http_check",
        &[
            ("url", Address, "Address."),
            ("method", Words(words::CHECK_METHOD), "The method."),
            ("headers", HEADERS, "Headers."),
            ("expect", Of("http_check_expect"), "What a healthy answer is."),
        ],
    ),
    (
        "http_check_expect",
        &[
            ("status", STATUS, "Status codes that are good; any 2xx where absent."),
            ("json", Any, "Members the answer must have."),
        ],
    ),
    (
        "command_signal",
        &[
            ("command", COMMAND, "The program and its arguments."),
            ("value", Of("capture"), "How the value is taken from the output."),
        ],
    ),
    ("baseline", &[("window", Duration, "Over how long."), ("offset", Duration, "How much further back.")]),
    (
        "guard",
        &[
            ("id", Dashed, "Its id."),
            ("title", Text, "One line for people."),
            ("when", Expression, "Trips when true."),
            ("then", Text, "rollback, hold, or a procedure."),
            ("for", Duration, "Must hold this long; at once where absent."),
            ("arm", Text, "From when it is judged: first-change, start, or the id of a step."),
            ("decide_within", Duration, "How long the operator has; as long as they like where absent."),
            ("expired", Words(words::EXPIRED), "What happens when they do not answer."),
            ("automatic", Bool, "Acts without asking."),
        ],
    ),
    ("followup", &[("text", Text, "What."), ("within", Duration, "By when, from the end.")]),
    (
        "procedure",
        &[
            ("title", Text, "One line for people."),
            ("params", INPUTS, "What a caller passes, `with.<name>`."),
            ("steps", STEPS, "Its steps."),
        ],
    ),
    ("notify_target", &[("webhook", Of("webhook"), "A webhook.")]),
    (
        "webhook",
        &[
            ("url", Either(&[Address, Of("secret")]), "Address; often itself a secret."),
            ("format", Words(words::WEBHOOK_FORMAT), "How the message is packed."),
            ("headers", HEADERS, "Headers."),
        ],
    ),
    (
        "clock",
        &[
            ("from", Expression, "When it began; the session's start where absent."),
            ("limit", Duration, "When it has run out."),
            ("warn", Duration, "When it is worth a look."),
        ],
    ),
    ("updates", &[("to", Text, "A name under notify."), ("every", Duration, "How often."), ("text", Text, "What it says.")]),
    (
        "step",
        &[
            ("id", Name, "Its id, unique in its list."),
            ("title", Text, "One line for people."),
            ("text", Text, "More, Markdown."),
            ("phase", Text, "Heading it stands under."),
            ("when", Expression, "Whether it applies."),
            ("estimate", Duration, "How long it takes."),
            ("timeout", Duration, "How long it may take; 30m (a gate: three times its `for`, or 5m) where absent."),
            ("retry", Of("retry"), "Tries after a failure."),
            (
                "on_failure",
                Either(&[Text, Of("on_failure")]),
                "What follows a failure: ask, retry, continue, abort, a procedure, or {call, then}.",
            ),
            ("danger", Bool, "Wants the service's name typed on a protected environment."),
            ("interrupt", Words(words::INTERRUPT), "What a rollback does to it while it runs."),
            (
                "undo",
                Either(&[Const("all"), Const("restore"), Of("undo_none"), Of("undo_action")]),
                "How it is undone: an action, restore, or {none: why}. As the only action: all.",
            ),
            ("look", Of("look"), "How its outcome is found out when it is unknown."),
            ("point_of_no_return", Bool, "From here on going back loses something."),
            (
                "for_each",
                Either(&[Some(&Any), Pattern("^\\$\\{\\{", "${{ env.vars.weights }}")]),
                "Runs once for each value of a list.",
            ),
            ("repeat", Of("repeat"), "Runs until a condition holds."),
            ("confirm", Either(&[Text, Of("confirm")]), "A yes-or-no question."),
            ("checklist", Some(&Either(&[Text, Of("checklist_item")])), "Items to tick."),
            ("input", Some2(&Name, &Of("input")), "A form; values at steps.<id>.<name>."),
            ("decide", Of("decide"), "A choice."),
            ("approve", Of("approve"), "Four eyes."),
            ("run", Of("run"), "A command or script."),
            ("kubernetes", Of("kubernetes"), "A change to, or a look at, a cluster."),
            ("http", Of("http"), "An HTTP request; anything but GET and HEAD is a change."),
            ("gate", Of("gate"), "A judgement of signals."),
            ("wait", Either(&[Duration, Of("wait")]), "Waiting."),
            ("notify", Of("notify"), "A message."),
            (
                "call",
                Pattern("^(\\./[^#]*[^#/](#.+)?|[^/.]+)$", "./other.yaml#procedure"),
                "A procedure, ./other.yaml, or ./other.yaml#procedure.",
            ),
            ("with", Object, "What the call passes."),
            ("parallel", STEPS, "Steps side by side, which only read and ask nothing."),
            ("freeze", Of("freeze"), "No new session on this environment until unfreeze."),
        ],
    ),
    ("retry", &[("attempts", Whole(2, 1000), "How many visits in all."), ("delay", Duration, "Time between them.")]),
    (
        "on_failure",
        &[("call", Text, "A procedure."), ("then", Words(words::AFTER_CALL), "What follows it; you are asked where absent.")],
    ),
    (
        "undo_action",
        &[
            ("confirm", Either(&[Text, Of("confirm")]), "What a person does, as a question."),
            ("run", Of("run"), "A command or script."),
            ("kubernetes", Of("kubernetes"), "A change to a cluster."),
            ("http", Of("http"), "An HTTP request."),
            ("notify", Of("notify"), "A message."),
            ("call", Text, "A procedure or file."),
            ("with", Object, "What the call passes."),
        ],
    ),
    ("undo_none", &[("none", Text, "Why it is right not to undo it.")]),
    (
        "look",
        &[
            ("run", Of("run"), "A command that only reads."),
            ("http", Of("http"), "A GET or HEAD request."),
            ("kubernetes", Of("kubernetes"), "A look at the cluster."),
            ("done", Expression, "True when the step had its effect; sees result."),
        ],
    ),
    (
        "repeat",
        &[
            ("until", Expression, "True: done."),
            ("max", Whole(1, 1000), "At most so many visits; then it failed."),
            ("delay", Duration, "Time between visits."),
        ],
    ),
    ("confirm", &[("question", Text, "The question."), ("no", Text, "What no means: hold, abort, or a procedure.")]),
    (
        "checklist_item",
        &[
            ("text", Text, "What to look at."),
            ("check", Expression, "Ticks itself while true."),
            ("note", Const("required"), "Ticking it wants a note."),
            ("link", Address, "Where to look."),
        ],
    ),
    (
        "decide",
        &[
            ("question", Text, "The question."),
            ("options", Some(&Of("option")), "What can be chosen."),
            ("within", Duration, "How long the operator has; as long as they like where absent."),
            ("otherwise", Text, "What happens after that: hold, or the key of an option."),
        ],
    ),
    (
        "option",
        &[
            ("key", Pattern("^[A-Za-z]$", "y"), "One letter, none the screen keeps: j k h l g n p q z r."),
            ("label", Text, "What it means."),
            ("next", Text, "Forward to a step of the same list."),
            ("call", Text, "Into a procedure, then on; rollback is final."),
            ("reason", Const("required"), "Whether a reason must be typed."),
        ],
    ),
    (
        "approve",
        &[
            ("by", Some(TEXT), "Principals or groups."),
            ("min", Whole(1, 100), "How many of them."),
            ("expires", Duration, "How long an approval is good for."),
            ("text", Text, "What the approver should read."),
        ],
    ),
    (
        "run",
        &[
            ("command", COMMAND, "A program and its arguments, without a shell."),
            ("script", Text, "Text for a shell; no expressions inside."),
            ("shell", Either(&[Text, COMMAND]), "The shell and its arguments."),
            ("env", Map(&Variable, &SECRET_OR_TEXT), "Environment variables; secrets may stand here."),
            ("stdin", SECRET_OR_TEXT, "Standard input; a secret may stand here."),
            ("cwd", Text, "Working folder, relative to the runbook."),
            ("reads_only", Bool, "It only reads."),
            ("interactive", Bool, "It wants the terminal."),
            ("sensitive", Bool, "Nothing of its output is kept."),
            ("expect", Of("run_expect"), "What a good end is."),
            ("capture", CAPTURES, "Values taken from the output, steps.<id>.<name>."),
        ],
    ),
    (
        "run_expect",
        &[
            ("exit", Either(&[Whole(0, 255), Some(&Whole(0, 255))]), "Exit codes that are good."),
            ("stdout", Text, "Regular expression that must match somewhere."),
            ("when", Expression, "Must be true; sees result."),
        ],
    ),
    (
        "capture",
        &[
            ("json", Text, "A path into the JSON output: items.0.name."),
            ("regex", Text, "The first group of a regular expression, or the whole match."),
            ("stdout", Bool, "The whole output, without the last newline."),
        ],
    ),
    (
        "kubernetes",
        &[
            ("set_image", Of("set_image"), "Sets one container's image and waits."),
            ("apply", Either(&[FILE, Of("apply")]), "Server-side apply."),
            ("patch", Of("patch"), "A patch of any object."),
            ("scale", Of("scale"), "Sets the number of replicas and waits."),
            ("rollout_restart", Of("rollout"), "Restarts the pods one by one and waits."),
            ("rollout_undo", Of("rollout_undo"), "Goes back to an earlier template and waits."),
            ("rollout_pause", Of("rollout_deployment"), "Pauses a rollout."),
            ("rollout_resume", Of("rollout_deployment"), "Goes on with a paused rollout and waits."),
            ("rollout_status", Of("rollout"), "Waits for a rollout; only reads."),
            ("delete_pod", Of("delete_pod"), "Deletes pods."),
        ],
    ),
    (
        "set_image",
        &[
            ("deployment", Text, "A Deployment."),
            ("statefulset", Text, "A StatefulSet."),
            ("daemonset", Text, "A DaemonSet."),
            ("container", Text, "Which container."),
            ("image", Text, "The image."),
        ],
    ),
    (
        "apply",
        &[
            ("file", FILE, "A file beside the runbook."),
            ("inline", Either(&[Object, List(&Any)]), "Or objects in place."),
            ("force", Bool, "Takes fields over from other managers."),
        ],
    ),
    (
        "patch",
        &[
            ("resource", RESOURCE, "group/version/Kind/name; version/Kind/name in the core group."),
            ("merge", Object, "RFC 7386."),
            ("strategic", Object, "Kubernetes' strategic merge."),
            ("json", Some(&Of("json_patch")), "RFC 6902."),
        ],
    ),
    (
        "json_patch",
        &[
            ("op", Words(words::PATCH_OP), "What is done."),
            ("path", POINTER, "Where."),
            ("value", Any, "The value of add, replace and test."),
            ("from", POINTER, "Where move and copy take it from."),
        ],
    ),
    (
        "scale",
        &[
            ("deployment", Text, "A Deployment."),
            ("statefulset", Text, "A StatefulSet."),
            ("replicas", Either(&[Whole(0, 100_000), Pattern("\\$\\{\\{", "${{ inputs.replicas }}")]), "How many."),
        ],
    ),
    (
        "rollout",
        &[("deployment", Text, "A Deployment."), ("statefulset", Text, "A StatefulSet."), ("daemonset", Text, "A DaemonSet.")],
    ),
    ("rollout_deployment", &[("deployment", Text, "A Deployment.")]),
    (
        "rollout_undo",
        &[
            ("deployment", Text, "A Deployment."),
            ("statefulset", Text, "A StatefulSet."),
            ("daemonset", Text, "A DaemonSet."),
            (
                "to",
                Either(&[Words(&["session-start", "previous"]), Of("revision")]),
                "To what: the template found when the session began, the one before, or a revision.",
            ),
        ],
    ),
    ("revision", &[("revision", Whole(1, u32::MAX), "A revision by number.")]),
    ("delete_pod", &[("name", Text, "By name."), ("selector", Text, "By selector.")]),
    (
        "http",
        &[
            ("method", Words(words::METHOD), "The method; anything but GET and HEAD is a change."),
            ("url", Address, "Address."),
            ("headers", HEADERS, "Headers; secrets may stand here."),
            ("body", Any, "Text, or a structure sent as JSON."),
            ("expect", Of("http_expect"), "What a good answer is."),
            ("times", Whole(1, 10_000), "How often it is sent, one after the other."),
            ("capture", CAPTURES, "Values taken from the answer."),
        ],
    ),
    (
        "http_expect",
        &[
            ("status", STATUS, "Status codes that are good; any 2xx where absent."),
            ("json", Any, "Members the answer must have."),
            ("mean", Duration, "The mean time must stay under this."),
            ("max", Duration, "No request may take longer."),
        ],
    ),
    (
        "gate",
        &[
            ("pass", Expression, "True throughout `for`: passed."),
            ("fail", Expression, "True `failures` times running: failed."),
            ("for", Duration, "How long pass must hold; until there is a verdict where absent."),
            ("settle", Duration, "Readings younger than this after entering do not count."),
            ("failures", Whole(1, 1000), "How many failures in a row fail it."),
            ("min", Map(&Any, &Number), "Signals that must reach a number, else inconclusive."),
            ("every", Duration, "Time between judgements; the slowest signal's where absent."),
            ("no_data", Words(words::NO_DATA), "What missing data does."),
        ],
    ),
    (
        "wait",
        &[
            ("until", Expression, "A time of day such as \"02:00\", or a condition."),
            ("zone", Text, "Time zone of the time of day."),
            ("timeout", Duration, "Not longer than this; then it failed."),
        ],
    ),
    ("notify", &[("to", Text, "A name under notify."), ("text", Text, "What it says.")]),
    ("freeze", &[("reason", Text, "Why.")]),
];
