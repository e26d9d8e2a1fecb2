//! From text to a checked scenario.

use std::path::Path;

use super::{Event, Fault, Name, Route, Scenario};
use crate::world::cluster::Cluster;

/// A scenario file that cannot be used: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ScenarioError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: u64,
    /// Column, from 1; 0 where the file as a whole is meant.
    pub column: u64,
    /// What is wrong, with a hint.
    pub message: String,
}

/// Scenarios are small; a larger file is no scenario.
const LARGEST: usize = 1 << 20;

impl Scenario {
    /// Reads a scenario from text; `file` only names it in errors.
    ///
    /// # Errors
    /// The first mistake in the file: of its form, of a value, or a name that leads nowhere.
    pub fn read(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let error = |(line, column): (u64, u64), message: String| ScenarioError { file: file.to_owned(), line, column, message };
        if text.len() > LARGEST {
            return Err(error((0, 0), format!("the file is larger than {LARGEST} bytes, so it is no scenario")));
        }
        let scenario: Scenario = serde_saphyr::from_str(text).map_err(|wrong| {
            let place = wrong.location().map_or((0, 0), |at| (at.line(), at.column()));
            error(place, wrong.without_snippet().to_string())
        })?;
        scenario.check().map_err(|(place, message)| error(place, message))?;
        Ok(scenario)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// As [`Scenario::read`], or the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(&file, &text),
            Err(wrong) => Err(ScenarioError { file, line: 0, column: 0, message: format!("cannot be read: {wrong}") }),
        }
    }

    /// Finds names that lead nowhere and values out of range.
    fn check(&self) -> Result<(), ((u64, u64), String)> {
        if self.format != 1 {
            return Err(((1, 1), format!("`pacenote-scenario: {}` is not known; this program reads version 1", self.format)));
        }
        if !is_id(self.scenario.as_str()) {
            let hint = "begin with a letter, then lower-case letters, digits, `-` and `_`";
            return Err((self.scenario.place(), format!("`{}` is no scenario id: {hint}", self.scenario)));
        }
        for (name, service) in &self.world.services {
            self.check_service(name, service)?;
        }
        for autoscaler in self.world.autoscalers.values() {
            self.workload(&autoscaler.target)?;
        }
        if !(1..=100).contains(&self.world.nodes) {
            return Err(((0, 0), "`nodes` is a number from 1 to 100".to_owned()));
        }
        if !self.world.objects.is_empty() {
            let namespace = self.world.namespace.as_deref().unwrap_or("default");
            let (_, refused) = Cluster::build(&self.world, namespace, chrono::DateTime::UNIX_EPOCH, self.seed);
            if let Some((number, why)) = refused.first() {
                return Err(((0, 0), format!("`world.objects`, number {}: {why}", number + 1)));
            }
        }
        self.events.iter().try_for_each(|event| self.check_event(event))
    }

    fn check_service(&self, name: &str, service: &super::ServiceSpec) -> Result<(), ((u64, u64), String)> {
        match &service.route {
            Some(Route::Weights { stable, canary, .. }) => {
                self.workload(stable)?;
                self.workload(canary)?;
            }
            Some(Route::Replicas(names)) => names.iter().try_for_each(|name| self.workload(name))?,
            Some(Route::Selector(_)) => {}
            None if self.world.has_workload(name) => {}
            None => {
                let hint = "give it a `route`, or add the Deployment under `world.deployments`";
                return Err(((0, 0), format!("service `{name}` has no Deployment of its name: {hint}")));
            }
        }
        if !service.rps.is_finite() || service.rps < 0.0 {
            return Err(((0, 0), format!("service `{name}`: `rps` is a number of requests a second, not {}", service.rps)));
        }
        for (version, behaviour) in &service.versions {
            if !(0.0..=100.0).contains(&behaviour.errors) {
                return Err(((0, 0), format!("service `{name}`, version `{version}`: `errors` is a percentage from 0 to 100")));
            }
            if behaviour.latency.p50 > behaviour.latency.p95 {
                return Err(((0, 0), format!("service `{name}`, version `{version}`: `p50` cannot be longer than `p95`")));
            }
        }
        Ok(())
    }

    fn check_event(&self, event: &Event) -> Result<(), ((u64, u64), String)> {
        match &event.fault {
            Fault::SetImage(image) => self.workload(&image.deployment),
            Fault::NodeLost(node) if !(1..=self.world.nodes).any(|number| *node == format!("node-{number}")) => {
                Err(((0, 0), format!("there is no node `{node}`; there is `node-1` to `node-{}`", self.world.nodes)))
            }
            Fault::Health(_, Some(service)) if !self.world.services.contains_key(service.as_str()) => {
                Err((service.place(), format!("there is no service `{service}` under `world.services`")))
            }
            _ => Ok(()),
        }
    }

    fn workload(&self, name: &Name) -> Result<(), ((u64, u64), String)> {
        if self.world.has_workload(name.as_str()) {
            return Ok(());
        }
        let known: Vec<&str> = self.world.workloads().map(|(name, _)| name.as_str()).collect();
        Err((name.place(), format!("there is no Deployment `{name}` under `world.deployments` (there is: {})", known.join(", "))))
    }
}

fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
