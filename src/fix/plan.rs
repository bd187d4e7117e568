//! A remedy → a plan: files to write with their exact text, commands to run, inside out. Pure.

use super::sign::SignStep;
use crate::evidence::Evidence;
use crate::report::{Diagnosis, Remedy, Step};
use std::path::PathBuf;

/// A file that would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Executable (relative) whose entitlements it is.
    pub executable: PathBuf,
    /// File, as the user would write it (default: `NAME.entitlements` in the current folder, never inside the bundle).
    pub file: PathBuf,
    /// Text it is made from: an existing file's, or the signed entitlements as a new file; empty when there were none.
    pub before: String,
    /// New text.
    pub after: String,
    /// Unified diff.
    pub diff: String,
    /// Where `before` comes from ("as signed, 2 keys", "sidecar.entitlements").
    pub from: String,
    /// Warnings, in words.
    pub warnings: Vec<String>,
}

/// A plan for one remedy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entitlements files.
    pub edits: Vec<FileEdit>,
    /// Info.plist keys to add: (Info.plist relative path, key, suggested text).
    pub info_plist: Vec<(PathBuf, String, String)>,
    /// Things to do by hand, in order.
    pub manual: Vec<String>,
    /// Signing commands, inside out; empty when nothing must be signed.
    pub sign: Vec<SignStep>,
    /// How to check afterwards: argument lists.
    pub check: Vec<Vec<String>>,
    /// Said before signing (ad hoc with the runtime flag has no team; re-signing voids the ticket …).
    pub cautions: Vec<String>,
}

/// Makes the plan of a remedy. `existing`: (executable relative path, file name, its text) of an entitlements file the user has for it.
pub fn plan(
    _evidence: &Evidence,
    _diagnosis: &Diagnosis,
    _remedy: &Remedy,
    _existing: &[(PathBuf, PathBuf, String)],
) -> Result<Plan, super::edit::EditError> {
    Ok(Plan::default())
}

/// The plan as the report's steps.
pub fn steps(_plan: &Plan) -> Vec<Step> {
    Vec::new()
}
