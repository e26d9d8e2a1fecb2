//! Freezing an environment.

use chrono::Utc;

use super::context::{Context, Stage};
use crate::coordination::Freeze;
use crate::session::event::Outcome;
use crate::session::intent::{FreezeRequest, Intent};
use crate::session::message::EffectReport;

/// Sets the freeze where others see it. Setting it twice is setting it once.
pub(super) async fn run(_intent: &Intent, request: &FreezeRequest, context: &Context) -> EffectReport {
    let Some(freezes) = &context.ports.freezes else {
        return context.report(Outcome::Succeeded, Some(true), "simulated: nothing real was frozen");
    };
    let freeze = Freeze {
        environment: request.environment.clone(),
        reason: request.reason.clone(),
        by: request.by.clone(),
        at: Utc::now(),
        session: Some(context.ports.sid.clone()),
    };
    context.note(|known| known.stage = Stage::Sent);
    match freezes.set(&freeze).await {
        Ok(()) => {
            let place = if freezes.has_cluster() { "on this machine and in the cluster" } else { "on this machine" };
            let message = format!("{} is frozen {place}; `pacenote unfreeze {0}` lifts it", freeze.environment);
            context.report(Outcome::Succeeded, Some(true), message)
        }
        // It may be set here and not there.
        Err(why) => context.report(Outcome::Failed, Some(true), why),
    }
}
