//! Whom a key belongs to: the `allowed_signers` of `ssh-keygen(1)`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone as _, Utc};

use super::key::PublicKey;
use super::revoked::Revoked;

/// A list larger than this is a mistake.
const LIMIT: u64 = 16 << 20;

/// Who may sign, for what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    entries: Vec<Entry>,
    revoked: Revoked,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    line: usize,
    principals: Vec<String>,
    namespaces: Option<Vec<String>>,
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    authority: bool,
    key: PublicKey,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("{path} cannot be read: {error}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something in it is not understood.
    #[error("{path}{line}: {what}", path = .path.display(), line = if *.line == 0 { String::new() } else { format!(":{}", .line) })]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1; 0 where it has none.
        line: usize,
        /// What.
        what: String,
    },
}

/// A key that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The line of the list, from 1.
    pub line: usize,
    /// Whether the line is for `*`: then the key is known, and whose it is is not.
    pub anyone: bool,
}

/// Why a key does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The key is in no line.
    #[error("the key {0} is not in the list of allowed signers")]
    Unknown(String),
    /// It is revoked.
    #[error("the key {0} is revoked")]
    Revoked(String),
    /// It is somebody else's.
    #[error("the key {key} is not {principal}'s by the list of allowed signers")]
    Principal {
        /// The key.
        key: String,
        /// Who was named.
        principal: String,
    },
    /// It is allowed for other purposes only.
    #[error("the key {key} is not allowed for `{namespace}`")]
    Namespace {
        /// The key.
        key: String,
        /// The purpose.
        namespace: String,
    },
    /// It was not valid yet.
    #[error("the key {key} is valid from {from} only")]
    NotYet {
        /// The key.
        key: String,
        /// From when.
        from: String,
    },
    /// It has expired.
    #[error("the key {key} expired at {at}")]
    Expired {
        /// The key.
        key: String,
        /// When.
        at: String,
    },
    /// It is there as an authority for certificates, which are not taken.
    #[error("the key {0} is there as a certificate authority; certificates are not taken, list the keys themselves")]
    Authority(String),
}

/// Reads a list in one go.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ListError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    read.map_err(|error| ListError::Unreadable { path: path.to_owned(), error })?;
    if bytes.len() as u64 > LIMIT {
        return Err(ListError::Wrong { path: path.to_owned(), line: 0, what: format!("larger than {LIMIT} bytes") });
    }
    Ok(bytes)
}

impl AllowedSigners {
    /// Reads a list.
    ///
    /// # Errors
    /// When it cannot be read, or a line is not understood.
    pub fn load(path: &Path) -> Result<Self, ListError> {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        Self::parse(&text).map_err(|(line, what)| ListError::Wrong { path: path.to_owned(), line, what })
    }

    /// The same from text.
    ///
    /// # Errors
    /// The line, from 1, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut entries = Vec::new();
        for (n, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                entries.push(entry(n, line).map_err(|what| (n, what))?);
            }
        }
        Ok(Self { entries, revoked: Revoked::default() })
    }

    /// The same list without the keys of another.
    #[must_use]
    pub fn without(mut self, revoked: Revoked) -> Self {
        self.revoked = revoked;
        self
    }

    /// Whether nobody is allowed anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a key is `principal`'s, for this purpose, at this time.
    ///
    /// # Errors
    /// Why not: the reason of the line that comes closest.
    pub fn judge(&self, principal: &str, key: &PublicKey, namespace: &str, at: DateTime<Utc>) -> Result<Trusted, Distrust> {
        self.best(key, namespace, at, |entry| {
            let refused = Distrust::Principal { key: key.fingerprint(), principal: principal.to_owned() };
            if matches_list(principal, &entry.principals) { Ok(()) } else { Err(refused) }
        })
    }

    /// The principals of the lines that trust a key, for this purpose, at this time, as
    /// they are written there (patterns included).
    ///
    /// # Errors
    /// Why there are none.
    pub fn principals_of(&self, key: &PublicKey, namespace: &str, at: DateTime<Utc>) -> Result<Vec<String>, Distrust> {
        self.best(key, namespace, at, |_| Ok(()))?;
        let lines = self.entries.iter().filter(|e| e.key == *key && e.judge(namespace, at).is_ok());
        Ok(lines.flat_map(|entry| entry.principals.iter().cloned()).collect())
    }

    /// Whether a principal has another key too: a group has, and so may a person.
    pub fn is_shared(&self, principal: &str, key: &PublicKey) -> bool {
        self.entries.iter().any(|entry| entry.key != *key && entry.principals.iter().any(|name| name == principal))
    }

    fn best(
        &self,
        key: &PublicKey,
        namespace: &str,
        at: DateTime<Utc>,
        who: impl Fn(&Entry) -> Result<(), Distrust>,
    ) -> Result<Trusted, Distrust> {
        if self.revoked.has(key) {
            return Err(Distrust::Revoked(key.fingerprint()));
        }
        let mut closest = Distrust::Unknown(key.fingerprint());
        let mut trusted: Option<Trusted> = None;
        for entry in self.entries.iter().filter(|entry| entry.key == *key) {
            match who(entry).and_then(|()| entry.judge(namespace, at)) {
                Ok(()) => {
                    let found = Trusted { line: entry.line, anyone: entry.principals.iter().any(|p| is_everyone(p)) };
                    if trusted.as_ref().is_none_or(|t| t.anyone && !found.anyone) {
                        trusted = Some(found);
                    }
                }
                // A line for the person says more than one for somebody else.
                Err(why) if !matches!(why, Distrust::Principal { .. }) || matches!(closest, Distrust::Unknown(_)) => {
                    closest = why
                }
                Err(_) => {}
            }
        }
        trusted.ok_or(closest)
    }
}

