//! How requests find pods.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::Name;

/// How the requests of a service find pods.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub enum Route {
    /// By the weights of an Istio VirtualService.
    Weights {
        /// Name of the VirtualService.
        virtualservice: String,
        /// Deployment of the first route, 100 % at the start.
        stable: Name,
        /// Deployment of the second route, 0 % at the start.
        canary: Name,
    },
    /// Over all ready pods that the service's Service selects (blue-green): the labels it
    /// starts with.
    Selector(BTreeMap<String, String>),
    /// Over all ready pods of these Deployments.
    Replicas(Vec<Name>),
}

/// A route as it is written: either the three keys of weights, or one of the others.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
struct Written {
    /// Name of the Istio VirtualService whose weights split the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    virtualservice: Option<String>,
    /// Deployment of its first route.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable: Option<Name>,
    /// Deployment of its second route.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<Name>,
    /// Labels the Service selects at the start (blue-green).
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<BTreeMap<String, String>>,
    /// Deployments whose ready pods share the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<Vec<Name>>,
}

/// What is wrong with a route.
#[derive(Debug, thiserror::Error)]
#[error("a route is `virtualservice` with `stable` and `canary`, or `selector`, or `replicas`")]
struct Unclear;

impl TryFrom<Written> for Route {
    type Error = Unclear;

    fn try_from(written: Written) -> Result<Self, Unclear> {
        match written {
            Written {
                virtualservice: Some(virtualservice),
                stable: Some(stable),
                canary: Some(canary),
                selector: None,
                replicas: None,
            } => Ok(Route::Weights { virtualservice, stable, canary }),
            Written { virtualservice: None, stable: None, canary: None, selector: Some(labels), replicas: None } => {
                Ok(Route::Selector(labels))
            }
            Written { virtualservice: None, stable: None, canary: None, selector: None, replicas: Some(names) } => {
                Ok(Route::Replicas(names))
            }
            _ => Err(Unclear),
        }
    }
}

impl From<Route> for Written {
    fn from(route: Route) -> Self {
        let empty = Written::default();
        match route {
            Route::Weights { virtualservice, stable, canary } => {
                Written { virtualservice: Some(virtualservice), stable: Some(stable), canary: Some(canary), ..empty }
            }
            Route::Selector(labels) => Written { selector: Some(labels), ..empty },
            Route::Replicas(names) => Written { replicas: Some(names), ..empty },
        }
    }
}
