//! The seal of each bundle, and what no seal covers.

use super::{finding, nested, seen};
use crate::evidence::{Evidence, Image, SealCheck, SealFault, SealFaultKind};
use crate::finding::Finding;
use crate::read::signature::HashType;
use std::collections::BTreeMap;
use std::path::Path;

/// Findings of one kind and bundle; beyond, one finding says how many more there are.
const MAX_OF_A_KIND: usize = 100;

/// A bundle whose signed main executable covers no resources: `codesign` refuses it, macOS runs it.
pub(super) fn unsealed_bundle(evidence: &Evidence, index: usize) -> Option<Finding> {
    let bundle = evidence.bundles.get(index)?;
    let image = mains(evidence, index).find(|image| image.facts().is_some() && !covers_seal(image))?;
    let path = image.path.to_string_lossy();
    let name = evidence.name_of(&bundle.path);
    let message = format!("{name} is a bundle whose signature covers only its program: it was never signed as a bundle");
    Some(finding("bundle-not-sealed", &path, Some(image.arch()), message, vec![seen(&path, "special slot -3 is empty")]))
}

fn mains(evidence: &Evidence, bundle: usize) -> impl Iterator<Item = &Image> {
    evidence.images.iter().filter(move |image| image.main_of == Some(bundle))
}

/// Slot −3 is filled.
fn covers_seal(image: &Image) -> bool {
    let directory = image.facts().and_then(|facts| facts.signature.directory());
    directory.is_some_and(|directory| directory.special_slots.get(2).is_some_and(Option::is_some))
}

/// What differs from one seal.
pub(super) fn verify(check: &SealCheck, evidence: &Evidence) -> Vec<Finding> {
    let bundle = evidence.bundles.iter().position(|bundle| bundle.path == check.bundle);
    let mains: Vec<&Image> = bundle.map(|index| mains(evidence, index).collect()).unwrap_or_default();
    let mut all = around(check, evidence);
    all.extend(no_current(check, evidence));
    // Without a signature over it the seal says nothing, and one that was changed says nothing reliable: both are findings of the slice.
    let is_attested = |image: &&Image| covers_seal(image) && image.facts().is_some_and(|facts| facts.resources_match != Some(false));
    if !mains.is_empty() && !mains.iter().any(is_attested) {
        return all;
    }
    let source = check.seal.to_string_lossy().into_owned();
    if let Some(why) = &check.unusable {
        if evidence.files.binary_search(&check.seal).is_ok() {
            all.push(finding(
                "seal-unreadable",
                &source,
                None,
                format!("the resource seal cannot be used: {why}"),
                vec![seen(&source, why)],
            ));
        }
        return all;
    }
    all.extend(weakness(check, &source));
    let has_sha1 = mains
        .iter()
        .filter_map(|image| image.facts())
        .any(|facts| facts.signature.directories.iter().any(|directory| directory.hash_type == HashType::Sha1));
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for fault in check.faults.iter().filter(|fault| has_sha1 || fault.kind != SealFaultKind::Sha1Differs) {
        let (id, words) = words(fault, evidence, check);
        let count = counts.entry(id).or_default();
        *count += 1;
        if *count <= MAX_OF_A_KIND {
            let path = fault.path.to_string_lossy();
            all.push(finding(id, &path, None, format!("{path} {words}"), vec![seen(&source, &entry_name(check, &fault.path))]));
        }
    }
    for (id, count) in counts.into_iter().filter(|(_, count)| *count > MAX_OF_A_KIND) {
        let message = format!("{} more files of the same kind are not listed ({})", count - MAX_OF_A_KIND, id.replace('-', " "));
        all.push(finding(id, &source, None, message, Vec::new()));
    }
    let present = check.nested.iter().filter(|sealed| !sealed.is_missing);
    for sealed in present {
        all.extend(nested::verify(check, sealed, evidence));
        all.extend(nested::other_versions(sealed, evidence));
    }
    all
}

/// A path as the seal names it.
fn entry_name(check: &SealCheck, path: &Path) -> String {
    path.strip_prefix(&check.base).unwrap_or(path).to_string_lossy().into_owned()
}

