//! System + target → [`Evidence`]: each file streamed once, in parallel, with progress and cancel.

use crate::evidence::Evidence;
use crate::read::cms::TrustAnchors;
use crate::read::macho::Arch;
use crate::system::System;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use thiserror::Error;

/// What to examine.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// App, bundle, folder or Mach-O; `None` for evidence only.
    pub path: Option<PathBuf>,
    /// Evidence files in the order given, whichever option brought them; `-` is standard input.
    pub texts: Vec<PathBuf>,
    /// Evidence given in memory: (name, bytes): a paste, standard input already read, a practice app's report.
    pub pasted: Vec<(String, Vec<u8>)>,
    /// Extra roots.
    pub anchors: TrustAnchors,
    /// `--os`.
    pub os: Option<(u16, u16)>,
    /// `--arch`.
    pub arch: Option<Arch>,
    /// `--at`: seconds since 1970 UTC instead of the clock.
    pub at: Option<i64>,
}

/// Progress of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files found so far.
    pub files: usize,
    /// Mach-O files read of `images_total`.
    pub images_done: usize,
    /// Mach-O files known so far.
    pub images_total: usize,
    /// Bytes read.
    pub bytes: u64,
    /// What is being read now, relative.
    pub current: String,
}

/// Why nothing could be examined.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The path is not there or may not be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// Path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path is something Temper does not open; the message names the command that does.
    #[error("{path}: {why}", path = .path.display())]
    Refused {
        /// Path.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// Cancelled by the user.
    #[error("cancelled")]
    Cancelled,
}

/// Examines the target and the texts.
pub fn scan(
    _system: &dyn System,
    _request: &Request,
    _progress: &(dyn Fn(&Progress) + Sync),
    _cancel: &AtomicBool,
) -> Result<Evidence, ScanError> {
    Ok(Evidence::empty())
}
