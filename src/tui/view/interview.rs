//! Questions that lead from what a person sees to the documented issue.

use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::Role;

/// Builds the page.
pub fn build(state: &State, question: &str, _cursor: usize, b: &mut Build) {
    let Some(question) = state.library.interview.questions.iter().find(|other| other.id == question) else {
        b.para(0, Role::Text, "There are no questions. Open an app, a report or a log instead (esc, then O).");
        return;
    };
    b.para(0, Role::Heading, &question.ask);
    b.blank();
    for (number, answer) in question.answers.iter().enumerate() {
        b.item(Target::Reply(number), |b| b.para(0, Role::Text, &answer.text));
    }
    b.second_block();
    if !question.how.is_empty() {
        b.heading("How to find out");
        for line in question.how.lines() {
            b.para(0, Role::Text, line);
        }
    }
}
