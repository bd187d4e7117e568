//! Signing order and argument lists. Pure.

use crate::evidence::Evidence;
use std::path::PathBuf;

/// One code object to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignStep {
    /// Object, relative to the target (a bundle folder or a bare Mach-O); empty for the target itself.
    pub object: PathBuf,
    /// Argument list, `codesign` first.
    pub argv: Vec<String>,
    /// The entitlements file it uses, if any.
    pub entitlements: Option<PathBuf>,
    /// Why it is signed, in a few words ("library of another team", "holds a changed object").
    pub why: String,
}

/// Commands that sign the objects that must be signed again, inside out; never `--deep`. `changed`: relative paths whose entitlements file is given (path of the
/// file to use). `also`: objects that must be signed anew (a library of another team). Everything that contains a changed object follows.
pub fn plan(_evidence: &Evidence, _changed: &[(PathBuf, PathBuf)], _also: &[PathBuf]) -> Vec<SignStep> {
    Vec::new()
}

/// Quotes an argument for a POSIX shell so that it can be pasted.
pub fn quote(_argument: &str) -> String {
    String::new()
}

/// A command line for pasting.
pub fn command_line(argv: &[String]) -> String {
    argv.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" ")
}
