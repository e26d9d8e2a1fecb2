//! `docs/reference.md`: every field of both formats, written from the schemas, which are
//! built from what reads the files. So the page cannot name a key that does not exist,
//! leave one out, or give a default or an example that is not one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pacenote::app::headless;
use pacenote::runbook::load;
use pacenote::world::Scenario;
use serde_json::{Map, Value as Json, json};

use crate::check::read;

const RUNBOOK: &str = "tests/fixtures/runbooks/valid/every-field.yaml";
const SCENARIO: &str = "tests/fixtures/scenarios/every-field.yaml";

/// Examples by section and key.
type Examples = BTreeMap<(String, String), Json>;

/// One of the two formats.
struct Format {
    title: &'static str,
    intro: &'static str,
    /// What the mapping of a whole file is called, and what stands before all headings.
    root: &'static str,
    prefix: &'static str,
    schema: Json,
    examples: Examples,
}

fn formats() -> [Format; 2] {
    let (runbook, scenario) = (pacenote::runbook::schema::schema(), pacenote::world::scenario::schema());
    let (of_runbook, of_scenario) = (examples("runbook", &runbook, RUNBOOK), examples("scenario", &scenario, SCENARIO));
    [
        Format {
            title: "Runbooks",
            intro: "The schema for editors is printed by `pacenote schema`.",
            root: "runbook",
            prefix: "",
            schema: runbook,
            examples: of_runbook,
        },
        Format {
            title: "Scenarios",
            intro: "A scenario stands in `scenarios/` beside its runbook. Its schema is printed by `pacenote schema scenario`.",
            root: "scenario",
            prefix: "scenario: ",
            schema: scenario,
            examples: of_scenario,
        },
    ]
}

