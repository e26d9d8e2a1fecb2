//! What is about to be done to the world, worked out to the last argument.
//!
//! An intent holds no secret: where one is needed it holds its name, and the effect
//! fetches it when it runs. An intent that was not made durable by the journal's
//! writer cannot be started; see `journal::Durable`.

use serde::{Deserialize, Serialize};

use super::path::StepPath;
use crate::runbook::Value;

/// One effect, as recorded in `effect.intended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Number of the effect in its session, from 1.
    pub effect: u64,
    /// The step it belongs to.
    pub path: StepPath,
    /// Which visit of the step.
    pub visit: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// Who let it start.
    pub by: Starter,
    /// Whether it can change anything.
    pub changes: bool,
    /// What is done.
    pub what: What,
    /// For changes to a cluster: the object as it was just before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ObjectState>,
    /// How long it may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout_ms: Option<u64>,
}

/// What an effect is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Purpose {
    /// The step's own action.
    Step,
    /// Undoing an earlier visit.
    Undo {
        /// The undone step.
        of: StepPath,
        /// Its visit.
        of_visit: u32,
    },
    /// Finding out what an interrupted effect did; never changes anything.
    Look,
}

/// Who let an effect start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starter {
    /// The operator, by a key.
    Operator,
    /// An answers file.
    Answers,
    /// The program: a step that only reads, a rollback already decided on, `finally`.
    Session,
}

/// Text in which secrets stand by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(pub Vec<Piece>);

/// A piece of text, or a secret's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// A secret, by where it comes from.
    Secret(SecretName),
}

/// Where a secret comes from, as the record names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretName {
    /// A secret input of the runbook (which may itself come from a source, or be asked).
    Input(String),
    /// An environment variable of the program.
    Env(String),
    /// A file.
    File(String),
    /// The output of a command.
    Command(Vec<String>),
    /// A key of a Kubernetes Secret in the session's namespace.
    Kubernetes {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
    },
}

impl SecretText {
    /// Text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }
}

impl std::fmt::Display for SecretText {
    /// As people may see it: secrets as `<secret NAME>`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Secret(SecretName::Input(n) | SecretName::Env(n) | SecretName::File(n)) => write!(f, "<secret {n}>")?,
                Piece::Secret(SecretName::Command(c)) => write!(f, "<secret from {}>", c.first().map_or("", String::as_str))?,
                Piece::Secret(SecretName::Kubernetes { name, key }) => write!(f, "<secret {name}/{key}>")?,
            }
        }
        Ok(())
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A command in a process session of its own.
    Run(RunRequest),
    /// One or more HTTP requests.
    Http(HttpRequest),
    /// A request to a cluster.
    Kubernetes(KubernetesRequest),
    /// A message to a webhook.
    Notify(NotifyRequest),
    /// No new session on an environment.
    Freeze(FreezeRequest),
}

/// A command, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Program and arguments. For a script: the shell and its arguments.
    pub argv: Vec<String>,
    /// Fed to the shell as a file, for scripts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<String>,
    /// Environment beyond the clean one.
    pub env: Vec<(String, SecretText)>,
    /// Standard input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stdin: Option<SecretText>,
    /// Working folder, relative to the bundle.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cwd: Option<String>,
    /// It gets the terminal.
    pub interactive: bool,
    /// Its output is not kept.
    pub sensitive: bool,
}

/// An HTTP request, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Address.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, SecretText)>,
    /// Body as sent; JSON already encoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<String>,
    /// How often, one after the other.
    pub times: u32,
}

/// The annotation of a pod template that a restart sets, so that kubectl knows it too.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// A request to a cluster, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum KubernetesRequest {
    /// Sets an image, then waits for the rollout.
    SetImage {
        /// Whose.
        workload: Workload,
        /// Which container.
        container: String,
        /// The image.
        image: String,
    },
    /// Patches an object.
    Patch {
        /// Which.
        resource: Resource,
        /// How the body is meant.
        kind: PatchKind,
        /// The body.
        body: Value,
    },
    /// Goes back to a template, then waits for the rollout.
    RolloutUndo {
        /// Whose.
        workload: Workload,
        /// To what.
        to: UndoTarget,
    },
    /// Sets the number of replicas, then waits for them.
    Scale {
        /// Whose.
        workload: Workload,
        /// How many.
        replicas: u32,
    },
    /// Has every pod replaced, then waits for the rollout.
    RolloutRestart {
        /// Whose.
        workload: Workload,
        /// What the template's annotation will say: RFC 3339.
        at: String,
    },
    /// Stops a Deployment's rollout where it is.
    RolloutPause {
        /// Whose.
        workload: Workload,
    },
    /// Goes on with a paused rollout, and waits for it.
    RolloutResume {
        /// Whose.
        workload: Workload,
    },
    /// Applies documents on the server's side, as the field manager `pacenote`; then waits
    /// for the rollouts of the workloads among them.
    Apply {
        /// The file they are in, relative to the bundle.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        file: Option<String>,
        /// Or the documents.
        documents: Vec<Value>,
        /// Whether fields of other managers are taken over: those, and only those, that
        /// were shown beforehand.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        force: bool,
    },
    /// Deletes pods, each only while it has the uid it was read with.
    DeletePod {
        /// Name of the pod, or a label selector.
        name: String,
        /// Whether it is a selector.
        selector: bool,
    },
    /// Puts back the fields a step changed, from the state recorded before it.
    Restore {
        /// Which object.
        resource: Resource,
        /// The request that is undone.
        of: Box<KubernetesRequest>,
        /// The object's JSON as it was before, from the undone step's intent.
        before: String,
    },
    /// Waits for a rollout; only reads.
    RolloutStatus {
        /// Whose.
        workload: Workload,
    },
    /// Reads an object; only reads.
    Get {
        /// Which.
        resource: Resource,
    },
}

