//! Signatures: broken, changed in place, refused at launch; entitlements that cannot be parsed or need a profile; the notary; no runtime flag.

use super::case::{Candidate, Case};
use crate::detect::{Clue, Detected};
use crate::evidence::{Image, TextFacts};
use crate::finding::Confidence;
use crate::policy::key;
use crate::read::log::{LogFact, LogLine, SigningFailure};
use crate::scenario::Condition;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = case.clues(|_| true).filter_map(|(index, detected)| of_clue(case, index, detected)).collect();
    all.extend(seals(case));
    all.extend(not_hardened(case));
    all.extend(notary(case));
    all.extend(restricted_shown(case));
    all.extend(development_profile(case));
    all
}

fn start(
    cause: &'static str,
    index: usize,
    detected: &Detected,
    image: Option<&Image>,
    confidence: Confidence,
    summary: String,
) -> Candidate {
    let mut candidate = Candidate::new(cause, cause, confidence, summary).about(image).like(&detected.finding);
    candidate.findings.push(index);
    candidate.order = 20;
    if cause == "signature-invalid" {
        candidate.only = vec!["sign-after-the-last-change", "keep-files-out-of-the-bundle"];
    }
    candidate
}

fn of_clue(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let image = case.image_of(detected);
    match &detected.clue {
        Clue::KilledFilePage { file, replaced, while_loading } => {
            Some(file_page(case, index, detected, file.as_deref(), *replaced, *while_loading))
        }
        Clue::LaunchRefused => Some(launch_refused(case, index, detected)),
        Clue::KilledPage => killed_page(case, index, detected),
        Clue::CopyRuns => copy_runs(case, index, detected),
        Clue::BrokenSignature => Some(broken(case, index, detected)),
        Clue::CodesignProblem(text) => codesign_problem(case, index, detected, text),
        Clue::BadLayout => {
            codesign_problem(case, index, detected, "").map(|candidate| Candidate { only: vec!["mend-the-layout"], ..candidate })
        }
        Clue::RestrictedMissing(keys) => restricted_missing(case, index, detected, keys),
        Clue::NotaryUnread(ticket) => notary_unread(case, index, detected, *ticket),
        Clue::Detritus => {
            let summary = "codesign refuses to sign: something puts Finder or file-provider attributes on the files".to_owned();
            let mut candidate = start("signature-invalid", index, detected, image.or(case.scene.main()), Confidence::Likely, summary);
            candidate.accounts = true;
            candidate.only = vec!["remove-detritus"];
            Some(candidate)
        }
        // codesign says so too when the chain is what it misses; that line says more.
        Clue::SigningFailed(SigningFailure::KeyNotUsable) if case.any(|c| *c == Clue::SigningFailed(SigningFailure::NoChain)).is_some() => {
            None
        }
        Clue::SigningFailed(why) => {
            let remedy = match why {
                SigningFailure::KeyNotUsable => "unlock-the-keychain",
                SigningFailure::Ambiguous => "name-one-certificate",
                SigningFailure::NoIdentity => "bring-the-key",
                SigningFailure::WrongCertificate | SigningFailure::InstallerNamed => "take-the-certificate-for-code",
                SigningFailure::NoChain => "mend-the-chain",
                SigningFailure::NoTimestamp => "reach-the-timestamp-server",
            };
            let summary = detected.finding.message.clone();
            let said = *why != SigningFailure::InstallerNamed;
            let confidence = if said { Confidence::Certain } else { Confidence::Likely };
            let mut candidate = start("signature-invalid", index, detected, image.or(case.scene.main()), confidence, summary);
            candidate.accounts = true;
            candidate.only = vec![remedy];
            Some(candidate)
        }
        Clue::RestrictedRefused(keys) => Some(restricted_refused(case, index, detected, keys)),
        Clue::RestrictedKeys(keys) => {
            let mut candidate =
                start("restricted-entitlement", index, detected, image, Confidence::Likely, detected.finding.message.clone());
            let death = case.any(|c| matches!(c, Clue::Died | Clue::LaunchRefused));
            candidate.accounts = death.is_some();
            candidate.findings.extend(death);
            candidate.remove = Some(keys.clone());
            candidate.only = only_of(keys);
            candidate.order = 18;
            Some(candidate)
        }
        Clue::EntitlementsUnparsable { at_signing } => Some(unparsable(case, index, detected, *at_signing)),
        Clue::MalformedEntitlements => Some(malformed(case, index, detected)),
        _ => None,
    }
}