fn words(fault: &SealFault, evidence: &Evidence, check: &SealCheck) -> (&'static str, String) {
    match &fault.kind {
        SealFaultKind::Modified => ("sealed-file-modified", "was changed after its bundle was signed".into()),
        SealFaultKind::Sha1Differs => ("sealed-file-modified", "differs from its SHA-1 digest in the seal".into()),
        SealFaultKind::LinkChanged(sealed, found) => {
            ("sealed-link-changed", format!("leads to {found}; it led to {sealed} when its bundle was signed"))
        }
        SealFaultKind::ChangedKind => {
            ("sealed-file-changed-kind", "is no longer the kind of thing that was sealed (file, link or code)".into())
        }
        SealFaultKind::Missing if check.nested.iter().any(|sealed| sealed.path == fault.path) => {
            ("nested-code-missing", "is nested code that is sealed and not there".into())
        }
        SealFaultKind::Missing => ("sealed-file-missing", "is sealed and not there".into()),
        SealFaultKind::Added if is_apple_double(&fault.path) => {
            let words =
                "was added after its bundle was signed: it holds extended attributes that an archive wrote down as a file of its own";
            ("file-added-to-seal", words.into())
        }
        SealFaultKind::Added if evidence.images_at(&fault.path).next().is_none() => {
            ("file-added-to-seal", "was added after its bundle was signed".into())
        }
        SealFaultKind::Added | SealFaultKind::AddedCode => (
            "nested-code-not-sealed",
            "is code in a place for code that the seal does not name: it was added after the bundle was signed".into(),
        ),
        SealFaultKind::Malformed(why) => ("seal-entry-malformed", format!("has an entry in the seal that makes no sense: {why}")),
        SealFaultKind::LinkLeaves(target) => ("link-leaves-bundle", format!("is a link that leads out of its bundle, to {target}")),
        SealFaultKind::DsStoreLink => ("ds-store-is-link", "is a link; macOS allows only a file of that name".into()),
        SealFaultKind::Sideband(name) => {
            let what = if *name == "com.apple.ResourceFork" { "a resource fork" } else { "Finder information" };
            ("file-has-sideband-data", format!("carries {what} ({name}), which no signature covers; `xattr -c` removes it"))
        }
    }
}

/// AppleDouble: `._NAME` beside `NAME`.
fn is_apple_double(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("._"))
}

/// What only strict verification refuses: the form of the seal.
fn weakness(check: &SealCheck, source: &str) -> Vec<Finding> {
    let mut all = Vec::new();
    if check.has_weak_rules {
        let message = "the resource seal leaves out files by rules of its own; Gatekeeper refuses that form".to_owned();
        all.push(finding("seal-has-custom-rules", source, None, message, vec![seen(source, "rules2")]));
    }
    if check.version == 1 {
        let message = "the resource seal is of version 1, which covers only Resources; Gatekeeper refuses that form".to_owned();
        all.push(finding("seal-is-weak", source, None, message, vec![seen(source, "no files2")]));
    }
    all
}

/// What lies where no seal covers it.
fn around(check: &SealCheck, evidence: &Evidence) -> Vec<Finding> {
    let (id, words) = if check.is_framework {
        ("unsealed-contents-in-framework-root", "a framework may hold only Versions and links into it")
    } else {
        ("unsealed-contents-in-bundle-root", "beside Contents nothing is sealed")
    };
    let mut all = Vec::new();
    for path in check.unsealed.iter().take(MAX_OF_A_KIND) {
        let path = path.to_string_lossy().into_owned();
        let is_current = check.is_framework && path.ends_with("Versions/Current");
        let message = if is_current {
            format!("{path} is no link to the framework's version (copies that do not keep links lose it)")
        } else {
            format!("{path} lies where no signature covers it: {words}")
        };
        all.push(finding(id, &path, None, message, Vec::new()));
    }
    if check.is_ambiguous {
        let path = check.bundle.to_string_lossy().into_owned();
        let name = evidence.name_of(&check.bundle);
        let message = format!("{name} holds its program or Info.plist twice: in its current version, and as a copy in its own folder");
        all.push(finding("bundle-layout-ambiguous", &path, None, message, Vec::new()));
    }
    all
}

/// A framework that lost `Versions/Current`. Security then takes its own folder for the bundle (`bundlediskrep.cpp setup`): with an Info.plist there that file is
/// the code, and not signed; without one the folder is no bundle at all. dyld does not care.
fn no_current(check: &SealCheck, evidence: &Evidence) -> Option<Finding> {
    if !check.lacks_current {
        return None;
    }
    let has_info = ["Resources/Info.plist", "Info.plist"].iter().any(|info| evidence.files.binary_search(&check.bundle.join(info)).is_ok());
    let path = check.bundle.join("Versions/Current").to_string_lossy().into_owned();
    let words = if has_info { "only an Info.plist that is not signed" } else { "no bundle" };
    let message = format!(
        "{path} leads to no version (copies that do not keep links lose it): codesign sees {words} in the framework, whatever {} holds",
        check.base.to_string_lossy()
    );
    let found = finding("framework-without-current-version", &path, None, message, Vec::new());
    Some(if has_info { Finding { code: Some(-67062), ..found } } else { found })
}
