//! Values as expressions, inputs and records know them.
//!
//! All numbers are doubles and whole ones are written without a fraction. In JSON
//! (the journal allows integers only) a number that is not a whole one below 2^53
//! is written `{"decimal": "0.5"}`, so that reading it back gives the same value.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A double; NaN and infinities never get this far.
    Number(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order of its keys.
    Map(BTreeMap<String, Value>),
}

/// 2^53: from here on a double no longer holds every whole number.
const WHOLE_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Writes a number as people write it: whole ones without a fraction.
pub fn format_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < WHOLE_LIMIT {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
        let whole = number as i64;
        whole.to_string()
    } else {
        number.to_string()
    }
}

impl fmt::Display for Value {
    /// Text as it stands, everything else as JSON would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Number(n) => f.write_str(&format_number(*n)),
            Value::String(s) => f.write_str(s),
            Value::List(_) | Value::Map(_) => f.write_str(&self.to_json().to_string()),
        }
    }
}

impl Value {
    /// The value as plain JSON, for bodies and patches: whole numbers become
    /// integers, others stay fractions.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Null => J::Null,
            Value::Bool(b) => J::Bool(*b),
            Value::Number(n) if n.fract() == 0.0 && n.abs() < WHOLE_LIMIT => {
                #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
                let whole = *n as i64;
                J::from(whole)
            }
            Value::Number(n) => J::from(*n),
            Value::String(s) => J::String(s.clone()),
            Value::List(items) => J::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(map) => J::Object(map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
        }
    }

    /// The value of plain JSON. Numbers become doubles.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Value::Null,
            J::Bool(b) => Value::Bool(*b),
            J::Number(n) => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
            J::String(s) => Value::String(s.clone()),
            J::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            J::Object(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect()),
        }
    }

    /// The value at a path of members below this one, where there is one.
    ///
    /// Numbers in a path count items of a list, from 0.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        path.iter().try_fold(self, |value, part| match value {
            Value::Map(map) => map.get(part.as_ref()),
            Value::List(items) => items.get(part.as_ref().parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The number, where it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::String(s.to_owned())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::String(s)
    }
}
impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Value::Number(n)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.to_record().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Value::from_record(&serde_json::Value::deserialize(d)?))
    }
}

impl Value {
    fn to_record(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Number(n) if n.fract() != 0.0 || n.abs() >= WHOLE_LIMIT => {
                serde_json::json!({ "decimal": n.to_string() })
            }
            Value::List(items) => J::Array(items.iter().map(Value::to_record).collect()),
            Value::Map(map) => J::Object(map.iter().map(|(k, v)| (k.clone(), v.to_record())).collect()),
            other => other.to_json(),
        }
    }

    fn from_record(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Object(map) if map.len() == 1 && map.contains_key("decimal") => {
                map["decimal"].as_str().and_then(|s| s.parse().ok()).map_or_else(|| Value::from_json(json), Value::Number)
            }
            J::Object(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), Value::from_record(v))).collect()),
            J::Array(items) => Value::List(items.iter().map(Value::from_record).collect()),
            other => Value::from_json(other),
        }
    }
}
