//! The tree of code: folding, options, finding.

use super::super::keymap::Action;
use super::super::page::Target;
use super::super::state::{Screen, State};
use super::super::{theme, view};
use super::{reveal, selected};

/// Folds or unfolds the selected folder.
pub fn fold(state: &mut State, unfold: bool) {
    let Some(Target::Folder(path)) = selected(state) else { return };
    if let Screen::Code(tree) = state.screen_mut() {
        if unfold {
            tree.folded.remove(&path);
        } else {
            tree.folded.insert(path);
        }
    }
}

/// Folds the selected folder, or unfolds it.
pub fn fold_or_unfold(state: &mut State) {
    let Some(Target::Folder(path)) = selected(state) else { return };
    if let Screen::Code(tree) = state.screen_mut()
        && !tree.folded.remove(&path)
    {
        tree.folded.insert(path);
    }
}

/// Shows only code with faults, or keys, or not.
pub fn tree_option(state: &mut State, action: Action) {
    if let Screen::Code(tree) = state.screen_mut() {
        match action {
            Action::OnlyProblems => tree.only_problems = !tree.only_problems,
            _ => tree.show_keys = !tree.show_keys,
        }
    }
}

/// Moves to the next row of the tree that contains `find` (or, when that is empty, has a fault), around the end.
pub fn find_in_tree(state: &mut State, find: &str, cursor: usize, backwards: bool) {
    let Some(report) = state.report() else { return };
    let Screen::Code(tree) = state.screen() else { return };
    let nodes = view::nodes(report, tree);
    let marks = view::Marks::of(report);
    let fits = |node: &view::Node| {
        let codes = || node.slices.iter().filter_map(|&index| report.code.get(index));
        if find.is_empty() {
            codes().any(|code| marks.mark(code).0 > theme::Mark::Note)
        } else {
            node.path.to_lowercase().contains(find)
                || codes().any(|code| {
                    code.entitlements.iter().any(|key| key.to_lowercase().contains(find))
                        || code.team.iter().any(|team| team.to_lowercase().contains(find))
                })
        }
    };
    let count = nodes.len();
    let order = (1..=count).map(|n| if backwards { (cursor + count - n) % count } else { (cursor + n) % count });
    let found = order.into_iter().find(|&index| nodes.get(index).is_some_and(&fits));
    match found {
        Some(found) => reveal(state, found),
        None => state.notice = Some(if find.is_empty() { "no code has a fault".into() } else { format!("'{find}' is not here") }),
    }
}
