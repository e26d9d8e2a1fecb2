//! Times as records know them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The moment a message was taken by the loop. Stamped once; everything that
/// follows from the message happened at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    /// Wall clock, UTC. May be set back by others; only shown, never subtracted.
    pub wall: DateTime<Utc>,
    /// Milliseconds since the session was opened or resumed, monotonic.
    pub mono_ms: u64,
}

/// RFC 3339 in UTC with milliseconds, as every time in the journal is written.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// serde for times in records: RFC 3339, UTC, milliseconds.
pub mod stamp {
    use super::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the time.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &DateTime<Utc>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::rfc3339(*time))
    }

    /// Reads the time.
    ///
    /// # Errors
    /// When it is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(d)?;
        DateTime::parse_from_rfc3339(&text).map(|t| t.with_timezone(&Utc)).map_err(D::Error::custom)
    }
}
