//! Text from outside, made fit for a screen and a record.

use std::time::Duration;

/// One line without escape sequences, control, bidirectional and zero-width characters.
/// Of a line that was overwritten with carriage returns, what was there last.
pub fn clean_line(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let last = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    without_escapes(last, |c| if c == '\t' { Some(' ') } else { None })
}

/// Several lines, cleaned; newlines and tabs stay.
pub fn clean_text(text: &str) -> String {
    without_escapes(&text.replace("\r\n", "\n"), |c| matches!(c, '\n' | '\t').then_some(c))
}

/// At most so many characters, with a mark where something was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

/// `10m`, `1m30s`, `250ms`: as the format writes durations.
pub(super) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 || !ms.is_multiple_of(1000) {
        return format!("{ms}ms");
    }
    let seconds = ms / 1000;
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

fn without_escapes(text: &str, keep: impl Fn(char) -> Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            c if is_invisible(c) => out.extend(keep(c)),
            c => out.push(c),
        }
    }
    out
}

/// ECMA-48: after ESC, `[` opens a control sequence, `]`, `P`, `X`, `^`, `_` a string that
/// ends with BEL or ESC `\`; anything else is one character with intermediates before it.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_invisible_characters_go() {
        let cases = [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Btext", "text"),
            ("a\u{202e}b\u{200b}c", "abc"),
            ("\u{9b}2Jtext", "text"),
            ("10 %\r50 %\r100 %\r\n", "100 %"),
            ("tab\there", "tab here"),
            ("bell\u{7}", "bell"),
        ];
        for (raw, clean) in cases {
            assert_eq!(clean_line(raw), clean, "{raw:?}");
        }
        assert_eq!(clean_text("a\tb\r\nc\u{1b}[K\n"), "a\tb\nc\n");
    }

    #[test]
    fn durations_read_as_written() {
        for (ms, text) in [(250, "250ms"), (90_000, "1m30s"), (600_000, "10m"), (3_601_000, "1h1s"), (0, "0ms")] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }
}
