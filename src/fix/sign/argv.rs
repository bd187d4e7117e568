//! Argument lists of both signing programs. What the fix does not change is said again, so that nobody has to know what a program keeps by itself.

use super::{Identity, Job, Reason, SignStep, Signer, Who, exact_operand, from_outside, images_of, why};
use crate::evidence::{Evidence, Image};
use crate::read::cms::SignerKind;
use crate::read::signature::CodeSignatureFlags;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) fn step(evidence: &Evidence, job: &Job, identity: &Identity, object: PathBuf, reason: Reason) -> SignStep {
    let images = images_of(evidence, &object);
    let entitlements = match &reason {
        Reason::Entitlements(file) => Some(file.clone()),
        _ => None,
    };
    let target = exact_operand(&from_outside(evidence, &object));
    let asked =
        Asked { job, identity, images: &images, options: options(evidence, job, &images), entitlements: entitlements.as_ref(), target };
    let exact = match job.signing.signer {
        Signer::Codesign => codesign(&asked),
        Signer::Rcodesign => rcodesign(&asked),
    };
    let argv = exact.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let why = why(evidence, &reason, &images, identity);
    SignStep { object, argv, exact, entitlements, why }
}

/// One signature.
struct Asked<'a> {
    job: &'a Job,
    identity: &'a Identity,
    /// Slices of what is signed.
    images: &'a [&'a Image],
    /// Names of flags.
    options: Vec<&'static str>,
    entitlements: Option<&'a PathBuf>,
    target: OsString,
}

fn codesign(asked: &Asked<'_>) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["codesign".into(), "--force".into()];
    if let Some(identifier) = identifier(asked.images) {
        argv.extend(["--identifier".into(), identifier.into()]);
    }
    if !asked.options.is_empty() {
        argv.extend(["--options".into(), asked.options.join(",").into()]);
    }
    if !asked.identity.ad_hoc {
        argv.push(if asked.job.signing.no_timestamp { "--timestamp=none" } else { "--timestamp" }.into());
    }
    if let Some(file) = asked.entitlements {
        argv.extend(["--entitlements".into(), exact_operand(file)]);
    }
    let preserved = preserved(asked);
    if !preserved.is_empty() {
        argv.push(format!("--preserve-metadata={}", preserved.join(",")).into());
    }
    argv.extend(["--sign".into(), asked.identity.argument().into(), asked.target.clone()]);
    argv
}

/// `rcodesign sign` (apple-codesign 0.29): keeps flags, entitlements and identifier of a file by itself when they are not named. `--shallow` keeps it from
/// signing what lies in a bundle with the same settings. The password comes in by standard input.
fn rcodesign(asked: &Asked<'_>) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["rcodesign".into(), "sign".into(), "--shallow".into()];
    match &asked.job.signing.who {
        Who::P12(file) => argv.extend(["--p12-file".into(), exact_operand(file), "--p12-password-file".into(), "/dev/stdin".into()]),
        _ if asked.identity.ad_hoc => {}
        _ => argv.extend(["--p12-file".into(), "YOUR-IDENTITY.p12".into()]),
    }
    if asked.job.signing.no_timestamp && !asked.identity.ad_hoc {
        argv.extend(["--timestamp-url".into(), "none".into()]);
    }
    if let Some(identifier) = identifier(asked.images) {
        argv.extend(["--binary-identifier".into(), scoped(identifier.into())]);
    }
    for option in &asked.options {
        let name = if *option == "library-validation" { "library" } else { option };
        argv.extend(["--code-signature-flags".into(), name.into()]);
    }
    if let Some(file) = asked.entitlements {
        argv.extend(["--entitlements-xml-file".into(), scoped(exact_operand(file))]);
    }
    argv.push(asked.target.clone());
    argv
}

/// A value with a colon would be read as a scope and a value.
fn scoped(value: OsString) -> OsString {
    if !value.as_encoded_bytes().contains(&b':') {
        return value;
    }
    let mut scoped = OsString::from("@main:");
    scoped.push(value);
    scoped
}

/// Names for `--options`: the flags that are there, the runtime as the job wants it.
fn options(evidence: &Evidence, job: &Job, images: &[&Image]) -> Vec<&'static str> {
    let hardened_target = evidence.main_images().any(Image::is_hardened);
    let executable = images.iter().any(|image| image.is_executable());
    let runtime = match job.runtime() {
        Some(on) => on && executable,
        None => images.iter().any(|image| image.is_hardened()) || (executable && hardened_target),
    };
    let present = images.iter().fold(0, |flags, image| flags | image.flags());
    let never = ["adhoc", "linker-signed", "host", "runtime", "???"];
    let mut names: Vec<&str> = CodeSignatureFlags(present).names().into_iter().filter(|name| !never.contains(name)).collect();
    if runtime {
        names.insert(0, "runtime");
    }
    names
}

/// The identifier that is signed now: `codesign` would take CFBundleIdentifier or the file's name. `None` when nobody signed it but the linker, which takes
/// the name of the output file.
fn identifier(images: &[&Image]) -> Option<String> {
    let facts = images.iter().filter_map(|image| image.facts()).find(|facts| facts.signer.kind != SignerKind::LinkerSigned)?;
    facts.signature.directory().map(|directory| directory.identifier.clone()).filter(|identifier| !identifier.is_empty())
}

/// What `--preserve-metadata` keeps: what has no option of its own that could say it again.
fn preserved(asked: &Asked<'_>) -> Vec<&'static str> {
    let mut keep = Vec::new();
    if identifier(asked.images).is_none() {
        return keep;
    }
    // Entitlements count on executables only; a library that has some is better without.
    if asked.entitlements.is_none() && asked.images.iter().any(|image| image.is_executable()) {
        keep.push("entitlements");
    }
    if same_signer(asked.images, asked.identity) {
        // A requirement written for another signer would never be met again.
        keep.push("requirements");
    }
    keep
}

fn same_signer(images: &[&Image], identity: &Identity) -> bool {
    let ours = |image: &&Image| {
        image.facts().is_some_and(|facts| {
            let ad_hoc = matches!(facts.signer.kind, SignerKind::AdHoc | SignerKind::LinkerSigned);
            // The requirement of an ad hoc signature is its own digest.
            !identity.ad_hoc && !ad_hoc && facts.signer.name.as_deref() == Some(identity.name.as_str())
        })
    };
    !images.is_empty() && images.iter().all(ours)
}