/// A page of a file that does not match: changed before signing was over, or under the kernel's feet.
fn file_page(case: &Case<'_>, index: usize, detected: &Detected, file: Option<&str>, replaced: bool, while_loading: bool) -> Candidate {
    let reported = file.map(|file| case.scene.reported_name(file)).filter(|name| !name.is_empty()).map(std::path::PathBuf::from);
    let path = file.and_then(|file| case.scene.file_by_name(file)).or(reported);
    let short = file.map_or("a file", |f| f.rsplit('/').next().unwrap_or(f));
    let proven = case.any_broken(path.as_deref()).filter(|_| path.is_some());
    if let Some(proven) = proven {
        let summary = format!("{short} was changed after it was signed: its pages do not match its signature");
        let mut candidate =
            about_file(case, start("signature-invalid", index, detected, None, Confidence::Certain, summary), path.as_deref());
        candidate.findings.push(proven);
        candidate.accounts = true;
        candidate.order = 9;
        return candidate;
    }
    // Intact on disk and killed all the same: the kernel judged by the signature it had read before the file was changed.
    let intact = path.as_deref().is_some_and(|path| is_intact(case, path))
        || case.any(|c| matches!(c, Clue::IntactOnDisk | Clue::CopyRuns)).is_some();
    let in_place = replaced || intact || case.any(|c| matches!(c, Clue::Overwritten)).is_some();
    let candidate = if in_place {
        let summary = format!("{short} was changed in place after macOS had read its signature");
        start("in-place-update", index, detected, None, Confidence::Likely, summary)
    } else {
        let how = if while_loading { "while it was loaded" } else { "while it ran" };
        let summary = format!("a page of {short} did not match its signature {how}: the file was changed after signing");
        start("signature-invalid", index, detected, None, Confidence::Likely, summary)
    };
    let mut candidate = about_file(case, candidate, path.as_deref());
    candidate.accounts = true;
    candidate.order = 13;
    candidate.findings.extend(case.any(|c| matches!(c, Clue::Overwritten | Clue::CopyRuns)));
    candidate
}

fn about_file(case: &Case<'_>, mut candidate: Candidate, path: Option<&Path>) -> Candidate {
    let Some(path) = path else { return candidate };
    candidate.subject.clear();
    candidate.arch = None;
    candidate = candidate.about(case.scene.image(path));
    if candidate.subject.is_empty() {
        candidate.subject = path.to_string_lossy().into_owned();
    }
    candidate.file = Some(candidate.subject.clone());
    candidate
}

/// Every slice of the file was compared and matches.
fn is_intact(case: &Case<'_>, path: &Path) -> bool {
    let mut slices = case.scene.evidence.images_at(path).peekable();
    let good = |image: &Image| image.facts().and_then(|f| f.pages.as_ref()).is_some_and(|pages| pages.bad_count == 0 && pages.checked > 0);
    slices.peek().is_some() && slices.all(good)
}

/// Killed at exec: CODESIGNING 1, a kernel line, or `Killed: 9` beside a proven defect.
fn launch_refused(case: &Case<'_>, index: usize, detected: &Detected) -> Candidate {
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let in_place = case.any(|c| matches!(c, Clue::Overwritten | Clue::CopyRuns));
    let path = image.map(|image| image.path.clone());
    let broken = case.any_broken(path.as_deref()).filter(|_| path.is_some());
    if let Some(reason) = in_place.filter(|_| broken.is_none()) {
        let summary = format!("{who} was overwritten in place; macOS judges the new bytes by the signature it had read from the old ones");
        let copy_runs = case.any(|c| matches!(c, Clue::CopyRuns)).is_some();
        let intact = case.any(|c| matches!(c, Clue::IntactOnDisk)).is_some() || path.as_deref().is_some_and(|p| is_intact(case, p));
        let confidence = if copy_runs && intact { Confidence::Certain } else { Confidence::Likely };
        let mut candidate = start("in-place-update", index, detected, image, confidence, summary);
        candidate.findings.push(reason);
        candidate.findings.extend(case.any(|c| matches!(c, Clue::CopyRuns)));
        candidate.accounts = true;
        candidate.order = 9;
        return candidate;
    }
    let confidence = if broken.is_some() { Confidence::Certain } else { Confidence::Likely };
    let restricted = case.any(|c| matches!(c, Clue::RestrictedKeys(_) | Clue::RestrictedRefused(_)));
    let summary = format!("macOS refused to start {who}: its code signature is not valid");
    let lesser = restricted.is_some() && broken.is_none();
    let mut candidate = start("signature-invalid", index, detected, image, if lesser { Confidence::Possible } else { confidence }, summary);
    candidate.findings.extend(broken);
    candidate.accounts = !lesser;
    candidate.order = 25;
    candidate
}

