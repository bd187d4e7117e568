//! While an examination runs, and when it failed.

use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::Role;
use crate::tui::words;

/// Builds the page of a running examination.
pub fn build(state: &State, b: &mut Build) {
    let Some(running) = &state.running else {
        b.para(0, Role::Text, "Nothing is running.");
        return;
    };
    let progress = &running.progress;
    b.para(0, Role::Heading, &format!("Examining {}", running.name));
    b.blank();
    let bar_width = b.width().saturating_sub(24).min(48);
    let done = (progress.images_done * bar_width).checked_div(progress.images_total).unwrap_or(0).min(bar_width);
    let (full, empty) = ("━".repeat(done), "─".repeat(bar_width - done));
    let told = if progress.images_total == 0 {
        "looking for code".to_owned()
    } else {
        format!("{} of {}", progress.images_done, progress.images_total)
    };
    b.pieces(&[(Role::Accent, &full), (Role::Rule, &empty), (Role::Text, "  "), (Role::Text, &told)]);
    b.blank();
    for (label, value) in [
        ("files seen", progress.files.to_string()),
        ("code read", format!("{} of {}", progress.images_done, progress.images_total)),
        ("bytes read", words::size(progress.bytes)),
    ] {
        b.label((Role::Dim, label), 14, Role::Text, &value);
    }
    let room = b.width().saturating_sub(14);
    b.label((Role::Dim, "reading"), 14, Role::Text, &words::cut_path(&words::clean(&progress.current), room));
    b.blank();
    b.para(0, Role::Dim, "Files are only read; nothing is started, changed or sent. Esc stops and keeps what is there.");
}

/// Builds the page of a failed one.
pub fn failure(what: &str, why: &str, b: &mut Build) {
    b.pieces(&[(Role::Bad, "✗ not examined")]);
    b.para(2, Role::Heading, what);
    b.para(2, Role::Text, why);
    b.heading("What you can do");
    b.item(Target::OpenPath, |b| b.para(2, Role::Text, "Open another path"));
    b.item(Target::Interview, |b| b.para(2, Role::Text, "Find the issue by questions, without the app"));
    b.item(Target::Paste, |b| b.para(2, Role::Text, "Paste a crash report or a log: it is judged without the app, too"));
}
