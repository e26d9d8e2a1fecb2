//! Arguments as a POSIX shell would need them: what reads as one word is one argument.
//!
//! The one place for it: what an operator starts, an approver signs and a report tells
//! must not read as another command than the one that runs.

/// A command, each argument quoted where it needs it.
pub fn quoted(argv: &[String]) -> String {
    argv.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" ")
}

/// One argument, quoted where it needs it. Always one line: control characters are
/// escaped in `$'...'` (POSIX.1-2024, 2.2.4).
pub fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else if arg.chars().any(char::is_control) {
        format!("$'{}'", arg.chars().map(escaped).collect::<String>())
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

fn escaped(c: char) -> String {
    match c {
        '\'' => r"\'".to_owned(),
        '\\' => r"\\".to_owned(),
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\r' => r"\r".to_owned(),
        c if c.is_control() => {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\{byte:03o}")).collect()
        }
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted(&["echo".into(), "a b".into(), "it's".into(), String::new()]), r"echo 'a b' 'it'\''s' ''");
        assert_eq!(quote("two\nlines\u{1b}'"), r"$'two\nlines\033\''");
    }

    /// What a shell makes of it is what was quoted.
    #[test]
    fn a_shell_reads_each_argument_back() {
        for arg in ["plain", "a b", "it's", "", "$HOME `x` \"y\" \\ ;|&*", "-rf", "é ü"] {
            let script = format!("printf %s {}", quote(arg));
            let done = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(done.stdout).unwrap(), arg);
        }
    }
}