/// The file dies and a copy of it runs: nothing but the kernel's memory of the old file tells them apart.
fn copy_runs(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let told = |c: &Clue| {
        matches!(c, Clue::LaunchRefused | Clue::KilledPage | Clue::KilledFilePage { .. } | Clue::LaunchConstraint { .. } | Clue::Gatekeeper)
    };
    let death = case.any(|c| matches!(c, Clue::Died))?;
    if case.any(told).is_some() {
        return None;
    }
    let summary = "the file was overwritten in place; macOS judges the new bytes by the signature it had read from the old ones".to_owned();
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let mut candidate = start("in-place-update", index, detected, image, Confidence::Likely, summary);
    candidate.findings.push(death);
    candidate.findings.extend(case.any(|c| matches!(c, Clue::IntactOnDisk)));
    candidate.accounts = true;
    Some(candidate)
}

/// Killed for a page, and the bundle holds one file whose pages do not match.
fn killed_page(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let decided = case.any(|c| matches!(c, Clue::KilledFilePage { .. } | Clue::KilledAnonymousPage | Clue::KilledPatchedPage { .. }));
    if decided.is_some() {
        return None;
    }
    let image = case.image_of(detected);
    let Some(broken) = case.any_broken(None) else {
        let intact = case.any(|c| matches!(c, Clue::CopyRuns | Clue::Overwritten))?;
        let summary = "the file was changed in place after macOS had read its signature".to_owned();
        let mut candidate = start("in-place-update", index, detected, image, Confidence::Likely, summary);
        candidate.findings.push(intact);
        candidate.accounts = true;
        return Some(candidate);
    };
    let finding = &case.detected.get(broken)?.finding;
    let summary = format!("killed for a page that does not match: {}", finding.message);
    let mut candidate = about_file(
        case,
        start("signature-invalid", index, detected, image, Confidence::Likely, summary),
        Some(Path::new(&finding.subject)),
    );
    candidate.findings.push(broken);
    candidate.accounts = true;
    candidate.order = 12;
    Some(candidate)
}

/// Files that do not match the seal of their bundle: one diagnosis for each bundle, however many files.
fn seals(case: &Case<'_>) -> Vec<Candidate> {
    let evidence = case.scene.evidence;
    let mut bundles: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
    for (index, detected) in case.clues(|clue| *clue == Clue::BrokenSeal) {
        let path = Path::new(&detected.finding.subject);
        let bundle = evidence.bundles.iter().rposition(|bundle| bundle.has_seal && path.starts_with(&bundle.path) && path != bundle.path);
        match bundles.iter_mut().find(|(known, _)| *known == bundle) {
            Some((_, indexes)) => indexes.push(index),
            None => bundles.push((bundle, vec![index])),
        }
    }
    bundles.into_iter().filter_map(|(bundle, indexes)| broken_seal(case, bundle, &indexes)).collect()
}

fn broken_seal(case: &Case<'_>, bundle: Option<usize>, indexes: &[usize]) -> Option<Candidate> {
    const MAX_PROOFS: usize = 12;
    let first = *indexes.first()?;
    let detected = case.detected.get(first)?;
    let image = bundle.and_then(|bundle| case.scene.evidence.images.iter().find(|image| image.main_of == Some(bundle)));
    let more = if indexes.len() > 1 { format!(", and {} more", indexes.len() - 1) } else { String::new() };
    let summary = format!("the seal of the bundle is broken: {}{more}", detected.finding.message);
    let mut candidate = start("signature-invalid", first, detected, image, Confidence::Certain, summary);
    candidate.findings = indexes.iter().copied().take(MAX_PROOFS).collect();
    candidate.file = Some(detected.finding.subject.clone());
    candidate.order = 43;
    Some(candidate)
}

