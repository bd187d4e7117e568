//! Where to begin, with or without an app.

use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::Role;
use crate::tui::words;

/// Builds the page.
pub fn build(state: &State, _cursor: usize, b: &mut Build) {
    b.para(0, Role::Heading, "What did macOS refuse, and what is the least that mends it?");
    b.para(0, Role::Text, "Give the app, and what it left behind when it broke: a crash report, a log, the text of the terminal.");
    b.blank();
    if let Some(report) = state.report() {
        let name = super::title::target_name(&report.target);
        b.item(Target::Resume, |b| entry("Back to the answer", &name, b));
    }
    b.item(Target::OpenPath, |b| entry("Open…", "an app, a file of code, a report or a log", b));
    b.item(Target::Paste, |b| entry("Paste a report or log", "just paste it, on any screen", b));
    b.item(Target::Interview, |b| entry("Answer questions", "find the issue without an app", b));
    b.second_block();
    if !state.library.labs.is_empty() {
        b.heading("Practice apps");
        b.para(0, Role::Dim, "Small real apps, each with one fault. Nothing of them runs.");
        for (number, lab) in state.library.labs.iter().enumerate() {
            b.item(Target::Lab(number), |b| entry(lab.title, lab.bundle, b));
        }
    }
    if !state.library.scenarios.is_empty() {
        b.heading("Documented issues");
        for scenario in state.library.scenarios {
            b.item(Target::Word(scenario.id.clone()), |b| b.para(0, Role::Text, &scenario.title));
        }
    }
}

fn entry(name: &str, what: &str, b: &mut Build) {
    let column = (b.width() * 2 / 5).clamp(18, 36);
    let name = words::fit(&words::clean(name), column);
    b.pieces(&[(Role::Text, &name), (Role::Text, " "), (Role::Dim, what)]);
}
