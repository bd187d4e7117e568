//! Signing order and argument lists. Pure.
//!
//! A code object is a bundle (when its main executable is meant) or a bare Mach-O. Signing one changes its hashes, so everything that contains it must be
//! signed after it: deepest first, never `--deep`, which would give one set of entitlements to everything (Apple, "Creating distribution-signed code for
//! macOS": sign from the inside out).

use crate::evidence::{Bundle, Evidence, Image, TargetKind};
use crate::read::cms::SignerKind;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

mod argv;
mod quote;

pub use quote::{command_line, command_line_exact, quote, quote_exact};

/// Stands for an identity that the signature does not tell.
pub const PLACEHOLDER: &str = "Developer ID Application: YOUR NAME (TEAMID)";

/// One code object to sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignStep {
    /// Object, relative to the target (a bundle folder or a bare Mach-O); empty for the target itself.
    pub object: PathBuf,
    /// Argument list, the signing program first; what is not UTF-8 is shown as U+FFFD.
    pub argv: Vec<String>,
    /// The same, byte for byte: what is run.
    pub exact: Vec<OsString>,
    /// The entitlements file it uses, if any.
    pub entitlements: Option<PathBuf>,
    /// Why it is signed, in a few words ("library of another team", "holds a changed object").
    pub why: String,
}

/// The program that signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signer {
    /// Apple's; on a Mac.
    #[default]
    Codesign,
    /// Of the crate apple-codesign; anywhere.
    Rcodesign,
}

impl Signer {
    /// Name of the program.
    pub fn program(self) -> &'static str {
        match self {
            Signer::Codesign => "codesign",
            Signer::Rcodesign => "rcodesign",
        }
    }
}

/// With whose identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Who {
    /// The one the app is signed with now.
    #[default]
    InUse,
    /// Nobody's: for an experiment on this machine.
    AdHoc,
    /// One of the keychain, by name or hash.
    Named(String),
    /// One of the keychain, by the hash of its certificate, since its name fits more than one.
    Hash {
        /// SHA-1 of the certificate, forty hexadecimal digits.
        hash: String,
        /// Name of the certificate.
        name: String,
    },
    /// Certificate and key in a PKCS #12 file.
    P12(PathBuf),
}

/// How the user wants it signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signing {
    /// Program.
    pub signer: Signer,
    /// Identity.
    pub who: Who,
    /// Without the runtime flag: an ad hoc signature has no team, so with the flag library validation refuses the app's own libraries.
    pub no_runtime: bool,
    /// Without asking a timestamp server: for a machine without network. The notary refuses such a signature.
    pub no_timestamp: bool,
}

/// What is to be signed, and what about it differs from the present signatures.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Executables (relative) with the entitlements file they are signed with.
    pub changed: Vec<(PathBuf, PathBuf)>,
    /// Objects or Mach-O files (relative) to sign as they are.
    pub also: Vec<PathBuf>,
    /// Runtime flag of executables: on, off, or as it is.
    pub runtime: Option<bool>,
    /// With a Developer ID, whoever signed before.
    pub distribution: bool,
    /// Every code object of the target.
    pub everything: bool,
    /// Program, identity, flag, as the user wants them.
    pub signing: Signing,
}

impl Job {
    /// Runtime flag of executables: what the user wants counts before what the remedy asks.
    fn runtime(&self) -> Option<bool> {
        if self.signing.no_runtime { Some(false) } else { self.runtime }
    }

    /// Another identity than the present one: nested code that kept its own would be refused by library validation.
    fn changes_identity(&self, evidence: &Evidence) -> bool {
        let now = Identity::of(evidence, self.distribution);
        let new = Identity::for_job(evidence, self);
        self.signing.who != Who::InUse && (new.ad_hoc, &new.name) != (now.ad_hoc, &now.name)
    }
}

/// Commands that sign the objects that must be signed again, inside out; never `--deep`. `changed`: relative paths whose entitlements file is given (path of the
/// file to use). `also`: objects that must be signed anew (a library of another team). Everything that contains a changed object follows.
pub fn plan(evidence: &Evidence, changed: &[(PathBuf, PathBuf)], also: &[PathBuf]) -> Vec<SignStep> {
    steps(evidence, &Job { changed: changed.to_vec(), also: also.to_vec(), ..Job::default() })
}