/// A defect that the bundle shows by itself.
fn broken(case: &Case<'_>, index: usize, detected: &Detected) -> Candidate {
    let image = case.image_of(detected);
    let mut candidate = start("signature-invalid", index, detected, image, Confidence::Certain, detected.finding.message.clone());
    // On Apple silicon an invalid main executable dies at launch: with a bare death in the text the two account for each other.
    let death = case.any(|c| matches!(c, Clue::Died)).filter(|_| image.is_some_and(|i| i.is_executable() && i.arch().is_arm64()));
    candidate.accounts = death.is_some();
    candidate.findings.extend(death);
    candidate.file = Some(candidate.subject.clone());
    candidate.order = 41;
    candidate
}

fn codesign_problem(case: &Case<'_>, index: usize, detected: &Detected, text: &str) -> Option<Candidate> {
    if text.contains("entitlements") {
        return Some(unparsable(case, index, detected, true));
    }
    let image = case.image_of(detected);
    let path = Some(detected.finding.subject.as_str()).filter(|s| !s.is_empty()).map(Path::new);
    let proven = path.and_then(|path| case.any_broken(Some(path)));
    let confidence = if proven.is_some() { Confidence::Certain } else { Confidence::Likely };
    let said = || {
        if text.starts_with("the App Sandbox") {
            detected.finding.message.clone()
        } else {
            format!("codesign says: {}", detected.finding.message)
        }
    };
    let of_certificate = certificate_problem(text, &detected.finding.message);
    let (summary, remedies) = of_certificate.unwrap_or_else(|| (said(), Vec::new()));
    let mut candidate = start("signature-invalid", index, detected, image.or(case.scene.main()), confidence, summary);
    if !remedies.is_empty() {
        candidate.only = remedies;
    }
    candidate.findings.extend(proven);
    candidate.accounts = true;
    candidate.order = 26;
    Some(candidate)
}

/// The file is as it was signed, and its certificate is not good any more: summary and remedies.
fn certificate_problem(text: &str, message: &str) -> Option<(String, Vec<&'static str>)> {
    const ANEW: &str = "sign-with-a-valid-certificate";
    let (what, remedies) = match text {
        "CSSMERR_TP_CERT_REVOKED" => ("was revoked", vec![ANEW]),
        "CSSMERR_TP_CERT_EXPIRED" => ("has expired", vec![ANEW]),
        "CSSMERR_TP_NOT_TRUSTED" | "signature is valid but signer is not trusted" => {
            ("is not trusted by macOS", vec!["mend-the-chain", ANEW])
        }
        _ => return None,
    };
    let file = message.strip_suffix(text).map_or("", |file| file.trim_end_matches([':', ' ']));
    let file = if file.is_empty() { "it" } else { file };
    Some((format!("the certificate with which {file} was signed {what}"), remedies))
}

fn restricted_refused(case: &Case<'_>, index: usize, detected: &Detected, listed: &[String]) -> Candidate {
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let defect = case.any(|c| matches!(c, Clue::RestrictedKeys(_)));
    let signed: Vec<String> = defect
        .and_then(|i| case.detected.get(i))
        .and_then(|d| match &d.clue {
            Clue::RestrictedKeys(keys) => Some(keys.clone()),
            _ => None,
        })
        .unwrap_or_default();
    let all_listed: BTreeSet<String> = case
        .clues(|c| matches!(c, Clue::RestrictedRefused(_)))
        .filter_map(|(_, d)| match &d.clue {
            Clue::RestrictedRefused(keys) => Some(keys.clone()),
            _ => None,
        })
        .flatten()
        .chain(listed.iter().cloned())
        .collect();
    let keys: Vec<String> = if signed.is_empty() { all_listed.into_iter().collect() } else { signed };
    let named = if keys.is_empty() { "an entitlement".to_owned() } else { keys.join(", ") };
    let only = only_of(&keys);
    let summary = if is_private(&keys) {
        format!("macOS refused to start {who}: {named} is reserved for Apple's own programs, and no profile grants it")
    } else {
        format!("macOS refused to start {who}: {named} needs a provisioning profile that is not there")
    };
    let confidence = if defect.is_some() { Confidence::Certain } else { Confidence::Likely };
    let mut candidate = start("restricted-entitlement", index, detected, image, confidence, summary);
    candidate.findings.extend(defect);
    candidate.accounts = true;
    candidate.order = 8;
    candidate.remove = Some(keys);
    candidate.only = only;
    candidate
}