fn project(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The whole page.
fn page() -> String {
    let mut page = String::from(
        "# Every field\n\n\
         [Writing a runbook](writing-a-runbook.md) says how they go together; this page says what there is. A key that is\n\
         **bold** must be there. What a key means where it is absent stands under *default*, as far as one can say it in a\n\
         word. A duration is `90s`, `10m`, `1h30m`; an *expression* is [CEL](https://cel.dev) over what `pacenote check`\n\
         knows: `inputs`, `env`, `signals`, `steps`, `session`. In texts it stands in `${{ }}`.\n\n\
         <!-- Written by tests/it/reference.rs from the schemas; run it once with PACENOTE_BLESS=1 to write it anew. -->\n",
    );
    for format in formats() {
        let sections: Vec<String> = sections(&format).into_iter().map(|(name, _)| link(&format, &name)).collect();
        let _ = write!(page, "\n## {}\n\n{}\n\n{}\n", format.title, format.intro, wrapped(&sections.join(" · ")));
        for (name, schema) in self::sections(&format) {
            mapping(&mut page, &format, &name, schema);
        }
    }
    page
}

/// The mappings of a format, the whole file first. Words, lengths and amounts stand where
/// they are used.
fn sections(format: &Format) -> Vec<(String, &Json)> {
    let definitions = members(&format.schema["$defs"]).filter(|(_, schema)| schema.get("properties").is_some());
    std::iter::once((format.root.to_owned(), &format.schema)).chain(definitions.map(|(n, s)| (n.clone(), s))).collect()
}

fn members(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    json.as_object().into_iter().flatten()
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.len() + word.len() > 115 {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// A name of the schema as a heading: `KillPod` is `kill pod`.
fn heading(name: &str) -> String {
    let name = name.strip_suffix("Spec").unwrap_or(name);
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn link(format: &Format, name: &str) -> String {
    let title = heading(name);
    let anchor = format!("{}{title}", if name == format.root { "" } else { format.prefix });
    format!("[{}](#{})", title.replace(' ', "-"), anchor.replace(": ", "-").replace(' ', "-"))
}

fn mapping(page: &mut String, format: &Format, name: &str, schema: &Json) {
    let _ = write!(page, "\n### {}{}\n", if name == format.root { "" } else { format.prefix }, heading(name));
    if let Some(text) = schema["description"].as_str() {
        let _ = write!(page, "\n{text}\n");
    }
    let required = strings(&schema["required"]);
    let _ = write!(page, "\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
    for (key, property) in members(&schema["properties"]) {
        let shown = if required.contains(&key.as_str()) { format!("**`{key}`**") } else { format!("`{key}`") };
        let (meaning, default) = meaning(property);
        let example = format.examples.get(&(name.to_owned(), key.clone())).and_then(|value| short(key, value));
        let cells = [shown, value(format, property), default, shielded(&meaning), example.unwrap_or_default()];
        let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    for (word, text) in [("oneOf", "Exactly one"), ("anyOf", "At least one")] {
        let keys = schema[word].as_array().into_iter().flatten();
        let keys: Vec<String> = keys.flat_map(|one| strings(&one["required"])).map(|key| format!("`{key}`")).collect();
        if !keys.is_empty() {
            // Of a step's `undo` only the word `all` is an action.
            let _ = write!(page, "\n{text} of {}.\n", keys.join(", ").replace("`undo`", "`undo: all`"));
        }
    }
}

/// Outside of code, `<name>` would be taken for HTML.
fn shielded(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }).collect::<Vec<_>>().join("`")
}

/// What a key is for, and what it means where it is absent.
fn meaning(property: &Json) -> (String, String) {
    let said = property["description"].as_str().unwrap_or_default().replace('\n', " ");
    if let Some((meaning, default)) = said.split_once(" Default: ") {
        return (meaning.to_owned(), default.trim_end_matches('.').to_owned());
    }
    match property.get("default") {
        // What each of its keys means where absent is said where they are.
        Some(Json::Object(_)) => return (said, String::new()),
        Some(value) if !value.is_null() && *value != json!("") => return (said, format!("`{}`", flow(value))),
        _ => {}
    }
    let Some(rest) = said.strip_suffix(" where absent.") else { return (said, String::new()) };
    let cut = [rest.rfind("; "), rest.rfind(". ")].into_iter().flatten().max();
    let cut = cut.unwrap_or_else(|| panic!("`{said}` says what it means where absent, and nothing else"));
    (format!("{}.", &rest[..cut]), rest[cut + 2..].to_owned())
}

fn strings(json: &Json) -> Vec<&str> {
    json.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

/// What a value may be, in words.
fn value(format: &Format, schema: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let definition = &format.schema["$defs"][name];
        return if definition.get("properties").is_some() { link(format, name) } else { value(format, definition) };
    }
    if let Some(one) = schema.get("const") {
        return format!("`{}`", flow(one));
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|w| format!("`{}`", flow(w))).collect::<Vec<_>>().join(", ");
    }
    if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let any: Vec<String> = any.iter().filter(|s| s["type"] != "null").map(|s| value(format, s)).collect();
        return any.join(if any.iter().all(|v| v.starts_with('`')) { ", " } else { " or " });
    }
    match &schema["type"] {
        Json::String(kind) => typed(format, kind, schema),
        Json::Array(kinds) => match kinds.iter().filter_map(Json::as_str).collect::<Vec<_>>()[..] {
            ["string", "boolean"] => "expression".to_owned(),
            [kind, "null"] => typed(format, kind, schema),
            _ if schema["examples"].is_array() => text(schema),
            _ => "text or number".to_owned(),
        },
        _ => "anything".to_owned(),
    }
}

fn typed(format: &Format, kind: &str, schema: &Json) -> String {
    match kind {
        "array" if schema["items"].is_object() => format!("list of {}", value(format, &schema["items"])),
        "array" => "list".to_owned(),
        "object" if schema["additionalProperties"].is_object() => {
            format!("names, each with {}", value(format, &schema["additionalProperties"]))
        }
        "object" => match members(&schema["properties"]).next() {
            Some((key, inner)) => format!("`{{{key}: ..}}` with {}", value(format, inner)),
            None => "mapping".to_owned(),
        },
        "integer" => match (&schema["minimum"], &schema["maximum"]) {
            (Json::Null, _) => "whole number".to_owned(),
            (least, most) if most.is_null() || *most == u64::from(u32::MAX) => format!("whole number from {least}"),
            (least, most) => format!("whole number, {least} to {most}"),
        },
        "boolean" => "`true`, `false`".to_owned(),
        "number" => "number".to_owned(),
        _ => text(schema),
    }
}

fn text(schema: &Json) -> String {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    match (pattern, schema["examples"][0].as_str()) {
        (pattern, Some(_)) if pattern.contains("ms)?") => "duration".to_owned(),
        (_, Some(example)) => format!("text like `{example}`"),
        ("^[a-z][a-z0-9_]*$", None) => "name".to_owned(),
        ("^[a-z][a-z0-9_-]*$", None) => "name, may have `-`".to_owned(),
        ("^[A-Za-z_][A-Za-z0-9_]*$", None) => "name of a variable".to_owned(),
        (pattern, None) if pattern.starts_with("^(https?") => "address".to_owned(),
        _ => "text".to_owned(),
    }
}

/// An example in a cell, where it is short enough to help.
fn short(key: &str, value: &Json) -> Option<String> {
    let text = format!("{key}: {}", flow(value));
    (text.chars().count() <= 70 && !text.contains('\n')).then(|| format!("`{text}`"))
}

/// A value as YAML on one line.
fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => {
            let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || " ._/+%=@-".contains(c)) && !text.contains(" -");
            let read: Json = serde_saphyr::from_str(text).unwrap_or(Json::Null);
            let plain =
                plain && read.as_str() == Some(text) && !text.starts_with(['-', '%', '@', '=', ' ']) && !text.ends_with(' ');
            if plain { text.clone() } else { value.to_string() }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(keys) => {
            format!(
                "{{{}}}",
                keys.iter().map(|(k, v)| format!("{}: {}", flow(&json!(k)), flow(v))).collect::<Vec<_>>().join(", ")
            )
        }
        other => other.to_string(),
    }
}

