//! The tables of the report: findings, entitlements, code, loads, spawn, notary, noise, what to collect.

use super::case::Case;
use super::least;
use crate::detect::{Clue, Detected};
use crate::evidence::{Evidence, EvidenceText, Image, Signed, TargetKind, TextFacts};
use crate::finding::Severity;
use crate::policy::{self, Process};
use crate::read::entitlements::Value;
use crate::read::hex;
use crate::read::log::LogFact;
use crate::read::signature::Constrained;
use crate::report::{self, Diagnosis, Report, Verdict};
use base64::Engine as _;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn report(case: &Case<'_>, verdict: Verdict, diagnoses: Vec<Diagnosis>) -> Report {
    let evidence = case.scene.evidence;
    Report {
        schema: "temper-report/1",
        target: target(case),
        trust_anchor: evidence.trust_anchor.clone(),
        verdict,
        evidence: evidence.texts.iter().enumerate().map(|(index, text)| item(case, index, text)).collect(),
        entitlements: evidence.executables().map(|image| entitlements(case, image, &diagnoses)).collect(),
        resources: least::resources(case),
        code: evidence.images.iter().map(|image| code(case, image)).collect(),
        loads: case.scene.loads.iter().map(load).collect(),
        spawn: evidence.executables().map(|image| spawn(case, image)).collect(),
        notary: notary(case),
        noise: noise(case),
        collect: if verdict == Verdict::Undetermined { collect(case) } else { Vec::new() },
        findings: case.detected.iter().map(finding).collect(),
        build_systems: Vec::new(),
        gaps: evidence.gaps.iter().map(gap).collect(),
        diagnoses,
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Base64 of a path that is not UTF-8.
fn bytes(path: &Path) -> Option<String> {
    let raw = path.as_os_str().as_encoded_bytes();
    std::str::from_utf8(raw).is_err().then(|| base64::engine::general_purpose::STANDARD.encode(raw))
}

fn target(case: &Case<'_>) -> report::Target {
    let target = &case.scene.evidence.target;
    let main: Vec<&Image> = case.scene.evidence.main_images().collect();
    let first = main.first().copied();
    report::Target {
        path: text(&target.path),
        path_bytes: bytes(&target.path),
        kind: target.kind.word(),
        identifier: target.identifier.clone(),
        executable: target.executable.as_deref().map(text),
        hardened: first.map(|_| main.iter().all(|image| image.is_hardened())),
        signer: first.map(signer_word),
        team: first.and_then(directory_team),
    }
}

fn signer_word(image: &Image) -> &'static str {
    image.facts().map_or("unsigned", |facts| facts.signer.kind.word())
}

fn directory_team(image: &Image) -> Option<String> {
    image.facts()?.signature.directory()?.team.clone()
}

fn item(case: &Case<'_>, index: usize, given: &EvidenceText) -> report::EvidenceItem {
    let report = match &given.facts {
        TextFacts::Crash(report, _) => Some(report),
        _ => None,
    };
    let uuid = report.and_then(|r| r.uuid.clone());
    let matches = match (&uuid, report.and_then(|r| case.scene.crashed(r))) {
        (Some(uuid), _) if case.scene.by_uuid(uuid).is_some() => "this-build",
        (Some(_), Some(image)) if image.macho.uuid.is_some() => "another-build",
        _ if case.scene.stranger_of(given).is_some() => "another-program",
        _ => "unknown",
    };
    report::EvidenceItem {
        source: given.source.clone(),
        kind: given.kind,
        process: crate::detect::process_of(case.scene.evidence, index),
        uuid,
        matches,
        also: given.also.clone(),
    }
}

fn finding(detected: &Detected) -> report::Finding {
    let f = &detected.finding;
    let proof = |p: &crate::finding::Proof| report::Proof {
        source: p.source.clone(),
        line: p.line,
        offset: p.offset,
        address: p.address.map(|a| format!("{a:#x}")),
        quote: p.quote.clone(),
    };
    report::Finding {
        id: f.id,
        kind: f.kind.word(),
        subject: f.subject.clone(),
        arch: f.arch.map(crate::read::macho::Arch::name),
        severity: f.severity.word(),
        confidence: f.confidence.word(),
        message: f.message.clone(),
        location: report::Location { path: f.location.path.clone(), place: f.location.place.clone() },
        code: f.code,
        proof: f.proof.iter().map(proof).collect(),
    }
}

fn code(case: &Case<'_>, image: &Image) -> report::Code {
    let directory = image.facts().and_then(|facts| facts.signature.directory());
    let problems: BTreeSet<&'static str> = case
        .detected
        .iter()
        .filter(|d| matches!(d.finding.kind, crate::finding::Kind::Defect | crate::finding::Kind::Lint))
        // A remark on a key is no fault of the code.
        .filter(|d| !(d.finding.severity == Severity::Note && d.finding.id.starts_with("key-")))
        .filter(|d| Path::new(&d.finding.subject) == image.path && d.finding.arch.is_none_or(|arch| arch == image.arch()))
        .map(|d| d.finding.id)
        .collect();
    report::Code {
        path: text(&image.path),
        path_bytes: bytes(&image.path),
        arch: image.arch().name(),
        file_type: image.macho.file_type.name(),
        flags: format!("{:#x}", image.flags()),
        flag_names: directory.map(|d| d.flags.names()).unwrap_or_default(),
        identifier: directory.map(|d| d.identifier.clone()),
        team: directory_team(image),
        signer: signer_word(image),
        authority: image.facts().and_then(|facts| facts.signer.name.clone()),
        runtime_version: directory.and_then(|d| d.runtime_version).map(|v| v.to_string()),
        cdhash: directory.map(|d| hex(&d.cdhash)),
        requirement: image.facts().and_then(requirement),
        constraints: constraints(case, image),
        uuid: image.macho.uuid.clone(),
        entitlements: image.entitlements().map(|e| e.entries.iter().map(|(k, _)| k.clone()).collect()).unwrap_or_default(),
        hardened: image.is_hardened(),
        signature: signature_word(case, image),
        problems: problems.into_iter().collect(),
    }
}

/// Constraints as carried; those on a launch with the judgement.
fn constraints(case: &Case<'_>, image: &Image) -> Vec<report::CodeConstraint> {
    use policy::constraint::{self, Outcome};
    let applied = if image.is_executable() { constraint::of_launch(case.scene.evidence, image) } else { Vec::new() };
    let one = |carried: &Constrained| {
        let applied = applied.iter().find(|applied| applied.slot == carried.slot);
        let (judgement, why) = match (&carried.constraint, applied) {
            (Err(error), _) => (Some(Outcome::Unreadable), vec![error.to_string()]),
            (Ok(_), Some(applied)) => (Some(applied.judgement.outcome), applied.judgement.reasons.clone()),
            (Ok(_), None) => (None, Vec::new()),
        };
        report::CodeConstraint {
            slot: carried.slot.number(),
            on: carried.slot.word(),
            demands: carried.constraint.as_ref().ok().map(constraint::demands),
            judgement: judgement.map(Outcome::word),
            against: applied.and_then(|applied| applied.subject.clone()),
            why,
        }
    };
    image.constraints().iter().map(one).collect()
}

/// A limit keeps a hostile requirement from filling the report.
fn requirement(facts: &crate::evidence::SignatureFacts) -> Option<String> {
    const MAX: usize = 4_000;
    let set = facts.signature.requirement_set.as_ref()?.as_ref().ok()?;
    Some(set.designated()?.to_string().chars().take(MAX).collect())
}

fn signature_word(case: &Case<'_>, image: &Image) -> &'static str {
    match &image.signed {
        Signed::No => "unsigned",
        Signed::Unreadable(_) => "invalid",
        Signed::Yes(_) if is_broken(case, image) => "invalid",
        Signed::Yes(facts) if facts.pages.is_some() => "valid",
        Signed::Yes(_) => "unchecked",
    }
}

fn load(load: &crate::dyld::Load) -> report::Load {
    report::Load {
        from: text(&load.from),
        executable: text(&load.executable),
        arch: load.arch.name(),
        name: load.name.clone(),
        to: load.to.as_deref().map(text),
        verdict: load.verdict.word(),
        rule: load.rule.clone(),
        kind: load.kind.word(),
        dangling: load.is_dangling,
    }
}

fn gap(gap: &crate::evidence::Gap) -> report::GapItem {
    report::GapItem { path: text(&gap.path), path_bytes: bytes(&gap.path), why: gap.why.clone() }
}

/// Verification found that the signature of this slice does not hold.
fn is_broken(case: &Case<'_>, image: &Image) -> bool {
    let broken = |d: &&Detected| {
        d.clue == Clue::BrokenSignature && Path::new(&d.finding.subject) == image.path && d.finding.arch == Some(image.arch())
    };
    case.detected.iter().any(|d| broken(&d))
}

/// What macOS would start.
fn spawn(case: &Case<'_>, image: &Image) -> report::Spawn {
    let launch = policy::spawn::Launch::of(case.scene.evidence, image, is_broken(case, image));
    let process = Process { os: case.scene.evidence.os, ..Process::of(image) };
    let verdict = policy::spawn::verdict(&process, &launch);
    let version = |(major, minor): (u16, u16)| format!("{major}.{minor}");
    report::Spawn {
        executable: text(&image.path),
        arch: image.arch().name(),
        verdict: verdict.outcome.word(),
        why: verdict.why,
        macos_from: verdict.systems.from.map(version),
        macos_until: verdict.systems.until.map(version),
        rule: verdict.decision.rule,
        source: verdict.decision.source,
        confidence: verdict.decision.certainty.word(),
        conditions: verdict.conditions,
    }
}

/// What the notary would refuse, in archives too.
fn notary(case: &Case<'_>) -> Vec<report::Notary> {
    let of_image = |image: &&Image| {
        let submission = policy::notary::Submission::of(image, is_broken(case, image));
        let (path, arch) = (text(&image.path), Some(image.arch().name()));
        policy::notary::refusals(&submission).into_iter().map(move |refusal| report::Notary {
            path: path.clone(),
            arch,
            message: refusal.message,
        })
    };
    policy::notary::submitted(case.scene.evidence).iter().flat_map(of_image).collect()
}

fn noise(case: &Case<'_>) -> Vec<report::Noise> {
    let mut all = Vec::new();
    let mut strange = Vec::new();
    for given in case.scene.evidence.texts.iter().filter(|given| case.scene.stranger_of(given).is_none()) {
        let (TextFacts::Crash(_, lines) | TextFacts::Log(lines)) = &given.facts else { continue };
        let restricted = case.any(|c| matches!(c, Clue::RestrictedRefused(_) | Clue::RestrictedKeys(_))).is_some();
        for line in lines {
            if let Some(program) = case.scene.stranger_in(given, line) {
                let why = format!("about {program}, which is not in {}", name_of_target(case.scene.evidence));
                strange.push(report::Noise { source: given.source.clone(), line: line.line, why });
                continue;
            }
            let why = match &line.fact {
                LogFact::Noise { why } => *why,
                LogFact::NotaryIssue { is_error: false, .. } => "a warning of the notary refuses nothing",
                LogFact::NoEligibleProfile { .. } if !restricted => {
                    "logged for every program without a profile; it matters only beside a restricted entitlement"
                }
                _ => continue,
            };
            all.push(report::Noise { source: given.source.clone(), line: line.line, why: why.to_owned() });
        }
    }
    all.append(&mut strange);
    all.truncate(200);
    all
}

/// File name of the target.
fn name_of_target(evidence: &Evidence) -> String {
    let name = evidence.target.path.file_name().unwrap_or(evidence.target.path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What to get next, when what was given does not decide.
fn collect(case: &Case<'_>) -> Vec<report::Collect> {
    let mut all = Vec::new();
    let command = |why: &str, argv: &[&str]| report::Collect { why: why.to_owned(), argv: argv.iter().map(|a| (*a).to_owned()).collect() };
    let is_own = |text: &&EvidenceText| matches!(text.facts, TextFacts::Crash(..)) && case.scene.stranger_of(text).is_none();
    let no_report = !case.scene.evidence.texts.iter().any(|text| is_own(&text));
    if no_report {
        let why = "the crash report, if one was saved: Console, Crash Reports, or the newest file of the program in ~/Library/Logs/DiagnosticReports \
            (Finder: Go, Go to Folder)";
        all.push(command(why, &[]));
    }
    let target = &case.scene.evidence.target;
    let path = target.path.to_string_lossy();
    if no_report && target.kind == TargetKind::App {
        all.push(command("on the Mac where it broke, Temper finds the app's reports itself", &["temper", "check", &path, "--reports-dir"]));
        all.push(command("to make it happen once more, with its exit awaited", &["open", "-n", "-W", &path]));
    }
    if let Some(label) = launchd_label(case) {
        let why = "what launchd says of the job: last exit code and reason (of an agent: gui/UID/LABEL with your user id)";
        all.push(command(why, &["launchctl", "print", &format!("system/{label}")]));
    }
    if case.any(|c| matches!(c, Clue::NotaryUnread(_))).is_some() {
        let why = "the notary's log: it names each file and the reason";
        all.push(command(why, &["xcrun", "notarytool", "log", "SUBMISSION-ID", "--keychain-profile", "PROFILE"]));
    }
    let why = "what the system said while it happened: run this within minutes and give Temper the output";
    all.push(report::Collect { why: why.to_owned(), argv: log_show(case.scene.evidence) });
    if case.scene.evidence.target.kind == TargetKind::None {
        all.push(command("the app itself: temper check APP with the same evidence", &[]));
    }
    all
}

/// The command that shows what the system logged lately about the program (`log(1)`).
pub fn log_show(evidence: &Evidence) -> Vec<String> {
    ["log", "show", "--last", "10m", "--info", "--predicate", &predicate(evidence)].map(str::to_owned).to_vec()
}

/// Lines of the daemons that judge code and privacy, and all that name the program.
fn predicate(evidence: &Evidence) -> String {
    let reported = evidence.texts.iter().find_map(|text| match &text.facts {
        TextFacts::Crash(report, _) => report.process.clone(),
        _ => None,
    });
    let main = evidence.target.executable.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).map(str::to_owned);
    let daemons =
        "process == \"kernel\" OR process IN {\"amfid\",\"tccd\",\"taskgated-helper\",\"syspolicyd\",\"launchd\",\"CoreServicesUIAgent\"}";
    // A name with a quotation mark or a control character could not stand in a predicate, nor could bytes that are no text.
    let can_stand = |name: &String| !name.is_empty() && !name.chars().any(|c| c == '"' || c == '\\' || c.is_control());
    match main.or(reported).filter(can_stand) {
        Some(name) => format!("{daemons} OR process == \"{name}\" OR eventMessage CONTAINS \"{name}\""),
        None => daemons.to_owned(),
    }
}

/// Label of a launchd job that ended or was not started.
fn launchd_label(case: &Case<'_>) -> Option<String> {
    let lines = case.scene.evidence.texts.iter().flat_map(|text| match &text.facts {
        TextFacts::Crash(_, lines) | TextFacts::Log(lines) => lines.as_slice(),
        _ => &[],
    });
    let ended = lines.filter(|line| line.quote.contains("launchd") || line.quote.contains("Service exited"));
    let names = ended.filter_map(|line| match &line.fact {
        LogFact::Died { process, .. } => process.identifier.clone().or_else(|| process.name.clone()),
        _ => None,
    });
    names.into_iter().find(|name| name.split('.').count() > 2 && !name.contains('/'))
}

fn entitlements(case: &Case<'_>, image: &Image, diagnoses: &[Diagnosis]) -> report::EntitlementState {
    report::EntitlementState { present: present(image), ..least::state(case, image, diagnoses) }
}

fn present(image: &Image) -> serde_json::Map<String, serde_json::Value> {
    let entries = image.entitlements().map(|e| e.entries.as_slice()).unwrap_or_default();
    entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(b) => (*b).into(),
        Value::Integer(n) => (*n).into(),
        Value::String(s) | Value::Other(s) => s.clone().into(),
        Value::Array(items) => items.iter().map(json).collect::<Vec<_>>().into(),
        Value::Dict(entries) => serde_json::Value::Object(entries.iter().map(|(k, v)| (k.clone(), json(v))).collect()),
    }
}
