//! The answer: what broke, what mends it and what that gives away, the proof, and what could not be looked at.

use crate::report::{Diagnosis, EvidenceItem, Proof, Remedy, Report, Verdict};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::{Mark, Role};
use crate::tui::words;

/// Proofs shown before "and more".
const MOST_PROOFS: usize = 8;

/// Columns of the labels: with the wider one an entitlement key still fits on a row of eighty columns.
fn label_width(b: &Build) -> usize {
    if b.width() >= 74 { 21 } else { 18 }
}

/// All proofs of a diagnosis as (finding, proof), decisive first, none twice.
pub fn proofs(report: &Report, diagnosis: &Diagnosis) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for &finding in &diagnosis.findings {
        let Some(found) = report.findings.get(finding) else { continue };
        for (number, proof) in found.proof.iter().enumerate() {
            let known = out.iter().any(|&(f, p)| report.findings.get(f).and_then(|other| other.proof.get(p)) == Some(proof));
            if !known {
                out.push((finding, number));
            }
        }
    }
    out
}

/// Builds the page.
pub fn build(state: &State, index: usize, b: &mut Build) {
    let Some(report) = state.report() else {
        b.para(0, Role::Text, "Nothing has been examined yet.");
        return;
    };
    was_and_is(state, report, b);
    super::proof::standing(state, b);
    match (report.verdict, report.diagnoses.get(index)) {
        (Verdict::Undetermined, diagnosis) => undetermined(state, report, diagnosis, b),
        (Verdict::Clear, None) => clear(state, report, b),
        (verdict, Some(diagnosis)) => {
            headline(verdict, diagnosis, b);
            if is_other_cause(diagnosis, verdict) { other_cause(report, diagnosis, b) } else { explained(report, diagnosis, b) }
        }
        (_, None) => clear(state, report, b),
    }
    super::collect::reports(state, b);
    if report.verdict != Verdict::Undetermined {
        about_the_evidence(report, b);
    }
    also(report, index, b);
    if let Some(lab) = state.lab.and_then(|lab| state.library.labs.get(lab)) {
        b.heading("Practice app");
        b.para(2, Role::Text, lab.story);
        b.para(2, Role::Dim, "Press O to open an app of your own.");
    }
}

/// The cause lies elsewhere: no entitlement may be named then.
pub fn is_other_cause(diagnosis: &Diagnosis, verdict: Verdict) -> bool {
    verdict == Verdict::OtherCause || matches!(diagnosis.cause, "not-signing" | "gatekeeper" | "launch-constraint")
}

fn was_and_is(state: &State, report: &Report, b: &mut Build) {
    let Some(before) = state.before.as_deref() else { return };
    b.heading("Checked again");
    for (word, report) in [("was", &before.report), ("is", report)] {
        let mark = verdict_mark(report.verdict);
        let says = report.diagnoses.first().map_or("nothing found", |diagnosis| diagnosis.summary.as_str());
        let line = format!("{} {}: {says}", mark.sign(), verdict_words(report.verdict));
        b.label((Role::Dim, word), 5, mark.role(), &line);
    }
    b.blank();
}

/// The mark of a verdict.
pub fn verdict_mark(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Explained => Mark::Broken,
        Verdict::OtherCause => Mark::Broken,
        Verdict::Undetermined => Mark::Unknown,
        Verdict::AtRisk => Mark::Unwise,
        Verdict::Clear => Mark::Fine,
    }
}

fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Explained => "broken",
        Verdict::OtherCause => "broken, but not by the hardened runtime",
        Verdict::Undetermined => "not known",
        Verdict::AtRisk => "will break",
        Verdict::Clear => "fine",
    }
}

/// Verdict and which executable, how sure; then the sentence.
fn headline(verdict: Verdict, diagnosis: &Diagnosis, b: &mut Build) {
    let mark = verdict_mark(verdict);
    let subject = match diagnosis.arch {
        Some(arch) if !diagnosis.subject.is_empty() => format!("{} ({arch})", diagnosis.subject),
        _ => diagnosis.subject.clone(),
    };
    let lead = format!("{} {}", mark.sign(), verdict_words(verdict));
    let room = b.width().saturating_sub(words::width(&lead) + diagnosis.confidence.len() + 6);
    let subject = words::cut_path(&words::clean(&subject), room);
    b.ends(&[(mark.role(), &lead), (Role::Dim, "   "), (Role::Dim, &subject)], (Role::Heading, diagnosis.confidence));
    b.para(2, Role::Heading, &diagnosis.summary);
}

