//! Signing order and argument lists. Pure.
//!
//! A code object is a bundle (when its main executable is meant) or a bare Mach-O. Signing one changes its hashes, so everything that contains it must be
//! signed after it: deepest first, never `--deep`, which would give one set of entitlements to everything (Apple, "Creating distribution-signed code for
//! macOS": sign from the inside out).

use crate::evidence::{Bundle, Evidence, Image, TargetKind};
use crate::read::cms::SignerKind;
use crate::read::signature::CodeSignatureFlags;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stands for an identity that the signature does not tell.
pub const PLACEHOLDER: &str = "Developer ID Application: YOUR NAME (TEAMID)";

/// One code object to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignStep {
    /// Object, relative to the target (a bundle folder or a bare Mach-O); empty for the target itself.
    pub object: PathBuf,
    /// Argument list, `codesign` first.
    pub argv: Vec<String>,
    /// The entitlements file it uses, if any.
    pub entitlements: Option<PathBuf>,
    /// Why it is signed, in a few words ("library of another team", "holds a changed object").
    pub why: String,
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
    let identity = Identity::of(evidence, job.distribution);
    let mut objects: Vec<(PathBuf, Reason)> = reasons(evidence, job).into_iter().collect();
    // A container has fewer components than what it contains, so the deepest come first.
    objects.sort_by_key(|(object, _)| (std::cmp::Reverse(object.components().count()), object.clone()));
    objects.into_iter().map(|(object, reason)| step(evidence, job, &identity, object, reason)).collect()
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
    if job.everything {
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
    evidence.images.iter().filter(|image| image.path == executable).collect()
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// For `--sign`.
    pub name: String,
    /// `-`: ad hoc.
    pub ad_hoc: bool,
    /// The signature names it; false for [`PLACEHOLDER`].
    pub known: bool,
}

impl Identity {
    /// The identity that the target's main executable is signed with now, or that of its first executable. The placeholder when there is none that its owner
    /// could have (unsigned, Apple, App Store), or when `distribution` asks for a Developer ID and it is another.
    pub fn of(evidence: &Evidence, distribution: bool) -> Self {
        let placeholder = Self { name: PLACEHOLDER.into(), ad_hoc: false, known: false };
        let image = evidence.main_images().next().or_else(|| evidence.executables().next()).or_else(|| evidence.images.first());
        let Some(signer) = image.and_then(Image::facts).map(|facts| &facts.signer) else { return placeholder };
        let owned = match signer.kind {
            SignerKind::DeveloperId => true,
            SignerKind::AppleDevelopment | SignerKind::AppleDistribution | SignerKind::SelfSigned | SignerKind::Other => !distribution,
            SignerKind::AdHoc | SignerKind::LinkerSigned if !distribution => {
                return Self { name: "-".into(), ad_hoc: true, known: true };
            }
            _ => false,
        };
        // `-` as a certificate's name would turn the command into an ad hoc one.
        match signer.name.as_deref().filter(|name| owned && !name.trim().is_empty() && !name.starts_with('-')) {
            Some(name) => Self { name: name.to_owned(), ad_hoc: false, known: true },
            None => placeholder,
        }
    }
}

fn step(evidence: &Evidence, job: &Job, identity: &Identity, object: PathBuf, reason: Reason) -> SignStep {
    let images = images_of(evidence, &object);
    let entitlements = match &reason {
        Reason::Entitlements(file) => Some(file.clone()),
        _ => None,
    };
    let preserved = if entitlements.is_none() {
        preserved(evidence, job, identity, &object, &images)
    } else {
        kept_identifier(evidence, &object, &images)
    };
    let mut argv: Vec<String> = vec!["codesign".into(), "--force".into()];
    if let Some(options) = options(evidence, job, &images, entitlements.is_some()) {
        argv.extend(["--options".into(), options]);
    }
    if !identity.ad_hoc {
        argv.push("--timestamp".into());
    }
    if let Some(file) = &entitlements {
        argv.extend(["--entitlements".into(), operand(file)]);
    }
    if !preserved.is_empty() {
        argv.push(format!("--preserve-metadata={}", preserved.join(",")));
    }
    argv.extend(["--sign".into(), identity.name.clone(), operand(&from_outside(evidence, &object))]);
    let why = why(evidence, &reason, &images, identity);
    SignStep { object, argv, entitlements, why }
}

