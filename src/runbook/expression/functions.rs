//! CEL's functions as this format wants them, and values on their way in and out.
//!
//! Arithmetic, comparison and conversions go through functions of our own, because CEL's
//! would let an infinity, a NaN, a null or a comparison across types pass for an answer.
//! Their names begin with `@`, which no expression can spell.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::value::Val;
use cel::objects::Key;
use cel::{Context, ExecutionError, Value as Cel};

use super::super::{duration, value::Value, value::format_number};

/// Division of finite numbers by something other than zero.
pub(super) const DIVIDE: &str = "@divide";
/// Remainder of finite numbers.
pub(super) const REMAINDER: &str = "@remainder";
/// Makes integers doubles and refuses numbers that are not finite.
pub(super) const NUMBER: &str = "@number";
/// Makes a whole double an integer, to index with.
pub(super) const INDEX: &str = "@index";
/// Text of a value.
pub(super) const STRING: &str = "@string";
/// A duration as the format writes it.
pub(super) const DURATION: &str = "@duration";
/// Equality of values of one kind.
pub(super) const EQUAL: &str = "@equal";
/// Inequality of values of one kind.
pub(super) const UNEQUAL: &str = "@unequal";
/// `<`
pub(super) const LESS: &str = "@less";
/// `<=`
pub(super) const LESS_EQUAL: &str = "@less_equal";
/// `>`
pub(super) const GREATER: &str = "@greater";
/// `>=`
pub(super) const GREATER_EQUAL: &str = "@greater_equal";

/// What an expression may call, as `name(..)` or `x.name(..)`.
pub(super) const FUNCTIONS: [&str; 6] = ["size", "double", "int", "string", "duration", "timestamp"];
/// What an expression may call on a value only.
pub(super) const METHODS: [&str; 16] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "bool",
];
/// Macros CEL expands while parsing; what is left of one was called wrongly.
pub(super) const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

type Answer<T> = Result<T, ExecutionError>;

/// The functions, made once; every evaluation adds its variables in a scope inside.
pub(super) static ROOT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| {
    let mut context = Context::default();
    let added = [
        context.add_function(DIVIDE, divide),
        context.add_function(REMAINDER, remainder),
        context.add_function(NUMBER, number),
        context.add_function(INDEX, index),
        context.add_function(STRING, |v: Cel| text(&v)),
        context.add_function(DURATION, |v: Cel| length(&v)),
        context.add_function(EQUAL, |a: Cel, b: Cel| equal(&a, &b)),
        context.add_function(UNEQUAL, |a: Cel, b: Cel| equal(&a, &b).map(|same| !same)),
        context.add_function(LESS, |a: Cel, b: Cel| order(&a, &b).map(Ordering::is_lt)),
        context.add_function(LESS_EQUAL, |a: Cel, b: Cel| order(&a, &b).map(Ordering::is_le)),
        context.add_function(GREATER, |a: Cel, b: Cel| order(&a, &b).map(Ordering::is_gt)),
        context.add_function(GREATER_EQUAL, |a: Cel, b: Cel| order(&a, &b).map(Ordering::is_ge)),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "a function's name is taken");
    context
});

fn wrong(message: impl Into<String>) -> ExecutionError {
    ExecutionError::function_error("", message.into())
}

/// What an error says, for people.
pub(super) fn message(error: &ExecutionError) -> String {
    match error {
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        ExecutionError::NoSuchOverload(e) => {
            format!("`{}` does not take ({})", e.function().trim_matches('_'), e.argument_types().join(", "))
        }
        ExecutionError::UnsupportedBinaryOperator(op, a, b) => {
            format!("{} and {} do not go together in `{op}`", kind(a), kind(b))
        }
        ExecutionError::UnsupportedIndex(_, of) => format!("{} has no such member", kind(of)),
        ExecutionError::UnexpectedType { want, .. } => format!("it is not {want}"),
        ExecutionError::Overflow(..) => "a number is not finite".to_owned(),
        other => other.to_string(),
    }
}

fn finite(number: f64) -> Answer<f64> {
    if number.is_finite() { Ok(number) } else { Err(wrong("a number is not finite")) }
}

/// A number out of anything that counts, in seconds for durations.
fn as_number(value: &Cel) -> Option<f64> {
    match value {
        Cel::Float(n) => Some(*n),
        #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
        Cel::Int(n) => Some(*n as f64),
        #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
        Cel::UInt(n) => Some(*n as f64),
        #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
        Cel::Duration(d) => Some(d.num_milliseconds() as f64 / 1000.0),
        _ => None,
    }
}

fn pair(a: &Cel, b: &Cel, verb: &str) -> Answer<(f64, f64)> {
    match (as_number(a), as_number(b)) {
        (Some(a), Some(b)) => Ok((finite(a)?, finite(b)?)),
        _ => Err(wrong(format!("{} cannot be {verb} {}", kind(a), kind(b)))),
    }
}