fn explained(report: &Report, diagnosis: &Diagnosis, b: &mut Build) {
    if let Some(rule) = &diagnosis.rule {
        b.para(2, Role::Text, rule);
    }
    b.blank();
    match diagnosis.mended_by {
        "other-developer" => somebody_else(b),
        "nobody" => b.para(2, Role::Text, "Nobody can lift this: macOS allows no exception here. See the explanation (x)."),
        who => {
            if who == "user" {
                b.para(2, Role::Text, "You can mend this yourself, without the developer.");
            }
            mends(diagnosis, b);
        }
    }
    b.second_block();
    proof(report, diagnosis, b);
}

fn somebody_else(b: &mut Build) {
    b.item(Target::Tell, |b| {
        let label = label_width(b);
        b.label((Role::Dim, "Who can mend it"), label, Role::Heading, "its developer, not you");
        b.label(
            (Role::Dim, "What to do"),
            label,
            Role::Text,
            "tell them what was found (enter shows a text to send, and what helps meanwhile)",
        );
    });
}

/// The remedy that mends the app as built, and the document's recommendation when that is another.
fn mends(diagnosis: &Diagnosis, b: &mut Build) {
    let least = diagnosis.remedies.iter().find(|remedy| remedy.least && remedy.applies);
    let recommended = diagnosis.remedies.iter().find(|remedy| remedy.applies && remedy.rank == "recommended");
    let first = least.or(recommended).or_else(|| diagnosis.remedies.iter().find(|remedy| remedy.applies));
    let Some(first) = first else {
        let label = label_width(b);
        b.item(Target::Mend, |b| {
            b.label((Role::Dim, "Mends it"), label, Role::Text, "none of the known ways applies here; enter says why, way by way")
        });
        return;
    };
    b.item(Target::Mend, |b| {
        // A lead is no cause: what would mend that mends nothing yet.
        let label = match (diagnosis.confidence, first.needs_new_code) {
            ("possible", _) => "Would mend that",
            (_, true) => "Mends it",
            (_, false) => "Mends this build",
        };
        remedy(label, diagnosis, first, b);
    });
    if let Some(good) = recommended.filter(|good| *good != first) {
        for_good(good, b);
    }
}

/// A remedy in a few rows; the walk shows all of it.
fn remedy(label: &str, diagnosis: &Diagnosis, remedy: &Remedy, b: &mut Build) {
    let column = label_width(b);
    b.label((Role::Dim, label), column, Role::Heading, &titled(remedy));
    let keys = [
        ("  adds", &remedy.add_entitlements),
        ("  takes out", &remedy.remove_entitlements),
        ("  adds to Info.plist", &remedy.add_info_plist),
    ];
    for (verb, keys) in keys {
        for (number, key) in keys.iter().enumerate() {
            b.label((Role::Dim, if number == 0 { verb } else { "" }), column, Role::Text, key);
        }
    }
    // The executable stands in the headline; it is said again only when the remedy is about another.
    if let Some(on) = remedy.on.as_deref().filter(|on| *on != diagnosis.subject || !remedy.also_on.is_empty()) {
        let others = if remedy.also_on.is_empty() { String::new() } else { format!(" and {} more", remedy.also_on.len()) };
        b.label((Role::Dim, "  on"), column, Role::Text, &format!("{on}{others}"));
    }
    gives_away(remedy, b);
}

/// What the document recommends, when that is not what mends this build: its keys stand in the walk, so that the proof keeps its place on this screen.
fn for_good(remedy: &Remedy, b: &mut Build) {
    let column = label_width(b);
    b.label((Role::Dim, "For good"), column, Role::Heading, &titled(remedy));
    gives_away(remedy, b);
}

