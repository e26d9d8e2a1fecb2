//! Text as YAML that reads back as the same text.

/// Takes out what a runbook must not hold: control characters and those that change how
/// text around them looks. Line ends become `\n`.
pub(super) fn clean(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || crate::runbook::diagnostic::is_invisible(*c)))
        .collect()
}

/// Text on one line: as it stands where that is safe, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let safe = words.starts_with(|c: char| c.is_ascii_uppercase())
        && words.chars().all(|c| c.is_ascii_alphanumeric() || " ()/_+%;.'-".contains(c))
        && !matches!(words.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if safe { words } else { quoted(&words) }
}

/// Text in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text of several lines as the value of a key that stands at a depth of so many spaces.
pub(super) fn block(text: &str, indent: usize) -> String {
    let text = text.trim_end();
    // A block whose first line is indented would need to say by how much.
    if text.starts_with([' ', '\t', '\n']) || text.is_empty() {
        return quoted(text);
    }
    let pad = " ".repeat(indent + 2);
    let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("\n{pad}{line}") });
    format!("|{}", lines.collect::<String>())
}
