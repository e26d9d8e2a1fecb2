//! What a workload was before: ReplicaSets and ControllerRevisions.

use serde_json::{Map, Value};

use super::api::{Api, Trouble};
use super::object::{self, text};
use crate::session::intent::{PinnedTarget, Workload};

const APPS: &str = "/apis/apps/v1";

/// One earlier (or the present) template of a workload.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub uid: String,
    pub hash: Option<String>,
    pub revision: u64,
    pub template: Value,
    pub annotations: Map<String, Value>,
}

/// All templates a workload's controller keeps, in the server's order.
pub(super) async fn of(api: &Api<'_>, kind: &str, object: &Value) -> Result<Vec<Past>, Trouble> {
    let plural = if kind == "Deployment" { "replicasets" } else { "controllerrevisions" };
    let all = api.list(APPS, plural, &object::selector(object), false).await?;
    let owner = object::uid(object);
    Ok(all.iter().filter(|one| object::is_controlled_by(one, owner)).map(|one| past(kind, one)).collect())
}

pub(super) fn past(kind: &str, object: &Value) -> Past {
    let label = |name: &str| object.pointer("/metadata/labels").and_then(|l| l.get(name)).and_then(Value::as_str);
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    let uid = object::uid(object).to_owned();
    if kind == "Deployment" {
        let hash = label("pod-template-hash").map(str::to_owned);
        return Past { uid, hash, revision: object::revision(object), template: object::template(object), annotations };
    }
    let mut template = object.get("data").map(object::template).unwrap_or_default();
    if let Some(template) = template.as_object_mut() {
        template.shift_remove("$patch");
    }
    let hash = label("controller.kubernetes.io/hash").or_else(|| label("controller-revision-hash")).map(str::to_owned);
    let revision = object.get("revision").and_then(Value::as_u64).unwrap_or(0);
    Past { uid, hash, revision, template, annotations }
}

/// What an undo without a revision goes back to: the second-highest number, as kubectl
/// finds it. One that was never counted is number 0, and counts.
pub(super) fn previous(history: &[Past]) -> Option<&Past> {
    let (mut latest, mut previous): (Option<&Past>, Option<&Past>) = (None, None);
    let is_below = |known: Option<&Past>, past: &Past| known.is_none_or(|known| known.revision < past.revision);
    for past in history {
        if is_below(latest, past) {
            (previous, latest) = (latest, Some(past));
        } else if is_below(previous, past) {
            previous = Some(past);
        }
    }
    previous
}

/// Finds the template a workload has now, and the object its controller keeps it in.
pub(super) async fn pin(api: &Api<'_>, workload: &Workload) -> Result<PinnedTarget, String> {
    let named = |trouble: Trouble| format!("{workload}: {}", trouble.words());
    let path = api.locate(&workload.resource()).await.map_err(named)?;
    let current = api.get(&path).await.map_err(named)?.body;
    let template = object::template(&current);
    // Without the right to read the history, the template itself is still a good target.
    let history = match of(api, &workload.kind, &current).await {
        Ok(history) => history,
        Err(Trouble::Refused { code: 403 | 404, .. }) => Vec::new(),
        Err(trouble) => return Err(named(trouble)),
    };
    let revision = object::revision(&current);
    let same = |past: &&Past| past.template == template;
    let counted = history.iter().filter(same).find(|past| past.revision == revision);
    let held = counted.or_else(|| history.iter().filter(same).max_by_key(|past| past.revision));
    Ok(PinnedTarget {
        workload: workload.clone(),
        uid: object::uid(&current).to_owned(),
        replica_set_uid: held.map(|past| past.uid.clone()),
        hash: held.and_then(|past| past.hash.clone()).or_else(|| current_hash(&current)),
        revision: held.map_or(revision, |past| past.revision),
        images: object::images(&template),
        template: template.to_string(),
    })
}

fn current_hash(object: &Value) -> Option<String> {
    let revision = text(object, "/status/updateRevision")?;
    revision.rsplit_once('-').map(|(_, hash)| hash.to_owned())
}
