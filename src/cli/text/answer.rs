//! The answer: what broke, how sure, what mends it and what that gives away, and the proof.

use super::page::{Mark, Page};
use super::{counted, mark_of, place};
use crate::report::{Diagnosis, EvidenceItem, Finding, Proof, Remedy, Report, Target, Verdict};
use unicode_width::UnicodeWidthStr;

/// Column of the texts beside the labels of the answer.
const COLUMN: usize = 21;
/// Findings shown as proof, and places of each.
const MOST_FINDINGS: usize = 8;
const MOST_PROOFS: usize = 6;
/// A place that is wider stands on a line of its own.
const WIDEST_PLACE: usize = 24;

/// What was examined and what was given.
pub(super) fn header(page: &mut Page, report: &Report) {
    let words: Vec<String> = target_words(&report.target, &report.trust_anchor);
    page.labelled(0, "Temper", 9, &words.join("   "));
    for item in &report.evidence {
        page.labelled(0, "", 9, &item_words(item));
    }
    page.blank();
}

fn target_words(target: &Target, anchor: &str) -> Vec<String> {
    if target.kind == "none" {
        return vec!["evidence only, no app was given".into()];
    }
    let name = target.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut words = vec![if name.is_empty() { target.path.clone() } else { name.to_owned() }];
    words.extend(target.hardened.map(|hardened| if hardened { "hardened".to_owned() } else { "not hardened".to_owned() }));
    let signer = match (target.signer, &target.team) {
        (Some(signer), Some(team)) => Some(format!("{} {team}", signer_words(signer))),
        (Some(signer), None) => Some(signer_words(signer).to_owned()),
        (None, _) => None,
    };
    words.extend(signer);
    if anchor != "Apple" {
        words.push(format!("trusting also: {anchor}, which is not Apple's"));
    }
    words
}

pub(super) fn signer_words(signer: &str) -> &str {
    match signer {
        "apple" => "signed by Apple",
        "app-store" => "App Store",
        "testflight" => "TestFlight",
        "developer-id" => "Developer ID",
        "apple-development" => "Apple Development",
        "apple-distribution" => "Apple Distribution",
        "self-signed" => "self-signed",
        "ad-hoc" => "signed ad hoc",
        "linker-signed" => "signed by the linker",
        "unsigned" => "not signed",
        _ => "signed by somebody not trusted",
    }
}

fn item_words(item: &EvidenceItem) -> String {
    let kind = match item.kind {
        "crash-report" => "crash report",
        "notary-log" => "notary log",
        "unusable" => "could not be used (see 'Not looked at')",
        kind => kind,
    };
    let of = item.process.as_ref().map(|process| format!(" of {process}")).unwrap_or_default();
    let matches = match item.matches {
        "this-build" => ", made by this build",
        "another-build" => ", made by ANOTHER build than this app",
        "another-program" => ": ANOTHER program, not in this app; not used",
        _ => "",
    };
    let also = match item.also.len() {
        0 => String::new(),
        1 => format!("; 1 older report of the same crash ({})", item.also.join("")),
        count => format!("; {count} older reports of the same crash"),
    };
    format!("{}: {kind}{of}{matches}{also}", item.source)
}

/// The first thing to read.
pub(super) fn answer(page: &mut Page, report: &Report) {
    let top = report.diagnoses.first();
    match (report.verdict, top) {
        (Verdict::Clear, None) => clear(page, report),
        (Verdict::Undetermined, _) | (_, None) => {
            page.marked(0, Mark::Unknown, "What was given does not say for sure what broke.");
            if let Some(top) = top {
                page.below_mark(0, &format!("The best lead: {}", top.summary));
                facts(page, report, top);
            }
        }
        (_, Some(top)) => {
            page.marked(0, mark_of(report, top), &top.summary);
            if report.verdict == Verdict::AtRisk {
                page.below_mark(0, "Nothing was given that shows a failure: this is what the code and its signatures say.");
            }
            facts(page, report, top);
        }
    }
}

