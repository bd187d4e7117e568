//! Before and while a fix is done: exactly what will be done, then each step as it goes.

use crate::fix::apply::{Done, Step};
use crate::fix::sign::command_line_exact;
use crate::tui::page::{Build, Target};
use crate::tui::state::{FixOffer, FixPage, FixRun, FixStage, SignWith, Stopped};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;

const LABEL: usize = 10;
/// Lines of a command's output that are shown; the proof has all.
const MOST_LINES: usize = 40;

/// Builds the page.
pub fn build(page: &FixPage, b: &mut Build) {
    match &page.stage {
        FixStage::Preparing(_) => b.para(0, Role::Dim, "Looking what would be done…"),
        FixStage::Refused(why) => refused(page, why, b),
        FixStage::Asking(offer) => asking(page, offer, b),
        FixStage::Running(run) => running(run, b),
        FixStage::Stopped(run, stopped) => stopped_page(run, stopped, b),
    }
}

fn refused(page: &FixPage, why: &str, b: &mut Build) {
    b.marked(Mark::Broken, Role::Bad, "broken: Temper cannot do it so. Nothing was done.");
    b.blank();
    b.para(0, Role::Text, why);
    b.blank();
    let place = if page.order.in_place { "on a copy" } else { "in place" };
    b.para(
        0,
        Role::Dim,
        &format!("Esc goes back to the commands: y copies one, Y all, to run them where they can be run. i tries it {place}, I chooses who signs."),
    );
}

fn asking(page: &FixPage, offer: &FixOffer, b: &mut Build) {
    let yes = if page.wants_password() { "yes, with its password" } else { "yes" };
    b.para(0, Role::Heading, &format!("Do exactly this?  y {yes}   n no"));
    b.blank();
    let app = offer.app.to_string_lossy();
    let place = match page.order.in_place {
        true => format!("in place: {app}; the app as it was is kept beside it"),
        false => format!("on a copy: {app}; the app itself is only read"),
    };
    b.label((Role::Dim, "where"), LABEL, Role::Text, &place);
    b.label((Role::Dim, "signer"), LABEL, Role::Text, &format!("{}, the first in PATH", offer.signer));
    b.label((Role::Dim, "identity"), LABEL, Role::Text, &format!("{}; I chooses who signs", offer.identity));
    if let SignWith::File(_) = page.order.sign_with {
        let password = match page.has_password {
            true => "typed; it goes to rcodesign by standard input, and is overwritten after it",
            false => "not typed yet; y asks for it first",
        };
        b.label((Role::Dim, "password"), LABEL, Role::Text, password);
    }
    b.label(
        (Role::Dim, "way back"),
        LABEL,
        Role::Text,
        &format!("u afterwards, or 'temper undo'; it needs {}", offer.way_back.to_string_lossy()),
    );
    b.heading("Steps, in this order");
    for (number, step) in offer.steps.iter().enumerate() {
        b.item(Target::Command(number), |b| one(number, step, true, b));
    }
    b.blank();
    b.label((Role::Dim, "run in"), LABEL, Role::Dim, &offer.folder.to_string_lossy());
    b.second_block();
    if !offer.cautions.is_empty() {
        b.heading("Know before");
        offer.cautions.iter().for_each(|caution| b.marked(Mark::Unwise, Role::Unwise, &format!("unwise: {caution}")));
    }
}

/// A step: what it is, the exact command, the exact difference.
fn one(number: usize, step: &Step, with_diff: bool, b: &mut Build) {
    b.label((Role::Dim, &format!("{}.", number + 1)), 4, Role::Text, &step.text);
    if !step.argv().is_empty() {
        b.para(4, Role::Quote, &command_line_exact(step.argv()));
    }
    if with_diff {
        for line in step.diff.lines() {
            for part in words::break_anywhere(&words::clean(line), b.width().saturating_sub(4)) {
                b.pieces(&[(Role::Text, "    "), (super::mend::diff_role(line), &part)]);
            }
        }
    }
}

fn running(run: &FixRun, b: &mut Build) {
    let what = if run.stopping {
        "It stops after this step; then everything is taken back."
    } else {
        "It is being done. Esc stops it after this step and takes everything back."
    };
    b.para(0, Role::Heading, what);
    b.blank();
    steps(run, None, b);
}

fn stopped_page(run: &FixRun, stopped: &Stopped, b: &mut Build) {
    b.marked(Mark::Broken, Role::Bad, &format!("broken: it stopped: {}", stopped.why));
    let app = run.offer.app.to_string_lossy();
    match &stopped.left {
        None => b.marked(Mark::Fine, Role::Good, "fine: everything was taken back: the app is as it was, and nothing is left behind."),
        Some(why) => {
            b.marked(Mark::Broken, Role::Bad, &format!("broken: it could not be taken back: {why}"));
            b.para(2, Role::Text, &format!("The way back: temper undo {app}"));
        }
    }
    let again = "Esc goes back to the commands; A there tries again.";
    match stopped.left {
        None => b.para(2, Role::Text, &format!("I chooses who signs, and shows all of it anew. {again}")),
        Some(_) => b.para(2, Role::Text, again),
    }
    b.blank();
    steps(run, Some(stopped), b);
}

/// All steps, with what became of each.
fn steps(run: &FixRun, stopped: Option<&Stopped>, b: &mut Build) {
    for (number, step) in run.offer.steps.iter().enumerate() {
        b.item(Target::Command(number), |b| {
            one(number, step, false, b);
            match (run.done.get(number), number == run.done.len()) {
                (Some(done), _) => finished(done, b),
                (None, true) if stopped.is_some() => b.pieces(&[(Role::Text, "    "), (Mark::Broken.role(), "✗ broken: not done")]),
                (None, true) => {
                    let current = run.current.to_string_lossy();
                    let room = b.width().saturating_sub(16);
                    b.pieces(&[(Role::Accent, "    doing it …  "), (Role::Dim, &words::cut_path(&words::clean(&current), room))]);
                }
                (None, false) => {}
            }
        });
    }
}

fn finished(done: &Done, b: &mut Build) {
    let status = done.output.as_ref().and_then(|output| output.status);
    let status = status.map_or_else(String::new, |status| format!(", status {status}"));
    b.pieces(&[(Role::Text, "    "), (Mark::Fine.role(), &format!("✓ fine: done{status}"))]);
    let said = done.output.as_ref().map(crate::system::Output::text).unwrap_or_default();
    for line in said.trim().lines().take(MOST_LINES) {
        b.para(6, Role::Dim, if line.is_empty() { " " } else { line });
    }
}
