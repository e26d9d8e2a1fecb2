//! `freeze` and `unfreeze`: stopping new sessions on an environment, and allowing them.

use chrono::Utc;

use super::args::{FreezeArgs, UnfreezeArgs, WalkArgs};
use super::console::Console;
use super::{Basis, demands, facts, walk};
use crate::app::entry::Neighbourhood;
use crate::coordination::{Freeze, Freezes};
use crate::error::{Exit, Problem};
use crate::session::Plan;

/// `freeze`.
pub(super) fn freeze(console: &mut Console, basis: &Basis, arguments: &FreezeArgs) -> Result<Exit, Problem> {
    let freeze = Freeze {
        environment: arguments.environment.clone(),
        reason: arguments.reason.clone(),
        by: facts::operator(&basis.config).principal,
        at: Utc::now(),
        session: None,
    };
    let told = walk::runtime()?.block_on(async {
        let freezes = freezes(basis, &arguments.environment, arguments.runbook.as_deref(), arguments.trust).await?;
        freezes.set(&freeze).await.map(|()| freezes.has_cluster()).map_err(|why| {
            Problem::failed(format!("{} could not be frozen everywhere: {why}", freeze.environment))
                .hint("running sessions on this machine see it all the same, if it was set here; say it again for the rest")
        })
    })?;
    console.line(&freeze)?;
    console.line(where_it_holds(told))?;
    Ok(Exit::Done)
}

/// `unfreeze`.
pub(super) fn unfreeze(console: &mut Console, basis: &Basis, arguments: &UnfreezeArgs) -> Result<Exit, Problem> {
    let environment = &arguments.environment;
    let (lifted, told) = walk::runtime()?.block_on(async {
        let freezes = freezes(basis, environment, arguments.runbook.as_deref(), arguments.trust).await?;
        let lifted = freezes.lift(environment).await.map_err(|why| {
            Problem::failed(format!("the freeze of {environment} could not be lifted everywhere: {why}"))
                .hint("it still holds where it was not lifted; say it again")
        })?;
        Ok::<_, Problem>((lifted, freezes.has_cluster()))
    })?;
    if !lifted {
        let place = if told { "neither here nor in the cluster" } else { "not on this machine" };
        return Err(Problem::failed(format!("{environment} is not frozen: {place}"))
            .hint("name a runbook with --runbook FILE to look in its cluster as well"));
    }
    console.line(format!("{environment} is not frozen any more"))?;
    console.line(where_it_holds(told))?;
    Ok(Exit::Done)
}

fn where_it_holds(told: bool) -> &'static str {
    if told {
        "On this machine and in the environment's cluster."
    } else {
        "On this machine only: with --runbook FILE the environment's cluster is told too, and everyone who works with it."
    }
}

/// Where a freeze is kept: here, and in the cluster of a runbook's environment.
async fn freezes(basis: &Basis, environment: &str, runbook: Option<&str>, trust: bool) -> Result<Freezes, Problem> {
    let state = basis.state()?;
    let cluster = match runbook {
        None => None,
        Some(file) => {
            let bundle = walk::loaded(file)?;
            let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), Some(environment)).map_err(Problem::usage)?;
            // Connecting may run what the kubeconfig names, so it is accepted first.
            walk::accept(basis, &state, &bundle, trust, &WalkArgs::default())?;
            let cluster = walk::connect(basis, &plan, "freeze", true).await?;
            if cluster.is_none() {
                return Err(Problem::usage(format!("{environment} has no cluster in {file}")).hint("leave --runbook out"));
            }
            cluster
        }
    };
    Ok(Neighbourhood { state, cluster, http: demands::door(basis), trust: Default::default() }.freezes())
}