/// The value of `--options`. With the same entitlements the other flags come from `--preserve-metadata=flags`; a flag that is named there replaces them all, so
/// they are named too.
fn options(evidence: &Evidence, job: &Job, images: &[&Image], new_entitlements: bool) -> Option<String> {
    let hardened_target = evidence.main_images().any(Image::is_hardened);
    let executable = images.iter().any(|image| image.is_executable());
    let runtime = match job.runtime {
        Some(on) => on && executable,
        None => images.iter().any(|image| image.is_hardened()) || (executable && hardened_target),
    };
    let present = images.iter().fold(0, |flags, image| flags | image.flags());
    let unchanged = runtime == (present & CodeSignatureFlags::RUNTIME != 0);
    let never = ["adhoc", "linker-signed", "host", "runtime", "???"];
    let mut names: Vec<&str> = CodeSignatureFlags(present).names().into_iter().filter(|name| !never.contains(name)).collect();
    if !runtime && unchanged && !new_entitlements {
        return None;
    }
    if runtime {
        names.insert(0, "runtime");
    }
    (!names.is_empty()).then(|| names.join(","))
}

/// What `--preserve-metadata` keeps of an object whose entitlements stay.
fn preserved(evidence: &Evidence, job: &Job, identity: &Identity, object: &Path, images: &[&Image]) -> Vec<&'static str> {
    let mut keep = kept_identifier(evidence, object, images);
    if !has_own_signature(images) {
        return keep;
    }
    keep.push("entitlements");
    if same_signer(images, identity) {
        // A requirement written for another signer would never be met again.
        keep.push("requirements");
    }
    if job.runtime != Some(false) {
        keep.push("flags");
    }
    keep
}

/// `identifier` for a bare Mach-O that was signed: `codesign` would take the file's name. A bundle has its CFBundleIdentifier.
fn kept_identifier(evidence: &Evidence, object: &Path, images: &[&Image]) -> Vec<&'static str> {
    let bundle = evidence.bundles.iter().any(|bundle| bundle.path == object && is_code(bundle));
    if bundle || !has_own_signature(images) { Vec::new() } else { vec!["identifier"] }
}

/// It was signed by somebody, not only by the linker.
fn has_own_signature(images: &[&Image]) -> bool {
    images.iter().filter_map(|image| image.facts()).any(|facts| facts.signer.kind != SignerKind::LinkerSigned)
}

fn same_signer(images: &[&Image], identity: &Identity) -> bool {
    let ours = |image: &&Image| {
        image.facts().is_some_and(|facts| {
            let ad_hoc = matches!(facts.signer.kind, SignerKind::AdHoc | SignerKind::LinkerSigned);
            if identity.ad_hoc { ad_hoc } else { facts.signer.name.as_deref() == Some(identity.name.as_str()) }
        })
    };
    !images.is_empty() && images.iter().all(ours)
}

fn why(evidence: &Evidence, reason: &Reason, images: &[&Image], identity: &Identity) -> String {
    let unsigned = images.iter().any(|image| image.facts().is_none());
    let team = evidence.main_images().find_map(Image::team);
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
    let text = path.to_string_lossy();
    if text.starts_with('-') { format!("./{text}") } else { text.into_owned() }
}

/// Quotes an argument for a shell so that it can be pasted: as it is when nothing in it is special, in POSIX single quotes, or as `$'…'` (bash and zsh) when it
/// holds control or invisible characters, which are then written as escapes.
pub fn quote(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_@%+:,./-=".contains(character);
    // zsh replaces a word that begins with `=` by a path.
    if !argument.is_empty() && !argument.starts_with('=') && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if !argument.chars().any(is_invisible) {
        return format!("'{}'", argument.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for character in argument.chars() {
        match character {
            '\\' => quoted.push_str(r"\\"),
            '\'' => quoted.push_str(r"\'"),
            '\n' => quoted.push_str(r"\n"),
            '\t' => quoted.push_str(r"\t"),
            '\r' => quoted.push_str(r"\r"),
            // Three octal digits: `\xHH` would swallow a hex digit that follows in some shells.
            character if is_invisible(character) || character == '!' => {
                character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| quoted.push_str(&format!("\\{byte:03o}")));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

/// Control characters, and the invisible ones that can make a line read otherwise than it is (zero width, direction).
fn is_invisible(character: char) -> bool {
    let invisible = ['\u{61c}', '\u{feff}', '\u{2028}', '\u{2029}'];
    character.is_control()
        || invisible.contains(&character)
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// A command line for pasting.
pub fn command_line(argv: &[String]) -> String {
    argv.iter().map(|a| quote(a)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
