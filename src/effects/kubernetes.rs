//! stub
use super::{EffectPorts, context::Context};
use crate::session::intent::*;
use crate::session::message::EffectReport;
pub(super) async fn run(_i: &Intent, _r: &KubernetesRequest, c: &Context) -> EffectReport {
    c.not_begun("x")
}
pub(super) async fn prepare(_p: &EffectPorts, _r: &KubernetesRequest) -> Result<ObjectState, String> {
    Err(String::new())
}
pub(super) async fn pin(_p: &EffectPorts, _w: &Workload) -> Result<PinnedTarget, String> {
    Err(String::new())
}
