//! What the API server fills in where an object does not say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Cluster, Kind};
use crate::world::json::{list, set, text, unset};

fn absent(object: &Value, path: &[&str]) -> bool {
    path.iter().try_fold(object, |at, key| at.get(*key)).is_none_or(Value::is_null)
}

/// Puts values where there are none.
fn fill(object: &mut Value, values: &[(&[&str], Value)]) {
    for (path, value) in values {
        if absent(object, path) {
            set(object, path, value.clone());
        }
    }
}

impl Cluster {
    /// Fills in what is missing in an object of a kind. What is there stays.
    pub(crate) fn complete(&self, kind: Kind, object: &mut Value) {
        match kind {
            Kind::Deployment => {
                fill(
                    object,
                    &[
                        (&["spec", "replicas"], json!(1)),
                        (&["spec", "strategy", "type"], json!("RollingUpdate")),
                        (&["spec", "revisionHistoryLimit"], json!(10)),
                        (&["spec", "progressDeadlineSeconds"], json!(600)),
                    ],
                );
                complete_template(object);
                if text(object, "/spec/strategy/type") == "RollingUpdate" {
                    let rolling = |field| ["spec", "strategy", "rollingUpdate", field];
                    fill(object, &[(&rolling("maxUnavailable"), json!("25%")), (&rolling("maxSurge"), json!("25%"))]);
                }
            }
            Kind::ReplicaSet => {
                fill(object, &[(&["spec", "replicas"], json!(1))]);
                complete_template(object);
            }
            Kind::StatefulSet => complete_statefulset(object),
            Kind::DaemonSet => {
                let rolling = |field| ["spec", "updateStrategy", "rollingUpdate", field];
                fill(
                    object,
                    &[
                        (&["spec", "updateStrategy", "type"], json!("RollingUpdate")),
                        (&["spec", "revisionHistoryLimit"], json!(10)),
                    ],
                );
                if text(object, "/spec/updateStrategy/type") == "RollingUpdate" {
                    fill(object, &[(&rolling("maxUnavailable"), json!(1)), (&rolling("maxSurge"), json!(0))]);
                }
                complete_template(object);
            }
            Kind::Job => complete_job(object),
            Kind::Service => complete_service(object),
            Kind::Secret => complete_secret(object),
            Kind::HorizontalPodAutoscaler => {
                let target = json!({"type": "Utilization", "averageUtilization": 80});
                let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
                fill(object, &[(&["spec", "minReplicas"], json!(1)), (&["spec", "metrics"], metrics)]);
            }
            Kind::Namespace => {
                let name = text(object, "/metadata/name").to_owned();
                fill(
                    object,
                    &[
                        (&["metadata", "labels", "kubernetes.io/metadata.name"], name.into()),
                        (&["spec"], json!({"finalizers": ["kubernetes"]})),
                        (&["status", "phase"], json!("Active")),
                    ],
                );
            }
            _ => {}
        }
    }
}

fn complete_template(object: &mut Value) {
    let of_pod = |field| ["spec", "template", "spec", field];
    fill(
        object,
        &[
            (&of_pod("restartPolicy"), json!("Always")),
            (&of_pod("terminationGracePeriodSeconds"), json!(30)),
            (&of_pod("dnsPolicy"), json!("ClusterFirst")),
            (&of_pod("securityContext"), json!({})),
            (&of_pod("schedulerName"), json!("default-scheduler")),
            (&["status"], json!({})),
        ],
    );
    for containers in ["containers", "initContainers"] {
        let Some(Value::Array(containers)) = object.pointer_mut(&format!("/spec/template/spec/{containers}")) else { continue };
        for container in containers {
            fill(
                container,
                &[
                    (&["resources"], json!({})),
                    (&["terminationMessagePath"], json!("/dev/termination-log")),
                    (&["terminationMessagePolicy"], json!("File")),
                    (&["imagePullPolicy"], json!("IfNotPresent")),
                ],
            );
            if let Some(Value::Array(ports)) = container.get_mut("ports") {
                ports.iter_mut().for_each(|port| fill(port, &[(&["protocol"], json!("TCP"))]));
            }
        }
    }
}

fn complete_statefulset(object: &mut Value) {
    fill(
        object,
        &[
            (&["spec", "replicas"], json!(1)),
            (&["spec", "podManagementPolicy"], json!("OrderedReady")),
            (&["spec", "revisionHistoryLimit"], json!(10)),
            (&["spec", "updateStrategy", "type"], json!("RollingUpdate")),
        ],
    );
    if text(object, "/spec/updateStrategy/type") == "RollingUpdate" {
        fill(object, &[(&["spec", "updateStrategy", "rollingUpdate", "partition"], json!(0))]);
    }
    complete_template(object);
}

fn complete_job(object: &mut Value) {
    let uid = text(object, "/metadata/uid").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let job = |field| ["spec", field];
    fill(
        object,
        &[
            (&job("parallelism"), json!(1)),
            (&job("completions"), json!(1)),
            (&job("backoffLimit"), json!(6)),
            (&job("completionMode"), json!("NonIndexed")),
            (&job("suspend"), json!(false)),
            (&["spec", "selector", "matchLabels"], json!({"batch.kubernetes.io/controller-uid": uid})),
        ],
    );
    let labels = ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];
    for label in labels {
        let value = if label.ends_with("uid") { &uid } else { &name };
        fill(object, &[(&["spec", "template", "metadata", "labels", label], value.clone().into())]);
    }
    complete_template(object);
}

fn complete_service(object: &mut Value) {
    // An address that follows from the name: asking for one changes nothing else.
    let name = format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let mixed = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let address = match text(object, "/spec/type") {
        "ExternalName" => return,
        _ => format!("10.97.{}.{}", mixed / 254 % 254 + 1, mixed % 254 + 1),
    };
    let address = object.pointer("/spec/clusterIP").cloned().unwrap_or_else(|| address.into());
    fill(
        object,
        &[
            (&["spec", "type"], json!("ClusterIP")),
            (&["spec", "clusterIP"], address.clone()),
            (&["spec", "clusterIPs"], json!([address])),
            (&["spec", "sessionAffinity"], json!("None")),
            (&["spec", "ipFamilies"], json!(["IPv4"])),
            (&["spec", "ipFamilyPolicy"], json!("SingleStack")),
            (&["spec", "internalTrafficPolicy"], json!("Cluster")),
            (&["status", "loadBalancer"], json!({})),
        ],
    );
    let Some(Value::Array(ports)) = object.pointer_mut("/spec/ports") else { return };
    for port in ports {
        let target = port.get("port").cloned().unwrap_or_default();
        fill(port, &[(&["protocol"], json!("TCP")), (&["targetPort"], target)]);
    }
}

fn complete_secret(object: &mut Value) {
    fill(object, &[(&["type"], json!("Opaque"))]);
    let plain = object.get("stringData").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in plain {
        set(object, &["data", &name], STANDARD.encode(value.as_str().unwrap_or_default()));
    }
    unset(object, &["stringData"]);
}

/// The images of an object's template, for what shows them.
pub(crate) fn images(object: &Value) -> Vec<&str> {
    list(object, "/spec/template/spec/containers").iter().map(|container| text(container, "/image")).collect()
}
