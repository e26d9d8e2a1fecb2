//! What a block of shell really holds.
//!
//! People write lists of checks, and words that stand for a command, into blocks marked as
//! shell; and they write a whole procedure into one block, a comment above each part. A
//! runbook is walked one step at a time, so such a block is taken apart, but only where no
//! part can depend on what an earlier one left behind in the shell.

use super::read::Shell;

/// A part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The comment above it.
    pub(super) title: Option<String>,
    pub(super) holds: Holds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// Lines with a tick before them.
    Checks(Vec<String>),
    /// Words in brackets where a command should be, to be done by hand.
    Words(String),
    Script(Shell),
}

/// Ticks and boxes, filled or not.
const TICKS: [char; 9] = ['✅', '☑', '✔', '✓', '☐', '□', '❏', '🔲', '⬜'];

/// The parts of a block, in order; one at least.
pub(super) fn parts(shell: &Shell) -> Vec<Part> {
    let title = comment(&shell.script);
    let lines: Vec<&str> = shell.script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    if !lines.is_empty() && lines.iter().all(|line| line.starts_with(TICKS)) {
        let text = |line: &&str| line.trim_start_matches(|c| TICKS.contains(&c) || matches!(c, ' ' | '\u{fe0f}')).to_owned();
        let checks: Vec<String> = lines.iter().map(text).filter(|text| !text.is_empty()).collect();
        if !checks.is_empty() {
            return vec![Part { title, holds: Holds::Checks(checks) }];
        }
    }
    if !lines.is_empty() && lines.iter().all(|line| is_words(line)) {
        return vec![Part { title, holds: Holds::Words(shell.script.clone()) }];
    }
    let paragraphs = paragraphs(&shell.script);
    if paragraphs.len() > 1 && paragraphs.iter().all(|paragraph| stands_alone(paragraph)) {
        let part = |text: String| Part { title: comment(&text), holds: Holds::Script(Shell { script: text, ..shell.clone() }) };
        return paragraphs.into_iter().map(part).collect();
    }
    vec![Part { title, holds: Holds::Script(shell.clone()) }]
}

/// The comment that a script begins with.
fn comment(script: &str) -> Option<String> {
    let said = script.lines().next()?.strip_prefix('#')?.trim_matches(['#', ' ', '!']);
    (said.len() > 2 && !said.starts_with('/')).then(|| said.to_owned())
}

/// `[Command to run migrations]`: no command.
fn is_words(line: &str) -> bool {
    line.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|words| words.starts_with(|c: char| c.is_ascii_uppercase()) && words.contains(' '))
}

/// What stands between empty lines.
fn paragraphs(script: &str) -> Vec<String> {
    let lines: Vec<&str> = script.lines().collect();
    lines.split(|line| line.trim().is_empty()).filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect()
}

/// Whether it does the same in a shell of its own, and says what it does.
fn stands_alone(paragraph: &str) -> bool {
    let commands: Vec<&str> = paragraph.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let even = |quote: char| paragraph.matches(quote).count().is_multiple_of(2);
    let words = || commands.iter().flat_map(|line| line.split([' ', '\t', ';']));
    let opened = words().filter(|word| matches!(*word, "if" | "for" | "while" | "until" | "case" | "{" | "(")).count();
    let closed = words().filter(|word| matches!(*word, "fi" | "done" | "esac" | "}" | ")")).count();
    comment(paragraph).is_some()
        && !commands.is_empty()
        && even('"')
        && even('\'')
        && even('`')
        && opened == closed
        && !paragraph.contains("<<")
        && !commands.iter().any(|line| leaves_something(line) || line.ends_with(['\\', '&', '|']))
}

/// A line after which the shell is not what it was: a variable, a folder, an option, a function.
fn leaves_something(line: &str) -> bool {
    let first = line.split([' ', '\t', ';']).next().unwrap_or_default();
    let assigns = first.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    });
    assigns
        || first.ends_with("()")
        || line.contains("() {")
        || matches!(
            first,
            "cd" | "pushd"
                | "popd"
                | "set"
                | "export"
                | "declare"
                | "local"
                | "readonly"
                | "read"
                | "source"
                | "."
                | "trap"
                | "alias"
                | "function"
                | "eval"
                | "exec"
                | "umask"
                | "shopt"
                | "unset"
                | "exit"
                | "return"
                | "ssh"
                | "sudo"
                | "su"
        ) && !(first == "sudo" && line.split(' ').nth(1).is_some_and(|next| !next.starts_with('-') && next != "su"))
}

/// The first line that goes on until somebody stops it.
pub(super) fn endless(script: &str) -> Option<&str> {
    script.lines().map(str::trim).filter(|line| !line.starts_with('#')).find(|line| {
        let words: Vec<&str> = line.split([' ', '\t']).collect();
        let follows = words.iter().any(|word| matches!(*word, "-f" | "--follow" | "-F"));
        words.first() == Some(&"watch")
            || line.starts_with("while true")
            || line.starts_with("while :")
            || follows && words.iter().any(|word| matches!(*word, "logs" | "tail" | "journalctl"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> Vec<Part> {
        parts(&Shell { script: script.to_owned(), shell: None, line: 1 })
    }

    #[test]
    fn ticks_are_checks_and_brackets_are_words() {
        let checks = of("# Before\n✅ Tests pass\n\n☑️ Told people");
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].title.as_deref(), Some("Before"));
        assert_eq!(checks[0].holds, Holds::Checks(vec!["Tests pass".to_owned(), "Told people".to_owned()]));
        assert!(matches!(of("[Command to run migrations]")[0].holds, Holds::Words(_)));
        for script in ["[ -f x ]", "[[ -f x ]]", "✅ a\nls", "# ✅", "", "✅"] {
            assert!(matches!(of(script)[0].holds, Holds::Script(_)), "{script}");
        }
    }

    #[test]
    fn a_block_is_taken_apart_only_where_nothing_is_left_behind() {
        let titles = |script: &str| of(script).into_iter().map(|p| p.title.unwrap_or_default()).collect::<Vec<_>>();
        assert_eq!(titles("# One\nls\n# more\n\n\n# Two\nfor i in 1 2; do\n  ls\ndone | sort"), ["One", "Two"]);
        assert_eq!(titles("# One\nsudo apt update\n\n# Two\nls"), ["One", "Two"]);
        let together = [
            "# One\nX=1\n\n# Two\nls $X",
            "# One\nexport X\n\n# Two\nls",
            "# One\ncd x\n\n# Two\nls",
            "ls\n\n# Two\nls",
            "# One\nfor i in 1; do\n\n# Two\ndone",
            "# One\necho \"a\n\n# Two\nb\"",
            "# One\ncat <<E\n\n# Two\nE",
            "# One\nls \\\n\n# Two\nls",
            "# One\nserver &\n\n# Two\nls",
            "# One\n\n# Two\nls",
            "# One\nf() {\n\n# Two\n}",
            "# One\nsudo -i\n\n# Two\nls",
            "# One\nset -e\n\n# Two\nls",
        ];
        for script in together {
            assert_eq!(of(script).len(), 1, "{script}");
        }
    }

    #[test]
    fn what_does_not_end_is_found() {
        for script in [
            "watch kubectl get pods",
            "ls\nkubectl logs -f x",
            "tail -f x",
            "while true; do ls; done",
            "docker compose logs --follow",
        ] {
            assert!(endless(script).is_some(), "{script}");
        }
        for script in ["kubectl apply -f x", "# watch it", "kubectl logs x", "watchman", "while read x; do ls; done"] {
            assert!(endless(script).is_none(), "{script}");
        }
    }
}
