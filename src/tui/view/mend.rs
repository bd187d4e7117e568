//! The walk: choose a remedy, write the entitlements, sign inside out, check again. Each step shows exactly what will happen, asks, then shows what happened.

use crate::fix::plan::{FileEdit, Plan};
use crate::fix::sign::command_line;
use crate::report::{Diagnosis, Remedy};
use crate::tui::page::{Build, Target};
use crate::tui::state::{Mend, Outcome, Planning, Stage, State};
use crate::tui::theme::{Mark, Role};

const LABEL: usize = 13;

/// Builds the page.
pub fn build(state: &State, mend: &Mend, b: &mut Build) {
    let Some(diagnosis) = state.report().and_then(|report| report.diagnoses.get(mend.diagnosis)) else { return };
    steps(mend, b);
    b.blank();
    super::proof::standing(state, b);
    match (mend.stage, mend.plan()) {
        (Stage::Write(edit), Some(plan)) => write(mend, plan, edit, b),
        (Stage::Build, Some(_)) => paste(mend, b),
        (Stage::ByHand, Some(plan)) => by_hand(plan, b),
        (Stage::Sign, Some(plan)) => sign(plan, b),
        (Stage::Check, Some(plan)) => check(plan, b),
        _ => remedies(mend, diagnosis, b),
    }
}

/// One row: what is done, where one is, what comes.
fn steps(mend: &Mend, b: &mut Build) {
    let mut pieces: Vec<(Role, String)> = Vec::new();
    let here = mend.position();
    let stages = mend.stages();
    for (number, stage) in stages.iter().enumerate() {
        if number > 0 {
            pieces.push((Role::Dim, "  ›  ".into()));
        }
        let name = match stage {
            Stage::Remedy => "remedy",
            Stage::Write(_) => "entitlements",
            Stage::Build => "build system",
            Stage::ByHand => "by hand",
            Stage::Sign => "sign",
            Stage::Check => "check again",
        };
        let is_done = match stage {
            Stage::Remedy => here > 0,
            Stage::Write(edit) => mend.outcomes.get(*edit).is_some_and(Outcome::is_written),
            _ => number < here,
        };
        match (number == here, is_done) {
            (true, _) => pieces.push((Role::Accent, format!("▸ {} {name}", number + 1))),
            (false, true) => pieces.push((Role::Good, format!("✓ {} {name}", number + 1))),
            (false, false) => pieces.push((Role::Dim, format!("{} {name}", number + 1))),
        }
    }
    if stages.len() == 1 {
        pieces.push((Role::Dim, "  ›  entitlements  ›  sign  ›  check again".into()));
    }
    let pieces: Vec<(Role, &str)> = pieces.iter().map(|(role, text)| (*role, text.as_str())).collect();
    b.pieces(&pieces);
}

fn remedies(mend: &Mend, diagnosis: &Diagnosis, b: &mut Build) {
    match &mend.planning {
        Planning::Asked(_) => b.para(0, Role::Dim, "Making the plan…"),
        Planning::Failed(why) => b.marked(Mark::Broken, Role::Bad, &format!("broken: no plan can be made: {why}")),
        Planning::Open | Planning::Ready(_) => {}
    }
    if diagnosis.remedies.is_empty() {
        b.para(0, Role::Text, "No way to mend this is known. The explanation (x) says why macOS refuses it.");
        return;
    }
    b.pieces(&[(Role::Heading, "Ways to mend it, in rank order")]);
    for (number, remedy) in diagnosis.remedies.iter().enumerate() {
        b.blank();
        b.item(Target::Remedy(number), |b| way(remedy, number == mend.place.cursor, b));
    }
    b.second_block();
    if !b.is_wide() {
        return;
    }
    let selected = diagnosis.remedies.get(mend.place.cursor);
    if let Some(explanation) = selected.and_then(|remedy| remedy.explanation.as_deref()) {
        b.heading("Why it mends");
        b.para(0, Role::Text, explanation);
    }
}

