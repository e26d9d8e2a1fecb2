//! Secrets that stand in the session's cluster, read one object at a time.
//!
//! Only the named Secret is read, in the session's namespace: nothing is listed or
//! watched, so that the right to `get` that one name is enough. Why it cannot be had is
//! said without any part of a value.

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;

use crate::ports::{Cluster, explain};
use crate::secrets::{ClusterSecrets, Secrets};

impl ClusterSecrets for Cluster {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let api: kube::Api<Secret> = kube::Api::namespaced(self.client.clone(), &self.namespace);
            let secret = api.get(name).await.map_err(|error| why(&error, self))?;
            let mut data = secret.data.unwrap_or_default();
            match data.remove(key) {
                Some(value) => Ok(value.0),
                None if data.is_empty() => Err("it has no keys".to_owned()),
                None => {
                    let keys: Vec<String> = data.into_keys().collect();
                    Err(format!("it has no key {key}; it has {}", keys.join(", ")))
                }
            }
        })
    }
}

/// What the server said, or, where its answer could not be read, only that: the reason
/// given by a decoder may quote what it could not decode.
fn why(error: &kube::Error, cluster: &Cluster) -> String {
    match error {
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            format!("what {} answered is no Secret; is a proxy in between?", cluster.server)
        }
        other => explain(other, cluster),
    }
}

/// Lets secrets come from the cluster, where the session has one.
#[must_use]
pub fn from_cluster(secrets: Secrets, cluster: Option<&Cluster>) -> Secrets {
    match cluster {
        Some(cluster) => secrets.with_cluster(std::sync::Arc::new(cluster.clone())),
        None => secrets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use crate::secrets::Accepted;
    use crate::session::intent::SecretName;
    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;

    fn status(code: u16, reason: &str, message: &str) -> Json<serde_json::Value> {
        Json(
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}),
        )
    }

    /// An API server that knows these objects by their full path and nothing else: a list
    /// would be a 404.
    fn server() -> Router {
        let at = |name: &str| format!("/api/v1/namespaces/shop/secrets/{name}");
        let secret = |data| Json(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": data}));
        Router::new()
            .route(&at("db"), get(move || async move { secret(json!({"password": "aHVudGVyLTIK", "binary": "//79"})) }))
            .route(&at("bare"), get(move || async move { secret(json!({})) }))
            .route(&at("broken"), get(move || async move { secret(json!({"password": "leaked-value!"})) }))
            .route(
                &at("kept"),
                get(|| async { (StatusCode::FORBIDDEN, status(403, "Forbidden", "secrets \"kept\" is forbidden")) }),
            )
            .route(&at("gone"), get(|| async { (StatusCode::NOT_FOUND, status(404, "NotFound", "secrets \"gone\" not found")) }))
    }

    #[tokio::test]
    async fn a_key_of_a_secret_is_read_by_name_and_masked() {
        let redactor = Redactor::new();
        let accepted = Accepted::bundle("0".repeat(64), false);
        let cluster = Cluster::from_router(server(), "shop", "s1");
        let secrets = from_cluster(Secrets::new(&accepted, ".", redactor.clone()), Some(&cluster));
        let ask = async |name: &str, key: &str| {
            let name = SecretName::Kubernetes { name: name.into(), key: key.into() };
            secrets.resolve(&name).await.map(|value| value.expose().to_owned()).map_err(|e| e.to_string())
        };
        assert_eq!(ask("db", "password").await.as_deref(), Ok("hunter-2"));
        assert!(redactor.finds(b"said hunter-2 aloud"), "known to the redactor before anyone gets it");

        let refused = [
            ("db", "user", "it has no key user; it has binary, password"),
            ("db", "binary", "is not UTF-8 text"),
            ("bare", "password", "it has no keys"),
            ("kept", "password", "not allowed (403): secrets \"kept\" is forbidden"),
            ("gone", "password", "not found (404): secrets \"gone\" not found"),
            ("broken", "password", "answered is no Secret"),
        ];
        for (name, key, expected) in refused {
            let said = ask(name, key).await.unwrap_err();
            assert!(said.contains(expected), "{name}/{key}: {said}");
            assert!(!said.contains("hunter") && !said.contains("leaked"), "{said}");
        }
    }

    #[tokio::test]
    async fn without_a_cluster_it_is_said_so() {
        let secrets = from_cluster(Secrets::new(&Accepted::bundle("0".repeat(64), false), ".", Redactor::new()), None);
        let name = SecretName::Kubernetes { name: "db".into(), key: "password".into() };
        assert!(secrets.resolve(&name).await.is_err_and(|e| e.to_string().contains("no cluster")));
    }
}