/// Remedies for keys that a profile must cover. A private key of Apple's is in no profile: it can only be taken out.
fn only_of(keys: &[String]) -> Vec<&'static str> {
    if is_private(keys) {
        vec!["remove-the-key", "remove-the-key-without-profile"]
    } else {
        vec!["remove-the-key", "embed-a-profile", "remove-the-key-without-profile"]
    }
}

fn is_private(keys: &[String]) -> bool {
    !keys.is_empty() && keys.iter().all(|key| key.starts_with("com.apple.private."))
}

/// A service of macOS wants a key that Apple grants. The key alone, without a profile, would keep the program from starting.
fn restricted_missing(case: &Case<'_>, index: usize, detected: &Detected, keys: &[String]) -> Option<Candidate> {
    let same = |c: &Clue| matches!(c, Clue::RestrictedMissing(other) if other == keys);
    if case.any(same) != Some(index) || case.any(|c| matches!(c, Clue::RestrictedRefused(_))).is_some() {
        return None;
    }
    let group = keys.iter().any(|key| key == key::APPLICATION_GROUPS);
    let (summary, confidence, remedy) = match keys {
        [] => (
            "macOS does not accept the system extension: its signature is not valid, or an entitlement for it is missing".to_owned(),
            Confidence::Possible,
            "embed-a-profile",
        ),
        _ if group => (
            "the app group is refused: its name must begin with the identifier of the team that signs, or a profile must carry it"
                .to_owned(),
            Confidence::Likely,
            "name-the-group-after-the-team",
        ),
        _ => (
            format!("the program lacks {}, which Apple grants and a provisioning profile must carry", keys.join(", ")),
            Confidence::Likely,
            "embed-a-profile",
        ),
    };
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let mut candidate = start("restricted-entitlement", index, detected, image, confidence, summary);
    candidate.accounts = confidence == Confidence::Likely;
    candidate.order = 22;
    candidate.only = vec![remedy];
    candidate.add = Some(Vec::new());
    candidate.remove = Some(Vec::new());
    Some(candidate)
}

/// The notary said no, and its log was not given.
fn notary_unread(case: &Case<'_>, index: usize, detected: &Detected, ticket: bool) -> Option<Candidate> {
    if case.any(|c| matches!(c, Clue::NotaryUnread(_))) != Some(index) || case.any(|c| matches!(c, Clue::NotaryIssue(_))).is_some() {
        return None;
    }
    let summary = if ticket {
        "there is no ticket for this build: the notary did not accept it, or it was changed or never sent"
    } else {
        "the notary did not accept what was sent; its log names each file and the reason"
    };
    let mut candidate = start("notarization", index, detected, case.scene.main(), Confidence::Possible, summary.to_owned());
    candidate.order = 42;
    candidate.only = vec!["read-the-notary-log"];
    candidate.add = Some(Vec::new());
    candidate.remove = Some(Vec::new());
    Some(candidate)
}

/// launchd could not start it, and `codesign -d` shows a key that only a profile can grant.
fn restricted_shown(case: &Case<'_>) -> Option<Candidate> {
    if case.scene.main().is_some() || case.any(|c| matches!(c, Clue::RestrictedRefused(_) | Clue::EntitlementsUnparsable { .. })).is_some()
    {
        return None;
    }
    let spawned = |line: &LogLine| !matches!(line.fact, LogFact::Died { exit: Some(153 | 163), .. });
    let failed = case.scene.evidence.texts.iter().any(|text| match &text.facts {
        TextFacts::Crash(_, lines) | TextFacts::Log(lines) => !lines.iter().all(spawned),
        TextFacts::Entitlements(_) | TextFacts::Unusable(_) => false,
    });
    let (index, died) = case.clues(|c| matches!(c, Clue::Died)).next().filter(|_| failed)?;
    let (list, shown) = shown_restricted(case);
    let first = case.detected.get(*shown.first()?)?;
    let summary = format!("launchd could not start it: {} needs a provisioning profile that covers it", list.join(", "));
    let mut candidate = start("restricted-entitlement", index, died, None, Confidence::Likely, summary).like(&first.finding);
    candidate.findings.extend(shown);
    candidate.accounts = true;
    candidate.order = 8;
    candidate.only = only_of(&list);
    candidate.remove = Some(list);
    Some(candidate)
}

