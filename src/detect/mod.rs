//! Evidence → findings: one file per detector.

use crate::dyld::Load;
use crate::evidence::Evidence;
use crate::finding::Finding;

/// All findings of all detectors, in stable order.
pub fn detect(_evidence: &Evidence, _loads: &[Load]) -> Vec<Finding> {
    Vec::new()
}
