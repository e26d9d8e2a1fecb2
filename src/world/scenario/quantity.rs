//! Amounts as Kubernetes writes them: `250m`, `1.5`, `256Mi`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount, as it was written and as a number.
#[derive(Debug, Clone, Default)]
pub struct Quantity {
    text: Cow<'static, str>,
    value: f64,
}

/// The suffixes and what they stand for.
const SUFFIXES: [(&str, f64); 13] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("", 1.0),
];

/// What is wrong with an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount; write cores as `250m` or `1`, and memory as `256Mi`")]
pub struct QuantityError(String);

impl Quantity {
    /// An amount whose text and value are known to agree.
    pub(super) const fn written(text: &'static str, value: f64) -> Self {
        Self { text: Cow::Borrowed(text), value }
    }

    /// The amount in cores or bytes.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Two amounts are the same where their values are, however they are written.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.value.total_cmp(&other.value).is_eq()
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError(text.to_owned());
        let (number, factor) = SUFFIXES
            .iter()
            .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, *factor)))
            .ok_or_else(wrong)?;
        let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let number: f64 = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        Ok(Self { text: Cow::Owned(text.to_owned()), value: number * factor })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as `250m`, `1` or `256Mi`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
        }
        d.deserialize_any(Text).map_err(D::Error::custom)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount as Kubernetes writes it.",
            "type": ["string", "number"],
            "pattern": "^[0-9.]+(Ki|Mi|Gi|Ti|n|u|m|k|M|G|T|P)?$",
            "examples": ["250m", 1, "256Mi"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, value) in [("250m", 0.25), ("1.5", 1.5), ("256Mi", 268_435_456.0), ("2G", 2e9), ("0", 0.0)] {
            let read: Quantity = text.parse().unwrap();
            assert!((read.value() - value).abs() < 1e-9, "{text}");
            assert_eq!(read.to_string(), text);
        }
        for wrong in ["", "m", "-1", "1 Gi", "inf", "1e3", "Mi"] {
            assert!(wrong.parse::<Quantity>().is_err(), "{wrong} should be refused");
        }
    }
}