/// Like [`plan`], with all that a remedy can ask of the signing. Empty when there is no target.
pub fn steps(evidence: &Evidence, job: &Job) -> Vec<SignStep> {
    if evidence.target.kind == TargetKind::None {
        return Vec::new();
    }
    let identity = Identity::for_job(evidence, job);
    let mut objects: Vec<(PathBuf, Reason)> = reasons(evidence, job).into_iter().collect();
    // A container has fewer components than what it contains, so the deepest come first.
    objects.sort_by_key(|(object, _)| (std::cmp::Reverse(object.components().count()), object.clone()));
    objects.into_iter().map(|(object, reason)| argv::step(evidence, job, &identity, object, reason)).collect()
}

/// Why an object is signed; an earlier reason is the better one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// New entitlements, from this file.
    Entitlements(PathBuf),
    /// It was asked for.
    Asked,
    /// Everything is signed again.
    Everything,
    /// It holds an object that is signed again.
    Holds,
}

/// The objects with their reasons.
fn reasons(evidence: &Evidence, job: &Job) -> BTreeMap<PathBuf, Reason> {
    let mut reasons = BTreeMap::new();
    let mut add = |object: PathBuf, reason: Reason| {
        let entry = reasons.entry(object).or_insert_with(|| reason.clone());
        if reason < *entry {
            *entry = reason;
        }
    };
    for (executable, file) in &job.changed {
        add(object_of(evidence, executable), Reason::Entitlements(file.clone()));
    }
    for path in &job.also {
        add(object_of(evidence, path), Reason::Asked);
    }
    if job.everything || job.changes_identity(evidence) {
        evidence.images.iter().for_each(|image| add(object_of(evidence, &image.path), Reason::Everything));
        evidence.bundles.iter().filter(|bundle| is_code(bundle)).for_each(|bundle| add(bundle.path.clone(), Reason::Everything));
    }
    let signed: Vec<PathBuf> = reasons.keys().cloned().collect();
    for object in signed {
        for bundle in evidence.bundles.iter().filter(|bundle| is_code(bundle) && contains(&bundle.path, &object)) {
            reasons.entry(bundle.path.clone()).or_insert(Reason::Holds);
        }
    }
    reasons
}

/// A bundle that has a signature of its own: one with code, or with a seal. A folder without bundle structure has none.
fn is_code(bundle: &Bundle) -> bool {
    let bundle_kind = !matches!(bundle.kind, TargetKind::Folder | TargetKind::MachO | TargetKind::Script | TargetKind::None);
    bundle_kind && (bundle.executable.is_some() || bundle.has_seal)
}

fn contains(container: &Path, object: &Path) -> bool {
    container != object && object.starts_with(container)
}

/// The code object a path belongs to: the bundle whose main executable it is, else the path itself.
pub fn object_of(evidence: &Evidence, path: &Path) -> PathBuf {
    let main = evidence.images_at(path).find_map(|image| image.main_of).and_then(|index| evidence.bundles.get(index));
    let main = main.or_else(|| evidence.bundles.iter().find(|bundle| bundle.executable.as_deref() == Some(path)));
    main.filter(|bundle| is_code(bundle)).map_or_else(|| path.to_path_buf(), |bundle| bundle.path.clone())
}

/// The slices of an object's main executable, or of the bare Mach-O.
fn images_of<'a>(evidence: &'a Evidence, object: &Path) -> Vec<&'a Image> {
    let bundle = evidence.bundles.iter().find(|bundle| bundle.path == object && is_code(bundle));
    let executable = bundle.and_then(|bundle| bundle.executable.as_deref()).unwrap_or(object);
    evidence.images_at(executable).collect()
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the certificate.
    pub name: String,
    /// For `--sign`, when it is not the name.
    pub hash: Option<String>,
    /// `-`: ad hoc.
    pub ad_hoc: bool,
    /// The signature names it; false for [`PLACEHOLDER`].
    pub known: bool,
}

