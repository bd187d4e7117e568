//! What if: the keys of one executable with the state of each, and beside them what the switched ones would change.

use crate::keys::short;
use crate::tui::page::{Build, Target};
use crate::tui::state::{State, TryOut};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;
use crate::whatif::{self, Outcome, Row, Standing};

/// Columns of the state of a key.
const STANDING: usize = 11;

/// Builds the page.
pub fn build(state: &State, tryout: &TryOut, b: &mut Build) {
    let executables = whatif::executables(&tryout.before.report);
    let Some(executable) = executables.get(tryout.executable) else { return };
    let of = format!("{} of {}", tryout.executable + 1, executables.len());
    b.ends(&[(Role::Heading, &words::cut_path(&words::clean(executable), b.width().saturating_sub(of.len() + 2)))], (Role::Dim, &of));
    if tryout.asked.is_none() && tryout.change.entitlements.is_empty() {
        b.para(0, Role::Dim, "Enter switches a key; nothing is written.");
    } else {
        in_short(&tryout.outcome, tryout.asked.is_some(), b);
    }
    b.blank();
    for row in whatif::rows(&tryout.before.report, tryout.after(), executable) {
        b.item(Target::Switch(row.key.clone()), |b| one(&row, b));
    }
    b.second_block();
    outcome(state, tryout, executable, b);
}

/// One row, so that the keys below keep their place while they are switched: the whole stands beside them, or below.
fn in_short(found: &Outcome, is_asked: bool, b: &mut Build) {
    if is_asked {
        return b.para(0, Role::Dim, "deciding anew …");
    }
    let gone = words::count(found.gone.len(), "refusal vanishes", "refusals vanish");
    let left = words::count(found.left.len() + found.new.len(), "is left", "are left");
    let odd = found.senseless.len() + found.reviewers.len();
    let mut pieces = vec![
        (Mark::Fine.role(), format!("{} {gone}   ", Mark::Fine.sign())),
        (Mark::Broken.role(), format!("{} {left}   ", Mark::Broken.sign())),
    ];
    if !found.opens.is_empty() {
        let opens = words::count(found.opens.len(), "key opens something", "keys open something");
        pieces.push((Mark::Unwise.role(), format!("{} {opens}   ", Mark::Unwise.sign())));
    }
    if odd > 0 {
        pieces.push((Mark::Note.role(), format!("{} {}", Mark::Note.sign(), words::count(odd, "remark", "remarks"))));
    }
    b.pieces(&pieces.iter().map(|(role, text)| (*role, text.as_str())).collect::<Vec<_>>());
}

fn one(row: &Row, b: &mut Build) {
    let sign = match (row.switches, row.is) {
        (false, _) => "[=]",
        (true, true) => "[x]",
        (true, false) => "[ ]",
    };
    let changed = match (row.was, row.is) {
        (true, false) => "switched off",
        (false, true) => "switched on",
        _ => "",
    };
    let role = match row.standing {
        Standing::Needed => Mark::Fine.role(),
        Standing::Missing => Mark::Broken.role(),
        Standing::Excess | Standing::Redundant | Standing::Inert => Mark::Unwise.role(),
        Standing::Possible => Mark::Unknown.role(),
        Standing::Present | Standing::Absent => Role::Dim,
    };
    let name = short(&row.key);
    let text = if row.is || !row.switches { Role::Heading } else { Role::Text };
    b.ends(&[(text, sign), (Role::Text, " "), (role, &words::fit(row.standing.word(), STANDING)), (text, name)], (Role::Accent, changed));
}

fn outcome(state: &State, tryout: &TryOut, executable: &str, b: &mut Build) {
    b.heading("What would change");
    if tryout.asked.is_some() {
        return b.para(0, Role::Dim, "deciding anew …");
    }
    if tryout.change.entitlements.is_empty() {
        b.para(0, Role::Dim, "Nothing is switched yet.");
    }
    refusals(&tryout.outcome, tryout.change.entitlements.is_empty(), b);
    texts(&tryout.outcome, b);
    match whatif::diff(&tryout.before.evidence, executable, &tryout.change) {
        Ok(diff) if diff.is_empty() => {}
        Ok(diff) => {
            b.heading("The file (y copies it)");
            super::mend::diff(&diff, b);
        }
        Err(why) => b.marked(Mark::Unknown, Role::Text, &format!("the entitlements cannot be edited as they are: {why}")),
    }
    if state.examination.as_ref().is_some_and(|now| !std::sync::Arc::ptr_eq(now, &tryout.before)) {
        b.blank();
        b.para(0, Role::Dim, "The app was examined again since this was opened: go back and open it anew.");
    }
}

fn refusals(found: &Outcome, unchanged: bool, b: &mut Build) {
    for words in &found.gone {
        b.marked(Mark::Fine, Role::Text, &format!("vanishes: {words}"));
    }
    for words in &found.new {
        b.marked(Mark::Broken, Role::Text, &format!("new: {words}"));
    }
    for words in &found.left {
        b.marked(Mark::Broken, Role::Text, &if unchanged { words.clone() } else { format!("stays: {words}") });
    }
    if found.gone.is_empty() && found.new.is_empty() && found.left.is_empty() {
        b.marked(Mark::Fine, Role::Text, "no refusal is known, with or without these keys");
    }
}

fn texts(found: &Outcome, b: &mut Build) {
    for (heading, keys) in [("What it opens", &found.opens), ("What it closes again", &found.closes)] {
        if !keys.is_empty() {
            b.heading(heading);
            keys.iter().for_each(|(key, words)| b.marked(Mark::Unwise, Role::Text, &format!("{}: {words}", short(key))));
        }
    }
    for (heading, lines, mark) in
        [("Makes no sense together", &found.senseless, Mark::Unwise), ("Notary and App Store", &found.reviewers, Mark::Note)]
    {
        if !lines.is_empty() {
            b.heading(heading);
            lines.iter().for_each(|line| b.marked(mark, Role::Text, line));
        }
    }
}
