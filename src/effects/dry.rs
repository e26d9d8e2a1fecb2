//! Effects of a dry run: nothing is changed, and nothing leaves the machine but reads and
//! the server's own dry runs.

use super::context::Context;
use super::kubernetes;
use crate::session::event::Outcome;
use crate::session::intent::{Intent, What};
use crate::session::message::EffectReport;

/// Whether an effect is held back: everything that can change something, and every
/// message.
pub(super) fn holds_back(intent: &Intent, context: &Context) -> bool {
    context.ports.dry_run && (intent.changes || matches!(intent.what, What::Notify(_)))
}

/// Does as much of it as changes nothing.
pub(super) async fn run(intent: &Intent, context: &Context) -> EffectReport {
    let simulated = |what: &str| context.report(Outcome::Succeeded, Some(false), format!("simulated: {what}"));
    match &intent.what {
        What::Run(_) => simulated("the command was not run"),
        What::Http(_) => simulated("the request was not sent"),
        What::Notify(request) => simulated(&format!("{} was not told", request.to)),
        What::Freeze(_) => simulated("nothing was frozen"),
        What::Kubernetes(request) => match kubernetes::prepare(&context.ports, request).await {
            // The difference says so itself where the server could not be asked.
            Ok(object) if object.diff.starts_with("# worked out here") => simulated("the server cannot say beforehand"),
            Ok(_) => {
                let message = "checked by the server: it would accept the change; nothing was changed";
                context.report(Outcome::Succeeded, Some(false), message)
            }
            Err(why) => context.not_begun(why),
        },
    }
}
