//! Asks for a path, with the folder's entries below the line.

use crate::system::EntryKind;
use crate::tui::page::{Build, Target};
use crate::tui::state::{Open, Purpose, State};
use crate::tui::theme::Role;
use crate::tui::words;
use std::path::PathBuf;

/// Row of the page on which the line of input stands.
pub const LINE_ROW: usize = 1;
/// Entries shown; the rest needs a longer name.
const MOST_ENTRIES: usize = 200;

/// The entries that fit what is typed: path, and whether it is a folder to go into.
pub fn shown_entries(open: &Open) -> Vec<(PathBuf, bool)> {
    let Some((_, entries)) = &open.listing else { return Vec::new() };
    let typed = open.input.value().rsplit('/').next().unwrap_or_default().to_lowercase();
    let fits = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with(&typed));
    entries.iter().filter(|(path, _)| fits(path)).take(MOST_ENTRIES).map(|(path, kind)| (path.clone(), is_folder(path, *kind))).collect()
}

/// A folder one goes into. A bundle is one thing to its user, and opened whole.
fn is_folder(path: &std::path::Path, kind: EntryKind) -> bool {
    let bundle = ["app", "framework", "xpc", "appex", "bundle", "plugin", "component", "vst", "vst3", "kext", "xcarchive"];
    let is_bundle = path.extension().is_some_and(|extension| bundle.iter().any(|known| extension.eq_ignore_ascii_case(known)));
    kind == EntryKind::Directory && !is_bundle
}

/// Builds the page.
pub fn build(state: &State, open: &Open, b: &mut Build) {
    let ask = match open.purpose {
        Purpose::Examine => "Path of an app, a file of code, a crash report or a log",
        Purpose::SaveCase => "File to save the case to (a new one)",
        Purpose::SaveProof => "File to save the proof to (a new one)",
        Purpose::SignWith => "PKCS #12 file (.p12) with certificate and key",
        Purpose::WriteTo(_) => "Entitlements file to write (one that is there is edited)",
    };
    b.pieces(&[(Role::Heading, ask)]);
    b.item(Target::Line, |b| b.pieces(&[(Role::Text, " ")]));
    b.blank();
    if let (Purpose::Examine, Some(report)) = (open.purpose, state.report()) {
        let name = super::title::target_name(&report.target);
        b.para(0, Role::Dim, &format!("A report or log is added to {name}; anything else is examined instead of it."));
    }
    if open.purpose == Purpose::SignWith {
        b.para(0, Role::Dim, "It is only named here. Its password is asked for next, on a line that shows nothing of it.");
    }
    let entries = shown_entries(open);
    if open.listing.is_none() {
        b.para(0, Role::Dim, "Type a path; a dragged file works too. Tab completes it.");
    }
    for (path, is_folder) in entries {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let name = words::cut(&words::clean(&name), b.width().saturating_sub(1));
        let slash = if is_folder { "/" } else { "" };
        b.item(Target::Entry(path, is_folder), |b| b.pieces(&[(Role::Text, &name), (Role::Dim, slash)]));
    }
}
