//! Every field of the format as a page, from the schema that editors use.
//!
//! The schema is built from the table of keys that reading a runbook uses, so the page
//! cannot name a key that does not exist, nor leave one out.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

/// The page, from the schema of `runbook::schema`.
pub fn markdown(schema: &Json) -> String {
    let mut page = String::from(
        "# Every field of a runbook\n\n\
         Written from the program's own table by a test; run the tests once with `PACENOTE_BLESS=1` to write it anew.\n\
         A key that is **bold** must be there. [Writing a runbook](writing-a-runbook.md) says how they go together.\n",
    );
    mapping(&mut page, "runbook", schema);
    for (name, definition) in members(schema.get("$defs")) {
        mapping(&mut page, name, definition);
    }
    page
}

fn members(json: Option<&Json>) -> impl Iterator<Item = (&String, &Json)> {
    json.and_then(Json::as_object).into_iter().flatten()
}

fn mapping(page: &mut String, name: &str, schema: &Json) {
    let _ = write!(page, "\n## {name}\n");
    if let Some(text) = schema.get("description").and_then(Json::as_str) {
        let _ = write!(page, "\n{text}\n");
    }
    let required = strings(schema.get("required"));
    let _ = write!(page, "\n| key | value | what it is for |\n|---|---|---|\n");
    for (key, property) in members(schema.get("properties")) {
        let shown = if required.contains(&key.as_str()) { format!("**`{key}`**") } else { format!("`{key}`") };
        let about = property.get("description").and_then(Json::as_str).unwrap_or_default();
        let _ = writeln!(page, "| {shown} | {} | {} |", cell(&value(property)), cell(about));
    }
    for (word, text) in [("oneOf", "Exactly one"), ("anyOf", "At least one")] {
        let alternatives = schema.get(word).and_then(Json::as_array);
        let keys: Vec<String> = alternatives
            .into_iter()
            .flatten()
            .flat_map(|one| strings(one.get("required")))
            .map(|key| format!("`{key}`"))
            .collect();
        if !keys.is_empty() {
            // Of a step's `undo` only the word `all` is an action.
            let keys = keys.join(", ").replace("`undo`", "`undo: all`");
            let _ = write!(page, "\n{text} of {keys}.\n");
        }
    }
}

fn strings(json: Option<&Json>) -> Vec<&str> {
    json.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What a value may be, in words.
fn value(schema: &Json) -> String {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{name})");
    }
    if let Some(one) = schema.get("const") {
        return format!("`{}`", word(one));
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return words.iter().map(|w| format!("`{}`", word(w))).collect::<Vec<_>>().join(", ");
    }
    if let Some(any) = schema.get("anyOf").and_then(Json::as_array) {
        return any.iter().map(value).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type") {
        Some(Json::String(kind)) => typed(kind, schema),
        // Several types: text in all but name.
        Some(Json::Array(kinds)) if kinds.len() == 2 => "expression".to_owned(),
        Some(_) => "text or number".to_owned(),
        None => "anything".to_owned(),
    }
}

fn word(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn typed(kind: &str, schema: &Json) -> String {
    match kind {
        "array" => format!("list of {}", schema.get("items").map_or_else(|| "anything".to_owned(), value)),
        "object" => match schema.get("additionalProperties") {
            Some(values @ Json::Object(_)) => format!("names, each with {}", value(values)),
            _ => "mapping".to_owned(),
        },
        "integer" => whole(schema.as_object()),
        "boolean" => "`true` or `false`".to_owned(),
        "number" => "number".to_owned(),
        _ => text(schema),
    }
}

fn whole(schema: Option<&Map<String, Json>>) -> String {
    let bound = |name: &str| schema.and_then(|s| s.get(name)).map(Json::to_string).unwrap_or_default();
    match bound("maximum").as_str() {
        "4294967295" => format!("whole number from {}", bound("minimum")),
        most => format!("whole number, {} to {most}", bound("minimum")),
    }
}

fn text(schema: &Json) -> String {
    let example = schema.get("examples").and_then(Json::as_array).and_then(|all| all.first()).map(word);
    match (schema.get("pattern").and_then(Json::as_str).unwrap_or_default(), example) {
        (pattern, Some(_)) if pattern.contains("ms)?") => "duration, like `1h30m`".to_owned(),
        (_, Some(example)) => format!("text like `{example}`"),
        ("^[a-z][a-z0-9_]*$", None) => "name".to_owned(),
        ("^[a-z][a-z0-9_-]*$", None) => "name, may have `-`".to_owned(),
        ("^[A-Za-z_][A-Za-z0-9_]*$", None) => "name of a variable".to_owned(),
        (pattern, None) if pattern.starts_with("^(https?") => "address".to_owned(),
        _ => "text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::lower::shape;

    /// `docs/reference.md` is what this module says. `PACENOTE_BLESS=1` writes it.
    #[test]
    fn the_page_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
        let current = markdown(&crate::runbook::schema::schema());
        if std::env::var_os("PACENOTE_BLESS").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == current, "run the tests once with PACENOTE_BLESS=1 and look at the difference");
    }

    #[test]
    fn every_key_of_every_mapping_is_on_it() {
        let page = markdown(&crate::runbook::schema::schema());
        for shape in shape::ALL {
            let start = page.find(&format!("\n## {}\n", shape.name)).unwrap_or_else(|| panic!("{}", shape.name));
            let section = &page[start + 4..];
            let section = &section[..section.find("\n## ").unwrap_or(section.len())];
            for key in shape.keys {
                let shown = if shape.required.contains(key) { format!("| **`{key}`** |") } else { format!("| `{key}` |") };
                assert!(section.contains(&shown), "{}.{key}", shape.name);
            }
        }
    }
}
