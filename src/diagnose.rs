//! Findings and refusals → diagnoses. The only decider.

use crate::evidence::Evidence;
use crate::report::Report;
use std::path::PathBuf;

/// A what-if: empty, or entitlements changed on one executable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// (executable relative path, key, present and true).
    pub entitlements: Vec<(PathBuf, String, bool)>,
}

/// Decides. Pure: the same evidence gives the same report.
pub fn diagnose(_evidence: &Evidence, _change: &Change) -> Report {
    unimplemented!()
}
