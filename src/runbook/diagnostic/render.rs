//! Diagnostics as text with the line they point at, and as JSON.

use std::fmt::Write;

use serde_json::json;

use super::{Diagnostic, Severity, Sources};

/// The most of a line that is shown; a place further right is shown within its surroundings.
const WIDTH: usize = 120;

/// Colours of a terminal, or none.
struct Paint {
    color: bool,
}

impl Paint {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        self.paint(
            match severity {
                Severity::Error => "1;31",
                Severity::Warning => "1;33",
                Severity::Advice => "1;36",
            },
            text,
        )
    }
}

/// All diagnostics for people: `file:line:column`, the line, a mark under the place, the hint.
pub fn render_text(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let paint = Paint { color };
    let mut text = String::new();
    for diagnostic in diagnostics {
        one(&mut text, diagnostic, sources, &paint);
        text.push('\n');
    }
    text
}

/// Writing to a `String` cannot fail.
fn one(text: &mut String, diagnostic: &Diagnostic, sources: &Sources, paint: &Paint) {
    let head = format!("{}[{}]", diagnostic.severity.as_str(), diagnostic.code);
    let _ = writeln!(text, "{}: {}", paint.severity(diagnostic.severity, &head), clean(&diagnostic.message));
    let file = clean(&diagnostic.file);
    let Some(span) = diagnostic.span else {
        let _ = writeln!(text, "  {} {file}", paint.paint("34", "-->"));
        if let Some(hint) = &diagnostic.hint {
            let _ = writeln!(text, "   {} {}", paint.paint("34", "= hint:"), clean(hint));
        }
        return;
    };
    let number = span.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint.paint("34", "|");
    let _ = writeln!(text, "{margin} {} {file}:{}:{}", paint.paint("34", "-->"), span.line, span.column);
    if let Some(source) = sources.get(&diagnostic.file) {
        let shown = Excerpt::of(source, span.start, span.end);
        let _ = writeln!(text, "{margin} {bar}");
        let _ = writeln!(text, "{} {bar} {}", paint.paint("34", &number), shown.line);
        let mark = format!(
            "{}{}",
            "^".repeat(shown.width),
            diagnostic.label.as_deref().map_or(String::new(), |l| format!(" {}", clean(l)))
        );
        let _ = writeln!(text, "{margin} {bar} {}{}", " ".repeat(shown.before), paint.severity(diagnostic.severity, &mark));
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(text, "{margin} {} {}", paint.paint("34", "= hint:"), clean(hint));
    }
}

/// The line of a place, cut to what fits, and where the place is in it.
struct Excerpt {
    line: String,
    before: usize,
    width: usize,
}

impl Excerpt {
    fn of(source: &str, start: usize, end: usize) -> Self {
        let start = source.floor_char_boundary(start.min(source.len()));
        let line_start = source[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |i| start + i);
        let before = clean(&source[line_start..start]);
        let inside = clean(&source[start..source.floor_char_boundary(end.clamp(start, line_end))]);
        let after = clean(&source[source.floor_char_boundary(end.clamp(start, line_end))..line_end]);
        let lead: Vec<char> = before.chars().collect();
        // Far to the right only what is near is shown.
        let skip = if lead.len() > WIDTH / 2 { lead.len() - WIDTH / 3 } else { 0 };
        let mut line: String = if skip > 0 { "…".to_owned() } else { String::new() };
        line.extend(&lead[skip..]);
        let before_width = width(&line);
        let mut rest = format!("{inside}{after}");
        let room = WIDTH.saturating_sub(line.chars().count());
        if let Some((cut, _)) = rest.char_indices().nth(room) {
            rest.truncate(cut);
            rest.push('…');
        }
        line.push_str(&rest);
        let marked: String = inside.chars().take(room).collect();
        Self { line: line.trim_end().to_owned(), before: before_width, width: width(&marked).max(1) }
    }
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Text without what could move the cursor or turn the direction of writing.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || is_invisible(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Characters that change how text around them looks, and are not seen themselves.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// All diagnostics for programs: a list of objects whose keys are stable.
pub fn to_json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    let one = |d: &Diagnostic| {
        json!({
            "file": &*d.file,
            "line": d.span.map(|s| s.line),
            "column": d.span.map(|s| s.column),
            "start": d.span.map(|s| s.start),
            "end": d.span.map(|s| s.end),
            "severity": d.severity.as_str(),
            "code": d.code,
            "message": d.message,
            "label": d.label,
            "hint": d.hint,
        })
    };
    diagnostics.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Span;

    fn diagnostic(start: usize, end: usize) -> Diagnostic {
        Diagnostic {
            code: "unknown-key",
            severity: Severity::Error,
            message: "unknown key `titel`".to_owned(),
            file: "a.yaml".into(),
            span: Some(Span { start, end, line: 2, column: 3 }),
            label: Some("here".to_owned()),
            hint: Some("did you mean `title`?".to_owned()),
        }
    }

    #[test]
    fn the_line_and_the_place_are_shown() {
        let sources = Sources::from([("a.yaml".into(), "steps:\n  titel: é\u{1b}[31m\n".into())]);
        let text = render_text(&[diagnostic(9, 14)], &sources, false);
        let expected = "error[unknown-key]: unknown key `titel`\n  --> a.yaml:2:3\n  |\n2 |   titel: é\u{fffd}[31m\n  |   ^^^^^ here\n  = hint: did you mean `title`?\n\n";
        assert_eq!(text, expected);
        assert!(render_text(&[diagnostic(9, 14)], &sources, true).contains("\u{1b}[1;31m"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}here{}", "x".repeat(100_000), "y".repeat(100_000));
        let sources = Sources::from([("a.yaml".into(), source.as_str().into())]);
        let text = render_text(&[diagnostic(100_000, 200_004)], &sources, false);
        assert!(text.len() < 1000, "{}", text.len());
        assert!(text.contains("xhere"));
        // Places outside of the file or within a character are shown as well as they can be.
        for (start, end) in [(300_000, 300_001), (0, 0), (5, 2)] {
            assert!(!render_text(&[diagnostic(start, end)], &sources, false).is_empty());
        }
    }

    #[test]
    fn json_has_stable_keys() {
        let json = to_json(&[diagnostic(9, 14), Diagnostic::of_file("unreadable", "b.yaml", "no such file")]);
        assert_eq!(
            json.to_string(),
            r#"[{"file":"a.yaml","line":2,"column":3,"start":9,"end":14,"severity":"error","code":"unknown-key","message":"unknown key `titel`","label":"here","hint":"did you mean `title`?"},{"file":"b.yaml","line":null,"column":null,"start":null,"end":null,"severity":"error","code":"unreadable","message":"no such file","label":null,"hint":null}]"#
        );
    }
}
