//! The format for editors: a JSON schema (draft 2020-12) with descriptions.
//!
//! Built from the same table of keys that reading a runbook uses
//! ([`shape`]), so neither can have a key the other does not know.
//! It judges structure only: keys, types, words, names, durations, and where exactly one
//! of several keys must stand. What a runbook means is left to `check`.

mod default;
mod rule;
mod table;

use serde_json::{Map, Value as Json, json};

use super::lower::shape::{self, Shape};

use rule::{DESCRIPTIONS, ONE_OF};
use table::{Kind, PROPERTIES};

/// The schema of a runbook file.
pub fn schema() -> Json {
    let mut definitions = Map::new();
    for shape in shape::ALL.iter().filter(|s| **s != shape::RUNBOOK) {
        definitions.insert(shape.name.to_owned(), object(shape));
    }
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("pacenote runbook, version 1"));
    if let Json::Object(object) = object(&shape::RUNBOOK) {
        root.extend(object);
    }
    root.insert("$defs".to_owned(), Json::Object(definitions));
    Json::Object(root)
}

/// The schema of one mapping.
fn object(shape: &Shape) -> Json {
    let mut properties = Map::new();
    for key in shape.keys {
        let (kind, description) = property(shape.name, key);
        let mut schema = kind.schema();
        if let Json::Object(schema) = &mut schema {
            // In words too: editors show the description, and not all of them the default.
            let default = default::of(shape.name, key);
            let description = default::shown(shape.name, key)
                .map_or_else(|| description.to_owned(), |shown| format!("{description} Default: `{shown}`."));
            schema.insert("description".to_owned(), json!(description));
            schema.extend(default.map(|value| ("default".to_owned(), value)));
        }
        properties.insert((*key).to_owned(), schema);
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    if let Some((_, description)) = DESCRIPTIONS.iter().find(|(name, _)| *name == shape.name) {
        object.insert("description".to_owned(), json!(description));
    }
    object.insert("properties".to_owned(), Json::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(false));
    if !shape.required.is_empty() {
        object.insert("required".to_owned(), json!(shape.required));
    }
    for (name, keys, at_least) in ONE_OF {
        if *name == shape.name {
            object.insert((*at_least).to_owned(), keys.iter().map(|key| json!({"required": [key]})).collect());
        }
    }
    special(shape, &mut object);
    Json::Object(object)
}

/// A property's kind and what it is for. The tables are complete by a test.
fn property(shape: &str, key: &str) -> (&'static Kind, &'static str) {
    let properties = PROPERTIES.iter().find(|(name, _)| *name == shape).map_or(&[][..], |(_, properties)| properties);
    properties.iter().find(|(name, ..)| *name == key).map_or((&Kind::Any, ""), |(_, kind, description)| (kind, description))
}

/// Rules that name several keys at once.
fn special(shape: &Shape, object: &mut Map<String, Json>) {
    match shape.name {
        "step" => {
            let mut actions: Vec<Json> = shape::ACTIONS.iter().map(|key| json!({"required": [key]})).collect();
            actions.push(json!({"required": ["undo"], "properties": {"undo": {"const": "all"}}}));
            object.insert("oneOf".to_owned(), Json::Array(actions));
            object.insert("dependentRequired".to_owned(), json!({"with": ["call"]}));
        }
        "undo_action" => {
            object.insert("dependentRequired".to_owned(), json!({"with": ["call"]}));
        }
        "option" => {
            object.insert("not".to_owned(), json!({"required": ["next", "call"]}));
        }
        "input" => {
            object.insert("if".to_owned(), json!({"properties": {"type": {"const": "choice"}}, "required": ["type"]}));
            object.insert("then".to_owned(), json!({"required": ["choices"]}));
        }
        "json_patch" => {
            let when = |ops: &[&str], key: &str| json!({"if": {"properties": {"op": {"enum": ops}}, "required": ["op"]}, "then": {"required": [key]}});
            object
                .insert("allOf".to_owned(), json!([when(&["add", "replace", "test"], "value"), when(&["move", "copy"], "from")]));
        }
        "http" => {
            let reads = json!({"properties": {"method": {"enum": ["GET", "HEAD"]}}});
            object.insert("if".to_owned(), reads);
            object.insert("then".to_owned(), json!({"properties": {"body": false}}));
        }
        _ => {}
    }
}

impl Kind {
    /// The schema of a value of this kind.
    fn schema(&self) -> Json {
        match self {
            Kind::Any => json!({}),
            Kind::Text => json!({"type": "string", "pattern": "\\S"}),
            Kind::Word => json!({"type": ["string", "number", "boolean"]}),
            Kind::Expression => json!({"type": ["string", "boolean"]}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Number => json!({"type": "number"}),
            Kind::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::One => json!({"const": 1}),
            Kind::Duration => json!({
                "type": "string",
                "pattern": "^(?=.)(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$",
                "examples": ["90s", "10m", "1h30m", "30d"],
            }),
            Kind::Name => json!({"type": "string", "pattern": PLAIN, "maxLength": 63}),
            Kind::Dashed => json!({"type": "string", "pattern": DASHED, "maxLength": 63}),
            Kind::Variable => json!({"type": "string", "pattern": VARIABLE}),
            Kind::Address => json!({"type": "string", "pattern": "^(https?://|\\s*\\$\\{\\{)"}),
            Kind::Pattern(pattern, example) => json!({"type": "string", "pattern": pattern, "examples": [example]}),
            Kind::Words(words) => json!({"enum": words}),
            Kind::Const(word) => json!({"const": word}),
            Kind::Of(shape) => json!({"$ref": format!("#/$defs/{shape}")}),
            Kind::List(items) => json!({"type": "array", "items": items.schema()}),
            Kind::Some(items) => json!({"type": "array", "items": items.schema(), "minItems": 1}),
            Kind::Map(names, values) => {
                let names = match names {
                    Kind::Any => json!({}),
                    names => names.schema(),
                };
                json!({"type": "object", "propertyNames": names, "additionalProperties": values.schema()})
            }
            Kind::Some2(names, values) => {
                json!({"type": "object", "propertyNames": names.schema(), "additionalProperties": values.schema(), "minProperties": 1})
            }
            Kind::Object => json!({"type": "object"}),
            Kind::Either(kinds) => json!({"anyOf": kinds.iter().map(Kind::schema).collect::<Vec<_>>()}),
        }
    }
}

const PLAIN: &str = "^[a-z][a-z0-9_]*$";
const DASHED: &str = "^[a-z][a-z0-9_-]*$";
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of the format is described, and nothing else is.
    #[test]
    fn the_tables_name_the_same_keys() {
        for shape in shape::ALL {
            let described: Vec<&str> = PROPERTIES
                .iter()
                .filter(|(name, _)| *name == shape.name)
                .flat_map(|(_, p)| p.iter().map(|(key, ..)| *key))
                .collect();
            assert_eq!(described, shape.keys, "{}", shape.name);
            assert!(DESCRIPTIONS.iter().any(|(name, _)| *name == shape.name), "{}", shape.name);
        }
        assert_eq!(PROPERTIES.len(), shape::ALL.len());
        assert_eq!(DESCRIPTIONS.len(), shape::ALL.len());
        for (name, keys, _) in ONE_OF {
            let shape = shape::ALL.iter().find(|s| s.name == *name).unwrap_or_else(|| panic!("{name}"));
            assert!(keys.iter().all(|key| shape.keys.contains(key)), "{name}");
        }
    }

    /// `assets/runbook.schema.json` is what this module says. `PACENOTE_BLESS=1` writes it.
    #[test]
    fn the_file_for_editors_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/runbook.schema.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        if std::env::var_os("PACENOTE_BLESS").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == current, "run the tests once with PACENOTE_BLESS=1 and look at the difference");
    }
}
