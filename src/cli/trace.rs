//! `--log`: a trace of what the program does, into a file and never onto the screen.
//!
//! A level (`debug`) writes to `log/pacenote.log` in the state folder; a path writes to
//! that file, everything from `debug` up. The file is made for its owner alone. A trace
//! holds no secrets, because texts from outside are redacted before they get that far;
//! it is an aid for finding faults and no record.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;

use crate::error::Problem;

/// Where the trace goes, and from which level.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    path: PathBuf,
    level: LevelFilter,
}

/// What `--log` means.
fn target(argument: &str, state_dir: &Path) -> Result<Target, Problem> {
    match argument.to_ascii_lowercase().parse::<LevelFilter>() {
        // `LevelFilter` also takes numbers, which here are more likely file names.
        Ok(level) if !argument.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Target { path: state_dir.join("log").join("pacenote.log"), level })
        }
        _ if argument.contains(['/', '.']) => Ok(Target { path: argument.into(), level: LevelFilter::DEBUG }),
        _ => Err(Problem::usage(format!("`--log {argument}` is neither a level nor a file"))
            .hint("levels are error, warn, info, debug and trace; write a file in this folder as ./NAME")),
    }
}

/// Begins the trace.
///
/// # Errors
/// When the argument is neither a level nor a file, and when the file cannot be opened:
/// someone who asked for a trace should not find out afterwards that there is none.
pub fn begin(argument: &str, state_dir: &Path) -> Result<(), Problem> {
    let target = target(argument, state_dir)?;
    let file = open(&target.path).map_err(|e| {
        Problem::cannot_start(format!("the trace cannot be written: {e}"))
            .at(target.path.display())
            .hint("give `--log` another file")
    })?;
    let subscriber =
        tracing_subscriber::fmt().with_max_level(target.level).with_ansi(false).with_writer(Mutex::new(file)).finish();
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|e| Problem::cannot_start(format!("the trace cannot begin: {e}")))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "begin");
    Ok(())
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(nofollow).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn levels_go_to_the_state_folder_and_paths_where_they_say() {
        let state = Path::new("/state");
        for (argument, path, level) in [
            ("debug", "/state/log/pacenote.log", LevelFilter::DEBUG),
            ("WARN", "/state/log/pacenote.log", LevelFilter::WARN),
            ("./trace", "./trace", LevelFilter::DEBUG),
            ("x.log", "x.log", LevelFilter::DEBUG),
        ] {
            assert_eq!(target(argument, state), Ok(Target { path: path.into(), level }), "{argument}");
        }
        for wrong in ["verbose", "3", ""] {
            assert_eq!(target(wrong, state).unwrap_err().exit().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn the_file_is_its_owners_alone_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/pacenote.log");
        open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open(&link).is_err());
    }
}
