use proptest::prelude::*;

use super::markup::Markup;

/// What a browser reads in escaped text.
fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

proptest! {
    /// No data becomes markup, in text or in a quoted attribute, and none is lost.
    #[test]
    fn data_never_gets_into_markup(text in any::<String>(), attack in "(<|>|&|\"|'|`|/|script|!--| on[a-z]+=){0,12}") {
        let text = format!("{text}{attack}");
        let mut out = Markup::default();
        out.text(&text);
        let escaped = out.into_string();
        prop_assert!(!escaped.contains(['<', '>', '"', '\'', '`']));
        let plain = crate::redact::strip_controls(&text, crate::redact::Keep::NOTHING);
        prop_assert_eq!(unescape(&escaped), plain);
    }

    /// Markdown gets no HTML, no table's column and no link out of data.
    #[test]
    fn data_never_gets_into_markdown(text in any::<String>(), attack in "(<|\\||\\]\\(|`|@|://|#|\\*){0,12}") {
        let inline = super::markdown::inline(&format!("{text}{attack}"));
        prop_assert!(!inline.contains(['<', '>', '@', '\n']));
        let bare = inline.replace("\\\\", "").replace("&#64;", "").replace("&#58;", "");
        for (at, _) in bare.match_indices(['|', '`', '[', ']', '*', '#']) {
            prop_assert_eq!(bare.as_bytes()[at - 1], b'\\', "{}", inline);
        }
    }

    /// No cell is a formula, and a cell is one cell.
    #[test]
    fn no_cell_is_a_formula(begin in "[ \t\r\n]{0,3}[=+@＝-]?", text in any::<String>()) {
        let mut cell = String::new();
        super::csv::cell(&format!("{begin}{text}"), &mut cell);
        let quoted = cell.starts_with('"');
        // A doubled quote is one of the text; it must not hide what comes behind it.
        let inner = if quoted { cell[1..cell.len() - 1].replace("\"\"", "\u{1}") } else { cell.clone() };
        prop_assert!(!inner.contains('"') && (quoted || !inner.contains([',', '\n', '\r'])));
        prop_assert!(!matches!(inner.trim_start().chars().next(), Some('=' | '+' | '-' | '@' | '＝')), "{:?}", cell);
    }
}

/// The page's own script and style do not end themselves, and name nothing outside.
#[test]
fn the_template_is_sound() {
    let (style, script) = (include_str!("../../assets/report/report.css"), include_str!("../../assets/report/report.js"));
    for text in [style, script] {
        assert!(!text.contains("</") && !text.contains("<!--"));
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("));
    }
    for word in ["innerHTML", "outerHTML", "insertAdjacent", "eval", "Function(", "document.write", "fetch", "XMLHttp", "import"]
    {
        assert!(!script.contains(word), "{word}");
    }
}

#[test]
fn what_stands_in_backticks_is_code_and_stays_data() {
    for (sentence, html) in [
        ("see `pacenote verify`.", "see <code>pacenote verify</code>."),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("half a ` mark", "half a &#96; mark"),
        ("none", "none"),
    ] {
        let mut out = Markup::default();
        out.sentence(sentence);
        assert_eq!(out.into_string(), html);
    }
}