impl Identity {
    /// The identity of a job: the user's choice, or the present one.
    pub fn for_job(evidence: &Evidence, job: &Job) -> Self {
        let named = |name: String| Self { ad_hoc: name == "-", name, hash: None, known: true };
        match &job.signing.who {
            Who::InUse => Self::of(evidence, job.distribution),
            Who::AdHoc => named("-".into()),
            Who::Named(name) => named(name.clone()),
            Who::Hash { hash, name } => Self { name: name.clone(), hash: Some(hash.clone()), ad_hoc: false, known: true },
            // A path is no name: a signature by it is never taken for one that is there.
            Who::P12(path) => Self { name: path.to_string_lossy().into_owned(), hash: None, ad_hoc: false, known: true },
        }
    }

    /// The identity that the target's main executable is signed with now, or that of its first executable. The placeholder when there is none that its owner
    /// could have (unsigned, Apple, App Store), or when `distribution` asks for a Developer ID and it is another.
    pub fn of(evidence: &Evidence, distribution: bool) -> Self {
        let placeholder = Self { name: PLACEHOLDER.into(), hash: None, ad_hoc: false, known: false };
        let image = evidence.main_images().next().or_else(|| evidence.executables().next()).or_else(|| evidence.images.first());
        let Some(signer) = image.and_then(Image::facts).map(|facts| &facts.signer) else { return placeholder };
        let owned = match signer.kind {
            SignerKind::DeveloperId => true,
            SignerKind::AppleDevelopment | SignerKind::AppleDistribution | SignerKind::SelfSigned | SignerKind::Other => !distribution,
            SignerKind::AdHoc | SignerKind::LinkerSigned if !distribution => {
                return Self { name: "-".into(), hash: None, ad_hoc: true, known: true };
            }
            _ => false,
        };
        // `-` as a certificate's name would turn the command into an ad hoc one.
        match signer.name.as_deref().filter(|name| owned && !name.trim().is_empty() && !name.starts_with('-')) {
            Some(name) => Self { name: name.to_owned(), hash: None, ad_hoc: false, known: true },
            None => placeholder,
        }
    }

    /// What `--sign` gets.
    pub fn argument(&self) -> &str {
        self.hash.as_deref().unwrap_or(&self.name)
    }
}

fn why(evidence: &Evidence, reason: &Reason, images: &[&Image], identity: &Identity) -> String {
    let unsigned = images.iter().any(|image| image.facts().is_none());
    let team = evidence.team();
    let foreign = images.iter().any(|image| image.team().is_some() && image.team() != team);
    match reason {
        Reason::Entitlements(_) => "its entitlements change",
        Reason::Holds => "holds a changed object",
        _ if unsigned => "not signed",
        _ if foreign => "signed by another team",
        _ if !identity.ad_hoc && !images.is_empty() && images.iter().all(|image| image.team().is_none()) => "signed without a team",
        Reason::Asked => "must be signed again",
        Reason::Everything => "everything is signed with one identity",
    }
    .into()
}

/// The folder that the commands are written for: the one that holds the target, as the user named it; empty for the current folder.
pub fn folder(evidence: &Evidence) -> PathBuf {
    let parent = evidence.target.path.parent().unwrap_or(Path::new(""));
    parent.components().filter(|component| *component != std::path::Component::CurDir).collect()
}

/// The object as seen from the folder that holds the target: `Demo.app/Contents/Frameworks/X.dylib`.
pub fn from_outside(evidence: &Evidence, object: &Path) -> PathBuf {
    let target = &evidence.target;
    if target.kind == TargetKind::MachO {
        return object.to_path_buf();
    }
    let base = target.path.file_name().or_else(|| target.root.file_name()).map_or_else(|| target.path.clone(), PathBuf::from);
    if object.as_os_str().is_empty() { base } else { base.join(object) }
}

/// A path as an argument: one that begins with a dash gets `./`, so that it is no option. Bytes that are not UTF-8 are shown as U+FFFD.
pub fn operand(path: &Path) -> String {
    exact_operand(path).to_string_lossy().into_owned()
}

/// Like [`operand`], byte for byte.
pub fn exact_operand(path: &Path) -> OsString {
    let dash = path.as_os_str().as_encoded_bytes().starts_with(b"-");
    let mut operand = OsString::from(if dash { "./" } else { "" });
    operand.push(path);
    operand
}

#[cfg(test)]
mod tests;