/// Restricted keys that `codesign -d` shows, and where.
fn shown_restricted(case: &Case<'_>) -> (Vec<String>, Vec<usize>) {
    let mut keys = BTreeSet::new();
    let mut shown = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::ShownEntitlements(_))) {
        let Clue::ShownEntitlements(listed) = &detected.clue else { continue };
        let restricted: Vec<&String> = listed.iter().filter(|key| crate::policy::is_restricted(key)).collect();
        if !restricted.is_empty() {
            keys.extend(restricted.into_iter().cloned());
            shown.push(index);
        }
    }
    (keys.into_iter().collect(), shown)
}

/// Signed for everybody, with restricted keys that a profile for single Macs covers (Apple: TN3125): on every other Mac it is refused at launch.
fn development_profile(case: &Case<'_>) -> Option<Candidate> {
    let (index, profile) = case.clues(|c| *c == Clue::ShownProfileOfDevices).next()?;
    let for_everybody =
        |line: &LogLine| matches!(&line.fact, LogFact::SignatureAccepted { source: Some(source), .. } if source.contains("Developer ID"));
    let is_distributed = case.scene.evidence.texts.iter().any(|text| match &text.facts {
        TextFacts::Crash(_, lines) | TextFacts::Log(lines) => lines.iter().any(for_everybody),
        TextFacts::Entitlements(_) | TextFacts::Unusable(_) => false,
    });
    let (keys, shown) = shown_restricted(case);
    let first = case.detected.get(*shown.first()?).filter(|_| is_distributed)?;
    let summary =
        format!("the profile in the app is one for development: it covers {} on the Macs that it names and on no other", keys.join(", "));
    let mut candidate = start("restricted-entitlement", index, profile, None, Confidence::Likely, summary).like(&first.finding);
    candidate.findings.extend(shown);
    candidate.accounts = true;
    candidate.order = 8;
    candidate.only = only_of(&keys);
    candidate.remove = Some(keys);
    Some(candidate)
}

fn unparsable(case: &Case<'_>, index: usize, detected: &Detected, at_signing: bool) -> Candidate {
    let fault = case.any(|c| matches!(c, Clue::MalformedEntitlements));
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let where_ =
        if at_signing { "codesign could not read the entitlements file" } else { "macOS could not read the embedded entitlements" };
    let what = fault.and_then(|i| case.detected.get(i)).map(|d| format!(": {}", d.finding.message)).unwrap_or_default();
    let confidence = if fault.is_some() { Confidence::Certain } else { Confidence::Likely };
    let mut candidate = start("entitlements-malformed", index, detected, image, confidence, format!("{where_}{what}"));
    candidate.findings.extend(fault);
    candidate.accounts = true;
    candidate.order = 7;
    candidate.add = Some(Vec::new());
    candidate.remove = Some(Vec::new());
    candidate
}

fn malformed(case: &Case<'_>, index: usize, detected: &Detected) -> Candidate {
    let mut candidate =
        start("entitlements-malformed", index, detected, case.image_of(detected), Confidence::Certain, detected.finding.message.clone());
    // A file that was given as evidence and cannot be parsed is the reported trouble; an embedded blob is when something died of it.
    let death = case.any(|c| matches!(c, Clue::Died | Clue::LaunchRefused | Clue::EntitlementsUnparsable { .. }));
    candidate.accounts = detected.text.is_some() || death.is_some();
    candidate.add = Some(Vec::new());
    candidate.remove = Some(Vec::new());
    candidate
}

