//! The ways to mend, in the document's order, with their steps.

use super::answer::changes;
use super::page::Page;
use crate::fix::sign::command_line;
use crate::report::{Diagnosis, Remedy, Step};

/// Column of what a remedy says.
const COLUMN: usize = 5;

pub(super) fn all(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.remedies.is_empty() {
        return;
    }
    page.heading("Ways to mend it", "in the order Apple recommends them");
    for (index, remedy) in diagnosis.remedies.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        one(page, index + 1, remedy);
    }
}

fn one(page: &mut Page, number: usize, remedy: &Remedy) {
    let mut rank = remedy.rank.to_owned();
    if remedy.least {
        rank.push_str(", the least change that mends this build");
    }
    if remedy.needs_new_code {
        rank.push_str(", needs new code");
    }
    page.labelled(2, &format!("{number}."), COLUMN, &format!("{} ({rank})", remedy.title));
    if !remedy.applies {
        page.text(COLUMN, &format!("does not apply here: {}", remedy.why_not.as_deref().unwrap_or("its conditions are not met")));
        return;
    }
    changes(page, COLUMN, remedy);
    if let Some(lost) = &remedy.weakens {
        page.text(COLUMN, &format!("gives away: {lost}"));
    }
    if let Some(explanation) = &remedy.explanation {
        page.text(COLUMN, explanation);
    }
    if !remedy.steps.is_empty() {
        page.blank();
    }
    for (index, step) in remedy.steps.iter().enumerate() {
        show(page, index + 1, step);
    }
}

fn show(page: &mut Page, number: usize, step: &Step) {
    let text = match (step.text.is_empty(), &step.file) {
        (true, Some(file)) => format!("Edit {file}:"),
        (true, None) if !step.argv.is_empty() => "Run:".into(),
        // The command stands below, where it can be pasted.
        _ if !step.argv.is_empty() => step.text.strip_suffix(&command_line(&step.argv)).unwrap_or(&step.text).trim_end().to_owned(),
        _ => step.text.clone(),
    };
    let label = format!("step {number}");
    page.labelled(COLUMN, &label, COLUMN + 8, &text);
    if let Some(file) = step.file.as_ref().filter(|file| !text.contains(file.as_str())) {
        page.text(COLUMN + 8, &format!("file: {file}"));
    }
    if let Some(diff) = &step.diff {
        page.verbatim(COLUMN + 8, diff);
    }
    if !step.argv.is_empty() {
        page.command(COLUMN + 8, &step.argv);
    }
}
