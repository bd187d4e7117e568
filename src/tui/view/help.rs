//! Keys of the screen one comes from, then all others; and what the signs mean.

use crate::tui::keymap::{self, Action, Binding, Context};
use crate::tui::page::{Build, Target};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;

/// Builds the page. A row can be chosen and done; moving rows are only read.
pub fn build(of: Context, b: &mut Build) {
    b.pieces(&[(Role::Heading, of.name()), (Role::Dim, "   enter does what the selected row says")]);
    for binding in keymap::bindings(of) {
        if is_done_from_here(binding.action) {
            b.item(Target::Do(binding.action), |b| row(binding, b));
        } else {
            row(binding, b);
        }
    }
    b.second_block();
    b.heading("Signs");
    for mark in [Mark::Broken, Mark::Unwise, Mark::Note, Mark::Fine, Mark::Unknown] {
        b.label((mark.role(), mark.sign()), 4, Role::Text, meaning(mark));
    }
    b.heading("How sure");
    b.label((Role::Heading, "certain"), 11, Role::Text, "proof and rule account for what was seen");
    b.label((Role::Heading, "likely"), 11, Role::Text, "one explanation is left, or half of the proof is there");
    b.label((Role::Heading, "possible"), 11, Role::Text, "anything weaker");
    for context in Context::ALL.into_iter().filter(|context| *context != of) {
        let mut own = keymap::bindings(context).filter(|binding| binding.on.len() < 10 && !binding.on.contains(&of)).peekable();
        if own.peek().is_some() {
            b.heading(context.name());
            own.for_each(|binding| row(binding, b));
        }
    }
}

/// Actions that make sense after help is closed.
fn is_done_from_here(action: Action) -> bool {
    !matches!(
        action,
        Action::Up
            | Action::Down
            | Action::Left
            | Action::Right
            | Action::PageUp
            | Action::PageDown
            | Action::HalfUp
            | Action::HalfDown
            | Action::Top
            | Action::Bottom
            | Action::Activate
            | Action::Help
            | Action::Yes
            | Action::Complete
    )
}

fn row(binding: &Binding, b: &mut Build) {
    let keys = keymap::names(binding);
    let column = (b.width() / 3).clamp(12, 24);
    if words::width(&keys) < column {
        b.label((Role::Key, &keys), column, Role::Text, binding.help);
    } else {
        b.pieces(&[(Role::Key, &keys)]);
        b.para(column, Role::Text, binding.help);
    }
}

fn meaning(mark: Mark) -> &'static str {
    match mark {
        Mark::Broken => "broken: does not work as built",
        Mark::Unwise => "unwise: works, and weakens more than it must",
        Mark::Note => "note: worth knowing",
        Mark::Fine => "fine: looked at, nothing wrong",
        Mark::Unknown => "not known: could not be looked at or decided",
    }
}