/// A remedy: rank and title; what it changes and gives away, or why it does not apply. The selected one is explained too; all of them would fill the screen.
fn way(remedy: &Remedy, is_selected: bool, b: &mut Build) {
    let role = if remedy.applies { Role::Heading } else { Role::Dim };
    let note = match (remedy.applies, remedy.least, remedy.needs_new_code) {
        (false, _, _) => " (not here)",
        (true, true, _) => " (the least change)",
        (true, false, true) => " (needs new code)",
        (true, false, false) => "",
    };
    b.label((Role::Dim, remedy.rank), LABEL, role, &format!("{}{note}", remedy.title));
    if !remedy.applies {
        let why = remedy.why_not.as_deref().unwrap_or("its conditions do not hold here");
        b.label((Role::Unknown, "  why not"), LABEL, Role::Text, why);
    }
    if remedy.applies {
        changes(remedy, b);
    }
    match &remedy.weakens {
        Some(weakens) if remedy.applies || is_selected => b.label((Role::Unwise, "▲ gives away"), LABEL, Role::Unwise, weakens),
        None if remedy.applies => b.label((Role::Dim, "  gives away"), LABEL, Role::Dim, "nothing"),
        _ => {}
    }
    if let Some(explanation) = remedy.explanation.as_deref().filter(|_| is_selected && !b.is_wide()) {
        b.para(2, Role::Dim, explanation);
    }
}

/// What a remedy changes, and where.
fn changes(remedy: &Remedy, b: &mut Build) {
    for key in &remedy.add_entitlements {
        b.label((Role::Add, "  + add"), LABEL, Role::Text, key);
    }
    for key in &remedy.remove_entitlements {
        b.label((Role::Remove, "  - take out"), LABEL, Role::Text, key);
    }
    for key in &remedy.add_info_plist {
        b.label((Role::Add, "  + Info.plist"), LABEL + 2, Role::Text, key);
    }
    for (number, on) in remedy.on.iter().chain(&remedy.also_on).enumerate() {
        b.label((Role::Dim, if number == 0 { "  on" } else { "" }), LABEL, Role::Dim, on);
    }
}

fn write(mend: &Mend, plan: &Plan, edit: usize, b: &mut Build) {
    let Some(change) = plan.edits.get(edit) else { return };
    let outcome = mend.outcomes.get(edit).unwrap_or(&Outcome::Open);
    let file = change.file.to_string_lossy();
    b.label((Role::Dim, "for"), 6, Role::Text, &change.executable.to_string_lossy());
    b.label((Role::Dim, "file"), 6, Role::Heading, &file);
    let from = if change.from.is_empty() { "a new file" } else { &change.from };
    b.label((Role::Dim, "was"), 6, Role::Text, from);
    for warning in &change.warnings {
        b.marked(Mark::Unwise, Role::Unwise, &format!("unwise: {warning}"));
    }
    b.blank();
    said(&file, outcome, true, b);
    if change.diff.is_empty() {
        b.item(Target::Edit, |b| b.para(0, Role::Text, "The file holds what is needed already; there is nothing to write. Enter goes on."));
    } else {
        b.item(Target::Edit, |b| diff(&change.diff, b));
    }
    b.second_block();
    whole_file(change, b);
}

/// What became of an edit, or what is asked about it.
fn said(file: &str, outcome: &Outcome, goes_on: bool, b: &mut Build) {
    match outcome {
        Outcome::Open => {}
        Outcome::Asking => b.para(0, Role::Heading, &format!("Write {file} with exactly this change?  y yes   n no")),
        Outcome::Writing(_) => b.para(0, Role::Dim, "Writing…"),
        Outcome::Written if goes_on => b.marked(Mark::Fine, Role::Good, &format!("fine: {file} is written. Enter goes to the next step.")),
        Outcome::Written => b.marked(Mark::Fine, Role::Good, &format!("fine: {file} is written. u takes it back.")),
        Outcome::Refused(why) => b.marked(Mark::Broken, Role::Bad, &format!("broken: not written, nothing was changed: {why}")),
        Outcome::AskingBack => {
            b.para(0, Role::Heading, &format!("Take back exactly this change of {file}, so that it is as it was before?  y yes   n no"));
        }
        Outcome::TakingBack(_) => b.para(0, Role::Dim, "Taking it back…"),
        Outcome::Kept(why) => b.marked(Mark::Broken, Role::Bad, &format!("broken: not taken back, the file is as it is: {why}")),
    }
}

pub(super) fn diff(diff: &str, b: &mut Build) {
    for line in diff.lines() {
        let role = diff_role(line);
        // Nothing of what is confirmed may be cut: long lines go on below.
        for part in crate::tui::words::break_anywhere(&crate::tui::words::clean(line), b.width()) {
            b.pieces(&[(role, &part)]);
        }
    }
}

pub(super) fn diff_role(line: &str) -> Role {
    match line.chars().next() {
        _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") => Role::Dim,
        Some('+') => Role::Add,
        Some('-') => Role::Remove,
        _ => Role::Text,
    }
}

/// Beside the diff, on a wide screen: the file as it will be.
fn whole_file(change: &FileEdit, b: &mut Build) {
    if !b.is_wide() {
        return;
    }
    b.heading("The whole file afterwards");
    for line in change.after.lines() {
        b.pieces(&[(Role::Text, line)]);
    }
}

