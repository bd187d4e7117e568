//! A plan and a proof, for people.

use super::page::{Mark, Page};
use super::{Look, MOST};
use crate::fix::plan::Plan;
use crate::fix::prove::{FileLine, Proof};
use crate::fix::sign::quote_exact;
use crate::report::{Diagnosis, Remedy};
use std::path::Path;

/// Column of what a step says.
const COLUMN: usize = 5;

/// What would be done.
pub fn plan(diagnosis: &Diagnosis, remedy: &Remedy, plan: &Plan, look: Look) -> String {
    let mut page = Page::new(look);
    page.text(0, &diagnosis.summary);
    page.heading("Plan", if remedy.least { "the least change that mends this build" } else { remedy.rank });
    page.text(2, &remedy.title);
    if let Some(lost) = &remedy.weakens {
        page.text(2, &format!("gives away: {lost}"));
    }
    let mut number = 0;
    let mut step = |page: &mut Page, text: &str| {
        number += 1;
        page.blank();
        page.labelled(2, &format!("{number}."), COLUMN, text);
    };
    plan.manual.iter().for_each(|text| step(&mut page, &format!("By hand: {text}")));
    for edit in &plan.edits {
        step(&mut page, &format!("Write {} for {} ({})", edit.file.display(), edit.executable.display(), edit.from));
        page.verbatim(COLUMN, &edit.diff);
        edit.warnings.iter().for_each(|warning| page.text(COLUMN, &format!("note: {warning}")));
    }
    for (file, key, text) in &plan.info_plist {
        step(&mut page, &format!("Set {key} in {}: \"{text}\"", file.display()));
    }
    for sign in &plan.sign {
        step(&mut page, &format!("Sign: {}", sign.why));
        page.words(COLUMN, sign.exact.iter().map(|argument| quote_exact(argument)));
    }
    if !plan.cautions.is_empty() {
        page.heading("Know before", "");
        plan.cautions.iter().for_each(|caution| page.marked(2, Mark::Unwise, caution));
    }
    if !plan.check.is_empty() {
        page.heading("Check after", "'temper fix' does it for you");
        plan.check.iter().for_each(|argv| page.command(2, argv));
    }
    page.finish()
}

/// What was done, and whether it holds. `way_back` is the folder that undoing needs.
pub fn proof(proof: &Proof, way_back: &Path, look: Look) -> String {
    let mut page = Page::new(look);
    page.heading("Proof", &proof.app);
    let mark = |good| if good { Mark::Fine } else { Mark::Broken };
    let gone = if proof.gone { "gone" } else { "still there" };
    page.marked(2, mark(proof.gone), &format!("{gone}: {}", proof.mended.summary));
    if proof.gone && !proof.shown_by_bytes {
        page.below_mark(2, "only the report told of it: run the app once more to see it");
    }
    proof.new.iter().for_each(|new| page.marked(2, Mark::Broken, &format!("new: {}", new.summary)));
    for problem in proof.problems() {
        page.marked(2, Mark::Broken, &problem);
    }
    for keys in &proof.keys {
        let lists = [("signed in", &keys.landed), ("taken out", &keys.removed)];
        for (what, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            page.marked(2, Mark::Fine, &format!("{} ({}): {what}: {}", keys.executable, keys.arch, list.join(", ")));
        }
        if keys.kept > 0 && keys.dropped.is_empty() {
            let what = if keys.kept == 1 { "1 key kept".to_owned() } else { format!("{} keys kept", keys.kept) };
            page.marked(2, Mark::Fine, &format!("{} ({}): {what}", keys.executable, keys.arch));
        }
    }
    let valid = proof.signatures.iter().filter(|line| line.after == "valid").count();
    let signatures = format!("{valid} of {} signatures valid", proof.signatures.len());
    page.marked(2, mark(valid == proof.signatures.len()), &signatures);
    page.marked(2, Mark::Fine, &format!("{} files are the same, {} changed", proof.same_files, proof.files.len()));
    proof.files.iter().take(MOST).for_each(|file| page.below_mark(2, &file_line(file)));
    if proof.files.len() > MOST {
        page.below_mark(2, &format!("and {} more: they are in the JSON proof", proof.files.len() - MOST));
    }
    proof.notary.iter().for_each(|line| page.marked(2, Mark::Unwise, &format!("the notary service would refuse: {line}")));
    if !proof.other.is_empty() {
        page.heading("Still there, and another matter", "");
        proof.other.iter().for_each(|other| page.text(2, &format!("{} ({})", other.summary, other.confidence)));
    }
    page.heading("Way back", "");
    page.command(2, &["temper".into(), "undo".into(), crate::fix::sign::operand(Path::new(&proof.app))]);
    page.text(2, &format!("It needs {}. Remove that folder when you keep the fix for good.", way_back.display()));
    page.finish()
}

fn file_line(file: &FileLine) -> String {
    let short = |hash: &Option<String>| hash.as_deref().and_then(|hash| hash.get(..12)).unwrap_or("nothing").to_owned();
    let name = if file.path.is_empty() { "the file" } else { &file.path };
    let why = file.why.as_deref().unwrap_or("by no step");
    format!("{} {name} ({why}): {} → {}", file.change, short(&file.before), short(&file.after))
}
