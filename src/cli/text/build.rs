//! The fix in the words of the build system in use.

use super::page::Page;
use crate::report::{Diagnosis, Report};

/// Column of the texts.
const COLUMN: usize = 4;

/// What to paste for the remedy that stands in the answer: the least change, else the first that applies.
pub(super) fn section(page: &mut Page, report: &Report, diagnosis: &Diagnosis) {
    let least = diagnosis.remedies.iter().position(|remedy| remedy.applies && remedy.least);
    let Some(chosen) = least.or_else(|| diagnosis.remedies.iter().position(|remedy| remedy.applies)) else { return };
    for system in &report.build_systems {
        let texts: Vec<_> = system.texts.iter().filter(|text| text.remedy == chosen).collect();
        if texts.is_empty() {
            continue;
        }
        page.heading("In your build system", &system.name);
        page.text(2, &format!("because {}", system.why));
        for text in texts {
            page.blank();
            let file = text.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
            page.text(2, &format!("{}{file}:", text.title));
            page.verbatim(COLUMN, &text.text);
        }
        for edit in system.edits.iter().filter(|edit| edit.remedy == chosen) {
            page.blank();
            page.text(2, &format!("As a change of {}:", edit.file));
            page.verbatim(COLUMN, &edit.diff);
            edit.warnings.iter().for_each(|warning| page.text(COLUMN, warning));
        }
    }
}