impl KubernetesRequest {
    /// The object the request is about.
    pub fn resource(&self) -> Resource {
        match self {
            Self::SetImage { workload, .. }
            | Self::Scale { workload, .. }
            | Self::RolloutRestart { workload, .. }
            | Self::RolloutPause { workload }
            | Self::RolloutResume { workload }
            | Self::RolloutUndo { workload, .. }
            | Self::RolloutStatus { workload } => workload.resource(),
            Self::DeletePod { name, .. } => {
                Resource { group: String::new(), version: "v1".into(), kind: "Pod".into(), name: name.clone() }
            }
            Self::Apply { file, documents, .. } => applied(file.as_deref(), documents),
            Self::Patch { resource, .. } | Self::Restore { resource, .. } | Self::Get { resource } => resource.clone(),
        }
    }
}

impl What {
    /// Whether fields may be taken over from others, which the operator confirms each time.
    pub fn takes_over(&self) -> bool {
        matches!(self, Self::Kubernetes(KubernetesRequest::Apply { force: true, .. }))
    }
}

/// The object of an apply: its only document, or all of them under the name of their file.
fn applied(file: Option<&str>, documents: &[Value]) -> Resource {
    let one = match documents {
        [one] => one.to_json(),
        _ => serde_json::Value::Null,
    };
    let part = |at: &str| one.pointer(at).and_then(serde_json::Value::as_str).unwrap_or_default();
    if part("/kind").is_empty() {
        let name = file.map_or_else(|| format!("{} documents", documents.len()), str::to_owned);
        return Resource { group: String::new(), version: "v1".into(), kind: "List".into(), name };
    }
    let (group, version) = part("/apiVersion").split_once('/').unwrap_or(("", part("/apiVersion")));
    Resource { group: group.into(), version: version.into(), kind: part("/kind").into(), name: part("/metadata/name").into() }
}

/// A workload by kind (`Deployment`, `StatefulSet`, `DaemonSet`) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Workload {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Workload {
    /// The same as a resource of `apps/v1`.
    pub fn resource(&self) -> Resource {
        Resource { group: "apps".into(), version: "v1".into(), kind: self.kind.clone(), name: self.name.clone() }
    }
}

impl std::fmt::Display for Workload {
    /// `deployment/checkout`, as kubectl writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// An object by group, version, kind and name, in the session's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for Resource {
    /// `virtualservice/checkout`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchKind {
    /// RFC 7386.
    Merge,
    /// Kubernetes' strategic merge.
    Strategic,
    /// RFC 6902.
    Json,
}

/// What an undo goes back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "to")]
pub enum UndoTarget {
    /// The template pinned when the session opened.
    Pinned(Box<PinnedTarget>),
    /// The second-highest revision.
    Previous,
    /// A revision by number.
    Revision {
        /// Its number.
        revision: u64,
    },
}

/// The object a rollback goes back to, found when the session opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedTarget {
    /// Whose.
    pub workload: Workload,
    /// uid of the workload; a recreation is another object.
    pub uid: String,
    /// uid of the ReplicaSet (or ControllerRevision) that held the template.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replica_set_uid: Option<String>,
    /// Its pod-template-hash (or controller-revision-hash).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hash: Option<String>,
    /// Its revision number then.
    pub revision: u64,
    /// Images of its containers, `name=image`.
    pub images: Vec<String>,
    /// The pod template, JSON, without the hash label.
    pub template: String,
}

/// An object as it was read just before a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectState {
    /// Which.
    pub resource: Resource,
    /// Namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion, sent along as a precondition.
    pub resource_version: String,
    /// Its JSON without managedFields, for `undo: restore`.
    pub before: String,
    /// What will change, as a line diff for people.
    pub diff: String,
}

/// A freeze, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeRequest {
    /// The environment.
    pub environment: String,
    /// Why.
    pub reason: String,
    /// Who walks the session.
    pub by: String,
}

/// A message, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotifyRequest {
    /// Name of the target in the runbook.
    pub to: String,
    /// Address.
    pub url: SecretText,
    /// `slack` or `json`.
    pub format: String,
    /// Headers.
    pub headers: Vec<(String, SecretText)>,
    /// What it says.
    pub text: String,
    /// Facts for the `json` format.
    pub facts: Vec<(String, String)>,
}
