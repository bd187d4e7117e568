//! Before and while the log is fetched; and the crash reports that this machine has of the app.

use crate::collect::LIMIT;
use crate::fix::sign::command_line;
use crate::scan::REPORTS;
use crate::tui::page::{Build, Target};
use crate::tui::state::{CollectPage, CollectStage, State};
use crate::tui::theme::{Mark, Role};

const LABEL: usize = 10;

/// Builds the page.
pub fn build(page: &CollectPage, b: &mut Build) {
    match &page.stage {
        CollectStage::Running(_, bytes) => {
            b.para(0, Role::Heading, "log show runs. Esc stops it.");
            b.blank();
            b.para(0, Role::Text, &format!("It has written {} KiB.", bytes.div_ceil(1024)));
        }
        CollectStage::Asking(failure) => {
            if let Some(why) = failure {
                b.marked(Mark::Broken, Role::Bad, &format!("broken: {why}"));
                b.blank();
            }
            let again = if failure.is_some() { "once more" } else { "exactly this" };
            b.para(0, Role::Heading, &format!("Run {again}?  y yes   n no"));
            b.blank();
            // Broken anywhere, so that not one blank of it is lost.
            b.quote(2, &command_line(&page.argv), usize::MAX);
            b.blank();
            b.label((Role::Dim, "program"), LABEL, Role::Text, &format!("{}, the first in PATH", page.program.display()));
            b.label((Role::Dim, "how"), LABEL, Role::Text, "as you, without a shell and without input; it only reads the log of this Mac");
            b.label((Role::Dim, "limit"), LABEL, Role::Text, &format!("{} s; esc stops it before", LIMIT.as_secs()));
            b.blank();
            b.para(0, Role::Dim, "What it writes is evidence like a log that you paste, and the app is examined again.");
        }
    }
}

/// What can be done with an entry of the plan that is a `log show`.
pub fn about_the_log(state: &State, b: &mut Build) {
    match state.log {
        Some(_) => b.para(7, Role::Dim, "enter runs it here, after a yes"),
        None => b.para(7, Role::Dim, "to copy: there is no program 'log' here, it is a part of macOS"),
    }
}

/// Reports that macOS wrote about this app, to be chosen.
pub fn reports(state: &State, b: &mut Build) {
    if state.reports.is_empty() {
        return;
    }
    b.heading("Crash reports of this app on this machine, newest first");
    for (number, report) in state.reports.iter().enumerate() {
        b.item(Target::Report(number), |b| {
            let name = report.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let build = if report.is_this_build { "this build" } else { "another build, or not known which" };
            let older = match report.older {
                0 => String::new(),
                count => format!("; {count} older of the same crash"),
            };
            b.label((Role::Dim, &format!("  {}.", number + 1)), 5, Role::Text, &name);
            b.para(5, Role::Dim, &format!("{}; {build}{older}", report.when));
        });
    }
    b.para(2, Role::Dim, &format!("Found in {REPORTS}; none is read until you choose it."));
}