fn clear(page: &mut Page, report: &Report) {
    match report.not_started().next() {
        Some(spawn) => page.marked(0, Mark::Unwise, &format!("It would not start: {} ({}): {}.", spawn.executable, spawn.arch, spawn.why)),
        None => page.marked(0, Mark::Fine, "Nothing was found that macOS would refuse."),
    }
    if !report.gaps.is_empty() {
        page.below_mark(0, "That is as far as Temper could look: see 'Not looked at' below.");
    }
    page.below_mark(
        0,
        "If it breaks all the same, give what was left of it, too: a crash report (--crash), a log or what the terminal said (--log).",
    );
}

fn facts(page: &mut Page, report: &Report, top: &Diagnosis) {
    page.blank();
    page.labelled(2, "How sure", COLUMN, confidence_words(top.confidence));
    page.labelled(2, "Where", COLUMN, &place(&top.subject, top.arch));
    if report.verdict == Verdict::OtherCause {
        page.labelled(2, "Not to blame", COLUMN, "the hardened runtime. No entitlement mends this");
    }
    page.labelled(2, "Who can mend it", COLUMN, mended_by_words(top.mended_by));
    now(page, top);
    for_good(page, top);
}

fn confidence_words(confidence: &str) -> &'static str {
    match confidence {
        "certain" => "certain: what was seen and a rule of macOS account for each other",
        "likely" => "likely: one explanation is left, or half of the proof is here",
        _ => "possible: a lead to follow, not a conclusion",
    }
}

fn mended_by_words(who: &str) -> &'static str {
    match who {
        "developer" => "the developer of this app",
        "other-developer" => "another developer, whose code it is: send them this report",
        "user" => "whoever uses this Mac; the app need not be changed",
        _ => "nobody: the program is Apple's own, or macOS allows it to no app",
    }
}

fn now(page: &mut Page, diagnosis: &Diagnosis) {
    // A lead is no cause: what would mend that mends nothing yet.
    let label = if diagnosis.confidence == "possible" { "Would mend that" } else { "Mends this build" };
    match diagnosis.remedies.iter().find(|remedy| remedy.least) {
        Some(remedy) => {
            page.labelled(2, label, COLUMN, &remedy.title);
            changes(page, COLUMN, remedy);
            page.labelled(4, "gives away", COLUMN, remedy.weakens.as_deref().unwrap_or("nothing"));
        }
        None if diagnosis.remedies.iter().any(|remedy| remedy.applies) => {
            page.labelled(2, label, COLUMN, "no change of signing or packaging alone");
        }
        None => page.labelled(2, label, COLUMN, "nothing that Temper knows of"),
    }
}

fn for_good(page: &mut Page, diagnosis: &Diagnosis) {
    let Some(remedy) = diagnosis.remedies.iter().find(|remedy| remedy.applies && (remedy.rank == "recommended" || !remedy.least)) else {
        return;
    };
    if remedy.least {
        page.labelled(2, "For good", COLUMN, "the same: it is the recommended way");
        return;
    }
    let code = if remedy.needs_new_code { "; needs new code" } else { "" };
    page.labelled(2, "For good", COLUMN, &format!("{} ({}{code})", remedy.title, remedy.rank));
}

/// What a remedy changes, one line a change.
pub(super) fn changes(page: &mut Page, column: usize, remedy: &Remedy) {
    let on: Vec<&str> = remedy.on.iter().chain(&remedy.also_on).map(String::as_str).collect();
    if !on.is_empty() {
        page.text(column, &format!("on {}", on.join(", ")));
    }
    remedy.add_entitlements.iter().for_each(|key| page.text(column, &format!("+ {key}")));
    remedy.remove_entitlements.iter().for_each(|key| page.text(column, &format!("- {key}")));
    remedy.add_info_plist.iter().for_each(|key| page.text(column, &format!("+ {key} in Info.plist")));
}

