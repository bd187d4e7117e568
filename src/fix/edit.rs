//! Edits an entitlements file as text: order, spacing, unknown keys and comments are kept. Pure.

use crate::read::entitlements::Fault;
use thiserror::Error;

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// A fatal fault of the text (`--` in a comment, not a dictionary, binary …), with its place.
    #[error("line {}, column {}: {:?}", .0.line, .0.column, .0.kind)]
    Fault(Fault),
    /// The key is there with a value that is not a boolean.
    #[error("{0} is there and not a boolean")]
    NotBoolean(String),
}

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Keys to set to `<true/>`.
    pub add: Vec<String>,
    /// Keys to take out with their values.
    pub remove: Vec<String>,
}

/// An edited text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Unified diff, empty when nothing changed.
    pub diff: String,
    /// Warnings (comments, CRLF).
    pub warnings: Vec<Fault>,
}

/// Edits an existing text.
pub fn edit(_text: &str, _edits: &Edits) -> Result<Edited, EditError> {
    unimplemented!()
}

/// A new file from key/value pairs (as embedded in a signature), without comments, LF, tab-indented as Xcode writes it.
pub fn create(_entries: &[(String, crate::read::entitlements::Value)]) -> String {
    String::new()
}

/// Unified diff of two texts (three lines of context), empty when equal.
pub fn unified_diff(_old: &str, _new: &str, _name: &str) -> String {
    String::new()
}