fn divide(a: Cel, b: Cel) -> Answer<f64> {
    let (a, b) = pair(&a, &b, "divided by")?;
    if b == 0.0 { Err(wrong("the divisor is zero")) } else { finite(a / b) }
}

fn remainder(a: Cel, b: Cel) -> Answer<f64> {
    let (a, b) = pair(&a, &b, "divided by")?;
    if b == 0.0 { Err(wrong("the divisor is zero")) } else { finite(a % b) }
}

fn number(value: Cel) -> Answer<Cel> {
    match value {
        Cel::Int(_) | Cel::UInt(_) | Cel::Float(_) => Ok(Cel::Float(finite(as_number(&value).unwrap_or(f64::NAN))?)),
        other => Ok(other),
    }
}

fn index(value: Cel) -> Answer<Cel> {
    match value {
        Cel::Float(n) if n.fract() == 0.0 && n.abs() < 1e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
            let whole = n as i64;
            Ok(Cel::Int(whole))
        }
        Cel::Float(_) => Err(wrong("a list has no fractional places")),
        other => Ok(other),
    }
}

fn text(value: &Cel) -> Answer<Cel> {
    Ok(Cel::from(from_cel(value).map_err(wrong)?.to_string()))
}

fn length(value: &Cel) -> Answer<chrono::Duration> {
    let Cel::String(text) = value else { return Err(wrong(format!("duration() takes text, not {}", kind(value)))) };
    let duration = duration::parse(text).map_err(|why| wrong(format!("`{text}` is not a duration: {why}")))?;
    chrono::Duration::from_std(duration).map_err(|_| wrong("the duration is too long"))
}

fn equal(a: &Cel, b: &Cel) -> Answer<bool> {
    if let (Some(a), Some(b)) = (as_number(a), as_number(b)) {
        return Ok(finite(a)? == finite(b)?);
    }
    if kind(a) == kind(b) && !matches!(a, Cel::Null) {
        Ok(a == b)
    } else {
        Err(wrong(format!("{} cannot be compared with {}", kind(a), kind(b))))
    }
}

fn order(a: &Cel, b: &Cel) -> Answer<Ordering> {
    let ordering = match (a, b) {
        (Cel::String(a), Cel::String(b)) => Some(a.cmp(b)),
        (Cel::Timestamp(a), Cel::Timestamp(b)) => Some(a.cmp(b)),
        _ => {
            let (a, b) = pair(a, b, "compared with")?;
            a.partial_cmp(&b)
        }
    };
    ordering.ok_or_else(|| wrong("a number is not finite"))
}

fn kind(value: &Cel) -> &'static str {
    match value {
        Cel::Int(_) | Cel::UInt(_) | Cel::Float(_) => "a number",
        Cel::String(_) => "text",
        Cel::Bool(_) => "true or false",
        Cel::List(_) => "a list",
        Cel::Map(_) => "a mapping",
        Cel::Duration(_) => "a duration",
        Cel::Timestamp(_) => "a time",
        Cel::Null => "nothing",
        _ => "something else",
    }
}

/// A value for CEL, or why it must not get there.
pub(super) fn to_cel(value: &Value) -> Result<Cel, String> {
    Ok(match value {
        Value::Null => Cel::Null,
        Value::Bool(b) => Cel::Bool(*b),
        Value::Number(n) if n.is_finite() => Cel::Float(*n),
        Value::Number(_) => return Err("the number is not finite".to_owned()),
        Value::String(s) => Cel::String(Arc::new(s.clone())),
        Value::List(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect::<Result<Vec<_>, _>>()?)),
        Value::Map(map) => {
            let entries = map.iter().map(|(k, v)| Ok((Key::from(k.as_str()), to_cel(v)?)));
            Cel::from(entries.collect::<Result<HashMap<Key, Cel>, String>>()?)
        }
    })
}

/// A value back from CEL. Times become RFC 3339 text, durations seconds.
pub(super) fn from_cel(value: &Cel) -> Result<Value, String> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(b) => Value::Bool(*b),
        Cel::String(s) => Value::String(s.to_string()),
        Cel::Timestamp(t) => Value::String(t.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        Cel::List(items) => Value::List(items.iter().map(from_cel).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let entries = map.map.iter().map(|(k, v)| Ok((key_text(k), from_cel(v)?)));
            Value::Map(entries.collect::<Result<BTreeMap<_, _>, String>>()?)
        }
        other => match as_number(other) {
            Some(n) if n.is_finite() => Value::Number(n),
            Some(_) => return Err("a number is not finite".to_owned()),
            None => return Err("it gives no value this format knows".to_owned()),
        },
    })
}

fn key_text(key: &Key) -> String {
    match key {
        #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
        Key::Int(n) => format_number(*n as f64),
        #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
        Key::Uint(n) => format_number(*n as f64),
        Key::Bool(b) => b.to_string(),
        Key::String(s) => s.to_string(),
    }
}

/// A value boxed for a scope's variables.
pub(super) fn boxed(value: Cel) -> Result<Box<dyn Val>, String> {
    value.try_into().map_err(|error: ExecutionError| message(&error))
}
