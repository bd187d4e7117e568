//! After a fix: before and after, side by side, and the way back.

use crate::fix::prove::{FileLine, Keys, Proof, SignatureLine};
use crate::tui::page::Build;
use crate::tui::state::{Fixed, Since, State};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;

/// Columns of what a row is about.
const LABEL: usize = 11;
/// Blanks between before and after.
const GAP: usize = 2;
/// Files and signatures that are listed; the saved proof has all.
const MOST: usize = 20;

/// Builds the page; `asks`: whether to take the fix back.
pub fn build(fixed: &Fixed, asks: bool, b: &mut Build) {
    let proof = &fixed.proof;
    since(fixed, asks, b);
    match fixed.since {
        Since::Undone => b.para(0, Role::Dim, "What the fix was:"),
        _ => verdict(proof, b),
    }
    b.blank();
    row(("", Role::Dim), ("before", Role::Heading), ("after", Role::Heading), b);
    refusals(proof, b);
    proof.keys.iter().for_each(|keys| entitlements(keys, b));
    signatures(proof, b);
    files(proof, b);
    b.second_block();
    beside(fixed, b);
}

/// Elsewhere: which fix was done and can be taken back.
pub fn standing(state: &State, b: &mut Build) {
    let Some(fixed) = state.standing_fix() else { return };
    let done = if fixed.proof.holds { "Mended by Temper" } else { "Signed by Temper, not mended" };
    b.para(0, Role::Dim, &format!("{done}: {}. u takes it back, P shows its proof.", fixed.offer.app.to_string_lossy()));
    b.blank();
}

/// What became of it, or what is asked.
fn since(fixed: &Fixed, asks: bool, b: &mut Build) {
    let app = fixed.offer.app.to_string_lossy();
    let undoing = match fixed.in_place {
        true => format!("Put the app back to {app} as it was, byte for byte?  y yes   n no"),
        false => format!("Make the copy {app} what the app was, byte for byte?  y yes   n no"),
    };
    match &fixed.since {
        _ if asks => b.para(0, Role::Heading, &undoing),
        Since::Stands => return,
        Since::Undoing(_) => b.para(0, Role::Dim, "Taking it back…"),
        Since::Undone => b.marked(Mark::Fine, Role::Good, &format!("fine: taken back: {app} is what the app was, byte for byte.")),
        Since::NotUndone(why) => b.marked(Mark::Broken, Role::Bad, &format!("broken: not taken back: {why}")),
    }
    b.blank();
}

fn verdict(proof: &Proof, b: &mut Build) {
    if proof.holds {
        b.marked(Mark::Fine, Role::Good, "fine: mended. The refusal is gone, and nothing else has changed.");
    } else {
        b.marked(Mark::Broken, Role::Bad, "broken: not as it should be:");
    }
    if !proof.gone {
        b.marked(Mark::Broken, Role::Bad, &format!("broken: still there: {}", proof.mended.summary));
    }
    proof.new.iter().for_each(|new| b.marked(Mark::Broken, Role::Bad, &format!("broken: new: {}", new.summary)));
    proof.problems().iter().for_each(|problem| b.marked(Mark::Broken, Role::Bad, &format!("broken: {problem}")));
    if proof.gone && !proof.shown_by_bytes {
        b.marked(Mark::Note, Role::Text, "note: only the report told of it; run the app once more to see it");
    }
}

fn refusals(proof: &Proof, b: &mut Build) {
    let after = if proof.gone { ("gone", Role::Good) } else { ("still there", Role::Bad) };
    row(("refusal", Role::Dim), (&proof.mended.summary, Role::Text), after, b);
}

fn entitlements(keys: &Keys, b: &mut Build) {
    b.blank();
    b.pieces(&[(Role::Dim, &words::cut_path(&words::clean(&format!("{} ({})", keys.executable, keys.arch)), b.width()))]);
    let mut label = "keys";
    let mut one = |before: (&str, Role), after: (&str, Role)| {
        row((label, Role::Dim), before, after, b);
        label = "";
    };
    keys.landed.iter().for_each(|key| one(("not there", Role::Dim), (&format!("signed in: {key}"), Role::Add)));
    keys.removed.iter().for_each(|key| one((key, Role::Remove), ("taken out", Role::Dim)));
    keys.dropped.iter().for_each(|key| one((&format!("{key}, wanted"), Role::Text), ("not signed in", Role::Bad)));
    keys.unasked.iter().for_each(|key| one(("not there", Role::Dim), (&format!("{key}, and nobody asked for it"), Role::Bad)));
    if keys.kept > 0 {
        one((&words::count(keys.kept, "key", "keys"), Role::Text), ("the same", Role::Text));
    }
    if keys.kept + keys.landed.len() + keys.removed.len() + keys.dropped.len() + keys.unasked.len() == 0 {
        one(("none", Role::Dim), ("none", Role::Dim));
    }
}

