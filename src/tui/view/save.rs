//! Before the case is saved: what will be in the file, and what will not.

use crate::tui::page::{Build, Target};
use crate::tui::state::{Outcome, Save};
use crate::tui::theme::{Mark, Role};

/// Builds the page.
pub fn build(save: &Save, b: &mut Build) {
    let file = save.path.to_string_lossy();
    b.label((Role::Dim, "file"), 6, Role::Heading, &file);
    b.label((Role::Dim, "was"), 6, Role::Text, "a new file; one that is there is never replaced");
    b.blank();
    let what = if save.proof.is_some() { "proof" } else { "case" };
    match &save.outcome {
        Outcome::Writing(_) => b.para(0, Role::Dim, "Writing…"),
        Outcome::Refused(why) => {
            b.marked(Mark::Broken, Role::Bad, &format!("broken: not written: {why}"));
            b.para(0, Role::Heading, "Try again?  y yes   n no");
        }
        _ => b.para(0, Role::Heading, &format!("Write {file} with this {what}?  y yes   n no")),
    }
    b.blank();
    if let Some(proof) = &save.proof {
        return super::mend::diff(&crate::proof::markdown(proof), b);
    }
    b.item(Target::Words(file.into_owned()), |b| {
        b.para(0, Role::Text, "In it: what Temper read of the code and of the evidence, line by line as far as it was understood, and the verdict.");
        b.para(0, Role::Text, "Replaced, everywhere the same way: user names, names of machines, names in certificates, team identifiers, bundle identifiers.");
        b.para(0, Role::Text, "Kept, since the verdict needs it: names of programs and files, entitlement keys, UUIDs and hashes of code, versions, dates.");
        b.para(0, Role::Text, "Not in it: code, contents of files, whole reports, certificates.");
    });
    b.blank();
    b.para(0, Role::Dim, "Read it before you send it to somebody: it is one JSON file. Open it again with O, or with 'temper FILE'.");
}
