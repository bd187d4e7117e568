//! The tables of the report: findings, entitlements, code, loads, spawn, notary, noise, what to collect.

use super::case::Case;
use super::least;
use crate::detect::{Clue, Detected};
use crate::evidence::{EvidenceText, Image, Signed, TextFacts};
use crate::policy::key;
use crate::read::entitlements::Value;
use crate::read::log::LogFact;
use crate::read::macho::Arch;
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
        notary: evidence.images.iter().flat_map(notary).collect(),
        noise: noise(case),
        collect: if verdict == Verdict::Undetermined { collect(case) } else { Vec::new() },
        findings: case.detected.iter().map(finding).collect(),
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
        _ => "unknown",
    };
    report::EvidenceItem {
        source: given.source.clone(),
        kind: given.kind,
        process: crate::detect::process_of(case.scene.evidence, index),
        uuid,
        matches,
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
        cdhash: directory.map(|d| d.cdhash.iter().map(|b| format!("{b:02x}")).collect()),
        requirement: image.facts().and_then(requirement),
        uuid: image.macho.uuid.clone(),
        entitlements: image.entitlements().map(|e| e.entries.iter().map(|(k, _)| k.clone()).collect()).unwrap_or_default(),
        hardened: image.is_hardened(),
        signature: signature_word(case, image),
        problems: problems.into_iter().collect(),
    }
}

/// A limit keeps a hostile requirement from filling the report.
fn requirement(facts: &crate::evidence::SignatureFacts) -> Option<String> {
    const MAX: usize = 4_000;
    let set = facts.signature.requirement_set.as_ref()?.as_ref().ok()?;
    Some(set.designated()?.to_string().chars().take(MAX).collect())
}

fn signature_word(case: &Case<'_>, image: &Image) -> &'static str {
    let broken = |d: &Detected| {
        d.clue == Clue::BrokenSignature && Path::new(&d.finding.subject) == image.path && d.finding.arch == Some(image.arch())
    };
    match &image.signed {
        Signed::No => "unsigned",
        Signed::Unreadable(_) => "invalid",
        Signed::Yes(_) if case.detected.iter().any(broken) => "invalid",
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

/// What would start, as far as this reads signatures: a broken or missing one on Apple silicon, keys without a profile, a form that cannot be parsed.
fn spawn(case: &Case<'_>, image: &Image) -> report::Spawn {
    let about = |d: &&Detected| Path::new(&d.finding.subject) == image.path && d.finding.arch.is_none_or(|arch| arch == image.arch());
    let refusal = case.detected.iter().filter(about).find(|d| match &d.clue {
        Clue::BrokenSignature => image.arch().is_arm64() && d.finding.arch.is_some(),
        Clue::RestrictedKeys(_) | Clue::MalformedEntitlements => d.text.is_none(),
        _ => false,
    });
    let (verdict, why) = match (refusal, &image.signed) {
        // Apple: 32-bit app compatibility with macOS 10.14 is the last that runs it.
        _ if image.arch() == Arch::I386 => ("refused", "macOS 10.15 and later run no 32-bit code".into()),
        (Some(refusal), _) => ("refused", refusal.finding.message.clone()),
        (None, Signed::Yes(facts)) if facts.pages.is_none() => ("unknown", "its pages were not compared with its signature".into()),
        (None, _) => ("runs", "nothing in its signature stops it; quarantine and launch constraints were not looked at".into()),
    };
    report::Spawn { executable: text(&image.path), arch: image.arch().name(), verdict, why }
}

/// What the notary would say of a Developer ID signature (Apple: Resolving common notarization issues).
fn notary(image: &Image) -> Vec<report::Notary> {
    use crate::read::cms::SignerKind;
    let Some(facts) = image.facts().filter(|facts| facts.signer.kind == SignerKind::DeveloperId) else { return Vec::new() };
    let mut all = Vec::new();
    let mut say = |holds: bool, message: &str| {
        if holds {
            all.push(report::Notary { path: text(&image.path), message: message.to_owned() });
        }
    };
    let stamped = facts.signature.cms.as_ref().is_some_and(|cms| cms.timestamp.is_some());
    say(image.is_executable() && !image.is_hardened(), "The executable does not have the hardened runtime enabled.");
    say(image.has_entitlement(key::GET_TASK_ALLOW), "The executable requests the com.apple.security.get-task-allow entitlement.");
    say(!stamped, "The signature does not include a secure timestamp.");
    say(facts.pages.as_ref().is_some_and(|p| p.bad_count > 0), "The signature of the binary is invalid.");
    all
}

fn noise(case: &Case<'_>) -> Vec<report::Noise> {
    let mut all = Vec::new();
    for given in &case.scene.evidence.texts {
        let (TextFacts::Crash(_, lines) | TextFacts::Log(lines)) = &given.facts else { continue };
        let restricted = case.any(|c| matches!(c, Clue::RestrictedRefused(_) | Clue::RestrictedKeys(_))).is_some();
        for line in lines {
            let why = match &line.fact {
                LogFact::Noise { why } => *why,
                LogFact::NoEligibleProfile { .. } if !restricted => {
                    "logged for every program without a profile; it matters only beside a restricted entitlement"
                }
                _ => continue,
            };
            all.push(report::Noise { source: given.source.clone(), line: line.line, why: why.to_owned() });
        }
    }
    all.truncate(200);
    all
}

/// What to get next, when what was given does not decide.
fn collect(case: &Case<'_>) -> Vec<report::Collect> {
    let mut all = Vec::new();
    let command = |why: &str, argv: &[&str]| report::Collect { why: why.to_owned(), argv: argv.iter().map(|a| (*a).to_owned()).collect() };
    let no_report = !case.scene.evidence.texts.iter().any(|text| matches!(text.facts, TextFacts::Crash(..)));
    if no_report {
        let why = "the crash report, if one was saved: Console, Crash Reports, or the newest file of the program in ~/Library/Logs/DiagnosticReports \
            (Finder: Go, Go to Folder)";
        all.push(command(why, &[]));
    }
    const PREDICATE: &str = "process == \"kernel\" OR process IN {\"amfid\",\"tccd\",\"taskgated-helper\",\"syspolicyd\"}";
    let why = "what the system said while it happened: run this within minutes and give Temper the output";
    all.push(command(why, &["log", "show", "--last", "10m", "--info", "--predicate", PREDICATE]));
    if case.scene.evidence.target.kind == crate::evidence::TargetKind::None {
        all.push(command("the app itself: temper check APP with the same evidence", &[]));
    }
    all
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
