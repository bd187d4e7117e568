//! The report for people: the answer first, then its proof, then everything else.
//!
//! Made for a pipe as much as for a terminal: no line says by colour alone what it says, and wide lines wrap.

mod answer;
mod build;
pub mod explain;
pub mod mend;
mod page;
mod remedy;
mod tables;

use crate::report::{Diagnosis, Report, Verdict};
use page::{Mark, Page};

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// With colours.
    pub color: bool,
}

/// Most rows of one kind; the rest is counted. All of it is in the JSON report.
const MOST: usize = 20;

/// The whole report.
pub fn render(report: &Report, look: Look) -> String {
    let mut page = Page::new(look);
    answer::header(&mut page, report);
    answer::answer(&mut page, report);
    if report.verdict == Verdict::Undetermined {
        tables::collect(&mut page, report);
    }
    if let Some(top) = report.diagnoses.first() {
        answer::proof(&mut page, report, top);
        remedy::all(&mut page, top);
        build::section(&mut page, report, top);
    }
    others(&mut page, report);
    tables::findings(&mut page, report);
    tables::entitlements(&mut page, report);
    tables::code(&mut page, report);
    tables::loads(&mut page, report);
    tables::spawn(&mut page, report);
    tables::notary(&mut page, report);
    tables::noise(&mut page, report);
    if report.verdict != Verdict::Undetermined {
        tables::collect(&mut page, report);
    }
    tables::gaps(&mut page, report);
    page.finish()
}

/// A text above the report, wrapped as the report is.
pub fn paragraph(text: &str, look: Look) -> String {
    let mut page = Page::new(look);
    page.text(0, text);
    page.blank();
    page.finish()
}

/// The diagnoses after the first. Without evidence the sure ones stand beside each other, so all their remedies are shown.
fn others(page: &mut Page, report: &Report) {
    let rest: Vec<&Diagnosis> = report.diagnoses.iter().skip(1).collect();
    if rest.is_empty() {
        return;
    }
    page.heading("Also", &counted(rest.len(), "other diagnosis", "other diagnoses"));
    let groups = alike(report, &rest);
    for (diagnosis, places) in groups.iter().take(MOST) {
        answer::short(page, report, diagnosis, places);
        if report.verdict == Verdict::AtRisk && diagnosis.confidence != "possible" {
            remedy::all(page, diagnosis);
        }
    }
    more(page, groups.len());
}

/// Leads of the same cause that rest on the same proof differ only in where they stand, and are shown once: the first, and the places of the others.
fn alike<'a>(report: &'a Report, rest: &[&'a Diagnosis]) -> Vec<(&'a Diagnosis, Vec<String>)> {
    let key =
        |diagnosis: &'a Diagnosis| (diagnosis.confidence, diagnosis.cause, &diagnosis.scenario, answer::first_proof(report, diagnosis));
    let mut groups: Vec<(&Diagnosis, Vec<String>)> = Vec::new();
    for &diagnosis in rest {
        let known = groups.iter_mut().find(|(first, _)| diagnosis.confidence == "possible" && key(first) == key(diagnosis));
        match known {
            Some((_, places)) => places.push(place(&diagnosis.subject, diagnosis.arch)),
            None => groups.push((diagnosis, Vec::new())),
        }
    }
    groups
}

/// Says how many rows were left out.
fn more(page: &mut Page, count: usize) {
    if count > MOST {
        page.text(2, &format!("and {} more, all in --format json", count - MOST));
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A subject and its slice, as people name them.
fn place(subject: &str, arch: Option<&str>) -> String {
    match (subject, arch) {
        ("", None) => "not known".into(),
        ("", Some(arch)) => format!("the {arch} slice"),
        (subject, None) => subject.into(),
        (subject, Some(arch)) => format!("{subject} ({arch})"),
    }
}

/// The worst of its findings.
fn mark_of(report: &Report, diagnosis: &Diagnosis) -> Mark {
    let severities: Vec<&str> = diagnosis.findings.iter().filter_map(|&index| report.findings.get(index)).map(|f| f.severity).collect();
    match severities {
        s if s.contains(&"error") || s.is_empty() && diagnosis.confidence == "certain" => Mark::Broken,
        s if s.contains(&"warning") => Mark::Unwise,
        _ => Mark::Note,
    }
}