/// The first value of each key in a file that uses all of them.
fn examples(root: &str, schema: &Json, file: &str) -> Examples {
    let mut found = Examples::new();
    let document = read(&project(file)).unwrap_or_else(|| panic!("{file} cannot be read"));
    each(schema, root, schema, &document, &mut |section, key, _, value| {
        if let Some(key) = key {
            found.entry((section.to_owned(), key.to_owned())).or_insert_with(|| value.clone());
        }
    });
    found
}

/// Calls `see` for each mapping of a document (without a key) and for each of its keys,
/// with the section of the schema it belongs to.
fn each(whole: &Json, section: &str, schema: &Json, value: &Json, see: &mut impl FnMut(&str, Option<&str>, &Json, &Json)) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return each(whole, name, &whole["$defs"][name], value, see);
    }
    let alternatives = schema["anyOf"].as_array().into_iter().chain(schema["oneOf"].as_array()).flatten();
    for one in alternatives.filter(|one| one.get("$ref").is_some() || one.get("type").is_some()) {
        let target = one["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map_or(one, |name| &whole["$defs"][name]);
        let keys: Vec<&String> = members(value).map(|(key, _)| key).collect();
        let fits =
            value.is_object() && target.get("properties").is_none_or(|known| keys.iter().all(|key| known.get(key).is_some()));
        if fits || !value.is_object() {
            each(whole, section, one, value, see);
        }
    }
    if let Json::Array(items) = value {
        items.iter().for_each(|item| each(whole, section, &schema["items"], item, see));
    }
    let Json::Object(keys) = value else { return };
    if schema.get("properties").is_some() {
        see(section, None, schema, value);
    }
    for (key, inner) in keys {
        if let Some(property) = schema["properties"].get(key) {
            see(section, Some(key), property, inner);
            each(whole, section, property, inner, see);
        } else if schema["additionalProperties"].is_object() {
            each(whole, section, &schema["additionalProperties"], inner, see);
        }
    }
}

