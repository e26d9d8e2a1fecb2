//! Requests to the API server, and what their answers mean.

use http::{Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use super::plan::Change;
use crate::effects::EffectPorts;
use crate::ports::{self, Cluster};
use crate::session::intent::{PatchKind, Resource};
use crate::session::needs::plural;

/// How we name ourselves among an object's managers.
pub(super) const MANAGER: &str = "pacenote";

/// The API of one cluster, for one session.
pub(super) struct Api<'a> {
    cluster: &'a Cluster,
    pub sid: &'a str,
}

/// An answer that did what was asked.
#[derive(Debug)]
pub(super) struct Reply {
    pub body: Value,
    /// The object was not there before.
    pub created: bool,
    pub audit_id: Option<String>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server said no, before doing anything.
    Refused { code: u16, words: String, message: String, owners: Vec<(String, String)>, audit_id: Option<String> },
    /// Nobody knows; `sent` says whether the request can have arrived.
    Lost { sent: bool, words: String, audit_id: Option<String> },
}

impl Trouble {
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Refused { words, .. } | Self::Lost { words, .. } => words,
        }
    }

    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Lost { .. } => None,
        }
    }

    pub(super) fn audit_id(&self) -> Option<String> {
        match self {
            Self::Refused { audit_id, .. } | Self::Lost { audit_id, .. } => audit_id.clone(),
        }
    }

    /// The precondition did not hold: a 409, or for a JSON patch its failed `test`, which
    /// the server answers with 422.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Refused { code: 409, .. } => true,
            Self::Refused { code: 422, message, .. } => message.contains("resourceVersion") || message.contains("test"),
            _ => false,
        }
    }

    /// For an apply that was refused: fields it may not change, and who owns them.
    pub(super) fn owners(&self) -> &[(String, String)] {
        match self {
            Self::Refused { owners, .. } => owners,
            Self::Lost { .. } => &[],
        }
    }

    /// A read that may go better next time.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == 429,
            Self::Lost { .. } => true,
        }
    }
}

impl<'a> Api<'a> {
    pub(super) fn of(ports: &'a EffectPorts) -> Option<Self> {
        ports.cluster.as_ref().map(|cluster| Self { cluster, sid: &ports.sid })
    }

    /// Reads an object or a list.
    pub(super) async fn get(&self, path: &str) -> Result<Reply, Trouble> {
        self.send(Request::get(path).body(Body::empty())).await
    }

    /// Lists the objects of a kind that a selector matches. With `cached` from the server's
    /// memory, which may be a moment old and is cheap for it.
    pub(super) async fn list(&self, prefix: &str, plural: &str, selector: &str, cached: bool) -> Result<Vec<Value>, Trouble> {
        let selector: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let cached = if cached { "&resourceVersion=0" } else { "" };
        let path = format!("{prefix}/namespaces/{}/{plural}?labelSelector={selector}{cached}", self.cluster.namespace);
        let mut reply = self.get(&path).await?;
        Ok(reply.body.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default())
    }

    /// Sends a change, once. With `dry` the server only says what would come of it.
    pub(super) async fn patch(&self, path: &str, change: &Change, dry: bool) -> Result<Reply, Trouble> {
        let content = match change.kind {
            PatchKind::Json => "application/json-patch+json",
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Strategic => "application/strategic-merge-patch+json",
        };
        let dry = if dry { "&dryRun=All" } else { "" };
        let request = Request::patch(format!("{path}?fieldManager={MANAGER}{dry}"))
            .header(header::CONTENT_TYPE, content)
            .body(Body::from(change.body.to_string().into_bytes()));
        self.send(request).await
    }

    /// Sends a configuration, once. Fields of other managers are taken over with `force` only.
    pub(super) async fn apply(&self, path: &str, body: &Value, force: bool, dry: bool) -> Result<Reply, Trouble> {
        let dry = if dry { "&dryRun=All" } else { "" };
        // JSON is YAML.
        let request = Request::patch(format!("{path}?fieldManager={MANAGER}&force={force}{dry}"))
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .body(Body::from(body.to_string().into_bytes()));
        self.send(request).await
    }

