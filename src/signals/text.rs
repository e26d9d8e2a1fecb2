//! Text from outside, made fit for one line.

/// Longer text is cut.
const LIMIT: usize = 300;

/// The text on one line, without control characters, cut where it is long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LIMIT {
            line.truncate(line.floor_char_boundary(LIMIT));
            line.push('…');
            break;
        }
    }
    line
}

/// An error with its causes, each said once.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_fits_on_a_line() {
        assert_eq!(one_line(" a\n\tb\u{1b}[2Jc\r\n"), "a b [2Jc");
        assert_eq!(one_line(""), "");
        assert_eq!(one_line(&"ä".repeat(400)).chars().count(), 151);
    }
}
