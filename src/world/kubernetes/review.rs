//! The reviews that ask who one is and what one may.

use axum::http::Method;
use serde_json::{Value, json};

use super::status::Refusal;
use super::{Answer, decode, protobuf};
use crate::world::World;
use crate::world::answer;
use crate::world::cluster::resource::RESOURCES;
use crate::world::core::Core;
use crate::world::json::{set, text};

/// Groups that only answer reviews, and their resources.
pub(super) const REVIEWS: [(&str, &str, &str); 3] = [
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
];

/// All that one may do with objects.
pub(super) const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Answers a review; nothing where the path is none.
pub(super) fn review(world: &World, method: &Method, path: &str, body: &[u8]) -> Option<Answer> {
    let (.., kind) = REVIEWS.iter().find(|(group, plural, _)| path == format!("/apis/{group}/v1/{plural}"))?;
    if *method != Method::POST {
        return Some(Err(Refusal::not_allowed()));
    }
    let read = match protobuf::is_encoded(body) {
        true => protobuf::review(body).ok_or_else(|| Refusal::new(400, "BadRequest", "the review cannot be decoded")),
        false => decode(body),
    };
    let mut review = match read {
        Ok(review) => review,
        Err(refusal) => return Some(Err(refusal)),
    };
    let (group, ..) = REVIEWS.iter().find(|(.., known)| known == kind)?;
    set(&mut review, &["apiVersion"], format!("{group}/v1"));
    set(&mut review, &["kind"], *kind);
    let status = match *kind {
        "SelfSubjectReview" => json!({"userInfo": {"username": "rehearsal", "groups": ["system:authenticated"]}}),
        "SelfSubjectRulesReview" => world.with(rules),
        _ => world.with(|core| access(core, &review)),
    };
    set(&mut review, &["status"], status);
    Some(Ok(answer::json(201, &review)))
}

/// Whether one may do one thing.
fn access(core: &mut Core, review: &Value) -> Value {
    let attribute = |field: &str| text(review, &format!("/spec/resourceAttributes/{field}"));
    match core.faults.forbids(attribute("verb"), attribute("resource"), attribute("subresource"), attribute("name")) {
        true => json!({"allowed": false, "reason": "withdrawn by the scenario"}),
        false => json!({"allowed": true, "reason": "a rehearsal may do everything"}),
    }
}

/// Everything one may do: all, or each resource with the verbs that were not withdrawn.
fn rules(core: &mut Core) -> Value {
    let mut rules = Vec::new();
    if core.faults.forbids_nothing() {
        rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
    } else {
        for resource in &RESOURCES {
            for sub in [""].iter().chain(resource.sub) {
                let may = |verb: &&str| !core.faults.forbids(verb, resource.plural, sub, "");
                let verbs: Vec<&str> = VERBS.into_iter().filter(may).collect();
                let name = if sub.is_empty() { resource.plural.to_owned() } else { format!("{}/{sub}", resource.plural) };
                if !verbs.is_empty() {
                    rules.push(json!({"verbs": verbs, "apiGroups": [resource.group], "resources": [name]}));
                }
            }
        }
    }
    let open = json!([{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/version"]}]);
    json!({"incomplete": false, "nonResourceRules": open, "resourceRules": rules})
}