/// What the diagnosis rests on, decisive first, and the rule of macOS.
pub(super) fn proof(page: &mut Page, report: &Report, diagnosis: &Diagnosis) {
    let found: Vec<&Finding> = diagnosis.findings.iter().filter_map(|&index| report.findings.get(index)).collect();
    if !found.is_empty() {
        page.heading("Proof", "");
        found.iter().take(MOST_FINDINGS).for_each(|finding| seen(page, finding));
        if found.len() > MOST_FINDINGS {
            let left = counted(found.len() - MOST_FINDINGS, "more finding", "more findings");
            page.text(2, &format!("and {left}, all in --format json"));
        }
    }
    if let Some(rule) = &diagnosis.rule {
        page.blank();
        page.labelled(2, "Rule of macOS", COLUMN, rule);
        if let Some(source) = &diagnosis.source {
            page.labelled(2, "  stands in", COLUMN, source);
        }
    }
}

fn seen(page: &mut Page, finding: &Finding) {
    page.marked(2, Mark::of_severity(finding.severity), &finding.said());
    let shown: Vec<(String, &str)> =
        finding.proof.iter().take(MOST_PROOFS).map(|proof| (proof_place(proof), proof.quote.as_str())).collect();
    // A quote keeps its columns when it need not wrap, so it begins as far left as the places allow.
    let widest = shown.iter().map(|(place, _)| place.width()).filter(|width| *width <= WIDEST_PLACE).max().unwrap_or(4);
    shown.iter().for_each(|(place, quote)| page.labelled(4, place, 4 + widest + 2, quote));
    match finding.proof.len() {
        0 => page.text(4, &located(finding)),
        n if n > MOST_PROOFS => page.text(4, &format!("and {} more places", n - MOST_PROOFS)),
        _ => {}
    }
}

/// Where a finding belongs.
pub(super) fn located(finding: &Finding) -> String {
    let parts = [finding.location.path.as_str(), finding.location.place.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// `report.ips:12`, `Contents/MacOS/App at 0x10001d66c`.
fn proof_place(proof: &Proof) -> String {
    match (proof.line, &proof.address, proof.offset) {
        (Some(line), ..) => format!("{}:{line}", proof.source),
        (None, Some(address), _) => format!("{} at {address}", proof.source),
        (None, None, Some(offset)) => format!("{} byte {offset:#x}", proof.source),
        (None, None, None) => proof.source.clone(),
    }
}

/// The decisive proof: where, and what stands there.
pub(super) fn first_proof<'a>(report: &'a Report, diagnosis: &Diagnosis) -> Option<(String, &'a str)> {
    let finding = diagnosis.findings.first().and_then(|&index| report.findings.get(index))?;
    finding.proof.first().map(|proof| (proof_place(proof), proof.quote.as_str()))
}

/// A diagnosis that is not the first, and where else the same holds.
pub(super) fn short(page: &mut Page, report: &Report, diagnosis: &Diagnosis, places: &[String]) {
    page.marked(2, mark_of(report, diagnosis), &diagnosis.summary);
    page.below_mark(2, &format!("{}, on {}", diagnosis.confidence, place(&diagnosis.subject, diagnosis.arch)));
    if !places.is_empty() {
        page.below_mark(2, &format!("the same on {}", places.join(", ")));
    }
    if let Some((place, quote)) = first_proof(report, diagnosis) {
        page.below_mark(2, &format!("{place}: {}", beginning(quote)));
    }
    if let Some(remedy) = diagnosis.remedies.iter().find(|remedy| remedy.least).or(diagnosis.remedies.iter().find(|remedy| remedy.applies))
    {
        page.below_mark(2, &format!("mends it: {}", remedy.title));
    }
}

/// As much of a quote as two lines hold; the whole stands in the JSON report.
fn beginning(quote: &str) -> String {
    const MOST: usize = 120;
    match quote.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", quote.get(..end).unwrap_or(quote).trim_end()),
        None => quote.to_owned(),
    }
}
