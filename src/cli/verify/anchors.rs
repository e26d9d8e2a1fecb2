//! What this machine knows of heads, outside the journals: the ledger, and the files among
//! the anchors of settings and policy.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::super::Basis;
use crate::journal::Mark;
use crate::journal::disk::open_for_reading;
use crate::journal::verify::Anchored;
use crate::state::ledger::{Entry, Ledger};

/// A line of an anchor's file.
#[derive(Debug, Deserialize)]
struct Told {
    sid: String,
    head: String,
    #[serde(with = "crate::session::time::stamp")]
    ts: DateTime<Utc>,
}

/// Everything that is known.
pub(super) struct Known {
    ledger: Result<Vec<Entry>, String>,
    files: Vec<(String, Vec<Told>)>,
}

impl Known {
    /// Reads ledger and files. What cannot be read knows nothing, and is named.
    pub(super) fn read(basis: &Basis) -> Self {
        let ledger = basis.state().map_err(|e| e.to_string());
        let ledger = ledger.and_then(|state| Ledger::of(&state).entries().map_err(|e| e.to_string()));
        let places = basis.anchors();
        let files = places
            .iter()
            .filter_map(|place| crate::app::anchors::file(place))
            .map(|path| (path.display().to_string(), told(&path)));
        Self { ledger, files: files.collect() }
    }

    /// Where a head is known, and since when: the earliest.
    pub(super) fn look_up(&self, mark: &Mark) -> Result<Anchored, String> {
        let mut found: Vec<Anchored> = Vec::new();
        if let Ok(entries) = &self.ledger {
            let here = entries.iter().filter(|entry| entry.is_of_a_seal() && entry.sid == mark.sid && entry.head == mark.head);
            found.extend(here.map(|entry| Anchored { place: "the ledger".to_owned(), at: entry.ts }));
        }
        for (place, lines) in &self.files {
            let here = lines.iter().filter(|told| told.sid == mark.sid && told.head == mark.head);
            found.extend(here.map(|told| Anchored { place: place.clone(), at: told.ts }));
        }
        found.into_iter().min_by_key(|anchored| anchored.at).ok_or_else(|| match &self.ledger {
            Err(why) => why.clone(),
            Ok(_) => "neither the ledger of this machine nor a file among `anchors` has it".to_owned(),
        })
    }
}

/// The lines of a file that are ours.
fn told(path: &Path) -> Vec<Told> {
    let Ok(file) = open_for_reading(path) else { return Vec::new() };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}
