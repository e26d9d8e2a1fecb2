//! Label and field selectors, as list and watch take them.

use serde_json::Value;

use crate::world::json::label;

/// A selector of labels or fields: all of its requirements hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Label { name: String, values: Option<Vec<String>>, negated: bool },
    Field { pointer: String, value: String, negated: bool },
}

impl Selector {
    /// Reads a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    ///
    /// # Errors
    /// What cannot be read, for the answer.
    pub(crate) fn labels(text: &str) -> Result<Self, String> {
        split(text).into_iter().map(|part| label_requirement(&part)).collect::<Result<_, _>>().map(Self)
    }

    /// Reads a field selector: `metadata.name=a,status.phase!=Running`.
    ///
    /// # Errors
    /// What cannot be read, for the answer.
    pub(crate) fn fields(text: &str) -> Result<Self, String> {
        let one = |part: String| {
            let (name, value, negated) =
                equality(&part).ok_or_else(|| format!("invalid selector: '{part}'; can't understand '{part}'"))?;
            Ok(Requirement::Field { pointer: format!("/{}", name.replace('.', "/")), value: value.to_owned(), negated })
        };
        split(text).into_iter().map(one).collect::<Result<_, String>>().map(Self)
    }

    /// Both of them together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether an object is selected.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Label { name, values, negated } => {
                let found = label(object, name);
                let holds = match values {
                    Some(values) => found.is_some_and(|found| values.iter().any(|value| value == found)),
                    None => found.is_some(),
                };
                holds != *negated
            }
            Requirement::Field { pointer, value, negated } => {
                let found = object.pointer(pointer).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                (found.unwrap_or_default() == *value) != *negated
            }
        })
    }
}

/// The parts between commas that stand outside parentheses.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn equality(part: &str) -> Option<(&str, &str, bool)> {
    let (name, value, negated) = if let Some((name, value)) = part.split_once("!=") {
        (name, value, true)
    } else if let Some((name, value)) = part.split_once("==") {
        (name, value, false)
    } else {
        let (name, value) = part.split_once('=')?;
        (name, value, false)
    };
    Some((name.trim(), value.trim(), negated))
}

fn label_requirement(part: &str) -> Result<Requirement, String> {
    let named = |name: &str, values: Option<Vec<String>>, negated| {
        let name = name.trim().to_owned();
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c));
        if name.is_empty() || name.contains(odd) {
            return Err(format!("unable to parse requirement: invalid label key \"{name}\""));
        }
        Ok(Requirement::Label { name, values, negated })
    };
    if let Some((before, list)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let (name, word) = before.trim().rsplit_once(char::is_whitespace).unwrap_or((before, ""));
        return match word {
            "in" => named(name, Some(values), false),
            "notin" => named(name, Some(values), true),
            _ => Err(format!("unable to parse requirement: found '{word}', expected: in, notin")),
        };
    }
    if let Some((name, value, negated)) = equality(part) {
        return named(name, Some(vec![value.to_owned()]), negated);
    }
    match part.strip_prefix('!') {
        Some(name) => named(name, None, true),
        None => named(part, None, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors() {
        let pod = json!({"metadata": {"labels": {"app": "checkout", "track": "canary"}}});
        for (text, expected) in [
            ("", true),
            ("app=checkout", true),
            ("app==checkout,track=canary", true),
            ("app!=checkout", false),
            ("tier!=web", true),
            ("track in (stable, canary)", true),
            ("track notin (canary)", false),
            ("tier notin (web)", true),
            ("app", true),
            ("!app", false),
            ("!tier", true),
        ] {
            assert_eq!(Selector::labels(text).unwrap().matches(&pod), expected, "{text}");
        }
        for wrong in ["a b=c", "track of (x)", "=x"] {
            assert!(Selector::labels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn field_selectors() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}, "spec": {"replicas": 3}});
        for (text, expected) in [
            ("metadata.name=a", true),
            ("metadata.name=a,status.phase!=Running", false),
            ("spec.replicas=3", true),
            ("spec.nodeName=", true),
        ] {
            assert_eq!(Selector::fields(text).unwrap().matches(&pod), expected, "{text}");
        }
        assert!(Selector::fields("metadata.name").is_err());
    }
}