/// The notary's complaints about one file: one diagnosis, however many lines.
fn notary(case: &Case<'_>) -> Vec<Candidate> {
    let mut subjects: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::NotaryIssue(_) | Clue::GetTaskAllowShipped)) {
        let key = detected.finding.subject.clone();
        match subjects.iter_mut().find(|(subject, _)| *subject == key) {
            Some((_, indexes)) => indexes.push(index),
            None => subjects.push((key, vec![index])),
        }
    }
    subjects.into_iter().filter_map(|(_, indexes)| notary_subject(case, &indexes)).collect()
}

fn notary_subject(case: &Case<'_>, indexes: &[usize]) -> Option<Candidate> {
    let all: Vec<(usize, &Detected)> = indexes.iter().filter_map(|i| Some((*i, case.detected.get(*i)?))).collect();
    let (first, detected) = *all.first()?;
    let says = |words: &str| all.iter().any(|(_, d)| matches!(&d.clue, Clue::NotaryIssue(text) if text.contains(words)));
    let image = case.image_of(detected);
    let reported = all.iter().any(|(_, d)| matches!(d.clue, Clue::NotaryIssue(_)));
    if says("entitlements are invalid") {
        return Some(unparsable(case, first, detected, false));
    }
    let debug = says(key::GET_TASK_ALLOW) || all.iter().any(|(_, d)| d.clue == Clue::GetTaskAllowShipped);
    let name = detected.finding.message.split(':').next().unwrap_or("a file").to_owned();
    let name = image.map_or(name, |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let summary = if debug {
        format!("the notary refuses {name}: it lets any process take it over (get-task-allow)")
    } else {
        let says = if let Clue::NotaryIssue(text) = &detected.clue { text } else { &detected.finding.message };
        format!("the notary refuses {name}: {says}")
    };
    let mut candidate =
        start("notarization", first, detected, image, if reported { Confidence::Certain } else { Confidence::Likely }, summary);
    candidate.findings = indexes.to_vec();
    candidate.accounts = reported;
    candidate.order = if reported { 6 } else { 42 };
    candidate.add = Some(Vec::new());
    candidate.remove = Some(debug.then(|| key::GET_TASK_ALLOW.to_owned()).into_iter().collect());
    if debug {
        candidate.facts.insert(Condition::DevelopmentBuild);
    } else {
        candidate.facts.remove(&Condition::DevelopmentBuild);
    }
    candidate.only = match () {
        () if debug => vec!["remove-get-task-allow"],
        () if says("SDK older") => vec!["rebuild-with-a-newer-sdk"],
        () => vec!["sign-for-distribution"],
    };
    Some(candidate)
}

/// Exceptions that do nothing because the runtime flag is missing.
fn not_hardened(case: &Case<'_>) -> Vec<Candidate> {
    let mut all = Vec::new();
    let shown = case.any(|c| *c == Clue::ShownHardened(false));
    let shown_keys =
        case.any(|c| matches!(c, Clue::ShownEntitlements(keys) if keys.iter().any(|k| k.starts_with("com.apple.security.cs."))));
    for (index, detected) in case.clues(|c| matches!(c, Clue::NotHardened { .. })) {
        let Clue::NotHardened { inert } = &detected.clue else { continue };
        let image = case.image_of(detected);
        if all.iter().any(|known: &Candidate| known.subject == detected.finding.subject) {
            continue;
        }
        let mut candidate = start("not-hardened", index, detected, image, Confidence::Certain, detected.finding.message.clone());
        candidate.accounts = shown.is_some() && !inert.is_empty();
        candidate.findings.extend(shown);
        candidate.order = if image.is_some_and(|i| i.main_of == Some(0)) { 30 } else { 47 };
        candidate.add = Some(Vec::new());
        candidate.remove = Some(inert.clone());
        all.push(candidate);
    }
    if let (true, Some(flags), Some(keys)) = (all.is_empty(), shown, shown_keys)
        && let Some(detected) = case.detected.get(flags)
    {
        let summary = "the runtime flag is missing, so the hardened-runtime exceptions in the signature do nothing".to_owned();
        let mut candidate = start("not-hardened", flags, detected, None, Confidence::Likely, summary);
        candidate.findings.push(keys);
        candidate.accounts = true;
        candidate.add = Some(Vec::new());
        all.push(candidate);
    }
    all
}
