//! What is shown of a runbook, and what counts as accepted.