/// The page in the repository is the one that would be written. `PACENOTE_BLESS=1` writes it.
#[test]
fn the_page_is_current() {
    let (path, current) = (project("docs/reference.md"), page());
    if std::env::var_os("PACENOTE_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == current, "run the tests once with PACENOTE_BLESS=1 and look at the difference in docs/reference.md");
}

const WORKLOADS: [&str; 3] = ["deployment", "statefulset", "daemonset"];

#[test]
fn every_key_has_an_example_and_every_example_can_be_read() {
    for format in formats() {
        for (section, schema) in sections(&format) {
            for (key, _) in members(&schema["properties"]) {
                let Some(example) = format.examples.get(&(section.clone(), key.clone())) else {
                    // Three ways to say the same; one of them is an example of all.
                    assert!(WORKLOADS.contains(&key.as_str()), "no fixture uses `{key}` of {section}");
                    continue;
                };
                if let Some(shown) = short(key, example) {
                    let read: Map<String, Json> = serde_saphyr::from_str(shown.trim_matches('`')).unwrap();
                    assert_eq!(Json::Object(read), json!({key: example}), "{shown}");
                }
            }
        }
    }
}

/// The scenario that uses every field is one, and its names are those of its runbook.
#[test]
fn the_scenario_with_every_field_can_be_read() {
    let bundle = load::check_path(&project(RUNBOOK)).bundle.unwrap();
    let scenario = Scenario::load(&project(SCENARIO)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(headless::unknown_names(&bundle, &scenario), []);
}

#[test]
fn every_link_of_the_page_leads_somewhere() {
    let page = page();
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.replace(": ", "-").replace(' ', "-"))
        .collect();
    let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 150);
    for link in links {
        assert_eq!(headings.iter().filter(|h| *h == link).count(), 1, "{link}");
    }
}

/// Keys whose default is taken where the value is used, so that the model does not hold it.
const LATER: &[(&str, &str)] =
    &[("signal", "timeout"), ("signal", "window"), ("http_check", "method"), ("run", "shell"), ("run_expect", "exit")];

/// A default, written down, changes nothing: the runbook that is read is the same.
#[test]
fn the_defaults_are_true() {
    let schema = pacenote::runbook::schema::schema();
    let document = read(&project(RUNBOOK)).unwrap();
    let mut proven: BTreeMap<(String, String), bool> = BTreeMap::new();
    for (section, key, default, mapping) in with_default(&schema, &document) {
        if proven.contains_key(&(section.clone(), key.clone())) {
            continue;
        }
        let mut without = mapping.clone();
        without.as_object_mut().unwrap().remove(&key);
        let mut with = without.clone();
        with[&key] = default;
        // The mapping is found again by what it holds: the first that is the same.
        let read = |mapping_now: &Json| {
            let mut changed = document.clone();
            assert!(replace_first(&mut changed, &mapping, mapping_now), "{section}.{key}");
            model(&changed)
        };
        // Some keys may not be missing, or not stand beside others; then another shows it.
        if let (Some(without), Some(with)) = (read(&without), read(&with)) {
            proven.insert((section, key), with == without);
        }
    }
    for (section, schema) in sections(&formats()[0]) {
        for (key, _) in members(&schema["properties"]).filter(|(_, property)| property.get("default").is_some()) {
            let later = LATER.contains(&(section.as_str(), key.as_str()));
            let same = proven.get(&(section.clone(), key.clone())).copied();
            assert_eq!(same, Some(!later), "{section}.{key}");
        }
    }
}

/// Each mapping of the document with each of its keys that has a default, there or not.
fn with_default(schema: &Json, document: &Json) -> Vec<(String, String, Json, Json)> {
    let mut found = Vec::new();
    each(schema, "runbook", schema, document, &mut |section, key, mapping, value| {
        for (name, property) in members(&mapping["properties"]).filter(|_| key.is_none()) {
            if let Some(default) = property.get("default") {
                found.push((section.to_owned(), name.clone(), default.clone(), value.clone()));
            }
        }
    });
    found
}

fn replace_first(json: &mut Json, from: &Json, to: &Json) -> bool {
    if json == from {
        *json = to.clone();
        return true;
    }
    match json {
        Json::Array(items) => items.iter_mut().any(|item| replace_first(item, from, to)),
        Json::Object(keys) => keys.values_mut().any(|value| replace_first(value, from, to)),
        _ => false,
    }
}

/// A runbook as it is read, without the places where things stand; nothing if it has mistakes.
fn model(document: &Json) -> Option<String> {
    let read = pacenote::runbook::parse("x.yaml", document.to_string().as_bytes());
    let (runbook, _) = read.ok()?;
    let places = regex::Regex::new(r"Span \{[^}]*\}").unwrap();
    Some(places.replace_all(&format!("{runbook:?}"), "").into_owned())
}