impl Entry {
    fn judge(&self, namespace: &str, at: DateTime<Utc>) -> Result<(), Distrust> {
        let key = || self.key.fingerprint();
        let time = |t: DateTime<Utc>| t.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        if self.authority {
            return Err(Distrust::Authority(key()));
        }
        if self.namespaces.as_ref().is_some_and(|allowed| !matches_list(namespace, allowed)) {
            return Err(Distrust::Namespace { key: key(), namespace: namespace.to_owned() });
        }
        if let Some(from) = self.after.filter(|from| at < *from) {
            return Err(Distrust::NotYet { key: key(), from: time(from) });
        }
        // As ssh-keygen has it: at that very second it still counts.
        if let Some(until) = self.before.filter(|until| at > *until) {
            return Err(Distrust::Expired { key: key(), at: time(until) });
        }
        Ok(())
    }
}

/// Whether a pattern fits every name.
fn is_everyone(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|b| b == b'*')
}

/// Whether a name fits a list of patterns; one behind `!` shuts out whom it fits.
fn matches_list(name: &str, patterns: &[String]) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(name.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(name.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// `*` stands for anything, `?` for one byte. Linear in the product of the lengths.
fn matches(name: &[u8], pattern: &[u8]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for &p in pattern {
        let mut next = vec![false; reached.len()];
        let mut before = false;
        let mut any = false;
        for (i, slot) in next.iter_mut().enumerate() {
            let here = reached.get(i).copied().unwrap_or(false);
            any |= here;
            *slot = match p {
                b'*' => any,
                b'?' => before,
                p => before && i.checked_sub(1).and_then(|i| name.get(i)) == Some(&p),
            };
            before = here;
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

/// Takes a word, which may be in quotes in part, up to a blank.
fn word<'a>(rest: &mut &'a str) -> Result<&'a str, String> {
    let text = rest.trim_start();
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        !quoted && (c == ' ' || c == '\t')
    });
    if end.is_none() && quoted {
        return Err("a quote is not closed".to_owned());
    }
    let (found, behind) = text.split_at(end.unwrap_or(text.len()));
    *rest = behind;
    Ok(found)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
    if parts.iter().any(String::is_empty) { Err("a name in the list is empty".to_owned()) } else { Ok(parts) }
}

fn entry(line: usize, text: &str) -> Result<Entry, String> {
    let mut rest = text;
    let principals = list(unquoted(word(&mut rest)?))?;
    let before_key = rest;
    let first = word(&mut rest)?;
    let is_key = |word: &str| word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-");
    let (options, key) = if is_key(first) { ("", before_key) } else { (first, rest) };
    let key = PublicKey::parse(key).map_err(|e| e.to_string())?;
    let mut entry = Entry { line, principals, namespaces: None, after: None, before: None, authority: false, key };
    for option in split_options(options) {
        let (name, value) = option.split_once('=').map_or((option, None), |(n, v)| (n, Some(unquoted(v))));
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => entry.authority = true,
            ("namespaces", Some(value)) if entry.namespaces.is_none() => entry.namespaces = Some(list(value)?),
            ("valid-after", Some(value)) if entry.after.is_none() => entry.after = Some(time(value)?),
            ("valid-before", Some(value)) if entry.before.is_none() => entry.before = Some(time(value)?),
            _ => return Err(format!("the option `{option}` is not understood, or stands twice")),
        }
    }
    if let (Some(after), Some(before)) = (entry.after, entry.before)
        && before <= after
    {
        return Err("`valid-before` is not behind `valid-after`".to_owned());
    }
    Ok(entry)
}

/// Options are separated by commas outside quotes.
fn split_options(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, in local time or with `Z` in UTC.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let wrong = || format!("`{text}` is no time such as 20261231 or 20261231235959Z");
    let (digits, utc) = text.strip_suffix(['Z', 'z']).map_or((text, false), |digits| (digits, true));
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let naive = match digits.len() {
        8 => NaiveDate::parse_from_str(digits, "%Y%m%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0)),
        12 => NaiveDateTime::parse_from_str(&format!("{digits}00"), "%Y%m%d%H%M%S").ok(),
        14 => NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S").ok(),
        _ => None,
    };
    let naive = naive.ok_or_else(wrong)?;
    if utc {
        return Ok(naive.and_utc());
    }
    Local.from_local_datetime(&naive).earliest().map(|t| t.to_utc()).ok_or_else(wrong)
}
