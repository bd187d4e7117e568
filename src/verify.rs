//! Evidence → is every signature and seal intact. Compares facts; the hashing was done by scan's sinks.

use crate::evidence::{Evidence, Image, SignatureFacts, Signed};
use crate::finding::{Confidence, Finding, Kind, Location, Proof, Severity};

/// Defects of signatures: of every slice, in order.
pub fn verify(evidence: &Evidence) -> Vec<Finding> {
    evidence.images.iter().flat_map(of_image).collect()
}

fn of_image(image: &Image) -> Vec<Finding> {
    match &image.signed {
        Signed::No if image.is_executable() && image.arch().is_arm64() => {
            vec![defect(
                image,
                "unsigned-executable",
                "is not signed; Apple silicon runs no unsigned program".into(),
                "no LC_CODE_SIGNATURE".into(),
            )]
        }
        Signed::No => Vec::new(),
        Signed::Unreadable(why) => {
            vec![defect(image, "signature-unreadable", format!("has a signature that cannot be read: {why}"), why.clone())]
        }
        Signed::Yes(facts) => of_facts(image, facts),
    }
}

fn of_facts(image: &Image, facts: &SignatureFacts) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(pages) = facts.pages.as_ref().filter(|pages| pages.bad_count > 0) {
        let first: Vec<String> = pages.bad.iter().take(4).map(u64::to_string).collect();
        let more = if pages.bad_count > 4 { " …" } else { "" };
        let words = format!("was changed after it was signed: {} of {} pages do not match", pages.bad_count, pages.checked);
        all.push(defect(image, "page-does-not-match", words, format!("pages {}{more} differ from their hashes", first.join(", "))));
    }
    if facts.info_plist_matches == Some(false) {
        all.push(defect(
            image,
            "info-plist-does-not-match",
            "has an Info.plist that was changed after signing".into(),
            "special slot -1 differs".into(),
        ));
    }
    if facts.resources_match == Some(false) {
        let words = "has a resource seal (CodeResources) that was changed or lost after signing".to_owned();
        all.push(defect(image, "seal-does-not-match", words, "special slot -3 differs".into()));
    }
    for slot in &facts.signature.bad_slots {
        all.push(defect(
            image,
            "signature-slot-does-not-match",
            format!("has a signature whose slot -{slot} does not match"),
            format!("special slot -{slot} differs"),
        ));
    }
    if let Some(cms) = &facts.signature.cms
        && (!cms.digest_matches || !cms.signature_verifies || cms.cdhashes_match == Some(false))
    {
        let what = if cms.signature_verifies { "covers another code directory" } else { "does not verify" };
        all.push(defect(
            image,
            "cms-does-not-verify",
            format!("has a cryptographic signature that {what}"),
            format!("the CMS signature {what}"),
        ));
    }
    all
}

fn defect(image: &Image, id: &'static str, words: String, quote: String) -> Finding {
    let path = image.path.to_string_lossy().into_owned();
    let name = image.path.file_name().unwrap_or_default().to_string_lossy();
    Finding {
        id,
        kind: Kind::Defect,
        subject: path.clone(),
        arch: Some(image.arch()),
        severity: Severity::Error,
        confidence: Confidence::Certain,
        message: format!("{name} ({}) {words}", image.arch().name()),
        location: Location { path: path.clone(), place: format!("{}, signature", image.arch().name()) },
        proof: vec![Proof { source: path, quote, ..Proof::default() }],
    }
}
