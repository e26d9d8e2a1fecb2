//! Pods of a selector, watched.

use crate::live::PodRow;

mod columns;
mod thin;

/// A pod's row from the JSON of a Pod object, as `kubectl get pods` would print it.
///
/// # Errors
/// When the text is not the JSON of an object with the types of a Pod.
pub fn row_from_json(pod: &str) -> Result<PodRow, serde_json::Error> {
    serde_json::from_str::<thin::ThinPod>(pod).map(|pod| columns::row(&pod))
}