    /// Where changes go, and as whom: `as jane in prod-eu/shop`. The server knows best who we
    /// are; where it does not say, the kubeconfig's name of the user has to do.
    pub(super) async fn whoami(&self) -> String {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(review.to_string().into_bytes()));
        let said = self.send(request).await.ok();
        let user = said.as_ref().and_then(|reply| reply.body.pointer("/status/userInfo/username")).and_then(Value::as_str);
        let user = user.map_or_else(|| format!("{} (so the kubeconfig says)", self.cluster.user), str::to_owned);
        format!("as {user} in {}/{}", self.cluster.context, self.cluster.namespace)
    }

    /// The namespace everything is in.
    pub(super) fn namespace(&self) -> &str {
        &self.cluster.namespace
    }

    /// Deletes an object, once, if it is still the one with this uid.
    pub(super) async fn delete(&self, path: &str, uid: &str, dry: bool) -> Result<Reply, Trouble> {
        let dry = if dry { "?dryRun=All" } else { "" };
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
        let request = Request::delete(format!("{path}{dry}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(options.to_string().into_bytes()));
        self.send(request).await
    }

    /// Where an object is: asks the server how the kind's resource is called.
    pub(super) async fn locate(&self, resource: &Resource) -> Result<String, Trouble> {
        let Resource { group, version, kind, name } = resource;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'));
        if name.is_empty() || ![group, version, kind, name].into_iter().all(|text| plain(text)) {
            return Err(nowhere(format!("{resource:?} is no name of an object")));
        }
        if group.is_empty() && kind == "Secret" {
            let why = "is neither read nor changed here: its values would get into the record; use a command";
            return Err(nowhere(format!("a Secret {why}")));
        }
        let prefix = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let (plural, namespaced) = match (prefix.as_str(), kind.as_str()) {
            ("/api/v1", "Pod") => ("pods".to_owned(), true),
            ("/apis/apps/v1", "Deployment" | "StatefulSet" | "DaemonSet") => (plural(kind), true),
            _ => self.discover(&prefix, kind).await?,
        };
        Ok(if namespaced {
            format!("{prefix}/namespaces/{}/{plural}/{name}", self.cluster.namespace)
        } else {
            format!("{prefix}/{plural}/{name}")
        })
    }

    async fn discover(&self, prefix: &str, kind: &str) -> Result<(String, bool), Trouble> {
        let reply = match self.get(prefix).await {
            Ok(reply) => reply,
            // Users without the right to discover still know how kinds are usually called.
            Err(Trouble::Refused { code: 403 | 404, .. }) => return Ok((plural(kind), true)),
            Err(trouble) => return Err(trouble),
        };
        let resources = reply.body.get("resources").and_then(Value::as_array);
        let found = resources.into_iter().flatten().find(|r| {
            r.get("kind").and_then(Value::as_str) == Some(kind)
                && r.get("name").and_then(Value::as_str).is_some_and(|n| !n.contains('/'))
        });
        let Some(found) = found else {
            return Err(nowhere(format!("the cluster has no {kind} in {}", prefix.trim_start_matches("/apis/"))));
        };
        let name = found.get("name").and_then(Value::as_str).unwrap_or_default();
        Ok((name.to_owned(), found.get("namespaced").and_then(Value::as_bool).unwrap_or(true)))
    }

    async fn send(&self, request: http::Result<Request<Body>>) -> Result<Reply, Trouble> {
        let request = request.map_err(|error| nowhere(error.to_string()))?;
        let lost = |error: kube::Error| Trouble::Lost {
            sent: ports::sent(&error),
            words: ports::explain(&error, self.cluster),
            audit_id: None,
        };
        let answer = self.cluster.client.send(request).await.map_err(lost)?;
        let (parts, body) = answer.into_parts();
        let audit_id = parts.headers.get("audit-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let bytes = body.collect().await.map_err(|error| Trouble::Lost {
            sent: true,
            words: format!("the answer of {} broke off: {error}", self.cluster.server),
            audit_id: audit_id.clone(),
        })?;
        self.judge(Response::from_parts(parts, bytes.to_bytes()), audit_id)
    }

    /// What an answer means. Up to 499 an API server refuses before it acts; from 500 on
    /// it, or a gateway before it, may have acted and failed to say so.
    fn judge(&self, answer: Response<bytes::Bytes>, audit_id: Option<String>) -> Result<Reply, Trouble> {
        let code = answer.status().as_u16();
        let body: Option<Value> = serde_json::from_slice(answer.body()).ok().filter(Value::is_object);
        match (code, body) {
            (200..=299, Some(body)) => Ok(Reply { body, created: code == 201, audit_id }),
            (_, Some(status)) if status.get("kind").and_then(Value::as_str) == Some("Status") => {
                let part = |name| status.get(name).and_then(Value::as_str).unwrap_or_default();
                let words = ports::refusal(code, part("message"), part("reason"), self.cluster);
                let message = part("message").to_owned();
                // A webhook that cannot be called stops the request before it is stored.
                let before = code < 500 || message.contains("failed calling webhook");
                Err(if before {
                    Trouble::Refused { code, words, message, owners: owners(&status), audit_id }
                } else {
                    Trouble::Lost { sent: true, words, audit_id }
                })
            }
            (code, _) => {
                let place = &self.cluster.server;
                let words = format!(
                    "{place} answered {code} with something that no API server says; is a proxy or a login page in between?"
                );
                // Whoever refused it did so before the API server saw it. A 408 says only
                // that somebody stopped waiting.
                Err(if (400..=499).contains(&code) && code != 408 {
                    Trouble::Refused { code, words, message: String::new(), owners: Vec::new(), audit_id }
                } else {
                    Trouble::Lost { sent: true, words, audit_id }
                })
            }
        }
    }
}

/// The causes of a conflict of managers, as the server lists them.
fn owners(status: &Value) -> Vec<(String, String)> {
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    let part = |cause: &Value, name: &str| cause.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let conflicts = causes.into_iter().flatten().filter(|cause| part(cause, "reason") == "FieldManagerConflict");
    // `conflict with "kubectl-edit" using apps/v1`
    conflicts
        .map(|cause| {
            let message = part(cause, "message");
            let owner = message.split('"').nth(1).map_or_else(|| message.clone(), str::to_owned);
            (part(cause, "field"), owner)
        })
        .collect()
}

fn nowhere(words: String) -> Trouble {
    Trouble::Lost { sent: false, words, audit_id: None }
}