/// The same fix in the words of the build systems that were recognised; while one change is asked about, that change alone.
fn paste(mend: &Mend, b: &mut Build) {
    let asked = mend.asked_paste();
    if asked.is_none() {
        b.pieces(&[(Role::Heading, "The same in your project")]);
        let can_write = mend.paste.iter().any(|paste| paste.edit.is_some());
        let how = if can_write {
            "A makes the selected change of a file (asks first); y copies one, Y all."
        } else {
            "y copies one, Y all; Temper writes none of these."
        };
        b.para(0, Role::Dim, how);
    }
    for (number, paste) in mend.paste.iter().enumerate() {
        if asked.is_some_and(|asked| asked != number) {
            continue;
        }
        b.blank();
        if let Some((name, why)) = &paste.system {
            b.label((Role::Heading, name), LABEL, Role::Dim, &format!("because {why}"));
            b.blank();
        }
        b.item(Target::Words(paste.text.clone()), |b| {
            b.para(0, Role::Text, &paste.title);
            if let Some(edit) = &paste.edit {
                said(&edit.file.to_string_lossy(), &paste.outcome, false, b);
            }
            for line in paste.text.lines() {
                for part in crate::tui::words::break_anywhere(&crate::tui::words::clean(line), b.width().saturating_sub(2)) {
                    b.pieces(&[(Role::Text, "  "), (if paste.is_diff { diff_role(line) } else { Role::Quote }, &part)]);
                }
            }
        });
    }
}

fn by_hand(plan: &Plan, b: &mut Build) {
    b.pieces(&[(Role::Heading, "To do by hand")]);
    for (number, what) in plan.manual.iter().enumerate() {
        b.item(Target::Words(what.clone()), |b| b.label((Role::Dim, &format!("{}.", number + 1)), 4, Role::Text, what));
    }
    for (file, key, text) in &plan.info_plist {
        b.blank();
        let lines = format!("<key>{key}</key>\n<string>{text}</string>");
        b.item(Target::Words(lines), |b| {
            b.label((Role::Dim, "in"), 4, Role::Text, &file.to_string_lossy());
            b.label((Role::Add, "+"), 4, Role::Text, &format!("<key>{key}</key>"));
            b.label((Role::Add, "+"), 4, Role::Text, &format!("<string>{text}</string>"));
        });
    }
    b.blank();
    b.para(
        0,
        Role::Dim,
        "The text is shown to the user when macOS asks: say in it what the app does with what it gets. Temper does not write these files.",
    );
}

fn sign(plan: &Plan, b: &mut Build) {
    let total = plan.sign.len();
    let heading = format!("{}, inside out", crate::tui::words::count(total, "command", "commands"));
    b.pieces(&[(Role::Heading, &heading)]);
    b.para(
        0,
        Role::Dim,
        "A does all of it on a copy beside the app (asks first; who signs is chosen there). Or by you: y copies one, Y all.",
    );
    for caution in &plan.cautions {
        b.marked(Mark::Unwise, Role::Unwise, &format!("unwise: {caution}"));
    }
    for (number, step) in plan.sign.iter().enumerate() {
        b.blank();
        b.item(Target::Command(number), |b| {
            let object = if step.object.as_os_str().is_empty() { "the whole app".into() } else { step.object.to_string_lossy() };
            b.label((Role::Dim, &format!("{}.", number + 1)), 4, Role::Text, &format!("{object}: {}", step.why));
            b.para(4, Role::Quote, &command_line(&step.argv));
        });
    }
}

fn check(plan: &Plan, b: &mut Build) {
    b.item(Target::Check, |b| {
        b.para(0, Role::Heading, "Examine it again");
        b.para(0, Role::Text, "Enter reads the same target again and shows what was and what is.");
    });
    if plan.check.is_empty() {
        return;
    }
    b.heading("On a Mac, these check it too");
    for (number, argv) in plan.check.iter().enumerate() {
        b.item(Target::Command(number), |b| b.para(2, Role::Quote, &command_line(argv)));
    }
    if plan.after.is_empty() {
        return;
    }
    b.heading("Then prove it, and ship it");
    let mut number = plan.check.len();
    for after in &plan.after {
        if after.argv.is_empty() {
            b.para(0, Role::Text, &after.text);
            continue;
        }
        b.item(Target::Command(number), |b| {
            b.para(0, Role::Text, &after.text);
            b.para(2, Role::Quote, &command_line(&after.argv));
        });
        number += 1;
    }
}
