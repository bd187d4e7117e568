//! Practice apps: small real apps with a fault, embedded, for the first run and for newcomers.

use crate::scan::Request;
use crate::system::System;
use std::path::{Path, PathBuf};

/// A practice app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lab {
    /// Kebab-case id, the folder's name in `scenarios/labs`.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// The story: who has what trouble.
    pub story: &'static str,
    /// Cause id that is the right answer.
    pub cause: &'static str,
    /// Name of the bundle folder ("Sketchbook.app").
    pub bundle: &'static str,
    /// Files of the bundle: (relative path, bytes, executable).
    pub files: &'static [(&'static str, &'static [u8], bool)],
    /// Evidence: (name, text).
    pub evidence: &'static [(&'static str, &'static str)],
}

/// All practice apps; the first is opened when Temper starts without a path.
pub fn all() -> &'static [Lab] {
    &[]
}

/// Unpacks a practice app into `folder` (made if needed) and returns the request that examines it, with the practice root as anchor.
pub fn unpack(_system: &dyn System, _lab: &Lab, folder: &Path) -> std::io::Result<Request> {
    Ok(Request { path: Some(folder.to_path_buf()), ..Request::default() })
}

/// Folder practice apps are unpacked into: the user's cache, one folder per version.
pub fn folder(_system: &dyn System) -> PathBuf {
    PathBuf::new()
}
