//! Before, while and after the app runs.

use crate::tui::page::Build;
use crate::tui::state::{RunPage, RunStage};
use crate::tui::theme::{Mark, Role};

/// How a line of arguments is split, while one is typed.
const RULES: &str = "Blanks separate the arguments. '…' and \"…\" keep one together, \\ takes the meaning from the next character. Nothing else is special: no \
     variables, no patterns, no ~.";

/// Builds the page.
pub fn build(page: &RunPage, b: &mut Build) {
    match &page.stage {
        RunStage::Preparing(_) => b.para(0, Role::Dim, "Looking what would be started…"),
        RunStage::Asking(prepared) => {
            b.para(0, Role::Heading, "Start it?  y yes   n no");
            b.blank();
            let mut lines = prepared.lines().into_iter();
            if let Some(first) = lines.next() {
                b.para(0, Role::Text, &first);
            }
            for line in lines {
                // The label of a line is its first twelve columns, so what is cut by the screen goes on below its value.
                let (label, value) = line.strip_prefix("  ").unwrap_or(&line).split_at_checked(13).unwrap_or((&line, ""));
                b.label((Role::Dim, label.trim_end()), 14, Role::Text, value);
            }
            b.blank();
            if page.prompt.is_some() {
                b.para(0, Role::Text, RULES);
                return;
            }
            b.para(
                0,
                Role::Dim,
                "It is your own program that runs, with your rights. What it writes is shown here and judged when it ends.",
            );
        }
        RunStage::Running(_) => {
            b.para(0, Role::Heading, "It runs. Esc interrupts it, a second time kills it.");
            b.blank();
            output(page, b);
        }
        RunStage::Failed(why) => {
            b.marked(Mark::Broken, Role::Bad, &format!("broken: it was not started: {why}"));
            b.blank();
            output(page, b);
        }
    }
}

/// What it wrote; `Build` makes control characters visible.
fn output(page: &RunPage, b: &mut Build) {
    if page.output.is_empty() {
        b.para(0, Role::Dim, "It has written nothing yet.");
    }
    for line in &page.output {
        b.para(0, Role::Quote, if line.is_empty() { " " } else { line });
    }
}