fn titled(remedy: &Remedy) -> String {
    let note = if remedy.needs_new_code { " (needs new code)" } else { "" };
    format!("{}{note}", remedy.title)
}

fn gives_away(remedy: &Remedy, b: &mut Build) {
    let column = label_width(b);
    match &remedy.weakens {
        Some(weakens) => b.label((Role::Unwise, "▲ gives away"), column, Role::Unwise, first_clause(weakens)),
        None => b.label((Role::Dim, "  gives away"), column, Role::Text, "nothing"),
    }
}

/// The first sentence, and of that what stands before a colon or semicolon.
fn first_clause(text: &str) -> &str {
    let end = [". ", ": ", "; "].iter().filter_map(|stop| text.find(stop)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text).trim_end_matches('.')
}

fn other_cause(report: &Report, diagnosis: &Diagnosis, b: &mut Build) {
    b.blank();
    b.pieces(&[(Role::Heading, "Why the hardened runtime is not to blame")]);
    let messages = diagnosis.findings.iter().filter_map(|&finding| report.findings.get(finding)).map(|finding| &finding.message);
    for (number, fact) in diagnosis.rule.iter().chain(messages).enumerate() {
        b.label((Role::Dim, &format!("{}.", number + 1)), 4, Role::Text, fact);
    }
    b.heading("Next");
    let ways: Vec<_> = diagnosis.remedies.iter().filter(|remedy| remedy.add_entitlements.is_empty() && remedy.applies).collect();
    if ways.is_empty() {
        b.para(
            2,
            Role::Text,
            "Leave signature and entitlements as they are: changing them cannot mend this. Look for the cause named above.",
        );
    }
    for way in ways {
        b.para(2, Role::Text, &way.title);
        if let Some(explanation) = &way.explanation {
            b.para(2, Role::Dim, explanation);
        }
    }
    b.second_block();
    proof(report, diagnosis, b);
}

fn proof(report: &Report, diagnosis: &Diagnosis, b: &mut Build) {
    let all = proofs(report, diagnosis);
    b.heading("Proof");
    if all.is_empty() {
        for finding in diagnosis.findings.iter().filter_map(|&finding| report.findings.get(finding)) {
            b.para(2, Role::Text, &format!("{} ({}, {})", finding.said(), finding.location.path, finding.location.place));
        }
        return;
    }
    for (number, &(finding, index)) in all.iter().take(MOST_PROOFS).enumerate() {
        let Some((found, proof)) = report.findings.get(finding).and_then(|found| Some((found, found.proof.get(index)?))) else { continue };
        let says_more = index == 0;
        b.item(Target::Proof(finding, index), |b| quoted(number + 1, proof, says_more.then_some(found.message.as_str()), b));
    }
    if all.len() > MOST_PROOFS {
        b.para(2, Role::Dim, &format!("and {} more (a)", all.len() - MOST_PROOFS));
    }
}

/// A quote with its place, then what it means. Runs of blanks are one here; the evidence shows the line as it stands.
fn quoted(number: usize, proof: &Proof, meaning: Option<&str>, b: &mut Build) {
    let label = label_width(b);
    let quote = words::clean(&proof.quote).split_whitespace().collect::<Vec<_>>().join(" ");
    let number = format!("{number} ");
    let place = words::clean(&place_of(proof));
    if b.width() >= 60 && number.starts_with("1 ") {
        // The decisive line is quoted at length; the others are one key away.
        let indent = label;
        let lead = words::fit(&format!("{number}{}", words::cut_path(&place, label.saturating_sub(number.len() + 1))), indent);
        let lines = words::wrap(&quote, b.width().saturating_sub(indent));
        for (row, line) in lines.iter().take(3).enumerate() {
            let lead = if row == 0 { lead.clone() } else { " ".repeat(indent) };
            let more = if row == 2 && lines.len() > 3 { " …" } else { "" };
            let line = words::cut(line, b.width().saturating_sub(indent + more.len().min(2)));
            b.pieces(&[(Role::Place, &lead), (Role::Quote, &line), (Role::Dim, more)]);
        }
    } else if b.width() >= 60 {
        let place = words::fit(&words::cut_path(&place, label.saturating_sub(number.len() + 1)), label.saturating_sub(number.len()));
        b.pieces(&[(Role::Place, &number), (Role::Place, &place), (Role::Quote, &quote)]);
    } else {
        b.pieces(&[(Role::Place, &number), (Role::Place, &place)]);
        // Beside the answer there is room for a whole line of a log.
        let most = if b.is_wide() { 5 } else { 2 };
        let lines = words::wrap(&quote, b.width().saturating_sub(4));
        for (row, line) in lines.iter().take(most).enumerate() {
            let more = if row + 1 == most && lines.len() > most { " …" } else { "" };
            b.pieces(&[(Role::Quote, "  "), (Role::Quote, line), (Role::Dim, more)]);
        }
    }
    if let Some(meaning) = meaning {
        b.para(2, Role::Text, meaning);
    }
}

