//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Before anything else: the supervisor of a command outlives this program's terminal
    // and wants none of what commands for people need.
    if arguments.next().is_some_and(|first| first == "supervise")
        && let Some(folder) = arguments.next()
    {
        return pacenote::supervise::main(folder.as_ref());
    }
    pacenote::cli::run(std::env::args_os()).into()
}
