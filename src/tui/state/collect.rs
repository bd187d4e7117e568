//! Fetching the log: what is shown before, and how far it is.

use super::{JobId, Place};
use std::path::PathBuf;

/// The page of a `log show`.
#[derive(Debug, Clone)]
pub struct CollectPage {
    /// Exactly what will run.
    pub argv: Vec<String>,
    /// The program it is, the first in PATH.
    pub program: PathBuf,
    /// How far it is.
    pub stage: CollectStage,
    /// Place.
    pub place: Place,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectStage {
    /// The command is shown; waits for a yes. Why the last try failed, if there was one.
    Asking(Option<String>),
    /// Confirmed; it runs, and has written so many bytes.
    Running(JobId, u64),
}