/// Where a proof stands: `report.crash:9`, `libluajit.dylib 0x4c10`.
pub fn place_of(proof: &Proof) -> String {
    let file = proof.source.rsplit('/').next().unwrap_or(&proof.source);
    match (proof.line, &proof.address, proof.offset) {
        (Some(line), _, _) => format!("{file}:{line}"),
        (None, Some(address), _) => format!("{file} {address}"),
        (None, None, Some(offset)) => format!("{file} +{offset:#x}"),
        (None, None, None) => file.to_owned(),
    }
}

fn undetermined(state: &State, report: &Report, diagnosis: Option<&Diagnosis>, b: &mut Build) {
    b.pieces(&[(Role::Unknown, "? not known")]);
    b.para(2, Role::Heading, "What was given does not decide what broke.");
    // Why it does not may be here.
    about_the_evidence(report, b);
    b.heading("Get this next");
    if report.collect.is_empty() {
        b.para(2, Role::Text, "A crash report (.ips) of this very build, or the log of the moment it failed.");
    }
    for (number, collect) in report.collect.iter().enumerate() {
        b.item(Target::Collect(number), |b| {
            b.label((Role::Dim, &format!("  {}.", number + 1)), 5, Role::Text, &collect.why);
            if !collect.argv.is_empty() {
                b.para(7, Role::Quote, &crate::fix::sign::command_line(&collect.argv));
            }
            if crate::collect::is_log_show(&collect.argv) {
                super::collect::about_the_log(state, b);
            }
        });
    }
    b.blank();
    b.para(2, Role::Text, "Then paste it here, or open the file (O). y copies the selected command.");
    b.second_block();
    let Some(diagnosis) = diagnosis else { return };
    b.heading("What it may be");
    b.item(Target::Mend, |b| b.label((Role::Dim, diagnosis.confidence), 10, Role::Text, &diagnosis.summary));
    proof(report, diagnosis, b);
}

fn clear(state: &State, report: &Report, b: &mut Build) {
    match report.not_started().next().is_some() {
        true => {
            b.pieces(&[(Role::Unwise, "▲ unwise")]);
            b.para(2, Role::Heading, "Nothing is wrong with what is signed, and yet it would not start.");
        }
        false => {
            b.pieces(&[(Role::Good, "✓ fine")]);
            b.para(2, Role::Heading, "Nothing was found that macOS would refuse.");
        }
    }
    if !report.gaps.is_empty() {
        b.para(2, Role::Text, "That is as far as Temper could look: all findings (a) say what it could not read.");
    }
    let executables = report.code.iter().filter(|code| code.file_type == "execute").count();
    let read = format!(
        "{} read, {} of them executables; {} followed.",
        words::count(report.code.len(), "slice", "slices"),
        executables,
        words::count(report.loads.len(), "load", "loads"),
    );
    b.para(2, Role::Text, &read);
    for spawn in report.spawn.iter().filter(|spawn| spawn.verdict != "runs") {
        b.marked(Mark::Unknown, Role::Text, &format!("{} ({}): {}", spawn.executable, spawn.arch, spawn.why));
    }
    b.heading("If it breaks all the same");
    b.item(Target::Paste, |b| b.para(2, Role::Text, "Paste the crash report or the log here, or open it (O)."));
    if state.log.is_some() {
        b.item(Target::Fetch, |b| b.para(2, Role::Text, "Fetch what this Mac logged in the last ten minutes (F; asks first)."));
    }
    b.item(Target::Interview, |b| b.para(2, Role::Text, "Answer a few questions (i)."));
}

