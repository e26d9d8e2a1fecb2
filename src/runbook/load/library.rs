//! The shipped runbooks and their scenarios, embedded in the program.

use super::file::{LoadError, Loader};

/// Every file below `runbooks/`, by path, sorted. A test compares this with the folder.
const FILES: &[(&str, &str)] = &[
    ("automatic-rollback.yaml", include_str!("../../../runbooks/automatic-rollback.yaml")),
    ("autoscaler.yaml", include_str!("../../../runbooks/autoscaler.yaml")),
    ("blue-green-deploy.yaml", include_str!("../../../runbooks/blue-green-deploy.yaml")),
    ("business-validation.yaml", include_str!("../../../runbooks/business-validation.yaml")),
    ("canary-deploy.yaml", include_str!("../../../runbooks/canary-deploy.yaml")),
    ("clear-cache.yaml", include_str!("../../../runbooks/clear-cache.yaml")),
    ("communication.yaml", include_str!("../../../runbooks/communication.yaml")),
    ("complete-outage.yaml", include_str!("../../../runbooks/complete-outage.yaml")),
    ("configuration-change.yaml", include_str!("../../../runbooks/configuration-change.yaml")),
    ("data-corruption.yaml", include_str!("../../../runbooks/data-corruption.yaml")),
    ("database-maintenance.yaml", include_str!("../../../runbooks/database-maintenance.yaml")),
    ("database-migration.yaml", include_str!("../../../runbooks/database-migration.yaml")),
    ("database-rollback.yaml", include_str!("../../../runbooks/database-rollback.yaml")),
    ("failed-deployment.yaml", include_str!("../../../runbooks/failed-deployment.yaml")),
    ("high-cpu.yaml", include_str!("../../../runbooks/high-cpu.yaml")),
    ("high-error-rate.yaml", include_str!("../../../runbooks/high-error-rate.yaml")),
    ("high-memory.yaml", include_str!("../../../runbooks/high-memory.yaml")),
    ("hotfix.yaml", include_str!("../../../runbooks/hotfix.yaml")),
    ("large-database-migration.yaml", include_str!("../../../runbooks/large-database-migration.yaml")),
    ("maintenance-window.yaml", include_str!("../../../runbooks/maintenance-window.yaml")),
    ("manual-rollback.yaml", include_str!("../../../runbooks/manual-rollback.yaml")),
    ("performance-validation.yaml", include_str!("../../../runbooks/performance-validation.yaml")),
    ("post-deployment-watch.yaml", include_str!("../../../runbooks/post-deployment-watch.yaml")),
    ("production-incident.yaml", include_str!("../../../runbooks/production-incident.yaml")),
    ("release-readiness.yaml", include_str!("../../../runbooks/release-readiness.yaml")),
    ("restore-backup.yaml", include_str!("../../../runbooks/restore-backup.yaml")),
    ("rolling-deploy.yaml", include_str!("../../../runbooks/rolling-deploy.yaml")),
    ("scale-out.yaml", include_str!("../../../runbooks/scale-out.yaml")),
    ("scale-up.yaml", include_str!("../../../runbooks/scale-up.yaml")),
    ("scenarios/automatic-rollback-all-good.yaml", include_str!("../../../runbooks/scenarios/automatic-rollback-all-good.yaml")),
    ("scenarios/automatic-rollback-errors.yaml", include_str!("../../../runbooks/scenarios/automatic-rollback-errors.yaml")),
    (
        "scenarios/automatic-rollback-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/automatic-rollback-health-lost.yaml"),
    ),
    ("scenarios/automatic-rollback-slow.yaml", include_str!("../../../runbooks/scenarios/automatic-rollback-slow.yaml")),
    ("scenarios/autoscaler-all-good.yaml", include_str!("../../../runbooks/scenarios/autoscaler-all-good.yaml")),
    ("scenarios/autoscaler-cannot-read.yaml", include_str!("../../../runbooks/scenarios/autoscaler-cannot-read.yaml")),
    ("scenarios/autoscaler-errors.yaml", include_str!("../../../runbooks/scenarios/autoscaler-errors.yaml")),
    ("scenarios/autoscaler-health-lost.yaml", include_str!("../../../runbooks/scenarios/autoscaler-health-lost.yaml")),
    ("scenarios/blue-green-deploy-all-good.yaml", include_str!("../../../runbooks/scenarios/blue-green-deploy-all-good.yaml")),
    (
        "scenarios/blue-green-deploy-back-to-blue.yaml",
        include_str!("../../../runbooks/scenarios/blue-green-deploy-back-to-blue.yaml"),
    ),
    ("scenarios/blue-green-deploy-bad-green.yaml", include_str!("../../../runbooks/scenarios/blue-green-deploy-bad-green.yaml")),
    (
        "scenarios/blue-green-deploy-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/blue-green-deploy-health-lost.yaml"),
    ),
    (
        "scenarios/blue-green-deploy-slow-green.yaml",
        include_str!("../../../runbooks/scenarios/blue-green-deploy-slow-green.yaml"),
    ),
    (
        "scenarios/blue-green-deploy-smoke-fails.yaml",
        include_str!("../../../runbooks/scenarios/blue-green-deploy-smoke-fails.yaml"),
    ),
    (
        "scenarios/business-validation-all-good.yaml",
        include_str!("../../../runbooks/scenarios/business-validation-all-good.yaml"),
    ),
    ("scenarios/business-validation-down.yaml", include_str!("../../../runbooks/scenarios/business-validation-down.yaml")),
    (
        "scenarios/business-validation-payment-broken.yaml",
        include_str!("../../../runbooks/scenarios/business-validation-payment-broken.yaml"),
    ),
    ("scenarios/canary-deploy-all-good.yaml", include_str!("../../../runbooks/scenarios/canary-deploy-all-good.yaml")),
    ("scenarios/canary-deploy-backed-out.yaml", include_str!("../../../runbooks/scenarios/canary-deploy-backed-out.yaml")),
    ("scenarios/canary-deploy-bad-canary.yaml", include_str!("../../../runbooks/scenarios/canary-deploy-bad-canary.yaml")),
    ("scenarios/canary-deploy-health-lost.yaml", include_str!("../../../runbooks/scenarios/canary-deploy-health-lost.yaml")),
    (
        "scenarios/canary-deploy-prometheus-gone.yaml",
        include_str!("../../../runbooks/scenarios/canary-deploy-prometheus-gone.yaml"),
    ),
    ("scenarios/canary-deploy-slow-canary.yaml", include_str!("../../../runbooks/scenarios/canary-deploy-slow-canary.yaml")),
    ("scenarios/clear-cache-all-good.yaml", include_str!("../../../runbooks/scenarios/clear-cache-all-good.yaml")),
    ("scenarios/clear-cache-stampede.yaml", include_str!("../../../runbooks/scenarios/clear-cache-stampede.yaml")),
    ("scenarios/clear-cache-too-many.yaml", include_str!("../../../runbooks/scenarios/clear-cache-too-many.yaml")),
    ("scenarios/communication-all-good.yaml", include_str!("../../../runbooks/scenarios/communication-all-good.yaml")),
    ("scenarios/communication-called-off.yaml", include_str!("../../../runbooks/scenarios/communication-called-off.yaml")),
    ("scenarios/communication-rolled-back.yaml", include_str!("../../../runbooks/scenarios/communication-rolled-back.yaml")),
    ("scenarios/complete-outage-all-good.yaml", include_str!("../../../runbooks/scenarios/complete-outage-all-good.yaml")),
    (
        "scenarios/complete-outage-database-gone.yaml",
        include_str!("../../../runbooks/scenarios/complete-outage-database-gone.yaml"),
    ),
    ("scenarios/complete-outage-false-alarm.yaml", include_str!("../../../runbooks/scenarios/complete-outage-false-alarm.yaml")),
    ("scenarios/complete-outage-one-region.yaml", include_str!("../../../runbooks/scenarios/complete-outage-one-region.yaml")),
    (
        "scenarios/complete-outage-scaled-to-zero.yaml",
        include_str!("../../../runbooks/scenarios/complete-outage-scaled-to-zero.yaml"),
    ),
    (
        "scenarios/complete-outage-still-broken.yaml",
        include_str!("../../../runbooks/scenarios/complete-outage-still-broken.yaml"),
    ),
    (
        "scenarios/configuration-change-all-good.yaml",
        include_str!("../../../runbooks/scenarios/configuration-change-all-good.yaml"),
    ),
    ("scenarios/configuration-change-errors.yaml", include_str!("../../../runbooks/scenarios/configuration-change-errors.yaml")),
    (
        "scenarios/configuration-change-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/configuration-change-health-lost.yaml"),
    ),
    (
        "scenarios/configuration-change-no-effect.yaml",
        include_str!("../../../runbooks/scenarios/configuration-change-no-effect.yaml"),
    ),
    (
        "scenarios/configuration-change-refused.yaml",
        include_str!("../../../runbooks/scenarios/configuration-change-refused.yaml"),
    ),
    ("scenarios/configuration-change-slower.yaml", include_str!("../../../runbooks/scenarios/configuration-change-slower.yaml")),
    ("scenarios/data-corruption-all-good.yaml", include_str!("../../../runbooks/scenarios/data-corruption-all-good.yaml")),
    (
        "scenarios/data-corruption-does-not-grow.yaml",
        include_str!("../../../runbooks/scenarios/data-corruption-does-not-grow.yaml"),
    ),
    (
        "scenarios/data-corruption-repair-incomplete.yaml",
        include_str!("../../../runbooks/scenarios/data-corruption-repair-incomplete.yaml"),
    ),
    ("scenarios/data-corruption-restored.yaml", include_str!("../../../runbooks/scenarios/data-corruption-restored.yaml")),
    (
        "scenarios/database-maintenance-all-good.yaml",
        include_str!("../../../runbooks/scenarios/database-maintenance-all-good.yaml"),
    ),
    (
        "scenarios/database-maintenance-old-transaction.yaml",
        include_str!("../../../runbooks/scenarios/database-maintenance-old-transaction.yaml"),
    ),
    (
        "scenarios/database-maintenance-users-suffer.yaml",
        include_str!("../../../runbooks/scenarios/database-maintenance-users-suffer.yaml"),
    ),
    ("scenarios/database-migration-all-good.yaml", include_str!("../../../runbooks/scenarios/database-migration-all-good.yaml")),
    (
        "scenarios/database-migration-backed-out.yaml",
        include_str!("../../../runbooks/scenarios/database-migration-backed-out.yaml"),
    ),
    (
        "scenarios/database-migration-contract-later.yaml",
        include_str!("../../../runbooks/scenarios/database-migration-contract-later.yaml"),
    ),
    ("scenarios/database-migration-errors.yaml", include_str!("../../../runbooks/scenarios/database-migration-errors.yaml")),
    (
        "scenarios/database-migration-forms-differ.yaml",
        include_str!("../../../runbooks/scenarios/database-migration-forms-differ.yaml"),
    ),
    (
        "scenarios/database-migration-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/database-migration-health-lost.yaml"),
    ),
    (
        "scenarios/database-migration-new-version-slow.yaml",
        include_str!("../../../runbooks/scenarios/database-migration-new-version-slow.yaml"),
    ),
    ("scenarios/database-rollback-all-good.yaml", include_str!("../../../runbooks/scenarios/database-rollback-all-good.yaml")),
    (
        "scenarios/database-rollback-data-damaged.yaml",
        include_str!("../../../runbooks/scenarios/database-rollback-data-damaged.yaml"),
    ),
    (
        "scenarios/database-rollback-too-much-to-lose.yaml",
        include_str!("../../../runbooks/scenarios/database-rollback-too-much-to-lose.yaml"),
    ),
    ("scenarios/failed-deployment-all-good.yaml", include_str!("../../../runbooks/scenarios/failed-deployment-all-good.yaml")),
    (
        "scenarios/failed-deployment-repair-fails.yaml",
        include_str!("../../../runbooks/scenarios/failed-deployment-repair-fails.yaml"),
    ),
    ("scenarios/failed-deployment-repaired.yaml", include_str!("../../../runbooks/scenarios/failed-deployment-repaired.yaml")),
    ("scenarios/high-cpu-all-good.yaml", include_str!("../../../runbooks/scenarios/high-cpu-all-good.yaml")),
    ("scenarios/high-cpu-cached.yaml", include_str!("../../../runbooks/scenarios/high-cpu-cached.yaml")),
    ("scenarios/high-cpu-deploy.yaml", include_str!("../../../runbooks/scenarios/high-cpu-deploy.yaml")),
    ("scenarios/high-cpu-expensive-version.yaml", include_str!("../../../runbooks/scenarios/high-cpu-expensive-version.yaml")),
    ("scenarios/high-cpu-unknown.yaml", include_str!("../../../runbooks/scenarios/high-cpu-unknown.yaml")),
    ("scenarios/high-error-rate-all-good.yaml", include_str!("../../../runbooks/scenarios/high-error-rate-all-good.yaml")),
    (
        "scenarios/high-error-rate-provider-down.yaml",
        include_str!("../../../runbooks/scenarios/high-error-rate-provider-down.yaml"),
    ),
    ("scenarios/high-error-rate-unknown.yaml", include_str!("../../../runbooks/scenarios/high-error-rate-unknown.yaml")),
    ("scenarios/high-error-rate-wrong-guess.yaml", include_str!("../../../runbooks/scenarios/high-error-rate-wrong-guess.yaml")),
    ("scenarios/high-memory-all-good.yaml", include_str!("../../../runbooks/scenarios/high-memory-all-good.yaml")),
    ("scenarios/high-memory-cache.yaml", include_str!("../../../runbooks/scenarios/high-memory-cache.yaml")),
    (
        "scenarios/high-memory-limits-too-small.yaml",
        include_str!("../../../runbooks/scenarios/high-memory-limits-too-small.yaml"),
    ),
    (
        "scenarios/high-memory-restart-does-not-help.yaml",
        include_str!("../../../runbooks/scenarios/high-memory-restart-does-not-help.yaml"),
    ),
    ("scenarios/high-memory-unknown.yaml", include_str!("../../../runbooks/scenarios/high-memory-unknown.yaml")),
    ("scenarios/hotfix-all-good.yaml", include_str!("../../../runbooks/scenarios/hotfix-all-good.yaml")),
    ("scenarios/hotfix-does-not-fix.yaml", include_str!("../../../runbooks/scenarios/hotfix-does-not-fix.yaml")),
    ("scenarios/hotfix-health-lost.yaml", include_str!("../../../runbooks/scenarios/hotfix-health-lost.yaml")),
    ("scenarios/hotfix-makes-it-worse.yaml", include_str!("../../../runbooks/scenarios/hotfix-makes-it-worse.yaml")),
    (
        "scenarios/large-database-migration-all-good.yaml",
        include_str!("../../../runbooks/scenarios/large-database-migration-all-good.yaml"),
    ),
    (
        "scenarios/large-database-migration-checksum-differs.yaml",
        include_str!("../../../runbooks/scenarios/large-database-migration-checksum-differs.yaml"),
    ),
    (
        "scenarios/large-database-migration-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/large-database-migration-health-lost.yaml"),
    ),
    (
        "scenarios/large-database-migration-users-suffer.yaml",
        include_str!("../../../runbooks/scenarios/large-database-migration-users-suffer.yaml"),
    ),
    ("scenarios/maintenance-window-all-good.yaml", include_str!("../../../runbooks/scenarios/maintenance-window-all-good.yaml")),
    ("scenarios/maintenance-window-not-done.yaml", include_str!("../../../runbooks/scenarios/maintenance-window-not-done.yaml")),
    (
        "scenarios/maintenance-window-smoke-fails.yaml",
        include_str!("../../../runbooks/scenarios/maintenance-window-smoke-fails.yaml"),
    ),
    ("scenarios/manual-rollback-all-good.yaml", include_str!("../../../runbooks/scenarios/manual-rollback-all-good.yaml")),
    (
        "scenarios/manual-rollback-database-first.yaml",
        include_str!("../../../runbooks/scenarios/manual-rollback-database-first.yaml"),
    ),
    (
        "scenarios/manual-rollback-old-is-bad-too.yaml",
        include_str!("../../../runbooks/scenarios/manual-rollback-old-is-bad-too.yaml"),
    ),
    ("scenarios/manual-rollback-stopped.yaml", include_str!("../../../runbooks/scenarios/manual-rollback-stopped.yaml")),
    (
        "scenarios/performance-validation-all-good.yaml",
        include_str!("../../../runbooks/scenarios/performance-validation-all-good.yaml"),
    ),
    (
        "scenarios/performance-validation-too-slow.yaml",
        include_str!("../../../runbooks/scenarios/performance-validation-too-slow.yaml"),
    ),
    (
        "scenarios/post-deployment-watch-all-good.yaml",
        include_str!("../../../runbooks/scenarios/post-deployment-watch-all-good.yaml"),
    ),
    (
        "scenarios/post-deployment-watch-health-lost.yaml",
        include_str!("../../../runbooks/scenarios/post-deployment-watch-health-lost.yaml"),
    ),
    (
        "scenarios/post-deployment-watch-late-crash.yaml",
        include_str!("../../../runbooks/scenarios/post-deployment-watch-late-crash.yaml"),
    ),
    ("scenarios/post-deployment-watch-slow.yaml", include_str!("../../../runbooks/scenarios/post-deployment-watch-slow.yaml")),
    (
        "scenarios/production-incident-all-good.yaml",
        include_str!("../../../runbooks/scenarios/production-incident-all-good.yaml"),
    ),
    (
        "scenarios/production-incident-nobody-knows.yaml",
        include_str!("../../../runbooks/scenarios/production-incident-nobody-knows.yaml"),
    ),
    (
        "scenarios/production-incident-not-the-deploy.yaml",
        include_str!("../../../runbooks/scenarios/production-incident-not-the-deploy.yaml"),
    ),
    (
        "scenarios/production-incident-stays-frozen.yaml",
        include_str!("../../../runbooks/scenarios/production-incident-stays-frozen.yaml"),
    ),
    ("scenarios/release-readiness-all-good.yaml", include_str!("../../../runbooks/scenarios/release-readiness-all-good.yaml")),
    (
        "scenarios/release-readiness-staging-fails.yaml",
        include_str!("../../../runbooks/scenarios/release-readiness-staging-fails.yaml"),
    ),
    ("scenarios/restore-backup-all-good.yaml", include_str!("../../../runbooks/scenarios/restore-backup-all-good.yaml")),
    (
        "scenarios/restore-backup-backup-broken.yaml",
        include_str!("../../../runbooks/scenarios/restore-backup-backup-broken.yaml"),
    ),
    ("scenarios/restore-backup-not-this-one.yaml", include_str!("../../../runbooks/scenarios/restore-backup-not-this-one.yaml")),
    ("scenarios/restore-backup-not-whole.yaml", include_str!("../../../runbooks/scenarios/restore-backup-not-whole.yaml")),
    ("scenarios/rolling-deploy-all-good.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-all-good.yaml")),
    ("scenarios/rolling-deploy-bad-version.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-bad-version.yaml")),
    ("scenarios/rolling-deploy-crash-loop.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-crash-loop.yaml")),
    ("scenarios/rolling-deploy-disk-full.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-disk-full.yaml")),
    ("scenarios/rolling-deploy-health-lost.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-health-lost.yaml")),
    ("scenarios/rolling-deploy-slow.yaml", include_str!("../../../runbooks/scenarios/rolling-deploy-slow.yaml")),
    ("scenarios/scale-out-all-good.yaml", include_str!("../../../runbooks/scenarios/scale-out-all-good.yaml")),
    ("scenarios/scale-out-errors.yaml", include_str!("../../../runbooks/scenarios/scale-out-errors.yaml")),
    ("scenarios/scale-out-health-lost.yaml", include_str!("../../../runbooks/scenarios/scale-out-health-lost.yaml")),
    ("scenarios/scale-out-not-the-cause.yaml", include_str!("../../../runbooks/scenarios/scale-out-not-the-cause.yaml")),
    ("scenarios/scale-up-all-good.yaml", include_str!("../../../runbooks/scenarios/scale-up-all-good.yaml")),
    ("scenarios/scale-up-errors.yaml", include_str!("../../../runbooks/scenarios/scale-up-errors.yaml")),
    ("scenarios/scale-up-health-lost.yaml", include_str!("../../../runbooks/scenarios/scale-up-health-lost.yaml")),
    ("scenarios/scale-up-no-better.yaml", include_str!("../../../runbooks/scenarios/scale-up-no-better.yaml")),
    ("scenarios/secret-rotation-all-good.yaml", include_str!("../../../runbooks/scenarios/secret-rotation-all-good.yaml")),
    (
        "scenarios/secret-rotation-back-to-the-old.yaml",
        include_str!("../../../runbooks/scenarios/secret-rotation-back-to-the-old.yaml"),
    ),
    ("scenarios/secret-rotation-health-lost.yaml", include_str!("../../../runbooks/scenarios/secret-rotation-health-lost.yaml")),
    ("scenarios/secret-rotation-refused.yaml", include_str!("../../../runbooks/scenarios/secret-rotation-refused.yaml")),
    ("scenarios/secret-rotation-still-used.yaml", include_str!("../../../runbooks/scenarios/secret-rotation-still-used.yaml")),
    ("scenarios/slow-performance-all-good.yaml", include_str!("../../../runbooks/scenarios/slow-performance-all-good.yaml")),
    ("scenarios/slow-performance-degraded.yaml", include_str!("../../../runbooks/scenarios/slow-performance-degraded.yaml")),
    ("scenarios/slow-performance-more-pods.yaml", include_str!("../../../runbooks/scenarios/slow-performance-more-pods.yaml")),
    (
        "scenarios/slow-performance-query-is-not-it.yaml",
        include_str!("../../../runbooks/scenarios/slow-performance-query-is-not-it.yaml"),
    ),
    ("scenarios/slow-performance-unknown.yaml", include_str!("../../../runbooks/scenarios/slow-performance-unknown.yaml")),
    ("scenarios/staged-deploy-all-good.yaml", include_str!("../../../runbooks/scenarios/staged-deploy-all-good.yaml")),
    (
        "scenarios/staged-deploy-errors-after-deploy.yaml",
        include_str!("../../../runbooks/scenarios/staged-deploy-errors-after-deploy.yaml"),
    ),
    ("scenarios/staged-deploy-exhausted.yaml", include_str!("../../../runbooks/scenarios/staged-deploy-exhausted.yaml")),
    ("scenarios/staged-deploy-health-lost.yaml", include_str!("../../../runbooks/scenarios/staged-deploy-health-lost.yaml")),
    (
        "scenarios/staged-deploy-migration-fails.yaml",
        include_str!("../../../runbooks/scenarios/staged-deploy-migration-fails.yaml"),
    ),
    ("scenarios/staged-deploy-slow.yaml", include_str!("../../../runbooks/scenarios/staged-deploy-slow.yaml")),
    ("scenarios/staged-deploy-smoke-fails.yaml", include_str!("../../../runbooks/scenarios/staged-deploy-smoke-fails.yaml")),
    ("secret-rotation.yaml", include_str!("../../../runbooks/secret-rotation.yaml")),
    ("slow-performance.yaml", include_str!("../../../runbooks/slow-performance.yaml")),
    ("staged-deploy.yaml", include_str!("../../../runbooks/staged-deploy.yaml")),
];

/// The shipped files, as path below `runbooks/` and text, sorted by path: runbooks
/// (`canary-deploy.yaml`) and scenarios (`scenarios/bad-canary.yaml`).
pub fn library() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The shipped library as a place to load from.
#[derive(Debug, Clone, Copy)]
pub struct Library;

impl Loader for Library {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let found = FILES.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or(LoadError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The table holds exactly what is in the folder; who adds a file adds a line.
    #[test]
    fn the_table_is_the_folder() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let mut found = Vec::new();
        for folder in ["", "scenarios"] {
            let Ok(entries) = std::fs::read_dir(base.join(folder)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|e| e == "yaml") {
                    let name = path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned();
                    found.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        found.sort();
        let listed: Vec<_> = library().iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
        assert_eq!(
            listed.iter().map(|f| &f.0).collect::<Vec<_>>(),
            found.iter().map(|f| &f.0).collect::<Vec<_>>(),
            "add what is missing to FILES in src/runbook/load/library.rs"
        );
        assert!(listed == found);
    }
}
