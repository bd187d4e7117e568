//! `temper undo`.

use super::Answer;
use crate::clean::clean;
use crate::fix::apply;
use crate::system::System;
use std::path::Path;

/// Takes the last fix back.
pub fn undo(system: &dyn System, at: &Path) -> anyhow::Result<Answer> {
    let undone = apply::undo(system, at)?;
    let app = clean(&undone.app.to_string_lossy());
    let text = match undone.restored {
        true => format!("{app} is what it was before the fix.\n"),
        false => format!("{app} had not been changed; what was left of the fix is removed.\n"),
    };
    Ok(Answer { text, status: 0 })
}

/// For the end of its help.
pub const EXIT_CODES: &str = "\
Exit status:
  0  undone
  2  Temper failed, or there was nothing to undo; then nothing has changed";