/// Evidence about another build, or of no use: said, since it changes what the answer is worth.
fn about_the_evidence(report: &Report, b: &mut Build) {
    let about = |item: &EvidenceItem| match item.matches {
        "another-build" => Some(format!("{} is about another build than the one examined.", item.source)),
        "another-program" => {
            let program = item.process.as_deref().unwrap_or("another program");
            Some(format!("{} is about {program}, which is not in this app: it was not used.", item.source))
        }
        _ => None,
    };
    let unusable = report.evidence.iter().filter(|item| item.kind == "unusable");
    let mut lines: Vec<String> = report.evidence.iter().filter_map(about).collect();
    lines.extend(unusable.map(|item| format!("{} could not be used.", item.source)));
    if !lines.is_empty() {
        b.blank();
    }
    for line in lines {
        b.marked(Mark::Unwise, Role::Text, &line);
    }
}

/// The counts behind their label, in as many rows as they need: none of them is cut.
fn counts_in_rows(pieces: &[(Role, String)], label: usize, b: &mut Build) {
    let lead = " ".repeat(label);
    let mut row: Vec<(Role, &str)> = Vec::new();
    let mut used = 0;
    for (number, (role, text)) in pieces.iter().enumerate() {
        let wide = words::width(text.trim_end());
        if number > 1 && used + wide > b.width() {
            b.pieces(&row);
            row = vec![(Role::Dim, &lead)];
            used = label;
        }
        row.push((*role, text));
        used += words::width(text);
    }
    b.pieces(&row);
}

/// Counts of the other findings, and what could not be looked at.
fn also(report: &Report, index: usize, b: &mut Build) {
    let told = report.diagnoses.get(index).map(|diagnosis| diagnosis.findings.as_slice()).unwrap_or_default();
    let others = report
        .findings
        .iter()
        .enumerate()
        .filter(|(number, _)| !told.contains(number))
        .map(|(_, finding)| Mark::of_severity(finding.severity));
    let mut counts = [(Mark::Broken, 0), (Mark::Unwise, 0), (Mark::Note, 0)];
    for mark in others {
        if let Some(count) = counts.iter_mut().find(|(other, _)| *other == mark) {
            count.1 += 1;
        }
    }
    let label = label_width(b);
    let mut pieces: Vec<(Role, String)> = vec![(Role::Dim, words::fit("Also", label))];
    if report.diagnoses.len() > 1 {
        pieces.push((Role::Text, format!("{}   ", words::count(report.diagnoses.len() - 1, "more diagnosis", "more diagnoses"))));
    }
    for (mark, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
        let word = if mark == Mark::Note && n > 1 { "notes" } else { mark.word() };
        pieces.push((mark.role(), format!("{} {n} {word}   ", mark.sign())));
    }
    let told_below = report.gaps.len();
    if pieces.len() > 1 && told_below > 0 && !b.is_wide() {
        // The rows that name them may lie below the edge of a small window.
        pieces.push((Role::Unknown, format!("? {told_below} not looked at")));
    }
    if pieces.len() > 1 {
        b.blank();
        b.item(Target::List, |b| counts_in_rows(&pieces, label, b));
    }
    if report.gaps.is_empty() {
        return;
    }
    if pieces.len() <= 1 {
        b.blank();
    }
    for (number, gap) in report.gaps.iter().take(3).enumerate() {
        let lead = if number == 0 { "? Not looked at" } else { "" };
        let text = if gap.path.is_empty() { gap.why.clone() } else { format!("{}: {}", gap.path, gap.why) };
        b.label((Role::Unknown, lead), label, Role::Text, &text);
    }
    if report.gaps.len() > 3 {
        b.label((Role::Dim, ""), label, Role::Dim, &format!("and {} more (a)", report.gaps.len() - 3));
    }
}
