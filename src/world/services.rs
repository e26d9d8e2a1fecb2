//! The services' own endpoints, and the webhooks that messages are sent to.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use serde_json::json;

use super::World;
use super::answer;
use super::core::{Core, Message};
use super::metrics::{Flow, flows, noise};
use super::scenario::HealthFault;

/// From this share of failing requests on, percent, a version's own health check fails.
const CRITICAL: f64 = 25.0;
/// An answer takes no longer than this, however slow its version is.
const LONGEST: Duration = Duration::from_secs(30);

/// What a health endpoint is about to answer.
struct Health {
    after: Duration,
    healthy: bool,
    version: String,
}

/// Answers a request to a host that is neither Prometheus nor the API server.
pub(super) async fn serve(world: &World, host: &str, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let path = parts.uri.path().to_owned();
        let body = answer::body(body).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        world.change(|core| {
            let message = Message { at: world.clock().now(), host: host.to_owned(), path, body };
            core.messages.push(message);
        });
        return answer::text(200, "ok");
    }
    let Some(service) = world.service_at(host) else {
        return answer::text(404, "no service of the scenario answers at this host\n");
    };
    match world.with(|core| core.faults.health(&service)) {
        Some(HealthFault::Down) => return answer::text(503, "no healthy upstream"),
        Some(HealthFault::Hang) => world.until(|core| core.faults.health(&service).is_none()).await,
        None => {}
    }
    let health = world.with(|core| health(world, core, &service));
    let Some(health) = health else {
        return answer::json(503, &json!({"status": "unhealthy"}));
    };
    tokio::time::sleep(health.after).await;
    if health.healthy {
        answer::json(200, &json!({"status": "healthy", "version": health.version}))
    } else {
        answer::json(503, &json!({"status": "unhealthy", "version": health.version}))
    }
}

/// A check is a request like any other: it reaches a version as often as its share says,
/// and takes as long as that version takes. Nothing where no pod is ready.
fn health(world: &World, core: &mut Core, service: &str) -> Option<Health> {
    core.health_checks += 1;
    let flows = flows(world.spec(), service, &core.namespace, &core.cluster);
    let reached: Vec<&Flow> = flows.iter().filter(|flow| flow.share > 0.0).collect();
    let tick = i64::try_from(core.health_checks).unwrap_or(0);
    let mut chance = (noise(core.seed, "route", tick) + 1.0) / 2.0;
    let flow = reached.iter().find(|flow| {
        chance -= flow.share;
        chance < 0.0
    });
    let flow = flow.or(reached.last()).filter(|flow| flow.ready > 0)?;
    let stretch = 1.0 + 0.15 * noise(core.seed, "latency", tick);
    // Whole milliseconds: timers know nothing finer.
    let millis = (flow.behaviour.latency.p50.0.as_secs_f64() * 1_000.0 * stretch * flow.strain).round().max(1.0);
    // Every so often it reaches a pod that does not answer any more.
    let silent = flow.silent > 0 && tick.unsigned_abs() % (flow.ready as u64) < flow.silent as u64;
    let after = if silent { LONGEST } else { Duration::from_secs_f64(millis / 1_000.0).min(LONGEST) };
    Some(Health { after, healthy: flow.behaviour.errors < CRITICAL, version: flow.version.clone() })
}
