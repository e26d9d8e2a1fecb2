//! Compares the world in the end with what a scenario expects.

use std::collections::BTreeMap;

use super::World;
use super::cluster::{Cluster, Key, Kind};
use super::json::{number, text, version_of_image};
use super::metrics::share_of;
use super::scenario::{ExpectedState, Route, WorldSpec};

/// A value that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What, as `checkout.version`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl World {
    /// What is not as the scenario's `expect.world` says; nothing where all is.
    pub fn expectation(&self) -> Vec<Difference> {
        self.differences(&self.shared.scenario.expect.world)
    }

    /// What is not as a list of Deployments or services says.
    pub fn differences(&self, expected: &BTreeMap<String, ExpectedState>) -> Vec<Difference> {
        let spec = self.spec();
        self.with(|core| {
            expected.iter().flat_map(|(name, state)| compare(spec, &core.namespace, &core.cluster, name, state)).collect()
        })
    }
}

/// The Deployment a name means: itself, or the first one of the service of that name.
fn deployment<'a>(spec: &'a WorldSpec, name: &'a str) -> &'a str {
    if spec.deployments.contains_key(name) {
        return name;
    }
    match spec.services.get(name).and_then(|service| service.route.as_ref()) {
        Some(Route::Weights { stable, .. }) => stable.as_str(),
        Some(Route::Replicas(names)) => names.first().map_or(name, |first| first.as_str()),
        _ => name,
    }
}

fn compare(spec: &WorldSpec, namespace: &str, cluster: &Cluster, name: &str, expected: &ExpectedState) -> Vec<Difference> {
    let name_of = deployment(spec, name);
    let key = Key::new(Kind::Deployment, namespace, name_of);
    let Some(object) = cluster.store.get(&key) else {
        let what = name.to_owned();
        return vec![Difference { what, expected: "a Deployment".to_owned(), found: "none".to_owned() }];
    };
    let version = version_of_image(text(object, "/spec/template/spec/containers/0/image")).to_owned();
    let share = share_of(spec, name_of, namespace, cluster).round();
    let facts = [
        ("version", expected.version.clone(), version),
        ("replicas", expected.replicas.map(|n| n.to_string()), number(object, "/spec/replicas").to_string()),
        ("ready", expected.ready.map(|n| n.to_string()), number(object, "/status/readyReplicas").to_string()),
        ("weight", expected.weight.map(|n| n.to_string()), share.to_string()),
    ];
    let differs = |(what, expected, found): (&str, Option<String>, String)| {
        let expected = expected.filter(|expected| *expected != found)?;
        Some(Difference { what: format!("{name}.{what}"), expected, found })
    };
    facts.into_iter().filter_map(differs).collect()
}