fn signatures(proof: &Proof, b: &mut Build) {
    b.blank();
    let valid = |side: fn(&SignatureLine) -> &str| proof.signatures.iter().filter(|line| side(line) == "valid").count();
    let all = proof.signatures.len();
    let (before, after) = (valid(|line| &line.before), valid(|line| &line.after));
    let role = if after == all { Role::Good } else { Role::Bad };
    row(("signatures", Role::Dim), (&format!("{before} of {all} valid"), Role::Text), (&format!("{after} of {all} valid"), role), b);
    let other = proof.signatures.iter().filter(|line| line.before != "valid" || line.after != "valid");
    for line in other.take(MOST) {
        let before = format!("{} ({}): {}", line.path, line.arch, line.before);
        row(("", Role::Dim), (&before, Role::Text), (&line.after, if line.after == "valid" { Role::Good } else { Role::Bad }), b);
    }
}

fn files(proof: &Proof, b: &mut Build) {
    b.blank();
    let same = words::count(proof.same_files, "file", "files");
    row(("files", Role::Dim), (&same, Role::Text), ("the same", Role::Good), b);
    proof.files.iter().take(MOST).for_each(|file| one_file(file, b));
    if proof.files.len() > MOST {
        b.para(LABEL, Role::Dim, &format!("and {} more: they are in the saved proof (M)", proof.files.len() - MOST));
    }
}

fn one_file(file: &FileLine, b: &mut Build) {
    let short = |hash: &Option<String>| hash.as_deref().and_then(|hash| hash.get(..12)).unwrap_or("nothing").to_owned();
    let name = if file.path.is_empty() { "the file" } else { &file.path };
    let before = format!("{name}: {}", short(&file.before));
    let after = match &file.why {
        Some(why) => (format!("{}: {}", short(&file.after), why), Role::Text),
        None => (format!("{} {}, by no step", short(&file.after), file.change), Role::Bad),
    };
    row(("", Role::Dim), (&before, Role::Text), (&after.0, after.1), b);
}

/// What to know, what to do next, the way back.
fn beside(fixed: &Fixed, b: &mut Build) {
    let proof = &fixed.proof;
    let app = fixed.offer.app.to_string_lossy();
    b.heading(if fixed.in_place { "The mended app" } else { "The mended copy" });
    b.para(0, Role::Text, &app);
    if !proof.notary.is_empty() {
        b.heading("Before it is shipped");
        proof
            .notary
            .iter()
            .for_each(|line| b.marked(Mark::Unwise, Role::Unwise, &format!("unwise: the notary service would refuse: {line}")));
    }
    if !proof.other.is_empty() {
        b.heading("Still there, and another matter");
        proof.other.iter().for_each(|other| b.para(0, Role::Text, &format!("{} ({})", other.summary, other.confidence)));
    }
    b.heading("Way back");
    if fixed.since == Since::Undone {
        b.para(0, Role::Text, "It was gone already: the fix is taken back.");
        return;
    }
    b.para(0, Role::Text, &format!("u, here or on the answer. Once Temper is left: temper undo {}", crate::fix::sign::quote(&app)));
    let folder = fixed.offer.way_back.to_string_lossy();
    b.para(0, Role::Dim, &format!("It needs {folder}. Remove that folder when you keep the fix for good."));
}

/// What it is about, and both sides of it; each cell wraps in its own column.
fn row(label: (&str, Role), before: (&str, Role), after: (&str, Role), b: &mut Build) {
    let room = b.width().saturating_sub(LABEL + GAP);
    let left = room / 2;
    let cells = [(words::wrap(&words::clean(before.0), left)), (words::wrap(&words::clean(after.0), room - left))];
    for number in 0..cells[0].len().max(cells[1].len()) {
        let cell = |cell: &[String]| cell.get(number).cloned().unwrap_or_default();
        let lead = if number == 0 { label.0 } else { "" };
        b.pieces(&[
            (label.1, &words::fit(lead, LABEL)),
            (before.1, &words::fit(&cell(&cells[0]), left)),
            (Role::Text, &" ".repeat(GAP)),
            (after.1, &cell(&cells[1])),
        ]);
    }
}
